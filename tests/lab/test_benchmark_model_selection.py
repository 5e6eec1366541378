"""Searches with and without caches, and in processes of their own, are measured."""

import joblib
import numpy as np
import pytest
from scipy import sparse

CANDIDATES = 4


def data(n_studies=120, n_regions=24):
    """Studies of 6 topics, 80 terms."""
    from benchmarks.speed.model_selection import Data

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
    from benchmarks.speed import model_selection

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
    from benchmarks.speed.model_selection import Setting, measure

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


def test_a_search_runs_in_processes_of_its_own_that_share_the_cores(tmp_path, monkeypatch):
    from benchmarks.speed import model_selection
    from benchmarks.speed.model_selection import SMALL, Setting

    monkeypatch.setenv("OMP_NUM_THREADS", "7")  # not to reach a search with threads left to joblib
    path = tmp_path / "data.pkl"
    joblib.dump(data(n_studies=36, n_regions=256), path)
    record = model_selection.run(Setting(SMALL, caches=True, n_jobs=2, n_threads=None), path)
    assert 2 * max(record["threads"].values()) <= max(2, joblib.cpu_count())
    assert np.shape(record["scores"]) == (2, 3)
    assert "closed_form" not in record
    # Each of the two processes imports torch and scikit-learn, which takes more than this.
    assert record["cpu_seconds"] > 1
