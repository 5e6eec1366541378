"""Probabilities of terms, and ways up and down: what the counts and the space say together."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from sklearn_mnm.geometry.arrays import points_of
from sklearn_mnm.geometry.information import log_conditional
from sklearn_mnm.model.term_hierarchy import TermHierarchy
from sklearn_mnm.model.term_space import TermSpace

PROPERTY = settings(max_examples=25, derandomize=True)
SEEDS = st.integers(0, 2**31)
N_STUDIES, N_TERMS, CURVATURE = 400, 60, 0.7


def corpus():
    """Weights of terms: nested topics, rarer and rarer, and a term that no study holds."""
    random = np.random.default_rng(0)
    topics = random.dirichlet(np.full(6, 0.1), size=N_STUDIES)
    features = random.poisson(5 * topics @ random.gamma(0.2, size=(6, N_TERMS)))
    features[:, -1] = 0
    return sparse.csr_matrix(features, dtype=float)


class Case:
    def __init__(self):
        self.features = corpus()
        self.space = TermSpace.fit(self.features, n_dimensions=8, n_epochs=3, seed=0)
        present = self.features != 0
        radii = self.space.information / 2 / math.sqrt(CURVATURE)
        points = points_of(self.space.directions * radii[:, np.newaxis], CURVATURE)
        terms = np.array([f"term {term}" for term in range(N_TERMS)], dtype=object)
        held = self.space.held(present)
        self.hierarchy = TermHierarchy.from_studies(
            terms, points, self.space.information, present, held, held, CURVATURE
        )

    def points_of_texts(self, texts):
        held = self.space.held(texts)
        radii = self.space.text_information(held) / 2 / math.sqrt(CURVATURE)
        directions = self.space.text_directions(texts)
        return points_of(directions * radii[:, np.newaxis], CURVATURE), held

    def probability(self, texts):
        points, held = self.points_of_texts(sparse.csr_matrix(texts))
        return self.hierarchy.probability(points, held)

    def by_space(self, term, point):
        ancestor = torch.from_numpy(self.hierarchy.points[term])
        return math.exp(float(log_conditional(ancestor, torch.from_numpy(point), CURVATURE)))


@pytest.fixture(scope="module")
def case():
    return Case()


def some_text(seed, n_words):
    random = np.random.default_rng(seed)
    text = np.zeros((1, N_TERMS))
    text[0, random.choice(N_TERMS - 1, n_words, replace=False)] = random.gamma(1.0, size=n_words)
    return text


@PROPERTY
@given(SEEDS, st.integers(0, 12))
def test_probabilities_weigh_the_studies_with_all_words_against_the_space(seed, n_words):
    case = _case()
    text = some_text(seed, n_words)
    points, _ = case.points_of_texts(sparse.csr_matrix(text))
    (found,) = case.probability(text)
    words = np.flatnonzero(text)
    studies = case.features.toarray() != 0
    with_all = studies[:, words].all(axis=1) if n_words else np.zeros(N_STUDIES, dtype=bool)
    for term in range(N_TERMS):
        if term in words:
            assert found[term] == 1
            continue
        n, both = with_all.sum(), (with_all & studies[:, term]).sum()
        expected = (both + 20 * case.by_space(term, points[0])) / (n + 20)
        assert found[term] == pytest.approx(expected, rel=1e-6, abs=1e-12)
        if n == 0:  # no study says anything
            assert found[term] == pytest.approx(case.by_space(term, points[0]))
    assert (found >= 0).all()
    assert (found <= 1).all()


def test_probabilities_of_frequent_terms_are_those_of_the_counts(case):
    studies = case.features.toarray() != 0
    frequent = np.argsort(-studies.sum(axis=0))[:5]
    probability = case.probability(np.eye(N_TERMS)[frequent])
    for row, given_term in enumerate(frequent):
        n = studies[:, given_term].sum()
        assert n > 150
        shares = studies[studies[:, given_term]].mean(axis=0)
        # Twenty studies at most are on the side of the space.
        assert np.abs(probability[row] - shares).max() <= 20 / (n + 20)


_CASES = []


def _case():
    """Give the same case to each example."""
    if not _CASES:
        _CASES.append(Case())
    return _CASES[0]


@PROPERTY
@given(SEEDS, st.integers(1, 6), st.integers(1, 8), st.integers(1, 4))
def test_every_step_of_a_walk_is_nearer_to_the_root_and_new(seed, n_words, n_steps, k):
    case = _case()
    hierarchy = case.hierarchy
    text = some_text(seed, n_words)
    points, _ = case.points_of_texts(sparse.csr_matrix(text))
    (probability,) = case.probability(text)
    start = math.acosh(math.sqrt(CURVATURE) * points[0, 0]) / math.sqrt(CURVATURE)
    steps = hierarchy.walk(probability, start, None, n_steps, k)
    assert len(steps) <= n_steps
    rows = [row for step in steps for row in step]
    assert len(set(rows)) == len(rows)
    radii = hierarchy.radii
    for upper, lower in pairwise(steps):
        assert radii[lower].max() < radii[upper].min()
    for step in steps:
        assert 1 <= len(step) <= k
        assert radii[step].max() < start
        assert hierarchy.is_topic[step].all()
        assert (probability[step] >= 0.2).all()
        assert (hierarchy.relative_lift(probability)[step] > 0.35).all()


def test_a_walk_from_a_term_does_not_pass_it_and_some_lead_somewhere(case):
    lengths = []
    for term in range(N_TERMS - 1):
        (probability,) = case.probability(np.eye(N_TERMS)[[term]])
        start = case.hierarchy.radii[term]
        steps = case.hierarchy.walk(probability, start, term, 4, 2)
        assert term not in {row for step in steps for row in step}
        lengths.append(len(steps))
    assert max(lengths) >= 2


def test_a_walk_from_where_nothing_holds_has_no_step(case):
    assert case.hierarchy.walk(np.full(N_TERMS, 1e-9), 9.0, None, 4, 1) == []


def test_ancestors_are_ranked_by_probability_and_information(case):
    probability = np.random.default_rng(0).random(N_TERMS)
    probability[7] = 0
    own = np.array([3, 4])
    rows = case.hierarchy.ancestors(probability, own, N_TERMS)
    assert len(rows) == N_TERMS - 3  # without those of its own and the impossible one
    assert not {3, 4, 7} & set(rows)
    scores = [math.log(probability[row]) + case.space.information[row] / 2 for row in rows]
    assert scores == sorted(scores, reverse=True)
    np.testing.assert_array_equal(case.hierarchy.ancestors(probability, own, 5), rows[:5])


def test_descendants_are_the_mirror_of_ancestors(case):
    hierarchy, information = case.hierarchy, case.space.information
    upward = case.probability(np.eye(N_TERMS))  # of the column given the row
    for term in range(N_TERMS):
        rows, probability = hierarchy.descendants(term, N_TERMS)
        assert set(rows) == set(np.flatnonzero(information > information[term]))
        np.testing.assert_allclose(probability, upward[rows, term], rtol=1e-6)
        # By Bayes' rule, as ancestors are ranked: by what the term says of them.
        scores = np.log(probability) - information[rows] / 2
        assert (np.diff(scores) <= 1e-9).all()


def test_lift_is_1_where_certain_and_0_where_nothing_is_said(case):
    information = case.space.information
    lift = case.hierarchy.relative_lift
    np.testing.assert_allclose(lift(np.ones(N_TERMS)), 1)
    np.testing.assert_allclose(lift(np.exp(-information)), 0, atol=1e-12)
    assert (lift(np.exp(-2 * information)) < 0).all()


def test_tables_name_terms_and_count_their_studies(case):
    rows = np.array([5, 2])
    table = case.hierarchy.frame(rows, np.array([0.5, 0.25]), step=3)
    assert list(table) == ["step", "rank", "term", "probability", "radius", "n_studies"]
    assert table["step"].tolist() == [3, 3]
    assert table["rank"].tolist() == [1, 2]
    assert table["term"].tolist() == ["term 5", "term 2"]
    counts = (case.features.toarray() != 0).sum(axis=0)
    assert table["n_studies"].tolist() == counts[rows].tolist()
    expected = case.space.information[rows] / 2 / math.sqrt(CURVATURE)
    np.testing.assert_allclose(table["radius"], expected)
    words = np.array([0, 1, 2])
    with_all = (case.features.toarray()[:, words] != 0).all(axis=1)
    assert case.hierarchy.n_studies_with(words) == with_all.sum()
    assert case.hierarchy.n_studies_with(np.array([], dtype=int)) == 0


def test_words_in_the_company_of_everything_are_no_topics():
    random = np.random.default_rng(0)
    topic = random.integers(8, size=600)
    topical = (np.arange(48) % 8 == topic[:, np.newaxis]) & (random.random((600, 48)) < 0.7)
    background = random.random((600, 48)) < topical.mean()
    fragments = np.zeros((600, 1), dtype=bool)
    present = sparse.csr_matrix(np.hstack([topical, background, fragments]).astype(float))
    held = present.copy().tolil()
    held[:, 96] = held[:, 0]  # which stands in a longer term only
    held = held.tocsr()
    hierarchy = TermHierarchy.from_studies(
        np.arange(97).astype(object), np.zeros((97, 2)), np.ones(97), present, held, held, 1.0
    )
    assert hierarchy.is_topic[:48].mean() > 0.8
    assert hierarchy.is_topic[48:96].mean() < 0.1
    assert not hierarchy.is_topic[96]
