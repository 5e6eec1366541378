import os
import subprocess
import sys
from dataclasses import replace
from functools import partial

import pytest

CANDIDATES = 4


def test_threads_are_set_for_every_library_or_for_none(monkeypatch):
    from benchmarks.speed.model_selection import _VARIABLES, SMALL, Setting, environment

    monkeypatch.setenv("MKL_NUM_THREADS", "7")
    setting = Setting(SMALL, caches=True, n_threads=3)
    assert {environment(setting)[name] for name in _VARIABLES} == {"3"}
    left = environment(replace(setting, n_threads=None))
    assert not left.keys() & set(_VARIABLES)
    assert left.items() <= os.environ.items()


def test_cpu_time_is_that_of_ended_children_too():
    from benchmarks.speed.model_selection import _cpu_seconds

    busy = "import time\nwhile time.process_time() < 0.5: pass"
    before = _cpu_seconds()
    subprocess.run([sys.executable, "-c", busy], check=True)
    assert _cpu_seconds() - before >= 0.4


def record(scores=((0.1, 0.2, 0.3),), n_threads=1, seconds=10.0, **more):
    threads = {"torch": n_threads, "BLAS": 1}
    return {
        "scores": [list(row) for row in scores],
        "best": {},
        "threads": threads,
        "seconds": seconds,
        "cpu_seconds": 2 * seconds,
        "load": 0.5,
        "n_fits": 37,
        "cache_megabytes": 5.0,
        **more,
    }


def test_other_scores_of_the_same_search_are_an_error_unless_threads_differ():
    from benchmarks.speed.model_selection import Setting, check_scores

    settings = [Setting("later steps", caches) for caches in (False, True)]
    check = partial(check_scores, settings)
    other = ((0.1, 0.2, 0.3000001),)
    check([record(), record()])
    check([record(), record(other, n_threads=2)])
    check_scores([settings[0], Setting("both steps", True)], [record(), record(other)])
    with pytest.raises(RuntimeError, match="other scores"):
        check([record(), record(other)])
    with pytest.raises(RuntimeError, match="other scores"):
        check([record(), record(best={"embedder__n_components": 2})])


def test_tables_hold_every_search_and_the_spread_of_repeated_ones():
    from benchmarks.speed.model_selection import SEARCHES, WAYS, markdown

    step = {"calls": 4, "seconds": 2.25}
    scores = ((0.1, 0.2, 0.3), (0.4, 0.2, 0.3))
    searches = [record(scores, closed_form=step, text=step) for _ in SEARCHES]
    del searches[0]["closed_form"], searches[0]["text"]  # not counted across processes
    runs = {title: [record(seconds=s, n_threads=2) for s in (30, 10, 11)] for title in WAYS}
    tables = [
        [[cell.strip() for cell in line.split("|")[1:-1]] for line in block.splitlines()[2:]]
        for block in markdown(searches, runs).split("\n\n")
        if block.startswith("|")
    ]
    first, second = tables
    assert len(first) == len(SEARCHES)
    assert first[0][1:] == ["no", "1", "37", "", "", "10", "20", "", "0.300", "0.5"]
    assert first[1][1:] == ["yes", "1", "37", *["4 (2.2 s)"] * 2, "10", "20", "5", "0.300", "0.5"]
    assert [row[0] for row in second] == list(WAYS)
    assert second[0][1:] == ["2", "1", "11 [10, 30]", "22 [20, 60]", "0.5 [0.5, 0.5]"]
