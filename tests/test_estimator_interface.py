"""Names, data frames, precision, and what needs a fit: public estimators as scikit-learn's own."""

import inspect
import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from sklearn.base import BaseEstimator, clone
from sklearn.decomposition import TruncatedSVD
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.utils.fixes import parse_version

import sklearn_mnm
from sklearn_mnm import (
    HyperbolicBrainTextEmbedder,
    MNMDecoder,
    MNMEncoder,
    MNMObjective,
    PeaksToRegions,
    SentenceTransformerVectorizer,
    TermVectorizer,
)
from sklearn_mnm.brain import BrainHierarchy
from sklearn_mnm.scorers import SCORERS

FRAMES = {"pandas": pd.DataFrame, "polars": pl.DataFrame}
PUBLIC = [
    kind
    for kind in (getattr(sklearn_mnm, name) for name in sklearn_mnm.__all__)
    if isinstance(kind, type) and issubclass(kind, BaseEstimator) and hasattr(kind, "fit")
]
# What they give is sparse, of which no data frames are made.
SPARSE = [TermVectorizer]
# Their input has columns.
TABULAR = [HyperbolicBrainTextEmbedder, MNMEncoder, MNMDecoder, TermVectorizer]


def embedder():
    hierarchy = BrainHierarchy({"half": np.arange(12) % 2})
    objective = MNMObjective(hierarchy=hierarchy)
    return HyperbolicBrainTextEmbedder(6, objective=objective, max_epochs=1, random_state=0)


def unfitted(kind, model="no model"):
    parts = {"vectorizer": TermVectorizer(min_df=1), "embedder": embedder(), "random_state": 0}
    made = {
        HyperbolicBrainTextEmbedder: embedder,
        MNMEncoder: lambda: MNMEncoder(**parts),
        MNMDecoder: lambda: MNMDecoder(**parts),
        PeaksToRegions: lambda: PeaksToRegions(
            n_regions=12, resolution=12, max_distance=1000, random_state=0
        ),
        SentenceTransformerVectorizer: lambda: SentenceTransformerVectorizer(model, device="cpu"),
        TermVectorizer: lambda: TermVectorizer(min_df=1),
    }
    return made[kind]()


class Case(NamedTuple):
    """A fitted estimator, what it was fitted to and what it transforms to."""

    estimator: Any
    data: tuple
    transformed: Any


@pytest.fixture(scope="module")
def case(request, small_corpus):
    kind = request.param
    counts, maps, studies = small_corpus.counts, small_corpus.maps, small_corpus.studies
    model = "no model"
    if kind is SentenceTransformerVectorizer:
        model = request.getfixturevalue("minilm")
    data = {
        HyperbolicBrainTextEmbedder: (counts, maps),
        MNMEncoder: (counts, maps),
        MNMDecoder: (maps, counts),
        PeaksToRegions: (studies,),
        SentenceTransformerVectorizer: (list(studies.titles[:6]),),
        TermVectorizer: (counts,),
    }[kind]
    fitted = unfitted(kind, model).fit(*data)
    return Case(fitted, data, fitted.transform(data[0]))


def of(kinds):
    return pytest.mark.parametrize("case", kinds, indirect=True, ids=lambda kind: kind.__name__)


def frame(container, array, names=None):
    names = [f"column {j}" for j in range(array.shape[1])] if names is None else names
    if container == "pandas":
        return pd.DataFrame(array, columns=names, index=np.arange(len(array), 0, -1))
    return pl.DataFrame(array, schema=list(names))


def needs_fit(kind):
    """Names of the public methods that cannot work before a fit."""
    before = ("_", "fit", "partial_fit", "get_params", "get_metadata", "set_")
    methods = inspect.getmembers(kind, inspect.isfunction)
    return [name for name, _ in methods if not name.startswith(before)]


@pytest.mark.parametrize(
    ("kind", "method"), [(kind, method) for kind in PUBLIC for method in needs_fit(kind)]
)
def test_what_needs_a_fit_says_so_whatever_it_is_given(kind, method):
    function = getattr(unfitted(kind), method)
    parameters = inspect.signature(function).parameters.values()
    required = [p.name for p in parameters if p.kind != p.VAR_KEYWORD and p.default is p.empty]
    with pytest.raises(NotFittedError, match=f"{kind.__name__} instance is not fitted yet"):
        function(**dict.fromkeys(required))


