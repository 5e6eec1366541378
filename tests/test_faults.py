"""Work that is killed, files that are damaged, and folders that two processes share.

`benchmarks/faults.py` does the same a hundred times each.
"""

import sys
from pathlib import Path

import pytest

from sklearn_mnm._tools.files import alone_in, exchange, write_checked

if sys.platform == "win32":
    pytest.skip("needs SIGKILL and processes that fork", allow_module_level=True)

# Scripts import each other as scripts do: from their own folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import fault_work
import faults


def kept(outcome, times):
    """Whether the promises were kept is checked on the way; here, that there was something to."""
    assert outcome.hit >= times
    assert outcome.tries >= outcome.hit
    return outcome.found


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("fault", faults.FAULTS["killed"])
def test_work_that_is_killed_leaves_nothing_half_done(fault, seed):
    kept(faults.run("killed", fault, 1, seed), 1)


@pytest.mark.parametrize("fault", faults.FAULTS["killed between operations"])
def test_no_moment_between_two_operations_on_files_is_a_bad_one(fault):
    kept(faults.run("killed between operations", fault, 3, 0), 2)


def test_at_each_moment_of_a_save_there_is_a_model():
    found = kept(faults.run("killed between operations", faults.kill_saves, 1000, 0), 8)
    assert found["the model before"] > found["the model after"] > 0


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("fault", faults.FAULTS["damaged"])
def test_changed_bits_are_noticed(fault, seed):
    kept(faults.run("damaged", fault, 3, seed), 3)


def test_two_processes_do_the_same_work_in_one_folder():
    found = kept(faults.run("at once", faults.work_at_once, 1, 0), 1)
    assert set(found) == {"fits", "memories", "downloads", "embeddings"}


def test_a_promise_that_is_not_kept_is_noticed(tmp_path, monkeypatch):
    load_model = faults.load_model
    # Damage that is not noticed: the model as it was.
    monkeypatch.setattr(faults, "load_model", lambda folder: load_model(tmp_path / "kept"))
    with pytest.raises(faults.Failed, match="changed weights are refused"):
        faults.damage_models(50, tmp_path, faults.random.Random(0))


def test_folders_swap_their_names_and_keep_what_they_hold(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    swapped = exchange(tmp_path / "one", tmp_path / "two")
    assert (tmp_path / "one" / "file").read_text() == ("two" if swapped else "one")
    assert (tmp_path / "two" / "file").read_text() == ("one" if swapped else "two")
    assert not exchange(tmp_path / "one", tmp_path / "three")


def test_one_process_at_a_time_is_alone_in_a_folder(tmp_path):
    log = tmp_path / "log"
    children = [fault_work.Child(_be_alone, tmp_path / "folder", log) for _ in range(3)]
    for child in children:
        child.result()
    lines = log.read_text().split()
    assert lines[::2] == lines[1::2]
    assert len(set(lines)) == 3


def _be_alone(folder, log):
    import os
    import time

    with alone_in(folder):
        for _ in range(2):
            with log.open("a") as stream:
                stream.write(f"{os.getpid()}\n")
            time.sleep(0.05)


def test_a_folder_that_is_removed_while_writing_is_made_again(tmp_path, monkeypatch):
    path, write_bytes, failures = tmp_path / "folder" / "file", Path.write_bytes, []

    def lose_the_folder(self, content):
        if len(failures) < 2:
            failures.append(self)
            self.parent.rmdir()
        return write_bytes(self, content)

    monkeypatch.setattr(Path, "write_bytes", lose_the_folder)
    write_checked(path, b"content")
    assert len(failures) == 2
    assert path.read_bytes().endswith(b"content")
