"""Directions of terms: the likelihood rises, and a planted hierarchy comes back."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from sklearn_mnm.geometry import exp_map0
from sklearn_mnm.geometry.information import pairwise_log_conditional
from sklearn_mnm.nn.term_directions import (
    TermData,
    held_terms,
    hyperbolic_log_conditional,
    some_words,
    train_directions,
)

N_DOMAINS, N_CHILDREN, N_STUDIES = 4, 3, 600


def random_directions(n, d=8, seed=0):
    rows = np.random.default_rng(seed).normal(size=(n, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def planted():
    """Studies of one domain each, and of any of its children: the domain holds whenever they do.

    Terms are the domains and then the children, those of the first domain first.
    """
    random = np.random.default_rng(0)
    domain = random.integers(N_DOMAINS, size=N_STUDIES)
    parent = np.repeat(np.arange(N_DOMAINS), N_CHILDREN)
    children = (parent == domain[:, np.newaxis]) & (random.random((N_STUDIES, len(parent))) < 0.3)
    n_terms = N_DOMAINS * (1 + N_CHILDREN)
    features = np.zeros((N_STUDIES, n_terms), np.float32)
    features[np.arange(N_STUDIES), domain] = 1
    features[:, N_DOMAINS:] = children
    pairs = features.T @ features
    information = -np.log((np.diagonal(pairs) - 0.5) / N_STUDIES)
    identity = sparse.identity(n_terms, format="csr")
    held = sparse.csr_matrix(features)

    def text_information(held):
        return np.asarray(held @ information**8).ravel() ** (1 / 8)

    return TermData(held, held, identity, pairs, information, text_information)


def log_probabilities(directions, information):
    """``ln P(row | column)`` by the points themselves."""
    tangent = torch.from_numpy(directions.astype(float) * information[:, np.newaxis] / 2)
    points = exp_map0(tangent, 1.0)
    return pairwise_log_conditional(points, points, 1.0).numpy()


def loss(directions, data):
    """Mean negative log-likelihood of the pairs of terms."""
    logs = np.minimum(log_probabilities(directions, data.information), -1e-4)
    shares = data.pairs / np.diagonal(data.pairs)
    off = ~np.eye(len(logs), dtype=bool)
    return -(shares * logs + (1 - shares) * np.log(-np.expm1(logs)))[off].mean()


@pytest.fixture(scope="module")
def data():
    return planted()


@pytest.fixture(scope="module")
def trained(data):
    return train_directions(random_directions(len(data.information)), data, n_steps=120, seed=0)


def test_the_loss_falls(data, trained):
    start = random_directions(len(data.information))
    few = train_directions(start, data, n_steps=10, seed=0)
    losses = [loss(directions, data) for directions in (start, few, trained)]
    assert losses[0] > losses[1] > losses[2]
    assert trained.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(trained, axis=1), 1, rtol=1e-6)


def test_parents_are_certain_given_their_children_and_children_as_likely_as_their_share(
    data, trained
):
    probability = np.exp(log_probabilities(trained, data.information))
    parent = np.repeat(np.arange(N_DOMAINS), N_CHILDREN)
    children = N_DOMAINS + np.arange(len(parent))
    # Domains exclude each other, which no space can tell: they are the farther apart for it, and
    # so a little less than certain.
    assert probability[parent, children].min() > 0.8
    assert probability[parent, children].mean() > 0.85
    shares = data.pairs[children, parent] / data.pairs[parent, parent]
    np.testing.assert_allclose(probability[children, parent], shares, atol=0.08)
    for domain in range(N_DOMAINS):
        others = probability[domain, children[parent != domain]]
        assert others.max() < 0.6 * probability[domain, children[parent == domain]].min()


def test_the_same_seed_gives_the_same_directions(data):
    start = random_directions(len(data.information))
    first, second, other = (
        train_directions(start, data, n_steps=3, seed=seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(start, random_directions(len(start)))  # not changed in place


def test_the_hyperbolic_geometry_is_that_of_the_points(data):
    directions = random_directions(len(data.information))
    information = torch.as_tensor(data.information)
    versine = 1 - torch.from_numpy(directions.astype(float) @ directions.T)
    rows = np.arange(len(directions))
    found = hyperbolic_log_conditional(rows, information[:, None], information[None, :], versine)
    expected = log_probabilities(directions, data.information)
    # Angles of single precision near 0 have some.
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-3)


def test_another_geometry_can_be_plugged_in(data):
    def flat(_, asked, given, versine):
        """Detours in flat space, of the same radii and angles."""
        a, x = asked / 2, given / 2
        squared = (a - x).square() + 2 * a * x * versine.clamp(min=0)
        return -(a + (squared + 1e-6).sqrt() - x)

    start = random_directions(len(data.information))
    params = {"n_steps": 20, "seed": 0}
    hyperbolic = train_directions(start, data, **params)
    euclidean = train_directions(start, data, **params, log_conditional=flat)
    np.testing.assert_allclose(np.linalg.norm(euclidean, axis=1), 1, rtol=1e-6)
    assert not np.allclose(euclidean, hyperbolic)
    assert loss(hyperbolic, data) < loss(euclidean, data)


def test_a_probability_that_says_nothing_of_angles_moves_nothing(data):
    start = random_directions(len(data.information))
    kept = train_directions(
        start, data, n_steps=5, seed=0, log_conditional=lambda _, a, x, versine: -a + 0 * versine
    )
    np.testing.assert_allclose(kept, start, atol=1e-6)


def test_texts_hold_the_parts_of_their_terms_once():
    parts = sparse.csr_matrix(np.array([[1, 0, 0], [1, 1, 0], [1, 1, 1]], dtype=bool))
    features = sparse.csr_matrix(np.array([[0, 0.5, 2.0], [0, 0, 0], [3.0, 0, 0]]))
    held = held_terms(features, parts)
    assert held.dtype == np.float32
    np.testing.assert_array_equal(held.toarray(), [[1, 1, 1], [0, 0, 0], [1, 0, 0]])


@settings(max_examples=30, derandomize=True)
@given(st.integers(0, 2**31))
def test_some_words_of_a_text_are_at_least_one_and_keep_their_weights(seed):
    random = np.random.default_rng(seed)
    features = sparse.random(9, 7, density=0.5, random_state=seed % 2**31, format="csr")
    fewer = some_words(features, random).toarray()
    whole = features.toarray()
    np.testing.assert_array_equal(fewer[fewer != 0], whole[fewer != 0])
    sizes, all_sizes = (np.count_nonzero(texts, axis=1) for texts in (fewer, whole))
    assert (sizes <= all_sizes).all()
    assert ((sizes > 0) == (all_sizes > 0)).all()


def test_few_words_are_kept_as_often_as_many():
    features = sparse.csr_matrix(np.ones((4000, 64)))
    sizes = np.diff(some_words(features, np.random.default_rng(0)).indptr)
    assert sizes.min() == 1
    assert sizes.max() == 64
    # On a logarithmic scale, half of the texts keep less than the root.
    assert (sizes <= 8).mean() == pytest.approx(0.5, abs=0.05)
