"""Directions of points in single precision, which tell what may be nearest by the angle."""

from collections.abc import Iterator

import numpy as np

from sklearn_mnm.geometry.arrays import blocks
from sklearn_mnm.nn.similarity import row_lengths

_BLOCK = 8192
# Inner products held at once: 16 MB.
_PRODUCTS = 2**22


class Directions:
    r"""Candidates of the nearest points by the angle at the root, of which none is missed.

    Rounded to single precision, of unit roundoff u, and added up in it, the inner product of two
    directions of d coordinates is wrong by at most :math:`(d + 4) u`, whichever the order (N. J.
    Higham 2002, *Accuracy and Stability of Numerical Algorithms*, section 3.1). So a point whose
    product is less than the k-th largest by more than twice that is none of the k nearest.

    Parameters
    ----------
    points : array of shape (n_points, d + 1)
        Of the hyperboloid. Of each, d numbers of 4 bytes are kept.
    """

    def __init__(self, points: np.ndarray) -> None:
        n_points, n_columns = points.shape
        self._rows = np.empty((n_points, n_columns - 1), dtype=np.float32)
        for rows, block in blocks(points, _BLOCK):
            self._rows[rows] = directions_of(block)
        self._error = (n_columns + 3) * float(np.finfo(np.float32).eps) / 2

    def candidates(self, queries: np.ndarray, k: int) -> Iterator[np.ndarray]:
        """Give the rows of the points that may be among the k nearest of each query, in order.

        Parameters
        ----------
        queries : float64 ndarray of shape (n_queries, d + 1)
            Of the hyperboloid.
        k : int
            From 1 to the number of points.
        """
        last = len(self._rows) - k
        for _, block in blocks(queries, max(1, _PRODUCTS // len(self._rows))):
            for products in directions_of(block).astype(np.float32) @ self._rows.T:
                least = np.partition(products, last)[last] - 2 * self._error
                yield np.flatnonzero(products >= least)


def directions_of(points: np.ndarray) -> np.ndarray:
    """Where points lie as seen from the root, as rows of length 1; zeros at the root."""
    space = points[:, 1:]
    directions: np.ndarray = space / row_lengths(space)
    return directions
