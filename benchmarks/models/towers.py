"""Two towers trained by contrast: the heads, the training loop and the tuning they share.

Text: 300 directions of LSA. It stands in offline for the language-model embeddings of
NeuroConText; no other text is available for these studies. Brain: square root of the sums over 512
Ward regions, unit norm, centred; it stands in for the 512 DiFuMo components. Both are divided by
their standard deviation over all entries.
"""

import copy
import itertools
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.common.tuning import mean_recall, validation_split
from benchmarks.models.features import LsaFeatures, RegionBasis
from sklearn_mnm import Studies

SEED = 0
# Scale of the similarities at the start and at most, as in CLIP.
FIRST_SCALE = 1 / 0.07
LARGEST_SCALE = 100.0


class ResidualHead(nn.Module):
    """Linear, GELU and dropout beside an identity, then layer norm."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.branch = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Dropout(dropout))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (n, width) in and out."""
        return self.norm(x + self.branch(x))


class ProjectionHead(nn.Module):
    """A linear projection and beside it GELU, linear and dropout, then layer norm."""

    def __init__(self, n_features: int, width: int, dropout: float) -> None:
        super().__init__()
        self.projection = nn.Linear(n_features, width)
        self.branch = nn.Sequential(nn.GELU(), nn.Linear(width, width), nn.Dropout(dropout))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (n, n_features) in, (n, width) out."""
        projected = self.projection(x)
        return self.norm(projected + self.branch(projected))


class TwoTowers(nn.Module):
    """Base of the trained models: heads for text and brain and a learnt scale.

    Parameters
    ----------
    n_text, n_brain : int
        Numbers of features; embeddings have `n_brain` dimensions.
    dropout : float
    """

    def __init__(self, n_text: int, n_brain: int, dropout: float) -> None:
        super().__init__()
        self.text_tower = nn.Sequential(
            ProjectionHead(n_text, n_brain, dropout),
            ResidualHead(n_brain, dropout),
            ResidualHead(n_brain, dropout),
        )
        self.brain_tower = nn.Sequential(*(ResidualHead(n_brain, dropout) for _ in range(3)))
        self.log_scale = nn.Parameter(torch.tensor(FIRST_SCALE).log())

    def scale(self) -> Tensor:
        """Learnt scale of the similarities."""
        return self.log_scale.exp().clamp(max=LARGEST_SCALE)

    def loss(self, text: Tensor, brain: Tensor) -> Tensor:
        """Loss of a batch of pairs."""
        raise NotImplementedError

    def similarity(self, text: Tensor, brain: Tensor) -> Tensor:
        """Similarity of all pairs, shape (n_texts, n_brains)."""
        raise NotImplementedError


def symmetric_contrast(similarity: Tensor) -> Tensor:
    """Cross-entropy of the true pairs, mean of both directions."""
    target = torch.arange(len(similarity))
    rows = functional.cross_entropy(similarity, target)
    return (rows + functional.cross_entropy(similarity.T, target)) / 2


class TowerModel:
    """Tune, train and score two towers; a subclass says which.

    The grid is searched on 1,000 training studies: each setting is trained on the others until the
    mean R@10 has not risen for `patience` epochs; the best setting is then trained anew on all
    training studies for its best number of epochs.
    """

    grid: ClassVar[dict[str, tuple[float, ...]]] = {
        "learning_rate": (5e-4, 1e-3, 2e-3),
        "dropout": (0.5, 0.7),
    }
    weight_decay: ClassVar[float] = 0.05
    batch_size: ClassVar[int] = 512
    max_epochs: ClassVar[int] = 30
    patience: ClassVar[int] = 4

    def __init__(self) -> None:
        self.chosen: dict[str, Any] = {}

    def build(self, n_text: int, n_brain: int, dropout: float) -> TwoTowers:
        """Construct the untrained towers."""
        raise NotImplementedError

    def fit(self, train: Studies) -> "TowerModel":
        """Tune on 1,000 training studies, then train on all."""
        self._text, self._brain = LsaFeatures(), RegionBasis("sqrt")
        text, brain = self._text.fit_transform(train), self._brain.fit_transform(train)
        self._scales = text.std(), brain.std()
        text, brain = self._scaled(text, brain)
        fit_rows, rows = validation_split(len(train))
        best_score = -np.inf
        for values in itertools.product(*self.grid.values()):
            setting = dict(zip(self.grid, values, strict=True))
            epoch, score, _ = self._train(
                setting,
                (text[fit_rows], brain[fit_rows]),
                self.max_epochs,
                validation=(text[rows], brain[rows]),
            )
            if score > best_score:
                best_score = score
                self.chosen = {**setting, "epochs": epoch, "validation R@10": score}
        setting = {name: self.chosen[name] for name in self.grid}
        *_, self._towers = self._train(setting, (text, brain), self.chosen["epochs"])
        return self

    def similarity(self, test: Studies) -> np.ndarray:
        """Similarity of all pairs of the towers."""
        pairs = self._scaled(self._text.transform(test), self._brain.transform(test))
        return _similarity(self._towers, *pairs)

    def predict_voxels(self, test: Studies) -> None:
        """Return None: these models have no way from text to map."""
        return

    def _scaled(self, text: np.ndarray, brain: np.ndarray) -> tuple[Tensor, Tensor]:
        text_scale, brain_scale = self._scales
        return torch.from_numpy(text / text_scale), torch.from_numpy(brain / brain_scale)

    def _train(
        self,
        setting: dict[str, float],
        pairs: tuple[Tensor, Tensor],
        n_epochs: int,
        validation: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[int, float, TwoTowers]:
        """Best epoch, its score and the towers of that epoch; the last without validation."""
        torch.manual_seed(SEED)
        text, brain = pairs
        towers = self.build(text.shape[1], brain.shape[1], setting["dropout"])
        # Scalars (scales, curvature) are not pulled to zero.
        weights = [p for p in towers.parameters() if p.ndim]
        scalars = [p for p in towers.parameters() if not p.ndim]
        optimizer = torch.optim.AdamW(
            [{"params": weights}, {"params": scalars, "weight_decay": 0.0}],
            lr=setting["learning_rate"],
            weight_decay=self.weight_decay,
        )
        best_epoch, best_score, best_state = n_epochs, -np.inf, None
        for epoch in range(1, n_epochs + 1):
            towers.train()
            for rows in torch.randperm(len(text)).split(self.batch_size):
                optimizer.zero_grad()
                towers.loss(text[rows], brain[rows]).backward()
                optimizer.step()
            if validation is None:
                continue
            score = mean_recall(_similarity(towers, *validation))
            if score > best_score:
                best_epoch, best_score = epoch, score
                best_state = copy.deepcopy(towers.state_dict())
            elif epoch - best_epoch >= self.patience:
                break
        if best_state is not None:
            towers.load_state_dict(best_state)
        return best_epoch, best_score, towers


@torch.no_grad()
def _similarity(towers: TwoTowers, text: Tensor, brain: Tensor) -> np.ndarray:
    return towers.eval().similarity(text, brain).numpy()
