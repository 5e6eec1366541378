"""Partial least squares regression of brain on text.

Text: LSA 300, centred. Brain: square root of the sums over 512 Ward regions, unit norm, centred.

PLS2 by deflating the cross-covariance instead of the data (Dayal and MacGregor 1997,
doi:10.1002/(SICI)1099-128X(199701)11:1<73::AID-CEM435>3.0.CO;2-#), which gives the coefficients of
scikit-learn's ``PLSRegression(scale=False)`` in a fraction of its time.

Grid: {25, 50, 100, 150, 200} components, separately for retrieval and map prediction.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.models.features import CentredLsaFeatures, RegionBasis
from benchmarks.models.linear import LinearModel

COMPONENTS = (25, 50, 100, 150, 200)


class PartialLeastSquares(LinearModel):
    """PLS regression, scored by cosine of prediction and map."""

    def __init__(self) -> None:
        super().__init__(
            CentredLsaFeatures(), RegionBasis("sqrt"), "components", COMPONENTS, COMPONENTS
        )

    def coefficients(
        self, X: Any, Y: np.ndarray, settings: Sequence[float]
    ) -> Iterator[tuple[float, np.ndarray]]:
        """Yield each number of components and its coefficients (n_features, n_targets)."""
        # Components are found one after the other: fewer are a part of more.
        rotations, loadings = _partial_least_squares(X, Y, int(max(settings)))
        for n_components in settings:
            part = slice(int(n_components))
            yield n_components, (rotations[:, part] @ loadings[:, part].T).astype(np.float32)


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
