"""Ridge regression from text features to a brain basis, scored by cosine.

Ridge on TF-IDF features without an intercept is kernel ridge with the linear kernel; with fewer
terms than studies the primal form is the cheaper one.

Tuning grid: alpha in {1, 2, 5, 10, 20} for retrieval, {0.1, 0.2, 0.5, 1, 2, 5} on LSA features, and
{2, 5, 10, 20, 50} for map prediction, together with the way from the basis back to voxels.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy import linalg, sparse

from benchmarks.models.features import LsaFeatures, RegionBasis, TermFeatures, VoxelBasis
from benchmarks.models.linear import LinearModel

TEXT_FEATURES = {"terms": TermFeatures, "lsa": LsaFeatures}
BRAIN_BASES = {"voxels": VoxelBasis, "regions": RegionBasis}
RETRIEVAL_ALPHAS = {"terms": (1, 2, 5, 10, 20), "lsa": (0.1, 0.2, 0.5, 1, 2, 5)}
PREDICTION_ALPHAS = (2, 5, 10, 20, 50)


class RidgeModel(LinearModel):
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
        super().__init__(
            TEXT_FEATURES[text](),
            BRAIN_BASES[brain](transform),
            "alpha",
            RETRIEVAL_ALPHAS[text],
            PREDICTION_ALPHAS,
        )

    def coefficients(
        self, X: Any, Y: np.ndarray, settings: Sequence[float]
    ) -> Iterator[tuple[float, np.ndarray]]:
        """Yield each alpha and its coefficients (n_features, n_targets), without intercept."""
        gram = X.T @ X
        gram = gram.toarray() if sparse.issparse(gram) else gram
        gram, right = gram.astype(np.float32), np.asarray(X.T @ Y, dtype=np.float32)
        diagonal = gram.diagonal().copy()
        for alpha in settings:
            np.fill_diagonal(gram, diagonal + np.float32(alpha))
            yield alpha, linalg.solve(gram, right, assume_a="pos", check_finite=False)
