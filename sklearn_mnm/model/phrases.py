"""Scores of any phrases for brain maps."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

# Maps that stand for all where the mean and spread of a phrase's similarity are estimated.
_REFERENCE_MAPS = 2000


class PhraseScorer(NamedTuple):
    """Similarity of phrases, as texts, to maps, standardised over reference maps.

    Without the standardising, phrases whose points lie in the midst of all would be near every
    map (hubs).

    Attributes
    ----------
    points : ndarray of shape (n_phrases, n_dimensions + 1)
        Of the phrases; those at the origin, of which nothing is known, score NaN.
    mean, std : ndarray of shape (n_phrases,)
        Of the similarity over the reference maps.
    similarity : callable
        Of points of texts (n, n_dimensions + 1) and of maps (m, n_dimensions + 1), shape (n, m).
    """

    points: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    similarity: Callable[[np.ndarray, np.ndarray], np.ndarray]

    @classmethod
    def fit(
        cls,
        points: np.ndarray,
        reference: np.ndarray,
        similarity: Callable[[np.ndarray, np.ndarray], np.ndarray],
    ) -> "PhraseScorer":
        """Compare phrases with reference maps.

        Parameters
        ----------
        points : ndarray of shape (n_phrases, n_dimensions + 1)
        reference : ndarray of shape (n_maps, n_dimensions + 1)
            Points of maps; of many, some stand for all.
        similarity : callable
            See above.

        Returns
        -------
        scorer : PhraseScorer
        """
        step = -(-len(reference) // _REFERENCE_MAPS)
        found = similarity(points, reference[::step])
        known = np.any(points[:, 1:], axis=1)
        std = np.where(known & (found.std(axis=1) > 0), found.std(axis=1), np.nan)
        return cls(points, found.mean(axis=1), std, similarity)

    def __call__(self, brain_points: np.ndarray) -> np.ndarray:
        """Score maps, (n_maps, n_dimensions + 1) -> (n_maps, n_phrases)."""
        found = self.similarity(self.points, brain_points)
        return ((found - self.mean[:, np.newaxis]) / self.std[:, np.newaxis]).T