@pytest.mark.parametrize("kind", PUBLIC)
def test_what_is_learnt_is_absent_before_a_fit(kind):
    properties = inspect.getmembers(kind, lambda member: isinstance(member, property))
    names = {name for name, _ in properties if name.endswith("_") and not name.startswith("_")}
    for name in {"n_features_in_", "feature_names_in_", *names}:
        assert not hasattr(unfitted(kind), name)


@of(PUBLIC)
def test_each_column_that_comes_out_has_a_name_of_its_own(case):
    names = case.estimator.get_feature_names_out()
    assert names.dtype == object
    assert {type(name) for name in names} == {str}
    assert len(set(names)) == len(names) == case.transformed.shape[1]


@pytest.mark.parametrize("container", FRAMES)
@of([kind for kind in PUBLIC if kind not in SPARSE])
def test_data_frames_come_on_request_and_change_nothing_else(case, container):
    framed = clone(case.estimator).set_output(transform=container)
    for made in (
        framed.fit_transform(*case.data),
        framed.transform(case.data[0]),
        clone(framed).fit(*case.data).transform(case.data[0]),
    ):
        assert type(made) is FRAMES[container]
        assert list(made.columns) == case.estimator.get_feature_names_out().tolist()
        np.testing.assert_array_equal(made.to_numpy(), case.transformed, strict=True)
    for method in ("predict", "score"):
        if hasattr(framed, method):
            data = case.data if method == "score" else case.data[:1]
            expected = getattr(case.estimator, method)(*data)
            found = getattr(framed, method)(*data)
            if method == "predict" and isinstance(framed, HyperbolicBrainTextEmbedder):
                # Decoded from a frame, whose numbers lie otherwise in memory and add up otherwise.
                np.testing.assert_allclose(found, expected, rtol=1e-10)
            else:
                np.testing.assert_array_equal(found, expected, strict=True)
    assert type(framed.set_output(transform="default").transform(case.data[0])) is np.ndarray


@pytest.mark.parametrize("container", FRAMES)
def test_of_texts_and_brains_the_texts_come_as_a_frame(small_corpus, container):
    """As in scikit-learn's own estimators that transform pairs, such as PLSRegression."""
    framed = embedder().fit(small_corpus.counts, small_corpus.maps).set_output(transform=container)
    texts, brains = framed.transform(small_corpus.counts, small_corpus.maps)
    assert type(texts) is FRAMES[container]
    assert type(brains) is np.ndarray
    similarity = framed.similarity(texts, frame(container, brains))
    expected = framed.similarity(texts.to_numpy(), brains)
    np.testing.assert_allclose(similarity, expected, rtol=1e-10)


@of([HyperbolicBrainTextEmbedder, MNMEncoder, MNMDecoder])
def test_rows_of_a_frame_keep_their_index(case):
    X = frame("pandas", case.data[0])
    framed = clone(case.estimator).set_output(transform="pandas")
    for made in (framed.fit_transform(X, *case.data[1:]), framed.transform(X)):
        assert made.index.equals(X.index)


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.8"),
    reason="scikit-learn before 1.8 keeps the index of data frames only",
)
@of([SentenceTransformerVectorizer])
def test_texts_of_a_series_keep_their_index(case):
    texts = pd.Series(case.data[0], index=list("fedcba"))
    framed = clone(case.estimator).set_output(transform="pandas")
    assert framed.fit_transform(texts).index.tolist() == list("fedcba")


def test_sparse_features_come_as_no_frame_as_in_scikit_learn():
    assert [kind for kind in PUBLIC if not hasattr(unfitted(kind), "set_output")] == SPARSE
    for vectorizer in (TfidfVectorizer(), TermVectorizer()):
        with pytest.raises(ValueError, match="`set_output` is not available"):
            make_pipeline(vectorizer, embedder()).set_output(transform="pandas")


def with_regions(small_corpus):
    return unfitted(MNMEncoder).set_params(regions=small_corpus.regions)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("container", FRAMES)
