"""Fits that stop half-way: what is kept of them, and how they go on."""

import errno
import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sklearn_mnm import HyperbolicBrainTextEmbedder, MNMObjective, Towers
from sklearn_mnm.exceptions import (
    DataWarning,
    InterruptedFitWarning,
    InvalidInputError,
    StorageError,
)
from sklearn_mnm.nn import checkpoint
from sklearn_mnm.nn.checkpoint import Snapshot, load_snapshot, save_snapshot


def literature():
    random = np.random.default_rng(0)
    topics = random.dirichlet(np.full(8, 0.2), size=200)
    X = random.poisson(6 * topics @ random.gamma(0.3, size=(8, 50))).astype(float)
    Y = random.poisson(6 * topics @ random.gamma(0.3, size=(8, 15))).astype(float)
    return sparse.csr_matrix(X), Y


STUDIES = literature()


def embedder(**params):
    defaults = {"max_epochs": 5, "batch_size": 50, "random_state": 0, "store_left_out": True}
    return HyperbolicBrainTextEmbedder(**defaults).set_params(**params)


class StopAfter:
    """Raise an error after some epochs, or end training; count epochs."""

    def __init__(self, epoch, error=None):
        self.epoch, self.error, self.seen = epoch, error, []

    def __call__(self, record):
        self.seen.append(record["epoch"])
        if record["epoch"] == self.epoch:
            if self.error is not None:
                raise self.error
            return True
        return None

    def __deepcopy__(self, memo):
        return self


def assert_same(found, expected):
    X, Y = STUDIES
    for points, others in zip(found.transform(X, Y), expected.transform(X, Y), strict=True):
        np.testing.assert_array_equal(points, others)
    np.testing.assert_array_equal(found.predict(X), expected.predict(X))
    np.testing.assert_array_equal(found.left_out_points_, expected.left_out_points_)
    assert found.history_.equals(expected.history_)
    assert found.best_epoch_ == expected.best_epoch_


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"validation_fraction": 0.3, "max_epochs": 9},
        {"objective": MNMObjective("exterior_angle", learn_curvature=True, brain_apex_weight=0.1)},
    ],
    ids=["plain", "validation", "learnt radii"],
)
def test_a_stopped_fit_goes_on_to_the_identical_result(params, tmp_path):
    expected = embedder(**params).fit(*STUDIES)
    stop = StopAfter(3, MemoryError("the machine went down"))
    model = embedder(**params, checkpoint=tmp_path, callbacks=[stop])
    with pytest.raises(MemoryError, match="went down"):
        model.fit(*STUDIES)
    # The third epoch was not written down any more.
    goes_on = StopAfter(99)
    resumed = clone(model).set_params(callbacks=[goes_on]).fit(*STUDIES)
    assert goes_on.seen[0] == 3
    assert_same(resumed, expected)
    assert not list(tmp_path.iterdir())


def test_a_killed_fit_goes_on_to_the_identical_result(tmp_path):
    # Without a hierarchy of terms, which would be learnt for as many epochs.
    params = {"max_epochs": 2000, "objective__similarity": "exterior_angle"}
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from {Path(__file__).stem} import STUDIES, embedder
tell = lambda record: print(record["epoch"], flush=True)
params = {params!r}
embedder(checkpoint={str(tmp_path)!r}, callbacks=[tell], **params).fit(*STUDIES)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == 4:
            os.kill(process.pid, signal.SIGKILL)
            break
    process.wait()
    process.stdout.close()
    assert process.returncode == -signal.SIGKILL
    goes_on = StopAfter(12)
    resumed = embedder(checkpoint=tmp_path, callbacks=[goes_on], **params).fit(*STUDIES)
    assert goes_on.seen[0] >= 4
    whole = embedder(callbacks=[StopAfter(12)], **params).fit(*STUDIES)
    assert_same(resumed, whole)


