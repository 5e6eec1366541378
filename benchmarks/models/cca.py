"""Linear models of both views: regularised CCA and partial least squares.

Text: LSA 300. Brain: square root of the sums over 512 Ward regions, unit norm, centred.

PLS is PLS2 regression by deflating the cross-covariance instead of the data (Dayal and MacGregor
1997, doi:10.1002/(SICI)1099-128X(199701)11:1<73::AID-CEM435>3.0.CO;2-#), which gives the
coefficients of scikit-learn's ``PLSRegression(scale=False)`` in a fraction of its time.

Grid of CCA: penalties {0.1, 1, 10, 100} times the mean eigenvalue of each view, {50, 100, 200, 300}
components, weighted by their correlation to the power {0, 0.5, 1}. Grid of PLS: {25, 50, 100, 150,
200} components, separately for retrieval and map prediction.
"""

import itertools
from typing import Any

import numpy as np
from protocol import voxel_maps
from tuning import best, map_correlation_score, mean_recall, validation_split

from models.features import LsaFeatures, RegionBasis, cosine
from sklearn_mnm import Studies

CCA_COMPONENTS = (50, 100, 200, 300)
CCA_PENALTIES = (0.1, 1.0, 10.0, 100.0)
CCA_POWERS = (0.0, 0.5, 1.0)
PLS_COMPONENTS = (25, 50, 100, 150, 200)


class RegularisedCCA:
    """Canonical correlation analysis with ridge penalties, scored by cosine."""

    def __init__(self) -> None:
        self.chosen: dict[str, Any] = {}

    def fit(self, train: Studies) -> "RegularisedCCA":
        """Tune on 1,000 training studies, then fit on all."""
        self._text, self._brain = LsaFeatures(), RegionBasis("sqrt")
        X, Y = self._text.fit_transform(train), self._brain.fit_transform(train)
        self._mean = X.mean(axis=0)
        X = X - self._mean
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
        texts = (self._text.transform(test) - self._mean) @ text
        return cosine(texts, self._brain.transform(test) @ brain)

    def predict_voxels(self, test: Studies) -> None:
        """Return None: it is compared by retrieval only."""
        return


class PartialLeastSquares:
    """PLS regression of brain on text, scored by cosine of prediction and map."""

    def __init__(self) -> None:
        self.chosen: dict[str, Any] = {}

    def fit(self, train: Studies) -> "PartialLeastSquares":
        """Tune on 1,000 training studies, then fit on all."""
        self._text, self._brain = LsaFeatures(), RegionBasis("sqrt")
        X, Y = self._text.fit_transform(train), self._brain.fit_transform(train)
        self._mean = X.mean(axis=0)
        X = X - self._mean
        fit_rows, rows = validation_split(len(X))
        observed = voxel_maps(train[rows])
        # Components are found one after the other: fewer are a part of more.
        pls = _partial_least_squares(X[fit_rows], Y[fit_rows], max(PLS_COMPONENTS))
        recalls, correlations = [], []
        for n_components in PLS_COMPONENTS:
            predicted = X[rows] @ _pls_coefficients(pls, n_components)
            recalls.append((n_components, mean_recall(cosine(predicted, Y[rows]))))
            for way_back in self._brain.ways_back:
                maps = self._brain.to_voxels(predicted, way_back)
                score = map_correlation_score(maps, observed)
                correlations.append(((n_components, way_back), score))
        n_components, recall = best(recalls)
        (n_prediction, way_back), correlation = best(correlations)
        self.chosen = {
            "retrieval components": n_components,
            "validation R@10": recall,
            "prediction components": n_prediction,
            "way back to voxels": way_back,
            "validation map corr": correlation,
        }
        pls = _partial_least_squares(X, Y, max(n_components, n_prediction))
        self._retrieval = _pls_coefficients(pls, n_components)
        self._prediction = _pls_coefficients(pls, n_prediction)
        return self

    def similarity(self, test: Studies) -> np.ndarray:
        """Cosine of predicted and observed brain vectors."""
        predicted = (self._text.transform(test) - self._mean) @ self._retrieval
        return cosine(predicted, self._brain.transform(test))

    def predict_voxels(self, test: Studies) -> np.ndarray:
        """Predict maps from the texts."""
        predicted = (self._text.transform(test) - self._mean) @ self._prediction
        return self._brain.to_voxels(predicted, self.chosen["way back to voxels"])


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


def _partial_least_squares(
    X: np.ndarray, Y: np.ndarray, n_components: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rotations of the features and loadings of the targets, both centred."""
    cross = (X.T @ Y).astype(float)
    rotations = np.zeros((X.shape[1], n_components))
    text_loadings = np.zeros((X.shape[1], n_components))
    brain_loadings = np.zeros((Y.shape[1], n_components))
    for component in range(n_components):
        weight = np.linalg.eigh(cross @ cross.T)[1][:, -1]
        rotation = weight - rotations @ (text_loadings.T @ weight)
        scores = X @ rotation
        squared = scores @ scores
        text_loading, brain_loading = X.T @ scores / squared, cross.T @ rotation / squared
        cross -= squared * np.outer(text_loading, brain_loading)
        rotations[:, component] = rotation
        text_loadings[:, component] = text_loading
        brain_loadings[:, component] = brain_loading
    return rotations, brain_loadings


def _pls_coefficients(pls: tuple[np.ndarray, np.ndarray], n_components: int) -> np.ndarray:
    rotations, loadings = pls
    coefficients = rotations[:, :n_components] @ loadings[:, :n_components].T
    return coefficients.astype(np.float32)
