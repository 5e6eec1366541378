"""The command mnm with real models and data: in this process, in others, and at terminals."""

import contextlib
import importlib
import json
import os
import re
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from types import SimpleNamespace

import nilearn
import pytest

from sklearn_mnm import TermVectorizer, save_model
from sklearn_mnm.datasets import make_literature, save_sleuth
from sklearn_mnm.exceptions import DataWarning

pytest.importorskip("typer")
app = importlib.import_module("sklearn_mnm.cli._app").app
CliRunner = importlib.import_module("typer.testing").CliRunner

MOTOR_MAP = Path(nilearn.__file__).parent / "datasets" / "data" / "image_10426.nii.gz"
RUN = "from sklearn_mnm.cli import main; main()"


def mnm(*arguments):
    """Run in this process, into pipes."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def succeed(*arguments):
    result = mnm(*arguments)
    assert result.exit_code == 0, result.output
    return result


def fail(*arguments):
    """Return the one line that tells why a command failed."""
    result = mnm(*arguments)
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    (error,) = [line for line in result.stderr.splitlines() if not line.startswith("warning: ")]
    assert error.startswith("error: ")
    return error.removeprefix("error: ")


def python(code, *arguments, **environment):
    """Run in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )


def screen(written):
    """Return the lines that a terminal shows after this was written to it."""
    lines, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[[\d;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", written):
        if part == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif part == "\r":
            column = 0
        elif part[0] != "\x1b":
            line = lines[row].ljust(column)
            lines[row] = line[:column] + part + line[column + len(part) :]
            column += len(part)
        elif part.endswith("K"):
            lines[row] = ""
        elif part.endswith("A"):
            row -= int(part[2:-1] or 1)
    return [line.rstrip() for line in lines]


@contextlib.contextmanager
def standard_streams(*watched):
    """Let the standard streams that are named go to terminals, the others to pipes.

    Yields what was written to each, `stdout` and `stderr`, once the context is left.
    """
    pty = pytest.importorskip("pty")
    written = SimpleNamespace()
    with contextlib.ExitStack() as stack:
        for name in ("stdout", "stderr"):
            reading, writing = pty.openpty() if name in watched else os.pipe()
            reader = threading.Thread(target=_read, args=(reading, written, name))
            reader.start()
            # What is read ends when the stream is closed, which comes before this.
            stack.callback(reader.join)
            file = os.fdopen(writing, "w", encoding="utf-8", newline="")
            redirected = getattr(contextlib, f"redirect_{name}")
            stack.enter_context(redirected(stack.enter_context(file)))
        yield written


def _read(descriptor, written, name):
    content = b""
    with contextlib.suppress(OSError):  # how a terminal that is closed ends on Linux
        while chunk := os.read(descriptor, 2**16):
            content += chunk
    os.close(descriptor)
    setattr(written, name, content.decode().replace("\r\n", "\n"))


@pytest.fixture
def terminal(monkeypatch):
    """Run in this process with streams that are terminals, `columns` wide."""
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")

    def run(*arguments, watched=("stdout", "stderr"), columns=80):
        monkeypatch.setenv("COLUMNS", str(columns))
        with standard_streams(*watched) as result:
            try:
                app([str(argument) for argument in arguments])
            except SystemExit as end:
                result.exit_code = end.code or 0
        return result

    return run


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """A Sleuth file of 120 generated studies."""
    tree = {"n_domains": 2, "n_tasks_per_domain": 2, "n_contrasts_per_task": 2}
    studies = make_literature(120, **tree, n_terms=60, random_state=0).studies
    texts = [" ".join(studies.vocabulary[row.indices]) for row in studies.counts]
    studies.metadata["contrast"] = texts
    path = tmp_path_factory.mktemp("corpus") / "foci.txt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        save_sleuth(studies, path, sample_size=20)
    return path


@pytest.fixture(scope="session")
def fitted(corpus, tmp_path_factory):
    """A model that `mnm fit` made of the corpus in the place of another: `folder`, `told`."""
    folder = tmp_path_factory.mktemp("fitted") / "model"
    save_model(TermVectorizer(["pain"], min_df=1).fit([[1], [1]]), folder)
    sizes = "--n-regions", 20, "--n-components", 8, "--seed", 3, "--precision", "compact"
    result = succeed(
        "fit", corpus, "-o", folder, "--overwrite", "--level", "study", *sizes, "--json"
    )
    return SimpleNamespace(folder=folder, told=json.loads(result.stdout))
