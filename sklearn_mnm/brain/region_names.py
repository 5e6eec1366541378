"""Names of the regions of an atlas, matched to its labels by their values."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sklearn_mnm.exceptions import DataFormatError, InvalidInputError

# What the background is called in the lists of names of atlases.
_BACKGROUND = {
    *("background", "bg", "unknown", "clear label", "???", "*", "0", "", "none"),
    *("outside", "exterior", "unlabeled", "unlabelled", "no label", "no region"),
}
# Columns of look-up tables: of nilearn and BIDS, of FreeSurfer, of tables made by hand.
_VALUES = ("index", "label_value", "value", "label_id", "id", "roi", "no", "no.", "idx", "label")
_NAMES = (
    *("name", "region", "label_name", "label name", "labelname", "region_name", "roi_name"),
    *("difumo_names", "structure", "label", "labels", "abbreviation"),
)


def names_of_labels(names: Any, values: np.ndarray, background: float) -> list[str]:
    """Name each label of an atlas.

    Parameters
    ----------
    names : None, sequence of str, dict, Series, DataFrame, or path
        A dict from label value to name, a Series with these as index, and a table with a column
        of values (``index``) and one of names (``name``), or the path of one, also of
        FreeSurfer's form, are matched by value. A sequence has one name per label, in the order
        of their values; one of the background may be among them, in its place.
    values : ndarray of shape (n_labels,)
        Label values, ascending, without the background.
    background : float
        Its value.

    Returns
    -------
    names : list of str of length n_labels
        ``"region_<label value>"`` if `names` is None.

    Raises
    ------
    InvalidInputError
        If labels have no name, or there are not as many names as labels.
    DataFormatError
        If a file of names cannot be read.
    """
    if names is None or (not isinstance(names, PathLike) and len(names) == 0):
        return [f"region_{value:.0f}" for value in values]
    table = _by_value(names)
    if table is not None:
        missing = [f"{value:.0f}" for value in values if float(value) not in table]
        if missing:
            raise InvalidInputError(
                f"{len(missing)} of {len(values)} labels of the atlas have no name: "
                f"{_shortened(missing)}; names are given of {_shortened(_plain(table))}. Name each "
                "label value, region_names={value: name, ...}."
            )
        return [table[float(value)] for value in values]
    if isinstance(names, pd.DataFrame):
        names = names[_column(names, _NAMES)]
    place = int(np.searchsorted(values, background))
    given = _without_background([_text(name) for name in names], place)
    if len(given) != len(values):
        raise InvalidInputError(
            f"There are {len(given)} region names for {len(values)} regions of the atlas, whose "
            f"labels are {_shortened([f'{value:.0f}' for value in values])}. Give one name per "
            "label, in the order of label values, or name them by value, "
            "region_names={value: name, ...}."
        )
    return given


def names_of_maps(names: Any, n_maps: int) -> list[str]:
    """Name each map of a probabilistic atlas.

    Parameters
    ----------
    names : None, sequence of str, dict, or DataFrame
        In the order of the maps; a leading name of the background is left out. A dict or table
        numbers them from 0 or from 1, all of them.
    n_maps : int

    Returns
    -------
    names : list of str of length n_maps
        ``"region_<position, from 1>"`` if `names` is None.

    Raises
    ------
    InvalidInputError
        If there are not as many names as maps.
    """
    if names is None or len(names) == 0:
        return [f"region_{position + 1}" for position in range(n_maps)]
    table = _by_value(names)
    if table is not None:
        order = sorted(table)
        given = [table[value] for value in order]
        is_numbered = len(order) < 2 or bool((np.diff(order) == 1).all())
        given = _without_background(given, 0)
        if not is_numbered:
            given = []
    elif isinstance(names, pd.DataFrame):
        given = [_text(name) for name in names[_column(names, _NAMES)]]
    else:
        given = _without_background([_text(name) for name in names], 0)
    if len(given) != n_maps:
        raise InvalidInputError(
            f"There are {len(given)} region names for {n_maps} regions of the atlas. Give one name "
            "per map, in their order."
        )
    return given


def plain_names(names: Any) -> list[str] | dict[str, str] | None:
    """Give names of regions in a form that can be stored, of the same meaning.

    Parameters
    ----------
    names : None, sequence of str, dict, Series, DataFrame, or path
        As for :func:`names_of_labels`.

    Returns
    -------
    names : list of str, dict or None
        A dict from label value, as a string, to name where they come with values.
    """
    if names is None:
        return None
    table = _by_value(names)
    if table is not None:
        return {f"{value:.0f}": name for value, name in table.items()}
    if isinstance(names, pd.DataFrame):
        names = names[_column(names, _NAMES)]
    return [_text(name) for name in names]


def _by_value(names: Any) -> dict[float, str] | None:
    """Names by label value, None if they come without values."""
    if isinstance(names, str | PathLike):
        names = _read_table(Path(names))
    if isinstance(names, pd.Series):
        if not _are_values(names.index):
            return None
        names = dict(zip(names.index.tolist(), names.tolist(), strict=True))
    if isinstance(names, pd.DataFrame):
        column = _column(names, _NAMES)
        values: Any = None
        for name in names.columns:
            known = str(name).strip().lower() in _VALUES and name != column
            if known and _are_numbers(names[name]):
                values = names[name]
                break
        if values is None and _are_values(names.index):
            values = names.index
        if values is None:
            return None
        names = dict(zip(values.tolist(), names[column].tolist(), strict=True))
    if not isinstance(names, Mapping):
        return None
    keys = list(names)
    if not _are_numbers(keys) and _are_numbers(list(names.values())):
        names = {value: key for key, value in names.items()}  # given the other way round
        keys = list(names)
    if not _are_numbers(keys):
        raise InvalidInputError(
            f"region_names: the keys {_shortened([repr(key) for key in keys])} are no label "
            "values. Give {label value: name, ...}."
        )
    return {float(value): _text(name) for value, name in names.items()}


def _column(table: pd.DataFrame, known: Sequence[str]) -> Any:
    by_name = {str(name).strip().lower(): name for name in table.columns}
    for name in known:
        if name in by_name and not _are_numbers(table[by_name[name]]):
            return by_name[name]
    raise InvalidInputError(
        f"The names of the regions are a table with the columns {list(table.columns)}, none of "
        "which is known to hold names. Call the label values 'index' and the names 'name'."
    )


def _are_values(index: pd.Index) -> bool:
    """Whether an index holds label values, and not the numbers that rows have by themselves."""
    own = index.name is None and index.equals(pd.RangeIndex(len(index)))
    return not own and _are_numbers(index)


def _are_numbers(values: Any) -> bool:
    try:
        return bool(np.isfinite(np.asarray(list(values), dtype=float)).all())
    except (TypeError, ValueError):
        return False


def _read_table(path: Path) -> Any:
    try:
        text = path.expanduser().read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataFormatError(
            f"{path}: cannot be read as a table of region names ({error}). Give a .tsv or .csv "
            "with the columns index and name, or a look-up table of FreeSurfer."
        ) from error
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    separator = {".tsv": "\t", ".csv": ","}.get(path.suffix.lower())
    if separator is not None and lines:
        rows = [[cell.strip().strip('"') for cell in line.split(separator)] for line in lines]
        width = len(rows[0])
        return pd.DataFrame([(row + [""] * width)[:width] for row in rows[1:]], columns=rows[0])
    found: dict[int, str] = {}
    for number, line in enumerate(lines):
        parts = line.split()
        if len(parts) < 2 or not parts[0].lstrip("-").isdigit():
            raise DataFormatError(
                f"{path}: line {number + 1}, {line[:60]!r}, does not begin with a label value and "
                "a name. Give a .tsv or .csv with the columns index and name, or a look-up table "
                "of FreeSurfer."
            )
        # ITK-SNAP writes the name last and in quotation marks, FreeSurfer second.
        found[int(parts[0])] = line.split('"')[1] if line.count('"') == 2 else parts[1]
    return found


def _without_background(names: list[str], place: int) -> list[str]:
    """Leave out the name of the background, in its own place, the first or the last."""
    for position in dict.fromkeys((0, place, len(names) - 1)):
        if position < len(names) and names[position].strip().lower() in _BACKGROUND:
            return names[:position] + names[position + 1 :]
    return names


def _plain(table: dict[float, str]) -> list[str]:
    return [f"{value:.0f}" for value in table]


def _shortened(words: list[str]) -> str:
    return ", ".join(words[:8]) + (f" and {len(words) - 8} more" if len(words) > 8 else "")


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
