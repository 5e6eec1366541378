"""Similarities of texts and brains, higher is closer."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from sklearn_mnm.geometry import log_map0, pairwise_distance, pairwise_exterior_angle

#: ``(texts, brains, curvature) -> (n_texts, n_brains)``.
Similarity = Callable[[Tensor, Tensor, float | Tensor], Tensor]


def exterior_angle_similarity(text: Tensor, brain: Tensor, curvature: float | Tensor) -> Tensor:
    """Minus the exterior angle of each brain at each text: cones opening from texts."""
    return -pairwise_exterior_angle(text, brain, curvature)


def distance_similarity(text: Tensor, brain: Tensor, curvature: float | Tensor) -> Tensor:
    """Minus the geodesic distance, as in MERU."""
    return -pairwise_distance(text, brain, curvature)


def cosine_similarity(text: Tensor, brain: Tensor, curvature: float | Tensor) -> Tensor:
    """Cosine of the angle at the origin, that of the tangent vectors: radii play no part."""
    # Tangent vectors at the origin point where the space coordinates do.
    directions = (functional.normalize(x[:, 1:], dim=1) for x in (text, brain))
    return torch.mm(next(directions), next(directions).T)


def row_similarity(text: Tensor, brain: Tensor, curvature: float | Tensor) -> Tensor:
    """Inner product of the rows of :class:`~sklearn_mnm.nn.towers.AngleModel`, while training."""
    return torch.mm(text, brain.T)


def euclidean_similarity(text: Tensor, brain: Tensor, curvature: float | Tensor) -> Tensor:
    """Minus half the squared distance of the tangent vectors at the origin: flat, with radii."""
    u, v = log_map0(text, curvature), log_map0(brain, curvature)
    return u @ v.T - 0.5 * (u.square().sum(1)[:, None] + v.square().sum(1)[None, :])


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
