"""Scorers equal the metrics they are named after, whatever the model and the form of the data."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import make_pipeline

from sklearn_mnm import HyperbolicBrainTextEmbedder, MNMEncoder, PeaksToRegions, TermVectorizer
from sklearn_mnm.datasets import Studies, make_literature
from sklearn_mnm.exceptions import DataWarning, InvalidInputError
from sklearn_mnm.metrics import dice_top, map_correlation, mix_and_match, radial_order, recall_at_k
from sklearn_mnm.scorers import (
    SCORERS,
    BrainTextScorer,
    RecallScorer,
    get_scorer,
    recall_scorer,
)

N_TRAIN, N_TEST = 160, 100
N_COMPONENTS = "hyperbolicbraintextembedder__n_components"


def embedder(**parameters):
    return HyperbolicBrainTextEmbedder(
        **{"n_components": 8, "max_epochs": 2, "random_state": 0, **parameters}
    )


def pipeline():
    return make_pipeline(TermVectorizer(), embedder())


@pytest.fixture(scope="module")
def studies():
    return make_literature(N_TRAIN + N_TEST, n_domains=3, n_terms=300, random_state=0).studies


@pytest.fixture(scope="module")
def regions(studies):
    regions = PeaksToRegions(n_regions=30, resolution=8, max_distance=1000, random_state=0)
    return regions.fit(studies[:N_TRAIN])


@pytest.fixture(scope="module")
def test_set(studies, regions):
    held_out = studies[N_TRAIN:]
    return held_out, regions.transform(held_out)


@pytest.fixture(scope="module")
def fitted_pipeline(studies, regions):
    part = studies[:N_TRAIN]
    return pipeline().fit(list(part.texts), regions.transform(part))


@pytest.fixture(scope="module")
def encoder(studies, regions):
    model = MNMEncoder(regions=regions, embedder=embedder(), random_state=0)
    return model.fit(studies[:N_TRAIN])


def by_hand(name, fitted, text_points, activations):
    """Each score, from the metrics alone."""
    brain_points = fitted.transform_brain(activations)
    similarity = fitted.similarity(text_points, brain_points)
    found = {
        "text_to_brain_recall_at_10": recall_at_k(similarity, 10) / 100,
        "brain_to_text_recall_at_10": recall_at_k(similarity.T, 10) / 100,
    }
    if name == "recall_at_10":
        return np.mean(list(found.values()))
    if name in found:
        return found[name]
    if name == "mix_and_match":
        return (mix_and_match(similarity) + mix_and_match(similarity.T)) / 200
    if name == "radial_order":
        return radial_order(text_points, brain_points) / 100
    measure = {"map_correlation": map_correlation, "map_dice": dice_top}[name]
    return np.mean(measure(fitted.inverse_transform(text_points), activations))


@pytest.mark.parametrize("name", SCORERS)
def test_embedders_and_pipelines_are_scored_by_the_metric(name, fitted_pipeline, test_set):
    held_out, Y = test_set
    vectorizer, fitted = fitted_pipeline
    X = vectorizer.transform(held_out.texts)
    expected = by_hand(name, fitted, fitted.transform(X), Y)
    assert get_scorer(name)(fitted, X, Y) == pytest.approx(expected, abs=1e-12)
    assert get_scorer(name)(fitted_pipeline, held_out.texts, Y) == pytest.approx(expected)
    assert get_scorer(name)(make_pipeline(fitted), X, Y) == pytest.approx(expected)


@pytest.mark.parametrize("name", SCORERS)
def test_encoders_and_decoders_take_texts_and_maps_of_any_form(name, encoder, test_set):
    held_out, Y = test_set
    scorer, decoder = SCORERS[name], encoder.decoder()
    expected = by_hand(name, encoder.embedder_, encoder.transform(held_out), Y)
    for score in (
        scorer(encoder, held_out),
        scorer(decoder, held_out),
        scorer(encoder, held_out.counts, Y),
        scorer(decoder, Y, held_out),
        scorer(encoder, held_out, held_out.peaks),
        scorer(decoder, held_out.peaks, held_out.counts),
    ):
        assert score == pytest.approx(expected, abs=1e-12)


def test_the_estimators_own_scores_are_among_them(encoder, fitted_pipeline, test_set):
    held_out, Y = test_set
    recall = get_scorer("recall_at_10")(fitted_pipeline, held_out.texts, Y)
    assert recall == pytest.approx(fitted_pipeline.score(held_out.texts, Y))
    assert get_scorer("map_correlation")(encoder, held_out) == pytest.approx(
        encoder.score(held_out)
    )


@pytest.mark.parametrize("similarity", ["distance", "cosine"])
def test_retrieval_is_by_what_the_embedder_aligns(similarity, fitted_pipeline, test_set):
    held_out, Y = test_set
    vectorizer, fitted = fitted_pipeline
    X = vectorizer.transform(held_out.texts)
    other = pickle.loads(pickle.dumps(fitted)).set_params(objective__similarity=similarity)
    assert get_scorer("recall_at_10")(other, X, Y) == pytest.approx(other.score(X, Y))


def test_a_model_that_knows_the_maps_is_perfect(studies, regions):
    Y = regions.transform(studies)
    X = np.sqrt(Y)
    X /= np.linalg.norm(X, axis=1, keepdims=True)  # what the towers see of the maps
    fitted = embedder(n_components=None, max_epochs=0, alpha=1e-8).fit(X, Y)
    for scorer in (recall_scorer(1), recall_scorer(1, pool_size=20), SCORERS["mix_and_match"]):
        assert scorer(fitted, X, Y) > 0.99  # rare features weigh less
    assert SCORERS["radial_order"](fitted, X, Y) == 1
    assert SCORERS["map_correlation"](fitted, X, Y) > 0.98
    assert SCORERS["map_dice"](fitted, X, Y) > 0.85  # the top 5 % are two regions


def test_a_model_of_shuffled_pairs_scores_as_chance_does(studies, regions):
    Y = regions.transform(studies)
    X = TermVectorizer().fit_transform(studies.texts)
    scorers = [recall_scorer(10, pool_size=20), recall_scorer(10, pool_size=50)]
    scores, shares = [], []
    for seed in range(4):
        shuffled = np.random.default_rng(seed).permutation(N_TRAIN)
        fitted = embedder(alpha=1.0, max_epochs=1).fit(X[:N_TRAIN], Y[shuffled])
        scores.append([scorer(fitted, X[N_TRAIN:], Y[N_TRAIN:]) for scorer in scorers])
        shares.append(SCORERS["mix_and_match"](fitted, X[N_TRAIN:], Y[N_TRAIN:]))
    chance = [scorer.chance() for scorer in scorers]
    assert chance == [0.5, 0.2]
    np.testing.assert_allclose(np.mean(scores, axis=0), chance, atol=0.06)
    assert np.mean(shares) == pytest.approx(0.5, abs=0.06)


def test_pools_are_dealt_from_shuffled_pairs_and_averaged(fitted_pipeline, test_set):
    held_out, Y = test_set
    vectorizer, fitted = fitted_pipeline
    X = vectorizer.transform(held_out.texts)
    similarity = fitted.similarity(*fitted.transform(X, Y))
    order = np.random.default_rng(3).permutation(N_TEST)
    expected = [
        recall_at_k(similarity[np.ix_(pool, pool)].T, 5) / 100 for pool in np.split(order, 4)
    ]
    scorer = recall_scorer(5, "brain_to_text", pool_size=25, random_state=3)
    assert scorer(fitted, X, Y) == pytest.approx(np.mean(expected))
    assert scorer(fitted, X, Y) == scorer(fitted, X, Y)
    seeds = {recall_scorer(5, pool_size=25, random_state=seed)(fitted, X, Y) for seed in range(5)}
    assert len(seeds) > 1


def test_with_pools_the_size_of_the_test_set_does_not_matter(fitted_pipeline, test_set):
    held_out, Y = test_set
    X = fitted_pipeline[:-1].transform(held_out.texts)
    fitted = fitted_pipeline[-1]
    whole, pooled = recall_scorer(5), recall_scorer(5, pool_size=20)
    half = slice(0, N_TEST // 2 - 10)
    assert whole(fitted, X[half], Y[half]) > whole(fitted, X, Y) + 0.1
    assert pooled(fitted, X[half], Y[half]) == pytest.approx(pooled(fitted, X, Y), abs=0.08)


def test_pairs_that_fill_no_pool_are_counted(fitted_pipeline, test_set):
    held_out, Y = test_set
    scorer = recall_scorer(5, pool_size=30)
    with pytest.warns(DataWarning, match=r"10 of 100 pairs fill no pool of pool_size=30"):
        score = scorer(fitted_pipeline, held_out.texts, Y)
    assert 0 < score < 1
    with pytest.raises(InvalidInputError, match=r"pool_size=30: there are only 20 pairs"):
        scorer(fitted_pipeline, held_out.texts[:20], Y[:20])
    with pytest.raises(InvalidInputError, match=r"k=10: recall is 1 whatever the model"):
        recall_scorer(10)(fitted_pipeline, held_out.texts[:10], Y[:10])


@given(n_pools=st.integers(1, 12), pool_size=st.integers(2, 40), seed=st.integers(0, 2**31))
def test_every_pair_is_in_one_pool_of_the_size_asked_for(n_pools, pool_size, seed):
    scorer = RecallScorer(1, pool_size=pool_size, random_state=seed)
    pools = scorer._pools(n_pools * pool_size)
    assert [len(pool) for pool in pools] == [pool_size] * n_pools
    np.testing.assert_array_equal(np.sort(np.concatenate(pools)), np.arange(n_pools * pool_size))


def test_maps_of_zeros_are_left_out_and_counted(fitted_pipeline, encoder, test_set):
    held_out, Y = test_set
    holed = Y.copy()
    holed[[3, 7]] = 0
    kept = np.setdiff1d(np.arange(N_TEST), [3, 7])
    for scorer in SCORERS.values():
        expected = scorer(fitted_pipeline, held_out.texts[kept], Y[kept])
        with pytest.warns(DataWarning, match=r"2 of 100 pairs are left out"):
            assert scorer(fitted_pipeline, held_out.texts, holed) == pytest.approx(expected)
    silent = Studies(held_out.ids, texts=held_out.texts)
    with pytest.raises(InvalidInputError, match="All 100 maps are zero"):
        get_scorer("map_dice")(encoder, silent)


@pytest.mark.parametrize(
    "scorer", [*SCORERS.values(), recall_scorer(3, "brain_to_text", pool_size=20, random_state=4)]
)
def test_scorers_survive_pickling_and_say_what_they_are(scorer, fitted_pipeline, test_set):
    held_out, Y = test_set
    again = pickle.loads(pickle.dumps(scorer))
    assert again == scorer
    assert again(fitted_pipeline, held_out.texts, Y) == scorer(fitted_pipeline, held_out.texts, Y)
    names = {"RecallScorer": RecallScorer, "BrainTextScorer": BrainTextScorer}
    assert eval(repr(scorer), names) == scorer


def test_names_say_list_direction_and_pool():
    assert [scorer.name for scorer in SCORERS.values()] == list(SCORERS)
    scorer = recall_scorer(3, "brain_to_text", pool_size=20)
    assert scorer.name == "brain_to_text_recall_at_3_of_20"
    assert "pool_size=20" in repr(scorer)


def test_chance_is_k_out_of_the_candidates():
    assert recall_scorer(10).chance(40) == 0.25
    assert recall_scorer(10).chance(8) == 1
    assert recall_scorer(10, pool_size=50).chance(8) == 0.2
    with pytest.raises(InvalidInputError, match="n_pairs=None"):
        recall_scorer(10).chance()


def test_cross_validation_and_search_from_raw_texts(studies, regions):
    texts, Y = list(studies.texts), regions.transform(studies)
    folds = KFold(2)
    scoring = {**SCORERS, "pooled": recall_scorer(10, pool_size=26)}
    results = cross_validate(pipeline(), texts, Y, cv=folds, scoring=scoring)
    for fold, (train, test) in enumerate(folds.split(texts)):
        model = pipeline().fit(studies.texts[train], Y[train])
        for name, scorer in scoring.items():
            expected = scorer(model, studies.texts[test], Y[test])
            assert results[f"test_{name}"][fold] == expected
    assert results["test_recall_at_10"].min() > 2 * SCORERS["recall_at_10"].chance(130)
    search = GridSearchCV(
        pipeline(), {N_COMPONENTS: [2, 8]}, cv=folds, scoring=scoring, refit="mix_and_match"
    ).fit(texts, Y)
    table = search.cv_results_
    assert search.best_index_ == np.argmax(table["mean_test_mix_and_match"])
    assert table["mean_test_pooled"][1] == pytest.approx(results["test_pooled"].mean())
    # A refitted search is scored by its best estimator, as in nested cross-validation.
    for scorer in scoring.values():
        assert scorer(search, texts, Y) == scorer(search.best_estimator_, texts, Y)


def test_encoders_are_searched_over_studies_taken_whole(studies):
    model = MNMEncoder(
        regions=PeaksToRegions(n_regions=30, resolution=8, max_distance=1000, random_state=0),
        embedder=embedder(max_epochs=1),
        random_state=0,
    )
    scoring = {name: SCORERS[name] for name in ("recall_at_10", "map_correlation")}
    search = GridSearchCV(
        model,
        {"embedder__n_components": [2, 8]},
        cv=KFold(2),
        scoring=scoring,
        refit="map_correlation",
        error_score="raise",
    ).fit(studies)
    table = search.cv_results_
    assert table["mean_test_map_correlation"][search.best_index_] == max(
        table["mean_test_map_correlation"]
    )
    train, test = next(KFold(2).split(np.arange(len(studies))))
    first = clone(model).set_params(embedder__n_components=8).fit(studies[train])
    assert table["split0_test_map_correlation"][1] == pytest.approx(first.score(studies[test]))


def test_data_frames_of_points_are_scored_alike(fitted_pipeline, test_set):
    held_out, Y = test_set
    vectorizer, fitted = fitted_pipeline
    X = vectorizer.transform(held_out.texts)
    framed = pickle.loads(pickle.dumps(fitted)).set_output(transform="pandas")
    for scorer in (*SCORERS.values(), recall_scorer(5, pool_size=20)):
        assert scorer(framed, X, Y) == scorer(fitted, X, Y)


def test_what_cannot_be_scored_is_named(fitted_pipeline, encoder, test_set):
    held_out, Y = test_set
    scorer = get_scorer("map_correlation")
    with pytest.raises(InvalidInputError, match="y=None: give both"):
        scorer(encoder, list(held_out.texts))
    for unfitted in (pipeline(), embedder(), clone(encoder)):
        with pytest.raises(NotFittedError):
            scorer(unfitted, held_out.texts, Y)
