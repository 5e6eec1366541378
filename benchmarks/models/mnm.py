"""MNM with the settings of its released code (arXiv 2511.21092), as released and mended.

One direction of contrast (texts are apexes and queries), scores minus the exterior angle, plus 0.5
times the centroid targets and 30 times the extent term. AdamW with learning rate 1e-4, weight decay
0.05, dropout 0.6, batches of 4,096, up to 200 epochs; scale 100 at the start. Only the number of
epochs is chosen, and on validation studies. A region counts as active when it holds more than 0.005
of a study's activation; brain inputs are square roots, as for the other towers.

As released, the centroid term takes acos where arccosh is meant, a wrong Klein map and Lorentz
factor, and curvature 1 in the distance, so that the targets are 0 for brains and 1.05 for texts
(c = 1). Mended, the Lorentzian centroids are drawn to the radii 2 (brains) and 0.5 (texts). The
angle is computed by our stable form in both.
"""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.models.meru import HyperbolicTowers
from benchmarks.models.towers import LARGEST_SCALE, ProjectionHead, ResidualHead, TowerModel
from sklearn_mnm import Studies
from sklearn_mnm.geometry import lorentz_centroid, pairwise_exterior_angle, radius

CENTROID_WEIGHT = 0.5
EXTENT_WEIGHT = 30.0
BRAIN_RADIUS, TEXT_RADIUS = 2.0, 0.5
ACTIVE_SHARE = 0.005
EXTENT_MARGIN = 10


class MnmTowers(HyperbolicTowers):
    """Towers compared by the exterior angle at the text.

    Parameters
    ----------
    n_text, n_brain : int
    dropout : float
    mended : bool
        Centroid targets as meant instead of as released.
    mean, spread : Tensor of shape (n_brain,) and float
        From brain inputs back to square roots of shares: ``input * spread + mean``.
    """

    def __init__(
        self, n_text: int, n_brain: int, dropout: float, mended: bool, mean: Tensor, spread: float
    ) -> None:
        super().__init__(n_text, n_brain, dropout)
        self.text_tower = nn.Sequential(ProjectionHead(n_text, n_brain, dropout))
        self.brain_tower = nn.Sequential(
            ResidualHead(n_brain, dropout),
            ResidualHead(n_brain, dropout),
            nn.Linear(n_brain, n_brain),
            nn.LayerNorm(n_brain),
        )
        self.log_scale = nn.Parameter(torch.tensor(math.log(LARGEST_SCALE)))
        self.mended, self.spread = mended, spread
        self.register_buffer("mean", mean)

    def loss(self, text: Tensor, brain: Tensor) -> Tensor:
        """Contrast, centroid targets and extent term."""
        texts, brains = self.points(text, brain)
        c = self.curvature()
        angle = pairwise_exterior_angle(texts, brains, c)
        contrast = functional.cross_entropy(-self.scale() * angle, torch.arange(len(text)))
        deviation = _mended_deviation if self.mended else _released_deviation
        centroids = deviation(brains, BRAIN_RADIUS, c) + deviation(texts, TEXT_RADIUS, c)
        n_active = ((brain * self.spread + self.mean).square() > ACTIVE_SHARE).sum(dim=1)
        broader = n_active[:, None] - n_active[None, :] > EXTENT_MARGIN
        log_time = brains[:, 0].log()
        deeper = torch.relu(log_time[:, None] - log_time[None, :])
        extent = (broader * deeper).sum(dim=1).mean()
        return contrast + CENTROID_WEIGHT * centroids + EXTENT_WEIGHT * extent

    def similarity(self, text: Tensor, brain: Tensor) -> Tensor:
        """Minus the exterior angle of all pairs, texts as apexes."""
        return -pairwise_exterior_angle(*self.points(text, brain), self.curvature())


def _mended_deviation(points: Tensor, target: float, c: Tensor) -> Tensor:
    return (radius(lorentz_centroid(points, c), c) - target).abs()


def _released_deviation(points: Tensor, target: float, c: Tensor) -> Tensor:
    klein = points[:, 1:] / points[:, :1]
    factor = (1 - c * klein.square().norm(dim=1, keepdim=True)).clamp(min=1e-8).rsqrt()
    middle = (factor * klein).sum(dim=0) / factor.sum()
    space = middle / (c.sqrt() * (1 - middle.square().sum()).abs())
    distance = torch.asinh(space.norm())
    return (distance - torch.acos((c * target).clamp(-1 + 1e-6, 1 - 1e-6)) / c.sqrt()).abs()


class MnmModel(TowerModel):
    """MNM as published.

    Parameters
    ----------
    mended : bool
        See the module.
    """

    grid: ClassVar[dict[str, tuple[float, ...]]] = {"learning_rate": (1e-4,), "dropout": (0.6,)}
    batch_size: ClassVar[int] = 4096
    max_epochs: ClassVar[int] = 200
    patience: ClassVar[int] = 200

    def __init__(self, mended: bool) -> None:
        super().__init__()
        self.mended = mended

    def fit(self, train: Studies) -> "MnmModel":
        """Choose the epoch on 1,000 training studies, then train on all."""
        super().fit(train)
        return self

    def build(self, n_text: int, n_brain: int, dropout: float) -> MnmTowers:
        """Construct the untrained towers."""
        mean, spread = torch.from_numpy(self._brain.mean_), float(self._scales[1])
        return MnmTowers(n_text, n_brain, dropout, self.mended, mean, spread)
