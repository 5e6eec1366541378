"""CLIP with the heads of NeuroConText (Meudec et al. 2024, doi:10.1007/978-3-031-72384-1_31).

Cosine of residual heads (three for the brain, a projection and two for the text), symmetric
contrast with a learnt scale, AdamW. Grid: learning rate {5e-4, 1e-3, 2e-3}, dropout {0.5, 0.7},
epochs up to 30 with early stopping; weight decay 0.05, batches of 512.
"""

from torch import Tensor
from torch.nn import functional

from benchmarks.models.towers import TowerModel, TwoTowers, symmetric_contrast


class ClipTowers(TwoTowers):
    """Towers compared by cosine."""

    def loss(self, text: Tensor, brain: Tensor) -> Tensor:
        """Symmetric contrast."""
        return symmetric_contrast(self.scale() * self.similarity(text, brain))

    def similarity(self, text: Tensor, brain: Tensor) -> Tensor:
        """Cosine of all pairs."""
        texts = functional.normalize(self.text_tower(text), dim=1)
        return texts @ functional.normalize(self.brain_tower(brain), dim=1).T


class ClipModel(TowerModel):
    """The tuned and trained baseline."""

    def build(self, n_text: int, n_brain: int, dropout: float) -> ClipTowers:
        """Construct the untrained towers."""
        return ClipTowers(n_text, n_brain, dropout)
