"""Whether probabilities of terms hold in new studies, and what the radius of a text tells."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.stats import spearmanr


class Calibration(NamedTuple):
    """How probabilities agree with what was observed.

    Attributes
    ----------
    table : DataFrame
        Reliability, a row for each bin: ``n``, mean ``predicted`` and ``observed`` share.
    expected_error : float
        Expected calibration error: mean |predicted - observed| over the bins, weighted by `n`.
    brier : float
        Mean squared error of the probabilities.
    brier_of_base_rates : float
        The same for base rates, to read the former by.
    """

    table: pd.DataFrame
    expected_error: float
    brier: float
    brier_of_base_rates: float


def calibration(
    log_p: np.ndarray, occurrence: sparse.csr_matrix, base_rates: np.ndarray, n_bins: int = 20
) -> Calibration:
    """Compare P(a | x) with whether x holds a, over all studies and terms.

    Parameters
    ----------
    log_p : ndarray of shape (n_studies, n_terms)
        ln P(a | x); rows with NaN, of texts about which nothing is known, do not count. Values
        above 0 count as probability 1.
    occurrence : csr_matrix of bool, shape (n_studies, n_terms)
    base_rates : ndarray of shape (n_terms,)
        Share of the training studies that hold each term.
    n_bins : int, default=20
        Bins of equal numbers of pairs, ordered by P: most terms are rare, and bins of equal width
        would hold nearly all pairs in the first. Pairs of one P may fall into two bins.

    Returns
    -------
    calibration : Calibration
    """
    known = ~np.isnan(log_p).any(axis=1)
    p = np.exp(np.minimum(log_p[known], 0.0)).ravel()
    rows = sparse.csr_matrix(occurrence)[np.flatnonzero(known)]
    y = rows.toarray().astype(np.float64).ravel()
    base = np.tile(base_rates, int(known.sum()))
    rows_of_bins = [
        {"n": len(part), "predicted": p[part].mean(), "observed": y[part].mean()}
        for part in np.array_split(np.argsort(p, kind="stable"), n_bins)
        if len(part)
    ]
    table = pd.DataFrame(rows_of_bins)
    gap = (table["predicted"] - table["observed"]).abs()
    return Calibration(
        table,
        float((gap * table["n"]).sum() / table["n"].sum()),
        float(np.mean((p - y) ** 2)),
        float(np.mean((base - y) ** 2)),
    )


def own_map_ranks(similarity: np.ndarray) -> np.ndarray:
    """Rank of the own map of each text, 1 the best; ties count against it.

    Parameters
    ----------
    similarity : ndarray of shape (n, n)
        Texts in rows, maps in columns, own maps on the diagonal.

    Returns
    -------
    ranks : ndarray of int, shape (n,)
    """
    own = np.diag(similarity)[:, None]
    return (similarity >= own).sum(axis=1)


def radius_and_error(text_radius: np.ndarray, similarity: np.ndarray) -> float:
    """Spearman correlation of the radius of texts with the rank of their own map.

    Negative where texts far from the root, which tell more, find their map more easily.

    Parameters
    ----------
    text_radius : ndarray of shape (n,)
        Texts whose radius is NaN do not count.
    similarity : ndarray of shape (n, n)

    Returns
    -------
    correlation : float
    """
    known = np.isfinite(text_radius)
    return float(spearmanr(text_radius[known], own_map_ranks(similarity)[known]).statistic)
