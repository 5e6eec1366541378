"""Texts, maps, groups and weights that carry the ids of their studies are paired by these."""

import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sklearn_mnm._tools.frames import as_pandas, is_frame
from sklearn_mnm.brain._peak_frames import are_coordinates
from sklearn_mnm.datasets.nimare_import import from_nimare, is_bunch
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.exceptions import DataWarning, InvalidInputError

# Ids that a message names.
_SHOWN = 3
_WITHOUT = (
    "If rows are to be paired in their order, as permutation_test_score shuffles them, give what "
    "has no ids: studies.coordinates for the peaks of a Studies, to_numpy() of a table."
)


class _Ids(NamedTuple):
    """Ids of rows; `are_certain` unless they are numbers of an index without a name."""

    values: np.ndarray
    are_certain: bool


def paired(
    X: Any, y: Any = None, groups: Any = None, sample_weight: Any = None
) -> tuple[Any, Any, Any, Any]:
    """Bring maps, texts, groups and weights to the order of `X`, by ids where both have some.

    Ids are those of a Studies, of a column ``id``, and of an index of strings or with a name. An
    index of numbers without a name is one of ids only if the numbers are those of the other.

    Parameters
    ----------
    X, y : texts and maps, in either order, of any form
        `y` may be None. A Bunch of NiMARE becomes a Studies.
    groups, sample_weight : array-like, Series, table with a column ``id``, Studies or None

    Returns
    -------
    X, y, groups, sample_weight
        Rows of `y` and of the others in the order of `X`; what carries no ids as it is.

    Raises
    ------
    InvalidInputError
        If ids differ, or are to be matched and occur more than once.

    Warns
    -----
    DataWarning
        If the rows of one Studies are brought to the order of another.
    """
    X, y = (_without_nimare(part) for part in (X, y))
    if isinstance(groups, Studies):
        groups = pd.Series(groups.groups, index=groups.ids)
    groups, sample_weight = by_id(groups), by_id(sample_weight)
    reference, own, name = _ids_of(X), _ids_of(y), "X"
    if reference is None:
        reference, name = own, "y"
    elif y is not X:
        _warn_of_order(X, y)
        y = _in_order_of(reference, y, "X", "y")
        if not reference.are_certain and own is not None and own.are_certain:
            # Numbers are ids if those of the other are the same.
            confirmed = _Ids(reference.values, True)
            reference, name = (confirmed, "X") if _same(reference, own) else (own, "y")
    if reference is None:
        return X, y, groups, sample_weight
    groups = _in_order_of(reference, groups, name, "groups")
    return X, y, groups, _in_order_of(reference, sample_weight, name, "sample_weight")


def by_id(values: Any) -> Any:
    """Turn a table with a column ``id`` into one with these as its index; other values stay.

    A single column beside it becomes a Series. Tables of peaks stay as they are.
    """
    if not is_frame(values) or "id" not in values.columns or are_coordinates(values):
        return values
    table = as_pandas(values)
    ids = table["id"].astype(str)
    if len(table.columns) < 2 or ids.duplicated().any():
        return values
    if len(table) == 1 and pd.api.types.is_numeric_dtype(table["id"]):
        return values  # as likely the count of a term "id"
    table = table.drop(columns="id").set_axis(pd.Index(ids, name="id"), axis=0)
    return table.iloc[:, 0] if len(table.columns) == 1 else table


def _without_nimare(values: Any) -> Any:
    """Turn a Bunch of NiMARE into a Studies, and refuse a Studyset, whose rows are to be chosen."""
    if hasattr(values, "to_nimads"):
        raise InvalidInputError(
            "A Studyset of NiMARE was given. Say what a row is: "
            "sklearn_mnm.datasets.from_nimare(studyset, level='study'), or 'contrast'."
        )
    return from_nimare(values) if is_bunch(values) else by_id(values)


def _ids_of(values: Any) -> _Ids | None:
    if isinstance(values, Studies):
        return _Ids(values.ids.astype(str), True)
    if is_frame(values) and are_coordinates(values):
        if "id" not in values.columns:
            return None
        return _Ids(np.asarray(pd.unique(as_pandas(values)["id"].astype(str)), dtype=str), True)
    if not isinstance(values, pd.Series | pd.DataFrame):
        return None
    index = values.index
    if isinstance(index, pd.RangeIndex | pd.MultiIndex):
        return None
    if index.dtype.kind == "f" and (index == index.astype("int64", copy=False)).all():
        index = index.astype("int64")
    is_certain = index.name is not None or index.dtype.kind not in "iuf"
    return _Ids(np.asarray(index.astype(str), dtype=str), is_certain)


def _same(one: _Ids, other: _Ids | None) -> bool:
    """Whether both name the same studies."""
    return (
        other is not None
        and len(one.values) == len(other.values)
        and set(one.values) == set(other.values)
    )


def _in_order_of(reference: _Ids, values: Any, of: str, name: str) -> Any:
    """Return the rows of `values` in the order of the reference, as they are without ids."""
    own = _ids_of(values)
    if own is None or np.array_equal(own.values, reference.values):
        return values
    if not _same(reference, own):
        if reference.are_certain and own.are_certain:
            raise InvalidInputError(_difference(reference.values, own.values, of, name))
        return values
    if not (reference.are_certain or own.are_certain):
        return values
    if len(set(own.values)) < len(own.values):
        raise InvalidInputError(
            f"{name}: its ids occur more than once and are in another order than those of {of}, so "
            f"rows cannot be paired by them. {_WITHOUT}"
        )
    order = pd.Index(own.values).get_indexer(reference.values)
    if is_frame(values) and are_coordinates(values):
        table = as_pandas(values)
        rank = pd.Index(reference.values).get_indexer(table["id"].astype(str))
        return table.iloc[np.argsort(rank, kind="stable")]
    return values[order] if isinstance(values, Studies) else values.iloc[order]


def _difference(reference: np.ndarray, own: np.ndarray, of: str, name: str) -> str:
    """Say which ids one has and the other has not."""
    parts = []
    for here, there, one, other in ((reference, own, of, name), (own, reference, name, of)):
        lacking = [str(value) for value in here if value not in set(there)]
        if lacking:
            shown = ", ".join(map(repr, lacking[:_SHOWN])) + (", ..." if lacking[_SHOWN:] else "")
            parts.append(f"{len(lacking)} of {len(here)} ids of {one} are not in {other}: {shown}")
    if not parts:
        parts.append(f"{name} has {len(own)} ids and {of} has {len(reference)}")
    return (
        f"{of} and {name} are of different ids. {'; '.join(parts)}. Give the same studies, e.g. "
        f"studies.select(ids=...); a Studies also holds those without peaks. {_WITHOUT}"
    )


def _warn_of_order(X: Any, y: Any) -> None:
    if not (isinstance(X, Studies) and isinstance(y, Studies)) or np.array_equal(X.ids, y.ids):
        return
    if set(X.ids) == set(y.ids):
        warnings.warn(
            f"y has the studies of X in another order; they are paired by id. {_WITHOUT}",
            DataWarning,
            stacklevel=4,
        )
