"""Inverses of large symmetric matrices, in place and by LAPACK."""

from typing import Any

import numpy as np
from scipy import linalg

from sklearn_mnm._tools.threads import one_thread_if_small
from sklearn_mnm.exceptions import InvalidInputError

# Rows and columns that are mirrored at once.
_BLOCK = 512


def regularised_factor(gram: np.ndarray, alpha: float, dtype: Any) -> np.ndarray:
    """Cholesky factor of the positive definite ``gram + alpha I``.

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
    factor : ndarray of shape (n, n)
        Its lower triangle; what is above is anything.

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
        # The transpose of a symmetric matrix is in the order of LAPACK, which would copy it else.
        factor, info = _lapack("potrf", dtype)(system.T, lower=1, overwrite_a=1)
    if info and dtype == np.float32:
        return regularised_factor(gram, alpha, np.float64)
    if info:
        raise InvalidInputError(
            f"alpha={alpha} is too small for features of this scale: the ridge system is "
            "not positive definite. Raise alpha or scale X."
        )
    return factor


def regularised_inverse(gram: np.ndarray, alpha: float, dtype: Any) -> np.ndarray:
    """Inverse of the positive definite ``gram + alpha I``.

    Parameters
    ----------
    gram, alpha, dtype
        See :func:`regularised_factor`.

    Returns
    -------
    inverse : ndarray of shape (n, n)

    Raises
    ------
    InvalidInputError
        As there.
    """
    factor = regularised_factor(gram, alpha, dtype)
    with one_thread_if_small(gram.size):
        inverse, _ = _lapack("potri", factor.dtype)(factor, lower=1, overwrite_c=1)
    _mirror(inverse)
    # Its transpose is the same matrix, with rows in a piece: products with sparse matrices would
    # copy it as a whole if columns were.
    return inverse.T


def solved_by_factor(
    factor: np.ndarray, moment: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Solve a system, and take the root of its inverse to the rows of a few samples.

    With few of them this takes half the time of the inverse.

    Parameters
    ----------
    factor : ndarray of shape (n, n)
        From :func:`regularised_factor`, L.
    moment : ndarray of shape (n, n_targets)
    rows : ndarray of shape (n_samples, n)

    Returns
    -------
    solution : ndarray of shape (n, n_targets)
    whitened : ndarray of shape (n, n_samples)
        ``L^-1 rows'``, whose inner products are ``rows (L L')^-1 rows'``.
    """
    both = np.concatenate([moment.T, rows]).astype(factor.dtype, copy=False).T
    with one_thread_if_small(factor.size):
        both, _ = _lapack("trtrs", factor.dtype)(factor, both, lower=1, overwrite_b=1)
        n_targets = moment.shape[1]
        solution, _ = _lapack("trtrs", factor.dtype)(factor, both[:, :n_targets], lower=1, trans=1)
    return solution, both[:, n_targets:]


def _lapack(name: str, dtype: Any) -> Any:
    """Routine of LAPACK for a precision."""
    return getattr(linalg.lapack, f"{'s' if dtype == np.float32 else 'd'}{name}")


def _mirror(lower: np.ndarray) -> None:
    """Copy the lower triangle to the upper one, in place and block by block."""
    for start in range(0, len(lower), _BLOCK):
        block = slice(start, start + _BLOCK)
        square = lower[block, block]
        above = np.triu_indices(len(square), 1)
        square[above] = square.T[above]
        lower[block, start + _BLOCK :] = lower[start + _BLOCK :, block].T
