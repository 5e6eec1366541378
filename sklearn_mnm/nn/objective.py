"""The objective of MNM as a sum of parts: alignment, text above brain, hierarchy of maps.

Each part is named as its weight among the parameters of ``sklearn_mnm.MNMObjective`` and as its
column of the history. They come in the order of the paper, with the companion of the alignment
after it and the regularisation last.
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor

from sklearn_mnm.nn.losses import (
    brain_apex_loss,
    centroid_loss,
    entailment_loss,
    extent_loss,
    radius_hinge_loss,
)
from sklearn_mnm.nn.similarity import Similarity
from sklearn_mnm.nn.tiled import contrastive_loss
from sklearn_mnm.nn.towers import BrainTextModel, Points


class Batch(NamedTuple):
    """What a part is computed of.

    Attributes
    ----------
    model : BrainTextModel
    text, brain : Tensor of shape (n_batch, n_components + 1)
        Points of texts and maps, row i of each from study i.
    rows : Tensor of shape (n_batch,)
        Which studies these are.
    """

    model: BrainTextModel
    text: Tensor
    brain: Tensor
    rows: Tensor


class Part(Protocol):
    """A part of the objective: a name, a weight, and a loss of a batch, of shape ()."""

    name: ClassVar[str]

    @property
    def weight(self) -> float:
        """Factor of the loss in the sum."""
        ...

    def loss(self, batch: Batch) -> Tensor:
        """Compute the loss without its weight."""
        ...


@dataclass(frozen=True)
class Alignment:
    """Each text tells its own map from the others of the batch, and each map its text.

    Attributes
    ----------
    weight : float
    similarity : callable
        What is contrasted, see :mod:`sklearn_mnm.nn.similarity`.
    pair_weights : Tensor of shape (n_studies,) or None, default=None
        Positive weights of the studies in the mean.
    """

    name: ClassVar[str] = "alignment"
    weight: float
    similarity: Similarity
    pair_weights: Tensor | None = None

    def loss(self, batch: Batch) -> Tensor:
        """Compute :func:`sklearn_mnm.nn.tiled.contrastive_loss`."""
        model, text, brain, rows = batch
        scale, weights = model.log_scale.exp(), _of_batch(self.pair_weights, rows)
        return contrastive_loss(
            self.similarity, text, brain, scale, model.curvature, pair_weights=weights
        )


@dataclass(frozen=True)
class BrainApex:
    """Seen from its map, a text lies towards the origin.

    Attributes
    ----------
    weight : float
    pair_weights : Tensor of shape (n_studies,) or None, default=None
        Positive weights of the studies in the mean.
    """

    name: ClassVar[str] = "brain_apex"
    weight: float
    pair_weights: Tensor | None = None

    def loss(self, batch: Batch) -> Tensor:
        """Compute :func:`sklearn_mnm.nn.losses.brain_apex_loss`."""
        model, text, brain, rows = batch
        scale, weights = model.log_scale.exp(), _of_batch(self.pair_weights, rows)
        return brain_apex_loss(text, brain, scale, model.curvature, pair_weights=weights)


@dataclass(frozen=True)
class TextAboveBrain:
    """Texts are nearer to the origin than maps.

    Attributes
    ----------
    weight : float
    form : str
        ``"hinge"`` asks that mean radii differ by the difference of the two below; ``"centroid"``
        draws the midpoints of a batch to them.
    text_radius, brain_radius : float
    """

    name: ClassVar[str] = "text_above_brain"
    weight: float
    form: str
    text_radius: float
    brain_radius: float

    def loss(self, batch: Batch) -> Tensor:
        """Compute the loss of this form, see :mod:`sklearn_mnm.nn.losses`."""
        text, brain, curvature = batch.text, batch.brain, batch.model.curvature
        if self.form == "hinge":
            margin = self.brain_radius - self.text_radius
            return radius_hinge_loss(text, brain, curvature, margin=margin)
        return centroid_loss(text, curvature, target=self.text_radius) + centroid_loss(
            brain, curvature, target=self.brain_radius
        )


@dataclass(frozen=True)
class Extent:
    """Broad maps are nearer to the origin than focal ones.

    Attributes
    ----------
    weight : float
    extent : Tensor of shape (n_studies,)
        How much of the brain each map activates.
    min_difference : float
        Pairs of maps whose extents differ by less are not compared.
    """

    name: ClassVar[str] = "extent"
    weight: float
    extent: Tensor
    min_difference: float

    def loss(self, batch: Batch) -> Tensor:
        """Compute :func:`sklearn_mnm.nn.losses.extent_loss`."""
        extent = self.extent[batch.rows].to(batch.brain.device)
        return extent_loss(batch.brain, extent, min_difference=self.min_difference)


@dataclass(frozen=True)
class Network:
    """A map averaged over networks entails the map, level by level.

    Attributes
    ----------
    weight : float
    ancestors : tuple of Tensor of shape (n_studies, n_features)
        Brain features of each map averaged over ever broader networks.
    """

    name: ClassVar[str] = "network"
    weight: float
    ancestors: tuple[Tensor, ...]

    def loss(self, batch: Batch) -> Tensor:
        """Compute the mean of :func:`sklearn_mnm.nn.losses.entailment_loss` over generations."""
        losses, child = [], batch.brain
        for features in self.ancestors:
            parent = batch.model.embed_brain(features[batch.rows].to(child.device))
            losses.append(entailment_loss(parent, child, batch.model.curvature))
            child = parent
        return torch.stack(losses).mean()


@dataclass(frozen=True)
class Drift:
    """The linear maps of the towers stay near the closed form, where they start.

    Attributes
    ----------
    weight : float
    """

    name: ClassVar[str] = "drift"
    weight: float

    def loss(self, batch: Batch) -> Tensor:
        """Compute the squared distance from the start."""
        return batch.model.text_tower.drift() + batch.model.brain_tower.drift()


@dataclass(frozen=True)
class Objective:
    """Weighted sum of parts.

    Attributes
    ----------
    parts : sequence of Part
        A part of weight 0 is not computed.
    """

    parts: tuple[Part, ...]

    def __call__(self, model: BrainTextModel, points: Points, rows: Tensor) -> dict[str, Tensor]:
        """Compute the weighted parts.

        Parameters
        ----------
        model : BrainTextModel
        points : Points
            Texts and brains of the batch.
        rows : Tensor of shape (n_batch,)
            Which studies these are.

        Returns
        -------
        parts : dict of str to Tensor of shape ()
            By name; their sum is the loss.
        """
        batch = Batch(model, *points, rows)
        return {part.name: part.weight * part.loss(batch) for part in self.parts if part.weight}


def _of_batch(values: Tensor | None, rows: Tensor) -> Tensor | None:
    return None if values is None else values[rows]
