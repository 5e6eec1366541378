"""Time and memory of the contrastive loss are measured in processes of their own."""

import sys

import pytest

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@linux
@pytest.mark.parametrize("part", ["exterior_angle", "extent"])
def test_both_forms_measure_the_same_loss_and_the_whole_matrix_takes_more_memory(part):
    from benchmarks.speed.contrastive_memory import measure_apart

    n = 2048
    tiled, whole = (measure_apart(part, n, tile) for tile in (256, None))
    assert tiled["loss"] == pytest.approx(whole["loss"], rel=1e-5)
    assert whole["loss"] > 0
    one_matrix = n**2 * 4 / 2**20
    assert whole["added"] - tiled["added"] > one_matrix
    assert tiled["seconds"] > 0
