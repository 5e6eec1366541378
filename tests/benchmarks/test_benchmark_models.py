import numpy as np
import pytest
from scipy import sparse
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import Ridge


@pytest.fixture
def views():
    random = np.random.default_rng(0)
    X = random.normal(size=(120, 20))
    Y = X @ random.normal(size=(20, 30)) + random.normal(size=(120, 30))
    return X - X.mean(axis=0), Y - Y.mean(axis=0)


@pytest.mark.parametrize("as_features", [np.asarray, sparse.csr_matrix])
def test_ridge_is_that_of_scikit_learn_for_each_alpha(views, as_features):
    from benchmarks.models.ridge import RidgeModel

    X, Y = views
    model = RidgeModel("terms", "regions", "sqrt")
    for alpha, coefficients in model.coefficients(as_features(X), Y, [0.5, 20]):
        expected = Ridge(alpha, fit_intercept=False).fit(X, Y).coef_.T
        np.testing.assert_allclose(coefficients, expected, atol=1e-4)


def test_pls_is_that_of_scikit_learn_for_each_number_of_components(views):
    from benchmarks.models.pls import PartialLeastSquares

    X, Y = views
    for n_components, ours in PartialLeastSquares().coefficients(X, Y, [1, 4, 8]):
        reference = PLSRegression(n_components, scale=False, max_iter=5000, tol=1e-12).fit(X, Y)
        np.testing.assert_allclose(ours, reference.coef_.T, atol=1e-3)


def test_cca_without_penalty_finds_the_canonical_correlations(views):
    from benchmarks.models.cca import _canonical_directions

    X, Y = views
    text, correlations, brain = _canonical_directions(X, Y[:, :15], 1e-9, 1e-9)
    found = [np.corrcoef(X @ a, Y[:, :15] @ b)[0, 1] for a, b in zip(text.T, brain.T, strict=True)]
    np.testing.assert_allclose(found, correlations, atol=1e-5)


def test_the_released_centroid_target_puts_texts_further_out_than_brains():
    import torch

    from benchmarks.models.mnm import (
        BRAIN_RADIUS,
        TEXT_RADIUS,
        _mended_deviation,
        _released_deviation,
    )
    from sklearn_mnm.geometry import exp_map0

    c = torch.tensor(1.0)

    def point(radius):
        return exp_map0(torch.tensor([[radius, 0.0]]), c)

    # With one point the centroid is the point itself in the mended form.
    assert _mended_deviation(point(2.0), BRAIN_RADIUS, c) == pytest.approx(0, abs=1e-5)
    assert _mended_deviation(point(0.5), TEXT_RADIUS, c) == pytest.approx(0, abs=1e-5)
    near, far = point(0.05), point(0.9)
    assert _released_deviation(near, BRAIN_RADIUS, c) < _released_deviation(far, BRAIN_RADIUS, c)
    assert _released_deviation(far, TEXT_RADIUS, c) < _released_deviation(near, TEXT_RADIUS, c)
