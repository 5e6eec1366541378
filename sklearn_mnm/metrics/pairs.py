"""How well texts and brains find each other, and how well a map is predicted.

Plain functions on arrays. Retrieval figures are in percent, as the literature prints them, and
are computed from a matrix of scores whose rows are queries, whose columns are candidates and
whose diagonal holds the true pairs. For the opposite direction pass the transpose.
"""

import warnings
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from sklearn_mnm._tools.arrays import check_count
from sklearn_mnm.exceptions import DataWarning, InvalidInputError
from sklearn_mnm.metrics._vectors import finite

# Studies compared at once: bounds the memory that the double-precision copies take.
_BLOCK = 256


def retrieval_ranks(scores: ArrayLike) -> np.ndarray:
    """Rank the true candidate of each query.

    Parameters
    ----------
    scores : array-like of shape (n, n)
        Score of each candidate (column) for each query (row), higher is closer. The true pairs
        are on the diagonal. For distances pass their negative.

    Returns
    -------
    ranks : ndarray of int of shape (n,)
        Number of other candidates scored at least as high as the true one; 0 is the best.
        Ties count against the model, so a constant matrix gets the worst rank, ``n - 1``.

    Raises
    ------
    InvalidInputError
        If `scores` is not a square matrix of finite real numbers.

    Examples
    --------
    >>> from sklearn_mnm.metrics.pairs import retrieval_ranks
    >>> retrieval_ranks([[3.0, 1.0, 2.0], [0.0, 0.0, -1.0], [5.0, 4.0, 1.0]])
    array([0, 1, 2])
    """
    matrix = finite("scores", scores, 2, keep_single=True)
    if matrix.shape[0] != matrix.shape[1]:
        raise InvalidInputError(
            f"scores: expected a square matrix with the true pairs on the diagonal, got shape "
            f"{matrix.shape}. Give one candidate per query, in the same order."
        )
    return (matrix >= np.diag(matrix)[:, np.newaxis]).sum(axis=1) - 1


def recall_at_k(scores: ArrayLike, k: int) -> float:
    """Share of queries whose true candidate is among the first k.

    Parameters
    ----------
    scores : array-like of shape (n, n)
        As for :func:`retrieval_ranks`.
    k : int
        Length of the list that is looked at, at least 1. From ``k = n`` on the result is 100
        whatever the scores, and by chance it is ``100 k / n``: only figures from pools of one
        size compare.

    Returns
    -------
    recall : float
        In percent, between 0 and 100.

    Raises
    ------
    InvalidInputError
        If `scores` is not a square matrix of finite real numbers, or `k` is not a positive
        integer.

    Examples
    --------
    >>> from sklearn_mnm.metrics.pairs import recall_at_k
    >>> recall_at_k([[3.0, 1.0], [2.0, 1.0]], k=1)
    50.0
    """
    return _recall(retrieval_ranks(scores), k)


def mix_and_match(scores: ArrayLike) -> float:
    """Mean share of wrong candidates that are scored below the true one.

    The measure of Mitchell et al. (2008, doi:10.1126/science.1152876) over all pairs: a wrong
    candidate that ties with the true one counts as an error.

    Parameters
    ----------
    scores : array-like of shape (n, n)
        As for :func:`retrieval_ranks`, at least two queries.

    Returns
    -------
    share : float
        In percent, between 0 and 100; 50 is chance.

    Raises
    ------
    InvalidInputError
        If `scores` is not a square matrix of finite real numbers, or has a single row, since
        then there is no wrong candidate.

    Examples
    --------
    >>> from sklearn_mnm.metrics.pairs import mix_and_match
    >>> mix_and_match([[3.0, 1.0, 2.0], [2.0, 1.0, 0.5], [2.0, 0.0, 1.0]])
    66.66666666666667
    """
    return _mix_and_match(retrieval_ranks(scores))


def retrieval_report(scores: ArrayLike, ks: Sequence[int] = (1, 10, 100)) -> dict[str, float]:
    """All retrieval figures of one direction.

    Parameters
    ----------
    scores : array-like of shape (n, n)
        As for :func:`retrieval_ranks`, at least two queries.
    ks : sequence of int, default=(1, 10, 100)
        Lengths of the lists for :func:`recall_at_k`.

    Returns
    -------
    report : dict of str to float
        ``"R@<k>"`` for each `k` and ``"MM"`` for :func:`mix_and_match`, in percent.

    Raises
    ------
    InvalidInputError
        As for :func:`recall_at_k` and :func:`mix_and_match`.

    Examples
    --------
    >>> from sklearn_mnm.metrics.pairs import retrieval_report
    >>> retrieval_report([[3.0, 1.0], [2.0, 1.0]], ks=(1, 2))
    {'R@1': 50.0, 'R@2': 100.0, 'MM': 50.0}
    """
    ranks = retrieval_ranks(scores)
    report = {f"R@{k}": _recall(ranks, k) for k in ks}
    report["MM"] = _mix_and_match(ranks)
    return report


