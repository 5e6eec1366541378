"""Retrieve a million times, and from eight threads: ``python -m benchmarks soak``.

One core, some minutes; needs no data. Linux only.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import sklearn_mnm
from benchmarks.common.sections import replace_section
from benchmarks.speed.out_of_core import memory
from sklearn_mnm.geometry import exp_map0
from sklearn_mnm.search.index import PointIndex

N_POINTS, DIM, N_NEIGHBOURS = 2000, 16, 10
BATCH = 1000
N_THREADS = 8
# Memory is looked at so many times, and its trend fitted to all but the first tenth. Arrays of a
# batch are 16 MB each: what is resident depends by a few of them on the moment of looking.
N_LOOKS = 100
LARGEST_TREND = 20.0
_HEAD = """| | retrievals | calls | clock, p50 / p99, ms | processor, p50 / p99, ms | MB before \
| MB after the first tenth | trend over the run, MB |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"""
QUERIES = [
    f"{first} {second}"
    for first in (
        "reward",
        "working memory",
        "fear",
        "finger",
        "reading",
        "pain",
        "motion",
        "speech",
    )
    for second in (
        "anticipation",
        "load",
        "faces",
        "tapping",
        "words",
        "heat",
        "perception",
        "pitch",
    )
]


class Soak(NamedTuple):
    """What many calls took.

    Attributes
    ----------
    what : str
    n_retrievals : int
    wall, cpu : ndarray of shape (n_calls,)
        Seconds of each call.
    own : ndarray of shape (n_looks,)
        Megabytes of the process that are not of files, while it went on.
    """

    what: str
    n_retrievals: int
    wall: np.ndarray
    cpu: np.ndarray
    own: np.ndarray

    def trend(self) -> float:
        """Megabytes that memory grows by over all calls: least squares after the first tenth."""
        done = np.linspace(0, 1, len(self.own))
        later = done >= 0.1
        return float(np.polyfit(done[later], self.own[later], 1)[0])

    def row(self) -> str:
        """Line of a table."""
        wall, cpu = (1e3 * np.percentile(times, [50, 99]) for times in (self.wall, self.cpu))
        later = self.own[len(self.own) // 10 :]
        return (
            f"| {self.what} | {self.n_retrievals:,} | {len(self.wall):,} "
            f"| {wall[0]:.2f} / {wall[1]:.2f} | {cpu[0]:.2f} / {cpu[1]:.2f} "
            f"| {self.own[0]:.0f} | {later.min():.0f} to {later.max():.0f} | {self.trend():+.2f} |"
        )


def soak(what: str, call: Callable[[int], Any], n_calls: int, each: int) -> Soak:
    """Call again and again, and look at the time of each call and at memory."""
    wall, cpu, own = np.empty(n_calls), np.empty(n_calls), [memory("RssAnon")]
    looks = set(np.linspace(0, n_calls - 1, N_LOOKS).astype(int).tolist())
    for number in range(n_calls):
        start, cpu_start = time.perf_counter(), time.process_time()
        call(number)
        wall[number] = time.perf_counter() - start
        cpu[number] = time.process_time() - cpu_start
        if number in looks:
            own.append(memory("RssAnon"))
    return Soak(what, n_calls * each, wall, cpu, np.array(own))


def points(n: int, radius: float, seed: int) -> np.ndarray:
    """Points in all directions."""
    v = np.random.default_rng(seed).normal(size=(n, DIM))
    v *= radius / np.linalg.norm(v, axis=1, keepdims=True)
    return exp_map0(torch.from_numpy(v), 1.0).numpy()


def soaks(count: int) -> list[Soak]:
    """Ask an index in batches and one by one, and the bundled model by text and by map."""
    index = PointIndex(points(N_POINTS, 0.8, 0), method="exact")
    queries = points(50 * BATCH, 0.3, 1)

    def batch(number: int) -> None:
        start = number % 50 * BATCH
        index.search(queries[start : start + BATCH], N_NEIGHBOURS)

    def one(number: int) -> None:
        row = number % len(queries)
        index.search(queries[row : row + 1], N_NEIGHBOURS)

    encoder, decoder = sklearn_mnm.load_pretrained()
    maps = encoder.predict(QUERIES)
    encoder.retrieve(QUERIES[:1]), decoder.retrieve(maps[:1])
    n_batches, n_single, n_model = (max(1, count // part) for part in (BATCH, 50, 1000))
    return [
        soak(f"`PointIndex`, {BATCH:,} at once", batch, n_batches, BATCH),
        soak("`PointIndex`, one by one", one, n_single, 1),
        soak(
            "bundled model, text to studies",
            lambda number: encoder.retrieve([QUERIES[number % len(QUERIES)]]),
            n_model,
            1,
        ),
        soak(
            "bundled model, map to studies",
            lambda number: decoder.retrieve(maps[[number % len(maps)]]),
            n_model,
            1,
        ),
    ]


def works() -> dict[str, Callable[[int], Any]]:
    """Make what threads do at the same time with one fitted model; answers are bytes."""
    encoder, decoder = sklearn_mnm.load_pretrained()
    embedder, vectorizer = encoder.embedder_, encoder.vectorizer_
    features, maps = vectorizer.transform(QUERIES), encoder.predict(QUERIES)
    index = PointIndex(encoder.transform(QUERIES), curvature=embedder.curvature_)

    def one(number: int) -> list[str]:
        return [QUERIES[number % len(QUERIES)]]

    def rows(number: int) -> list[int]:
        return [number % len(QUERIES)]

    return {
        "`TermVectorizer.transform`": lambda n: vectorizer.transform(one(n)).toarray().tobytes(),
        "`HyperbolicBrainTextEmbedder.transform`": lambda n: embedder.transform(
            features[rows(n)]
        ).tobytes(),
        "`HyperbolicBrainTextEmbedder.predict`": lambda n: embedder.predict(
            features[rows(n)]
        ).tobytes(),
        "`MNMEncoder.predict`": lambda n: encoder.predict(one(n)).tobytes(),
        "`MNMEncoder.retrieve`": lambda n: encoder.retrieve(one(n)).to_csv().encode(),
        "`MNMDecoder.decision_function`": lambda n: decoder.decision_function(
            maps[rows(n)]
        ).tobytes(),
        "`MNMDecoder.retrieve`": lambda n: decoder.retrieve(maps[rows(n)]).to_csv().encode(),
        "`PointIndex.search`": lambda n: b"".join(
            found.tobytes() for found in index.search(index.points[rows(n)], 5)
        ),
    }


def differences(work: Callable[[int], bytes], n_calls: int) -> int:
    """Count answers of threads that are not those of one thread, to the bit."""
    # Threads first: what is made at the first call is made by all at once.
    with ThreadPoolExecutor(N_THREADS) as threads:
        found = list(threads.map(work, range(n_calls)))
    return sum(answer != work(number) for number, answer in enumerate(found))


def text(count: int, found: Sequence[Soak], wrong: dict[str, int], n_calls: int) -> str:
    """Section of the page."""
    table = "\n".join([_HEAD, *(soak.row() for soak in found)])
    threads = "\n".join(f"| {name} | {n_calls:,} | {number} |" for name, number in wrong.items())
    return f"""Made by
