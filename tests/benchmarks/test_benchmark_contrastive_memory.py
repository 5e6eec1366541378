import sys

import numpy as np
import pandas as pd
import pytest

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def test_the_exponent_of_a_power_law_is_found():
    from benchmarks.speed.contrastive_memory import exponent

    sizes = np.array([1024, 2048, 4096])
    assert exponent(sizes, 3.0 * sizes**2) == pytest.approx(2)
    assert exponent(sizes, 0.1 * sizes) == pytest.approx(1)


def test_tables_hold_ratios_and_exponents():
    from benchmarks.speed.contrastive_memory import TILES, scaling_table, tile_table

    tiles = pd.DataFrame(
        {"part": "distance", "n": 1024, "tile": tile, "seconds": seconds}
        for tile, seconds in zip((None, *TILES[:3]), (0.2, 0.3, 0.2, 0.1), strict=True)
    )
    assert "| distance | 1,024 | 0.200 | 1.50 | 1.00 | 0.50 |  |" in tile_table(tiles)
    n = 1024 * 2 ** np.arange(5)
    scaling = pd.DataFrame(
        {"part": "extent", "n": n, "form": "tiles", "seconds": n**2.0, "peak": 1.0, "added": n}
    )
    assert "- extent, tiles: memory 1.00, time 2.00" in scaling_table(scaling)
