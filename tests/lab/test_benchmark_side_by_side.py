"""Parts of the comparison with other packages run, in tiny sizes."""

import sys

import numpy as np
import pandas as pd
import pytest

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@linux
def test_memory_is_what_was_added():
    from benchmarks.sides.measuring import Memory

    memory = Memory()
    held = np.ones(memory.imports.__ceil__() * 2**17 + 2**24)  # more than was ever held
    added = memory.added()
    assert added["added"] == pytest.approx(added["peak"] - memory.imports)
    assert added["peak"] >= held.nbytes / 2**20


@linux
def test_both_ways_from_peaks_to_regions_give_the_same(tmp_path):
    pytest.importorskip("nimare")
    from benchmarks.sides import peaks

    (tmp_path / "quick").touch()
    peaks.prepare(tmp_path, quick=True)
    runs = [run for run in peaks.RUNS if run.endswith("4 mm")]
    table = pd.DataFrame(
        [{"run": run, "repetition": 0, **peaks.RUNS[run](tmp_path, 0)} for run in runs]
    )
    theirs = table[table.run != "ours, 4 mm"]
    # NiMARE takes the larger of two Gaussians where ours adds them.
    assert (theirs.correlation > 0.99).all()
    assert theirs.mass.between(0.85, 1.0).all()
    assert table.studies.tolist() == [150, 10, 10]
    assert (theirs.cpu > theirs.measured).all()


@linux
@pytest.mark.parametrize("part", ["fitting", "map_to_text", "text_to_map"])
def test_a_part_runs_from_preparation_to_report(part, tmp_path):
    import importlib

    from benchmarks.speed import side_by_side

    pytest.importorskip("nimare")
    if part == "text_to_map":
        pytest.importorskip("neuroquery")
    module = importlib.import_module(f"benchmarks.sides.{part}")
    table = side_by_side.measure(part, tmp_path, quick=True)
    assert table.run.tolist() == list(module.RUNS)
    assert (table.cpu > 0).all()
    assert (table.added >= 0).all()
    text = module.report(table)
    for run in module.RUNS:
        assert f"| {run} |" in text
    assert "nan" not in text
