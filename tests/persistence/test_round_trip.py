"""Saved models come back to the bit; what cannot be stored is refused and named."""

import copy

import nibabel
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils import Bunch

from sklearn_mnm import MNMObjective, PeaksToRegions, TermVectorizer
from sklearn_mnm.brain import BrainHierarchy
from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.model.map_uncertainty import MapUncertainty
from sklearn_mnm.model.term_posterior import TermPosterior
from sklearn_mnm.persistence import load_model, save_model
from sklearn_mnm.persistence.schema import SAVED

DOCUMENTS = ["pain and memory", "working memory", "pain in the brain", "memory of the brain"]
HALVES = BrainHierarchy({"halves": np.arange(20) % 2})
LEARNT_CURVATURE = MNMObjective("exterior_angle", learn_curvature=True)


def round_trip(model, folder):
    save_model(model, folder)
    return load_model(folder)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"n_components": None, "objective": LEARNT_CURVATURE, "curvature": 0.5},
        {"max_epochs": 0, "store_left_out": True, "curvature": 3.0},
        {"objective": MNMObjective(hierarchy=HALVES, network_weight=0.1)},
        {"random_state": np.int64(3), "towers__dropout": 0.5, "device": "cpu", "alpha": 2},
    ],
)
# Sparse and dense weights of terms, and values of both signs, which are none.
@pytest.mark.parametrize("changed", [lambda X: X, lambda X: X.toarray(), lambda X: X.toarray() - 1])
def test_embedders_come_back_to_the_bit(
    studies, params, changed, tmp_path, assert_same, small_embedder
):
    X, Y = studies
    X = changed(X)
    fitted = small_embedder(**params).fit(X, Y)
    loaded = round_trip(fitted, tmp_path / "model")
    assert_same(loaded, fitted)
    points, others = loaded.transform(X, Y), fitted.transform(X, Y)
    assert_same(points, others)
    assert_same(loaded.transform_brain(Y), fitted.transform_brain(Y))
    assert_same(loaded.predict(X), fitted.predict(X))
    assert_same(loaded.similarity(*points), fitted.similarity(*others))
    if fitted.get_params()["objective__hierarchy"] is not None:
        assert_same(loaded.ancestors(Y), fitted.ancestors(Y))


def test_loaded_embedders_can_be_cloned_and_fitted_again(
    embedder, saved_embedder, studies, assert_same
):
    loaded = load_model(saved_embedder)
    for other in (loaded, clone(loaded)):
        assert_same(other.get_params(), embedder.get_params())
    np.testing.assert_array_equal(loaded.left_out_points_, embedder.left_out_points_)
    assert_same(loaded.fit(*studies).transform(studies[0]), embedder.transform(studies[0]))


def test_loading_leaves_the_random_numbers_of_torch_alone(saved_embedder):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    load_model(saved_embedder)
    assert torch.equal(torch.rand(3), expected)


def test_names_of_features_and_kind_of_output_are_kept(studies, tmp_path, small_embedder):
    X, Y = studies
    table = pd.DataFrame(X.toarray()).add_prefix("term")
    fitted = small_embedder().fit(table, Y).set_output(transform="pandas")
    loaded = round_trip(fitted, tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.transform(table), fitted.transform(table))
    with pytest.raises(ValueError, match="feature names"):
        loaded.transform(table.add_prefix("other"))


@pytest.mark.parametrize(
    ("vectorizer", "fit_on", "ask"),
    [
        (TermVectorizer(["pain", "working memory", "x"], min_df=1), [[1, 2, 0], [0, 3, 0]], "both"),
        (TermVectorizer(np.array(["pain", "memory"]), min_df=2), DOCUMENTS, "both"),
        (TermVectorizer(("pain", "memory"), min_df=1, norm=None), np.eye(2, dtype="f"), "both"),
        (TermVectorizer(min_df=1, norm="l1", sublinear_tf=False), DOCUMENTS, "text"),
        (TermVectorizer(min_df=1), sparse.csr_matrix([[0.5, 2.0], [0.0, 1.0]]), "counts"),
        (TermVectorizer(min_df=1), pd.DataFrame({"pain": [1, 0], "memory": [0, 2]}), "table"),
    ],
)
def test_vectorizers_come_back(vectorizer, fit_on, ask, tmp_path, assert_same):
    fitted = vectorizer.fit(fit_on)
    loaded = round_trip(fitted, tmp_path / "model")
    assert_same(loaded, fitted)
    assert_same(loaded.get_feature_names_out(), fitted.get_feature_names_out())
    queries = [fit_on]
    if ask in ("text", "both"):
        queries.append(["Working memory of pain", ""])
    if ask == "both":
        queries.append(np.arange(2 * fitted.n_features_in_, dtype="f").reshape(2, -1))
    for query in queries:
        assert_same(loaded.transform(query), fitted.transform(query))
    assert_same(clone(loaded).fit(fit_on), fitted)


