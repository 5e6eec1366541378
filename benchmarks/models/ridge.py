"""Ridge regression from text features to a brain basis, scored by cosine.

Ridge on TF-IDF features without an intercept is kernel ridge with the linear kernel; with fewer
terms than studies the primal form is the cheaper one.

Tuning grid: alpha in {1, 2, 5, 10, 20} for retrieval, {0.1, 0.2, 0.5, 1, 2, 5} on LSA features, and
{2, 5, 10, 20, 50} for map prediction, together with the way from the basis back to voxels.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from protocol import voxel_maps
from scipy import linalg, sparse
from tuning import best, map_correlation_score, mean_recall, validation_split

from models.features import LsaFeatures, RegionBasis, TermFeatures, VoxelBasis, cosine
from sklearn_mnm import Studies

TEXT_FEATURES = {"terms": TermFeatures, "lsa": LsaFeatures}
BRAIN_BASES = {"voxels": VoxelBasis, "regions": RegionBasis}
RETRIEVAL_ALPHAS = {"terms": (1, 2, 5, 10, 20), "lsa": (0.1, 0.2, 0.5, 1, 2, 5)}
PREDICTION_ALPHAS = (2, 5, 10, 20, 50)


def ridge_coefficients(
    X: Any, Y: np.ndarray, alphas: Sequence[float]
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield each alpha and its coefficients (n_features, n_targets), without intercept."""
    gram = X.T @ X
    gram = gram.toarray() if sparse.issparse(gram) else gram
    gram, right = gram.astype(np.float32), np.asarray(X.T @ Y, dtype=np.float32)
    diagonal = gram.diagonal().copy()
    for alpha in alphas:
        np.fill_diagonal(gram, diagonal + np.float32(alpha))
        yield alpha, linalg.solve(gram, right, assume_a="pos", check_finite=False)


class RidgeModel:
    """Ridge from text to brain.

    Parameters
    ----------
    text : {"terms", "lsa"}
        TF-IDF of all terms, or its leading 300 directions.
    brain : {"voxels", "regions"}
        512 principal components of voxel maps, or 512 Ward regions.
    transform : {"raw", "sqrt"}
        Maps as they are or their square root, before scaling to unit norm.
    """

    def __init__(self, text: str, brain: str, transform: str) -> None:
        self.text, self.brain, self.transform = text, brain, transform
        self.chosen: dict[str, Any] = {}

    def fit(self, train: Studies) -> "RidgeModel":
        """Tune on 1,000 training studies, then fit on all."""
        self._text = TEXT_FEATURES[self.text]()
        self._brain = BRAIN_BASES[self.brain](self.transform)
        X, Y = self._text.fit_transform(train), self._brain.fit_transform(train)
        self._tune(X, Y, train)
        alphas = [self.chosen["retrieval alpha"], self.chosen["prediction alpha"]]
        coefficients = dict(ridge_coefficients(X, Y, sorted(set(alphas))))
        self._retrieval, self._prediction = (coefficients[alpha] for alpha in alphas)
        return self

    def _tune(self, X: Any, Y: np.ndarray, train: Studies) -> None:
        fit_rows, rows = validation_split(len(Y))
        observed = voxel_maps(train[rows])
        retrieval_alphas = RETRIEVAL_ALPHAS[self.text]
        recalls, correlations = [], []
        alphas = sorted({*retrieval_alphas, *PREDICTION_ALPHAS})
        for alpha, coefficients in ridge_coefficients(X[fit_rows], Y[fit_rows], alphas):
            predicted = X[rows] @ coefficients
            if alpha in retrieval_alphas:
                recalls.append((alpha, mean_recall(cosine(predicted, Y[rows]))))
            if alpha in PREDICTION_ALPHAS:
                for way_back in self._brain.ways_back:
                    maps = self._brain.to_voxels(predicted, way_back)
                    score = map_correlation_score(maps, observed)
                    correlations.append(((alpha, way_back), score))
        alpha, recall = best(recalls)
        (prediction_alpha, way_back), correlation = best(correlations)
        self.chosen = {
            "retrieval alpha": alpha,
            "validation R@10": recall,
            "prediction alpha": prediction_alpha,
            "way back to voxels": way_back,
            "validation map corr": correlation,
        }

    def similarity(self, test: Studies) -> np.ndarray:
        """Cosine of predicted and observed brain vectors."""
        predicted = self._text.transform(test) @ self._retrieval
        return cosine(predicted, self._brain.transform(test))

    def predict_voxels(self, test: Studies) -> np.ndarray:
        """Predict maps from the texts."""
        predicted = self._text.transform(test) @ self._prediction
        return self._brain.to_voxels(predicted, self.chosen["way back to voxels"])
