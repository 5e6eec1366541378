"""Information and directions of terms and of texts, by counting."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from sklearn_mnm.model.term_space import TermSpace, are_term_weights
from sklearn_mnm.text import contiguous_parts

PROPERTY = settings(max_examples=25, derandomize=True)
SEEDS = st.integers(0, 2**31)
VOCABULARY = ["memory", "working memory", "visual working memory", "pain", "visual"]


def fit(features, parts=None, **params):
    params = {"n_dimensions": 3, "n_epochs": 1, "seed": 0, **params}
    return TermSpace.fit(sparse.csr_matrix(np.asarray(features, dtype=float)), parts, **params)


def random_features(seed, n=12, n_terms=5, density=0.4):
    random = np.random.default_rng(seed)
    return random.gamma(1.0, size=(n, n_terms)) * (random.random((n, n_terms)) < density)


def held_by_hand(features, parts):
    """Sets of the terms of each text, parts of longer ones included."""
    return [
        {part for term in np.flatnonzero(row) for part in np.flatnonzero(parts[term])}
        for row in features
    ]


@PROPERTY
@given(SEEDS)
def test_information_counts_the_studies_that_hold_a_term_or_a_longer_one(seed):
    features = random_features(seed)
    parts = contiguous_parts(VOCABULARY)
    space = fit(features, parts, n_epochs=0)
    held = held_by_hand(features, parts.toarray())
    for term, information in enumerate(space.information):
        count = max(sum(term in terms for terms in held), 1)
        assert information == pytest.approx(max(-math.log((count - 0.5) / 12), 0.1))
    expected = np.array([[term in terms for term in range(5)] for terms in held])
    np.testing.assert_array_equal(space.held(features).toarray(), expected)


def test_a_longer_term_counts_as_its_parts():
    features = np.eye(5)[[1, 2, 3]]
    space = fit(features, contiguous_parts(VOCABULARY), n_epochs=0)
    counts = np.array([2, 2, 1, 1, 1])  # memory, working memory, visual working memory, ...
    np.testing.assert_allclose(space.information, -np.log((counts - 0.5) / 3))
    alone = fit(features, n_epochs=0)
    np.testing.assert_allclose(alone.information, -np.log(0.5 / 3))


@PROPERTY
@given(SEEDS, st.data())
def test_a_text_never_tells_less_than_a_part_of_it(seed, data):
    space = fit(random_features(seed), contiguous_parts(VOCABULARY), n_epochs=0)
    terms = data.draw(st.lists(st.integers(0, 4), min_size=1, unique=True))
    kept = terms[: data.draw(st.integers(1, len(terms)))]
    texts = np.zeros((2, 5))
    texts[0, terms], texts[1, kept] = 1, 1
    whole, part = space.text_information(space.held(texts))
    assert whole >= part - 1e-12
    held = space.held(texts[:1]).indices
    by_hand = sum(space.information[term] ** 5 for term in held) ** (1 / 5)
    assert whole == pytest.approx(by_hand)
    assert max(space.information[held]) <= whole + 1e-12


def test_of_an_empty_text_nothing_is_known():
    space = fit(random_features(0))
    empty = np.zeros((1, 5))
    assert space.text_information(space.held(empty)) == 0
    assert not space.text_directions(empty).any()


@PROPERTY
@given(SEEDS)
def test_directions_of_texts_are_weighted_sums_of_unit_length(seed):
    space = fit(random_features(seed), n_epochs=0)
    texts = random_features(seed + 1)
    found = space.text_directions(sparse.csr_matrix(texts))
    for text, direction in zip(texts, found, strict=True):
        summed = sum(w * v.astype(float) for w, v in zip(text, space.directions, strict=True))
        norm = np.linalg.norm(summed)
        np.testing.assert_allclose(direction, summed / norm if norm else 0 * summed, atol=1e-6)


@pytest.mark.parametrize("n_epochs", [0, 2])
def test_directions_are_unit_rows_and_the_same_for_the_same_seed(n_epochs):
    features = random_features(0, n=60, n_terms=20)
    first, second, other = (
        fit(features, n_dimensions=6, n_epochs=n_epochs, seed=seed).directions for seed in (3, 3, 4)
    )
    assert first.shape == (20, 6)
    assert first.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(first, second)
    assert n_epochs == 0 or not np.array_equal(first, other)


def test_terms_of_one_topic_point_the_same_way_before_any_training():
    features = np.kron(np.eye(3), np.ones((10, 4)))
    directions = fit(features, n_epochs=0).directions
    topic = np.arange(12) // 4
    cosines = directions @ directions.T
    same = topic[:, np.newaxis] == topic
    assert cosines[same].min() > 0.99
    assert np.abs(cosines[~same]).max() < 0.01


@pytest.mark.parametrize(
    "features",
    [
        np.eye(4),  # no term in the company of another
        np.ones((6, 1)),  # one term
        np.array([[1.0, 0.0, 2.0]]),  # one study, and a term that no study holds
        np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 1.0]]),  # a term of all studies
        np.zeros((3, 2)),  # no term at all
    ],
    ids=["alone", "one term", "one study", "everywhere", "nothing"],
)
def test_every_term_has_a_direction_and_a_finite_information(features):
    space = fit(features, n_epochs=2)
    assert np.isfinite(space.information).all()
    assert (space.information >= 0.1).all()
    np.testing.assert_allclose(np.linalg.norm(space.directions, axis=1), 1, rtol=1e-6)
    assert np.isfinite(space.text_directions(features)).all()


@pytest.mark.parametrize(
    ("features", "are_terms"),
    [
        ([[0.0, 1.0], [2.0, 0.0]], True),
        ([[1.0, 1.0], [2.0, 3.0]], False),
        ([[-1.0, 0.0], [2.0, 3.0]], False),
        ([[0.0, 0.0]], True),
    ],
)
@pytest.mark.parametrize("form", [np.array, sparse.csr_matrix])
def test_weights_of_terms_are_positive_and_not_all_there(features, are_terms, form):
    assert are_term_weights(form(features)) is are_terms
