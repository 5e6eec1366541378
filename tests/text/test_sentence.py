import pickle
import shutil
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_mnm.exceptions import DataWarning, InvalidInputError, MissingDependencyError
from sklearn_mnm.text import SentenceTransformerVectorizer
from sklearn_mnm.text._embedding_cache import EmbeddingCache

DOCUMENTS = [
    "Brain responses to painful heat",
    "Neural correlates of nociceptive thermal stimulation",
    "Reading words aloud in dyslexia",
]


@pytest.fixture
def vectorizer(minilm):
    return SentenceTransformerVectorizer(minilm, device="cpu")


@pytest.fixture
def cached(minilm, tmp_path):
    return SentenceTransformerVectorizer(minilm, device="cpu", cache_dir=tmp_path / "cache")


def count_texts(vectorizer, monkeypatch):
    """Record every text that reaches the real model."""
    model = vectorizer._loaded_model()
    encode, seen = model.encode, []

    def counting(texts, **arguments):
        seen.extend(texts)
        return encode(texts, **arguments)

    monkeypatch.setattr(model, "encode", counting)
    return seen


def test_similar_sentences_are_closer_than_dissimilar_ones(vectorizer):
    embeddings = vectorizer.fit_transform(DOCUMENTS)
    assert embeddings.shape == (3, 384)
    assert embeddings.dtype == np.float32
    similarity = embeddings @ embeddings.T
    assert similarity[0, 1] > similarity[0, 2] + 0.2
    assert similarity[0, 1] > similarity[1, 2] + 0.2


def test_lengths_are_one_and_blank_documents_zero(vectorizer):
    embeddings = vectorizer.fit(DOCUMENTS).transform([DOCUMENTS[0], "", " \n"])
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), [1, 0, 0], atol=1e-6)


def test_embeddings_do_not_depend_on_company_batches_or_container(vectorizer):
    expected = vectorizer.fit_transform(DOCUMENTS)
    repeated = [*DOCUMENTS[::-1], *DOCUMENTS]
    small = clone(vectorizer).set_params(batch_size=1).fit(repeated)
    for X in (repeated, np.array(repeated), pd.Series(repeated, index=range(5, 11))):
        found = small.transform(X)
        np.testing.assert_allclose(found, np.vstack([expected[::-1], expected]), atol=1e-5)


def test_cached_texts_never_reach_the_model_again(cached, monkeypatch):
    cached.fit(DOCUMENTS)
    seen = count_texts(cached, monkeypatch)
    first = cached.transform([*DOCUMENTS, DOCUMENTS[0]])
    assert sorted(seen) == sorted(DOCUMENTS)
    seen.clear()
    np.testing.assert_array_equal(cached.transform(DOCUMENTS[::-1]), first[:3][::-1])
    assert seen == []
    cached.transform([*DOCUMENTS, "something new"])
    assert seen == ["something new"]


def test_a_cached_corpus_needs_no_model_at_all(cached, monkeypatch):
    expected = cached.fit_transform(DOCUMENTS)
    fresh = clone(cached)
    monkeypatch.setattr(fresh, "_loaded_model", lambda: pytest.fail("the model was loaded"))
    np.testing.assert_array_equal(fresh.fit(DOCUMENTS).transform(DOCUMENTS), expected)


def test_the_cache_is_faster_than_the_model(cached):
    documents = [f"{document} in {i} people" for i in range(60) for document in DOCUMENTS]
    cached.fit(documents)
    start = time.perf_counter()
    cached.transform(documents)
    first = time.perf_counter() - start
    start = time.perf_counter()
    cached.transform(documents)
    assert time.perf_counter() - start < first / 3


def test_one_cache_serves_normalised_and_raw_embeddings(cached, monkeypatch):
    normalised = cached.fit_transform(DOCUMENTS)
    raw = clone(cached).set_params(normalize=False).fit(DOCUMENTS)
    seen = count_texts(raw, monkeypatch)
    np.testing.assert_allclose(raw.transform(DOCUMENTS), normalised, atol=1e-6)
    assert seen == []


def cut_short(content):
    return content[:-4]


def flip_bit(content):
    return content[:40] + bytes([content[40] ^ 1]) + content[41:]


