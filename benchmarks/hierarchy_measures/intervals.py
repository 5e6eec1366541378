"""Paired differences between two rows with 95 % intervals."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

N_DRAWS = 1000
Interval = dict[str, float]
Statistics = Callable[[pd.DataFrame], Callable[[np.ndarray], np.ndarray]]


def over_folds(folds: Sequence[pd.Series]) -> pd.Series:
    """Mean of each unit over the folds in which it is.

    Parameters
    ----------
    folds : sequence of Series
        By unit, such as the children of an ontology.

    Returns
    -------
    means : Series
    """
    return pd.concat(list(folds), axis=1).mean(axis=1)


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
    one: pd.DataFrame,
    other: pd.DataFrame,
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
    one, other : DataFrame
        The same entries row by row, such as pairs with the scores of two models.
    by : str
        Column that names the unit of each entry: units are drawn, with all their entries.
    n_draws : int, default=1000
    seed : int, default=0

    Returns
    -------
    intervals : list of dict
        One for each statistic, as :func:`paired_means` gives it.

    Raises
    ------
    ValueError
        If the tables have not the same units in the same rows.
    """
    if list(one[by]) != list(other[by]):
        raise ValueError(f"{by}: the two tables are not about the same entries.")
    units, unit = np.unique(one[by].to_numpy(dtype=str), return_inverse=True)
    first, second = prepare(one), prepare(other)

    def difference(weight: np.ndarray) -> np.ndarray:
        return np.asarray(first(weight)) - np.asarray(second(weight))

    whole = difference(np.ones(len(unit)))
    drawn = np.array([difference(w[unit]) for w in _draws(len(units), seed, n_draws)])
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
