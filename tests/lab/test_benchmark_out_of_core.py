"""The steps of a corpus on disk, each in a process of its own."""

import sys

import pytest

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@linux
def test_all_steps_run_from_disk_to_neighbours(tmp_path):
    pytest.importorskip("faiss", reason="the approximate search needs faiss-cpu")
    from benchmarks.speed import out_of_core

    table = out_of_core.run(tmp_path, 600)
    assert list(table.step) == list(out_of_core.STEPS)
    assert (table.recall >= 0.98).all()
    assert (table.bytes > 4 * 600 * (512 + 512 + 513 + 513)).all()
    assert (table.cpu > 0).all()
    assert (table.own > table.imports).all()
    assert not (tmp_path / "X.npy").exists()
