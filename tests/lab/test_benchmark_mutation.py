"""What the mutants of a module change, and what they leave alone."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("mutmut")

from benchmarks.robustness.mutants import mutants
from benchmarks.robustness.mutation import ROOT, Mutant, Report, Result, _interval, judged

SOURCE = '''"""Text 1."""

from collections.abc import Callable

__all__ = ["halved"]
LIMIT = 3


def kept(function: Callable) -> Callable:
    return function


@kept
def halved(value: float, name: str = "n") -> float:
    """Text 2."""
    if value > LIMIT:
        raise ValueError(f"{name}: {value + 1} is more than " + "3.")
    return (
        value
        / 2
    )
'''


@pytest.fixture
def found(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(SOURCE)
    return list(mutants(path))


def test_each_mutant_changes_one_place_that_has_an_effect(found):
    changes = {(mutant.function, mutant.before, mutant.after) for mutant in found}
    default = 'def halved(value: float, name: str = "n") -> float:'
    assert changes == {
        ("", "LIMIT = 3", "LIMIT = 4"),
        ("", "LIMIT = 3", "LIMIT = None"),
        ("halved", default, default.replace('"n"', '"XXnXX"')),
        ("halved", default, default.replace('"n"', '"N"')),
        ("halved", "if value > LIMIT:", "if value >= LIMIT:"),
        ("halved", "value / 2", "value * 2"),
        ("halved", "/ 2", "/ 3"),
    }
    assert len({mutant.source for mutant in found}) == len(found)


def test_a_mutant_names_the_lines_of_its_statement(found):
    lines = SOURCE.splitlines()
    for mutant in found:
        statement = "\n".join(lines[number - 1] for number in mutant.lines)
        assert mutant.before.split()[0] in statement
    (halved,) = {mutant.lines for mutant in found if mutant.before == "/ 2"}
    assert len(halved) == 4


def test_tests_kill_what_they_notice_and_nothing_else(tmp_path):
    """Some mutants for real, in a process of its own: pytest does not run within itself."""
    log, page = tmp_path / "log", tmp_path / "page.md"
    module = "metrics/hierarchy.py"
    unchanged = (ROOT / "sklearn_mnm" / module).read_text()
    command = [sys.executable, "-m", "benchmarks", "mutation", "--only", module]
    options = ["--sample", "8", "--log", log, "--output", page]
    subprocess.run([*command, *options], check=True, capture_output=True, cwd=ROOT)
    assert (ROOT / "sklearn_mnm" / module).read_text() == unchanged
    results = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(results) == 8
    for name, _, before, after, outcome, by in results:
        assert name == module
        assert before != after
        assert (outcome == "killed") == bool(by)
    assert sum(outcome == "killed" for *_, outcome, _ in results) >= 6
    text = page.read_text()
    assert text.startswith("# Reliability\n")
    assert f"| `{module}` | 8 |" in text


def result(outcome, *, before="a"):
    return Result("m.py", Mutant("f", range(1, 2), before, "b", ""), outcome, "")


def test_judged_survivors_do_not_count_and_others_are_listed():
    results = [result("killed"), result("hangs"), result("survived"), result("no test", before="c")]
    report = Report(results, {("m.py", "f", "a", "b"): "why", ("m.py", "f", "z", "b"): "why"})
    assert report.rows[0] == "| `m.py` | 4 | 2 | 2 | 1 | 50.0 % | 66.7 % |"
    assert report.unjudged == [results[3]]
    assert report.unfit == [("m.py", "f", "z", "b")]
    assert "| why | 1 |" in report.text(0, 0)
    assert "| `m.py` | `f` | `c` | `b` |" in report.text(0, 0)


def test_the_interval_of_a_share_is_wilsons():
    assert _interval(9, 10) == pytest.approx((59.58, 98.21), abs=0.01)


def test_each_judgement_is_of_a_mutant():
    keys = set(judged())
    for module in {module for module, *_ in keys}:
        for mutant in mutants(ROOT / "sklearn_mnm" / module):
            keys.discard(Result(module, mutant, "", "").key)
    assert not keys
