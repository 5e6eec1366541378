"""How far a predicted map can be trusted: standard deviations, intervals and z maps."""

from numbers import Real
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls
from scipy.special import ndtr

from sklearn_mnm.exceptions import InvalidInputError

# Share of a study's largest activation below which a region counts as not activated by it.
_ACTIVE = 0.1
# Coverages whose half widths are kept; those between are interpolated.
COVERAGES = np.array([0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 0.99])
# Ends of the bins of predictions, as ranks: narrow where predictions are strong and rare.
_BIN_ENDS = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.998])
# Values that the highest bin has to hold, so that its quantile at 0.99 is one of the data.
_SMALLEST_BIN = 200
# z at which quantiles of predictions of unrelated texts are kept.
NORMAL_SCORES = np.linspace(-4.0, 4.0, 33)
# Bins of predictions over which squared errors are averaged before the variance is fitted.
_VARIANCE_BINS = 200
# Least variance at a prediction of zero, as a share of the mean squared error.
_LEAST_VARIANCE = 1e-3
# Studies' worth of weight that draws the variance of a region to that of all.
_PRIOR_STUDIES = 50
_REWEIGHTINGS = 10


class MapUncertainty(NamedTuple):
    r"""Spread of activations around predictions, and of predictions around the ordinary.

    Learnt from leave-out predictions of the training studies, which err as predictions of new
    studies do.

    *Standard deviation* of the activation y of a new study in region r, given its prediction m:
    :math:`s_r(m) = \sqrt{f_r (a + b |m| + c m^2)}`. The first term is what is activated though
    nothing predicts it, the second is that of counts, the third that of counts whose rate varies
    (negative binomial); a, b, c >= 0 fit the squared errors of all regions, f_r those of one.

    *Interval*: activations that are nowhere negative lie between 0 and
    :math:`t^{-1}(t(m) + q_k)`, where t is the signed power (square root) that stabilises the
    variance, k the bin of \|t(m)\| and :math:`q_k` the quantile of t(y) - t(m) there, over
    studies and regions. 0 is always within: even where the strongest activations are predicted,
    one study in seven reports none. Signed activations lie in
    :math:`t^{-1}(t(m) \pm q_k)`, with :math:`q_k` the quantile of \|t(y) - t(m)\|. This is
    split conformal prediction (Vovk et al. 2005) by bins, with leave-out predictions in the
    place of a calibration set (Barber et al. 2021, doi:10.1214/20-AOS1965): it covers without
    assuming a distribution.

    *z*: :math:`\Phi^{-1}(F((t(m) - \mu_r) / \sigma_r))`. :math:`\mu_r, \sigma_r` are mean and
    standard deviation of t(m) over the studies that do not activate the region and F is the
    distribution of that ratio over all regions and such studies. Texts unrelated to a region
    have standard normal z there; ``z > 3.1`` happens to one of them in a thousand. This is the
    evidence that a text speaks of a region compared with texts that do not, rather than the
    ratio of a prediction to its standard error, as which NeuroQuery's z is defined.

    Attributes
    ----------
    power : float
        Power of t.
    nonnegative : bool
        Whether activations are nowhere below zero.
    variance : ndarray of shape (3,)
        a, b, c, in squared units of the activations, their units and none.
    region_factors : ndarray of shape (n_regions,)
        f_r.
    bin_edges : ndarray of shape (n_bins - 1,)
        Between the bins of \|t(m)\|.
    half_widths : ndarray of shape (n_coverages, n_bins)
        q_k at ``COVERAGES``, in units of t.
    null_mean, null_std : ndarray of shape (n_regions,)
        Of t(m) over studies that do not activate the region.
    null_quantiles : ndarray of shape (n_scores,)
        Values of the ratio whose z is ``NORMAL_SCORES``.
    """

    power: float
    nonnegative: bool
    variance: np.ndarray
    region_factors: np.ndarray
    bin_edges: np.ndarray
    half_widths: np.ndarray
    null_mean: np.ndarray
    null_std: np.ndarray
    null_quantiles: np.ndarray

    @classmethod
    def fit(
        cls, predicted: np.ndarray, observed: np.ndarray, *, power: float = 0.5
    ) -> "MapUncertainty":
        """Learn from leave-out predictions.

        Parameters
        ----------
        predicted : ndarray of shape (n_studies, n_regions)
            Prediction of each study by a model fitted without it.
        observed : ndarray of shape (n_studies, n_regions)
            Activations of the same studies, in the same units.
        power : float, default=0.5
            Power that stabilises the variance: 0.5 for counts, 1 for values of constant
            variance.

        Returns
        -------
        uncertainty : MapUncertainty

        Raises
        ------
        InvalidInputError
            If the shapes differ, there are fewer than 2 studies, or values are not finite.
        """
        predicted = np.asarray(predicted, dtype=np.float64)
        observed = np.asarray(observed, dtype=np.float64)
        _check_pairs(predicted, observed)
        squared = np.square(observed - predicted)
        variance = _fit_variance(np.abs(predicted), squared)
        # In place of squared errors, to hold one array less.
        squared /= _variance(np.abs(predicted), variance)
        factors = (squared.sum(axis=0) + _PRIOR_STUDIES) / (len(squared) + _PRIOR_STUDIES)
        stabilised = _signed_power(predicted, power)
        nonnegative = bool(observed.min() >= 0)
        errors = _signed_power(observed, power) - stabilised
        errors = errors if nonnegative else np.abs(errors)
        edges, half_widths = _fit_half_widths(np.abs(stabilised), errors)
        return cls(
            float(power),
            nonnegative,
            variance,
            factors,
            edges,
            half_widths,
            *_fit_null(stabilised, observed),
        )

    def std(self, predicted: np.ndarray) -> np.ndarray:
        """Return the standard deviation of the activation of a new study around its prediction.

        Parameters
        ----------
        predicted : ndarray of shape (n, n_regions)

        Returns
        -------
        std : ndarray of shape (n, n_regions)
            Positive, in the units of the activations. The root of the mean squared error: bias
            counts too.
        """
        sizes = np.abs(np.asarray(predicted, dtype=np.float64))
        return np.sqrt(self.region_factors * _variance(sizes, self.variance))

    def interval(
        self, predicted: np.ndarray, coverage: float = 0.9
    ) -> tuple[np.ndarray, np.ndarray]:
        """Range in which the activation of a new study lies.

        Parameters
        ----------
        predicted : ndarray of shape (n, n_regions)
        coverage : float, default=0.9
            Share of activations that lie within, 0.5 to 0.99; at each strength of prediction,
            over studies and regions. More do where more than this share is 0.

        Returns
        -------
        lower, upper : ndarray of shape (n, n_regions)
            In the units of the activations; `lower` is 0 if activations are nowhere negative.

        Raises
        ------
        InvalidInputError
            If `coverage` is no number, or out of range.
        """
        if not isinstance(coverage, Real) or not COVERAGES[0] <= coverage <= COVERAGES[-1]:
            raise InvalidInputError(
                f"coverage={coverage!r} is not a number between {COVERAGES[0]} and "
                f"{COVERAGES[-1]}, for which half widths were learnt."
            )
        above = min(int(np.searchsorted(COVERAGES, coverage, side="right")), len(COVERAGES) - 1)
        share = (coverage - COVERAGES[above - 1]) / (COVERAGES[above] - COVERAGES[above - 1])
        widths = (1 - share) * self.half_widths[above - 1] + share * self.half_widths[above]
        centre = _signed_power(np.asarray(predicted, dtype=np.float64), self.power)
        width = widths[np.searchsorted(self.bin_edges, np.abs(centre))]
        upper = centre + width
        if self.nonnegative:
            lower, upper = np.zeros_like(centre), np.maximum(upper, 0.0)
        else:
            lower = centre - width
        return _signed_power(lower, 1 / self.power), _signed_power(upper, 1 / self.power)

    def z(self, predicted: np.ndarray) -> np.ndarray:
        """How far predictions lie above those of texts unrelated to the region.

        Parameters
        ----------
        predicted : ndarray of shape (n, n_regions)

        Returns
        -------
        z : ndarray of shape (n, n_regions)
            Standard normal where text and region are unrelated. Beyond what any training study
            had, it goes on along a straight line.
        """
        stabilised = _signed_power(np.asarray(predicted, dtype=np.float64), self.power)
        ratio = (stabilised - self.null_mean) / self.null_std
        knots, first = np.unique(self.null_quantiles, return_index=True)
        last = np.append(first[1:], len(NORMAL_SCORES)) - 1
        if len(knots) == 1:
            return ratio
        # Tied quantiles stand for the middle of the z that they span.
        scores = (NORMAL_SCORES[first] + NORMAL_SCORES[last]) / 2
        z = np.interp(ratio, knots, scores)
        slope = (scores[-1] - scores[0]) / (knots[-1] - knots[0])
        outside = ratio - np.clip(ratio, knots[0], knots[-1])
        return z + slope * outside


