"""Inverses of large symmetric matrices, in place and by LAPACK."""

from typing import Any

import numpy as np
from scipy import linalg

from sklearn_mnm._tools.threads import one_thread_if_small
from sklearn_mnm.exceptions import InvalidInputError

# Rows and columns that are mirrored at once.
_BLOCK = 512


def regularised_inverse(gram: np.ndarray, alpha: float, dtype: Any) -> np.ndarray:
    """Inverse of the positive definite ``gram + alpha I``.

    Parameters
    ----------
    gram : float64 ndarray of shape (n, n)
        Symmetric.
    alpha : float
        Positive.
    dtype : dtype
        Of the computation, float32 or float64; float64 where single precision has no such numbers,
        or does not find the system positive definite.

    Returns
    -------
    inverse : ndarray of shape (n, n)

    Raises
    ------
    InvalidInputError
        If the system is not positive definite in double precision.
    """
    # The largest entry of such a matrix is on its diagonal.
    if max(gram.diagonal().max() + alpha, 1 / alpha) > float(np.finfo(dtype).max):
        dtype = np.float64
    with one_thread_if_small(gram.size):
        system = gram.astype(dtype)
        system.flat[:: len(system) + 1] += alpha
        kind = "s" if dtype == np.float32 else "d"
        potrf, potri = (getattr(linalg.lapack, f"{kind}{name}") for name in ("potrf", "potri"))
        factor, info = potrf(system, lower=1, overwrite_a=1)
        if info and dtype == np.float32:
            return regularised_inverse(gram, alpha, np.float64)
        if info:
            raise InvalidInputError(
                f"alpha={alpha} is too small for features of this scale: the ridge system is "
                "not positive definite. Raise alpha or scale X."
            )
        inverse, _ = potri(factor, lower=1, overwrite_c=1)
    _mirror(inverse)
    # Its transpose is the same matrix, with rows in a piece: products with sparse matrices would
    # copy it as a whole if columns were.
    return inverse.T


def _mirror(lower: np.ndarray) -> None:
    """Copy the lower triangle to the upper one, in place and block by block."""
    for start in range(0, len(lower), _BLOCK):
        block = slice(start, start + _BLOCK)
        square = lower[block, block]
        above = np.triu_indices(len(square), 1)
        square[above] = square.T[above]
        lower[block, start + _BLOCK :] = lower[start + _BLOCK :, block].T
