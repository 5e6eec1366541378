"""Groups and weights of studies get where they are asked for, and nowhere else."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from sklearn.base import clone
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_mnm import HyperbolicBrainTextEmbedder, MNMDecoder, MNMEncoder, TermVectorizer

PAPERS = GroupKFold(2)


def embedder():
    return HyperbolicBrainTextEmbedder(6, max_epochs=1, random_state=0)


def asking(estimator):
    """A clone that asks for all that it can use."""
    asking = clone(estimator).set_fit_request(sample_weight=True, groups=True)
    return asking.set_score_request(sample_weight=True)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.fixture(scope="module")
def metadata(small_corpus):
    """Weights of studies, whole numbers, and the concepts that they are about."""
    weights = np.random.default_rng(0).integers(1, 5, size=80)
    _, concepts = np.unique(small_corpus.studies.metadata["concept"], return_inverse=True)
    return {"sample_weight": weights.astype(float), "groups": concepts}


@pytest.fixture(scope="module", params=["embedder", "encoder", "decoder"])
def unfitted(request):
    parts = {"vectorizer": TermVectorizer(min_df=1), "embedder": embedder(), "random_state": 0}
    return {
        "embedder": embedder(),
        "encoder": MNMEncoder(**parts),
        "decoder": MNMDecoder(**parts),
    }[request.param]


@pytest.fixture(scope="module")
def X(unfitted, small_corpus):
    return small_corpus.maps if isinstance(unfitted, MNMDecoder) else small_corpus.counts


@pytest.fixture(scope="module")
def y(unfitted, small_corpus):
    return small_corpus.counts if isinstance(unfitted, MNMDecoder) else small_corpus.maps


@pytest.fixture(scope="module")
def direct(unfitted, X, y, metadata):
    """Fitted without anything in between."""
    return clone(unfitted).fit(X, y, **metadata)


@pytest.mark.usefixtures("routing")
def test_groups_and_weights_reach_the_last_step_of_a_pipeline(unfitted, direct, X, y, metadata):
    pipeline = make_pipeline(FunctionTransformer(), asking(unfitted)).fit(X, y, **metadata)
    np.testing.assert_array_equal(pipeline.transform(X), direct.transform(X))
    for name in metadata:
        others = {key: value for key, value in metadata.items() if key != name}
        without = clone(unfitted).fit(X, y, **others)
        assert not np.array_equal(without.transform(X), direct.transform(X))
    weights = np.linspace(0.01, 1.0, len(metadata["sample_weight"])) ** 3  # hardly any the same
    score = pipeline.score(X, y, sample_weight=weights)
    assert score == direct.score(X, y, sample_weight=weights) != direct.score(X, y)


@pytest.mark.usefixtures("routing")
def test_groups_and_weights_reach_fits_and_scores_of_a_search(unfitted, X, y, metadata):
    name = "alpha" if isinstance(unfitted, HyperbolicBrainTextEmbedder) else "embedder__alpha"
    search = GridSearchCV(asking(unfitted), {name: [1.0, 30.0]}, cv=PAPERS, error_score="raise")
    search.fit(X, y, **metadata)
    best = clone(unfitted).set_params(**search.best_params_).fit(X, y, **metadata)
    np.testing.assert_array_equal(search.predict(X), best.predict(X))
    other = clone(unfitted).set_params(**{name: 30.0})
    for split, (train, test) in enumerate(PAPERS.split(X, groups=metadata["groups"])):
        other.fit(X[train], y[train], **{key: value[train] for key, value in metadata.items()})
        score = other.score(X[test], y[test], metadata["sample_weight"][test])
        assert search.cv_results_[f"split{split}_test_score"][1] == score


@pytest.mark.usefixtures("routing")
def test_weights_may_have_another_name_and_pass_by_the_words(small_corpus, metadata):
    texts, maps, groups = small_corpus.studies.texts, small_corpus.maps, metadata["groups"]
    quality = metadata["sample_weight"]
    last = embedder().set_fit_request(sample_weight="quality", groups=True)
    result = cross_validate(
        make_pipeline(TermVectorizer(min_df=1), last),
        texts,
        maps,
        params={"groups": groups, "quality": quality},
        cv=PAPERS,
        error_score="raise",
        return_estimator=True,
    )
    trained_on = [train for train, _ in PAPERS.split(texts, groups=groups)]
    for found, train in zip(result["estimator"], trained_on, strict=True):
        X = TermVectorizer(min_df=1).fit_transform(texts[train])
        fitted = embedder().fit(X, maps[train], groups[train], quality[train])
        np.testing.assert_array_equal(found.transform(texts[train]), fitted.transform(X))


@pytest.mark.usefixtures("routing")
def test_metadata_that_nobody_asked_for_are_refused(unfitted, X, y, metadata):
    pipeline = make_pipeline(FunctionTransformer(), clone(unfitted))
    for name, values in metadata.items():
        with pytest.raises(UnsetMetadataPassedError, match=rf"\[{name}\] are passed but are not"):
            pipeline.fit(X, y, **{name: values})
    weights = metadata["sample_weight"]
    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        GridSearchCV(pipeline, {}, cv=2, error_score="raise").fit(X, y, sample_weight=weights)
    pipeline.fit(X, y)
    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        pipeline.score(X, y, sample_weight=weights)


def test_without_routing_arguments_name_the_step(unfitted, direct, X, y, metadata):
    pipeline = make_pipeline(FunctionTransformer(), clone(unfitted))
    step = pipeline.steps[-1][0]
    pipeline.fit(X, y, **{f"{step}__{name}": values for name, values in metadata.items()})
    np.testing.assert_array_equal(pipeline.transform(X), direct.transform(X))
    weights = metadata["sample_weight"]
    assert pipeline.score(X, y, sample_weight=weights) == direct.score(X, y, weights)


@pytest.mark.parametrize("keep", [list, tuple, pd.Series, pl.Series], ids=str)
def test_groups_and_weights_may_be_any_sequence(unfitted, direct, X, y, metadata, keep):
    kept = {name: keep(values.tolist()) for name, values in metadata.items()}
    fitted = clone(unfitted).fit(X, y, **kept)
    np.testing.assert_array_equal(fitted.transform(X), direct.transform(X))
    score = direct.score(X, y, metadata["sample_weight"])
    assert fitted.score(X, y, kept["sample_weight"]) == score
