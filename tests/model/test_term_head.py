import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.model.term_head import TermHead, _SalienceRegression, salient_terms


def literature(n_studies, seed):
    """Tangent vectors, TF-IDF-like weights; the first 8 of 40 terms follow the vectors."""
    random = np.random.default_rng(seed)
    tangent = random.normal(size=(n_studies, 8))
    log_odds = np.full((n_studies, 40), -1.0) + np.linspace(-2, 1, 40)
    log_odds[:, :8] += 1.5 * tangent
    present = random.random(log_odds.shape) < expit(log_odds)
    weights = present * random.uniform(1, 2, size=present.shape)
    return tangent, sparse.csr_matrix(weights)


def test_salient_terms_are_above_the_percentile_of_their_own_study():
    terms = sparse.csr_matrix(
        [[1, 2, 3, 4, 5, 0.0], [0, 0, 0, 7, 0, 0], [0] * 6, [2, 2, 0, 0, 0, 3]]
    )
    salient = salient_terms(terms)
    assert salient.dtype == bool
    expected = [[0, 0, 0, 0, 1, 0], [0, 0, 0, 1, 0, 0], [0] * 6, [0, 0, 0, 0, 0, 1]]
    np.testing.assert_array_equal(salient.toarray(), np.array(expected, dtype=bool))
    assert salient.nnz == 3


def test_terms_of_equal_weight_are_all_salient():
    terms = sparse.csr_matrix([[2.0, 2, 0, 2]])
    np.testing.assert_array_equal(salient_terms(terms).toarray(), terms.toarray() > 0)


def test_salient_terms_leave_their_input_as_it_is():
    terms = sparse.csr_matrix(np.random.default_rng(0).random((5, 20)))
    before = terms.toarray()
    salient_terms(terms)
    np.testing.assert_array_equal(terms.toarray(), before)


@pytest.mark.parametrize("weight", [-1.0, np.nan])
def test_weights_that_are_no_weights_are_refused(weight):
    with pytest.raises(InvalidInputError, match="negative or not finite"):
        salient_terms(sparse.csr_matrix([[weight, 1.0]]))


def test_terms_that_follow_the_map_are_found_in_new_maps():
    head = TermHead.fit(*literature(2000, 0))
    tangent, terms = literature(500, 1)
    truth = salient_terms(terms).toarray()
    scores = head.decision_function(tangent)
    for term in range(8):
        assert scores[truth[:, term], term].mean() > scores[~truth[:, term], term].mean() + 0.15


def test_probabilities_of_new_maps_are_calibrated():
    head = TermHead.fit(*literature(3000, 0))
    tangent, terms = literature(3000, 1)
    probability, truth = head.predict_proba(tangent).ravel(), salient_terms(terms).toarray().ravel()
    for bin_ in np.array_split(np.argsort(probability), 10):
        spread = 4 * np.sqrt(truth[bin_].mean() / len(bin_)) + 0.02
        assert abs(probability[bin_].mean() - truth[bin_].mean()) < spread


def test_scores_are_the_reliable_share_of_log_odds_less_the_prior():
    tangent, terms = literature(300, 0)
    head = TermHead.fit(tangent, terms)
    lift = head.decision_function(tangent) / head.reliability
    log_odds = lift + head.prior_log_odds
    np.testing.assert_allclose(head.predict_proba(tangent), expit(log_odds), rtol=1e-4)


def test_the_fewer_studies_a_term_has_the_less_its_lift_counts():
    tangent, terms = literature(3000, 0)
    head = TermHead.fit(tangent, terms)
    counts = np.asarray(salient_terms(terms).sum(axis=0)).ravel()
    assert head.reliability.shape == (40,)
    assert head.reliability.min() > 0
    assert head.reliability.max() <= 1
    expected = (counts + head.pseudo_studies) / (counts + 100)
    np.testing.assert_allclose(head.reliability, expected, rtol=1e-5)
    assert (np.diff(head.reliability[np.argsort(counts)]) >= 0).all()