def test_points_of_both_directions_come_with_the_ids_of_their_studies(small_corpus, container):
    studies = small_corpus.studies
    encoder = with_regions(small_corpus).fit(studies)
    for plain in (encoder, encoder.decoder()):
        expected, score = plain.transform(studies), plain.score(studies)
        framed = plain.set_output(transform=container)
        points = framed.transform(studies)
        assert framed.score(studies) == score
        assert list(points.columns) == list(framed.get_feature_names_out())
        np.testing.assert_array_equal(points.to_numpy(), expected)
        if container == "pandas":
            assert list(points.index) == list(studies.ids)
    # A table of peaks has more rows than there are studies.
    from_table = framed.transform(studies.peaks).to_numpy()
    np.testing.assert_array_equal(from_table, points.to_numpy())
    # Nor do names of regions surprise a decoder that was fitted to peaks.
    maps = frame(container, small_corpus.maps, small_corpus.regions.region_names_)
    np.testing.assert_allclose(framed.transform(maps).to_numpy(), expected, rtol=1e-4, atol=1e-5)
    made = encoder.set_output(transform=container).transform(small_corpus.counts[:1])
    assert type(made) is FRAMES[container]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("container", FRAMES)
@pytest.mark.parametrize("dense", [False, True])
def test_data_frames_everywhere_change_no_result(small_corpus, container, dense):
    studies = small_corpus.studies
    model = with_regions(small_corpus)
    if dense:
        topics = make_pipeline(TfidfVectorizer(), TruncatedSVD(12, random_state=0))
        model.set_params(vectorizer=topics)
    data = (studies.texts, studies)
    plain = clone(model).fit(*data)
    with sklearn.config_context(transform_output=container):
        framed = clone(model).fit(*data)
        np.testing.assert_array_equal(framed.predict(studies.texts), plain.predict(studies.texts))
        assert framed.decoder().score(*data[::-1]) == plain.decoder().score(*data[::-1])
        for scorer in SCORERS.values():
            assert scorer(framed, *data) == scorer(plain, *data)
        pipeline = make_pipeline(TermVectorizer(min_df=1), embedder())
        pipeline.fit(studies.texts, small_corpus.maps)
        assert type(pipeline.transform(studies.texts)) is FRAMES[container]
        assert type(framed.regions_.transform(studies)) is FRAMES[container]


def calls(case, estimator):
    """Calls of scikit-learn's methods of an estimator, each of X."""
    for name in ("transform", "predict", "predict_proba", "decision_function"):
        if hasattr(estimator, name):
            yield getattr(estimator, name)
    if hasattr(estimator, "score"):
        yield lambda X: estimator.score(X, *case.data[1:])


@pytest.mark.parametrize("container", FRAMES)
@of(TABULAR)
def test_names_of_columns_are_learnt_and_checked(case, container):
    array, targets = case.data[0], case.data[1:]
    X = frame(container, array)
    fitted = clone(case.estimator)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted.fit(X, *targets)
        assert fitted.n_features_in_ == array.shape[1]
        assert fitted.feature_names_in_.dtype == object
        assert fitted.feature_names_in_.tolist() == list(X.columns)
        for call in calls(case, fitted):
            call(X)
    names = list(X.columns)
    for wrong in (names[::-1], [*names[:-1], "unseen"]):
        for call in calls(case, fitted):
            with pytest.raises(ValueError, match="feature names should match"):
                call(frame(container, array, wrong))
    for call in calls(case, fitted):
        with pytest.raises(ValueError, match="seen at fit time, yet now missing"):
            call(frame(container, array[:, :-1], names[:-1]))
        with pytest.warns(UserWarning, match="X does not have valid feature names"):
            call(array)
    assert not hasattr(fitted.fit(array, *targets), "feature_names_in_")


@of(TABULAR)
def test_names_that_come_only_later_are_warned_of(case):
    assert not hasattr(case.estimator, "feature_names_in_")
    with pytest.warns(UserWarning, match="was fitted without feature names"):
        case.estimator.transform(frame("pandas", case.data[0]))


