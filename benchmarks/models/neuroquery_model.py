"""NeuroQuery (Dockès et al. 2020, doi:10.7554/eLife.53385), trained by its own package.

`SmoothedRegression` of the ``neuroquery`` package with its own defaults (300 components of the
smoothing, weight 0.1) and its own choice of the penalty by generalised cross-validation out of
nine, on sublinear TF-IDF and the square root of the sums over 512 Ward regions: the package's voxel
targets would take hours a fold. Chosen on validation studies: values or z values for retrieval,
and the way from predicted values to a map (nearest or smooth, as is or squared).

Needs ``pip install neuroquery``.
"""

import contextlib
import io
from typing import Any

import numpy as np

from benchmarks.common.protocol import voxel_maps
from benchmarks.common.tuning import best, map_correlation_score, mean_recall, validation_split
from benchmarks.models.features import RegionBasis, TermFeatures, cosine
from sklearn_mnm import Studies


class NeuroQueryModel:
    """The smoothed, selective ridge regression of the package."""

    def __init__(self) -> None:
        self.chosen: dict[str, Any] = {}

    def fit(self, train: Studies) -> "NeuroQueryModel":
        """Choose the output on 1,000 training studies, then fit on all."""
        self._text, self._brain = TermFeatures(), RegionBasis("sqrt")
        X, Y = self._text.fit_transform(train).toarray(), self._brain.fit_transform(train)
        fit_rows, rows = validation_split(len(Y))
        regression = fitted_regression(X[fit_rows], Y[fit_rows])
        observed = voxel_maps(train[rows])
        recalls = [
            (output, mean_recall(cosine(predicted_output(regression, X[rows], output), Y[rows])))
            for output in ("values", "z values")
        ]
        values = predicted_output(regression, X[rows], "values")
        correlations = [
            (way, map_correlation_score(self._brain.to_voxels(values, way), observed))
            for way in self._brain.ways_back
        ]
        output, recall = best(recalls)
        way_back, correlation = best(correlations)
        self.chosen = {
            "retrieval output": output,
            "validation R@10": recall,
            "way back to voxels": way_back,
            "validation map corr": correlation,
        }
        self._regression = fitted_regression(X, Y)
        self.chosen["alpha"] = float(self._regression.regression_.alpha_)
        self.chosen["terms"] = len(self._regression.regression_.selected_features_)
        return self

    def similarity(self, test: Studies) -> np.ndarray:
        """Cosine of predicted and observed region vectors."""
        predicted = self._predicted(test, self.chosen["retrieval output"])
        return cosine(predicted, self._brain.transform(test))

    def predict_voxels(self, test: Studies) -> np.ndarray:
        """Predict maps from the texts."""
        return self._brain.to_voxels(
            self._predicted(test, "values"), self.chosen["way back to voxels"]
        )

    def _predicted(self, test: Studies, output: str) -> np.ndarray:
        return predicted_output(self._regression, self._text.transform(test).toarray(), output)


def fitted_regression(X: np.ndarray, Y: np.ndarray) -> Any:
    """Fit the package's regression, by its own choice of the penalty."""
    from neuroquery.smoothed_regression import SmoothedRegression

    with contextlib.redirect_stdout(io.StringIO()):  # the package prints
        return SmoothedRegression().fit(X, Y)


def predicted_output(regression: Any, X: np.ndarray, output: str) -> np.ndarray:
    """Values or z values that it predicts of texts."""
    if output == "values":
        return regression.predict(X).astype(np.float32)
    return np.nan_to_num(regression.transform_to_z_maps(X)).astype(np.float32)
