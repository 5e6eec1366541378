"""Tables of the measures of several rows over folds."""

from collections.abc import Mapping, Sequence

import numpy as np
from table import markdown_table, paired_interval

from hierarchy_measures.intervals import Interval
from hierarchy_measures.suite import Measured, compare

# Digits after the point, by the beginning of the name of a figure.
DIGITS = {"calibration": 4, "Brier": 4, "correlation": 3, "walks": 2}


def markdown(rows: Mapping[str, Sequence[Measured]]) -> str:
    """Write figures of all rows, and differences of the others to the first.

    Parameters
    ----------
    rows : dict of str to sequence of Measured
        By the key of the row: what was measured on the same folds.

    Returns
    -------
    text : str
        Markdown. Figures are means over folds, ± the standard deviation. Differences are to the
        first row, with 95 % intervals over units, and, if there are several folds, over folds.
    """
    first, *others = rows.values()
    names = list(dict.fromkeys(name for runs in rows.values() for name in runs[0].figures))
    header = ["figure", *(f"{runs[0].title}" for runs in rows.values())]
    betas = ["beta", *(", ".join(f"{m.beta:g}" for m in runs) for runs in rows.values())]
    cells = [[name, *(_cell(name, runs) for runs in rows.values())] for name in names]
    parts = [markdown_table(header, [betas, *cells], 1)]
    for other in others:
        differences = compare(other, first)
        lines = [
            [name, _interval(name, found), f"{found['n']:.0f}", _over_folds(name, other, first)]
            for name, found in differences.items()
        ]
        head = ["figure", "difference [95 % over units]", "units", "[95 % over folds]"]
        caption = f"{other[0].title} minus {first[0].title}."
        parts.append(f"{caption}\n\n{markdown_table(head, lines, 1)}")
    return "\n\n".join(parts)


def _digits(name: str) -> int:
    return next((n for start, n in DIGITS.items() if name.startswith(start)), 1)


def _cell(name: str, runs: Sequence[Measured]) -> str:
    values = np.array([m.figures.get(name, np.nan) for m in runs])
    if np.isnan(values).all():
        return ""
    digits = _digits(name)
    spread = f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{spread}"


def _interval(name: str, found: Interval) -> str:
    digits = _digits(name)
    mean, low, high = (found[part] for part in ("mean", "low", "high"))
    return f"{mean:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"


def _over_folds(name: str, one: Sequence[Measured], other: Sequence[Measured]) -> str:
    if len(one) < 2:
        return ""
    values = [m.figures[name] - n.figures[name] for m, n in zip(one, other, strict=True)]
    found = paired_interval(np.array(values))
    mean, half = found["mean"], found["half_width"]
    assert mean is not None
    assert half is not None
    return _interval(name, {"mean": mean, "low": mean - half, "high": mean + half})[
        len(f"{mean:+.{_digits(name)}f} ") :
    ]