def with_chance_terms(tangent, terms, seed, n_chance=60):
    """The same studies with terms salient in 3 studies each, at random."""
    random = np.random.default_rng(seed)
    studies = [random.choice(len(tangent), 3, replace=False) for _ in range(n_chance)]
    chance = sparse.csr_matrix(
        (np.full(3 * n_chance, 9.0), (np.ravel(studies), np.repeat(np.arange(n_chance), 3))),
        (len(tangent), n_chance),
    )
    return tangent, sparse.hstack([terms, chance]).tocsr()


def test_terms_of_three_studies_hardly_change_the_highest_scores():
    tangent, terms = literature(1000, 0)
    new = literature(200, 1)[0]
    heads = [TermHead.fit(*with_chance_terms(tangent, terms, seed)) for seed in (1, 2)]

    def highest(scores):
        return [set(row) for row in np.argsort(-scores, axis=1)[:, :5].tolist()]

    def in_common(rows, others):
        return np.mean([len(a & b) for a, b in zip(rows, others, strict=True)])

    def by_chance(rows):
        return np.mean([sum(term >= 40 for term in row) for row in rows])

    scores = [highest(head.decision_function(new)) for head in heads]
    lifts = [highest(head.decision_function(new) / head.reliability) for head in heads]
    assert in_common(*scores) > in_common(*lifts) + 1
    assert by_chance(scores[0]) < 0.3
    # The highest by the lift alone are terms whose three studies happened to be near the map.
    assert by_chance(lifts[0]) > 1.5


def test_probabilities_do_not_depend_on_reliability():
    tangent, terms = literature(300, 0)
    head = TermHead.fit(tangent, terms)
    np.testing.assert_array_equal(
        head._replace(reliability=head.reliability / 2).predict_proba(tangent),
        head.predict_proba(tangent),
    )


@pytest.mark.parametrize("grouped", [False, True])
def test_leave_out_predictions_are_those_of_regressions_without_the_group(grouped):
    tangent, terms = literature(60, 0)
    groups = np.arange(60) // 3 if grouped else np.arange(60)
    salience = salient_terms(terms)
    centred = tangent - tangent.mean(axis=0)
    regression = _SalienceRegression(centred, salience, groups if grouped else None, seed=0)
    inverse = np.linalg.inv(regression._gram + 5.0 * np.eye(8))
    dense = salience.toarray().astype(float)
    rows = slice(0, 60)
    n_left, counts, predicted = regression._leave_out(
        rows, dense[regression._sample], inverse @ regression._moment, inverse
    )
    for row in (0, 17, 59):
        kept = groups != groups[regression._sample[row]]
        mean, targets = centred[kept].mean(axis=0), dense[kept]
        V = centred[kept] - mean
        coef = np.linalg.solve(V.T @ V + 5.0 * np.eye(8), V.T @ targets)
        expected = targets.mean(axis=0) + (centred[regression._sample[row]] - mean) @ coef
        np.testing.assert_allclose(predicted[row], expected, atol=1e-9)
        np.testing.assert_array_equal(counts[row], targets.sum(axis=0))
        assert n_left[row, 0] == kept.sum()


def test_same_seed_gives_the_same_head():
    first, second = (TermHead.fit(*literature(200, 0), seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.coef, second.coef)


def test_inputs_that_do_not_pair_are_refused():
    tangent, terms = literature(50, 0)
    with pytest.raises(InvalidInputError, match="one row"):
        TermHead.fit(tangent[:40], terms)
    with pytest.raises(InvalidInputError, match="groups has 3"):
        TermHead.fit(tangent, terms, np.zeros(3))
    with pytest.raises(InvalidInputError, match="leave one out"):
        TermHead.fit(tangent, terms, np.zeros(50))
    with pytest.raises(InvalidInputError, match="not finite"):
        TermHead.fit(tangent * np.nan, terms)
    with pytest.raises(InvalidInputError, match="no term that is salient"):
        TermHead.fit(tangent, sparse.csr_matrix((50, 40)))
