"""Text and brain features, fitted on the training studies of a fold only.

Weights of terms and bases of maps are learnt without the pairing of texts and brains, so they are
fitted once on all training studies; only the regression from one to the other leaves out the
validation studies while hyper-parameters are tuned.
"""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.utils.extmath import randomized_svd

from benchmarks.common.protocol import FWHM, RESOLUTION, voxel_maps
from sklearn_mnm import PeaksToRegions, Studies, TermVectorizer

N_LSA = 300
N_COMPONENTS = 512
N_REGIONS = 512
SEED = 0


def unit_rows(values: np.ndarray) -> np.ndarray:
    """Scale rows to length 1 in place; rows of zeros stay zero."""
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    values /= np.where(norms > 0, norms, 1)
    return values


def cosine(texts: np.ndarray, brains: np.ndarray) -> np.ndarray:
    """Cosine of all pairs, shape (n_texts, n_brains)."""
    return unit_rows(np.array(texts)) @ unit_rows(np.array(brains)).T


class TermFeatures:
    """Sublinear TF-IDF of terms in at least 3 training studies, unit norm."""

    def fit_transform(self, studies: Studies) -> sparse.csr_matrix:
        """Learn terms and weights; return features of shape (n_studies, n_terms)."""
        self._vectorizer = TermVectorizer(studies.vocabulary, min_df=3, sublinear_tf=True)
        self._vectorizer.fit(studies.counts)
        return self.transform(studies)

    def transform(self, studies: Studies) -> sparse.csr_matrix:
        """Features of shape (n_studies, n_terms), float32."""
        return self._vectorizer.transform(studies.counts).astype(np.float32)


class LsaFeatures:
    """The leading 300 directions of the TF-IDF features (latent semantic analysis)."""

    def fit_transform(self, studies: Studies) -> np.ndarray:
        """Learn terms, weights and directions; return features of shape (n_studies, 300)."""
        self._terms = TermFeatures()
        terms = self._terms.fit_transform(studies)
        self._svd = TruncatedSVD(N_LSA, random_state=SEED).fit(terms)
        return self.transform(studies)

    def transform(self, studies: Studies) -> np.ndarray:
        """Features of shape (n_studies, 300), float32."""
        return self._svd.transform(self._terms.transform(studies)).astype(np.float32)


class CentredLsaFeatures(LsaFeatures):
    """The same, less their mean over the training studies."""

    def fit_transform(self, studies: Studies) -> np.ndarray:
        """Learn the features and their mean; return them centred, shape (n_studies, 300)."""
        self._mean = np.float32(0)
        features = super().fit_transform(studies)
        self._mean = features.mean(axis=0)
        return features - self._mean

    def transform(self, studies: Studies) -> np.ndarray:
        """Features of shape (n_studies, 300), float32."""
        return super().transform(studies) - self._mean


class VoxelBasis:
    """512 principal components of unit-norm voxel maps, as they are or of their square root."""

    def __init__(self, transform: str) -> None:
        self.transform_name = transform

    # Ways from scores back to a map, of which the tuning chooses one. A square-root map
    # orders voxels as its square does, but their correlations with a peak map differ.
    @property
    def ways_back(self) -> list[Any]:
        """Names of the ways back to a map."""
        return ["as is"] if self.transform_name == "raw" else ["as is", "squared"]

    def fit_transform(self, studies: Studies) -> np.ndarray:
        """Learn mean and components; return scores of shape (n_studies, 512)."""
        maps = self._maps(studies)
        self._mean = maps.mean(axis=0)
        maps -= self._mean
        n_components = min(N_COMPONENTS, len(maps))
        _, _, self._components = randomized_svd(maps, n_components, n_iter=2, random_state=SEED)
        return maps @ self._components.T

    def transform(self, studies: Studies) -> np.ndarray:
        """Scores of shape (n_studies, 512), float32, centred on the training mean."""
        return (self._maps(studies) - self._mean) @ self._components.T

    def to_voxels(self, scores: np.ndarray, way_back: str) -> np.ndarray:
        """Voxel maps of shape (n_studies, n_voxels) from scores."""
        maps = scores @ self._components + self._mean
        return maps if way_back == "as is" else np.maximum(maps, 0) ** 2

    def _maps(self, studies: Studies) -> np.ndarray:
        maps = voxel_maps(studies)
        if self.transform_name == "sqrt":
            np.sqrt(maps, out=maps)
        return unit_rows(maps)


class RegionBasis:
    """Unit-norm activations summed over 512 Ward regions, or their square root, centred."""

    def __init__(self, transform: str) -> None:
        self.transform_name = transform

    @property
    def ways_back(self) -> list[Any]:
        """Pairs of interpolation and name of the ways back to a map."""
        names = ["as is"] if self.transform_name == "raw" else ["as is", "squared"]
        return [(interpolation, name) for interpolation in ("nearest", "smooth") for name in names]

    def fit_transform(self, studies: Studies) -> np.ndarray:
        """Learn regions and mean; return values of shape (n_studies, 512)."""
        self._converter = PeaksToRegions(
            n_regions=N_REGIONS, resolution=RESOLUTION, fwhm=FWHM, random_state=SEED
        ).fit(studies)
        values = self._values(studies)
        self.mean_ = values.mean(axis=0)
        return values - self.mean_

    def transform(self, studies: Studies) -> np.ndarray:
        """Values of shape (n_studies, 512), float32, centred on the training mean."""
        return self._values(studies) - self.mean_

    def to_voxels(self, scores: np.ndarray, way_back: tuple[str, str]) -> np.ndarray:
        """Voxel maps of shape (n_studies, n_voxels) from centred values."""
        interpolation, name = way_back
        values = np.maximum(scores + self.mean_, 0)
        # Sums over regions of different sizes become densities when they go back to voxels.
        if name == "squared":
            values = values**2
        elif self.transform_name == "sqrt":
            values = values * np.sqrt(self._converter.region_volumes_)
        return self._converter.voxels_from_regions(
            values.astype(np.float32), interpolation=interpolation
        )

    def painted(self, values: np.ndarray) -> np.ndarray:
        """Voxel maps that show values of regions as they are, (n_maps, n_voxels)."""
        return self._converter.blend(values)

    def _values(self, studies: Studies) -> np.ndarray:
        sums = self._converter.transform(studies)
        if self.transform_name == "sqrt":
            np.sqrt(sums, out=sums)
        return unit_rows(sums.astype(np.float32))
