"""MERU's objective (Desai et al. 2023, arXiv 2304.09172) on the heads of the CLIP baseline.

Embeddings on a hyperboloid of learnt curvature, symmetric contrast of minus the geodesic distance,
and 0.2 times the violation of the cone of the text by its brain. Settings of MERU: curvature within
[0.1, 10], tangent vectors of about unit norm at the start, minimal radius 0.1. Grid as for CLIP.
"""

import math

import torch
from torch import Tensor, nn

from benchmarks.models.towers import TowerModel, TwoTowers, symmetric_contrast
from sklearn_mnm.geometry import entailment_violation, exp_map0, pairwise_distance

ENTAILMENT_WEIGHT = 0.2
CURVATURES = (0.1, 10.0)


class HyperbolicTowers(TwoTowers):
    """Towers whose outputs are lifted to a hyperboloid of learnt curvature."""

    def __init__(self, n_text: int, n_brain: int, dropout: float) -> None:
        super().__init__(n_text, n_brain, dropout)
        # Layer norm gives rows of length sqrt(d).
        self.log_text_length = nn.Parameter(torch.tensor(-0.5 * math.log(n_brain)))
        self.log_brain_length = nn.Parameter(torch.tensor(-0.5 * math.log(n_brain)))
        self.log_curvature = nn.Parameter(torch.tensor(0.0))

    def curvature(self) -> Tensor:
        """Learnt curvature c > 0."""
        return self.log_curvature.exp().clamp(*CURVATURES)

    def points(self, text: Tensor, brain: Tensor) -> tuple[Tensor, Tensor]:
        """Points of shape (n, n_brain + 1)."""
        texts = self.log_text_length.clamp(max=0).exp() * self.text_tower(text)
        brains = self.log_brain_length.clamp(max=0).exp() * self.brain_tower(brain)
        return exp_map0(texts, self.curvature()), exp_map0(brains, self.curvature())


class MeruTowers(HyperbolicTowers):
    """Towers compared by distance."""

    def loss(self, text: Tensor, brain: Tensor) -> Tensor:
        """Symmetric contrast of distances plus entailment of the brain by the text."""
        texts, brains = self.points(text, brain)
        distance = pairwise_distance(texts, brains, self.curvature())
        violation = entailment_violation(texts, brains, self.curvature()).mean()
        return symmetric_contrast(-self.scale() * distance) + ENTAILMENT_WEIGHT * violation

    def similarity(self, text: Tensor, brain: Tensor) -> Tensor:
        """Minus the distance of all pairs."""
        return -pairwise_distance(*self.points(text, brain), self.curvature())


class MeruModel(TowerModel):
    """The tuned and trained baseline."""

    def build(self, n_text: int, n_brain: int, dropout: float) -> MeruTowers:
        """Construct the untrained towers."""
        return MeruTowers(n_text, n_brain, dropout)
