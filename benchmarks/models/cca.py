"""Regularised canonical correlation analysis of texts and brains.

Text: LSA 300, centred. Brain: square root of the sums over 512 Ward regions, unit norm, centred.
Grid: penalties {0.1, 1, 10, 100} times the mean eigenvalue of each view, {50, 100, 200, 300}
components, weighted by their correlation to the power {0, 0.5, 1}.
"""

import itertools
from typing import Any

import numpy as np

from benchmarks.common.tuning import best, mean_recall, validation_split
from benchmarks.models.features import CentredLsaFeatures, RegionBasis, cosine
from sklearn_mnm import Studies

CCA_COMPONENTS = (50, 100, 200, 300)
CCA_PENALTIES = (0.1, 1.0, 10.0, 100.0)
CCA_POWERS = (0.0, 0.5, 1.0)


class RegularisedCCA:
    """Canonical correlation analysis with ridge penalties, scored by cosine."""

    def __init__(self) -> None:
        self.chosen: dict[str, Any] = {}

    def fit(self, train: Studies) -> "RegularisedCCA":
        """Tune on 1,000 training studies, then fit on all."""
        self._text, self._brain = CentredLsaFeatures(), RegionBasis("sqrt")
        X, Y = self._text.fit_transform(train), self._brain.fit_transform(train)
        fit_rows, rows = validation_split(len(X))
        scored = []
        for penalties in itertools.product(CCA_PENALTIES, repeat=2):
            parts = _canonical_directions(X[fit_rows], Y[fit_rows], *penalties)
            for n_components, power in itertools.product(CCA_COMPONENTS, CCA_POWERS):
                text, brain = _weighted(*parts, n_components, power)
                score = mean_recall(cosine(X[rows] @ text, Y[rows] @ brain))
                scored.append(((*penalties, n_components, power), score))
        (text_penalty, brain_penalty, n_components, power), score = best(scored)
        self.chosen = {
            "text penalty": text_penalty,
            "brain penalty": brain_penalty,
            "components": n_components,
            "power": power,
            "validation R@10": score,
        }
        parts = _canonical_directions(X, Y, text_penalty, brain_penalty)
        self._directions = _weighted(*parts, n_components, power)
        return self

    def similarity(self, test: Studies) -> np.ndarray:
        """Cosine of the canonical variates."""
        text, brain = self._directions
        texts = self._text.transform(test) @ text
        return cosine(texts, self._brain.transform(test) @ brain)

    def predict_voxels(self, test: Studies) -> None:
        """Return None: it is compared by retrieval only."""
        return


def _canonical_directions(
    X: np.ndarray, Y: np.ndarray, text_penalty: float, brain_penalty: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    text, brain = _whitener(X, text_penalty), _whitener(Y, brain_penalty)
    left, correlations, right = np.linalg.svd(
        text @ (X.T @ Y / len(X)) @ brain, full_matrices=False
    )
    return text @ left, correlations, brain @ right.T


def _whitener(X: np.ndarray, penalty: float) -> np.ndarray:
    """Inverse square root of the penalised covariance."""
    values, vectors = np.linalg.eigh(X.T @ X / len(X))
    return (vectors / np.sqrt(values + penalty * values.mean())) @ vectors.T


def _weighted(
    text: np.ndarray, correlations: np.ndarray, brain: np.ndarray, n_components: int, power: float
) -> tuple[np.ndarray, np.ndarray]:
    weights = correlations[:n_components] ** power
    return text[:, :n_components] * weights, brain[:, :n_components] * weights
