"""Medical Subject Headings (MeSH) and their tree."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from sklearn_mnm.exceptions import DataFormatError
from sklearn_mnm.text._tables import read_strings
from sklearn_mnm.text.ontology import Ontology, warn_of

_NUMBER = r"[A-Z]\d\d(?:\.\d+)*"
_COLUMNS = ["tree_number", "heading"]
_REMEDY = "give a table with columns tree_number and heading, or NLM's mtrees file"


def load_mesh_tree(path: str | Path) -> Ontology:
    """Load Medical Subject Headings with the tree that their tree numbers make.

    The number "F02.463.425.540" stands below "F02.463.425". A heading with several numbers is one
    term with several parents.

    Parameters
    ----------
    path : str or pathlib.Path
        Table separated by tabs with the columns ``tree_number`` and ``heading``, or the file
        ``mtrees<year>.bin`` of the U.S. National Library of Medicine (lines "heading;number").

    Returns
    -------
    ontology : Ontology
        A term per heading, whose id is the heading, with a column ``tree_numbers`` (tuple of str);
        relations ``"narrower_than"``, with ``tree_number``, that of the child. Inverted headings
        are also known by their words in order: "Memory, Short-Term" by "Short-Term Memory". A
        heading whose number has its parent not in the file is a root there.

    Raises
    ------
    DataFormatError
        If the file cannot be read, lacks a column, or holds no heading.

    Warns
    -----
    DataWarning
        Once, with counts: rows that are left out, as their tree number is none or that of another
        row, or their heading is empty or a tree number; circles of relations.

    References
    ----------
    Lipscomb (2000), "Medical Subject Headings (MeSH)", Bulletin of the Medical Library
    Association 88(3):265-266.

    Examples
    --------
    >>> from sklearn_mnm.text import load_mesh_tree
    >>> mesh = load_mesh_tree("mtrees2024.bin")  # doctest: +SKIP
    >>> mesh.ancestors("Short-Term Memory")["name"].tolist()  # doctest: +SKIP
    ['Memory', 'Mental Processes', 'Psychological Phenomena']
    """
    table = _read(Path(path))
    notes = []
    for what, is_at_fault in (
        ("no tree number", lambda rows: ~rows["tree_number"].str.fullmatch(_NUMBER)),
        ("no heading", lambda rows: rows["heading"].eq("")),
        ("a tree number for a heading", lambda rows: rows["heading"].str.fullmatch(_NUMBER)),
        ("the tree number of another row", lambda rows: rows["tree_number"].duplicated()),
    ):
        left_out = is_at_fault(table).astype(bool)
        if left_out.any():
            notes.append(f"{int(left_out.sum())} rows of {Path(path).name} have {what}")
        table = table[~left_out]
    if table.empty:
        raise DataFormatError(f"{path}: holds no heading with a tree number; {_REMEDY}.")

    numbers = table.groupby("heading", sort=True)["tree_number"].agg(tuple)
    terms = pd.DataFrame(
        {
            "id": numbers.index,
            "name": numbers.index,
            "aliases": [_in_order(heading) for heading in numbers.index],
            "definition": "",
            "kind": "heading",
            "tree_numbers": numbers.to_list(),
        }
    )
    heading_of = table.set_index("tree_number")["heading"]
    relations = pd.DataFrame(
        {
            "child": table["heading"],
            "parent": table["tree_number"].str.rpartition(".")[0].map(heading_of),
            "relation": "narrower_than",
            "tree_number": table["tree_number"],
        }
    )
    mesh = Ontology(terms, relations.dropna(subset="parent").reset_index(drop=True))
    warn_of(mesh, notes)
    return mesh


def _read(path: Path) -> pd.DataFrame:
    """Return tree numbers and headings of either form."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise DataFormatError(f"{path}: cannot be read as text ({error}); {_REMEDY}.") from error
    if lines and "\t" in lines[0]:
        return read_strings(path, _COLUMNS, separator="\t", remedy=_REMEDY)[_COLUMNS]
    parts = [line.rpartition(";") for line in lines if line.strip()]
    rows = [(number.strip(), heading.strip()) for heading, _, number in parts]
    return pd.DataFrame(rows, columns=_COLUMNS, dtype=str)


def _in_order(heading: str) -> tuple[str, ...]:
    """Return the words of an inverted heading, such as "Sleep, REM", in order."""
    words = heading.split(", ")
    return (f"{words[1]} {words[0]}",) if len(words) == 2 else ()
