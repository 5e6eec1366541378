"""The mean training map for every text: what map prediction must beat."""

import numpy as np

from benchmarks.common.protocol import voxel_maps
from sklearn_mnm import Studies


class MeanMap:
    """Predict the mean of the training maps; nothing to tune."""

    def __init__(self) -> None:
        self.chosen: dict[str, float] = {}

    def fit(self, train: Studies) -> "MeanMap":
        """Average the maps of the training studies."""
        total = 0.0
        for start in range(0, len(train), 1000):
            total = total + voxel_maps(train[start : start + 1000]).sum(axis=0, dtype=float)
        self._mean = (total / len(train)).astype(np.float32)
        return self

    def similarity(self, test: Studies) -> None:
        """Return None: all texts look alike."""
        return

    def predict_voxels(self, test: Studies) -> np.ndarray:
        """Return the same map for every study."""
        return np.tile(self._mean, (len(test), 1))