`python -m benchmarks soak --count {count} --output docs/reliability.md`.

Two kinds of calls were repeated on one core. An exact `PointIndex` of {N_POINTS:,} points of
{DIM} dimensions gave the {N_NEIGHBOURS} nearest points by exterior angle. The bundled model
gave 10 of its studies. Times are of one call: by the clock, which also counts other work of the
machine, and of the processor. Memory is what is resident, without files. It was read {N_LOOKS}
times, and a trend was fitted to it by least squares after the first tenth. The program fails if the
trend exceeds {LARGEST_TREND:.0f} MB, or if an answer changes.

{table}

{N_THREADS} threads called one fitted object at the same time, from the first call on. They got the
same answers as one thread, to the bit:

| call | calls | different answers |
| --- | ---: | ---: |
{threads}
"""


def main() -> None:
    """Measure and print or write a section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000_000, help="retrievals in batches")
    parser.add_argument("--calls", type=int, default=1000, help="of the threads")
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced")
    arguments = parser.parse_args()
    wrong = {name: differences(work, arguments.calls) for name, work in works().items()}
    found = soaks(arguments.count)
    section = text(arguments.count, found, wrong, arguments.calls)
    print(section)
    if any(wrong.values()) or any(soak.trend() > LARGEST_TREND for soak in found):
        raise SystemExit("Threads got different answers, or memory grew.")
    if arguments.output:
        replace_section(arguments.output, "load", "Load and threads", section)
