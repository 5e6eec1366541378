"""scikit-learn's model selection on the n-back and flanker contrasts of NiMARE, from raw texts."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from joblib import parallel_config
from scipy.stats import loguniform, randint
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    cross_validate,
    permutation_test_score,
)
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import OneHotEncoder
from threadpoolctl import threadpool_limits

from sklearn_mnm import (
    HyperbolicBrainTextEmbedder,
    MNMObjective,
    PeaksToRegions,
    TermVectorizer,
)
from sklearn_mnm.brain import BrainHierarchy
from sklearn_mnm.datasets import load_nback_flanker
from sklearn_mnm.exceptions import DataWarning
from sklearn_mnm.scorers import SCORERS, recall_scorer

EMBEDDER = "hyperbolicbraintextembedder__"
PAPERS = GroupKFold(3)
# Test sets of whole papers differ in size; pools do not.
POOLED = recall_scorer(10, pool_size=50)


def embedder(**parameters):
    made = HyperbolicBrainTextEmbedder(n_components=8, max_epochs=1, random_state=0)
    return made.set_params(**parameters)


def pipeline(**parameters):
    return make_pipeline(TermVectorizer(), embedder(**parameters))


def regions():
    return PeaksToRegions(n_regions=30, resolution=8, max_distance=1000, random_state=0)


@pytest.fixture(scope="module")
def studies():
    pytest.importorskip("nimare")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        loaded = load_nback_flanker(level="contrast")
    loaded = loaded[loaded.peak_counts > 0]
    return loaded[:360]


@pytest.fixture(scope="module")
def texts(studies):
    return list(studies.texts)


@pytest.fixture(scope="module")
def Y(studies):
    return regions().fit_transform(studies)


@pytest.fixture
def quiet_pools():
    """A few pairs of each test set fill no pool."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "[0-9]+ of [0-9]+ pairs fill no pool", DataWarning)
        yield


@pytest.mark.usefixtures("quiet_pools")
def test_grid_search_chooses_among_parameters_of_both_steps(texts, Y, studies):
    search = GridSearchCV(
        pipeline(),
        {"termvectorizer__min_df": [3, 120], f"{EMBEDDER}n_components": [4, 8]},
        scoring=POOLED,
        cv=PAPERS,
        error_score="raise",
    ).fit(texts, Y, groups=studies.groups)
    table = search.cv_results_
    assert search.best_score_ == table["mean_test_score"].max() > 1.3 * POOLED.chance()
    # Two may score the same by chance.
    assert len(np.unique(table["mean_test_score"])) >= 3
    splits = list(PAPERS.split(texts, groups=studies.groups))
    for candidate, parameters in enumerate(table["params"]):
        train, test = splits[1]
        model = pipeline().set_params(**parameters).fit(studies.texts[train], Y[train])
        score = POOLED(model, studies.texts[test], Y[test])
        assert table["split1_test_score"][candidate] == score
    assert search.predict(["working memory"]).shape == (1, 30)
    again = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(again.predict(texts[:9]), search.predict(texts[:9]))


def test_randomized_search_draws_from_distributions(texts, Y, studies):
    def searched():
        return RandomizedSearchCV(
            pipeline(),
            {
                f"{EMBEDDER}alpha": loguniform(0.1, 100),
                f"{EMBEDDER}n_components": randint(2, 31),
                f"{EMBEDDER}objective__similarity": ["exterior_angle", "cosine"],
                "termvectorizer__sublinear_tf": [True, False],
            },
            n_iter=3,
            scoring=SCORERS,
            refit="mix_and_match",
            cv=GroupKFold(2),
            random_state=0,
            error_score="raise",
        ).fit(texts, Y, groups=studies.groups)

    first, second = searched(), searched()
    scores = first.cv_results_["mean_test_mix_and_match"]
    assert len(np.unique(scores)) == 3
    assert scores[first.best_index_] == scores.max()
    best = first.best_estimator_[-1]
    assert best.n_components_ == first.best_params_[f"{EMBEDDER}n_components"]
    assert best.alpha_ == first.best_params_[f"{EMBEDDER}alpha"]
    np.testing.assert_array_equal(first.predict(texts), second.predict(texts))


@pytest.mark.usefixtures("quiet_pools")
@pytest.mark.parametrize(
    ("resource", "least", "most"), [("n_samples", 180, 360), (f"{EMBEDDER}max_epochs", 1, 2)]
)
def test_halving_spends_more_on_the_better_half(texts, Y, resource, least, most):
    search = HalvingGridSearchCV(
        pipeline(),
        {f"{EMBEDDER}n_components": [1, 12]},
        resource=resource,
        min_resources=least,
        max_resources=most,
        factor=2,
        scoring=POOLED,  # recall among all would be the lower the more studies are scored
        cv=2,
        random_state=0,
        error_score="raise",
    ).fit(texts, Y)
    table = pd.DataFrame(search.cv_results_)
    assert list(table["n_resources"]) == [least, least, 2 * least]
    assert search.best_params_[f"{EMBEDDER}n_components"] == 12  # a line tells little apart