def _check_pairs(predicted: np.ndarray, observed: np.ndarray) -> None:
    if predicted.shape != observed.shape or predicted.ndim != 2 or len(predicted) < 2:
        raise InvalidInputError(
            f"predicted has shape {predicted.shape} and observed {observed.shape}; expected the "
            "same (n_studies, n_regions) with 2 studies or more."
        )
    for name, values in (("predicted", predicted), ("observed", observed)):
        bad = int(values.size - np.isfinite(values).sum())
        if bad:
            raise InvalidInputError(
                f"{name} has {bad} values that are NaN or infinite. Remove these studies."
            )


def _signed_power(values: np.ndarray, power: float) -> np.ndarray:
    return np.sign(values) * np.abs(values) ** power


def _variance(sizes: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    constant, linear, quadratic = coefficients
    return constant + sizes * (linear + quadratic * sizes)


def _fit_variance(sizes: np.ndarray, squared: np.ndarray) -> np.ndarray:
    """Nonnegative a, b, c of E[squared error] = a + b size + c size^2.

    Iteratively reweighted least squares with the variance of a squared normal error, 2 v^2, on
    means over bins of sizes (Davidian & Carroll 1987, doi:10.1080/01621459.1987.10478543).
    """
    level = float(squared.mean())
    if level == 0:
        # Predictions without error: any positive variance smaller than what can be told.
        level = max(float(np.square(sizes).mean()), 1.0) * np.finfo(np.float64).eps
    unit = np.sqrt(level)  # Sizes and variances near 1, whatever the units.
    order = np.argsort(sizes, axis=None)
    n_parts = min(_VARIANCE_BINS, len(order))
    counts = np.array([len(part) for part in np.array_split(order, n_parts)])
    means, targets = (
        np.array([part.mean() for part in np.array_split(values.ravel()[order], n_parts)]) / one
        for values, one in ((sizes, unit), (squared, level))
    )
    design = np.stack([np.ones_like(means), means, means**2], axis=1)
    fitted = np.ones_like(means)
    for _ in range(_REWEIGHTINGS):
        root = np.sqrt(counts) / fitted
        try:
            coefficients, _ = nnls(design * root[:, np.newaxis], targets * root)
        except np.linalg.LinAlgError:  # of scipy 1.13, where all sizes are alike
            coefficients = np.array([np.average(targets, weights=counts), 0.0, 0.0])
        except ValueError:  # of scipy 1.13, where no coefficient is above 0
            coefficients = np.zeros(design.shape[1])
        coefficients[0] = max(coefficients[0], _LEAST_VARIANCE)
        fitted = design @ coefficients
    return coefficients * np.array([level, unit, 1.0])


def _fit_half_widths(sizes: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges of bins of sizes, and quantiles of the errors in each."""
    ends = _BIN_ENDS[(1 - _BIN_ENDS) * sizes.size >= _SMALLEST_BIN]
    # Values of the data, so that no bin between two of them is empty.
    edges = np.unique(np.quantile(sizes, ends, method="higher"))
    bins = np.searchsorted(edges, sizes.ravel())
    # Ties can leave the last bin empty: nothing lies above the last edge.
    edges = edges[: bins.max()]
    order = np.argsort(bins, kind="stable")
    splits = np.cumsum(np.bincount(bins))[:-1]
    columns = []
    for part in np.split(order, splits):
        values = errors.flat[part]
        # The (n + 1) of split conformal prediction: the new study is one more.
        levels = np.minimum(COVERAGES * (len(values) + 1) / len(values), 1.0)
        columns.append(np.quantile(values, levels, method="higher"))
    return edges, np.stack(columns, axis=1)


def _fit_null(
    stabilised: np.ndarray, observed: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, standard deviation and pooled quantiles of predictions for unrelated studies."""
    sizes = np.abs(observed)
    unrelated = sizes <= _ACTIVE * sizes.max(axis=1, keepdims=True)
    # A region that nearly every study activates has no unrelated studies to compare with.
    unrelated[:, unrelated.sum(axis=0) < 2] = True
    mean = np.mean(stabilised, axis=0, where=unrelated)
    std = np.std(stabilised, axis=0, where=unrelated)
    varies = std > 1e-9 * max(float(np.abs(stabilised).max()), 1e-300)
    std = np.where(varies, std, max(float(std.max()), 1.0))
    ratio = ((stabilised - mean) / std)[unrelated & (varies | ~varies.any())]
    return mean, std, np.quantile(ratio, ndtr(NORMAL_SCORES))