def label_img(mask):
    inside = np.asarray(mask.dataobj)
    bands = np.array([2, 5, 9])[np.arange(inside.shape[2]) * 3 // inside.shape[2]]
    return nibabel.Nifti1Image((inside * bands).astype(np.int16), mask.affine)


def maps_img(mask):
    inside = np.asarray(mask.dataobj)
    ramp = np.linspace(0, 1, inside.shape[1])[:, np.newaxis] * inside
    return nibabel.Nifti1Image(np.stack([ramp, inside - ramp], -1), mask.affine)


@pytest.mark.parametrize("kind", ["ward", "labels", "maps", "path", "int64", "own mask"])
def test_regions_come_back_to_the_bit(kind, peaks, mask, tmp_path, assert_same):
    params = {"atlas": "ward", "resolution": 10, "n_regions": 15, "random_state": 0}
    if kind == "labels":
        params |= {"atlas": label_img(mask), "region_names": ["a", "b", "ü"], "strategy": "mean"}
    elif kind == "maps":
        params["atlas"] = maps_img(mask)
    elif kind == "path":
        nibabel.save(label_img(mask), tmp_path / "atlas.nii.gz")
        params["atlas"] = tmp_path / "atlas.nii.gz"
    elif kind == "int64":
        data = np.asarray(label_img(mask).dataobj).astype(np.int64)
        params["atlas"] = nibabel.Nifti1Image(data, mask.affine, dtype="int64")
    elif kind == "own mask":
        inside = np.asarray(mask.dataobj).astype(np.float32)
        inside[: len(inside) // 2] = 0
        params |= {"mask_img": nibabel.Nifti1Image(inside, mask.affine), "max_distance": 200}
    fitted = PeaksToRegions(**params).fit(peaks)
    loaded = round_trip(fitted, tmp_path / "model")
    assert_same(loaded, fitted)
    assert_same(loaded.operator_, fitted.operator_)
    activations = fitted.transform(peaks)
    assert_same(loaded.transform(peaks), activations)
    for interpolation in ("smooth", "nearest"):
        images = (
            m.inverse_transform(activations[:2], interpolation=interpolation)
            for m in (loaded, fitted)
        )
        assert_same(*images)
    if fitted.children_ is not None:
        assert_same(loaded.cut_tree(4), fitted.cut_tree(4))
    assert_same(clone(loaded).fit(peaks).transform(peaks), activations)


def test_atlas_of_a_fetcher_comes_back_as_image_and_names(mask, peaks, tmp_path, assert_same):
    atlas = Bunch(maps=label_img(mask), labels=["Background", b"a", "b", "c"], description="x")
    fitted = PeaksToRegions(atlas, resolution=10).fit()
    loaded = round_trip(fitted, tmp_path / "model")
    assert_same(loaded.atlas, atlas.maps)
    again = clone(loaded).fit()
    assert again.region_names_ == loaded.region_names_ == ["a", "b", "c"]
    assert_same(again.transform(peaks), fitted.transform(peaks))


@pytest.mark.parametrize("number", range(4))
def test_hierarchies_come_back_to_the_bit(number, hierarchies, tmp_path, assert_same):
    hierarchy = hierarchies[number]
    loaded = round_trip(hierarchy, tmp_path / "model")
    assert_same(loaded, hierarchy)
    Y = np.random.default_rng(1).random((3, hierarchy.n_regions))
    for level in hierarchy.levels:
        assert_same(loaded.smooth(Y, level), hierarchy.smooth(Y, level))


def test_heads_come_back_to_the_bit(studies, tmp_path, assert_same):
    X, Y = studies
    odds = np.random.default_rng(0).normal(size=(150, 150))
    terms = TermPosterior.fit(lambda rows: odds[:, rows], X)
    assert_same(round_trip(terms, tmp_path / "terms"), terms)
    for name, observed in {"counts": Y, "signed": Y - 1}.items():
        uncertainty = MapUncertainty.fit(np.abs(Y - 0.5), observed)
        assert_same(round_trip(uncertainty, tmp_path / name), uncertainty)


def test_encoders_and_decoders_come_back_to_the_bit(encoder, peaks, tmp_path, assert_same):
    loaded = round_trip(encoder, tmp_path / "encoder")
    assert_same(loaded, encoder)
    assert loaded.term_vectorizer_ is loaded.vectorizer_
    assert loaded.embedder_.objective.hierarchy is loaded.hierarchy_
    texts = ["tapping of a finger", "motion"]
    for level in encoder.hierarchy_.levels:
        predictions = (m.predict(texts, level=level, return_std=True) for m in (loaded, encoder))
        assert_same(*predictions)
    pd.testing.assert_frame_equal(loaded.retrieve(texts, k=3), encoder.retrieve(texts, k=3))
    decoder = encoder.decoder(n_terms=3)
    loaded = round_trip(decoder, tmp_path / "decoder")
    assert_same(loaded, decoder)
    assert_same(loaded.predict_proba(peaks[:3]), decoder.predict_proba(peaks[:3]))


def test_all_fitted_attributes_are_checked_when_loading(embedder, ward, encoder):
    for model in (embedder, encoder, encoder.decoder()):
        fitted = {name for name in vars(model) if name.endswith("_")}
        checked = {name.rstrip("?") for name in SAVED[type(model).__name__].attributes}
        assert fitted <= checked


def test_caches_and_generators_of_random_numbers_are_not_kept(studies, tmp_path, small_embedder):
    random_state = np.random.RandomState(0)
    fitted = small_embedder(memory=str(tmp_path / "cache"), random_state=random_state)
    loaded = round_trip(fitted.fit(*studies), tmp_path / "model")
    assert loaded.memory is None
    assert loaded.random_state is None
    assert str(tmp_path) not in (tmp_path / "model" / "model.json").read_text()


def test_unfitted_estimators_are_refused(tmp_path, small_embedder):
    with pytest.raises(NotFittedError):
        save_model(small_embedder(), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("model", [TfidfVectorizer(), {"a": 1}, None, [1], np.ones(3)])
def test_objects_that_are_no_models_are_refused(model, tmp_path):
    with pytest.raises(InvalidInputError, match=f"model is a {type(model).__name__}.*MNMEncoder"):
        save_model(model, tmp_path / "model")


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (TfidfVectorizer(), r"sklearn\.feature_extraction\.text\.TfidfVectorizer"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), r"array of datetime64\[D\]"),
        (np.array([1, "a", None], dtype=object), "array of objects"),
        (np.zeros(2, dtype=complex), "array of complex128"),
        (pd.Series([1.0]), r"pandas\..*Series"),
        (sparse.csr_array(np.eye(2)), r"scipy\..*csr_array"),
        (lambda: 0, "function"),
        (np.random.default_rng(0), r"numpy\..*Generator"),
    ],
)
def test_parts_that_cannot_be_stored_are_named(embedder, value, named, tmp_path):
    changed = copy.copy(embedder)
    changed.extra_ = {"first": [1, value]}
    with pytest.raises(InvalidInputError, match=rf"fitted\.extra_\.first\.1 is an? {named}.*skops"):
        save_model(changed, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_vectorizers_of_other_packages_are_named(encoder, tmp_path):
    changed = copy.copy(encoder)
    changed.vectorizer = TfidfVectorizer()
    with pytest.raises(InvalidInputError, match=r"params\.vectorizer is a sklearn.*TermVectorizer"):
        save_model(changed, tmp_path / "model")


def test_values_that_contain_themselves_are_refused(embedder, tmp_path):
    changed = copy.copy(embedder)
    changed.extra_ = []
    changed.extra_.append(changed.extra_)
    with pytest.raises(InvalidInputError, match="contains itself"):
        save_model(changed, tmp_path / "model")


def test_models_that_could_not_be_loaded_are_not_saved(embedder, tmp_path):
    changed = copy.copy(embedder)
    changed.text_coef_ = changed.text_coef_[:-1]
    with pytest.raises(InvalidInputError, match=r"could not be loaded.*text_coef_ has size 39"):
        save_model(changed, tmp_path / "model")
    changed = copy.copy(embedder).set_params(alpha="best")
    with pytest.raises(InvalidInputError, match=r"could not be loaded.*'alpha'"):
        save_model(changed, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []
