"""Processes of their own, as a shell starts them: how they start, write and end."""

import contextlib
import importlib.metadata
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sklearn_mnm.cli import main
from tests.cli.conftest import RUN, python

COMMANDS = [
    "encode",
    "decode",
    "search",
    "clusters",
    "walk",
    "ancestors",
    "descendants",
    "fit",
    "evaluate",
    "report",
]
COMMANDS += ["app", "info", "fetch"]
HEAVY = ["nibabel", "nilearn", "numpy", "pandas", "pooch", "scipy", "sklearn", "torch"]
TIMED_HELP = """
import json, sys, time
sys.argv = ["mnm", "--help"]
start = time.perf_counter()
from sklearn_mnm.cli import main
try:
    main()
except SystemExit as end:
    code = end.code
print(json.dumps([time.perf_counter() - start, code, sorted(sys.modules)]), file=sys.stderr)
"""


def test_help_starts_fast_and_without_heavy_packages():
    runs = [python(TIMED_HELP) for _ in range(3)]
    seconds, codes, modules = zip(*(json.loads(run.stderr) for run in runs), strict=True)
    assert codes == (0, 0, 0)
    assert set(modules[0]).isdisjoint(HEAVY)
    # The best of three, since other processes may hold one of them up.
    assert min(seconds) < 1
    assert all(command in runs[0].stdout for command in COMMANDS)


USED_LATER = """
import contextlib, sys
sys.argv = ["mnm", "search", "pain", "-k", "1"]
from sklearn_mnm.cli import main
with contextlib.suppress(SystemExit):
    main()
assert "scipy.stats" not in sys.modules
from sklearn.preprocessing import QuantileTransformer
import numpy as np
from scipy.stats import norm
import scipy.stats.distributions
X = np.random.default_rng(0).normal(size=(50, 1)) ** 3
found = QuantileTransformer(n_quantiles=50, output_distribution="normal").fit_transform(X)
rank = np.argsort(np.argsort(X[:, 0]))
assert np.corrcoef(found[:, 0], norm.ppf((rank + 0.5) / 50))[0, 1] > 0.9
assert sys.modules["scipy.stats"].norm is norm
"""


def test_statistics_of_scipy_are_imported_only_if_used_and_work_then():
    run = python(USED_LATER)
    assert run.returncode == 0, run.stderr


def test_a_stand_in_gives_way_to_its_module_while_that_is_imported():
    code = """
import sys
from sklearn_mnm.cli._app import _ImportedWhenUsed
sys.modules["scipy.stats"] = stand_in = _ImportedWhenUsed("scipy.stats")
from scipy.stats import norm
assert sys.modules["scipy.stats"] is not stand_in
assert stand_in.norm is norm
"""
    run = python(code)
    assert run.returncode == 0, run.stderr


def test_the_script_is_installed_under_its_name():
    try:
        scripts = importlib.metadata.distribution("sklearn-mnm").entry_points
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the package is imported from its folder without having been installed")
    found = {script.name: script.value for script in scripts if script.group == "console_scripts"}
    assert found == {"mnm": "sklearn_mnm.cli:main"}


def test_a_failure_exits_and_writes_as_told(tmp_path):
    failed = python(RUN, "decode", tmp_path / "absent.nii.gz")
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: ")
    assert failed.stderr.count("\n") == 1
    debugged = python(RUN, "--debug", "decode", tmp_path / "absent.nii.gz")
    assert debugged.returncode == 1
    assert "Traceback" in debugged.stderr
    assert "DataFormatError" in debugged.stderr


def test_wrong_usage_and_the_version_exit_and_write_as_told():
    assert python(RUN, "bogus").returncode == 2
    version = python(RUN, "--version")
    assert (version.returncode, version.stderr) == (0, "")
    assert re.fullmatch(r"\d+\.\d+\.\S+\n", version.stdout)


def test_json_stays_clean_where_there_are_warnings(tmp_path):
    path = tmp_path / "peaks.csv"
    path.write_text("id,x,y,z,title,space\n1,1,2,3,pain,TAL\n2,1,2,3,memory,MNI\n3,1,2,3,q,MNI\n")
    result = python(RUN, "evaluate", path, "-m", "neuroquery", "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["studies"] == 3
    lines = result.stderr.splitlines()
    assert all(line.startswith("warning: ") for line in lines)
    assert f"read from {path}" in result.stderr
    assert "1 of 3 hold no known term" in result.stderr
    # Once, though several steps find it.
    assert len(set(lines)) == len(lines) == 2


def call_main(monkeypatch, stdout, *arguments):
    """Call what the script calls, in this process, and return the exit code."""
    monkeypatch.setattr(sys, "argv", ["mnm", *map(str, arguments)])
    with contextlib.redirect_stdout(stdout), pytest.raises(SystemExit) as end:
        main()
    return end.value.code or 0


def test_a_pipe_whose_reader_has_gone_ends_the_command_in_silence(monkeypatch, capsys):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        assert call_main(monkeypatch, pipe, "info") == 1
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no such device")
def test_a_result_that_cannot_be_written_is_a_failure(monkeypatch, capsys):
    full = open("/dev/full", "w")  # noqa: SIM115  # closing it fails, too
    assert call_main(monkeypatch, full, "info") == 1
    assert capsys.readouterr().err == "error: [Errno 28] No space left on device\n"
    with contextlib.suppress(OSError):
        full.close()


def test_a_pipe_of_another_encoding_takes_every_character(monkeypatch, tmp_path):
    path = tmp_path / "peaks.csv"
    path.write_text("id,x,y,z,title,β\n1,1,2,3,pain,7\n", encoding="utf-8")
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="latin-1", newline="\n")
    assert call_main(monkeypatch, pipe, "info", path) == 0
    assert pipe.buffer.getvalue().endswith(b"columns: id, title, \\u03b2\n")


def test_without_typer_the_remedy_is_named():
    result = python(f"import sys; sys.modules['typer'] = None; {RUN}")
    assert result.returncode == 1
    assert "pip install 'sklearn-mnm[cli]'" in result.stderr


def test_shells_complete_commands_and_models():
    script = Path(sys.executable).with_name("mnm")
    if shutil.which(script) is None:
        pytest.skip("the script is not installed beside the interpreter")

    def completions(words):
        request = {"_MNM_COMPLETE": "complete_bash", "COMP_WORDS": words}
        request["COMP_CWORD"] = str(len(words.split(" ")) - 1)
        result = subprocess.run(
            [script], env=os.environ | request, capture_output=True, text=True, check=True
        )
        return result.stdout.split()

    assert completions("mnm dec") == ["decode"]
    assert completions("mnm de") == ["decode", "descendants"]
    assert completions("mnm decode x.nii --model ne") == ["neuroquery"]
