"""Rows and columns that carry names are brought to the order of others by these."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sklearn_mnm._tools.frames import as_pandas, is_frame
from sklearn_mnm.exceptions import DataFormatError


def in_order_of(ids: np.ndarray, values: Any, name: str) -> Any:
    """Bring a table or Series to the order of studies, if it carries their ids.

    Parameters
    ----------
    ids : ndarray of str, shape (n_studies,)
        Unique.
    values : object
        A table with a column ``id``, or a table or Series whose index holds strings or has a
        name, carries ids. Anything else comes back as it is, as do ids that are all unknown.
    name : str
        Of the argument.

    Raises
    ------
    DataFormatError
        If some of the ids are those of the studies and others are not.
    """
    own = _ids_of(values)
    if own is None or np.array_equal(own, ids):
        return values
    positions = pd.Index(own).get_indexer(ids) if len(set(own)) == len(own) else None
    if positions is None or (positions < 0).all():
        return values
    if (positions < 0).any() or len(own) != len(ids):
        known, others = set(map(str, ids)), set(map(str, own))
        lacking = sorted(others - known) or sorted(known - others)
        raise DataFormatError(
            f"{name}: its ids are not those of the {len(ids)} studies; {len(lacking)} are in one "
            f"of them only, e.g. {lacking[0]!r}. Give a row for each study, or no ids."
        )
    return as_pandas(values).iloc[positions]


def named_counts(counts: Any, vocabulary: Any) -> tuple[Any, Any]:
    """Bring columns of a table of counts to the order of a vocabulary, or take it from them.

    Parameters
    ----------
    counts : object
        Of a table whose columns are all strings.
    vocabulary : array-like of str or None

    Returns
    -------
    counts, vocabulary
        As given where `counts` is no such table.

    Raises
    ------
    DataFormatError
        If the terms are not those of the columns.
    """
    if not is_frame(counts) or not all(isinstance(column, str) for column in counts.columns):
        return counts, vocabulary
    table = as_pandas(counts)
    columns = [str(column) for column in table.columns]
    if vocabulary is None:
        return table, columns
    terms = [str(term) for term in vocabulary]
    if terms != columns and len(terms) == len(columns):
        lacking = [term for term in terms if term not in set(columns)]
        if lacking:
            raise DataFormatError(
                f"vocabulary: {len(lacking)} of {len(terms)} terms are no columns of counts, e.g. "
                f"{lacking[0]!r}. Give counts without names of columns, or their names."
            )
        table = table[terms]
    return table, vocabulary


def _ids_of(values: Any) -> np.ndarray | None:
    if is_frame(values) and "id" in values.columns:
        return np.asarray(as_pandas(values)["id"].astype(str), dtype=str)
    if not isinstance(values, pd.Series | pd.DataFrame):
        return None
    index = values.index
    if isinstance(index, pd.RangeIndex | pd.MultiIndex):
        return None
    if index.name is None and index.dtype.kind in "iuf":
        return None
    return np.asarray(index.astype(str), dtype=str)
