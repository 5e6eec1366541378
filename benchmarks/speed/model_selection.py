"""Time a grid search with and without caches: ``python -m benchmarks model_selection``.

Needs ``SKLEARN_MNM_DATA``; about a quarter of an hour on two idle cores.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import joblib
import numpy as np
import torch
from joblib.externals.loky import get_reusable_executor
from scipy import sparse
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_info

from benchmarks.common.protocol import EVERYDAY_FOLDS, load_corpus, split
from benchmarks.common.sections import replace_section
from benchmarks.common.table import markdown_table
from benchmarks.models.features import N_REGIONS, SEED
from sklearn_mnm import HyperbolicBrainTextEmbedder, PeaksToRegions, TermVectorizer
from sklearn_mnm._tools import threads as _threads
from sklearn_mnm.exceptions import DataWarning
from sklearn_mnm.model.text_regression import TextRegression
from sklearn_mnm.scorers import recall_scorer

N_STUDIES = 3000
N_FOLDS = 3
N_REPEATS = 3
_DIMENSIONS = [64, 128, 256, None]
LATER, BOTH, SMALL = "later steps", "both steps", "small"
GRIDS: dict[str, dict[str, list]] = {
    LATER: {
        "embedder__objective__similarity": ["exterior_angle", "distance", "cosine"],
        "embedder__n_components": _DIMENSIONS,
    },
    BOTH: {"terms__min_df": [3, 10, 30], "embedder__n_components": _DIMENSIONS},
    SMALL: {"embedder__n_components": [64, 256]},
}
TITLES = {
    LATER: "12 candidates: 3 similarities x 4 dimensions",
    BOTH: "12 candidates: 3 vocabularies (`min_df` 3, 10, 30) x 4 dimensions",
}
NOTE = f"""{N_STUDIES:,} random training studies of fold {EVERYDAY_FOLDS[0]} (seed {SEED}): term \
counts of title, abstract and keywords,
and peaks in {N_REGIONS} Ward regions, which are learnt once, without the texts. The model is
`Pipeline([TermVectorizer, HyperbolicBrainTextEmbedder])` with defaults and an int as
`random_state`; `GridSearchCV` with `KFold({N_FOLDS})`, scored by recall at 10 among the \
{N_STUDIES // N_FOLDS:,} pairs of a test
set (`recall_scorer`, both directions), and one refit. Caches are `memory` of the pipeline, which
keeps text features, and `memory` of the embedder, which keeps the closed form; they are empty at
the start. Each search runs in a process of its own; loading and regions are not timed, the start of
the processes of a search is. CPU time is that of all processes. Load is that of the machine (tasks
that want a core, mean of a minute) before the search: where it is well above 0, the clock measures
others as well."""
# Read by OpenMP (torch, scikit-learn), OpenBLAS and MKL when a process starts.
_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Data(NamedTuple):
    """What a search is fitted on, row by row."""

    counts: sparse.csr_matrix
    vocabulary: np.ndarray
    activations: np.ndarray


@dataclass(frozen=True)
class Setting:
    """How a search is run.

    Parameters
    ----------
    grid : str
        Key of `GRIDS`.
    caches : bool
        Whether text features and closed form are kept.
    n_jobs : int
        Processes.
    n_threads : int or None
        Threads of each process; None leaves them to joblib and the libraries.
    hold_small : bool
        Whether small work is held at one thread, as the package does it.
    """

    grid: str
    caches: bool
    n_jobs: int = 1
    n_threads: int | None = 1
    hold_small: bool = True


# Whole searches, each once. Those of one grid have to agree in every score.
SEARCHES = (
    Setting(LATER, caches=False),
    Setting(LATER, caches=True),
    Setting(LATER, caches=True, n_jobs=2),
    Setting(BOTH, caches=False),
    Setting(BOTH, caches=True),
)
# Ways to use two cores, on a smaller search.
WAYS = {
    "1 process, 1 thread": Setting(SMALL, caches=True),
    "1 process, 2 threads": Setting(SMALL, caches=True, n_threads=2),
    "1 process, 2 threads for small work too": Setting(
        SMALL, caches=True, n_threads=2, hold_small=False
    ),
    "2 processes, threads left to joblib": Setting(SMALL, caches=True, n_jobs=2, n_threads=None),
    "2 processes, 1 thread each": Setting(SMALL, caches=True, n_jobs=2),
}


def load() -> Data:
    """Load the studies and turn their peaks into activations."""
    studies, _ = split(*load_corpus(), EVERYDAY_FOLDS[0], max_train=N_STUDIES)
    regions = PeaksToRegions(n_regions=N_REGIONS, random_state=SEED)
    return Data(studies.counts, studies.vocabulary, regions.fit_transform(studies))


def make_search(setting: Setting, data: Data, cache: str | None) -> GridSearchCV:
    """Make the search; `cache` is a folder."""
    model = Pipeline(
        [
            ("terms", TermVectorizer(data.vocabulary)),
            ("embedder", HyperbolicBrainTextEmbedder(memory=cache, random_state=SEED)),
        ],
        memory=cache,
    )
    return GridSearchCV(
        model,
        GRIDS[setting.grid],
        scoring=recall_scorer(10, pool_size=len(data.activations) // N_FOLDS),
        cv=KFold(N_FOLDS, shuffle=True, random_state=SEED),
        error_score="raise",
    )


def measure(setting: Setting, data: Data) -> dict[str, Any]:
    """Run a search in this process and those that it starts.

    Returns
    -------
    record : dict
        ``seconds`` by the clock and ``cpu_seconds`` of all processes; ``load`` before;
        ``scores``, candidates by folds; ``best``, parameters; ``n_fits``; ``cache_megabytes``;
        ``threads`` of each library in the processes that fit; ``closed_form`` and ``text``, calls
        and seconds, only where all is done in this process.
    """
    record: dict[str, Any] = {"load": os.getloadavg()[0]}
    with ExitStack() as stack:
        cache = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(joblib.parallel_config("loky", n_jobs=setting.n_jobs))
        if not setting.hold_small:
            stack.enter_context(mock.patch.object(_threads, "_SMALL", 0))
        if setting.n_jobs == 1:
            # What is counted is other code to joblib's cache: all processes would have to count.
            record["closed_form"] = stack.enter_context(count_calls(TextRegression, "fit"))
            record["text"] = stack.enter_context(count_calls(TermVectorizer, "fit_transform"))
        search = make_search(setting, data, cache if setting.caches else None)
        cpu, start = _cpu_seconds(), time.perf_counter()
        search.fit(data.counts, data.activations)
        record["seconds"] = time.perf_counter() - start
        record["threads"] = joblib.Parallel()([joblib.delayed(library_threads)()])[0]
        if setting.n_jobs > 1:
            # The time of processes counts once they have ended.
            get_reusable_executor().shutdown(wait=True)
        record["cpu_seconds"] = _cpu_seconds() - cpu
        files = [path for path in Path(cache).rglob("*") if path.is_file()]
        record["cache_megabytes"] = sum(path.stat().st_size for path in files) / 1e6
    table = search.cv_results_
    folds = [table[f"split{fold}_test_score"] for fold in range(N_FOLDS)]
    record |= {"scores": np.transpose(folds).tolist(), "best": search.best_params_}
    record["n_fits"] = np.size(folds) + 1
    return record


@contextmanager
def count_calls(owner: type, name: str) -> Iterator[dict[str, Any]]:
    """Count the calls of a method in this process, and the seconds that they take."""
    method: Callable = getattr(owner, name)
    tally = {"calls": 0, "seconds": 0.0}

    @wraps(method)
    def counted(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        result = method(*args, **kwargs)
        tally["calls"] += 1
        tally["seconds"] += time.perf_counter() - start
        return result

    with mock.patch.object(owner, name, counted):
        yield tally


def _cpu_seconds() -> float:
    """CPU time of this process and of the processes it started that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def library_threads() -> dict[str, int]:
    """Threads of torch and of BLAS in the process that calls."""
    blas = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    return {"torch": torch.get_num_threads(), "BLAS": max(blas)}


def environment(setting: Setting) -> dict[str, str]:
    """Environment of the process that runs a search."""
    variables = {name: value for name, value in os.environ.items() if name not in _VARIABLES}
    if setting.n_threads is None:
        return variables
    return variables | dict.fromkeys(_VARIABLES, str(setting.n_threads))


def run(setting: Setting, data: Path) -> dict[str, Any]:
    """Run :func:`measure` in a fresh process; `data` is a file that joblib wrote."""
    given = json.dumps(asdict(setting))
    command = [sys.executable, "-m", "benchmarks", "model_selection", "--measure", given, str(data)]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env=environment(setting)
    )
    record = json.loads(done.stdout)
    shown = {name: value for name, value in record.items() if name != "scores"}
    print(given, json.dumps(shown), file=sys.stderr, flush=True)
    return record


