"""Parts of estimators, given or not, have parameters that scikit-learn finds."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.validation import check_is_fitted

from sklearn_mnm import (
    HyperbolicBrainTextEmbedder,
    MNMDecoder,
    MNMEncoder,
    MNMObjective,
    PeaksToRegions,
    TermVectorizer,
    Towers,
)
from sklearn_mnm.nn.objective import Alignment, BrainApex, Drift, Extent, Network, TextAboveBrain

WHOLES = [HyperbolicBrainTextEmbedder, MNMEncoder, MNMDecoder]
PARTS = {
    HyperbolicBrainTextEmbedder: {"objective": MNMObjective, "towers": Towers},
    MNMEncoder: {
        "vectorizer": TermVectorizer,
        "regions": PeaksToRegions,
        "embedder": HyperbolicBrainTextEmbedder,
    },
}
PARTS[MNMDecoder] = PARTS[MNMEncoder]
QUICK = {"embedder__max_epochs": 1, "random_state": 0}


@pytest.mark.parametrize("kind", WHOLES)
def test_parts_that_are_none_have_the_parameters_of_the_default(kind):
    model = kind()
    for name, make in PARTS[kind].items():
        assert model.get_params(deep=False)[name] is None
        found = model.get_params()
        for parameter, value in make().get_params().items():
            assert found[f"{name}__{parameter}"] == value
        given = kind(**{name: make()}).get_params()
        assert given.keys() == found.keys()
    assert all("__" not in parameter for parameter in model.get_params(deep=False))


@pytest.mark.parametrize("kind", WHOLES)
def test_a_part_is_made_when_a_parameter_of_it_is_set(kind):
    model = kind()
    for name, make in PARTS[kind].items():
        parameter, value = next(iter(make().get_params().items()))
        assert model.set_params(**{f"{name}__{parameter}": value}) is model
        assert type(getattr(model, name)) is make
    with pytest.raises(ValueError, match="Invalid parameter 'nothing'"):
        kind().set_params(**{f"{name}__nothing": 1})
    with pytest.raises(ValueError, match="Invalid parameter 'nothing'"):
        kind().set_params(nothing__of_the_kind=1)


def test_parts_of_parts_are_made():
    model = MNMEncoder().set_params(embedder__objective__similarity="distance")
    assert model.embedder.objective.similarity == "distance"
    assert model.embedder.towers is None
    model.set_params(embedder=None, embedder__towers__dropout=0.5)
    assert model.embedder.objective is None
    assert model.embedder.towers.dropout == 0.5
    objective = MNMObjective("cosine")
    model.set_params(embedder__objective=objective, embedder__objective__extent_weight=0.0)
    assert model.embedder.objective is objective
    assert objective.extent_weight == 0


@pytest.mark.parametrize("kind", WHOLES)
def test_clones_keep_what_is_none_and_copy_what_is_given(kind):
    model = kind()
    assert clone(model).get_params() == model.get_params()
    assert all(getattr(clone(model), name) is None for name in PARTS[kind])
    for name, make in PARTS[kind].items():
        model.set_params(**{name: make()})
        copy = getattr(clone(model), name)
        assert copy is not getattr(model, name)
        assert copy.get_params() == make().get_params()
    model._repr_html_()
    assert repr(kind()) == f"{kind.__name__}()"


def test_the_embedder_has_eighteen_parameters_and_its_parts_the_others():
    assert len(HyperbolicBrainTextEmbedder().get_params(deep=False)) == 18
    assert len(MNMObjective().get_params()) == 13
    assert len(Towers().get_params()) == 4


def test_each_part_of_the_objective_is_named_as_its_weight_in_the_order_of_the_parameters():
    parts = (Alignment, BrainApex, TextAboveBrain, Extent, Network, Drift)
    weights = [name for name in vars(MNMObjective()) if name.endswith("_weight")]
    assert [f"{part.name}_weight" for part in parts] == weights


@pytest.mark.parametrize(
    "grid",
    [
        {"embedder__n_components": [2, 6]},
        {"embedder__objective__similarity": ["root_angle", "exterior_angle"]},
        {"embedder__towers__dropout": [0.0, 0.5], "vectorizer__min_df": [2]},
    ],
)
@pytest.mark.parametrize("kind", [MNMEncoder, MNMDecoder])
def test_parameters_of_default_parts_are_searched(kind, grid, small_corpus):
    model = kind().set_params(**QUICK)
    pair = (small_corpus.counts, small_corpus.maps)
    X, y = pair if kind is MNMEncoder else pair[::-1]
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(X, y)
    assert set(search.best_params_) == set(grid)
    assert len(set(search.cv_results_["mean_test_score"])) == 2
    assert np.isfinite(search.predict(X[:2]) if kind is MNMEncoder else search.best_score_).all()
    assert model.get_params()["embedder__n_components"] is None


def test_the_first_thing_that_a_user_tries(small_corpus):
    search = GridSearchCV(MNMEncoder(), {"embedder__n_components": [2, 6]}, cv=2)
    search.fit(small_corpus.counts, small_corpus.maps)
    fitted = search.best_estimator_
    assert fitted.embedder_.n_components_ == search.best_params_["embedder__n_components"]


def test_regions_that_are_none_are_searched(small_corpus):
    shape = {"regions__resolution": 12, "regions__max_distance": 1000}
    model = MNMEncoder().set_params(**QUICK, **shape)
    search = GridSearchCV(model, {"regions__n_regions": [6, 10]}, cv=2, error_score="raise")
    fitted = search.fit(small_corpus.studies).best_estimator_
    assert fitted.n_regions_ == search.best_params_["regions__n_regions"]


def test_a_default_part_draws_by_the_seed_of_the_whole(small_corpus):
    X, Y = small_corpus.counts, small_corpus.maps
    plain = MNMEncoder(random_state=3).fit(X, Y)
    made = MNMEncoder(random_state=3).set_params(embedder__n_components=None).fit(X, Y)
    given = MNMEncoder(random_state=3, embedder=HyperbolicBrainTextEmbedder()).fit(X, Y)
    for other in (made, given):
        assert other.embedder_.random_state == plain.embedder_.random_state
        np.testing.assert_array_equal(other.predict(X), plain.predict(X))
    assert given.embedder.random_state is None
    own = MNMEncoder(random_state=3, embedder=HyperbolicBrainTextEmbedder(random_state=0))
    assert own.fit(X, Y).embedder_.random_state == 0


def test_a_default_vectorizer_knows_the_terms_of_a_corpus_of_counts(small_corpus):
    studies = small_corpus.studies
    parts = {"regions": small_corpus.regions, **QUICK}
    model = MNMEncoder().set_params(**parts, vectorizer__min_df=2).fit(studies)
    assert set(model.terms_) <= set(studies.vocabulary)
    assert model.vectorizer.vocabulary is None


@pytest.mark.parametrize(
    "params", [{"objective__extent_weight": -1}, {"towers__n_hidden": 0}, {"objective": 3}]
)
def test_parameters_of_parts_are_checked_where_they_are_fitted(params, small_corpus):
    X, Y = small_corpus.counts, small_corpus.maps
    name = next(iter(params)).split("__")[-1]
    with pytest.raises(InvalidParameterError, match=name):
        HyperbolicBrainTextEmbedder().set_params(**params).fit(X, Y)
    params = {f"embedder__{parameter}": value for parameter, value in params.items()}
    with pytest.raises(InvalidParameterError, match=name):
        MNMEncoder().set_params(**params).fit(X, Y)


def test_former_parameters_are_no_arguments():
    with pytest.raises(TypeError, match="extent_weight"):
        HyperbolicBrainTextEmbedder(extent_weight=0.0)
    with pytest.raises(ValueError, match="extent_weight"):
        HyperbolicBrainTextEmbedder().set_params(extent_weight=0.0)


def test_parts_are_not_changed_by_a_fit(small_corpus):
    objective, towers = MNMObjective("exterior_angle"), Towers(n_hidden=3)
    embedder = HyperbolicBrainTextEmbedder(
        2, objective=objective, towers=towers, max_epochs=1, random_state=0
    )
    model = MNMEncoder(embedder=embedder).fit(small_corpus.counts, small_corpus.maps)
    assert objective.hierarchy is None
    assert model.embedder_.objective.hierarchy is model.hierarchy_
    with pytest.raises(NotFittedError):
        check_is_fitted(embedder)
