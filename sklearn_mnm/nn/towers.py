"""Towers that lift feature vectors onto the hyperboloid."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from sklearn_mnm.geometry import exp_map0

# Softplus keeps radii positive; this floor keeps a point with a direction off the origin, where
# the exterior angle forgets that direction.
_SMALLEST_RADIUS = 0.05
# Beyond this radius float32 coordinates no longer tell neighbours apart.
_LARGEST_RADIUS = 8.0
# Of the radius times the square root of the curvature; beyond it products of coordinates overflow
# in float32.
LARGEST_RAPIDITY = 28.0
# Bounds of a learnt curvature, as in MERU (arXiv 2304.09172).
CURVATURES = (0.1, 10.0)
# Rows without a larger entry have no direction (an empty text, a map without activation): they
# go to the origin.
_SMALLEST_ENTRY = 1e-6


class LiftTower(nn.Module):
    """Give each feature vector a direction and a radius, a tangent vector at the origin.

    The direction is linear in the features: a fixed basis, the closed-form start, plus a
    learnt deviation that starts at zero. The radius is ``softplus`` of a small network of the
    unit features and the logarithm of their norm; it starts constant.

    Parameters
    ----------
    basis : Tensor of shape (n_features, n_components)
        Start of the linear map.
    radius : float
        Radius of all points at the start.
    n_hidden : int
        Hidden units of the radius network.
    dropout : float
        Share of unit features set to zero while training.
    """

    basis: Tensor

    def __init__(self, basis: Tensor, *, radius: float, n_hidden: int, dropout: float):
        super().__init__()
        n_features, n_components = basis.shape
        self.register_buffer("basis", basis)
        self.deviation = nn.Parameter(torch.zeros(n_features, n_components))
        self.offset = nn.Parameter(torch.zeros(n_components))
        self.radius_network = nn.Sequential(
            nn.Linear(n_features + 1, n_hidden), nn.GELU(), nn.Linear(n_hidden, 1)
        )
        output = self.radius_network[2]
        assert isinstance(output, nn.Linear)
        nn.init.zeros_(output.weight)
        nn.init.constant_(output.bias, math.log(math.expm1(radius - _SMALLEST_RADIUS)))
        self.dropout = dropout

    def forward(self, features: Tensor, curvature: float | Tensor = 1.0) -> Tensor:
        """Tangent vectors.

        Parameters
        ----------
        features : Tensor of shape (n, n_features)
        curvature : float or Tensor of shape (), default=1.0
            c of the space, which bounds the radius.

        Returns
        -------
        tangent : Tensor of shape (n, n_components)
            Zero for rows of zeros.
        """
        # By the largest entry first, so that no square overflows.
        largest = features.abs().amax(dim=1, keepdim=True)
        known = largest > _SMALLEST_ENTRY
        largest = torch.where(known, largest, 1.0)
        norm = (features / largest).norm(dim=1, keepdim=True).clamp(min=_SMALLEST_ENTRY)
        unit = functional.dropout(features / largest / norm, self.dropout, self.training)
        direction = unit @ (self.basis + self.deviation) + self.offset
        direction = functional.normalize(direction, dim=1)
        # Unit rows have entries of order n_features^-1/2; networks want order 1.
        scaled = unit * math.sqrt(unit.shape[1])
        height = self.radius_network(torch.cat([scaled, largest.log() + norm.log()], dim=1))
        largest_radius = LARGEST_RAPIDITY * torch.as_tensor(curvature).detach() ** -0.5
        largest_radius = largest_radius.clamp(max=_LARGEST_RADIUS).to(height)
        radius = (functional.softplus(height) + _SMALLEST_RADIUS).clamp(max=largest_radius)
        return torch.where(known, radius * direction, 0.0)

    def drift(self) -> Tensor:
        """Mean squared deviation from the start per component, what regularisation punishes."""
        return self.deviation.square().sum() / self.deviation.shape[1]


class Points(NamedTuple):
    """Texts and brains of one batch on the hyperboloid, row i of each from study i."""

    text: Tensor
    brain: Tensor


class BrainTextModel(nn.Module):
    """Two towers into one hyperboloid.

    Parameters
    ----------
    text_tower, brain_tower : LiftTower
        With the same number of components.
    curvature : float
        c > 0; the space has sectional curvature -c.
    learn_curvature : bool
        Whether c is learnt, within 0.1 and 10.
    scale : float
        Start of the learnt scale (inverse temperature) of the similarities.
    """

    def __init__(
        self,
        text_tower: LiftTower,
        brain_tower: LiftTower,
        *,
        curvature: float,
        learn_curvature: bool,
        scale: float,
    ):
        super().__init__()
        self.text_tower = text_tower
        self.brain_tower = brain_tower
        self.learn_curvature = learn_curvature
        self.log_curvature = nn.Parameter(
            torch.tensor(math.log(curvature)), requires_grad=learn_curvature
        )
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))

    @property
    def curvature(self) -> Tensor:
        """Curvature parameter c of the space, shape ()."""
        curvature = self.log_curvature.exp()
        return curvature.clamp(*CURVATURES) if self.learn_curvature else curvature

    def embed_text(self, features: Tensor) -> Tensor:
        """Points of texts, (n, n_features) -> (n, n_components + 1)."""
        return exp_map0(self.text_tower(features, self.curvature), self.curvature)

    def embed_brain(self, features: Tensor) -> Tensor:
        """Points of brains, (n, n_features) -> (n, n_components + 1)."""
        return exp_map0(self.brain_tower(features, self.curvature), self.curvature)

    def forward(self, text: Tensor, brain: Tensor) -> Points:
        """Points of paired texts and brains."""
        return Points(self.embed_text(text), self.embed_brain(brain))
