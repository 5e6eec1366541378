"""The closed form from text features to scaled activations, where the towers start."""

from typing import Any, NamedTuple

import numpy as np

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.model.ridge import LeaveOutRidge, RidgeFit, RidgeStatistics, scaled
from sklearn_mnm.model.selection import pooled_recall

# Penalties tried by ``alpha="auto"``, times the mean squared norm of the rows of X (1 for TF-IDF).
_ALPHAS = (0.1, 0.3, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
# In the same unit; beyond, texts or penalty are lost in rounding.
_LARGEST_ALPHA = 1e15
# Share of the terms that are missing in the texts for which there are coefficients of their own:
# titles and queries.
_TERM_DROPOUT = 0.95
# Least weight in the penalty of short texts, relative to the mean.
_SMALLEST_WEIGHT = 1e-3


class EarlierTexts(NamedTuple):
    """Studies that a regression is fitted to beside those at hand.

    Attributes
    ----------
    statistics : RidgeStatistics
    alpha : float
        Penalty of their regression, which is kept.
    mean_terms : float
        Mean number of terms of their texts.
    has_short_coef : bool
        Whether they had coefficients for short texts.
    """

    statistics: RidgeStatistics
    alpha: float
    mean_terms: float
    has_short_coef: bool


class TextRegression(NamedTuple):
    r"""Ridge regression with features weighted by their ratio of signal to noise.

    Weighting a feature by w is the same as dividing its penalty by w: the prior of a word
    that tells something about the brain is wider than that of a word that does not.

    The coefficient of a word is its effect given all other words of the text, so a text of few
    words needs other coefficients. Regression on texts whose terms are each dropped with
    probability q has the closed form of the ridge regression with
    :math:`q / (1 - q) \sum_i x_{ij}^2` added to the penalty of feature j (marginalised
    dropout, van der Maaten et al. 2013, Proc. ICML 28:410). A text is predicted by
    :math:`s^2` times the one and :math:`1 - s^2` times the other, where s is the number of its
    terms relative to the mean, at most 1.

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
    short_coef : ndarray of shape (n_features, n_regions), float32, or None
        The same for texts of few terms, scaled to predictions of the same size; None if no two
        texts differ in their number of terms.
    mean_terms : float
        Mean number of terms of a text.
    left_out : ndarray of shape (n_studies, n_regions), float32
        Prediction of each study by the regression fitted without it (and its group); the
        weights are those of all studies.
    statistics : RidgeStatistics or None
        Of `X` as given and earlier studies, if asked for.
    """

    alpha: float
    scores: dict[float, float]
    weights: np.ndarray
    coef: np.ndarray
    short_coef: np.ndarray | None
    mean_terms: float
    left_out: np.ndarray
    statistics: RidgeStatistics | None

    @classmethod
    def fit(
        cls,
        X: Any,
        brain: np.ndarray,
        groups: np.ndarray | None,
        sample_weight: np.ndarray | None = None,
        *,
        alpha: float | str,
        seed: int,
        earlier: EarlierTexts | None = None,
        keep_statistics: bool = False,
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
        sample_weight : ndarray of shape (n_studies,), optional
            Positive weights of the studies.
        alpha : "auto" or float
            Penalty, or the search for the one with the best leave-out retrieval. With `earlier`
            studies it is theirs, and this is the one by which the features were weighted.
        seed : int
            Of the pools in which retrieval is measured.
        earlier : EarlierTexts, optional
            Studies to go on from.
        keep_statistics : bool, default=False
            Whether to return what is needed to go on from here.

        Returns
        -------
        regression : TextRegression

        Raises
        ------
        InvalidInputError
            If `X` is too large, `alpha` is no penalty for it, or it holds values so large or small
            that their squares, or the coefficients, leave the range of its precision.
        """
        statistics = None if earlier is None else earlier.statistics
        energy = _feature_energy(X, sample_weight)
        _check_magnitude(energy, X)
        n_studies = len(brain)
        if statistics is not None:
            energy += np.diag(statistics.gram)
            n_studies += statistics.n_samples
        unit = float(energy.sum()) / n_studies or 1.0

        if not isinstance(alpha, str) and not 1 / _LARGEST_ALPHA <= alpha / unit <= _LARGEST_ALPHA:
            raise InvalidInputError(
                f"alpha={alpha:g} is {alpha / unit:g} times the mean squared norm of the rows of "
                f"X, {unit:g}, where double precision tells penalties from {1 / _LARGEST_ALPHA:g} "
                f"to {_LARGEST_ALPHA:g} times apart. Give one within, or 'auto'."
            )
        alphas = [a * unit for a in _ALPHAS] if isinstance(alpha, str) else [float(alpha)]
        ridge = LeaveOutRidge(X, brain, groups, sample_weight=sample_weight, earlier=statistics)
        # Of the middle of the grid also later on, or features would be weighted otherwise then.
        excess = ridge.excess_energy(alphas[len(alphas) // 2])
        if earlier is not None:
            alphas = [earlier.alpha]
        weights = _unit_mean(energy, excess)
        kept = ridge.statistics() if keep_statistics else None
        root = np.sqrt(weights)
        ridge.scale_features(root)
        order = np.random.default_rng(seed).permutation(len(brain))
        ordered_weight = None if sample_weight is None else sample_weight[order]

        def retrieval(fit: RidgeFit) -> float:
            return pooled_recall(fit.left_out[order], brain[order], ordered_weight)

        best, scores = ridge.search(alphas, retrieval)
        coef = root[:, np.newaxis].astype(np.float32) * best.coef
        n_terms = count_terms(X)
        mean_terms = float(n_terms.mean())
        if earlier is not None:
            share = len(brain) / n_studies
            mean_terms = share * mean_terms + (1 - share) * earlier.mean_terms
        short_coef = None
        differ = n_terms.min() < n_terms.max() or (earlier is not None and earlier.has_short_coef)
        if differ:
            penalty = best.alpha / np.maximum(weights, _SMALLEST_WEIGHT)
            penalty += _TERM_DROPOUT / (1 - _TERM_DROPOUT) * energy
            short_root = np.sqrt(1 / penalty)
            ridge.scale_features(short_root / root)
            short = ridge.fit(1.0)
            short_coef = short_root[:, np.newaxis].astype(np.float32) * short.coef
            short_coef *= _mean_norm(best.left_out) / (_mean_norm(short.left_out) or 1.0)
        return cls(best.alpha, scores, weights, coef, short_coef, mean_terms, best.left_out, kept)


def predict_brain(
    X: Any, coef: np.ndarray, short_coef: np.ndarray | None, mean_terms: float
) -> np.ndarray:
    """Predict scaled activations of texts of any length, (n, n_features) -> (n, n_regions)."""
    with np.errstate(over="ignore", invalid="ignore"):
        predicted = np.asarray(X @ coef, dtype=np.float32)
        if short_coef is not None:
            share = full_share(X, mean_terms).astype(np.float32)
            short = np.flatnonzero(share < 1)
            weight = share[short][:, np.newaxis]
            predicted[short] = weight * predicted[short] + (1 - weight) * (X[short] @ short_coef)
    if not np.isfinite(predicted).all():
        row = int(np.flatnonzero(~np.isfinite(predicted).all(axis=1))[0])
        raise InvalidInputError(
            f"X has values of up to {abs(X).max():g}, and the prediction of row {row} is beyond "
            "single precision. Scale X as that of the fit was."
        )
    return predicted


def full_share(X: Any, mean_terms: float) -> np.ndarray:
    """Weight of what is known of texts of usual length: square of the share of terms, at most 1."""
    # No text of a fit may have a term.
    return np.square(np.minimum(count_terms(X) / (mean_terms or 1.0), 1.0))


def count_terms(X: Any) -> np.ndarray:
    """Count the features of each text that are not 0."""
    return np.asarray((X != 0).sum(axis=1)).ravel()


def _mean_norm(rows: np.ndarray) -> float:
    return float(np.linalg.norm(rows, axis=1).mean())


def _feature_energy(X: Any, sample_weight: np.ndarray | None) -> np.ndarray:
    """Weighted sum of the squares of each feature, infinite beyond the range of the dtype."""
    with np.errstate(over="ignore"):
        squares = X.multiply(X) if hasattr(X, "multiply") else np.square(X)
        if sample_weight is not None:
            squares = scaled(squares, sample_weight[:, np.newaxis])
        return np.asarray(squares.sum(axis=0), dtype=np.float64).ravel()


def _check_magnitude(energy: np.ndarray, X: Any) -> None:
    """Refuse features whose squares, or whose coefficients in single precision, lose all digits."""
    largest = 1e36 if X.dtype == np.float32 else 1e60
    found = float(energy.max(initial=0.0))
    if not found <= largest or (found < 1 / largest and (X != 0).sum()):
        values = abs(X).max()
        raise InvalidInputError(
            f"X has values of up to {values:g}, with a sum of squares, weighted by sample_weight, "
            f"of {found:g} in its largest column; {X.dtype} can be computed with between "
            f"{1 / largest:g} and {largest:g}. Divide X by {values:g}."
        )


def _unit_mean(energy: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weights scaled so that the mean squared norm of the rows of X stays what it is."""
    total = float(energy @ weights)
    return weights * (energy.sum() / total) if total > 0 else np.ones_like(weights)
