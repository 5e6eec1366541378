"""Models by folder, by name and on the hub; what is none is told so."""

import hashlib
import json
import shutil

import numpy as np
import pytest

from sklearn_mnm import (
    HyperbolicBrainTextEmbedder,
    MNMEncoder,
    TermVectorizer,
    load_model,
    save_model,
)
from tests.cli.conftest import fail, succeed

models = pytest.importorskip("sklearn_mnm.cli._models")

TERMS = "pain", "memory", "reward", "fear"


@pytest.fixture(scope="module")
def of_arrays():
    """An encoder of texts and activations of five regions, which knows nothing of a brain."""
    random = np.random.default_rng(0)
    texts = [f"{TERMS[n % 4]} {TERMS[n % 3]}" for n in range(40)]
    parts = {"embedder": HyperbolicBrainTextEmbedder(3, max_epochs=0, random_state=0)}
    return MNMEncoder(vectorizer=TermVectorizer(min_df=1), **parts).fit(
        texts, random.random((40, 5))
    )


def about(model):
    return json.loads(succeed("info", model, "--json").stdout)


def test_the_folder_of_an_encoder_is_a_model(fitted):
    told = about(fitted.folder)
    assert (told["class"], told["model"]) == ("MNMEncoder", str(fitted.folder))
    assert (told["studies"], told["regions"], told["dimensions"]) == (120, 20, 8)
    assert told["takes_images_and_peaks"] is True
    assert "regions: 20\n" in succeed("info", fitted.folder).stdout


def test_the_folder_of_a_decoder_is_a_model_for_both_directions(fitted, tmp_path):
    encoder = load_model(fitted.folder)
    save_model(encoder.decoder(), tmp_path / "decoder")
    told = about(tmp_path / "decoder")
    assert told["class"] == "MNMDecoder"
    as_encoder = about(fitted.folder)
    assert {**told, "class": 0, "model": 0} == {**as_encoder, "class": 0, "model": 0}
    loaded = models.load_encoder(str(tmp_path / "decoder"))
    term = str(encoder.terms_[0])
    np.testing.assert_array_equal(loaded.predict([term]), encoder.predict([term]))


def test_a_folder_that_is_called_like_a_model_of_the_package_is_one_if_it_holds_one(
    fitted, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    # As of mnm fetch neuroquery --data-dir .
    (tmp_path / "neuroquery").mkdir()
    assert len(models.load_encoder("neuroquery").neighbours_.ids) == 12_000
    assert models.is_bundled("neuroquery")
    save_model(load_model(fitted.folder), tmp_path / "neuroquery")
    assert len(models.load_encoder("neuroquery").neighbours_.ids) == 120
    assert not models.is_bundled("neuroquery")
    assert about("neuroquery")["studies"] == 120


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    """Put a model where the client of the hub keeps what it has downloaded; it is offline."""
    constants = pytest.importorskip("huggingface_hub.constants")
    cache = tmp_path / "cache"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))

    def put(model, owner, name):
        commit = hashlib.sha1(name.encode()).hexdigest()
        repository = cache / f"models--{owner}--{name}"
        (repository / "refs").mkdir(parents=True)
        (repository / "refs" / "main").write_text(commit)
        save_model(model, repository / "snapshots" / commit)

    return put


def test_a_model_on_the_hub_is_asked_by_its_name(fitted, hub_cache):
    hub_cache(load_model(fitted.folder), "me", "small")
    told = about("hub:me/small")
    assert (told["model"], told["studies"]) == ("hub:me/small", 120)
    found = json.loads(
        succeed(
            "search", load_model(fitted.folder).terms_[0], "-m", "hub:me/small", "-k", 2, "--json"
        ).stdout
    )
    assert len(found) == 2


@pytest.mark.usefixtures("hub_cache")
def test_what_the_hub_has_not_is_told():
    assert "could not be reached for 'me/other'" in fail("info", "hub:me/other")
    assert "repo_id='' is no name of a repository" in fail("info", "hub:")


def test_a_part_of_a_model_is_none(tmp_path):
    vectorizer = TermVectorizer(["pain", "memory"], min_df=1).fit([[1, 0], [0, 2]])
    save_model(vectorizer, tmp_path / "terms")
    told = fail("search", "pain", "-m", tmp_path / "terms")
    assert (
        f"{tmp_path / 'terms'} is a TermVectorizer; an MNMEncoder or MNMDecoder is needed" in told
    )


def test_a_model_that_is_not_fitted_is_told(fitted, tmp_path):
    folder = shutil.copytree(fitted.folder, tmp_path / "model")
    saved = json.loads((folder / "model.json").read_text("utf-8"))
    # As the parameters of a model are, which are models that are not fitted.
    saved["model"]["state"]["fitted"] = None
    (folder / "model.json").write_text(json.dumps(saved), "utf-8")
    assert f"model: {folder} is not fitted. Make one with 'mnm fit'" in fail("info", folder)


@pytest.mark.parametrize("name", ["absent", "model.json", "neuroquery/"])
def test_what_is_no_folder_of_a_model_is_told(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.json").write_text("{}")
    told = fail("search", "pain", "-m", name)
    assert f"there is no folder {name!r}" in told
    assert "'mnm fit'" in told
    assert "'neuroquery'" in told


def test_a_model_of_arrays_answers_words_and_cannot_be_given_peaks(of_arrays, tmp_path):
    save_model(of_arrays, tmp_path / "model")
    told = about(tmp_path / "model")
    assert (told["takes_images_and_peaks"], told["regions"]) == (False, 5)
    peaks = tmp_path / "peaks.csv"
    peaks.write_text("id,x,y,z,title\n" + "".join(f"{n},{n},2,3,pain\n" for n in range(100, 103)))
    told = fail("evaluate", peaks, "-m", tmp_path / "model")
    assert "fitted to arrays and cannot be given peaks" in told


def test_models_complete_to_folders_that_hold_one(fitted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("new", "other"):
        save_model(TermVectorizer(["pain"], min_df=1).fit([[1], [1]]), tmp_path / name)
    (tmp_path / "nothing").mkdir()
    assert models._complete("n") == ["neuroquery", "new"]
    assert models._complete("") == ["neuroquery", "new", "other"]
