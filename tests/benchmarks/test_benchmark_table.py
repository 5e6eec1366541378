import ast
import json

import numpy as np
import pytest


def record(model, fold, recall, correlation=None):
    from benchmarks.common.table import CORRECTED, RETRIEVAL

    scores = dict.fromkeys((*RETRIEVAL, *CORRECTED), recall) if recall is not None else {}
    if correlation is not None:
        scores |= {"map corr": correlation, "map Dice": correlation}
    cost = {"fit_seconds": 1.0, "fit_cpu_seconds": 1.0, "peak_gib": 0.5}
    return {"model": model, "fold": fold, "scores": scores, **cost}


@pytest.fixture
def records():
    ours, ridge, lsa = (27.0, 30.0, 28.0), (25.0, 27.0, 26.5), (20.0, 21.0, 22.0)
    runs = []
    for fold in range(3):
        runs += [
            record("ours", fold, ours[fold], 0.16),
            record("kernel_ridge_sqrt", fold, ridge[fold], 0.15),
            record("lsa_ridge", fold, lsa[fold], 0.17),
            record("mean_map", fold, None, 0.1),
        ]
    return runs


def test_the_bar_is_the_best_baseline_and_never_our_own_model(records):
    from benchmarks.common.table import summarise

    references = summarise(records)["references"]
    assert references == {"retrieval": "kernel_ridge_sqrt", "map prediction": "lsa_ridge"}


def test_differences_are_paired_by_fold_with_a_t_interval(records):
    from benchmarks.common.table import summarise

    score = summarise(records)["models"]["ours"]["scores"]["t2b R@10"]
    assert score["mean"] == pytest.approx(85 / 3)
    assert score["sd"] == pytest.approx(np.std([27, 30, 28], ddof=1))
    # Differences 2, 3, 1.5; the t quantile of 0.975 at 2 degrees of freedom is 4.302653.
    differences = np.array([2, 3, 1.5])
    half_width = 4.302653 * differences.std(ddof=1) / np.sqrt(3)
    assert score["difference"]["mean"] == pytest.approx(differences.mean())
    assert score["difference"]["half_width"] == pytest.approx(half_width, rel=1e-6)


def test_the_order_of_records_does_not_matter(records):
    from benchmarks.common.table import summarise

    models = summarise(records)["models"]
    assert summarise(records[::-1])["models"] == models


def test_models_on_different_folds_are_not_compared(records):
    from benchmarks.common.table import summarise

    with pytest.raises(ValueError, match="ours"):
        summarise(records[1:])


def test_the_tables_show_chance_and_leave_out_what_a_model_does_not_do(records):
    from benchmarks.common.table import markdown, summarise

    text = markdown(summarise(records))
    retrieval, maps = text.split("Map prediction")
    assert "| chance | 0.1 | 1.0 | 10.0 | 50.0 |" in retrieval
    assert "mean training map" not in retrieval
    assert "mean training map" in maps


def test_one_fold_has_no_spread_and_no_interval():
    from benchmarks.common.table import markdown, summarise

    runs = [record("ours", 0, 27.0), record("kernel_ridge_sqrt", 0, 25.0)]
    text = markdown(summarise(runs))
    assert "±" not in text
    assert "+2.0 |" in text


def test_a_section_is_replaced_and_others_are_kept(tmp_path):
    from benchmarks.quality.retrieval import _write

    path = tmp_path / "RESULTS.md"
    for folds, text in (((0, 1, 2), "first text"), ((0, 1), "another"), ((0, 1, 2), "second text")):
        _write(path, folds, "command", text, {}, [])
    written = path.read_text()
    assert "first text" not in written
    assert written.count("second text") == written.count("another") == 1
    figures = json.loads((tmp_path / "results" / "retrieval-folds-0-1-2.json").read_text())
    assert figures["command"] == "command"


def test_every_model_names_a_class_that_exists():
    from benchmarks.common.runner import BENCHMARKS
    from benchmarks.models import MODELS

    for entry in MODELS.values():
        tree = ast.parse((BENCHMARKS / "models" / f"{entry.module}.py").read_text())
        classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
        assert entry.class_name in classes


def test_our_model_is_contrasted_with_each_other_paired_by_fold(records):
    from benchmarks.common.table import markdown, summarise

    summary = summarise(records)
    contrasts = summary["ours minus others"]
    assert set(contrasts) == {"kernel_ridge_sqrt", "lsa_ridge", "mean_map"}
    assert contrasts["lsa_ridge"]["t2b R@10"]["mean"] == pytest.approx((7 + 9 + 6) / 3)
    assert set(contrasts["mean_map"]) == {"map corr", "map Dice"}
    assert "minus each other model" in markdown(summary)
    others = [run for run in records if run["model"] != "ours"]
    assert summarise(others)["ours minus others"] == {}
