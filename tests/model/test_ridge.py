"""Leave-out predictions equal those of regressions that are really fitted without the rows."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.linear_model import Ridge

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.model.ridge import LeaveOutRidge


def _data(seed, n_samples, n_features, density=0.5):
    random = np.random.default_rng(seed)
    X = sparse.random(n_samples, n_features, density=density, random_state=random, format="csr")
    return X, random.standard_normal((n_samples, 3))


def _refitted(X, targets, alpha, groups):
    """Predictions by scikit-learn's Ridge, fitted again for each group left out."""
    predictions = np.empty_like(targets)
    for group in np.unique(groups):
        out = groups == group
        ridge = Ridge(alpha=alpha, fit_intercept=False).fit(X[~out], targets[~out])
        predictions[out] = ridge.predict(X[out])
    return predictions


@settings(max_examples=40, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    n_samples=st.integers(6, 30),
    n_features=st.integers(2, 60),
    alpha=st.floats(0.05, 20),
    as_sparse=st.booleans(),
    grouped=st.booleans(),
)
def test_left_out_predictions_equal_refitting(
    seed, n_samples, n_features, alpha, as_sparse, grouped
):
    X, targets = _data(seed, n_samples, n_features)
    random = np.random.default_rng(seed)
    groups = random.integers(0, 4, n_samples) if grouped else np.arange(n_samples)
    if len(np.unique(groups)) < 2:
        groups[0] = groups.max() + 1
    dense = X.toarray()
    fit = LeaveOutRidge(X if as_sparse else dense, targets, groups).fit(alpha)
    expected = _refitted(dense, targets, alpha, groups)
    np.testing.assert_allclose(fit.left_out, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n_features", [10, 80], ids=["primal", "dual"])
def test_coefficients_equal_scikit_learns_ridge(n_features):
    X, targets = _data(0, 40, n_features)
    fit = LeaveOutRidge(X, targets).fit(2.0)
    expected = Ridge(alpha=2.0, fit_intercept=False, solver="cholesky").fit(X.toarray(), targets)
    np.testing.assert_allclose(fit.coef, expected.coef_.T, rtol=1e-4, atol=1e-6)


def test_an_empty_text_is_predicted_as_zero():
    X, targets = _data(0, 20, 8)
    X = X.tolil()
    X[3] = 0
    fit = LeaveOutRidge(X.tocsr(), targets).fit(1.0)
    assert (fit.left_out[3] == 0).all()


@pytest.mark.parametrize("n_features", [8, 40])
def test_features_beyond_single_precision_are_fitted_in_double(n_features):
    X, targets = _data(0, 20, n_features)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        large = LeaveOutRidge(X * 1e20, targets).fit(1e40, np.float32)
    expected = LeaveOutRidge(X, targets).fit(1.0)
    np.testing.assert_allclose(large.left_out, expected.left_out, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n_features", [8, 40])
@pytest.mark.parametrize("as_sparse", [True, False])
def test_features_are_scaled_in_place_as_if_given_so(n_features, as_sparse):
    X, targets = _data(0, 20, n_features)
    X = X if as_sparse else X.toarray()
    factors = np.random.default_rng(1).uniform(0.1, 3, n_features)
    ridge = LeaveOutRidge(X, targets, np.arange(20) // 2)
    ridge.fit(1.0)
    ridge.scale_features(factors)
    scaled = X.multiply(factors).tocsr() if as_sparse else X * factors
    expected = LeaveOutRidge(scaled, targets, np.arange(20) // 2)
    for found, true in zip(ridge.fit(1.0), expected.fit(1.0), strict=True):
        np.testing.assert_allclose(found, true, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(ridge.excess_energy(1.0), expected.excess_energy(1.0))


def test_earlier_samples_are_scaled_too_and_statistics_are_kept_as_they_were():
    X, targets = _data(0, 40, 8)
    factors = np.random.default_rng(1).uniform(0.1, 3, 8)
    earlier = LeaveOutRidge(X[:20], targets[:20]).statistics()
    later = LeaveOutRidge(X[20:], targets[20:], earlier=earlier)
    kept = later.statistics()
    later.scale_features(factors)
    whole = LeaveOutRidge(X.multiply(factors).tocsr(), targets)
    np.testing.assert_allclose(later.fit(1.0).coef, whole.fit(1.0).coef, rtol=1e-4, atol=1e-6)
    for found, expected in zip(kept, LeaveOutRidge(X, targets).statistics(), strict=True):
        np.testing.assert_allclose(found, expected)


@settings(max_examples=30, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    n_later=st.integers(1, 40),
    alpha=st.floats(0.05, 20),
    as_sparse=st.booleans(),
    grouped=st.booleans(),
    weighted=st.booleans(),
)
def test_later_samples_few_or_many_are_left_out_as_by_refitting(
    seed, n_later, alpha, as_sparse, grouped, weighted
):
    X, targets = _data(seed, 30 + n_later, 40)
    random = np.random.default_rng(seed)
    groups = random.integers(0, 4, n_later) if grouped else np.arange(n_later)
    weight = random.uniform(0.5, 2, n_later) if weighted else np.ones(n_later)
    dense = X.toarray()
    earlier = LeaveOutRidge(X[:30], targets[:30]).statistics()
    new = X[30:] if as_sparse else dense[30:]
    fit = LeaveOutRidge(
        new, targets[30:], groups, sample_weight=weight if weighted else None, earlier=earlier
    ).fit(alpha)
    everyone = np.concatenate([np.full(30, -1), groups])
    weights = np.concatenate([np.ones(30), weight])
    for group in np.unique(groups):
        kept = everyone != group
        ridge = Ridge(alpha=alpha, fit_intercept=False, solver="cholesky")
        ridge.fit(dense[kept], targets[kept], weights[kept])
        expected = ridge.predict(dense[~kept])
        np.testing.assert_allclose(fit.left_out[groups == group], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("n_features", [8, 40])
def test_large_systems_are_solved_in_single_precision_if_well_conditioned(n_features, monkeypatch):
    X, targets = _data(0, 20, n_features)
    ridge = LeaveOutRidge(X, targets)
    double = [ridge.fit(alpha) for alpha in (1.0, 1e-5)]
    excess = ridge.excess_energy(1.0)
    monkeypatch.setattr("sklearn_mnm.model.ridge._DOUBLE_UP_TO", 4)
    single = [ridge.fit(alpha) for alpha in (1.0, 1e-5)]
    assert not np.array_equal(single[0].coef, double[0].coef)
    np.testing.assert_allclose(single[0].coef, double[0].coef, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(single[0].left_out, double[0].left_out, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(ridge.excess_energy(1.0), excess, rtol=1e-3)
    np.testing.assert_array_equal(single[1].coef, double[1].coef)
    best, _ = ridge.search([0.5, 1.0, 2.0], lambda fit: -abs(fit.alpha - 1.0))
    np.testing.assert_array_equal(best.coef, single[0].coef)


@pytest.mark.parametrize("alpha", [1.0, 1e4, 1e8])
def test_energies_far_below_the_penalty_are_told_apart_in_large_systems(alpha, monkeypatch):
    X, targets = _data(0, 200, 8)
    ridge = LeaveOutRidge(X, targets)
    expected = ridge.excess_energy(alpha)
    monkeypatch.setattr("sklearn_mnm.model.ridge._DOUBLE_UP_TO", 4)
    large = LeaveOutRidge(X, targets)
    np.testing.assert_allclose(large.excess_energy(alpha), expected, rtol=1e-2, atol=1e-3)


def test_samples_that_decide_their_own_prediction_are_left_out_in_double(monkeypatch):
    X, targets = _data(0, 60, 8)
    X = X.toarray()
    X[7] *= 30
    ridge = LeaveOutRidge(X, targets)
    expected = ridge.fit(1.0).left_out
    single = ridge.fit(1.0, np.float32).left_out
    monkeypatch.setattr("sklearn_mnm.model.ridge._DOUBLE_UP_TO", 4)
    found = LeaveOutRidge(X, targets).fit(1.0).left_out
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert np.abs(single[7] - expected[7]).max() > 10 * np.abs(found[7] - expected[7]).max()


@pytest.mark.parametrize("scale", [1e-20, 1e-10, 1e10, 1e20])
def test_penalties_beyond_single_precision_are_fitted_in_double(scale):
    X, targets = _data(0, 20, 8)
    fit = LeaveOutRidge(X * scale, targets).fit(scale**2, np.float32)
    expected = LeaveOutRidge(X, targets).fit(1.0)
    np.testing.assert_allclose(fit.left_out, expected.left_out, rtol=1e-3, atol=1e-4)


def test_a_problem_too_large_to_factorise_says_what_to_reduce():
    X = sparse.csr_matrix((30_000, 40_000))
    with pytest.raises(InvalidInputError, match=r"30000 rows and 40000 columns.*TruncatedSVD"):
        LeaveOutRidge(X, np.zeros((30_000, 1)))


@pytest.mark.parametrize("best", [0.1, 1.0, 10.0, 100.0, 1000.0])
def test_the_search_climbs_to_the_best_penalty_of_the_grid(best):
    X, targets = _data(0, 20, 8)
    alphas = [0.1, 1.0, 10.0, 100.0, 1000.0]
    fit, scores = LeaveOutRidge(X, targets).search(alphas, lambda f: -abs(np.log(f.alpha / best)))
    assert fit.alpha == best
    assert max(scores, key=scores.__getitem__) == best
    assert len(scores) <= 4 or best in (0.1, 1000.0)


@pytest.mark.parametrize("n_features", [20, 200], ids=["primal", "dual"])
def test_excess_energy_compares_coefficients_with_those_of_noise(n_features):
    X, _ = _data(0, 100, n_features)
    alpha, noise = 3.0, 2.0
    # Coefficients of pure noise, drawn many times: their mean energy is what 1 stands for.
    random = np.random.default_rng(0)
    weights = np.linalg.solve(X.T @ X + alpha * np.eye(n_features), X.toarray().T)
    energy = np.zeros(n_features)
    for _ in range(300):
        energy += np.square(weights @ random.normal(scale=noise, size=(100, 4))).sum(axis=1) / 300
    signal = random.normal(size=(100, 4))
    fit = LeaveOutRidge(X, signal).fit(alpha)
    residual = np.square(signal - X @ fit.coef).sum() / 100 / (4 * noise**2)
    expected = np.square(fit.coef).sum(axis=1) / (energy * residual) - 1
    found = LeaveOutRidge(X, signal).excess_energy(alpha)
    clear = expected > 0.3
    np.testing.assert_allclose(found[clear], expected[clear], rtol=0.5)
    assert (found > 0).all()


def test_features_that_carry_signal_get_the_weight():
    random = np.random.default_rng(0)
    X = random.normal(size=(400, 30))
    targets = X[:, :5] @ random.normal(size=(5, 20)) + random.normal(scale=3, size=(400, 20))
    ridge = LeaveOutRidge(X, targets)
    excess = ridge.excess_energy(10.0)
    assert excess[:5].min() > 5 * excess[5:].max()


def test_excess_energy_without_signal_or_noise_is_finite():
    for X, targets in [
        (np.zeros((5, 3)), np.ones((5, 2))),
        (np.eye(3), np.zeros((3, 2))),
        (np.ones((1, 4)), np.ones((1, 1))),
    ]:
        ridge = LeaveOutRidge(X, targets)
        excess = ridge.excess_energy(1.0)
        assert ((excess > 0) & np.isfinite(excess)).all()
