"""Models are replaced whole or not at all."""

import json
import os
import threading

import pytest
import safetensors.numpy

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.persistence import files, load_model, save_model


def snapshot(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def failing(error):
    def fail(*args, **kwargs):
        raise error

    return fail


@pytest.mark.parametrize(
    ("target", "name"),
    [(safetensors.numpy, "save"), (os, "fsync"), (json, "dumps"), (os, "rename")],
)
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failure_while_writing_leaves_the_old_model(
    target, name, error, ward, tmp_path, monkeypatch, assert_same
):
    folder = tmp_path / "model"
    save_model(ward, folder)
    before = snapshot(folder)
    with monkeypatch.context() as patch:
        # As where the system cannot swap names.
        patch.setattr(files, "exchange", lambda new, old: False)
        patch.setattr(target, name, failing(error))
        with pytest.raises(type(error)):
            save_model(ward, folder, overwrite=True)
        with pytest.raises(type(error)):
            save_model(ward, tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert snapshot(folder) == before
    assert_same(load_model(folder), ward)


def test_a_failure_of_the_last_step_brings_the_old_model_back(ward, tmp_path, monkeypatch):
    folder = tmp_path / "model"
    save_model(ward, folder)
    before = snapshot(folder)
    rename = os.rename

    def fail_for_new(source, target):
        if str(source).endswith(".new"):
            raise OSError("no")
        rename(source, target)

    monkeypatch.setattr(files, "exchange", lambda new, old: False)
    monkeypatch.setattr(os, "rename", fail_for_new)
    with pytest.raises(OSError, match="no"):
        save_model(ward, folder, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert snapshot(folder) == before


def test_models_are_replaced_only_on_request(ward, embedder, tmp_path, assert_same):
    folder = tmp_path / "some" / "model"
    save_model(ward, folder)
    before = snapshot(folder)
    with pytest.raises(InvalidInputError, match="overwrite=True"):
        save_model(embedder, folder)
    assert snapshot(folder) == before
    save_model(embedder, str(folder), overwrite=True)
    assert_same(load_model(str(folder)), embedder)
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("exists", [False, True])
def test_of_two_who_save_to_one_new_folder_exactly_one_wins(
    exists, ward, embedder, tmp_path, monkeypatch, assert_same
):
    """Both have looked whether the folder is free before either gives its model the name."""
    models, told, move = {"ward": ward, "embedder": embedder}, {}, files._move
    both = threading.Barrier(2)

    def wait(new, folder, overwrite):
        both.wait(60)
        move(new, folder, overwrite)

    monkeypatch.setattr(files, "_move", wait)

    def save(name):
        try:
            save_model(models[name], tmp_path / "model")
            told[name] = "saved"
        except InvalidInputError as error:
            told[name] = str(error)

    if exists:
        (tmp_path / "model").mkdir()
    threads = [threading.Thread(target=save, args=[name]) for name in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = (name for name, words in told.items() if words == "saved")
    (other,) = (words for words in told.values() if words != "saved")
    assert "exists. Give another name, or overwrite=True" in other
    assert_same(load_model(tmp_path / "model"), models[winner])
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_folders_with_other_files_are_never_replaced(ward, tmp_path, assert_same):
    save_model(ward, tmp_path / "model")
    (tmp_path / "model" / "notes.txt").write_text("mine")
    with pytest.raises(InvalidInputError, match=r"notes\.txt"):
        save_model(ward, tmp_path / "model", overwrite=True)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InvalidInputError, match="is a file"):
        save_model(ward, tmp_path / "file", overwrite=True)
    assert (tmp_path / "file").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    save_model(ward, tmp_path / "empty")
    assert_same(load_model(tmp_path / "empty"), ward)


def test_links_keep_leading_to_the_model(ward, embedder, tmp_path, assert_same):
    save_model(ward, tmp_path / "model")
    (tmp_path / "link").symlink_to("model")
    save_model(embedder, tmp_path / "link", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert_same(load_model(tmp_path / "model"), embedder)


def test_files_have_the_permissions_of_others(ward, tmp_path):
    save_model(ward, tmp_path / "model")
    (tmp_path / "other").mkdir()
    assert (tmp_path / "model").stat().st_mode == (tmp_path / "other").stat().st_mode