def correct_hubness(scores: ArrayLike, k: int = 10) -> np.ndarray:
    """Scores corrected for candidates that are near to every query.

    Cross-domain similarity local scaling (CSLS; Lample et al. 2018, arXiv 1710.04087): twice the
    score less the mean score of the `k` nearest candidates of the query and of the `k` nearest
    queries of the candidate. It needs all queries at once, so a figure made with it belongs
    beside the uncorrected one, not in its place.

    Parameters
    ----------
    scores : array-like of shape (n_queries, n_candidates)
        Score of each candidate (column) for each query (row), higher is closer.
    k : int, default=10
        Number of neighbours, at most the smaller of the two dimensions counts.

    Returns
    -------
    corrected : ndarray of shape (n_queries, n_candidates)
        Only their order within a row or a column has a meaning.

    Raises
    ------
    InvalidInputError
        If `scores` is not a matrix of finite real numbers, or holds some so large that their sums
        overflow, or `k` is not a positive integer.

    Examples
    --------
    The second candidate is near to all queries:

    >>> from sklearn_mnm.metrics.pairs import correct_hubness, recall_at_k
    >>> scores = [[0.8, 0.9, 0.0], [0.1, 0.7, 0.2], [0.0, 0.8, 0.7]]
    >>> round(recall_at_k(scores, k=1)), round(recall_at_k(correct_hubness(scores, k=2), k=1))
    (33, 100)
    """
    matrix = finite("scores", scores, 2, keep_single=True)
    k = check_count(k, "k")
    largest, most = np.abs(matrix).max(), np.finfo(matrix.dtype).max / (4 * max(matrix.shape))
    if largest > most:
        raise InvalidInputError(
            f"scores: of up to {largest:g}, they overflow in sums of {matrix.dtype}. Divide all by "
            f"{largest:g}."
        )
    return 2 * matrix - _mean_of_nearest(matrix, k)[:, np.newaxis] - _mean_of_nearest(matrix.T, k)


def map_correlation(predicted: ArrayLike, observed: ArrayLike) -> np.ndarray:
    """Pearson correlation between predicted and observed map of each study.

    Parameters
    ----------
    predicted, observed : array-like of shape (n_studies, n_voxels)
        Maps on the same voxels, e.g. as
        :meth:`~sklearn_mnm.PeaksToRegions.transform_voxels` gives the observed ones.

    Returns
    -------
    correlation : ndarray of shape (n_studies,)
        Between -1 and 1. Where either map is constant (a study without peaks) a correlation does
        not exist; the study gets 0, as for a prediction that says nothing.

    Raises
    ------
    InvalidInputError
        If the maps are not matrices of finite real numbers of one shape with at least one voxel.

    Warns
    -----
    DataWarning
        If maps are constant; says how many.

    Examples
    --------
    >>> from sklearn_mnm.metrics.pairs import map_correlation
    >>> map_correlation([[0.0, 1.0, 2.0], [0.0, 1.0, 2.0]], [[1.0, 3.0, 5.0], [2.0, 1.0, 0.0]])
    array([ 1., -1.])
    """
    predicted, observed = _paired_maps(predicted, observed)
    correlation = np.empty(len(predicted))
    for block in _blocks(len(predicted)):
        product = _standardised(predicted[block]) * _standardised(observed[block])
        correlation[block] = product.sum(axis=1)
    _warn_of_maps(
        "constant, so their correlation does not exist and counts as 0",
        predicted=_constant_rows(predicted),
        observed=_constant_rows(observed),
    )
    return np.clip(correlation, -1.0, 1.0)


