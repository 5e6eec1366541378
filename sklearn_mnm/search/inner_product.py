"""Vectors whose inner products find nearest points of hyperbolic space.

Databases and libraries of vectors search by inner product. What they find for these vectors are
candidates; the similarity itself then ranks them, as `sklearn_mnm.search.index.PointIndex` does.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.geometry import log_map0, project, radius
from sklearn_mnm.geometry.arrays import check_curvature, check_points, in_double
from sklearn_mnm.search.directions import directions_of


def inner_product_vectors(
    points: ArrayLike,
    role: str,
    *,
    similarity: str = "root_angle",
    curvature: float = 1.0,
) -> np.ndarray:
    """Vectors of texts and of brains whose inner products order them by a similarity.

    The order is that of the similarity for the angle at the root, the distance, the cosine and the
    euclidean, up to rounding. For the exterior angle it is nearly so: ask for some times more
    candidates than
    neighbours, and rank them by ``embedder.similarity``.

    Parameters
    ----------
    points : array or tensor of shape (n_points, d + 1)
        Points of the hyperboloid, time coordinate first.
    role : {"brain", "text"}
        What the points are.
    similarity : {"root_angle", "exterior_angle", "distance", "cosine", "euclidean"}, \
            default="root_angle"
        By which texts and brains are compared, ``embedder.get_params()["objective__similarity"]``.
    curvature : float, default=1.0
        ``c > 0`` of the hyperboloid ``<x, x> = -1/c``, ``embedder.curvature_``.

    Returns
    -------
    vectors : float64 ndarray of shape (n_points, n_columns)
        With d to d + 2 columns, as many for both roles.

    Raises
    ------
    InvalidInputError
        If the role or similarity has another name, the curvature is not positive, or the points
        are not on its hyperboloid.
    """
    check_choice("role", role, ("brain", "text"))
    check_choice("similarity", similarity, tuple(_LIFTS))
    curvature = check_curvature(curvature)
    checked = check_points("points", np.asarray(points), curvature)
    return lifted(in_double(checked), role, similarity, curvature)


def lifted(points: np.ndarray, role: str, similarity: str, curvature: float) -> np.ndarray:
    """Vectors of points that were checked; see :func:`inner_product_vectors`."""
    return _LIFTS[similarity](points, role, curvature)


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise InvalidInputError, which names the choices, if `value` is none of them."""
    if value not in choices:
        raise InvalidInputError(f"{name}={value!r} must be one of {', '.join(choices)}.")


def _lift_exterior_angle(points: np.ndarray, role: str, curvature: float) -> np.ndarray:
    """Inner products ``cosh(a) tanh(b) cos(theta) - sinh(a) = cot(angle) sin(theta) tanh(b)``.

    With the rapidities a of the text and b of the brain, the exterior angle satisfies
    ``tan(angle) = sinh(b) sin(theta) / (cosh(a) sinh(b) cos(theta) - sinh(a) cosh(b))`` and falls
    as its cotangent grows. No inner product can hold ``sin(theta)``, a function of the pair.
    Without it the sign, whether the angle is acute, is still right, and so is the order of
    brains in one acute direction, of which those farther out win, and of brains as far out as
    each other but not nearer than the apex. Between the best candidates of a query
    ``sin(theta)`` varies little. Without ``tanh(b)`` the order would be a little better still,
    but brains near the origin would have infinite ``coth(b)`` and draw all links of a graph.
    """
    rapidity = math.sqrt(curvature) * radius(points, curvature)[:, None]
    direction = _lift_cosine(points, role, curvature)
    if role == "text":
        return np.concatenate([np.cosh(rapidity) * direction, -np.sinh(rapidity)], axis=1)
    return np.concatenate([np.tanh(rapidity) * direction, np.ones_like(rapidity)], axis=1)


def _lift_distance(points: np.ndarray, role: str, curvature: float) -> np.ndarray:
    """Inner products ``<x, y>_L = -cosh(sqrt(c) distance) / c``."""
    lifted = project(points, curvature)
    if role == "text":
        lifted[:, 0] *= -1
    return lifted


def _lift_cosine(points: np.ndarray, role: str, curvature: float) -> np.ndarray:
    """Inner products ``cos(theta)``; directions are zero at the origin."""
    return directions_of(points)


def _lift_euclidean(points: np.ndarray, role: str, curvature: float) -> np.ndarray:
    """Inner products ``u.v - |u|^2 / 2 - |v|^2 / 2`` of tangent vectors at the origin."""
    tangent = log_map0(points, curvature)
    half_square = np.sum(tangent**2, axis=1, keepdims=True) / 2
    extra = [-half_square, np.ones_like(half_square)]
    return np.concatenate([tangent, *(extra if role == "text" else extra[::-1])], axis=1)


_LIFTS: dict[str, Callable[[np.ndarray, str, float], np.ndarray]] = {
    "root_angle": _lift_cosine,
    "exterior_angle": _lift_exterior_angle,
    "distance": _lift_distance,
    "cosine": _lift_cosine,
    "euclidean": _lift_euclidean,
}
