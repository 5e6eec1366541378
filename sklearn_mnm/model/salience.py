"""Which terms stand out in a text."""

import numpy as np
from scipy import sparse

from sklearn_mnm.exceptions import InvalidInputError


def salient_terms(terms: sparse.csr_matrix, percentile: float = 80.0) -> sparse.csr_matrix:
    """Which terms stand out in each text.

    Parameters
    ----------
    terms : csr_matrix of shape (n_studies, n_terms)
        Non-negative weights of terms, e.g. TF-IDF.
    percentile : float, default=80.0
        A term is salient if its weight is above this percentile of the non-zero weights of its
        own study. If none is, as in a text of one term, those of the greatest weight are.

    Returns
    -------
    salient : csr_matrix of shape (n_studies, n_terms), bool
        Only True is stored.

    Raises
    ------
    InvalidInputError
        If `percentile` is not between 0 and 100, or a weight is negative or not finite.
    """
    if not 0 <= percentile <= 100:
        raise InvalidInputError(f"percentile={percentile} must be between 0 and 100.")
    # A copy: duplicates are summed and zeros dropped in place.
    weights = sparse.csr_matrix(terms, copy=True)
    weights.sum_duplicates()
    weights.eliminate_zeros()
    if not (np.isfinite(weights.data).all() and (weights.data >= 0).all()):
        raise InvalidInputError(
            "terms holds a weight that is negative or not finite. Give term counts or TF-IDF."
        )
    sizes = np.diff(weights.indptr)
    row_of = np.repeat(np.arange(len(sizes)), sizes)
    ordered = weights.data[np.lexsort((weights.data, row_of))]
    # Above what is interpolated between two weights are those above the smaller of them.
    last = weights.indptr[:-1] + np.floor((sizes - 1) * (percentile / 100)).astype(int)
    salient = weights.data > ordered[last[row_of]]
    greatest = ordered[weights.indptr[1:][row_of] - 1]
    has_one = np.bincount(row_of[salient], minlength=len(sizes)) > 0
    salient |= ~has_one[row_of] & (weights.data == greatest)
    result = sparse.csr_matrix((salient, weights.indices, weights.indptr), weights.shape)
    result.eliminate_zeros()
    return result
