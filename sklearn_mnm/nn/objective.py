"""The objective of MNM: alignment, text above brain, hierarchy within the brain."""

from dataclasses import dataclass

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


@dataclass(frozen=True)
class ObjectiveWeights:
    """Weight of each part; a part of weight 0 is not computed.

    Attributes
    ----------
    alignment, brain_apex, radius_hinge, centroid, extent, networks, drift : float
        Weights; see :mod:`sklearn_mnm.nn.losses`, and of the alignment
        :func:`sklearn_mnm.nn.tiled.contrastive_loss`.
    radius_margin : float
        Margin of the radius hinge.
    text_radius, brain_radius : float
        Targets of the centroids.
    min_extent_difference : float
        Pairs of maps whose extents differ by less are not compared.
    """

    alignment: float = 0.0
    brain_apex: float = 0.0
    radius_hinge: float = 0.0
    centroid: float = 0.0
    extent: float = 0.0
    networks: float = 0.0
    drift: float = 0.0
    radius_margin: float = 0.0
    text_radius: float = 0.0
    brain_radius: float = 0.0
    min_extent_difference: float = 0.0


@dataclass(frozen=True)
class Objective:
    """Weighted parts of the loss of a batch.

    Attributes
    ----------
    weights : ObjectiveWeights
    similarity : callable
        What the alignment contrasts, see :mod:`sklearn_mnm.nn.similarity`.
    extent : Tensor of shape (n_studies,) or None
        How much of the brain each map activates; for the part that has it in its name.
    ancestors : tuple of Tensor of shape (n_studies, n_features)
        Brain features of each map averaged over ever broader networks.
    pair_weights : Tensor of shape (n_studies,) or None
        Positive weights of the studies in the contrasts. The other parts shape the space, and
        count all alike.
    """

    weights: ObjectiveWeights
    similarity: Similarity
    extent: Tensor | None = None
    ancestors: tuple[Tensor, ...] = ()
    pair_weights: Tensor | None = None

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
            Their sum is the loss.
        """
        weights, curvature, scale = self.weights, model.curvature, model.log_scale.exp()
        text, brain = points
        parts: dict[str, Tensor] = {}
        pair_weights = None if self.pair_weights is None else self.pair_weights[rows]
        if weights.alignment:
            loss = contrastive_loss(
                self.similarity, text, brain, scale, curvature, pair_weights=pair_weights
            )
            parts["alignment"] = weights.alignment * loss
        if weights.brain_apex:
            loss = brain_apex_loss(text, brain, scale, curvature, pair_weights=pair_weights)
            parts["brain_apex"] = weights.brain_apex * loss
        if weights.radius_hinge:
            loss = radius_hinge_loss(text, brain, curvature, margin=weights.radius_margin)
            parts["radius_hinge"] = weights.radius_hinge * loss
        if weights.centroid:
            loss = centroid_loss(text, curvature, target=weights.text_radius)
            loss = loss + centroid_loss(brain, curvature, target=weights.brain_radius)
            parts["centroid"] = weights.centroid * loss
        if weights.extent and self.extent is not None:
            extent = self.extent[rows].to(brain.device)
            loss = extent_loss(brain, extent, min_difference=weights.min_extent_difference)
            parts["extent"] = weights.extent * loss
        if weights.networks and self.ancestors:
            parts["networks"] = weights.networks * self._networks(model, brain, rows)
        if weights.drift:
            drift = model.text_tower.drift() + model.brain_tower.drift()
            parts["drift"] = weights.drift * drift
        return parts

    def _networks(self, model: BrainTextModel, brain: Tensor, rows: Tensor) -> Tensor:
        """Entailment of each map by its ancestors, generation by generation."""
        losses, child = [], brain
        for features in self.ancestors:
            parent = model.embed_brain(features[rows].to(brain.device))
            losses.append(entailment_loss(parent, child, model.curvature))
            child = parent
        return torch.stack(losses).mean()
