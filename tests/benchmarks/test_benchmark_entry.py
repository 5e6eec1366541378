"""One command lists the benchmarks and runs them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments):
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def test_all_scripts_are_listed_with_what_they_do():
    told = run().stdout
    for name in ("retrieval", "decoding", "hierarchy", "real_maps", "against_former"):
        assert any(line.split()[:1] == [name] and len(line) > 30 for line in told.splitlines())
    assert "protocol" not in [word for line in told.splitlines() for word in line.split()[:1]]


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
