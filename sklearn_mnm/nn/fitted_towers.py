"""Trained towers as arrays: a fitted model answers with them and needs no torch."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace
from scipy.special import ndtr

from sklearn_mnm.geometry._backend import Array

# Softplus keeps radii positive; this floor keeps a point with a direction off the origin, where
# the exterior angle forgets that direction.
SMALLEST_RADIUS = 0.05
# Beyond this radius float32 coordinates no longer tell neighbours apart.
LARGEST_RADIUS = 8.0
# Of the radius times the square root of the curvature; beyond it products of coordinates overflow
# in float32.
LARGEST_RAPIDITY = 28.0
# Bounds of a learnt curvature, as in MERU (arXiv 2304.09172).
CURVATURES = (0.1, 10.0)
#: Weights of :class:`FittedTower` in their order, by their names in torch and in files.
WEIGHTS = (
    "basis",
    "deviation",
    "offset",
    "radius_network.0.weight",
    "radius_network.0.bias",
    "radius_network.2.weight",
    "radius_network.2.bias",
)
# Rows without a larger entry have no direction (an empty text, a map without activation): they
# go to the origin.
_SMALLEST_ENTRY = 1e-6
_SMALLEST_LENGTH = 1e-12


def direction_and_height(
    features: Array,
    linear: Array,
    offset: Array,
    network: Callable[[Array], Array],
    dropout: Callable[[Array], Array] | None = None,
) -> tuple[Array, Array, Array]:
    """Compute what a tower gives, of arrays and of tensors.

    Parameters
    ----------
    features : array of shape (n, n_features)
    linear : array of shape (n_features, n_components)
    offset : array of shape (n_components,)
    network : callable
        From (n, n_features + 1) to (n, 1).
    dropout : callable or None, default=None
        Applied to the unit features; None once trained.

    Returns
    -------
    direction : array of shape (n, n_components)
        Unit rows.
    height : array of shape (n, 1)
    known : bool array of shape (n, 1)
        Whether the row has a direction.
    """
    xp = array_namespace(features)
    # By the largest entry first, so that no square overflows.
    largest = xp.max(xp.abs(features), axis=1, keepdims=True)
    known = largest > _SMALLEST_ENTRY
    largest = xp.where(known, largest, xp.ones_like(largest))
    scaled = features / largest
    norm = xp.clip(xp.linalg.vector_norm(scaled, axis=1, keepdims=True), min=_SMALLEST_ENTRY)
    unit = scaled / norm if dropout is None else dropout(scaled / norm)
    direction = unit @ linear + offset
    length = xp.linalg.vector_norm(direction, axis=1, keepdims=True)
    direction = direction / xp.clip(length, min=_SMALLEST_LENGTH)
    # Unit rows have entries of order n_features^-1/2; networks want order 1.
    size = xp.log(largest) + xp.log(norm)
    height = network(xp.concat([unit * math.sqrt(unit.shape[1]), size], axis=1))
    return direction, height, known


class FittedTower(NamedTuple):
    """Weights of a trained :class:`~sklearn_mnm.nn.towers.DirectionTower`, float32.

    Attributes
    ----------
    basis, deviation : ndarray of shape (n_features, n_components)
        The linear map is their sum.
    offset : ndarray of shape (n_components,)
    hidden_weight : ndarray of shape (n_hidden, n_features + 1)
    hidden_bias : ndarray of shape (n_hidden,)
    output_weight : ndarray of shape (1, n_hidden)
    output_bias : ndarray of shape (1,)
    dropout : float
        Of further training.
    """

    basis: np.ndarray
    deviation: np.ndarray
    offset: np.ndarray
    hidden_weight: np.ndarray
    hidden_bias: np.ndarray
    output_weight: np.ndarray
    output_bias: np.ndarray
    dropout: float

    def rows(self, features: np.ndarray) -> np.ndarray:
        """Directions and, last, heights in double precision.

        Far from the root rounding in single precision, which differs with the number of rows,
        would show.

        Parameters
        ----------
        features : ndarray of shape (n, n_features)

        Returns
        -------
        rows : ndarray of shape (n, n_components + 1)
            Zero for rows of zeros.
        """
        direction, height, known = self._direction_and_height(features)
        return np.where(known, np.hstack([direction, height]), 0.0)

    def tangent(self, features: np.ndarray, curvature: float) -> np.ndarray:
        """Tangent vectors at the origin, whose lengths are learnt, in double precision.

        Parameters
        ----------
        features : ndarray of shape (n, n_features)
        curvature : float
            c of the space, which bounds the radius.

        Returns
        -------
        tangent : ndarray of shape (n, n_components)
            Zero for rows of zeros.
        """
        direction, height, known = self._direction_and_height(features)
        largest_radius = min(LARGEST_RAPIDITY * curvature**-0.5, LARGEST_RADIUS)
        radius = np.minimum(np.logaddexp(0, height) + SMALLEST_RADIUS, largest_radius)
        return np.where(known, radius * direction, 0.0)

    def _direction_and_height(self, features: np.ndarray) -> tuple[np.ndarray, ...]:
        double = [np.asarray(weights, dtype=np.float64) for weights in self[:-1]]
        basis, deviation, offset, hidden_weight, hidden_bias, output_weight, output_bias = double

        def network(inputs: np.ndarray) -> np.ndarray:
            hidden = inputs @ hidden_weight.T + hidden_bias
            activated: np.ndarray = hidden * ndtr(hidden) @ output_weight.T + output_bias  # GELU
            return activated

        features = np.asarray(features, dtype=np.float64)
        return direction_and_height(features, basis + deviation, offset, network)


class FittedTowers(NamedTuple):
    """Trained towers of texts and of brains.

    Attributes
    ----------
    text_tower, brain_tower : FittedTower
    log_curvature, log_scale : float
        Logarithms of the curvature and of the factor of the similarities.
    learn_curvature : bool
        Whether the curvature was learnt.
    by_angle : bool
        Whether pairs are ranked by the angle at the root, and radii are not learnt.
    """

    text_tower: FittedTower
    brain_tower: FittedTower
    log_curvature: float
    log_scale: float
    learn_curvature: bool
    by_angle: bool

    @property
    def curvature(self) -> float:
        """Curvature parameter c of the space."""
        least, most = CURVATURES if self.learn_curvature else (0.0, math.inf)
        return min(max(math.exp(self.log_curvature), least), most)

    @property
    def inverse_temperature(self) -> float:
        """Factor by which similarities become logarithms of odds."""
        return math.exp(self.log_scale)
