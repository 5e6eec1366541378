"""One command lists the benchmarks and runs them."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


def run(*arguments):
    command = [sys.executable, str(FOLDER), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_all_scripts_are_listed_with_what_they_do():
    told = run().stdout
    for name in ("retrieval", "decoding", "hierarchy", "real_maps", "against_former"):
        assert any(line.startswith(f"{name} ") and len(line) > 30 for line in told.splitlines())
    assert "protocol" not in [line.split(" ")[0] for line in told.splitlines()]


@pytest.mark.parametrize("name", ["retrieval", "group_size"])
def test_a_script_gets_its_options(name):
    pytest.importorskip("nimare")
    told = run(name, "--help")
    assert told.returncode == 0, told.stderr
    assert "--output" in told.stdout


def test_what_is_no_benchmark_is_refused():
    told = run("protocol")
    assert told.returncode == 1
    assert "There is no benchmark 'protocol'" in told.stderr