def emptied(content):
    return b""


@pytest.mark.parametrize("damage", [cut_short, flip_bit, emptied])
def test_damaged_entries_are_noticed_and_computed_anew(cached, damage):
    expected = cached.fit_transform(DOCUMENTS)
    path = EmbeddingCache(cached.cache_dir, cached.model_identity_).path(DOCUMENTS[1])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(DataWarning, match="1 of 3 cached embeddings"):
        found = cached.transform(DOCUMENTS)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(cached.transform(DOCUMENTS), expected, atol=1e-5)


def test_interrupted_writes_leave_no_entry(tmp_path, monkeypatch):
    cache = EmbeddingCache(tmp_path, "model")

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cache.write("text", np.ones(3))
    assert cache.read("text") is None
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_models_and_texts_do_not_share_entries(tmp_path):
    EmbeddingCache(tmp_path, "one").write("text", np.arange(3))
    assert EmbeddingCache(tmp_path, "one").read("text").tolist() == [0, 1, 2]
    assert EmbeddingCache(tmp_path, "two").read("text") is None
    assert EmbeddingCache(tmp_path, "one").read("Text") is None


def test_a_moved_model_is_recognised_and_a_changed_one_is_not(minilm, tmp_path):
    copy = tmp_path / "model"
    shutil.copytree(minilm, copy)
    identity = SentenceTransformerVectorizer(minilm).fit(DOCUMENTS).model_identity_
    vectorizer = SentenceTransformerVectorizer(copy)
    assert vectorizer.fit(DOCUMENTS).model_identity_ == identity
    (copy / "README.md").write_text("another one")
    assert vectorizer.fit(DOCUMENTS).model_identity_ != identity


def test_pickles_are_small_and_load_the_model_again(vectorizer):
    expected = vectorizer.fit_transform(DOCUMENTS)
    content = pickle.dumps(vectorizer)
    assert len(content) < 10_000
    np.testing.assert_array_equal(pickle.loads(content).transform(DOCUMENTS), expected)
    assert not hasattr(clone(vectorizer), "_model")


def test_works_in_a_pipeline_with_names_and_pandas_output(vectorizer):
    pipeline = make_pipeline(vectorizer, StandardScaler()).set_output(transform="pandas")
    table = pipeline.fit_transform(DOCUMENTS)
    assert table.columns[:2].tolist() == ["embedding0", "embedding1"]
    assert table.shape == (3, 384)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (["text", None], "row 1 is None"),
        (["text", float("nan")], "row 1 is nan"),
        (pd.Series(["text", 3], index=[7, 8]), "row 1 is 3"),
        ("text", "expected several strings"),
        (5, "expected a list of strings"),
    ],
)
def test_entries_that_are_no_strings_are_named(vectorizer, X, message):
    with pytest.raises(InvalidInputError, match=message):
        vectorizer.fit(X)


def test_models_that_cannot_be_loaded_are_named(minilm, tmp_path):
    with pytest.raises(InvalidInputError, match="there is no such folder"):
        SentenceTransformerVectorizer(tmp_path / "absent").fit(DOCUMENTS)
    with pytest.raises(InvalidInputError, match="model='nobody/nothing' could not be loaded"):
        SentenceTransformerVectorizer("nobody/nothing").fit(DOCUMENTS)
    with pytest.raises(InvalidInputError, match="device 'abacus'"):
        SentenceTransformerVectorizer(minilm, device="abacus").fit(DOCUMENTS)


def test_without_the_library_the_remedy_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sentence_transformers", None)
    with pytest.raises(MissingDependencyError, match=r"sklearn-mnm\[text\]"):
        SentenceTransformerVectorizer("some/model").fit(DOCUMENTS)


def test_texts_that_the_model_cuts_are_counted(vectorizer):
    start = "Functional imaging was used in healthy adults to study the brain. " * 40
    vectorizer.fit(DOCUMENTS)
    with pytest.warns(DataWarning, match=r"^2 of 3 texts are longer than the 256 word pieces"):
        embeddings = vectorizer.transform([f"{start}Pain.", f"{start}Reading.", DOCUMENTS[0]])
    np.testing.assert_allclose(embeddings[0], embeddings[1], atol=1e-6)
