"""HyperbolicBrainTextEmbedder with the features that it is documented with.

It chooses its hyper-parameters itself, inside `fit`, on the training studies.
"""

from typing import Any

import numpy as np

from benchmarks.common.protocol import FWHM, RESOLUTION
from benchmarks.models.features import N_REGIONS, SEED, TermFeatures
from sklearn_mnm import HyperbolicBrainTextEmbedder, PeaksToRegions, Studies


class EmbedderModel:
    """The embedder on TF-IDF of terms and peaks per Ward region.

    Parameters
    ----------
    **params
        Of `HyperbolicBrainTextEmbedder`, those of its parts as ``objective__...``.
    """

    def __init__(self, **params: Any) -> None:
        self.embedder = HyperbolicBrainTextEmbedder(random_state=SEED).set_params(**params)
        self.chosen: dict[str, Any] = {}

    def fit(self, train: Studies) -> "EmbedderModel":
        """Fit features and embedder."""
        self.text = TermFeatures()
        self.regions = PeaksToRegions(
            n_regions=N_REGIONS, resolution=RESOLUTION, fwhm=FWHM, random_state=SEED
        ).fit(train)
        self.embedder.fit(self.text.fit_transform(train), self.regions.transform(train))
        self.chosen = {"alpha": self.embedder.alpha_, "best epoch": self.embedder.best_epoch_}
        return self

    def similarity(self, test: Studies) -> np.ndarray:
        """Similarity of texts and brains as the embedder defines it."""
        texts = self.embedder.transform(self.text.transform(test))
        return self.embedder.similarity(
            texts, self.embedder.transform_brain(self.regions.transform(test))
        )

    def predict_voxels(self, test: Studies) -> np.ndarray:
        """Predicted region activations, interpolated between regions."""
        return self.regions.voxels_from_regions(
            self.embedder.predict(self.text.transform(test))
        ).astype(np.float32)