def dice_top(predicted: ArrayLike, observed: ArrayLike, fraction: float = 0.05) -> np.ndarray:
    """Dice overlap of the highest voxels of predicted and observed map of each study.

    ``2 |A and B| / (|A| + |B|)`` with A and B the highest voxels of the two maps. A map's highest
    voxels are those that reach its k-th highest value, ``k = round(fraction * n_voxels)`` but at
    least 1. Ties at that value are all taken, with one exception: if it is 0, the map has fewer
    than k active voxels, and only these are taken. Hence the order of the voxels does not matter,
    and the background of a map made from few peaks never counts as active.

    Parameters
    ----------
    predicted, observed : array-like of shape (n_studies, n_voxels)
        Maps on the same voxels, higher is more active.
    fraction : float, default=0.05
        Share of the voxels to compare, above 0 and at most 1.

    Returns
    -------
    dice : ndarray of shape (n_studies,)
        Between 0 and 1. A map of zeros has no highest voxels, and its study gets 0.

    Raises
    ------
    InvalidInputError
        If the maps are not matrices of finite real numbers of one shape with at least one voxel,
        or `fraction` is out of range.

    Warns
    -----
    DataWarning
        If maps have no active voxel among their highest; says how many.

    Examples
    --------
    >>> from sklearn_mnm.metrics.pairs import dice_top
    >>> dice_top([[0.0, 1.0, 2.0, 3.0]], [[0.0, 9.0, 0.5, 8.0]], fraction=0.5)
    array([0.5])
    """
    predicted, observed = _paired_maps(predicted, observed)
    if not 0 < fraction <= 1:
        raise InvalidInputError(f"fraction={fraction!r}: must be above 0 and at most 1.")
    n_highest = max(1, round(fraction * predicted.shape[1]))
    shared, n_predicted, n_observed = np.zeros((3, len(predicted)))
    for block in _blocks(len(predicted)):
        predicted_top = _highest(predicted[block], n_highest)
        observed_top = _highest(observed[block], n_highest)
        shared[block] = (predicted_top & observed_top).sum(axis=1)
        n_predicted[block] = predicted_top.sum(axis=1)
        n_observed[block] = observed_top.sum(axis=1)
    _warn_of_maps(
        "without an active voxel among their highest; their overlap counts as 0",
        predicted=n_predicted == 0,
        observed=n_observed == 0,
    )
    return 2 * shared / np.maximum(n_predicted + n_observed, 1)


def _recall(ranks: np.ndarray, k: int) -> float:
    return 100 * float((ranks < check_count(k, "k")).mean())


def _mean_of_nearest(scores: np.ndarray, k: int) -> np.ndarray:
    first = max(scores.shape[1] - k, 0)
    return np.partition(scores, first, axis=1)[:, first:].mean(axis=1)


def _mix_and_match(ranks: np.ndarray) -> float:
    if len(ranks) < 2:
        raise InvalidInputError(
            "scores: mix-and-match compares the true candidate with wrong ones, but there is "
            "only one candidate; give at least two pairs."
        )
    return 100 * float(1 - ranks.mean() / (len(ranks) - 1))


def _paired_maps(predicted: ArrayLike, observed: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    predicted = finite("predicted", predicted, 2, keep_single=True)
    observed = finite("observed", observed, 2, keep_single=True)
    if predicted.shape != observed.shape:
        raise InvalidInputError(
            f"predicted has shape {predicted.shape} and observed {observed.shape}; give the maps "
            "of the same studies on the same voxels."
        )
    return predicted, observed


def _blocks(n_studies: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, n_studies, _BLOCK))


def _constant_rows(maps: np.ndarray) -> np.ndarray:
    return maps.min(axis=1) == maps.max(axis=1)


def _standardised(maps: np.ndarray) -> np.ndarray:
    """Centre each row and scale it to length 1; constant rows become exactly 0."""
    maps = maps.astype(float)
    # By powers of two, which round nothing: so the sum of a row does not overflow.
    maps = np.ldexp(maps, -np.frexp(np.abs(maps).max(axis=1, keepdims=True))[1])
    centred = maps - maps.mean(axis=1, keepdims=True)
    # The mean is rounded, so the centred entries of a constant row need not be 0 by themselves.
    centred[_constant_rows(maps)] = 0.0
    # Scaled to a largest entry of 1 first, so that squares neither overflow nor underflow.
    centred = _divide_rows(centred, np.abs(centred).max(axis=1))
    return _divide_rows(centred, np.linalg.norm(centred, axis=1))


def _divide_rows(rows: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    return rows / np.where(sizes > 0, sizes, 1.0)[:, np.newaxis]


def _highest(maps: np.ndarray, n_highest: int) -> np.ndarray:
    """Mark the voxels of each row that reach its `n_highest`-th highest value."""
    position = maps.shape[1] - n_highest
    cut = np.partition(maps, position, axis=1)[:, position, np.newaxis]
    return (maps >= cut) & ((cut != 0) | (maps > 0))


def _warn_of_maps(what: str, *, predicted: np.ndarray, observed: np.ndarray) -> None:
    if predicted.any() or observed.any():
        warnings.warn(
            f"{int(predicted.sum())} predicted and {int(observed.sum())} observed maps of "
            f"{len(predicted)} are {what}.",
            DataWarning,
            stacklevel=3,
        )
