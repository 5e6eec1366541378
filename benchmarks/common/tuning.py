"""Choices inside the training part: the validation split and what is compared on it."""

from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np

from benchmarks.common.protocol import POOL_SIZE, retrieval_scores
from sklearn_mnm.metrics import map_correlation

VALIDATION_SEED = 0

Choice = TypeVar("Choice")


def validation_split(n_train: int) -> tuple[np.ndarray, np.ndarray]:
    """Split training rows into those fitted on while tuning and 1,000 validation rows.

    Parameters
    ----------
    n_train : int
        Number of training studies, more than 1,000.

    Returns
    -------
    fit_rows, validation_rows : ndarray of int
        Both ascending; the same on every call.
    """
    if n_train <= POOL_SIZE:
        raise ValueError(f"{n_train} training studies leave none beside {POOL_SIZE} to validate.")
    order = np.random.default_rng(VALIDATION_SEED).permutation(n_train)
    return np.sort(order[POOL_SIZE:]), np.sort(order[:POOL_SIZE])


def mean_recall(similarity: np.ndarray) -> float:
    """Mean of the two R@10, the score by which retrieval is tuned."""
    scores = retrieval_scores(similarity)
    return (scores["t2b R@10"] + scores["b2t R@10"]) / 2


def map_correlation_score(predicted: np.ndarray, observed: np.ndarray) -> float:
    """Mean voxel correlation, the score by which map prediction is tuned."""
    return float(map_correlation(predicted, observed).mean())


def best(scored: Iterable[tuple[Choice, float]]) -> tuple[Choice, float]:
    """Return the choice with the highest score; the first of equals."""
    pairs: list[Any] = list(scored)
    return max(pairs, key=lambda pair: pair[1])
