"""Check the tables of an ontology, and make them of a user's own table of names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from sklearn_mnm._tools.frames import as_pandas, is_frame
from sklearn_mnm.exceptions import InvalidInputError

TERM_COLUMNS = ("id", "name", "aliases", "definition", "kind")
RELATION_COLUMNS = ("child", "parent", "relation")


def named_relations(table: Any, *, default: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the terms of a table of names and its relations, by ids: the names in lower case.

    Parameters
    ----------
    table : pandas or polars DataFrame
        Columns ``child`` and ``parent``, maybe ``relation``, and others.
    default : str
        Name of the relations if the table has none.

    Raises
    ------
    InvalidInputError
        If it is no such table, or a name is not text or empty.
    """
    if not is_frame(table):
        raise InvalidInputError(
            "table: expected a data frame with columns 'child' and 'parent', got "
            f"{type(table).__name__}."
        )
    table = as_pandas(table)
    check_columns(table, "table", ("child", "parent"))
    relations = table.reset_index(drop=True)
    names: dict[str, str] = {}
    for end in ("child", "parent"):
        ids = []
        for row, name in enumerate(relations[end]):
            if not isinstance(name, str) or not name.strip():
                raise InvalidInputError(
                    f"table: {end} of row {row} is {name!r}; give the name of a term."
                )
            ids.append(folded(name))
            names.setdefault(ids[-1], " ".join(name.split()))
        relations[end] = pd.Series(ids, dtype=object)
    if "relation" not in relations:
        relations["relation"] = default
    for row, relation in enumerate(relations["relation"]):
        if not isinstance(relation, str):
            raise InvalidInputError(
                f"table: relation of row {row} is {relation!r}; give its name, such as {default!r}."
            )
    others = [column for column in relations if column not in RELATION_COLUMNS]
    terms = pd.DataFrame(
        [(term_id, name, (), "", "") for term_id, name in names.items()],
        columns=list(TERM_COLUMNS),
    )
    return terms, relations[[*RELATION_COLUMNS, *others]]


def folded(name: str) -> str:
    """Return a name without its case and without spaces that do not separate words."""
    return " ".join(name.lower().split())


def check_columns(table: Any, name: str, required: Sequence[str]) -> None:
    """Raise InvalidInputError if `table` is no data frame of pandas or lacks a column."""
    if not isinstance(table, pd.DataFrame):
        raise InvalidInputError(f"{name}: expected a data frame, got {type(table).__name__}.")
    missing = [column for column in required if column not in table]
    if missing:
        raise InvalidInputError(f"{name}: missing column(s) {missing}; it has {list(table)}.")
