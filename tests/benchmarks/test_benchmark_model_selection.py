import os
import subprocess
import sys
from dataclasses import replace
from functools import partial

import joblib
import numpy as np
import pytest
from scipy import sparse

CANDIDATES = 4


def data(n_studies=120, n_regions=24):
    """Studies of 6 topics, 80 terms."""
    from model_selection import Data

    random = np.random.default_rng(0)
    topics = random.dirichlet(np.full(6, 0.1), size=n_studies)
    counts, activations = (
        random.poisson(topics @ random.gamma(0.3, size=(6, n)) * 5) for n in (80, n_regions)
    )
    activations[:, 0] += 1  # maps without activation are not scored
    vocabulary = np.array([f"term{column:02d}" for column in range(80)])
    return Data(sparse.csr_matrix(counts), vocabulary, activations.astype(np.float32))


@pytest.fixture
def small_grids(monkeypatch):
    import model_selection

    dimensions = {"embedder__n_components": [2, 8]}
    grids = {
        model_selection.LATER: {
            "embedder__objective__similarity": ["exterior_angle", "cosine"],
            **dimensions,
        },
        model_selection.BOTH: {"terms__min_df": [1, 30], **dimensions},
    }
    monkeypatch.setattr(model_selection, "GRIDS", grids)


@pytest.mark.usefixtures("small_grids")
@pytest.mark.parametrize(("grid", "n_kept"), [("later steps", 3 + 1), ("both steps", 2 * 3 + 1)])
def test_caches_save_all_steps_that_candidates_share_and_change_no_score(grid, n_kept):
    from model_selection import Setting, measure

    records = {caches: measure(Setting(grid, caches), data()) for caches in (False, True)}
    for caches, record in records.items():
        assert record["n_fits"] == 3 * CANDIDATES + 1
        assert np.shape(record["scores"]) == (CANDIDATES, 3)
        assert len(np.unique(record["scores"])) > CANDIDATES
        for step in ("text", "closed_form"):
            assert record[step]["calls"] == (n_kept if caches else record["n_fits"])
            assert 0 < record[step]["seconds"] < record["seconds"]
        assert (record["cache_megabytes"] > 0) == caches
    assert records[True]["scores"] == records[False]["scores"]
    assert records[True]["best"] == records[False]["best"]


@pytest.mark.slow
def test_a_search_runs_in_processes_of_its_own_that_share_the_cores(tmp_path, monkeypatch):
    import model_selection
    from model_selection import SMALL, Setting

    monkeypatch.setenv("OMP_NUM_THREADS", "7")  # not to reach a search with threads left to joblib
    path = tmp_path / "data.pkl"
    joblib.dump(data(n_studies=36, n_regions=256), path)
    record = model_selection.run(Setting(SMALL, caches=True, n_jobs=2, n_threads=None), path)
    assert 2 * max(record["threads"].values()) <= max(2, joblib.cpu_count())
    assert np.shape(record["scores"]) == (2, 3)
    assert "closed_form" not in record
    # Each of the two processes imports torch and scikit-learn, which takes more than this.
    assert record["cpu_seconds"] > 1


def test_threads_are_set_for_every_library_or_for_none(monkeypatch):
    from model_selection import _VARIABLES, SMALL, Setting, environment

    monkeypatch.setenv("MKL_NUM_THREADS", "7")
    setting = Setting(SMALL, caches=True, n_threads=3)
    assert {environment(setting)[name] for name in _VARIABLES} == {"3"}
    left = environment(replace(setting, n_threads=None))
    assert not left.keys() & set(_VARIABLES)
    assert left.items() <= os.environ.items()


def test_cpu_time_is_that_of_ended_children_too():
    from model_selection import _cpu_seconds

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
    from model_selection import Setting, check_scores

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
    from model_selection import SEARCHES, WAYS, markdown

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
