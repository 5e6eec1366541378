"""Towers that lift feature vectors onto the hyperboloid."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from sklearn_mnm.geometry import exp_map0, radius
from sklearn_mnm.nn.fitted_towers import (
    CURVATURES,
    LARGEST_RADIUS,
    LARGEST_RAPIDITY,
    SMALLEST_RADIUS,
    WEIGHTS,
    FittedTower,
    FittedTowers,
    direction_and_height,
)


class DirectionTower(nn.Module):
    """Give each feature vector a direction and a height.

    The direction is linear in the features: a fixed basis, the closed-form start, plus a
    learnt deviation that starts at zero. The height is that of a small network of the unit
    features and the logarithm of their norm; it starts at 0.

    Parameters
    ----------
    basis : Tensor of shape (n_features, n_components)
        Start of the linear map.
    n_hidden : int
        Hidden units of the network.
    dropout : float
        Share of unit features set to zero while training.
    """

    basis: Tensor

    def __init__(self, basis: Tensor, *, n_hidden: int, dropout: float):
        super().__init__()
        n_features, n_components = basis.shape
        self.register_buffer("basis", basis)
        self.deviation = nn.Parameter(torch.zeros(n_features, n_components))
        self.offset = nn.Parameter(torch.zeros(n_components))
        # Called so in the files of all models.
        self.radius_network = nn.Sequential(
            nn.Linear(n_features + 1, n_hidden), nn.GELU(), nn.Linear(n_hidden, 1)
        )
        output = self.radius_network[2]
        assert isinstance(output, nn.Linear)
        nn.init.zeros_(output.weight)
        nn.init.zeros_(output.bias)
        self.dropout = dropout

    def direction_and_height(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute unit rows (n, n_components), heights (n, 1), and which rows are not zero."""
        return direction_and_height(
            features,
            self.basis + self.deviation,
            self.offset,
            self.radius_network,
            lambda unit: functional.dropout(unit, self.dropout, self.training),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Directions and, last, heights.

        Parameters
        ----------
        features : Tensor of shape (n, n_features)

        Returns
        -------
        rows : Tensor of shape (n, n_components + 1)
            Zero for rows of zeros.
        """
        direction, height, known = self.direction_and_height(features)
        return torch.where(known, torch.cat([direction, height], dim=1), 0.0)

    def drift(self) -> Tensor:
        """Mean squared deviation from the start per component, what regularisation punishes."""
        return self.deviation.square().sum() / self.deviation.shape[1]


class LiftTower(DirectionTower):
    """Give each feature vector a tangent vector at the origin; the height is its radius.

    Parameters
    ----------
    basis : Tensor of shape (n_features, n_components)
        See :class:`DirectionTower`.
    radius : float
        Radius of all points at the start; learnt as the ``softplus`` of the height.
    n_hidden : int
    dropout : float
    """

    def __init__(self, basis: Tensor, *, radius: float, n_hidden: int, dropout: float):
        super().__init__(basis, n_hidden=n_hidden, dropout=dropout)
        start = math.log(math.expm1(radius - SMALLEST_RADIUS))
        nn.init.constant_(self.radius_network[2].bias, start)  # type: ignore[arg-type]

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
        direction, height, known = self.direction_and_height(features)
        largest_radius = LARGEST_RAPIDITY * torch.as_tensor(curvature).detach() ** -0.5
        largest_radius = largest_radius.clamp(max=LARGEST_RADIUS).to(height)
        radius = (functional.softplus(height) + SMALLEST_RADIUS).clamp(max=largest_radius)
        return torch.where(known, radius * direction, 0.0)


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
    inverse_temperature : float
        Start of the learnt factor of the similarities.
    """

    def __init__(
        self,
        text_tower: DirectionTower,
        brain_tower: DirectionTower,
        *,
        curvature: float,
        learn_curvature: bool,
        inverse_temperature: float,
    ):
        super().__init__()
        self.text_tower = text_tower
        self.brain_tower = brain_tower
        self.learn_curvature = learn_curvature
        self.log_curvature = nn.Parameter(
            torch.tensor(math.log(curvature)), requires_grad=learn_curvature
        )
        # Called so in the files of all models.
        self.log_scale = nn.Parameter(torch.tensor(math.log(inverse_temperature)))

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

    def batch_summary(self, points: Points) -> dict[str, Tensor]:
        """Describe a batch for the history: mean distances from the root."""
        return {
            f"{name}_radius": radius(side.detach(), self.curvature.detach()).mean()
            for name, side in points._asdict().items()
        }


class AngleModel(BrainTextModel):
    """Two towers whose pairs are ranked by the angle at the root, whatever the radii.

    The similarity of a text of direction u and height h and a map of direction v and height k is
    ``u . v + h + k``, the inner product of the rows ``[u, 1, h]`` and ``[v, k, 1]`` that stand
    for points here. :class:`~sklearn_mnm.model.joint_space.JointSpace` makes points of them.

    Parameters
    ----------
    text_tower, brain_tower : DirectionTower
        With the same number of components.
    curvature, learn_curvature, inverse_temperature
        See :class:`BrainTextModel`; no curvature is learnt.
    """

    def embed_text(self, features: Tensor) -> Tensor:
        """Rows of texts, (n, n_features) -> (n, n_components + 2)."""
        rows = self.text_tower(features)
        return torch.cat([rows[:, :-1], torch.ones_like(rows[:, :1]), rows[:, -1:]], dim=1)

    def embed_brain(self, features: Tensor) -> Tensor:
        """Rows of maps, (n, n_features) -> (n, n_components + 2)."""
        rows = self.brain_tower(features)
        return torch.cat([rows, torch.ones_like(rows[:, :1])], dim=1)

    def batch_summary(self, points: Points) -> dict[str, Tensor]:
        """Describe a batch for the history: mean heights."""
        return {
            "text_height": points.text[:, -1].detach().mean(),
            "brain_height": points.brain[:, -2].detach().mean(),
        }


def fitted_towers(model: BrainTextModel) -> FittedTowers:
    """Take the weights of trained towers, which can be trained further without changing these."""
    towers = []
    for tower in (model.text_tower, model.brain_tower):
        weights = tower.state_dict()
        arrays = (weights[name].cpu().numpy().copy() for name in WEIGHTS)
        towers.append(FittedTower._make((*arrays, tower.dropout)))
    logs = (float(number.detach()) for number in (model.log_curvature, model.log_scale))
    by_angle = isinstance(model, AngleModel)
    return FittedTowers._make((*towers, *logs, model.learn_curvature, by_angle))


def trainable_towers(fitted: FittedTowers) -> BrainTextModel:
    """Make towers of torch with such weights, to train them further."""
    towers: list[DirectionTower] = []
    # Weights are drawn here and replaced below; the caller's random numbers stay as they are.
    with torch.random.fork_rng(devices=[]):
        for tower in (fitted.text_tower, fitted.brain_tower):
            basis, *_ = weights = [torch.tensor(array) for array in tower[:-1]]
            sizes: dict[str, Any] = {"n_hidden": len(tower.hidden_bias), "dropout": tower.dropout}
            towers.append(
                DirectionTower(basis, **sizes)
                if fitted.by_angle
                else LiftTower(basis, radius=1.0, **sizes)
            )
            towers[-1].load_state_dict(dict(zip(WEIGHTS, weights, strict=True)))
    model = (AngleModel if fitted.by_angle else BrainTextModel)(
        *towers, curvature=1.0, learn_curvature=fitted.learn_curvature, inverse_temperature=1.0
    )
    with torch.no_grad():
        model.log_curvature.fill_(fitted.log_curvature)
        model.log_scale.fill_(fitted.log_scale)
    return model.eval()
