"""Hyperbolic geometry in the Lorentz model, as plain functions on torch tensors."""

from sklearn_mnm.geometry.cones import (
    entailment_violation,
    exterior_angle,
    half_aperture,
    is_entailed,
    pairwise_exterior_angle,
)
from sklearn_mnm.geometry.lorentz import (
    constraint_violation,
    distance,
    exp_map,
    exp_map0,
    from_space,
    geodesic,
    inner,
    log_map,
    log_map0,
    origin,
    pairwise_distance,
    pairwise_inner,
    project,
    radius,
)
from sklearn_mnm.geometry.midpoints import einstein_midpoint, lorentz_centroid

__all__ = [
    "constraint_violation",
    "distance",
    "einstein_midpoint",
    "entailment_violation",
    "exp_map",
    "exp_map0",
    "exterior_angle",
    "from_space",
    "geodesic",
    "half_aperture",
    "inner",
    "is_entailed",
    "log_map",
    "log_map0",
    "lorentz_centroid",
    "origin",
    "pairwise_distance",
    "pairwise_exterior_angle",
    "pairwise_inner",
    "project",
    "radius",
]
