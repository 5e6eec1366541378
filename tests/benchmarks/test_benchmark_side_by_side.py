import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@pytest.fixture
def quick_folder(tmp_path):
    (tmp_path / "quick").touch()
    return tmp_path


def records_of(part, folder):
    rows = [{"run": name, "repetition": 0, **run(folder, 0)} for name, run in part.RUNS.items()]
    return pd.DataFrame(rows)


def test_the_clock_tells_waiting_from_working():
    from benchmarks.sides.measuring import clock

    with clock() as spent:
        time.sleep(0.1)
    assert spent["wall"] >= 0.1
    assert spent["cpu"] < 0.05


def test_the_first_call_is_not_timed():
    from benchmarks.sides.measuring import each

    calls = []

    def slow_at_first(argument):
        calls.append(argument)
        time.sleep(0.2 if len(calls) == 1 else 0.0)

    assert each(slow_at_first, "ab", n=5)["wall"] < 0.1
    assert calls == ["b", "a", "b", "a", "b", "a"]


def test_ratios_are_paired_by_repetition():
    from benchmarks.sides.measuring import ratio, spread

    records = pd.DataFrame(
        {
            "run": ["ours", "theirs", "theirs", "ours"],
            "repetition": [0, 0, 1, 1],
            "cpu": [1.0, 10.0, 40.0, 2.0],
        }
    )
    np.testing.assert_array_equal(ratio(records, "theirs", "ours", "cpu"), [10, 20])
    assert spread([10.0, 20.0, 12.0]) == "12.0 [10.0, 20.0]"
    assert spread([1234.6]) == "1,230"
    assert spread([0.0123]) == "0.0123"


@linux
def test_a_failed_measurement_says_why(tmp_path):
    from benchmarks.sides.measuring import run_apart

    with pytest.raises(SystemExit, match=r"peaks, ours, 4 mm: .*failed(.|\n)*peaks\.pkl"):
        run_apart("peaks", "ours, 4 mm", tmp_path, 0)


@linux
def test_all_searches_find_the_nearest(quick_folder):
    pytest.importorskip("faiss")
    from benchmarks.sides import search

    search.prepare(quick_folder, quick=True)
    table = records_of(search, quick_folder)
    for n in (300, 600):
        assert (table[f"recall {n}"] >= 0.99).all()
    text = search.report(table)
    assert text.count("| 600 |") == len(search.RUNS)


def test_time_to_score_is_not_counted():
    from benchmarks.sides.fitting import BudgetSpentError, Trace

    def score(similarity):
        end = time.process_time() + 0.2
        while time.process_time() < end:
            pass
        return similarity.max()

    trace = Trace(score, budget=0.15)
    assert trace(np.array([1.0, 3.0])) == 3
    trace(np.array([2.0]))
    assert [row[2] for row in trace.rows] == [3, 2]
    assert trace.rows[-1][0] < 0.15
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
    with pytest.raises(BudgetSpentError):
        trace(np.array([2.0]))


def test_the_first_fit_beyond_a_score_beats_it_with_every_seed():
    from benchmarks.sides.fitting import OURS, first_beyond

    defaults, closed, first = OURS
    rows = [
        (defaults, 0, 50.0, 33.0),
        (defaults, 1, 60.0, 33.0),
        (closed, 0, 30.0, 30.0),
        (closed, 1, 31.0, 30.0),
        (first, 0, 10.0, 29.0),
        (first, 1, 11.0, 23.0),
    ]
    records = pd.DataFrame(rows, columns=["run", "repetition", "cpu", "score"])
    run, seconds = first_beyond(records, np.array([24.0, 24.0]))
    assert run == closed
    np.testing.assert_array_equal(seconds, [30, 31])
    assert first_beyond(records, np.array([24.0, 22.0]))[0] == first
    assert first_beyond(records, np.array([40.0, 22.0])) is None


@linux
def test_growth_runs_in_all_sizes(quick_folder):
    from benchmarks.sides import growth

    growth.prepare(quick_folder, quick=True)
    table = records_of(growth, quick_folder)
    assert sorted(set(table.n)) == sorted(growth.QUICK_SIZES)
    assert "| embed maps, CPU s |" in growth.report(table)


def test_what_was_measured_of_indexes_is_read():
    from benchmarks.sides.growth import SEARCHES, searches

    found = searches(SEARCHES)
    assert found.n.tolist() == sorted(found.n)
    assert found.n.max() == 1_000_000
    large = found[found.n >= 100_000]
    assert len(large) >= 3
    assert (large["exact query"] > large["query"]).all()
    assert large["query"].between(0.1, 100).all()  # milliseconds
    assert found.recall.between(0.98, 1).all()


def test_the_plot_names_the_exponents(tmp_path):
    from benchmarks.sides.growth import draw

    n = np.array([1e3, 1e4, 1e5])
    seconds = pd.DataFrame({"step": "embed maps", "n": n, "cpu": 1e-5 * n})
    found = pd.DataFrame(
        {"n": n, "build": n**1.5, "query": n**0.5, "exact query": n, "recall": 1.0}
    )
    path = tmp_path / "growth.svg"
    draw(seconds, found, path)
    text = path.read_text()
    assert "embed maps: n" in text
    for slope in ("1.00", "1.50", "0.50"):
        assert slope in text
    draw(seconds, found, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_text() == text


def test_profiles_name_what_takes_the_time():
    from benchmarks.sides.profiles import _profiled

    def slow():
        end = time.process_time() + 0.1
        while time.process_time() < end:
            pass

    rows = _profiled(slow)["functions"]
    names = {row["function"] for row in rows[:2]}
    assert names == {f"tests/benchmarks/{Path(__file__).name}, slow", "time.process_time"}
    assert rows[0]["own"] >= rows[1]["own"] > rows[2]["own"]


def test_figures_of_tiny_sizes_are_not_written(monkeypatch, capsys):
    from benchmarks.speed import side_by_side

    monkeypatch.setattr(sys, "argv", ["side_by_side.py", "--quick", "--output", "RESULTS.md"])
    with pytest.raises(SystemExit):
        side_by_side.main()
    assert "not written" in capsys.readouterr().err