def check_scores(settings: list[Setting], records: list[dict[str, Any]]) -> None:
    """Raise unless searches of one grid with one thread agree in every score."""
    first: dict[str, dict[str, Any]] = {}
    for setting, record in zip(settings, records, strict=True):
        if set(record["threads"].values()) != {1}:
            continue  # sums depend on the number of threads
        reference = first.setdefault(setting.grid, record)
        if (record["scores"], record["best"]) != (reference["scores"], reference["best"]):
            raise RuntimeError(f"{setting}: other scores than another run of this search.")


def search_rows(records: list[dict[str, Any]]) -> list[list[str]]:
    """Rows of the table of whole searches."""
    rows = []
    for setting, record in zip(SEARCHES, records, strict=True):
        steps = [
            f"{record[step]['calls']} ({record[step]['seconds']:.1f} s)" if step in record else ""
            for step in ("text", "closed_form")
        ]
        rows.append(
            [
                TITLES[setting.grid],
                "yes" if setting.caches else "no",
                str(setting.n_jobs),
                str(record["n_fits"]),
                *steps,
                *(f"{record[name]:.0f}" for name in ("seconds", "cpu_seconds")),
                f"{record['cache_megabytes']:.0f}" if setting.caches else "",
                f"{np.max(np.mean(record['scores'], axis=1)):.3f}",
                f"{record['load']:.1f}",
            ]
        )
    return rows


