"""Scores and splits by which the embedder chooses its penalty and its epoch."""

import numpy as np
from sklearn.preprocessing import normalize

from sklearn_mnm.metrics.pairs import retrieval_ranks

# Pool in which retrieval is measured while fitting, as in the evaluation protocol.
_POOL = 1000


def mean_recall(similarity: np.ndarray, k: int, sample_weight: np.ndarray | None = None) -> float:
    """Recall at k, mean over both directions and weighted mean over studies, as a share."""
    found = [retrieval_ranks(matrix) < k for matrix in (similarity, similarity.T)]
    return float(np.average(np.mean(found, axis=0), weights=sample_weight))


def pooled_recall(
    text: np.ndarray, brain: np.ndarray, sample_weight: np.ndarray | None = None
) -> float:
    """Mean recall by cosine in pools of at most 1,000 consecutive rows."""
    text, brain = normalize(text), normalize(brain)
    n_pools = -(-len(text) // _POOL)
    pools = np.array_split(np.arange(len(text)), n_pools)
    weights = [None if sample_weight is None else sample_weight[pool] for pool in pools]
    return float(
        np.mean(
            [
                mean_recall(text[pool] @ brain[pool].T, fair_k(len(pool)), weight)
                for pool, weight in zip(pools, weights, strict=True)
            ]
        )
    )


def validation_split(
    n_studies: int, fraction: float, groups: np.ndarray | None, seed: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Rows to train on and to validate with, papers kept together.

    The latter is None where too few studies remain for one to be mistaken for another.
    """
    everything = np.arange(n_studies)
    if fraction == 0:
        return everything, None
    # Imported late: only fitting needs it, and it would slow the loading of a fitted model.
    from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit

    splitter = (ShuffleSplit if groups is None else GroupShuffleSplit)(
        n_splits=1, test_size=fraction, random_state=seed
    )
    try:
        training, validation = next(splitter.split(everything, groups=groups))
    except ValueError:  # a side without a study
        return everything, None
    if min(len(training), len(validation)) < 2:
        return everything, None
    return training, validation


def fair_k(n_pairs: int) -> int:
    """Give the number of candidates among which a partner of so many counts as found."""
    # Among few candidates nearly everything is among the first 10.
    return min(10, max(1, n_pairs // 10))
