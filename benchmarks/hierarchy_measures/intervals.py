"""Paired differences between two rows with 95 % intervals."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

N_DRAWS = 1000
Interval = dict[str, float]
Statistics = Callable[[pd.DataFrame], Callable[[np.ndarray], np.ndarray]]


def over_runs(runs: Sequence[pd.Series]) -> pd.Series:
    """Mean of each unit over the runs in which it is.

    Parameters
    ----------
    runs : sequence of Series
        By unit, such as the children of an ontology.

    Returns
    -------
    means : Series
    """
    return pd.concat(list(runs), axis=1).mean(axis=1)


def paired_means(one: pd.Series, other: pd.Series, *, seed: int = 0) -> Interval:
    """Mean difference over units, with a bootstrap interval (percentile) over them.

    Parameters
    ----------
    one, other : Series
        By unit, matched by its name; units for which either is NaN do not count.
    seed : int, default=0

    Returns
    -------
    interval : dict of str to float
        ``mean``, ``low`` and ``high`` of one minus other, NaN if no unit counts, and ``n``, the
        number of units.

    Raises
    ------
    ValueError
        If the units are not the same.
    """
    difference = (one - _matched(one, other)).dropna().to_numpy()
    if not len(difference):
        return _interval(np.nan, np.array([np.nan]), 0)
    means = np.array([w @ difference / len(difference) for w in _draws(len(difference), seed)])
    return _interval(float(difference.mean()), means, len(difference))


def paired_statistics(
    prepare: Statistics,
    one: Sequence[pd.DataFrame],
    other: Sequence[pd.DataFrame],
    by: str,
    *,
    n_draws: int = N_DRAWS,
    seed: int = 0,
) -> list[Interval]:
    """Differences of statistics of all entries, with bootstrap intervals over their units.

    Parameters
    ----------
    prepare : callable
        ``prepare(table)`` gives ``statistics(weight)``, an array of as many statistics as wanted,
        such as :func:`~hierarchy_measures.edges.discrimination`.
    one, other : sequence of DataFrame
        Entries, such as pairs with their scores; a table for each run, over which statistics are
        averaged.
    by : str
        Column that names the unit of each entry: units are drawn, with all their entries in all
        tables.
    n_draws : int, default=1000
    seed : int, default=0

    Returns
    -------
    intervals : list of dict
        One for each statistic, as :func:`paired_means` gives it.

    Raises
    ------
    ValueError
        If one and other are not about the same units.
    """
    units = sorted(set().union(*(table[by] for table in one)))
    if units != sorted(set().union(*(table[by] for table in other))):
        raise ValueError(f"{by}: one and other are not about the same units.")
    place = {unit: position for position, unit in enumerate(units)}
    sides = [
        [(prepare(table), table[by].map(place).to_numpy()) for table in tables]
        for tables in (one, other)
    ]

    def difference(weight: np.ndarray) -> np.ndarray:
        first, second = (
            np.mean([statistics(weight[rows]) for statistics, rows in side], axis=0)
            for side in sides
        )
        return first - second

    whole = difference(np.ones(len(units)))
    drawn = np.array([difference(weight) for weight in _draws(len(units), seed, n_draws)])
    return [
        _interval(float(mean), values, len(units))
        for mean, values in zip(whole, drawn.T, strict=True)
    ]


def _draws(n: int, seed: int, n_draws: int = N_DRAWS) -> np.ndarray:
    """How often each of `n` units is drawn, shape (n_draws, n)."""
    random = np.random.default_rng(seed)
    return random.multinomial(n, np.full(n, 1 / n), size=n_draws).astype(float)


def _interval(mean: float, drawn: np.ndarray, n: int) -> Interval:
    # A draw may hold edges only, or none.
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.percentile(drawn, [2.5, 97.5]) if len(drawn) else (np.nan, np.nan)
    return {"mean": mean, "low": float(low), "high": float(high), "n": n}


def _matched(one: pd.Series, other: pd.Series) -> pd.Series:
    if not one.index.is_unique or set(one.index) != set(other.index):
        raise ValueError("one and other: must have the same units, each once.")
    return other.loc[one.index]
