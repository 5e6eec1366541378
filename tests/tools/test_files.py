"""Files and folders that are written whole or not at all, also where several processes write."""

import sys
from pathlib import Path

import pytest

from sklearn_mnm._tools.files import alone_in, exchange, write_checked

if sys.platform == "win32":
    pytest.skip("needs SIGKILL and processes that fork", allow_module_level=True)

# More of this in tests/lab.
from benchmarks.robustness import fault_work, faults


def test_at_each_moment_of_a_save_there_is_a_model():
    outcome = faults.run("killed between operations", faults.kill_saves, 1000, 0)
    assert outcome.tries >= outcome.hit >= 8
    assert outcome.found["the model before"] > outcome.found["the model after"] > 0


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
