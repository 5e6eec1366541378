"""Weights of studies, studies that come later, and towers that are trained on."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.linear_model import Ridge

from sklearn_mnm import (
    HyperbolicBrainTextEmbedder,
    MNMEncoder,
    MNMObjective,
    PeaksToRegions,
    Towers,
)
from sklearn_mnm.brain.features import ActivationScaler
from sklearn_mnm.exceptions import DataWarning, InterruptedFitWarning, InvalidInputError
from sklearn_mnm.metrics import map_correlation
from sklearn_mnm.model.alignment import Pairs, align, new_model, restrained
from sklearn_mnm.model.ridge import LeaveOutRidge
from sklearn_mnm.nn.training import TrainingSettings
from sklearn_mnm.search.study_texts import StudyTexts

FIRST, LATER = slice(0, 200), slice(200, 300)


def literature(n=300, n_terms=60, n_regions=20, seed=0):
    random = np.random.default_rng(seed)
    words, regions = random.gamma(0.3, size=(12, n_terms)), random.gamma(0.3, size=(12, n_regions))
    topics = random.dirichlet(np.full(12, 0.2), size=n)
    X = random.poisson(8 * topics @ words).astype(float)
    Y = random.poisson(20 * topics @ regions).astype(float)
    return sparse.csr_matrix(X), Y


@pytest.fixture(scope="module")
def studies():
    return literature()


def cosine(first, second):
    return np.vdot(first, second) / np.linalg.norm(first) / np.linalg.norm(second)


def embedder(**params):
    return HyperbolicBrainTextEmbedder(**{"max_epochs": 2, "random_state": 0, **params})


@pytest.mark.parametrize("n_features", [8, 60], ids=["primal", "dual"])
def test_weighted_left_out_predictions_equal_refitting(n_features):
    random = np.random.default_rng(0)
    X, targets = random.normal(size=(30, n_features)), random.normal(size=(30, 3))
    weights, groups = random.gamma(1.0, size=30), np.arange(30) // 2
    fit = LeaveOutRidge(sparse.csr_matrix(X), targets, groups, sample_weight=weights).fit(2.0)
    for group in range(15):
        out = groups == group
        ridge = Ridge(alpha=2.0, fit_intercept=False)
        ridge.fit(X[~out], targets[~out], sample_weight=weights[~out])
        np.testing.assert_allclose(fit.left_out[out], ridge.predict(X[out]), rtol=1e-4, atol=1e-5)


def test_scaling_all_weights_changes_nothing(studies):
    X, Y = studies
    weights = np.random.default_rng(0).gamma(2.0, size=300)
    first, second = (embedder().fit(X, Y, sample_weight=k * weights) for k in (1.0, 64.0))
    np.testing.assert_allclose(first.predict(X), second.predict(X), rtol=1e-4, atol=1e-5)
    assert first.score(X, Y, weights) == second.score(X, Y, weights)
    other = embedder().fit(X, Y)
    assert np.abs(other.predict(X) - first.predict(X)).max() > 1e-3


def test_studies_of_weight_0_are_as_if_they_were_not_there(studies):
    X, Y = studies
    weights = np.r_[np.ones(200), np.zeros(100)]
    weighted = embedder(store_left_out=True).fit(X, Y, sample_weight=weights)
    without = embedder().fit(X[FIRST], Y[FIRST], sample_weight=np.ones(200))
    np.testing.assert_array_equal(weighted.predict(X), without.predict(X))
    assert len(weighted.left_out_points_) == len(weighted.left_out_activations_) == 200
    assert weighted.score(X, Y, weights) == weighted.score(X[FIRST], Y[FIRST])


def test_activations_of_texts_left_out_are_predicted_worse_than_those_of_texts_seen(studies):
    X, Y = studies
    model = embedder(store_left_out=True).fit(X[FIRST], Y[FIRST])
    left_out, seen = model.left_out_activations_, model.predict(X[FIRST])
    assert left_out.shape == Y[FIRST].shape
    new = embedder().fit(X[FIRST], Y[FIRST]).predict(X[LATER])
    errors = [np.square(found - true).mean() for found, true in
              ((seen, Y[FIRST]), (left_out, Y[FIRST]), (new, Y[LATER]))]  # fmt: skip
    assert errors[0] < errors[1]
    # They err as predictions of new texts do.
    assert abs(errors[1] - errors[2]) < abs(errors[0] - errors[2])
    later = embedder(store_left_out=True).partial_fit(X[FIRST], Y[FIRST])
    later.partial_fit(X[LATER], Y[LATER])
    np.testing.assert_allclose(
        later.left_out_activations_, later.inverse_transform(later.left_out_points_), rtol=1e-4,
        atol=1e-6,
    )  # fmt: skip


def test_what_was_left_out_of_an_earlier_fit_is_forgotten(studies):
    X, Y = studies
    names = ("left_out_points_", "left_out_activations_")
    model = embedder(store_left_out=True).fit(X[FIRST], Y[FIRST])
    assert all(hasattr(model, name) for name in names)
    model.set_params(store_left_out=False).fit(X[LATER], Y[LATER])
    assert not any(hasattr(model, name) for name in names)


def test_weights_of_1_are_no_weights(studies):
    X, Y = studies
    plain, ones = embedder().fit(X, Y), embedder().fit(X, Y, sample_weight=np.ones(300))
    np.testing.assert_allclose(plain.predict(X), ones.predict(X), rtol=1e-4, atol=1e-6)


def test_trustworthy_studies_should_weigh_more():
    X, Y = literature(n=900)
    random = np.random.default_rng(1)
    noisy = random.random(600) < 0.6
    # Maps of poor studies are those of others.
    Y[:600][noisy] = random.permutation(Y[:600][noisy])
    train, test = slice(0, 600), slice(600, 900)
    weights = np.where(noisy, 0.05, 1.0)
    plain = embedder(max_epochs=8, batch_size=300).fit(X[train], Y[train])
    weighted = clone(plain).fit(X[train], Y[train], sample_weight=weights)
    accuracies = [map_correlation(m.predict(X[test]), Y[test]).mean() for m in (plain, weighted)]
    assert accuracies[1] > accuracies[0] + 0.02


def test_the_alignment_heeds_weights(studies):
    _, Y = studies
    scaler = ActivationScaler.fit(Y, power=0.5)
    brain = scaler.transform(Y)
    text = brain.copy()
    text[150:] = text[150:][::-1]  # of the second half, nothing can be told
    objective, settings = MNMObjective(), TrainingSettings(1, 1024, 2e-3, 0.1)

    def loss(weights):
        model = new_model(text, objective, Towers(), n_components=20, curvature=1.0, seed=0)
        pairs = Pairs(text, brain, Y, scaler, None, weights)
        return align(model, pairs, objective, settings, seed=0).history[1]["alignment"]

    losses = [loss(w) for w in (None, np.full(300, 3.0), np.repeat([1.0, 1e-6], 150))]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert losses[2] < 0.7 * losses[0]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (-np.ones(300), "sample_weight holds -1 .study 0.*cannot be negative"),
        (np.zeros(300), "sample_weight is 0 for all|at least one non-zero"),
        (np.full(300, np.nan), "NaN"),
        (np.ones(299), "sample_weight.shape"),
    ],
)
def test_weights_that_make_no_sense_are_refused(studies, weights, message):
    with pytest.raises(ValueError, match=message):
        embedder().fit(*studies, sample_weight=weights)


def test_the_regression_after_partial_fits_is_that_of_all_studies(studies):
    X, Y = studies
    weights = np.random.default_rng(0).gamma(2.0, size=300)
    parts = embedder(alpha=5.0)
    for rows in (FIRST, LATER):
        parts.partial_fit(X[rows], Y[rows], sample_weight=weights[rows])
    whole = embedder(alpha=5.0).fit(X, Y, sample_weight=weights)
    assert parts.mean_terms_ == pytest.approx(whole.mean_terms_)
    # Equal but for what maps are centred by, which stays the mean of the first studies.
    assert cosine(parts.feature_weights_, whole.feature_weights_) > 0.999
    for name in ("text_coef_", "short_coef_"):
        assert cosine(getattr(parts, name), getattr(whole, name)) > 0.99
        first = embedder(alpha=5.0).fit(X[FIRST], Y[FIRST])
        assert cosine(getattr(first, name), getattr(whole, name)) < 0.98


def test_features_are_weighted_later_by_the_penalty_by_which_they_were_first(studies):
    X, Y = studies
    whole = embedder(max_epochs=0).fit(X, Y)
    parts = embedder(max_epochs=0).partial_fit(X[FIRST], Y[FIRST]).partial_fit(X[LATER], Y[LATER])
    assert whole.alpha_ != sorted(whole.alpha_scores_)[len(whole.alpha_scores_) // 2]
    first, weights = parts.feature_weights_, whole.feature_weights_
    assert np.abs(first - weights).max() < 0.03 * weights.max()
    # Those of the penalty that was chosen are others.
    chosen = embedder(max_epochs=0, alpha=whole.alpha_).fit(X, Y).feature_weights_
    assert np.abs(chosen - weights).max() > 0.1 * weights.max()


def pair_likelihood(model, X, Y):
    """Mean logarithm of the probability of the partner of a map, of all texts."""
    odds = model.pair_log_odds(*model.transform(X, Y))
    return float((np.diag(odds) - logsumexp(odds, axis=0)).mean())


def test_the_text_tower_follows_enough_studies_and_that_of_maps_stays():
    X, Y = literature(n=2000, n_terms=100, n_regions=40)
    later, new = slice(100, 1500), slice(1500, 2000)

    def learnt(*, size, **params):
        model = embedder(max_epochs=8).partial_fit(X[:100], Y[:100])
        towers = model.model_
        model.set_params(**params)
        for start in range(later.start, later.stop, size):
            model.partial_fit(X[start : start + size], Y[start : start + size])
        return model, towers

    model, towers = learnt(size=1400)
    few, kept = learnt(size=467)
    assert few.model_ is kept
    still, kept = learnt(size=1400, max_epochs=0)
    assert still.model_ is kept
    assert pair_likelihood(model, X[new], Y[new]) > pair_likelihood(still, X[new], Y[new]) + 0.01
    for found, expected in zip(model.model_.brain_tower, towers.brain_tower, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert model.model_[2:] == towers[2:]
    np.testing.assert_array_equal(learnt(size=1400)[0].transform(X), model.transform(X))


def test_a_tower_that_diverges_stays_and_the_studies_are_learnt(studies):
    X, Y = literature(n=700)
    model = embedder(store_left_out=True).partial_fit(X[:100], Y[:100])
    towers = model.model_
    model.set_params(learning_rate=1e20)
    with pytest.warns(InterruptedFitWarning, match="stays as it was.*Lower learning_rate"):
        model.partial_fit(X[100:], Y[100:])
    assert model.model_ is towers
    assert model.statistics_.n_samples == 700
    assert len(model.left_out_points_) == 600


def test_later_studies_train_with_restraint():
    model = new_model(
        np.eye(6, dtype=np.float32), MNMObjective(), Towers(), n_components=3, curvature=1.0, seed=0
    )
    given = TrainingSettings(max_epochs=6, batch_size=40, learning_rate=0.5, weight_decay=0.25)
    expected = TrainingSettings(max_epochs=2, batch_size=10, learning_rate=0.25, weight_decay=0.25)
    assert restrained(model, given) == expected
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert trained == {f"text_tower.{name}" for name, _ in model.text_tower.named_parameters()}


def test_statistics_add_up_to_those_of_all_studies(studies):
    X, _ = studies
    random = np.random.default_rng(0)
    targets, weights = random.normal(size=(300, 4)), random.gamma(2.0, size=300)
    first = LeaveOutRidge(X[FIRST], targets[FIRST], sample_weight=weights[FIRST])
    later = LeaveOutRidge(
        X[LATER], targets[LATER], sample_weight=weights[LATER], earlier=first.statistics()
    )
    whole = LeaveOutRidge(X, targets, sample_weight=weights)
    for found, expected in zip(later.statistics(), whole.statistics(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)
    found, expected = later.fit(3.0), whole.fit(3.0)
    np.testing.assert_allclose(found.coef, expected.coef, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.left_out, expected.left_out[LATER], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        later.excess_energy(found.alpha), whole.excess_energy(expected.alpha), rtol=1e-3, atol=1e-6
    )


def test_points_of_maps_do_not_move_and_texts_are_predicted_better():
    X, Y = literature(n=800, n_terms=100)
    first, test = slice(0, 60), slice(600, 800)
    model = embedder().partial_fit(X[first], Y[first])
    before, points = map_correlation(model.predict(X[test]), Y[test]), model.transform_brain(Y)
    for start in range(60, 600, 270):
        rows = slice(start, start + 270)
        model.partial_fit(X[rows], Y[rows])
    np.testing.assert_array_equal(model.transform_brain(Y), points)
    assert model.statistics_.n_samples == 600
    assert map_correlation(model.predict(X[test]), Y[test]).mean() > before.mean() + 0.01


def test_partial_fit_takes_a_single_study(studies):
    X, Y = studies
    model = embedder().partial_fit(X[FIRST], Y[FIRST])
    model.partial_fit(X[200], Y[200:201])
    assert model.statistics_.n_samples == 201
    assert np.isfinite(model.predict(X)).all()


def test_partial_fit_goes_on_from_fit_only_where_statistics_are_small():
    X, Y = literature(n=80, n_terms=30)
    assert embedder().fit(X, Y).partial_fit(X, Y).statistics_.n_samples == 160
    wide = sparse.hstack([X] * 40).tocsr()
    with pytest.raises(InvalidInputError, match=r"1200 features.*Begin with partial_fit"):
        embedder(max_epochs=0).fit(wide, Y).partial_fit(wide, Y)
    model = embedder(max_epochs=0).partial_fit(wide, Y).partial_fit(wide, Y)
    assert not hasattr(model.fit(wide, Y), "statistics_")


def test_partial_fit_checks_what_comes_later(studies):
    X, Y = studies
    model = embedder().partial_fit(X, Y)
    with pytest.raises(ValueError, match="59 features"):
        model.partial_fit(X[:, 1:], Y)
    with pytest.raises(InvalidInputError, match=r"y has 19 columns.* 20 regions"):
        model.partial_fit(X, Y[:, 1:])


def test_a_warm_start_goes_on_from_the_towers(studies):
    X, Y = studies
    model = embedder(warm_start=True, max_epochs=3, batch_size=100).fit(X, Y)
    once = model.history_["loss"].iloc[-1]
    model.fit(X, Y)
    history = model.history_
    assert history["epoch"].tolist() == list(range(7))
    assert history["loss"][4] < history["loss"][1]
    assert model.best_epoch_ == 6
    assert history["loss"].iloc[-1] < once
    cold = embedder(max_epochs=3, batch_size=100).fit(X, Y)
    assert cold.fit(X, Y).history_["epoch"].tolist() == list(range(4))
    with pytest.raises(InvalidInputError, match=r"warm_start=True.*20 regions.*19 regions"):
        model.fit(X, Y[:, 1:])


@pytest.fixture(scope="module")
def reported():
    """Texts and peaks of studies of two kinds."""
    random = np.random.default_rng(0)
    texts = ["finger tapping movement", "visual motion flow"] * 60
    centres = np.array([[-40, -20, 55], [45, -70, 5]] * 60)
    return texts, [centre + random.normal(scale=6, size=(8, 3)) for centre in centres]


def encoder():
    regions = PeaksToRegions(n_regions=30, resolution=8, max_distance=50, random_state=0)
    return MNMEncoder(regions=regions, embedder=embedder(n_components=4), random_state=0)


def test_an_encoder_learns_from_later_studies_and_finds_them(reported):
    texts, peaks = reported
    model = encoder().partial_fit(texts[:100], peaks[:100])
    decoder = model.decoder()
    # From now on, movement is seen where motion was.
    swapped = [peaks[i ^ 1] for i in range(100, 120)]
    before = model.predict(["finger tapping"])
    model.partial_fit(texts[100:], swapped)
    assert len(model.neighbours_.ids) == 120
    assert model.retrieve(texts[:1], k=120)["id"].nunique() == 120
    assert np.abs(model.predict(["finger tapping"]) - before).max() > 1e-4
    # The other direction of the earlier fit stays what it was.
    assert len(decoder.neighbours_.ids) == 100
    np.testing.assert_array_equal(decoder.encoder().predict(["finger tapping"]), before)


def test_an_encoder_heeds_the_weights_of_studies(reported):
    texts, peaks = reported
    weights = np.r_[np.ones(60), np.zeros(60)]
    model = encoder().fit(texts, peaks, sample_weight=weights)
    assert len(model.neighbours_.ids) == 60
    half = encoder().fit(texts[:60], peaks[:60], sample_weight=np.ones(60))
    # Regions are cut from all peaks, so only the studies found compare.
    assert set(model.neighbours_.ids) == set(half.neighbours_.ids)
    first = model.score(texts, peaks, sample_weight=np.eye(120)[0])
    assert first == pytest.approx(model.score(texts[:1], peaks[:1]))


def test_ids_that_come_again_are_told():
    random = np.random.default_rng(0)
    texts = ["finger tapping movement", "visual motion flow"] * 20
    centres = np.array([[-40, -20, 55], [45, -70, 5]] * 20)
    table = pd.concat(
        pd.DataFrame(c + random.normal(scale=6, size=(6, 3)), columns=list("xyz")).assign(id=str(i))
        for i, c in enumerate(centres)
    )
    model = encoder().partial_fit(texts, table)
    with pytest.warns(DataWarning, match="40 of 40 studies have the id"):
        model.partial_fit(texts, table)


def test_the_index_of_studies_is_kept_until_there_are_more(reported, monkeypatch):
    texts, peaks = reported
    model = encoder().partial_fit(texts[:100], peaks[:100])
    made = []
    original = StudyTexts.from_studies

    def counted(present, *args):
        made.append(present.shape[0])
        return original(present, *args)

    monkeypatch.setattr(StudyTexts, "from_studies", counted)
    first = model.retrieve(texts[:2])
    pd.testing.assert_frame_equal(model.retrieve(texts[:2]), first)
    model.retrieve(texts[:2], by="text")
    assert made == [100]
    model.partial_fit(texts[100:], peaks[100:]).retrieve(texts[:2])
    assert made == [100, 120]


def test_a_walk_passes_the_terms_as_they_are_placed_by_now(reported):
    texts, peaks = reported
    model = encoder().partial_fit(texts[:60], peaks[:60])
    text = texts[0]
    before = model.walk(text)
    pd.testing.assert_frame_equal(model.walk(text), before)
    after = model.partial_fit(texts[60:], peaks[60:]).walk(text)
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(model)).walk(text), after)
    assert after["n_studies"].iloc[0] == 2 * before["n_studies"].iloc[0] == 60
