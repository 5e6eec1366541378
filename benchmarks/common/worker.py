"""Run one model on one fold in a process of its own and write what came out.

Started by ``retrieval.py``; a fresh process makes peak memory and seconds those of this run.
"""

import json
import os
import platform
import resource
import sys
import time
import warnings
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.common.protocol import load_corpus, map_scores, retrieval_scores, split, voxel_maps
from benchmarks.models import MODELS
from sklearn_mnm.exceptions import DataWarning

PACKAGES = ("numpy", "scipy", "scikit-learn", "torch")


def peak_gib() -> float:
    """Peak resident memory of this process so far, in GiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**30 if sys.platform == "darwin" else 2**20)


def run(name: str, fold: int, max_train: int | None) -> dict[str, Any]:
    """Fit, predict and score one model on one fold.

    Returns
    -------
    record : dict
        ``scores`` and what it took. `fit_seconds` holds features, tuning and the final fit, by
        the clock; `fit_cpu_seconds` the same in processor time, which other work on the machine
        does not lengthen; `peak_gib` the highest memory of the process up to the last
        prediction, data included.
    """
    # The corpus is the same in every run; what its loader has to say is said once, elsewhere.
    warnings.simplefilter("ignore", DataWarning)
    train, test = split(*load_corpus(), fold, max_train)
    start, cpu_start = time.perf_counter(), time.process_time()
    model = MODELS[name].build().fit(train)
    fitted, cpu_fitted = time.perf_counter(), time.process_time()
    similarity = model.similarity(test)
    maps = model.predict_voxels(test)
    predicted = time.perf_counter()
    record = {
        "model": name,
        "params": MODELS[name].params,
        "fold": fold,
        "n_train": len(train),
        "n_test": len(test),
        "max_train": max_train,
        "chosen": model.chosen,
        "fit_seconds": fitted - start,
        "fit_cpu_seconds": cpu_fitted - cpu_start,
        "test_seconds": predicted - fitted,
        "peak_gib": peak_gib(),
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "python": platform.python_version(),
        "packages": {package: metadata.version(package) for package in PACKAGES},
        "scores": {},
    }
    if similarity is not None:
        record["scores"] |= retrieval_scores(similarity)
    if maps is not None:
        record["scores"] |= map_scores(maps, voxel_maps(test))
    return record


def main() -> None:
    """Take model, fold, size of the training part (0 for all) and file from the command line."""
    name, fold, max_train, path = sys.argv[1:]
    record = run(name, int(fold), int(max_train) or None)
    # Written whole or not at all: an interrupted run leaves nothing that looks finished.
    unfinished = Path(path).with_suffix(".part")
    unfinished.write_text(json.dumps(record, indent=1, default=float))
    unfinished.replace(path)


if __name__ == "__main__":
    main()
