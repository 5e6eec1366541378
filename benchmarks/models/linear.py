"""What the linear models share: settings chosen twice, for retrieval and for map prediction."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.common.protocol import voxel_maps
from benchmarks.common.tuning import best, map_correlation_score, mean_recall, validation_split
from benchmarks.models.features import cosine
from sklearn_mnm import Studies


class LinearModel:
    """A linear map from text features to a brain basis, scored by cosine.

    A subclass says which features and basis, and how the map follows from a setting.

    Parameters
    ----------
    text, brain : object
        Text features and brain basis of ``models.features``, not yet fitted.
    setting : str
        What the settings are called in ``chosen``.
    retrieval_grid, prediction_grid : sequence of float
        Settings tried for each of the two.
    """

    def __init__(
        self,
        text: Any,
        brain: Any,
        setting: str,
        retrieval_grid: Sequence[float],
        prediction_grid: Sequence[float],
    ) -> None:
        self._text, self._brain, self._setting = text, brain, setting
        self._retrieval_grid, self._prediction_grid = retrieval_grid, prediction_grid
        self.chosen: dict[str, Any] = {}

    def coefficients(
        self, X: Any, Y: np.ndarray, settings: Sequence[float]
    ) -> Iterator[tuple[float, np.ndarray]]:
        """Yield each setting, in ascending order, and its coefficients (n_features, n_targets)."""
        raise NotImplementedError

    def fit(self, train: Studies) -> "LinearModel":
        """Tune on 1,000 training studies, then fit on all."""
        X, Y = self._text.fit_transform(train), self._brain.fit_transform(train)
        self._tune(X, Y, train)
        chosen = [self.chosen[f"{use} {self._setting}"] for use in ("retrieval", "prediction")]
        fitted = dict(self.coefficients(X, Y, sorted(set(chosen))))
        self._retrieval, self._prediction = (fitted[setting] for setting in chosen)
        return self

    def _tune(self, X: Any, Y: np.ndarray, train: Studies) -> None:
        fit_rows, rows = validation_split(len(Y))
        observed = voxel_maps(train[rows])
        recalls, correlations = [], []
        settings = sorted({*self._retrieval_grid, *self._prediction_grid})
        for setting, coefficients in self.coefficients(X[fit_rows], Y[fit_rows], settings):
            predicted = X[rows] @ coefficients
            if setting in self._retrieval_grid:
                recalls.append((setting, mean_recall(cosine(predicted, Y[rows]))))
            if setting in self._prediction_grid:
                for way_back in self._brain.ways_back:
                    maps = self._brain.to_voxels(predicted, way_back)
                    score = map_correlation_score(maps, observed)
                    correlations.append(((setting, way_back), score))
        setting, recall = best(recalls)
        (prediction_setting, way_back), correlation = best(correlations)
        self.chosen = {
            f"retrieval {self._setting}": setting,
            "validation R@10": recall,
            f"prediction {self._setting}": prediction_setting,
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
