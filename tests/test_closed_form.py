"""Leave-out predictions equal those of regressions that are really fitted without the rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.linear_model import Ridge

from sklearn_mnm.closed_form import LeaveOutRidge
from sklearn_mnm.exceptions import InvalidInputError


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


@settings(deadline=None, max_examples=40, derandomize=True)
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
