"""Nothing in a cache, a checkpoint, a download or a model is executed, but in `memory`."""

import contextlib
import hashlib
import pickle

import numpy as np
import pytest

from sklearn_mnm import HyperbolicBrainTextEmbedder, load_model
from sklearn_mnm.exceptions import DataFormatError, DataWarning, ModelFormatError
from tests.model.test_fit_checkpoint import STUDIES, StopAfter, assert_same, embedder
from tests.payloads import payloads

KINDS = ("pickle", "joblib")


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "executed"


@pytest.fixture(params=KINDS)
def payload(request, marker):
    content = payloads(marker)[request.param]
    yield content
    assert not marker.exists(), "a pickle was executed"


def sealed(content):
    """As our files are: after their checksum."""
    return hashlib.sha256(content).digest() + content


def stopped(folder):
    with pytest.raises(MemoryError):
        embedder(checkpoint=folder, callbacks=[StopAfter(3, MemoryError())]).fit(*STUDIES)
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_payload_of_these_tests_goes_off(marker):
    for content in payloads(marker).values():
        marker.unlink(missing_ok=True)
        pickle.loads(content)
        assert marker.exists()


def test_a_checkpoint_holds_safetensors_only(tmp_path):
    files = stopped(tmp_path)
    assert {path.suffix for path in files} == {".safetensors"}
    assert len(files) == 2
    assert not any(pickle.PROTO + b"\x04" in path.read_bytes()[:40] for path in files)


@pytest.mark.parametrize("seal", [bytes, sealed])
def test_a_payload_in_a_checkpoint_is_not_executed(payload, seal, tmp_path):
    expected = embedder().fit(*STUDIES)
    folder = tmp_path / "checkpoint"
    for path in stopped(folder):
        path.write_bytes(seal(payload))
    with pytest.warns(DataWarning) as told:
        found = embedder(checkpoint=folder).fit(*STUDIES)
    assert len(told) == 2
    assert_same(found, expected)


def test_a_payload_among_the_files_of_joblib_is_not_looked_at(payload, tmp_path):
    folder = tmp_path / "checkpoint"
    stopped(folder)
    (fit,) = folder.iterdir()
    place = fit / "joblib" / "sklearn_mnm" / "_tools" / "cached_call" / "_with_digest"
    place.mkdir(parents=True)
    (place / "output.pkl").write_bytes(payload)
    embedder(checkpoint=folder).fit(*STUDIES)


def test_a_payload_in_the_cache_of_embeddings_is_not_executed(payload, tmp_path):
    from sklearn_mnm.text._embedding_cache import EmbeddingCache

    cache = EmbeddingCache(tmp_path / "cache", "model")
    cache.write("text", np.ones(3))
    (path,) = (p for p in (tmp_path / "cache").rglob("*") if p.is_file())
    for content in (payload, sealed(payload)):
        path.write_bytes(content)
        # Of the right length and checksum, it would be numbers.
        with contextlib.suppress(ValueError):
            assert cache.read("text").dtype == np.float32


def test_a_payload_in_fetched_files_is_not_executed(payload, tmp_path):
    from sklearn_mnm.datasets._tables import read_features

    objects = tmp_path / "features.npz"
    np.savez(objects, data=np.array([pickle.loads], dtype=object))
    plain = tmp_path / "plain.npz"
    plain.write_bytes(payload)
    for path in (objects, plain):
        with pytest.raises(DataFormatError):
            read_features(path)


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_a_payload_in_a_model_is_not_executed(payload, name, tmp_path):
    from sklearn_mnm import save_model

    model = HyperbolicBrainTextEmbedder(max_epochs=0, random_state=0).fit(*STUDIES)
    save_model(model, tmp_path / "model")
    (tmp_path / "model" / name).write_bytes(payload)
    if name == "weights.safetensors":
        description = tmp_path / "model" / "model.json"
        old = description.read_text()
        start = old.index('"weights_sha256": "') + len('"weights_sha256": "')
        digest = hashlib.sha256(payload).hexdigest()
        description.write_text(old[:start] + digest + old[start + len(digest) :])
    with pytest.raises(ModelFormatError):
        load_model(tmp_path / "model")


def test_memory_is_the_one_place_that_unpickles_and_it_is_said():
    text = " ".join(HyperbolicBrainTextEmbedder.__doc__.split())
    memory = text[text.index("memory : str") : text.index("checkpoint : str")]
    assert "whoever can write to the folder can run code as you" in memory


def test_memory_does_unpickle(marker, tmp_path):
    """As said where it is documented; should it ever stop, the words can go."""
    folder = tmp_path / "memory"
    embedder(memory=folder).fit(*STUDIES)
    for path in folder.rglob("output.pkl"):
        path.write_bytes(payloads(marker)["pickle"])
    with pytest.warns(DataWarning):
        embedder(memory=folder).fit(*STUDIES)
    assert marker.exists()
