"""From a brain map to terms, by what studies with such maps speak of."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from scipy.special import expit, logit, softmax
from sklearn.utils import gen_batches

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.model.salience import salient_terms

# Of the learnt log-odds of texts and maps: those of training, where a text is told from a batch of
# others, are too sharp for the many studies of a corpus that have much the same to say. Chosen with
# `_FREQUENCY_POWER` among 0.5 to 1 and 0 to 0.75 by mean average precision on fold -1.
_TEMPERATURE = 1 / 0.6
# Power of the base rate by which the probability of a term is divided to rank terms.
_FREQUENCY_POWER = 0.3
# Imagined studies that draw shares to the base rates.
_PSEUDO_STUDIES = 5.0
# Studies, each left out, on whose terms probabilities are calibrated, and pairs of a study and a
# term that is not salient in it among them.
_CALIBRATION_STUDIES = 1_000
_CALIBRATION_NEGATIVES = 300_000
# Maps whose weights for all studies are held at once.
_BLOCK = 128


class TermPosterior(NamedTuple):
    r"""Terms of a map by the texts of the studies of the fit.

    Training turns the similarity :math:`A_{ij}` of text i and map j into the logarithm of the odds
    that the two belong together. So study i is like that of the map with probability

    .. math:: w_{ij} = e^{A_{ij} / T} / \sum_k e^{A_{kj} / T},

    and a term t is salient in the study of the map with about

    .. math:: p_{tj} = \sum_i w_{ij} s_{it},

    s being 1 where the term is salient in a study, T = 5/3. Terms are ranked by
    :math:`(p_{tj} + \epsilon) / (b_t + \epsilon)^{0.3}` with the base rate b, the mean of s, and
    :math:`\epsilon = 5 / n` of n studies: between probabilities, which the frequent terms lead,
    and lifts, which err most for rare ones. Probabilities are :math:`\sigma(\beta_0 + \beta_1
    \mathrm{logit} \, p_{tj} + \beta_2 \mathrm{logit} \, b_t)`, calibrated by a logistic regression
    on studies left out with their groups.

    Attributes
    ----------
    salience : csr_matrix of shape (n_studies, n_terms), bool
        Which terms stand out in which study, as `sklearn_mnm.model.salience.salient_terms` finds
        them.
    calibration : ndarray of shape (3,)
        :math:`\beta`.
    """

    salience: sparse.csr_matrix
    calibration: np.ndarray

    @classmethod
    def fit(
        cls,
        log_odds: Callable[[np.ndarray], np.ndarray],
        terms: sparse.csr_matrix,
        groups: np.ndarray | None = None,
        *,
        seed: int = 0,
    ) -> "TermPosterior":
        """Find the salient terms of studies and calibrate their probabilities.

        Parameters
        ----------
        log_odds : callable
            Takes numbers of studies (n,) and returns the log-odds (n_studies, n) of all texts with
            the maps of these.
        terms : csr_matrix of shape (n_studies, n_terms)
            Non-negative weights of terms in the same studies, e.g. TF-IDF.
        groups : ndarray of shape (n_studies,), optional
            Studies left out together, e.g. contrasts of one paper.
        seed : int, default=0
            Of the studies and pairs on which probabilities are calibrated.

        Returns
        -------
        posterior : TermPosterior

        Raises
        ------
        InvalidInputError
            If no term is salient in any study.
        """
        salience = salient_terms(terms)
        if not salience.nnz:
            raise InvalidInputError(
                "terms has no term that is salient in a study: all weights are 0. Give term counts "
                "or TF-IDF."
            )
        uncalibrated = cls(salience, np.array([0.0, 1.0, 0.0]))
        return cls(salience, uncalibrated._calibrated(log_odds, groups, seed))

    @property
    def rates(self) -> np.ndarray:
        """Share of the studies in which each term is salient, shape (n_terms,)."""
        n_studies, n_terms = self.salience.shape
        return np.bincount(self.salience.indices, self.salience.data, n_terms) / n_studies

    def shares(self, log_odds: np.ndarray) -> np.ndarray:
        """Share of the studies with such maps in which each term is salient.

        Parameters
        ----------
        log_odds : ndarray of shape (n_studies, n_maps)
            Of the texts of the studies with the maps.

        Returns
        -------
        shares : ndarray of shape (n_maps, n_terms), float64
            :math:`p` of the class.
        """
        return np.asarray((self.salience.T @ softmax(log_odds / _TEMPERATURE, axis=0)).T)

    def decision_function(self, shares: np.ndarray) -> np.ndarray:
        """Score terms for ranking, (n_maps, n_terms) of :meth:`shares` -> (n_maps, n_terms)."""
        few = _PSEUDO_STUDIES / self.salience.shape[0]
        return (shares + few) / (self.rates + few) ** _FREQUENCY_POWER

    def predict_proba(self, shares: np.ndarray) -> np.ndarray:
        """Probability that each term is salient in the study of a map.

        Parameters
        ----------
        shares : ndarray of shape (n_maps, n_terms)
            From :meth:`shares`.

        Returns
        -------
        probability : ndarray of shape (n_maps, n_terms), float64
            Rows do not sum to 1: a study has several salient terms.
        """
        offset, slope, of_rates = self.calibration
        rates = self.rates
        prior = offset + of_rates * self._log_odds(rates, rates)
        return expit(slope * self._log_odds(shares, rates) + prior)

    def extended(self, terms: sparse.csr_matrix) -> "TermPosterior":
        """Add studies, with the same calibration, (n_new, n_terms) -> TermPosterior."""
        rows = sparse.vstack([self.salience, salient_terms(terms)], format="csr")
        return self._replace(salience=rows)

    def _log_odds(self, shares: np.ndarray, rates: np.ndarray) -> np.ndarray:
        """Log-odds of shares drawn to the base rates, so that they are finite."""
        n_studies = self.salience.shape[0]
        base = (n_studies * rates + 0.5) / (n_studies + 1)
        return logit((n_studies * shares + _PSEUDO_STUDIES * base) / (n_studies + _PSEUDO_STUDIES))

    def _calibrated(
        self, log_odds: Callable[[np.ndarray], np.ndarray], groups: np.ndarray | None, seed: int
    ) -> np.ndarray:
        """Coefficients of the logistic regression on pairs of a study left out and a term."""
        # Imported late: only fitting needs it, and it would slow the loading of a fitted model.
        from sklearn.linear_model import LogisticRegression

        n_studies, n_terms = self.salience.shape
        codes = np.arange(n_studies)
        if groups is not None:
            codes = np.unique(groups, return_inverse=True)[1]
        if codes.max() == 0:
            return self.calibration
        random = np.random.default_rng(seed)
        chosen = random.permutation(n_studies)[:_CALIBRATION_STUDIES]
        n_negatives = max(_CALIBRATION_NEGATIVES // len(chosen), 1)
        designs, labels, weights = [], [], []
        rates = self.rates
        priors = self._log_odds(rates, rates)
        for block in gen_batches(len(chosen), _BLOCK):
            rows = chosen[block]
            odds = np.where(codes[:, np.newaxis] == codes[rows], -np.inf, log_odds(rows))
            evidence = self._log_odds(self.shares(odds), rates)
            for row, values in zip(rows, evidence, strict=True):
                salient = self.salience.indices[slice(*self.salience.indptr[row : row + 2])]
                others = np.setdiff1d(np.arange(n_terms), salient)
                drawn = random.choice(others, min(n_negatives, len(others)), replace=False)
                columns = np.concatenate([salient, drawn])
                designs.append(np.stack([values[columns], priors[columns]], axis=1))
                labels.append(np.arange(len(columns)) < len(salient))
                standing_for = len(others) / max(len(drawn), 1)
                weights.append(np.where(labels[-1], 1.0, standing_for))
        outcome = np.concatenate(labels)
        if outcome.all() or not outcome.any():
            return self.calibration
        fitted: Any = LogisticRegression(C=1e6).fit(
            np.concatenate(designs), outcome, np.concatenate(weights)
        )
        return np.concatenate([fitted.intercept_, fitted.coef_[0]])
