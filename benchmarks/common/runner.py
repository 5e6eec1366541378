"""Run models on folds, each in its own process, and keep the results."""

import ast
import hashlib
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.models import MODELS

BENCHMARKS = Path(__file__).resolve().parents[1]
REPOSITORY = BENCHMARKS.parent
CACHE = BENCHMARKS / ".cache"
# Parts of the package that show results and make none.
SHOWING = ("app", "cli", "plotting", "report")
# Code that every result depends on, beside the package.
SHARED_SOURCES = (
    "benchmarks/common/protocol.py",
    "benchmarks/common/tuning.py",
    "benchmarks/common/worker.py",
    "benchmarks/models",
)


def run(name: str, fold: int, *, max_train: int | None = None, force: bool = False) -> dict:
    """Return the record of a model on a fold, from the cache if it is still true.

    Parameters
    ----------
    name : str
        Key of ``models.MODELS``.
    fold : int
    max_train : int, optional
        See ``protocol.split``.
    force : bool, default=False
        Run even if a result is cached.

    Returns
    -------
    record : dict
        See ``worker.run``.
    """
    setting = [name, MODELS[name].params, max_train]
    digest = result_digest(setting)
    path = CACHE / f"{name}-fold{fold}-{digest}.json"
    if force or not path.exists():
        CACHE.mkdir(exist_ok=True)
        log = path.with_suffix(".log")
        command = [sys.executable, "-m", "benchmarks.common.worker", name]
        command += [str(fold), str(max_train or 0)]
        with log.open("w") as stream:
            process = subprocess.run([*command, path], stdout=stream, stderr=stream, check=False)
        if process.returncode:
            tail = "\n".join(log.read_text().splitlines()[-15:])
            raise RuntimeError(f"{name}, fold {fold} failed, see {log}:\n{tail}")
        if result_digest(setting) != digest:
            # Which of the two the worker imported cannot be known.
            path.unlink()
            raise RuntimeError(f"{name}, fold {fold}: the code changed during the run; run again.")
    return json.loads(path.read_text())


def result_digest(setting: Any, *own: str) -> str:
    """Name of a result: changes with its setting and with the code that makes it.

    Parameters
    ----------
    setting : object that JSON can hold
    *own : str
        See :func:`code_digest`.

    Returns
    -------
    digest : str of 12 characters
    """
    content = json.dumps([setting, code_digest(*own)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def code_digest(*own: str) -> str:
    """Digest of the code that results depend on.

    That is the package, but for what only shows results, all models and the protocol. Comments and
    docstrings do not count.

    Parameters
    ----------
    *own : str
        What else the results of a script depend on, the script included: files or folders, as paths
        from the root of the repository.

    Returns
    -------
    digest : str

    Raises
    ------
    FileNotFoundError
        If one of the sources does not exist or is a folder without a module.
    """
    digest = hashlib.sha256()
    for path in _python_files(["sklearn_mnm", *SHARED_SOURCES, *own]):
        digest.update(f"{path.relative_to(REPOSITORY)}\n{_code(path.read_text())}\n".encode())
    return digest.hexdigest()


def _python_files(sources: list[str]) -> list[Path]:
    """Modules of files and folders, each once; those that only show results are left out."""
    found = set()
    for source in sources:
        path = REPOSITORY / source
        files = [path] if path.is_file() else list(path.rglob("*.py"))
        if not files:
            raise FileNotFoundError(
                f"{path}: no such module. Results are kept by the code that they depend on: "
                "correct its name where the script lists its sources."
            )
        found.update(files)
    showing = [REPOSITORY / "sklearn_mnm" / name for name in SHOWING]
    return sorted(path for path in found if not any(path.is_relative_to(s) for s in showing))


@cache
def _code(source: str) -> str:
    """Syntax tree of a module without comments and docstrings, which change no result."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body: Any = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            del body[0]
    return ast.dump(tree)
