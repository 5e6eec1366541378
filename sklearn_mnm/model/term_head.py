"""From tangent vectors of brain maps to the terms that their studies speak of."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import linalg, sparse
from scipy.special import expit

from sklearn_mnm.exceptions import InvalidInputError

# Penalties tried, times the mean squared norm of the centred tangent vectors.
_ALPHAS = (10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
# Imagined studies in which a term is salient no more often with one map than with another: the
# fewer studies a term has, the more its coefficients are drawn to zero.
_PSEUDO_STUDIES = (5.0, 10.0, 20.0, 50.0)
# The same for ranking by lift, at least the largest of those above. Ranking needs more: the
# likelihood forgives too high a lift where the odds stay small, but the highest lifts of a map
# would be of such terms.
_RANKING_PSEUDO_STUDIES = 100.0
# Studies on whose leave-out predictions the probabilities are calibrated, and pairs of a study
# and a term that is not salient in it among them.
_CALIBRATION_STUDIES = 2_000
_CALIBRATION_NEGATIVES = 300_000
# Rows whose predictions for all terms are held at once.
_BLOCK = 512
_NEWTON_STEPS = 50


class TermHead(NamedTuple):
    r"""Log-odds of terms given a map, linear in the tangent vector of the map.

    Ridge regression predicts whether a term is salient in a study; its prediction
    :math:`f_j(v)`, less the base rate :math:`b_j`, becomes the lift of the term,

    .. math:: \lambda_j(v) = \gamma \, (f_j(v) - b_j) / (b_j + k / n),

    the first-order change of the log-odds, with `k` imagined studies against chance hits of rare
    terms. The probability is :math:`\sigma(\beta_0 + \beta_1 \mathrm{logit}(b_j) +
    \lambda_j(v))`. The scalars :math:`\gamma, \beta_0, \beta_1` are those of a logistic regression
    on pairs of studies and terms whose predictions and base rates leave out the study (and its
    group), so that probabilities of new maps are calibrated.

    The lift of a term of few studies is a large multiple of an uncertain difference, and the
    highest of thousands of lifts are those that err most. Terms are therefore ranked by the lift
    times its reliability :math:`r_j = (b_j + k / n) / (b_j + K / n)` with K = 100.

    Attributes
    ----------
    coef : ndarray of shape (n_components, n_terms), float32
        From tangent vectors to lifts.
    intercept : ndarray of shape (n_terms,), float32
        Lift at the origin.
    prior_log_odds : ndarray of shape (n_terms,), float32
        Calibrated log-odds of a term if the map says nothing.
    reliability : ndarray of shape (n_terms,), float32
        Credible share of the lift, :math:`r_j`, in (0, 1]: near 1 for a term salient in many more
        than K studies, near `k / K` for one salient in hardly any.
    alpha : float
        Penalty of the ridge regression.
    pseudo_studies : float
        `k` in the formulas.
    """

    coef: np.ndarray
    intercept: np.ndarray
    prior_log_odds: np.ndarray
    reliability: np.ndarray
    alpha: float
    pseudo_studies: float

    @classmethod
    def fit(
        cls,
        tangent: np.ndarray,
        terms: sparse.csr_matrix,
        groups: np.ndarray | None = None,
        *,
        seed: int = 0,
    ) -> "TermHead":
        """Choose the penalties by the leave-out likelihood and fit on all studies.

        Parameters
        ----------
        tangent : ndarray of shape (n_studies, n_components)
            Tangent vectors at the origin of the brain points of the studies.
        terms : csr_matrix of shape (n_studies, n_terms)
            Non-negative weights of terms in the same studies, e.g. TF-IDF.
        groups : ndarray of shape (n_studies,), optional
            Studies left out together, e.g. contrasts of one paper.
        seed : int, default=0
            Of the sample of studies and pairs on which probabilities are calibrated.

        Returns
        -------
        head : TermHead

        Raises
        ------
        InvalidInputError
            If the rows of `tangent`, `terms` and `groups` do not pair, `tangent` is not finite,
            or no term is salient in any study.
        """
        tangent = np.asarray(tangent, dtype=np.float64)
        salience = salient_terms(terms)
        _check_rows(tangent, salience, groups)
        centre = tangent.mean(axis=0)
        regression = _SalienceRegression(tangent - centre, salience, groups, seed)
        best = None
        for alpha in _ALPHAS:
            coef, fits = regression.fit(alpha)
            for fit in fits:
                if best is None or fit.loss < best[1].loss:
                    best = alpha, fit, coef
        assert best is not None
        alpha, fit, coef = best
        rates = regression.base_rates
        n_studies = len(tangent)
        damped_rates = rates + fit.pseudo_studies / n_studies
        coef = fit.gain * coef / damped_rates
        reliability = damped_rates / (rates + _RANKING_PSEUDO_STUDIES / n_studies)
        return cls(
            coef=coef.astype(np.float32),
            intercept=(-centre @ coef).astype(np.float32),
            prior_log_odds=(fit.offset + fit.slope * regression.prior_log_odds).astype(np.float32),
            reliability=reliability.astype(np.float32),
            alpha=alpha * regression.unit,
            pseudo_studies=fit.pseudo_studies,
        )

    def decision_function(self, tangent: np.ndarray) -> np.ndarray:
        """Reliable lift of each term, by which to rank what is specific to a map.

        The lift is the log-odds of the term given the map, less those without: positive where
        the map speaks for the term, whether it is frequent or not. It is multiplied by
        `reliability`, so that terms of few studies need stronger evidence.

        Parameters
        ----------
        tangent : ndarray of shape (n_maps, n_components)
            Tangent vectors at the origin of brain points.

        Returns
        -------
        reliable_lift : ndarray of shape (n_maps, n_terms), float32
            Probabilities follow from the lift itself, not from this.
        """
        lift = self._lift(tangent)
        lift *= self.reliability
        return lift

    def predict_proba(self, tangent: np.ndarray) -> np.ndarray:
        """Probability that each term is salient in the study of a map.

        Parameters
        ----------
        tangent : ndarray of shape (n_maps, n_components)
            Tangent vectors at the origin of brain points.

        Returns
        -------
        probability : ndarray of shape (n_maps, n_terms), float32
            Rows do not sum to 1: a study has several salient terms.
        """
        log_odds = self._lift(tangent)
        log_odds += self.prior_log_odds
        return expit(log_odds, out=log_odds)

    def _lift(self, tangent: np.ndarray) -> np.ndarray:
        return np.asarray(tangent, dtype=np.float32) @ self.coef + self.intercept


def salient_terms(terms: sparse.csr_matrix, percentile: float = 80.0) -> sparse.csr_matrix:
    """Which terms stand out in each text.

    Parameters
    ----------
    terms : csr_matrix of shape (n_studies, n_terms)
        Non-negative weights of terms, e.g. TF-IDF.
    percentile : float, default=80.0
        A term is salient if its weight is above this percentile of the non-zero weights of its
        own study. If none is, as in a text of one term, those of the greatest weight are.

    Returns
    -------
    salient : csr_matrix of shape (n_studies, n_terms), bool
        Only True is stored.

    Raises
    ------
    InvalidInputError
        If `percentile` is not between 0 and 100, or a weight is negative or not finite.
    """
    if not 0 <= percentile <= 100:
        raise InvalidInputError(f"percentile={percentile} must be between 0 and 100.")
    # A copy: duplicates are summed and zeros dropped in place.
    weights = sparse.csr_matrix(terms, copy=True)
    weights.sum_duplicates()
    weights.eliminate_zeros()
    if not (np.isfinite(weights.data).all() and (weights.data >= 0).all()):
        raise InvalidInputError(
            "terms holds a weight that is negative or not finite. Give term counts or TF-IDF."
        )
    salient = np.zeros(weights.nnz, dtype=bool)
    for start, end in zip(weights.indptr[:-1], weights.indptr[1:], strict=True):
        row = weights.data[start:end]
        if len(row):
            above = row > np.percentile(row, percentile)
            salient[start:end] = above if above.any() else row == row.max()
    result = sparse.csr_matrix((salient, weights.indices, weights.indptr), weights.shape)
    result.eliminate_zeros()
    return result


class _Calibration(NamedTuple):
    """Logistic regression on lift and prior log-odds of leave-out pairs."""

    offset: float
    slope: float
    gain: float
    pseudo_studies: float
    loss: float


class _SalienceRegression:
    """Ridge regressions of salience at any penalty, with leave-out calibration.

    Of the salience only V'T is needed to fit; predictions are made for a sample of studies, by
    blocks of rows.
    """

    def __init__(
        self,
        tangent: np.ndarray,
        salience: sparse.csr_matrix,
        groups: np.ndarray | None,
        seed: int,
    ):
        n_studies = len(tangent)
        self._tangent, self._salience = tangent, salience.astype(np.float64)
        self._gram = tangent.T @ tangent
        self.unit = float(np.trace(self._gram)) / n_studies or 1.0
        # The mean of the tangent vectors is 0, so the base rates need not be subtracted.
        self._moment = np.asarray((self._salience.T @ tangent).T)
        self._counts = np.asarray(self._salience.sum(axis=0)).ravel()
        self.base_rates = self._counts / n_studies
        self.prior_log_odds = _smoothed_log_odds(self._counts, n_studies)
        random = np.random.default_rng(seed)
        self._sample, self._sample_groups = _sampled_groups(n_studies, groups, random)
        self._choose_pairs(random)

    def fit(self, alpha: float) -> tuple[np.ndarray, list[_Calibration]]:
        """Coefficients at a penalty, and their calibration for each number of pseudo-studies."""
        system = self._gram + alpha * self.unit * np.eye(len(self._gram))
        inverse = linalg.inv(system, check_finite=False)
        coef = inverse @ self._moment
        n_studies = len(self._tangent)
        rates, predicted, priors, labels, weights = self._left_out_pairs(coef, inverse)
        calibrations = []
        for pseudo_studies in _PSEUDO_STUDIES:
            lift = (predicted - rates) / (rates + pseudo_studies / n_studies)
            design = np.stack([np.ones_like(lift), priors, lift], axis=1)
            parameters, loss = _logistic_regression(design, labels, weights)
            offset, slope, gain = map(float, parameters)
            calibrations.append(_Calibration(offset, slope, gain, pseudo_studies, loss))
        return coef, calibrations

    def _choose_pairs(self, random: np.random.Generator) -> None:
        """Every salient pair of the sampled studies, and some of the others."""
        salience = self._salience[self._sample]
        n_pairs = salience.shape[0] * salience.shape[1]
        chosen = random.choice(n_pairs, min(n_pairs, _CALIBRATION_NEGATIVES), replace=False)
        rows, columns = np.divmod(np.sort(chosen), salience.shape[1])
        absent = np.asarray(salience[rows, columns]).ravel() == 0
        self._negatives = sparse.csr_matrix(
            (np.ones(absent.sum()), (rows[absent], columns[absent])), salience.shape
        )
        n_absent = n_pairs - salience.nnz
        self._negative_weight = n_absent / max(self._negatives.nnz, 1)

    def _left_out_pairs(self, coef: np.ndarray, inverse: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return base rates, predictions, prior log-odds, labels and weights of the pairs."""
        parts = []
        for rows in _blocks_of_groups(self._sample_groups):
            salience = self._salience[self._sample[rows]]
            n_left, counts, predicted = self._leave_out(rows, salience.toarray(), coef, inverse)
            priors = _smoothed_log_odds(counts, n_left)
            for label, weight, pairs in (
                (1.0, 1.0, salience),
                (0.0, self._negative_weight, self._negatives[rows]),
            ):
                at = pairs.nonzero()
                constant = np.ones(len(at[0]))
                values = [matrix[at] for matrix in (counts / n_left, predicted, priors)]
                parts.append((*values, label * constant, weight * constant))
        return tuple(np.concatenate(part) for part in zip(*parts, strict=True))

    def _leave_out(
        self, rows: slice, salience: np.ndarray, coef: np.ndarray, inverse: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Studies left, salient ones among them, and predictions, each without the own group.

        As in `closed_form.LeaveOutRidge`, with an intercept that is not penalised.
        """
        tangent = self._tangent[self._sample[rows]]
        n_studies = len(self._tangent)
        residuals = salience - self.base_rates - tangent @ coef
        counts = self._counts - salience
        projected = tangent @ inverse
        slack = 1.0 - 1.0 / n_studies - np.einsum("ij,ij->i", projected, tangent)
        n_left = np.full((len(salience), 1), n_studies - 1.0)
        left_out = residuals / np.maximum(slack, 1e-9)[:, np.newaxis]
        _, starts, sizes = np.unique(
            self._sample_groups[rows], return_index=True, return_counts=True
        )
        for start, size in zip(starts[sizes > 1], sizes[sizes > 1], strict=True):
            group = slice(start, start + size)
            hat = projected[group] @ tangent[group].T + 1.0 / n_studies
            left_out[group] = linalg.solve(np.eye(size) - hat, residuals[group])
            counts[group] = self._counts - salience[group].sum(axis=0)
            n_left[group] = n_studies - size
        return n_left, counts, salience - left_out


def _smoothed_log_odds(counts: np.ndarray, n_studies: np.ndarray | int) -> np.ndarray:
    """Log-odds of base rates with half a study added to either side, so that they are finite."""
    return np.log((counts + 0.5) / (n_studies - counts + 0.5))


def _sampled_groups(
    n_studies: int, groups: np.ndarray | None, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Studies of randomly chosen whole groups, in the order of their groups, and these."""
    codes = np.arange(n_studies)
    if groups is not None:
        codes = np.unique(groups, return_inverse=True)[1]
    sizes = np.bincount(codes)
    order = random.permutation(len(sizes))
    before = np.cumsum(sizes[order]) - sizes[order]
    chosen = np.flatnonzero(np.isin(codes, order[before < _CALIBRATION_STUDIES]))
    chosen = chosen[np.argsort(codes[chosen], kind="stable")]
    return chosen, codes[chosen]


def _blocks_of_groups(groups: np.ndarray) -> Iterator[slice]:
    """Slices of about `_BLOCK` rows of sorted groups that split none of them."""
    starts = np.flatnonzero(np.diff(groups, prepend=groups[0] - 1))
    start = 0
    while start < len(groups):
        later = starts[starts >= start + _BLOCK]
        end = int(later[0]) if len(later) else len(groups)
        yield slice(start, end)
        start = end


def _logistic_regression(
    design: np.ndarray, labels: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, float]:
    """Coefficients and mean negative log-likelihood, by Newton's method with halved steps."""
    # Scaled columns and a negligible penalty keep the Hessian invertible where a column is
    # constant, e.g. with equally frequent terms.
    scale = np.maximum(np.sqrt(np.average(design**2, axis=0, weights=weights)), 1e-12)
    design = design / scale
    penalty = 1e-9

    def objective(parameters: np.ndarray) -> float:
        log_odds = design @ parameters
        losses = np.logaddexp(0.0, log_odds) - labels * log_odds
        return float(np.average(losses, weights=weights) + penalty * parameters @ parameters)

    parameters = np.zeros(design.shape[1])
    loss = objective(parameters)
    for _ in range(_NEWTON_STEPS):
        probability = expit(design @ parameters)
        gradient = design.T @ (weights * (probability - labels)) / weights.sum()
        gradient += 2 * penalty * parameters
        curvature = weights * probability * (1 - probability) / weights.sum()
        hessian = (design * curvature[:, np.newaxis]).T @ design
        step = np.linalg.solve(hessian + 2 * penalty * np.eye(len(hessian)), gradient)
        length = 1.0
        while length > 1e-6 and objective(parameters - length * step) > loss:
            length /= 2
        parameters = parameters - length * step
        previous, loss = loss, objective(parameters)
        if previous - loss <= 1e-10 * abs(previous):
            break
    return parameters / scale, loss


def _check_rows(
    tangent: np.ndarray, salience: sparse.csr_matrix, groups: np.ndarray | None
) -> None:
    if tangent.ndim != 2 or len(tangent) != salience.shape[0]:
        raise InvalidInputError(
            f"tangent has shape {tangent.shape} and terms {salience.shape}; both need one row "
            "per study."
        )
    if groups is not None and len(groups) != len(tangent):
        raise InvalidInputError(
            f"groups has {len(groups)} entries, but there are {len(tangent)} studies."
        )
    n_groups = len(tangent if groups is None else np.unique(groups))
    if n_groups < 2:
        raise InvalidInputError(
            f"tangent holds {n_groups} study or group of studies; at least 2 are needed to leave "
            "one out."
        )
    if not np.isfinite(tangent).all():
        raise InvalidInputError("tangent holds values that are not finite.")
    if not salience.nnz:
        raise InvalidInputError(
            "terms has no term that is salient in a study: all weights are 0. Give term counts or "
            "TF-IDF."
        )
