import sys

import numpy as np
import pandas as pd
import pytest

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def test_texts_and_maps_of_a_study_belong_together():
    from benchmarks.speed.out_of_core import studies

    texts, maps = studies(5, 300)
    np.testing.assert_array_equal(studies(5, 300)[1], maps)
    assert np.abs(studies(6, 300)[0] - texts).max() > 0.1
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1, rtol=1e-5)
    maps = maps / np.linalg.norm(maps, axis=1, keepdims=True)
    alike = [np.tril(x @ x.T, -1)[np.tril_indices(300, -1)] for x in (texts, maps)]
    assert np.corrcoef(alike)[0, 1] > 0.5  # those with like texts have like maps


def test_tables_hold_exponents_and_recall():
    from benchmarks.speed.out_of_core import STEPS, tables

    records = pd.DataFrame(
        {
            "step": step,
            "n": n,
            "wall": 2.0,
            "cpu": float(n),
            "own": 300.0,
            "resident": 400.0,
            "build": 1.0,
            "query": n**0.5 / 1e6,
            "recall": 0.991,
            "bytes": 8.2e3 * n,
        }
        for step in STEPS
        for n in (10_000, 1_000_000)
    )
    text = tables(records)
    assert "| fit | 1,000,000 | 2.0 | 1,000,000.0 | 300 | 400 |" in text
    assert "| 1,000,000 | 8.20 | 1.0 | 1.00 | 1.0 | 0.991 |" in text
    assert "- embed maps: CPU 1.00, memory 0.00" in text
    assert "- index of any kind: build CPU 0.00, query 0.50, memory 0.00" in text
