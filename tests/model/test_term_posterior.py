"""Terms of maps by the studies that are like them."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit, softmax

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.model.salience import salient_terms
from sklearn_mnm.model.term_posterior import TermPosterior

N_TERMS = 40


def literature(n_studies, seed):
    """Directions of texts and of maps, noisy versions of the same, and TF-IDF-like weights.

    The first 8 of 40 terms follow the directions.
    """
    random = np.random.default_rng(seed)
    truth = random.normal(size=(n_studies, 8))
    log_odds = np.full((n_studies, N_TERMS), -1.0) + np.linspace(-2, 1, N_TERMS)
    log_odds[:, :8] += 1.5 * truth
    weights = (random.random(log_odds.shape) < expit(log_odds)) * random.uniform(
        1, 2, log_odds.shape
    )
    noise = 0.3 * random.normal(size=(2, n_studies, 8))
    return truth + noise[0], truth + noise[1], sparse.csr_matrix(weights)


def likeness(texts, maps):
    """Log-odds of Gaussian noise, (n_texts, n_maps)."""
    return -np.square(texts[:, np.newaxis] - maps).sum(axis=2) / 2


def fitted(n_studies=1500, seed=0, groups=None):
    texts, maps, terms = literature(n_studies, seed)
    posterior = TermPosterior.fit(lambda rows: likeness(texts, maps[rows]), terms, groups)
    return posterior, texts, terms


def test_shares_are_weighted_means_over_studies():
    posterior, texts, terms = fitted(200)
    maps = np.random.default_rng(1).normal(size=(5, 8))
    weights = softmax(0.6 * likeness(texts, maps), axis=0)
    expected = np.array(
        [
            [weights[salient_terms(terms)[:, t].toarray().ravel(), m].sum() for t in range(N_TERMS)]
            for m in range(5)
        ]
    )
    np.testing.assert_allclose(posterior.shares(likeness(texts, maps)), expected, atol=1e-12)


def test_a_map_that_is_like_no_study_more_than_another_has_the_base_rates():
    posterior, _, terms = fitted(200)
    shares = posterior.shares(np.zeros((200, 1)))[0]
    np.testing.assert_allclose(shares, salient_terms(terms).toarray().mean(axis=0), atol=1e-12)


def test_terms_that_follow_the_map_are_found_in_new_maps():
    posterior, texts, _ = fitted(2000)
    _, maps, terms = literature(500, 1)
    scores = posterior.decision_function(posterior.shares(likeness(texts, maps)))
    truth = salient_terms(terms).toarray()
    for term in range(8):
        found, absent = (scores[truth[:, term] == there, term] for there in (True, False))
        assert found.mean() > 1.3 * absent.mean()


@pytest.mark.parametrize("grouped", [False, True])
def test_probabilities_of_new_maps_are_calibrated(grouped):
    groups = np.arange(3000) // 3 if grouped else None
    posterior, texts, _ = fitted(3000, groups=groups)
    _, maps, terms = literature(3000, 1)
    probability = posterior.predict_proba(posterior.shares(likeness(texts, maps))).ravel()
    truth = salient_terms(terms).toarray().ravel()
    for bin_ in np.array_split(np.argsort(probability), 10):
        spread = 4 * np.sqrt(truth[bin_].mean() / len(bin_)) + 0.02
        assert abs(probability[bin_].mean() - truth[bin_].mean()) < spread


def test_calibration_leaves_out_the_whole_group():
    """Copies of a study in its group tell its terms: probabilities must not believe them."""
    texts, maps, terms = literature(400, 0)
    # Nothing is to be learnt from other studies: terms are dealt anew among the groups.
    order = np.random.default_rng(1).permutation(400)
    texts, maps, terms = np.repeat(texts, 2, 0), np.repeat(maps, 2, 0), terms[order]
    terms = sparse.csr_matrix(np.repeat(terms.toarray(), 2, axis=0))
    groups = np.repeat(np.arange(400), 2)
    alone, together = (
        TermPosterior.fit(lambda rows: 40 * likeness(texts, maps[rows]), terms, given)
        for given in (None, groups)
    )
    assert alone.calibration[1] > 0.5  # the copy is the best witness
    assert abs(together.calibration[1]) < 0.1


def test_more_evidence_raises_score_and_probability_and_frequency_lowers_the_score():
    posterior, _, _ = fitted(400)
    rates = posterior.rates
    low, high = rates[np.newaxis], np.minimum(2 * rates, 0.9)[np.newaxis]
    for method in (posterior.decision_function, posterior.predict_proba):
        assert (method(high) >= method(low)).all()
    scores = posterior.decision_function(np.full((1, N_TERMS), 0.2))[0]
    order = np.argsort(rates, kind="stable")
    assert (np.diff(scores[order]) <= 1e-12).all()
    few = 5 / 400
    np.testing.assert_allclose(scores, (0.2 + few) / (rates + few) ** 0.3)


def test_terms_that_no_study_has_get_a_finite_small_probability():
    texts, maps, terms = literature(200, 0)
    padded = sparse.hstack([terms, sparse.csr_matrix((200, 1))], format="csr")
    posterior = TermPosterior.fit(lambda rows: likeness(texts, maps[rows]), padded)
    shares = posterior.shares(likeness(texts, maps[:5]))
    assert np.isfinite(posterior.predict_proba(shares)).all()
    assert np.isfinite(posterior.decision_function(shares)).all()
    assert (posterior.predict_proba(shares)[:, -1] < 0.05).all()


def test_the_same_seed_gives_the_same_calibration():
    first, second = fitted(300)[0], fitted(300)[0]
    np.testing.assert_array_equal(first.calibration, second.calibration)


def test_further_studies_are_asked_too():
    posterior, _, terms = fitted(100)
    longer = posterior.extended(terms[:30])
    assert longer.salience.shape == (130, N_TERMS)
    np.testing.assert_array_equal(
        longer.salience[100:].toarray(), salient_terms(terms[:30]).toarray()
    )
    np.testing.assert_array_equal(longer.calibration, posterior.calibration)


@pytest.mark.parametrize("groups", [None, ["one paper"] * 3])
def test_few_studies_that_teach_nothing_are_taken(groups):
    terms = sparse.csr_matrix(np.eye(3))
    posterior = TermPosterior.fit(lambda rows: np.eye(3)[:, rows], terms, groups)
    assert np.isfinite(posterior.predict_proba(posterior.shares(np.eye(3)))).all()


def test_texts_without_terms_are_refused():
    with pytest.raises(InvalidInputError, match="no term that is salient"):
        TermPosterior.fit(lambda rows: np.zeros((2, len(rows))), sparse.csr_matrix((2, 3)))
