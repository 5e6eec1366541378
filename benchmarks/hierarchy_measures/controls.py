"""Terms in hyperbolic space and in three flat controls, by the same data, losses and steps.

All have the same directions of the same dimension, the same radii (half the information; flat
cosine knows none), the same texts and the same number of steps. They differ in how radii and the
angle become ln P(a | x), and in the few parameters of their own that they learn with it.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.hierarchy_measures.corpus import FoldCorpus
from benchmarks.hierarchy_measures.rows import BLOCK, Row
from sklearn_mnm import Studies, TermVectorizer
from sklearn_mnm.model.term_space import TermSpace
from sklearn_mnm.nn.term_directions import hyperbolic_log_conditional
from sklearn_mnm.text import contiguous_parts

# Epochs of 16 steps, as the embedder has by default.
N_EPOCHS = 8
# Of the cones, as in MERU: the half-aperture is asin(K / rho).
CONE = 0.1


def flat_distance(rows: np.ndarray, asked: Tensor, given: Tensor, versine: Tensor) -> Tensor:
    """Detours in Euclidean space, with the norm as the radius."""
    a, x = asked / 2, given / 2
    squared = (a - x).square() + 2 * a * x * versine.clamp(min=0)
    return -(a + squared.clamp(min=1e-9).sqrt() - x).clamp(min=0)


class CosineAndDepth(torch.nn.Module):
    """Logistic regression on the cosine and the difference of depths, a weight and rate a term."""

    def __init__(self, information: np.ndarray) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.full((len(information),), 4.0))
        start = -torch.as_tensor(information, dtype=torch.float32)
        self.rate = torch.nn.Parameter(start)
        self.depth = torch.nn.Parameter(torch.tensor(0.25))

    def forward(self, rows: np.ndarray, asked: Tensor, given: Tensor, versine: Tensor) -> Tensor:
        """Give ln P(a | x)."""
        logit = self.weight[rows] * (1 - versine) + self.rate[rows]
        return functional.logsigmoid(logit + self.depth * (given - asked))


class FlatCones(torch.nn.Module):
    """Euclidean entailment cones: ln P falls with the angle by which x is outside of a's cone."""

    def __init__(self, information: np.ndarray) -> None:
        super().__init__()
        self.log_scale = torch.nn.Parameter(torch.tensor(0.5))

    def forward(self, rows: np.ndarray, asked: Tensor, given: Tensor, versine: Tensor) -> Tensor:
        """Give ln P(a | x)."""
        a, x = asked / 2, given / 2
        cosine = (1 - versine).clamp(-1, 1)
        # The exterior angle at a, between the ray from the origin and the way from a to x.
        along = x * cosine - a
        across = x * (1 - cosine.square()).clamp(min=1e-9).sqrt()
        outside = torch.atan2(across, along) - torch.asin((CONE / a).clamp(max=0.999))
        return -self.log_scale.exp() * functional.relu(outside)


#: Geometries by name: their title, and what makes ln P(a | x) of the information of the terms.
GEOMETRIES: dict[str, tuple[str, Callable]] = {
    "hyperbolic": ("hyperbolic", lambda information: hyperbolic_log_conditional),
    "flat": ("flat, distance with norm as radius", lambda information: flat_distance),
    "cosine": ("flat, cosine with scalar depth", CosineAndDepth),
    "cones": ("flat, Euclidean cones", FlatCones),
}


def term_row(name: str, n_dimensions: int, corpus: FoldCorpus, seed: int) -> Row:
    """Fit terms in one of the geometries.

    Parameters
    ----------
    name : str
        Key of `GEOMETRIES`.
    n_dimensions : int
        Of the directions.
    corpus : FoldCorpus
    seed : int

    Returns
    -------
    row : Row
        Of terms and texts, without maps.
    """
    vectorizer = TermVectorizer(corpus.train.vocabulary)
    features = vectorizer.fit_transform(corpus.train.counts).astype(np.float32)
    parts = contiguous_parts(vectorizer)
    title, make = GEOMETRIES[name]
    counts = np.asarray((((features != 0).astype(float) @ parts.astype(float)) > 0).sum(axis=0))
    geometry = make(-np.log((counts.ravel() - 0.5) / len(corpus.train)))
    space = TermSpace.fit(
        features,
        parts,
        n_dimensions=n_dimensions,
        n_epochs=N_EPOCHS,
        seed=seed,
        log_conditional=geometry,
    )
    rows = np.arange(len(space.information))
    information = torch.as_tensor(space.information, dtype=torch.float32)
    directions = torch.as_tensor(space.directions)

    def log_p(of: np.ndarray, known: np.ndarray) -> np.ndarray:
        blocks = []
        for start in range(0, len(of), BLOCK):
            given = torch.as_tensor(of[start : start + BLOCK], dtype=torch.float32)
            own = torch.as_tensor(known[start : start + BLOCK], dtype=torch.float32)
            with torch.no_grad():
                logs = geometry(rows, information, own[:, None], 1 - given @ directions.T)
            blocks.append(logs.numpy())
        return np.vstack(blocks) if blocks else np.empty((0, len(rows)))

    def text(studies: Studies) -> tuple[np.ndarray, np.ndarray]:
        own = vectorizer.transform(studies.counts)
        return space.text_directions(own), space.text_information(space.held(own))

    def text_radius(studies: Studies) -> np.ndarray:
        radius = text(studies)[1] / 2
        return np.where(radius > 0, radius, np.nan)

    return Row(
        title=f"{title}, d = {n_dimensions}",
        terms=list(vectorizer.get_feature_names_out()),
        radius=space.information / 2,
        log_p_terms=lambda positions: log_p(
            space.directions[positions], space.information[positions]
        ),
        log_p_texts=lambda studies: log_p(*text(studies)),
        text_radius=text_radius,
    )