@of(TABULAR)
def test_names_that_go_in_are_checked_when_names_are_asked_for(case):
    X = frame("pandas", case.data[0])
    named = clone(case.estimator).fit(X, *case.data[1:])
    expected = named.get_feature_names_out()
    assert named.get_feature_names_out(list(X.columns)).tolist() == expected.tolist()
    with pytest.raises(ValueError, match="input_features is not equal to feature_names_in_"):
        named.get_feature_names_out(X.columns[::-1])
    with pytest.raises(ValueError, match="input_features should have length equal to"):
        case.estimator.get_feature_names_out(X.columns[1:])


def test_words_of_the_step_before_name_the_terms(small_corpus):
    texts = small_corpus.studies.texts
    counts = make_pipeline(CountVectorizer(min_df=2), TermVectorizer(min_df=8)).fit(texts)
    alone = TermVectorizer(min_df=8).fit(texts)
    assert counts.get_feature_names_out().tolist() == alone.get_feature_names_out().tolist()


def transformed(corpus, fitted_to, dtype):
    """What estimators fitted to one precision make of another, by name."""
    X, Y = corpus.counts.astype(fitted_to), corpus.maps.astype(fitted_to)
    fitted = embedder().fit(X, Y)
    encoder = unfitted(MNMEncoder).fit(X, Y)
    vectorizer = TermVectorizer(min_df=1).fit(X)
    X, Y = X.astype(dtype), Y.astype(dtype)
    points = fitted.transform(X)
    return {
        "embedder.transform": points,
        "embedder.transform_brain": fitted.transform_brain(Y),
        "embedder.predict": fitted.predict(X),
        "embedder.inverse_transform": fitted.inverse_transform(points),
        "embedder.inverse_transform of a frame": fitted.inverse_transform(pd.DataFrame(points)),
        "encoder.transform": encoder.transform(X),
        "encoder.predict": encoder.predict(X),
        "decoder.transform": encoder.decoder().transform(Y),
        "terms.transform": vectorizer.transform(X).toarray(),
        "regions.voxels_from_regions": corpus.regions.voxels_from_regions(Y),
        "regions.blend": corpus.regions.blend(Y),
        "regions.inverse_transform": np.asanyarray(corpus.regions.inverse_transform(Y).dataobj),
    }


@pytest.mark.parametrize("fitted_to", [np.float32, np.float64])
def test_single_precision_stays_single_and_double_double(small_corpus, fitted_to):
    single, double = (transformed(small_corpus, fitted_to, t) for t in (np.float32, np.float64))
    assert {name: values.dtype for name, values in single.items() if values.dtype != "f4"} == {}
    assert {name: values.dtype for name, values in double.items() if values.dtype != "f8"} == {}
    for name, values in single.items():
        np.testing.assert_allclose(values, double[name], rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("similarity", ["root_angle", "exterior_angle"])
def test_points_in_single_precision_are_points_of_the_hyperboloid_rounded(small_corpus, similarity):
    X, Y = small_corpus.counts.astype(np.float32), small_corpus.maps.astype(np.float32)
    objective = MNMObjective(similarity, text_radius=5.0, brain_radius=7.0)
    fitted = embedder().set_params(objective=objective).fit(X, Y)
    for points in (fitted.transform(X), fitted.transform_brain(Y)):
        time, space = points[:, 0].astype(np.float64), points[:, 1:].astype(np.float64)
        assert points.dtype == np.float32
        assert time.max() > (50 if similarity == "exterior_angle" else 2)
        on_it = np.sqrt(1 / fitted.curvature_ + np.square(space).sum(axis=1))
        np.testing.assert_allclose(time, on_it, rtol=2 * np.finfo(np.float32).eps)


def test_maps_of_peaks_and_images_are_embedded_in_double_precision(small_corpus):
    studies, regions = small_corpus.studies, small_corpus.regions
    decoder = unfitted(MNMDecoder).set_params(regions=regions).fit(studies)
    image = regions.inverse_transform(small_corpus.maps[:2])
    coordinates = [rows[["x", "y", "z"]].to_numpy("f4") for _, rows in studies.peaks.groupby("id")]
    for maps in (studies, studies.peaks, coordinates, image):
        assert decoder.transform(maps).dtype == np.float64
        # The operator, and so each activation, is held in single precision to halve its memory.
        if maps is not image:
            assert regions.transform(maps).dtype == np.float32
