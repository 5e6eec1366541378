import numpy as np
import pytest
from scipy import sparse

from sklearn_mnm.model import text_regression
from sklearn_mnm.model.text_regression import TextRegression, count_terms, predict_brain


@pytest.fixture(scope="module")
def corpus():
    """Words that come in topics, and brains that the topics cause."""
    random = np.random.default_rng(0)
    topics = random.dirichlet(np.full(8, 0.15), size=400)
    words = random.dirichlet(np.full(120, 0.2), size=8)
    counts = random.poisson(30 * topics @ words)
    X = sparse.csr_matrix(counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1))
    brain = topics @ random.normal(size=(8, 20)) + random.normal(scale=0.5, size=(400, 20))
    return X, brain - brain.mean(axis=0)


def fit(X, brain, alpha=1.0):
    return TextRegression.fit(X, brain, None, alpha=alpha, seed=0)


def test_short_coefficients_are_the_average_over_texts_with_dropped_terms(corpus, monkeypatch):
    X, brain = corpus[0].toarray(), corpus[1]
    dropout, alpha = 0.7, 1.0
    monkeypatch.setattr(text_regression, "_TERM_DROPOUT", dropout)
    regression = fit(X, brain, alpha)
    # By hand: ridge on many copies of the corpus with terms dropped. Keeping a share k scales
    # the expected Gram matrix by k^2, X'Y and the extra variance of the diagonal by k.
    random = np.random.default_rng(1)
    keep = 1 - dropout
    gram, moment = np.zeros((120, 120)), np.zeros((120, 20))
    for _ in range(400):
        kept = X * (random.random(X.shape) < keep)
        gram += kept.T @ kept / 400
        moment += kept.T @ brain / 400
    penalty = alpha / np.maximum(regression.weights, 1e-3)
    sampled = np.linalg.solve(gram + keep**2 * np.diag(penalty), moment)
    cosine = np.vdot(sampled, regression.short_coef)
    cosine /= np.linalg.norm(sampled) * np.linalg.norm(regression.short_coef)
    assert cosine > 0.995


def test_texts_of_few_terms_are_predicted_better_by_their_own_coefficients(corpus):
    X, brain = corpus
    train, test = slice(0, 300), slice(300, 400)
    regression = fit(X[train], brain[train])
    short = X[test].copy()
    random = np.random.default_rng(0)
    short.data *= random.random(len(short.data)) < 0.1
    short.eliminate_zeros()

    def correlation(short_coef):
        predicted = predict_brain(short, regression.coef, short_coef, regression.mean_terms)
        known = count_terms(short) > 0
        return np.corrcoef(predicted[known].ravel(), brain[test][known].ravel())[0, 1]

    assert correlation(regression.short_coef) > correlation(None) + 0.03


def test_texts_of_mean_length_or_more_are_predicted_by_the_ridge_regression_alone(corpus):
    X, brain = corpus
    regression = fit(X, brain)
    long = count_terms(X) >= regression.mean_terms
    predicted = predict_brain(X, regression.coef, regression.short_coef, regression.mean_terms)
    plain = np.asarray(X @ regression.coef)
    np.testing.assert_allclose(predicted[long], plain[long], atol=1e-6)
    assert np.abs(predicted[~long] - plain[~long]).max() > 0.01


def test_predictions_of_both_kinds_are_of_the_same_size(corpus):
    X, brain = corpus
    regression = fit(X, brain)
    sizes = [np.linalg.norm(X @ c, axis=1).mean() for c in (regression.coef, regression.short_coef)]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.25)


def test_no_second_coefficients_where_all_rows_are_full(corpus):
    X, brain = corpus
    dense = X.toarray() + 0.1
    assert fit(dense, brain).short_coef is None


def test_dense_and_sparse_features_give_the_same(corpus):
    X, brain = corpus
    one, other = fit(X, brain), fit(X.toarray(), brain)
    np.testing.assert_allclose(one.short_coef, other.short_coef, rtol=1e-3, atol=1e-5)
    args = one.coef, one.short_coef, one.mean_terms
    np.testing.assert_allclose(
        predict_brain(X, *args), predict_brain(X.toarray(), *args), atol=1e-5
    )