def test_dense_features_join_the_terms(texts, Y, studies):
    topics = make_pipeline(TfidfVectorizer(min_df=3), TruncatedSVD(10, random_state=0))
    model = make_pipeline(make_union(TermVectorizer(), topics), embedder())
    search = GridSearchCV(
        model,
        {
            "featureunion__transformer_weights": [None, {"pipeline": 0.0}],
            "featureunion__pipeline__truncatedsvd__n_components": [5, 10],
        },
        scoring=SCORERS["mix_and_match"],
        cv=GroupKFold(2),
        error_score="raise",
    ).fit(texts, Y, groups=studies.groups)
    n_terms = TermVectorizer().fit_transform(texts).shape[1]
    n_topics = search.best_params_["featureunion__pipeline__truncatedsvd__n_components"]
    assert search.best_estimator_[-1].n_features_in_ == n_terms + n_topics
    scores = search.cv_results_["mean_test_score"]
    weighted, muted = scores[::2], scores[1::2]
    assert scores.min() > 0.55
    assert muted[0] == muted[1]  # whatever the topics are, their weight is 0
    assert not np.isin(weighted, muted).any()
    without = clone(model).set_params(featureunion__transformer_weights={"pipeline": 0.0})
    np.testing.assert_allclose(
        without.fit(texts, Y).predict(texts), pipeline().fit(texts, Y).predict(texts), rtol=1e-5
    )


def test_columns_of_a_table_join_the_terms(Y, studies):
    table = studies.metadata[["title", "task"]].assign(text=studies.texts)
    only_text = make_pipeline(ColumnTransformer([("text", TermVectorizer(), "text")]), embedder())
    np.testing.assert_allclose(
        only_text.fit(table, Y).predict(table),
        pipeline().fit(studies.texts, Y).predict(studies.texts),
        rtol=1e-5,
        atol=1e-6,
    )
    columns = ColumnTransformer(
        [("text", TermVectorizer(), "text"), ("task", OneHotEncoder(), ["task"])]
    )
    model = make_pipeline(columns, embedder())
    scores = cross_validate(
        model, table, Y, scoring=SCORERS, cv=PAPERS, groups=studies.groups, error_score="raise"
    )
    assert scores["test_mix_and_match"].mean() > 0.55
    model.fit(table, Y)
    title = pd.DataFrame({"title": "", "text": "memory", "task": ["n-back", "flanker"]})
    predicted = model.predict(title)
    assert np.abs(predicted[0] - predicted[1]).max() > 0.005 * predicted.max()


def test_groups_keep_the_contrasts_of_a_paper_together(texts, Y, studies):
    rows = KFold(3, shuffle=True, random_state=0)
    on_both_sides = [
        sum(
            len(np.intersect1d(studies.groups[train], studies.groups[test]))
            for train, test in splits
        )
        for splits in (rows.split(texts), PAPERS.split(texts, groups=studies.groups))
    ]
    assert on_both_sides[0] > 0 == on_both_sides[1]
    by_row, by_paper = (
        cross_validate(
            pipeline(),
            texts,
            Y,
            groups=studies.groups if splitter is PAPERS else None,
            cv=splitter,
            scoring=SCORERS["mix_and_match"],
        )["test_score"].mean()
        for splitter in (rows, PAPERS)
    )
    # Much of what seems to be learnt is the paper.
    assert by_row - 0.5 > 1.3 * (by_paper - 0.5) > 0