def test_the_closed_form_of_a_stopped_fit_is_not_computed_again(tmp_path, monkeypatch):
    with pytest.raises(MemoryError):
        embedder(checkpoint=tmp_path, callbacks=[StopAfter(1, MemoryError())]).fit(*STUDIES)

    def refuse(*args, **kwargs):
        raise AssertionError("fitted again")

    monkeypatch.setattr("sklearn_mnm.model.text_regression.LeaveOutRidge", refuse)
    with pytest.raises(AssertionError, match="fitted again"):
        embedder(checkpoint=tmp_path, alpha=1.0).fit(*STUDIES)
    embedder(checkpoint=tmp_path).fit(*STUDIES)


def test_the_same_parts_of_terms_name_the_same_fit_however_they_were_used(tmp_path):
    parts = sparse.identity(50, format="csr", dtype=np.int8)
    with pytest.raises(MemoryError):
        embedder(
            checkpoint=tmp_path, term_parts=parts.copy(), callbacks=[StopAfter(3, MemoryError())]
        ).fit(*STUDIES)
    assert parts.has_canonical_format  # which a matrix notes once it was asked
    goes_on = StopAfter(99)
    embedder(checkpoint=tmp_path, term_parts=parts, callbacks=[goes_on]).fit(*STUDIES)
    assert goes_on.seen[0] == 3


def test_ctrl_c_leaves_a_usable_estimator_and_a_way_to_go_on(tmp_path):
    expected = embedder().fit(*STUDIES)
    model = embedder(checkpoint=tmp_path, callbacks=[StopAfter(3, KeyboardInterrupt())])
    with pytest.warns(InterruptedFitWarning, match=r"after 3 epochs.*Fit again to go on"):
        model.fit(*STUDIES)
    assert model.best_epoch_ == 3
    assert np.isfinite(model.predict(STUDIES[0])).all()
    assert_same(model.set_params(callbacks=None).fit(*STUDIES), expected)


def test_a_damaged_checkpoint_is_noticed_and_the_fit_starts_anew(tmp_path):
    expected = embedder().fit(*STUDIES)
    with pytest.raises(MemoryError):
        embedder(checkpoint=tmp_path, callbacks=[StopAfter(3, MemoryError())]).fit(*STUDIES)
    (path,) = tmp_path.rglob("training.safetensors")
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)
    with pytest.warns(DataWarning, match=r"damaged or changed. Training starts anew"):
        resumed = embedder(checkpoint=tmp_path).fit(*STUDIES)
    assert_same(resumed, expected)


