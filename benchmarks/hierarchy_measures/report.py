"""Tables of the measures of several rows over folds."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from benchmarks.common.table import markdown_table, paired_interval
from benchmarks.hierarchy_measures.intervals import Interval
from benchmarks.hierarchy_measures.suite import Measured, compare

# Figures of the data, to read others by; so are whole numbers.
REFERENCES = ("chance AP", "Brier of base rates")
# Digits after the point, by the beginning of the name of a figure.
DIGITS = {"calibration": 4, "Brier": 4, "correlation": 3, "walks": 2}


def markdown(rows: Mapping[str, Sequence[Measured]]) -> str:
    """Write figures of all rows, and differences of the others to the first.

    Parameters
    ----------
    rows : dict of str to sequence of Measured
        By the key of the row: what was measured on the same folds, with any number of seeds.

    Returns
    -------
    text : str
        Markdown. Figures are means over folds, ± the standard deviation, of means over seeds.
        Differences are to the first row, with 95 % intervals over units, whose number is given,
        where a figure has them, and over folds where it has none.
    """
    first, *others = rows.values()
    names = list(dict.fromkeys(name for runs in rows.values() for name in runs[0].figures))
    header = ["figure", *(f"{runs[0].title}" for runs in rows.values())]
    chosen = ["chosen, by fold", *(_chosen(runs) for runs in rows.values())]
    cells = [[name, *(_cell(name, runs) for runs in rows.values())] for name in names]
    parts = [markdown_table(header, [chosen, *cells], 1)]
    compared = [
        name for name in names if not name.startswith(REFERENCES) and _is_measure(name, rows)
    ]
    if others and compared:
        found = [compare(other, first) for other in others]
        lines = [
            [
                name,
                *(
                    _difference(name, o, first, f.get(name))
                    for o, f in zip(others, found, strict=True)
                ),
            ]
            for name in compared
        ]
        head = [f"minus {first[0].title}", *(other[0].title for other in others)]
        parts.append(markdown_table(head, lines, 1))
    return "\n\n".join(parts)


def _chosen(runs: Sequence[Measured]) -> str:
    return ", ".join(
        f"{name} {' '.join(f'{m.chosen[name]:g}' for m in runs)}" for name in runs[0].chosen
    )


def _by_fold(name: str, runs: Sequence[Measured]) -> pd.Series:
    """Give a figure by fold, the mean over seeds; NaN where it is not measured."""
    return (
        pd.Series([m.figures.get(name, np.nan) for m in runs])
        .groupby([m.fold for m in runs])
        .mean()
    )


def _digits(name: str) -> int:
    return next((n for start, n in DIGITS.items() if name.startswith(start)), 1)


def _cell(name: str, runs: Sequence[Measured]) -> str:
    values = _by_fold(name, runs)
    if values.isna().all():
        return ""
    are_counts = all(isinstance(m.figures.get(name), int) for m in runs)
    digits = 0 if are_counts else _digits(name)
    spread = f" ± {values.std():.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{spread}"


def _bounds(name: str, low: float, high: float) -> str:
    digits = _digits(name)
    return f"[{low:+.{digits}f}, {high:+.{digits}f}]"


def _is_measure(name: str, rows: Mapping[str, Sequence[Measured]]) -> bool:
    """Whether all rows have the figure, and it is no size."""
    return all(isinstance(runs[0].figures.get(name), float) for runs in rows.values())


def _difference(
    name: str, one: Sequence[Measured], other: Sequence[Measured], found: Interval | None
) -> str:
    """Write a difference with its interval over units, if it has them, else over folds."""
    if found is None:
        return _over_folds(name, one, other)
    mean = f"{found['mean']:+.{_digits(name)}f}"
    return f"{mean} {_bounds(name, found['low'], found['high'])} ({found['n']:.0f})"


def _over_folds(name: str, one: Sequence[Measured], other: Sequence[Measured]) -> str:
    found = paired_interval((_by_fold(name, one) - _by_fold(name, other)).to_numpy())
    mean, half = found["mean"], found["half_width"]
    text = f"{mean:+.{_digits(name)}f}"
    return text if half is None else f"{text} {_bounds(name, mean - half, mean + half)}"
