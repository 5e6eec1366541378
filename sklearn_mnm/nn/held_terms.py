"""Which terms texts hold, and how much that tells."""

from typing import Any

import numpy as np

# Nats; terms of all studies are off the root, where they would have no direction.
LEAST_INFORMATION = 0.1


def term_information(counts: np.ndarray, n_studies: int) -> np.ndarray:
    """Information of terms in nats, ``-ln((count - 1/2) / n_studies)``.

    Parameters
    ----------
    counts : ndarray of shape (n_terms,)
        Number of studies that hold each term.
    n_studies : int

    Returns
    -------
    information : ndarray of shape (n_terms,), float64
        At least 0.1; of a term without a study as of one with one.
    """
    held = np.maximum(counts, 1).astype(np.float64)
    return np.maximum(-np.log((held - 0.5) / n_studies), LEAST_INFORMATION)


def held_terms(features: Any, parts: Any) -> Any:
    """Which terms texts hold, those that are parts of longer ones included.

    Parameters
    ----------
    features : csr_matrix of shape (n_texts, n_terms)
        Not 0 where a text has a term.
    parts : csr_matrix of shape (n_terms, n_terms)

    Returns
    -------
    held : csr_matrix of shape (n_texts, n_terms), float32
        Of ones.
    """
    present = (features != 0).astype(np.float32)
    held = (present @ parts.astype(np.float32)).tocsr()
    held.data[:] = 1
    return held
