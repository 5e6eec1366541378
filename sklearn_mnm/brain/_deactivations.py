"""Tell activations from deactivations and seeds, which no map of activation is to hold."""

from __future__ import annotations

from typing import Any, Literal

import pandas as pd

from sklearn_mnm.exceptions import InvalidInputError

Points = Literal["activations", "all"]
#: Columns of peaks that say what they are, and what those are called for which they hold.
FLAGS = {"deactivation": "deactivations", "is_seed": "seeds"}
_TRUE = {"true", "t", "yes", "y", "1", "1.0"}
_FALSE = {"false", "f", "no", "n", "0", "0.0", "", "nan", "none", "<na>"}


def check_points(points: str) -> None:
    """Raise InvalidInputError unless `points` says which points are to be peaks."""
    if points not in ("activations", "all"):
        raise InvalidInputError(f"points={points!r}: choose 'activations' or 'all'.")


def chosen_points(peaks: pd.DataFrame, points: Points) -> tuple[pd.DataFrame, list[str]]:
    """Leave out deactivations and seeds unless all points are asked for.

    Parameters
    ----------
    peaks : pandas.DataFrame
        Maybe with the columns ``deactivation`` and ``is_seed``, true or false.
    points : {"activations", "all"}

    Returns
    -------
    peaks : pandas.DataFrame
        With these columns as booleans.
    notes : list of str
        What was left out, with counts, for the loader's warning.

    Raises
    ------
    InvalidInputError
        If such a column holds what is neither true nor false.
    """
    flags = {name: _booleans(peaks[name], name) for name in FLAGS if name in peaks.columns}
    if not flags:
        return peaks, []
    peaks = peaks.assign(**flags)
    counts = [f"{flag.sum()} {FLAGS[name]}" for name, flag in flags.items() if flag.any()]
    if points == "all" or not counts:
        return peaks, []
    flagged = pd.concat(flags.values(), axis=1).any(axis=1)
    note = f"{' and '.join(counts)} among {len(peaks)} points left out; points='all' keeps them"
    return peaks[~flagged], [note]


def _booleans(column: pd.Series, name: str) -> pd.Series:
    words = column.map(_word)
    unknown = ~words.isin(_TRUE | _FALSE)
    if unknown.any():
        raise InvalidInputError(
            f"peaks: the column {name!r} holds {column[unknown].iloc[0]!r}; write true or false."
        )
    return words.isin(_TRUE)


def _word(value: Any) -> str:
    return str(value).strip().lower()
