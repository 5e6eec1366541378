"""Pickle and joblib keep every public estimator, for caches and worker processes."""

import io
import pickle

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator

import sklearn_mnm
from sklearn_mnm import SentenceTransformerVectorizer

TEXTS = ["finger tapping", "motion of a visual pattern"]


@pytest.fixture(scope="module")
def sentences(minilm):
    return SentenceTransformerVectorizer(minilm, device="cpu").fit(TEXTS)


@pytest.fixture
def fitted(request):
    """A fitted estimator of a public class by its name."""
    part = request.getfixturevalue
    make = {
        "HyperbolicBrainTextEmbedder": lambda: part("embedder"),
        "MNMEncoder": lambda: part("encoder"),
        "MNMDecoder": lambda: part("encoder").decoder(),
        "PeaksToRegions": lambda: part("ward"),
        "TermVectorizer": lambda: part("encoder").vectorizer_,
        "SentenceTransformerVectorizer": lambda: part("sentences"),
    }
    return lambda name: make[name]()


@pytest.fixture
def answers(studies, peaks):
    """What a fitted estimator answers by all that depends on its parts."""
    X, Y = studies
    ask = {
        "HyperbolicBrainTextEmbedder": lambda m: [*m.transform(X, Y), m.predict(X)],
        "MNMEncoder": lambda m: [*m.predict(TEXTS, return_std=True), m.predict_z(TEXTS)],
        "MNMDecoder": lambda m: [m.predict_proba(peaks), m.decision_function(peaks, ["motion"])],
        "PeaksToRegions": lambda m: [m.transform(peaks), m.inverse_transform(Y[:2, :15])],
        "TermVectorizer": lambda m: [m.transform(TEXTS), m.get_feature_names_out()],
        "SentenceTransformerVectorizer": lambda m: [m.transform(TEXTS)],
    }
    return lambda model: ask[type(model).__name__](model)


ESTIMATORS = [
    name
    for name in sorted(sklearn_mnm._PUBLIC)
    if isinstance(getattr(sklearn_mnm, name), type)
    and issubclass(getattr(sklearn_mnm, name), BaseEstimator)
    and hasattr(getattr(sklearn_mnm, name), "fit")
]


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_pickles_answer_the_same_to_the_bit(name, protocol, fitted, answers, assert_same):
    model = fitted(name)
    loaded = pickle.loads(pickle.dumps(model, protocol=protocol))
    assert_same(answers(loaded), answers(model))


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("compress", [0, ("zlib", 3), ("lzma", 1)])
def test_joblib_files_answer_the_same_to_the_bit(
    name, compress, fitted, answers, tmp_path, assert_same
):
    model = fitted(name)
    joblib.dump(model, tmp_path / "model", compress=compress)
    assert_same(answers(joblib.load(tmp_path / "model")), answers(model))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_arrays_that_stay_on_the_disk_are_enough(name, fitted, answers, tmp_path, assert_same):
    model = fitted(name)
    joblib.dump(model, tmp_path / "model")
    loaded = joblib.load(tmp_path / "model", mmap_mode="r")
    assert_same(answers(loaded), answers(model))


def test_the_arrays_of_a_large_model_stay_on_the_disk(embedder, tmp_path):
    joblib.dump(embedder, tmp_path / "model")
    loaded = joblib.load(tmp_path / "model", mmap_mode="r")
    assert isinstance(loaded.text_coef_, np.memmap)
    assert isinstance(loaded.short_coef_, np.memmap)
    assert not loaded.text_coef_.flags.writeable


@pytest.mark.parametrize("name", ["HyperbolicBrainTextEmbedder", "MNMEncoder"])
def test_models_on_the_disk_can_be_saved(name, fitted, answers, tmp_path, assert_same):
    model = fitted(name)
    joblib.dump(model, tmp_path / "model")
    loaded = joblib.load(tmp_path / "model", mmap_mode="r")
    sklearn_mnm.save_model(loaded, tmp_path / "saved")
    assert_same(answers(sklearn_mnm.load_model(tmp_path / "saved")), answers(model))


def test_parts_that_were_shared_are_shared_after_pickling(encoder):
    loaded = joblib.load(io.BytesIO(pickle.dumps(encoder)))
    assert loaded.term_vectorizer_ is loaded.vectorizer_
    assert loaded.embedder_.objective.hierarchy is loaded.hierarchy_
