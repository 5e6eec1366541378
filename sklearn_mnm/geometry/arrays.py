"""Check points of the hyperboloid that a caller gives, and read them block by block."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from sklearn_mnm._tools.memory_maps import release_pages
from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.geometry import constraint_violation, exp_map0, log_map0

# Relative, as the embedder promises for its points.
_TOLERANCE = 1e-6
# Rows in memory in double precision at once, however many there are on disk.
_BLOCK = 8192
_SHAPES = {
    1: "(d + 1,), a single point such as embeddings[0]",
    2: "(n, d + 1), a point a row",
}


def check_curvature(curvature: float) -> float:
    """Return ``c`` of the hyperboloid ``<x, x> = -1/c``; it must be positive and finite."""
    if not 0 < curvature < math.inf:
        raise InvalidInputError(
            f"curvature={curvature!r} must be positive and finite: it is c of the hyperboloid "
            "<x, x> = -1/c. Give that of the model that made the points."
        )
    return float(curvature)


def check_points(
    name: str, points: np.ndarray, curvature: float, *, n_dimensions: int = 2
) -> np.ndarray:
    """Return `points`, not copied, if they lie on the hyperboloid.

    Parameters
    ----------
    name : str
        Name of the argument in messages.
    points : ndarray of shape (n, d + 1), or (d + 1,) if ``n_dimensions=1``
        Time coordinate first, float64 or float32.
    curvature : float
        ``c > 0`` of the hyperboloid ``<x, x> = -1/c``.
    n_dimensions : {1, 2}, default=2
        Whether one point or a matrix of them is expected.

    Raises
    ------
    InvalidInputError
        If `points` has another shape or dtype, or a row is not on the hyperboloid.
    """
    points = np.asarray(points)
    if points.ndim != n_dimensions or points.shape[-1] < 2:
        raise InvalidInputError(
            f"{name} has shape {points.shape}; it must be {_SHAPES[n_dimensions]}, with d >= 1, "
            "time coordinate first."
        )
    if points.dtype not in (np.float32, np.float64):
        raise InvalidInputError(f"{name} has dtype {points.dtype}; use float64 or float32.")
    n_wrong, first, example = 0, 0, ""
    for rows, block in blocks(np.atleast_2d(points), _BLOCK):
        violation = constraint_violation(block, curvature)
        # Written so that NaN is a violation.
        wrong = ~(violation <= _TOLERANCE) | ~(block[:, 0] > 0)
        if wrong.any() and n_wrong == 0:
            row = int(wrong.argmax())
            first = rows.start + row
            example = (
                f"its time coordinate is {block[row, 0]:g} and |c <x, x> + 1| / (1 + c |s|^2) is "
                f"{violation[row]:g}, more than {_TOLERANCE:g}"
            )
        n_wrong += int(wrong.sum())
    if n_wrong:
        where = "" if n_dimensions == 1 else f"row {first} (of {n_wrong} such rows) "
        raise InvalidInputError(
            f"{name} {where}is not on the hyperboloid of curvature -{curvature:g}: {example}. "
            "Give the curvature of the model that made the points, or put vectors on the "
            "hyperboloid with sklearn_mnm.geometry.exp_map0."
        )
    return points


def float64_of(name: str, values: ArrayLike) -> np.ndarray:
    """Return a copy in double precision; InvalidInputError if it holds no numbers."""
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"{name} must hold real numbers, the coordinates of points ({error})."
        ) from error


def blocks(points: np.ndarray, size: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield slices of at most `size` rows, and those rows in double precision."""
    for start in range(0, len(points), size):
        rows = slice(start, start + size)
        yield rows, in_double(points[rows])
        release_pages(points)


def in_double(points: np.ndarray) -> np.ndarray:
    """Points in memory in double precision, copied only if they are not."""
    return np.asarray(points, dtype=np.float64)


def points_of(tangent: np.ndarray, curvature: float) -> np.ndarray:
    """Points of the hyperboloid, float64, from tangent vectors at the origin."""
    points: np.ndarray = exp_map0(in_double(tangent), curvature)
    return points


def tangent_of(points: np.ndarray, curvature: float) -> np.ndarray:
    """Tangent vectors at the origin, float64, from points of the hyperboloid."""
    tangent: np.ndarray = log_map0(in_double(points), curvature)
    return tangent
