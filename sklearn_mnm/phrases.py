"""Scores of any phrases for brain maps."""

from typing import NamedTuple

import numpy as np

from sklearn_mnm._points import points_of
from sklearn_mnm.embedder import HyperbolicBrainTextEmbedder

# Maps that stand for all where the mean and spread of a phrase's similarity are estimated.
_REFERENCE_MAPS = 2000


class PhraseScorer(NamedTuple):
    """Similarity of phrases, as texts, to maps, standardised over reference maps.

    Without the standardising, phrases whose points lie in the midst of all would be near every
    map (hubs).

    Attributes
    ----------
    points : ndarray of shape (n_phrases, n_components + 1)
        Of the phrases; those at the origin, of which nothing is known, score NaN.
    mean, std : ndarray of shape (n_phrases,)
        Of the similarity over the reference maps.
    embedder : HyperbolicBrainTextEmbedder
        Fitted.
    """

    points: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    embedder: HyperbolicBrainTextEmbedder

    @classmethod
    def fit(
        cls, points: np.ndarray, reference: np.ndarray, embedder: HyperbolicBrainTextEmbedder
    ) -> "PhraseScorer":
        """Compare phrases with reference maps.

        Parameters
        ----------
        points : ndarray of shape (n_phrases, n_components + 1)
        reference : ndarray of shape (n_maps, n_components)
            Tangent vectors of maps.
        embedder : HyperbolicBrainTextEmbedder
            Fitted.

        Returns
        -------
        scorer : PhraseScorer
        """
        step = -(-len(reference) // _REFERENCE_MAPS)
        similarity = embedder.similarity(points, points_of(reference[::step], embedder.curvature_))
        known = np.any(points[:, 1:], axis=1)
        std = np.where(known & (similarity.std(axis=1) > 0), similarity.std(axis=1), np.nan)
        return cls(points, similarity.mean(axis=1), std, embedder)

    def __call__(self, brain_points: np.ndarray) -> np.ndarray:
        """Score maps, (n_maps, n_components + 1) -> (n_maps, n_phrases)."""
        similarity = self.embedder.similarity(self.points, brain_points)
        return ((similarity - self.mean[:, np.newaxis]) / self.std[:, np.newaxis]).T
