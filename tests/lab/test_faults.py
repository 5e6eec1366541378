"""Work that is killed, files that are damaged, and folders that two processes share.

`python -m benchmarks faults` does the same a hundred times each; `tests/tools/test_files.py` has a
share.
"""

import sys

import pytest

if sys.platform == "win32":
    pytest.skip("needs SIGKILL and processes that fork", allow_module_level=True)

from benchmarks.robustness import faults


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
