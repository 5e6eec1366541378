"""Retrieval figures as pages and commands show them."""

import numpy as np

from sklearn_mnm.metrics.pairs import retrieval_report

_RANKS = (1, 10, 100)


def retrieval_by_direction(similarity: np.ndarray) -> tuple[dict[str, float], ...]:
    """Figures of both directions and of chance.

    Parameters
    ----------
    similarity : ndarray of shape (n, n)
        Of texts (rows) and maps (columns), true pairs on the diagonal; at least two.

    Returns
    -------
    text_to_map, map_to_text, chance : dict of str to float
        As :func:`~sklearn_mnm.metrics.retrieval_report` gives them, at those of the ranks 1, 10
        and 100 that are below n.
    """
    n_pairs = len(similarity)
    ranks = [rank for rank in _RANKS if rank < n_pairs]
    chance = {f"R@{rank}": 100 * rank / n_pairs for rank in ranks} | {"MM": 50.0}
    return retrieval_report(similarity, ranks), retrieval_report(similarity.T, ranks), chance