def test_other_fits_do_not_go_on_from_it(tmp_path):
    X, Y = STUDIES
    stop = StopAfter(2, MemoryError())
    with pytest.raises(MemoryError):
        embedder(checkpoint=tmp_path, callbacks=[stop]).fit(X, Y)
    for params, data in (
        ({"objective__extent_weight": 1.0}, (X, Y)),
        ({"towers__dropout": 0.3}, (X, Y)),
        ({"random_state": 1}, (X, Y)),
        ({}, (X, 2 * Y)),
        ({}, (X, Y, np.arange(200) // 2)),
        ({}, (X, Y, None, np.arange(1.0, 201.0))),
    ):
        other = StopAfter(99)
        embedder(checkpoint=tmp_path, callbacks=[other], **params).fit(*data)
        assert other.seen[0] == 1
    assert len(list(tmp_path.iterdir())) == 1  # the one that was stopped


def test_a_part_that_is_none_is_the_default_part(tmp_path):
    with pytest.raises(MemoryError):
        embedder(checkpoint=tmp_path, callbacks=[StopAfter(3, MemoryError())]).fit(*STUDIES)
    goes_on = StopAfter(99)
    default = {"objective": MNMObjective(), "towers": Towers()}
    embedder(checkpoint=tmp_path, callbacks=[goes_on], **default).fit(*STUDIES)
    assert goes_on.seen[0] == 3


def test_the_fits_of_a_search_share_a_folder(tmp_path):
    grid = {"objective__drift_weight": [0.0, 8.0]}
    plain = GridSearchCV(embedder(max_epochs=2), grid, cv=2).fit(*STUDIES)
    kept = GridSearchCV(embedder(max_epochs=2, checkpoint=tmp_path), grid, cv=2).fit(*STUDIES)
    np.testing.assert_array_equal(
        kept.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"]
    )
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_needs_a_fit_that_can_be_repeated(tmp_path):
    with pytest.raises(InvalidInputError, match=r"checkpoint=.*random_state=0"):
        embedder(checkpoint=tmp_path, random_state=None).fit(*STUDIES)
    generator = np.random.RandomState(3)
    with pytest.raises(MemoryError):
        embedder(
            checkpoint=tmp_path, random_state=generator, callbacks=[StopAfter(2, MemoryError())]
        ).fit(*STUDIES)
    goes_on = StopAfter(99)
    generator = np.random.RandomState(3)
    embedder(checkpoint=tmp_path, random_state=generator, callbacks=[goes_on]).fit(*STUDIES)
    assert goes_on.seen[0] == 2


def test_callbacks_see_each_epoch_and_can_end_training():
    seen = []
    model = embedder(callbacks=[seen.append, StopAfter(3)]).fit(*STUDIES)
    assert len(seen) == 3
    assert model.best_epoch_ == 3
    assert len(model.history_) == 4
    for record, (_, row) in zip(seen, model.history_[1:].iterrows(), strict=True):
        assert record == row.to_dict()
    seen[0].clear()  # a copy: the history does not change
    with pytest.raises(InvalidInputError, match=r"callbacks\[0\] is 3"):
        embedder(callbacks=[3]).fit(*STUDIES)


def test_the_history_tells_how_training_went():
    model = embedder(validation_fraction=0.3).fit(*STUDIES)
    history = model.history_
    assert history["epoch"].tolist() == list(range(len(history)))
    assert history[1:].notna().all(axis=None)
    assert {"text_height", "brain_height", "validation_score"} <= set(history)
    np.testing.assert_allclose(
        history["loss"][1:], history[["alignment", "drift"]].sum(axis=1)[1:], rtol=1e-5
    )


def test_the_history_tells_of_radii_where_they_are_learnt():
    objective = MNMObjective("exterior_angle", learn_curvature=True)
    model = embedder(objective=objective, validation_fraction=0.3).fit(*STUDIES)
    history = model.history_
    assert history["epoch"].tolist() == list(range(len(history)))
    assert history[1:].notna().all(axis=None)
    assert history["curvature"].iloc[model.best_epoch_] == pytest.approx(model.curvature_)
    assert (history["text_radius"][1:] < history["brain_radius"][1:]).all()
    parts = ["alignment", "text_above_brain", "extent", "drift"]
    np.testing.assert_allclose(history["loss"][1:], history[parts].sum(axis=1)[1:], rtol=1e-5)


def test_progress_is_logged_rather_than_printed(caplog, capsys):
    with caplog.at_level(logging.DEBUG, logger="sklearn_mnm"):
        embedder().fit(*STUDIES)
    messages = [record.getMessage() for record in caplog.records]
    assert sum("epoch" in message for message in messages) == 5
    assert any("alpha=" in message for message in messages)
    assert capsys.readouterr() == ("", "")


def rewritten(path, change):
    """Let another snapshot, whole and with its checksum, take the place of one."""
    snapshot = load_snapshot(path)
    tensors, record = dict(snapshot.tensors), json.loads(json.dumps(snapshot.record))
    change(tensors, record)
    save_snapshot(path, Snapshot(tensors, record))


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("training", lambda tensors, record: tensors.pop("model/log_scale")),
        ("training", lambda tensors, record: tensors.update(more=torch.ones(2))),
        ("training", lambda t, r: t.update({"random/order": torch.ones(3, dtype=torch.uint8)})),
        ("training", lambda t, r: t.update({"random/cpu": 255 + 0 * t["random/cpu"]})),
        ("training", lambda t, r: t.update({"optimizer.0/exp_avg": torch.ones(1)})),
        ("training", lambda t, r: t.update({"best/log_scale": torch.ones((), dtype=torch.int64)})),
        ("training", lambda tensors, record: record.update(history=[{"epoch": 7}])),
        ("training", lambda tensors, record: record.update(history=[])),
        ("training", lambda tensors, record: record.update(best_epoch=99)),
        ("training", lambda tensors, record: record.update(stopped=1)),
        ("training", lambda tensors, record: record.update(more=1)),
        ("regression", lambda tensors, record: tensors.pop("coef")),
        ("regression", lambda t, r: t.update(coef=t["coef"].T.contiguous())),
        ("regression", lambda t, r: t.update(left_out=t["left_out"].half())),
        ("regression", lambda tensors, record: record["numbers"].update(alpha="1")),
        ("regression", lambda tensors, record: record["numbers"].update(alpha=-1.0)),
        ("regression", lambda tensors, record: record.update(scores=3)),
    ],
)
def test_a_checkpoint_of_something_else_is_refused_before_it_is_used(file, change, tmp_path):
    expected = embedder().fit(*STUDIES)
    with pytest.raises(MemoryError):
        embedder(checkpoint=tmp_path, callbacks=[StopAfter(3, MemoryError())]).fit(*STUDIES)
    (path,) = tmp_path.rglob(f"{file}.safetensors")
    rewritten(path, change)
    with pytest.warns(DataWarning, match=r"starts anew|computed anew"):
        found = embedder(checkpoint=tmp_path).fit(*STUDIES)
    assert_same(found, expected)


