"""From region activations to the vectors that are compared."""

from typing import NamedTuple

import numpy as np


class ActivationScaler(NamedTuple):
    """Power transform, unit norm and centring of region activations.

    With ``power=0.5`` on peaks per region the inner product of two maps is, up to centring,
    their Bhattacharyya coefficient, and the variance of the counts is stabilised.

    Attributes
    ----------
    power : float
        Exponent applied to absolute values; the sign is kept.
    mean : ndarray of shape (n_regions,)
        Mean of the scaled training maps, subtracted from every map.
    """

    power: float
    mean: np.ndarray

    @classmethod
    def fit(
        cls, activations: np.ndarray, sample_weight: np.ndarray | None = None, *, power: float
    ) -> "ActivationScaler":
        """Learn the mean from training maps.

        Parameters
        ----------
        activations : ndarray of shape (n_studies, n_regions)
            Maps of zeros do not count.
        sample_weight : ndarray of shape (n_studies,), optional
            Positive weights of the studies.
        power : float
            Between 0 and 1.

        Returns
        -------
        scaler : ActivationScaler
        """
        scaled, active = _scaled(activations, power)
        if not active.any():
            return cls(power, np.zeros(activations.shape[1]))
        weights = None if sample_weight is None else sample_weight[active]
        return cls(power, np.average(scaled[active], axis=0, weights=weights))

    def transform(self, activations: np.ndarray) -> np.ndarray:
        """Scale maps.

        Parameters
        ----------
        activations : ndarray of shape (n_maps, n_regions)

        Returns
        -------
        scaled : ndarray of shape (n_maps, n_regions), float32
            A map of zeros stays zero: it tells nothing, rather than the opposite of the mean.
        """
        scaled, active = _scaled(activations, self.power)
        return np.where(active[:, np.newaxis], scaled - self.mean, 0.0).astype(np.float32)

    def expected(self) -> np.ndarray:
        """Activation of each region that is usual beside the others, in any unit, (n_regions,)."""
        usual = np.maximum(self.mean, 0)
        return usual ** (1 / self.power) if self.power > 0 else usual


def filled(activations: np.ndarray, coverage: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Add what is to be expected where maps do not cover the brain.

    Parameters
    ----------
    activations : ndarray of shape (n_maps, n_regions)
        Not negative; of what is covered.
    coverage : ndarray of shape (n_maps, n_regions)
        Share of each region that is covered, from 0 to 1.
    expected : ndarray of shape (n_regions,)
        Usual activations beside each other, see :meth:`ActivationScaler.expected`.

    Returns
    -------
    filled : ndarray of shape (n_maps, n_regions)
        Missing parts are as active, relative to the rest of the map, as usual: they speak for
        nothing and against nothing.
    """
    usual = coverage @ expected
    level = np.divide(activations.sum(axis=1), usual, out=np.zeros(len(usual)), where=usual > 0)
    return activations + (1 - coverage) * expected * level[:, np.newaxis]


def relative_extent(activations: np.ndarray, *, threshold: float = 0.1) -> np.ndarray:
    """Share of the regions that each map activates.

    Parameters
    ----------
    activations : ndarray of shape (n_maps, n_regions)
    threshold : float, default=0.1
        A region is active if its absolute activation is above this share of the largest.

    Returns
    -------
    extent : ndarray of shape (n_maps,), float32
        Between 0, for a map of zeros, and 1.
    """
    sizes = np.abs(activations)
    largest = sizes.max(axis=1, keepdims=True)
    return (sizes > threshold * largest).mean(axis=1, dtype=np.float32)


def _scaled(activations: np.ndarray, power: float) -> tuple[np.ndarray, np.ndarray]:
    activations = np.asarray(activations, dtype=np.float64)
    # By the largest value first, so that no power or square over- or underflows.
    largest = np.abs(activations).max(axis=1, keepdims=True)
    active = largest[:, 0] > 0
    relative = activations / np.where(largest > 0, largest, 1.0)
    scaled = np.sign(relative) * np.abs(relative) ** power
    norms = np.linalg.norm(scaled, axis=1, keepdims=True)
    return scaled / np.where(norms > 0, norms, 1.0), active
