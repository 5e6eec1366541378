"""Similarities of texts and brains, higher is closer."""

from collections.abc import Callable

from array_api_compat import array_namespace

from sklearn_mnm.geometry import log_map0, pairwise_distance, pairwise_exterior_angle
from sklearn_mnm.geometry._backend import Array

# Shorter vectors have no direction.
_SHORTEST = 1e-12

#: ``(texts, brains, curvature) -> (n_texts, n_brains)``.
Similarity = Callable[[Array, Array, float | Array], Array]


def exterior_angle_similarity(text: Array, brain: Array, curvature: float | Array) -> Array:
    """Minus the exterior angle of each brain at each text: cones opening from texts."""
    return -pairwise_exterior_angle(text, brain, curvature)


def distance_similarity(text: Array, brain: Array, curvature: float | Array) -> Array:
    """Minus the geodesic distance, as in MERU."""
    return -pairwise_distance(text, brain, curvature)


def cosine_similarity(text: Array, brain: Array, curvature: float | Array) -> Array:
    """Cosine of the angle at the origin, that of the tangent vectors: radii play no part."""
    # Tangent vectors at the origin point where the space coordinates do.
    text, brain = text[:, 1:], brain[:, 1:]
    return text @ brain.T / row_lengths(text) / row_lengths(brain).T


def row_similarity(text: Array, brain: Array, curvature: float | Array) -> Array:
    """Inner product of the rows of :class:`~sklearn_mnm.nn.towers.AngleModel`, while training."""
    return text @ brain.T


def euclidean_similarity(text: Array, brain: Array, curvature: float | Array) -> Array:
    """Minus half the squared distance of the tangent vectors at the origin: flat, with radii."""
    u, v = log_map0(text, curvature), log_map0(brain, curvature)
    xp = array_namespace(u)
    u_squared, v_squared = xp.sum(u**2, axis=1), xp.sum(v**2, axis=1)
    return u @ v.T - 0.5 * (u_squared[:, None] + v_squared[None, :])


def row_lengths(vectors: Array) -> Array:
    """Lengths of rows, (n, d) -> (n, 1), by which rows of zeros can be divided."""
    xp = array_namespace(vectors)
    squared = xp.vecdot(vectors, vectors)[:, None]
    return xp.sqrt(xp.clip(squared, min=_SHORTEST**2))


#: Matrix (n_texts, n_brains) of similarities from points of the hyperboloid and its curvature,
#: by the name that the estimator uses. The angle at the root and the cosine are the same function:
#: with the first radii tell how much is known, with the second they play no part. The two flat ones
#: are controls: the same towers without hyperbolic geometry.
SIMILARITIES: dict[str, Similarity] = {
    "root_angle": cosine_similarity,
    "exterior_angle": exterior_angle_similarity,
    "distance": distance_similarity,
    "cosine": cosine_similarity,
    "euclidean": euclidean_similarity,
}