def test_a_checkpoint_of_other_versions_is_refused(tmp_path, monkeypatch):
    with pytest.raises(MemoryError):
        embedder(checkpoint=tmp_path, callbacks=[StopAfter(3, MemoryError())]).fit(*STUDIES)
    (path,) = tmp_path.rglob("training.safetensors")
    monkeypatch.setattr(checkpoint, "_versions", lambda: {"sklearn-mnm": "9"})
    with pytest.raises(ValueError, match=r"was written by .*, not by .*'9'"):
        load_snapshot(path)


def test_a_huge_checkpoint_is_refused_unread(tmp_path):
    with pytest.raises(MemoryError):
        embedder(checkpoint=tmp_path, callbacks=[StopAfter(3, MemoryError())]).fit(*STUDIES)
    for path in tmp_path.rglob("*.safetensors"):
        os.truncate(path, 2**40)  # takes no space
    with pytest.warns(DataWarning) as told:
        embedder(checkpoint=tmp_path).fit(*STUDIES)
    assert len(told) == 2


@pytest.mark.parametrize("file", ["regression", "training"])
def test_a_full_disk_is_told_with_the_file_and_the_remedy(file, tmp_path, monkeypatch):
    """What was kept before stays, and nothing half-written."""
    write_bytes = Path.write_bytes

    def full(path, content):
        size = len(content) // 2 if len(content) > limit else len(content)
        write_bytes(path, content[:size])
        if size < len(content):
            raise OSError(errno.ENOSPC, "No space left on device")
        return size

    limit = 0 if file == "regression" else 2**40

    def fill(record):
        nonlocal limit
        limit = 0 if record["epoch"] == 2 else limit

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match=rf"{file}\.safetensors.*Free some space") as caught:
        embedder(checkpoint=tmp_path, callbacks=[fill]).fit(*STUDIES)
    assert caught.value.errno == errno.ENOSPC
    monkeypatch.undo()
    kept = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    before = [] if file == "regression" else ["regression.safetensors", "training.safetensors"]
    assert kept == before
    assert_same(embedder(checkpoint=tmp_path).fit(*STUDIES), embedder().fit(*STUDIES))
