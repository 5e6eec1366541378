"""Run models on folds, each in its own process, and keep the results."""

import ast
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from models import MODELS, Entry

BENCHMARKS = Path(__file__).resolve().parent
REPOSITORY = BENCHMARKS.parent
CACHE = BENCHMARKS / ".cache"
# Code that every result depends on, beside the module of the model.
SHARED_SOURCES = (
    "benchmarks/protocol.py",
    "benchmarks/tuning.py",
    "benchmarks/worker.py",
    "benchmarks/models/features.py",
    *(f"sklearn_mnm/brain/{name}.py" for name in ("atlas", "operator", "peaks", "regions")),
    *(f"sklearn_mnm/brain/{name}.py" for name in ("smoothing", "ward")),
    *(f"sklearn_mnm/datasets/{name}.py" for name in ("_tables", "database", "spaces", "studies")),
    *(f"sklearn_mnm/text/{name}.py" for name in ("_documents", "matching", "terms")),
    "sklearn_mnm/metrics.py",
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
    digest = _digest(MODELS[name], max_train)
    path = CACHE / f"{name}-fold{fold}-{digest}.json"
    if force or not path.exists():
        CACHE.mkdir(exist_ok=True)
        log = path.with_suffix(".log")
        command = [sys.executable, BENCHMARKS / "worker.py", name, str(fold), str(max_train or 0)]
        with log.open("w") as stream:
            process = subprocess.run([*command, path], stdout=stream, stderr=stream, check=False)
        if process.returncode:
            tail = "\n".join(log.read_text().splitlines()[-15:])
            raise RuntimeError(f"{name}, fold {fold} failed, see {log}:\n{tail}")
        if _digest(MODELS[name], max_train) != digest:
            # Which of the two the worker imported cannot be known.
            path.unlink()
            raise RuntimeError(f"{name}, fold {fold}: the code changed during the run; run again.")
    return json.loads(path.read_text())


def _digest(entry: Entry, max_train: int | None) -> str:
    """Name of a result: changes with the parameters and with the code that makes it."""
    digest = hashlib.sha256(json.dumps([entry.params, max_train], sort_keys=True).encode())
    model_source = f"benchmarks/models/{entry.module}.py"
    for path in _python_files([*SHARED_SOURCES, model_source, *entry.uses]):
        digest.update(_code(path).encode())
    return digest.hexdigest()[:12]


def _python_files(sources: list[str]) -> Iterator[Path]:
    for source in sorted(set(sources)):
        path = REPOSITORY / source
        if path.is_dir():
            yield from sorted(path.rglob("*.py"))
        elif path.exists():
            yield path


def _code(path: Path) -> str:
    """Syntax tree of a module without comments and docstrings, which change no result."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        body: Any = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            del body[0]
    return ast.dump(tree)
