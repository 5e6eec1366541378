"""From tangent vectors of brain maps to terms, in models saved by earlier versions."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit


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