def way_rows(runs: dict[str, list[dict[str, Any]]]) -> list[list[str]]:
    """Rows of the table of ways to use two cores."""
    rows = []
    for title, records in runs.items():
        figures = []
        for name, digits in (("seconds", 0), ("cpu_seconds", 0), ("load", 1)):
            values = [record[name] for record in records]
            low, high = min(values), max(values)
            figures.append(f"{np.median(values):.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]")
        threads = records[0]["threads"]
        rows.append([title, *(str(threads[name]) for name in ("torch", "BLAS")), *figures])
    return rows


def markdown(records: list[dict[str, Any]], runs: dict[str, list[dict[str, Any]]]) -> str:
    """Write the section."""
    searches = markdown_table(
        [
            "search",
            "caches",
            "processes",
            "fits",
            "text steps computed",
            "closed forms computed",
            "s",
            "CPU s",
            "cache MB",
            "best R@10",
            "load",
        ],
        search_rows(records),
        2,
    )
    ways = markdown_table(
        ["", "threads of torch", "threads of BLAS", "s", "CPU s", "load"], way_rows(runs), 1
    )
    n_small = len(GRIDS[SMALL]["embedder__n_components"])
    return f"""Made by `python -m benchmarks model_selection --output benchmarks/RESULTS.md`.

{NOTE}

Whole searches, one thread a process, each run once. All scores of a grid are the same to the last
bit, with and without caches, with one process and with two.

{searches}

Two cores: a search of {n_small} candidates with caches, median [smallest, largest] of {N_REPEATS} \
runs, taken in turn.
Threads are those that the libraries have in the processes that fit; small work is held at one
thread of them, but in the third row. The refit is done by the first process.

{ways}
"""


def main() -> None:
    """Measure and print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced")
    parser.add_argument("--measure", nargs=2, metavar=("SETTING", "DATA"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", DataWarning)
    if arguments.measure:
        given, path = arguments.measure
        print(json.dumps(measure(Setting(**json.loads(given)), joblib.load(path))))
        return
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "data.pkl")
        joblib.dump(load(), data)
        records = [run(setting, data) for setting in SEARCHES]
        runs: dict[str, list] = {title: [] for title in WAYS}
        for _ in range(N_REPEATS):
            for title, setting in WAYS.items():
                runs[title].append(run(setting, data))
    check_scores(list(SEARCHES), records)
    for repeat in zip(*runs.values(), strict=True):
        check_scores(list(WAYS.values()), list(repeat))
    text = markdown(records, runs)
    print(text)
    if arguments.output:
        replace_section(arguments.output, "model-selection", "Model selection: time", text)
