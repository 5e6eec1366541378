"""The closed form from text features to scaled activations, where the towers start."""

from typing import Any, NamedTuple

import numpy as np

from sklearn_mnm._selection import pooled_recall
from sklearn_mnm.closed_form import LeaveOutRidge, RidgeFit

# Penalties tried by ``alpha="auto"``, times the mean squared norm of the rows of X (1 for TF-IDF).
_ALPHAS = (0.1, 0.3, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)


class TextRegression(NamedTuple):
    """Ridge regression with features weighted by their ratio of signal to noise.

    Weighting a feature by w is the same as dividing its penalty by w: the prior of a word
    that tells something about the brain is wider than that of a word that does not.

    Attributes
    ----------
    alpha : float
        Penalty in use.
    scores : dict of float to float
        Leave-out retrieval of each penalty tried.
    weights : ndarray of shape (n_features,)
        Weight of each feature; the mean squared norm of the rows of X stays what it is.
    coef : ndarray of shape (n_features, n_regions), float32
        Predictions are ``X @ coef``, with X as given.
    left_out : ndarray of shape (n_studies, n_regions), float32
        Prediction of each study by the regression fitted without it (and its group); the
        weights are those of all studies.
    """

    alpha: float
    scores: dict[float, float]
    weights: np.ndarray
    coef: np.ndarray
    left_out: np.ndarray

    @classmethod
    def fit(
        cls,
        X: Any,
        brain: np.ndarray,
        groups: np.ndarray | None,
        *,
        alpha: float | str,
        feature_weighting: float,
        seed: int,
    ) -> "TextRegression":
        """Weight the features, choose the penalty and fit.

        Parameters
        ----------
        X : {ndarray, csr_matrix} of shape (n_studies, n_features)
            Text features.
        brain : ndarray of shape (n_studies, n_regions)
            Scaled activations.
        groups : ndarray of shape (n_studies,), optional
            Studies left out together.
        alpha : "auto" or float
            Penalty, or the search for the one with the best leave-out retrieval.
        feature_weighting : float
            Power of the ratio of signal to noise; 0 weights all features alike.
        seed : int
            Of the pools in which retrieval is measured.

        Returns
        -------
        regression : TextRegression
        """
        unit = float(_squares(X).sum()) / X.shape[0] or 1.0
        alphas = [a * unit for a in _ALPHAS] if isinstance(alpha, str) else [float(alpha)]
        weights = np.ones(X.shape[1])
        if feature_weighting:
            ridge = LeaveOutRidge(X, brain, groups)
            excess = ridge.excess_energy(ridge.fit(alphas[len(alphas) // 2]))
            del ridge  # its Gram matrix is as large as the one to come
            weights = _unit_mean(X, excess**feature_weighting)
        root = np.sqrt(weights).astype(X.dtype)
        weighted = X.multiply(root).tocsr() if hasattr(X, "multiply") else X * root
        order = np.random.default_rng(seed).permutation(len(brain))

        def retrieval(fit: RidgeFit) -> float:
            return pooled_recall(fit.left_out[order], brain[order])

        best, scores = LeaveOutRidge(weighted, brain, groups).search(alphas, retrieval)
        coef = root[:, np.newaxis].astype(np.float32) * best.coef
        return cls(best.alpha, scores, weights, coef, best.left_out)


def _squares(X: Any) -> Any:
    return X.multiply(X) if hasattr(X, "multiply") else np.square(X)


def _unit_mean(X: Any, weights: np.ndarray) -> np.ndarray:
    """Weights scaled so that the mean squared norm of the rows of X stays what it is."""
    sums = np.asarray(_squares(X).sum(axis=0), dtype=np.float64).ravel()
    total = float(sums @ weights)
    return weights * (sums.sum() / total) if total > 0 else np.ones_like(weights)
