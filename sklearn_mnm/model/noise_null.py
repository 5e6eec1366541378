"""Whether anything stands out of an image: its scores of terms against those of smooth noise."""

from collections.abc import Callable
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import gen_batches

from sklearn_mnm.brain.smoothness import smooth_noise

#: Of the noise, in mm; real group maps lie within.
FWHM = (4.0, 26.0)
# Noise maps on a mask of this many voxels; fewer on finer ones, for the time that they take.
_N_MAPS, _N_VOXELS, _FEWEST = 300, 30_000, 60
# Noise within this many mm of the smoothness of a map is what it is compared with.
_NEAR = 4.0
# Added to the spread of each term: the rarest would else decide alone.
_LEAST_SPREAD = 0.5
_BLOCK = 100


class NoiseNull(NamedTuple):
    """Scores of terms for maps of smooth noise: whether a map is more than that.

    A map whose studies speak of something has uneven scores. The statistic is the sum of two, each
    in standard deviations over noise: the spread of the logarithms of the scores, and how far the
    term that stands out most does, ``(ln score - mean) / (variance + 1/4)^(1/2)``, of the
    logarithms over noise. The p value of a map is the share of noise maps about as smooth as it is
    whose statistic is as high.

    Attributes
    ----------
    mean, spread : ndarray of shape (n_terms,), float32
        Of the logarithm of the scores over noise; 1/4 is added to the variance.
    units : ndarray of shape (2, 2), float32
        Mean and standard deviation over noise of the two statistics, a row each.
    fwhm : ndarray of shape (n_noise,), float32
        Smoothness of the noise maps in mm.
    statistic : ndarray of shape (n_noise,), float32
        Of these maps.
    """

    mean: np.ndarray
    spread: np.ndarray
    units: np.ndarray
    fwhm: np.ndarray
    statistic: np.ndarray

    @classmethod
    def fit(
        cls, scores_of: Callable[[np.ndarray], np.ndarray], mask_img: Any, *, seed: int = 0
    ) -> "NoiseNull":
        """Score noise.

        Parameters
        ----------
        scores_of : callable
            Takes maps (n_maps, n_voxels) and returns positive scores (n_maps, n_terms).
        mask_img : nibabel.nifti1.Nifti1Image
            Binary mask.
        seed : int, default=0

        Returns
        -------
        null : NoiseNull
        """
        n_voxels = np.count_nonzero(np.asarray(mask_img.dataobj))
        n_maps = int(np.clip(_N_MAPS * _N_VOXELS / n_voxels, _FEWEST, _N_MAPS))
        # One half tells mean and spread, the other what is compared with.
        fwhm = np.tile(np.linspace(*FWHM, n_maps), 2)
        noise = smooth_noise(mask_img, fwhm, seed)
        logs = []
        for _ in gen_batches(len(fwhm), _BLOCK):
            maps = np.stack(list(islice(noise, _BLOCK)))
            logs.append(np.log(scores_of(maps)))
        first, second = np.split(np.concatenate(logs), 2)
        mean = first.mean(axis=0).astype(np.float32)
        spread = np.hypot(first.std(axis=0), _LEAST_SPREAD).astype(np.float32)
        both = _two_statistics(first, mean, spread)
        units = np.stack([both.mean(axis=1), np.maximum(both.std(axis=1), 1e-6)], axis=1)
        units = units.astype(np.float32)
        statistic = _statistic(second, mean, spread, units).astype(np.float32)
        return cls(mean, spread, units, fwhm[:n_maps].astype(np.float32), statistic)

    def p_values(self, scores: np.ndarray, fwhm: np.ndarray) -> np.ndarray:
        """Probability that scores of noise are as uneven as those of maps.

        Parameters
        ----------
        scores : ndarray of shape (n_maps, n_terms)
            Positive.
        fwhm : ndarray of shape (n_maps,)
            Smoothness of the maps in mm.

        Returns
        -------
        p : ndarray of shape (n_maps,)
            Never 0.
        """
        found = _statistic(np.log(scores), self.mean, self.spread, self.units)
        p = np.empty(len(found))
        for row, (value, width) in enumerate(zip(found, np.clip(fwhm, *FWHM), strict=True)):
            near = self.statistic[np.abs(self.fwhm - width) <= _NEAR]
            p[row] = _share_as_high(value, near)
        return p

    def p_value_among(self, scores: np.ndarray, noise: np.ndarray) -> float:
        """Probability that scores of noise are as uneven as those of one map.

        Parameters
        ----------
        scores : ndarray of shape (n_terms,)
        noise : ndarray of shape (n_noise, n_terms)
            Scores of noise maps that are like the map in all but what it shows.

        Returns
        -------
        p : float
            Never 0.
        """
        logs = np.log(np.vstack([scores, noise]))
        found = _statistic(logs, self.mean, self.spread, self.units)
        return _share_as_high(found[0], found[1:])


def _share_as_high(value: float, noise: np.ndarray) -> float:
    """Share of the statistics of noise and of a map that are as high as that of the map."""
    return float((1 + np.count_nonzero(noise >= value)) / (1 + len(noise)))


def _statistic(
    logs: np.ndarray, mean: np.ndarray, spread: np.ndarray, units: np.ndarray
) -> np.ndarray:
    """Sum the two, in standard deviations over noise, (n_maps, n_terms) -> (n_maps,)."""
    centre, unit = units.T[:, :, np.newaxis]
    return ((_two_statistics(logs, mean, spread) - centre) / unit).sum(axis=0)


def _two_statistics(logs: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    outstanding = ((logs - mean) / spread).max(axis=1)
    return np.stack([logs.std(axis=1), outstanding])
