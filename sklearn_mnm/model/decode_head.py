"""From tangent vectors of texts back to region activations."""

from typing import NamedTuple

import numpy as np

from sklearn_mnm.brain.features import ActivationScaler
from sklearn_mnm.model.ridge import LeaveOutRidge, RidgeFit

# Penalties tried, times the mean squared norm of the tangent vectors.
_ALPHAS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


class DecodeHead(NamedTuple):
    """Ridge regression from tangent vectors to scaled activations, and back to their units.

    Attributes
    ----------
    coef : ndarray of shape (n_components, n_regions)
    intercept : ndarray of shape (n_regions,)
    power : float
        Power by which activations were scaled.
    scale : float
        From the inverse power of predictions to the units of the activations.
    nonnegative : bool
        Whether predictions below zero are set to zero, as none was seen.
    """

    coef: np.ndarray
    intercept: np.ndarray
    power: float
    scale: float
    nonnegative: bool

    @classmethod
    def fit(
        cls,
        tangent: np.ndarray,
        activations: np.ndarray,
        scaler: ActivationScaler,
        groups: np.ndarray | None = None,
        sample_weight: np.ndarray | None = None,
    ) -> "tuple[DecodeHead, np.ndarray]":
        """Choose the penalty by leave-out error and fit on all studies.

        Parameters
        ----------
        tangent : ndarray of shape (n_studies, n_components)
            Tangent vectors at the origin.
        activations : ndarray of shape (n_studies, n_regions)
            Activations of the same studies.
        scaler : ActivationScaler
            From activations to regression targets.
        groups : ndarray of shape (n_studies,), optional
            Studies left out together.
        sample_weight : ndarray of shape (n_studies,), optional
            Positive weights of the studies.

        Returns
        -------
        head : DecodeHead
        left_out : ndarray of shape (n_studies, n_regions), float32
            Of each study by the regression fitted without it (and its group), scaled; to know how
            maps of new studies are predicted, tangent vectors have to be made without the study,
            too. :meth:`activations` brings them to their units.
        """
        targets = scaler.transform(activations)
        centre = np.average(tangent, axis=0, weights=sample_weight)
        ridge = LeaveOutRidge(tangent - centre, targets, groups, sample_weight=sample_weight)

        def accuracy(fit: RidgeFit) -> float:
            errors = np.square(fit.left_out - targets).mean(axis=1)
            return -float(np.average(errors, weights=sample_weight))

        squares = np.square(tangent).sum(axis=1)
        weights = np.ones(len(tangent)) if sample_weight is None else sample_weight
        unit = float(weights @ squares) / len(tangent) or 1.0
        best, _ = ridge.search([alpha * unit for alpha in _ALPHAS], accuracy)
        del ridge  # which holds several arrays as large as what comes next
        head = cls(
            coef=best.coef,
            intercept=scaler.mean - centre @ best.coef,
            power=scaler.power,
            scale=1.0,
            nonnegative=bool(activations.min() >= 0),
        )
        left_out = best.left_out + scaler.mean.astype(np.float32)
        decoded = head.predict(tangent)
        squared = weights @ np.einsum("ij,ij->i", decoded, decoded)
        if squared == 0:
            return head, left_out
        common = weights @ np.einsum("ij,ij->i", decoded, activations)
        return head._replace(scale=float(common / squared)), left_out

    def predict(self, tangent: np.ndarray) -> np.ndarray:
        """Activations of tangent vectors, (n, n_components) -> (n, n_regions)."""
        return self.activations(self.scaled(tangent))

    def scaled(self, tangent: np.ndarray) -> np.ndarray:
        """Scaled activations of tangent vectors, (n, n_components) -> (n, n_regions)."""
        scaled: np.ndarray = tangent @ self.coef + self.intercept
        return scaled

    def activations(self, scaled: np.ndarray) -> np.ndarray:
        """Bring scaled activations, (n, n_regions), which are changed, back to their units."""
        if self.nonnegative:
            scaled = np.maximum(scaled, 0.0, out=scaled)
        activations = np.abs(scaled) ** (1.0 / self.power)
        activations *= np.sign(scaled, out=scaled)
        activations *= self.scale
        return activations