def test_groups_reach_the_closed_form_by_metadata_routing(texts, Y, studies):
    grid = {f"{EMBEDDER}max_epochs": [0, 1]}
    scoring = SCORERS["mix_and_match"]
    with sklearn.config_context(enable_metadata_routing=True):
        routed = make_pipeline(TermVectorizer(), embedder().set_fit_request(groups=True))
        search = GridSearchCV(routed, grid, cv=PAPERS, scoring=scoring, error_score="raise")
        search.fit(texts, Y, groups=studies.groups)
        nested = cross_validate(
            search,
            texts,
            Y,
            params={"groups": studies.groups},
            cv=GroupKFold(2),
            scoring=SCORERS,
            error_score="raise",
            return_estimator=True,
            return_indices=True,
        )
    plain = GridSearchCV(pipeline(), grid, cv=PAPERS, scoring=scoring)
    plain.fit(texts, Y, groups=studies.groups)  # to the splitter alone
    X = TermVectorizer().fit_transform(texts)
    for fitted, groups in ((search, studies.groups), (plain, None)):
        expected = embedder().fit(X, Y, groups=groups).alpha_scores_
        assert fitted.best_estimator_[-1].alpha_scores_ == expected
    for name, values in nested.items():
        if name.startswith("test_"):
            assert np.isfinite(values).all()
    for inner, train in zip(nested["estimator"], nested["indices"]["train"], strict=True):
        sizes = [len(test) for _, test in PAPERS.split(train, groups=studies.groups[train])]
        assert sum(sizes) == len(train)
        X = TermVectorizer().fit_transform(studies.texts[train])
        expected = embedder().fit(X, Y[train], groups=studies.groups[train]).alpha_scores_
        assert inner.best_estimator_[-1].alpha_scores_ == expected


def test_two_processes_give_what_one_gives_bit_for_bit(texts, Y, studies):
    search = GridSearchCV(
        pipeline(objective__similarity="exterior_angle", objective__learn_curvature=True),
        {f"{EMBEDDER}objective__extent_weight": [0.0, 8.0]},
        scoring=SCORERS,
        refit="recall_at_10",
        cv=GroupKFold(2),
        error_score="raise",
    )
    n_threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        with threadpool_limits(1):  # sums depend on the number of threads
            one = clone(search).fit(texts, Y, groups=studies.groups)
            # Arrays reach the processes as read-only maps of files, as large ones always do.
            with parallel_config("loky", n_jobs=2, inner_max_num_threads=1, max_nbytes=1000):
                two = clone(search).fit(texts, Y, groups=studies.groups)
    finally:
        torch.set_num_threads(n_threads)
    for name, values in one.cv_results_.items():
        if "_test_" in name:
            np.testing.assert_array_equal(two.cv_results_[name], values)
    np.testing.assert_array_equal(two.predict(texts), one.predict(texts))


def test_a_permutation_test_tells_what_is_learnt(Y, studies):
    # One contrast of each paper, as those of one paper are no independent observations.
    _, papers = np.unique(studies.groups, return_index=True)
    score, permuted, p_value = permutation_test_score(
        pipeline(max_epochs=0, alpha=1.0),
        studies.texts[papers],
        Y[papers],
        cv=KFold(2),
        scoring=SCORERS["mix_and_match"],
        n_permutations=19,
        random_state=0,
    )
    assert p_value == 1 / 20
    assert score > permuted.max()
    assert permuted.mean() == pytest.approx(0.5, abs=0.03)


def test_clones_keep_parameters_and_nothing_else(texts, Y):
    hierarchy = BrainHierarchy({"third": np.arange(30) % 3})
    objective = MNMObjective("distance", network_weight=0.5, hierarchy=hierarchy)
    model = pipeline(objective=objective).fit(texts, Y)
    copy = clone(model)
    assert not [name for name in vars(copy[-1]) if name.endswith("_")]
    parameters, copied = model[-1].get_params(), copy[-1].get_params()
    assert copied.pop("objective") is not parameters.pop("objective")
    levels = [found.pop("objective__hierarchy").levels for found in (parameters, copied)]
    assert levels[0] == levels[1]
    assert copied == parameters
    np.testing.assert_array_equal(copy.fit(texts, Y).predict(texts), model.predict(texts))
    copy.set_params(**{f"{EMBEDDER}n_components": 3})
    assert model[-1].n_components == 8


def test_memory_shares_the_closed_form_within_a_search(texts, Y, studies, tmp_path):
    def stored():
        return len(list(tmp_path.rglob("output.pkl")))

    def searched(memory, grid):
        model = pipeline(memory=memory)
        search = GridSearchCV(model, grid, cv=PAPERS, scoring=SCORERS["mix_and_match"])
        return search.fit(texts, Y, groups=studies.groups)

    later = {f"{EMBEDDER}objective__extent_weight": [0.0, 8.0], f"{EMBEDDER}n_components": [4, 8]}
    cached, plain = searched(str(tmp_path), later), searched(None, later)
    assert stored() == 4  # of 13 fits: once for each training set and for all studies
    for split in range(3):
        name = f"split{split}_test_score"
        np.testing.assert_array_equal(cached.cv_results_[name], plain.cv_results_[name])
    searched(str(tmp_path), {f"{EMBEDDER}objective__similarity": ["distance", "cosine"]})
    assert stored() == 4
    searched(str(tmp_path), {f"{EMBEDDER}alpha": [5.0]})
    assert stored() == 8
