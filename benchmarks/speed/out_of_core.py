"""Studies beyond memory, from disk to neighbours: ``python -m benchmarks out_of_core``.

Studies are generated to ``.npy`` files in the folder given, 6 GB for a million, then fitted,
embedded, indexed and searched, each step in a process of its own with one thread. Needs no data,
Linux only; about an hour for a million.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.common.sections import replace_section
from benchmarks.speed.contrastive_memory import exponent
from sklearn_mnm import HyperbolicBrainTextEmbedder
from sklearn_mnm.model.out_of_core import fit_in_batches, transform_to_file
from sklearn_mnm.persistence import load_model, save_model
from sklearn_mnm.search.index import PointIndex

SIZES = (10_000, 100_000, 1_000_000)
# First of the largest number of studies, indexed beside all of them.
PARTS = (250_000, 500_000)
N_FEATURES, N_REGIONS, N_TOPICS = 512, 512, 64
BATCH = 8192
N_QUERIES, N_NEIGHBOURS = 200, 10
SEARCHES = ("index and search", "exact search")
STEPS = ("generate", "fit", "embed texts", "embed maps", *SEARCHES)


def studies(start: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Text features and region activations of some studies, each the same whatever `n`.

    A study has some of 64 topics. Its text is a unit vector, the sum of those of its topics and
    as much noise as 0.3 of its length; each region is active as its topics have it, times a
    log-normal factor of spread 0.5.
    """
    random = np.random.default_rng(0)
    words = random.standard_normal((N_TOPICS, N_FEATURES), dtype=np.float32)
    regions = random.gamma(0.3, size=(N_TOPICS, N_REGIONS)).astype(np.float32)
    random = np.random.default_rng([1, start])
    topics = random.standard_gamma(0.1, size=(n, N_TOPICS), dtype=np.float32)
    topics /= topics.sum(axis=1, keepdims=True)
    texts, maps = topics @ words, topics @ regions
    noise = random.standard_normal(texts.shape, dtype=np.float32) / np.float32(N_FEATURES**0.5)
    texts += np.float32(0.3) * np.linalg.norm(texts, axis=1, keepdims=True) * noise
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    maps *= np.exp(np.float32(0.5) * random.standard_normal(maps.shape, dtype=np.float32))
    return texts, maps


def generate(folder: Path, n: int) -> None:
    """Write texts and maps batch by batch."""
    for part, name in enumerate(("X.npy", "Y.npy")):

        def rows(batch: np.ndarray, part: int = part) -> np.ndarray:
            return studies(int(batch[0, 0]), len(batch))[part]

        transform_to_file(rows, np.arange(n)[:, np.newaxis], folder / name, batch_size=BATCH)


def memory(kind: str) -> float:
    """Megabytes of this process: VmHWM, the most that was resident, or RssAnon, now its own."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(dict(line.split(":", 1) for line in lines)[kind].split()[0]) / 1024


class PeakOfOwnMemory(threading.Thread):
    """Follow what is resident and not of a file, which has no high-water mark."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.largest = 0.0

    def run(self) -> None:
        """Look fifty times a second, until the process ends."""
        while True:
            self.largest = max(self.largest, memory("RssAnon"))
            time.sleep(0.02)


def search(folder: Path, points: np.ndarray, method: str) -> dict[str, float]:
    """Build an index and ask it."""
    start = time.process_time()
    index = PointIndex(points, method=method)
    built = time.process_time() - start
    # Texts of studies that are not among those stored.
    queries = load_model(folder / "model").transform(studies(2**40, N_QUERIES)[0])
    index.search(queries[:10], N_NEIGHBOURS)
    start = time.process_time()
    found = index.search(queries, N_NEIGHBOURS)[0]
    seconds = time.process_time() - start
    np.save(folder / f"{method}.npy", found)
    return {"build": built, "query": seconds / N_QUERIES}


def perform(step: str, folder: Path, n: int) -> dict[str, float]:
    """Do one step; return its seconds and megabytes."""
    base = memory("RssAnon")
    peak = PeakOfOwnMemory()
    peak.start()
    X, Y, model = folder / "X.npy", folder / "Y.npy", folder / "model"
    wall, cpu, extra = time.perf_counter(), time.process_time(), {}
    if step == "generate":
        generate(folder, n)
    elif step == "fit":
        embedder = HyperbolicBrainTextEmbedder(random_state=0)
        save_model(fit_in_batches(embedder, X, Y, batch_size=BATCH), model, overwrite=True)
    elif step == "embed texts":
        transform_to_file(load_model(model).transform, X, folder / "texts.npy")
    elif step == "embed maps":
        transform_to_file(load_model(model).transform_brain, Y, folder / "maps.npy")
    else:
        maps = np.load(folder / "maps.npy", mmap_mode="r")[:n]
        extra = search(folder, maps, "exact" if step == "exact search" else "faiss")
    return {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "own": max(peak.largest, memory("RssAnon")),
        "imports": base,
        "resident": memory("VmHWM"),
        **extra,
    }


def perform_apart(step: str, folder: Path, n: int) -> dict:
    """Perform a step in a process of its own, with one thread."""
    command = [sys.executable, "-m", "benchmarks", "out_of_core", "--folder", str(folder)]
    command += ["--perform", json.dumps([step, n])]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    environment = {**os.environ, **threads}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return {"step": step, "n": n, **json.loads(done.stdout)}


def run(folder: Path, n: int, parts: Sequence[int] = ()) -> pd.DataFrame:
    """Perform all steps with `n` studies, and the searches among the first of them as well.

    Returns a row for each step and size, with recall and bytes on disk. Removes the large files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    records = []
    for size in (n, *parts):
        steps = [perform_apart(step, folder, size) for step in (STEPS if size == n else SEARCHES)]
        found, expected = (np.load(folder / f"{method}.npy") for method in ("faiss", "exact"))
        shared = [len(set(a) & set(b)) for a, b in zip(found, expected, strict=True)]
        records += [{**step, "recall": np.mean(shared) / N_NEIGHBOURS} for step in steps]
        print(pd.DataFrame(records).to_string(), file=sys.stderr, flush=True)
    files = [folder / f"{name}.npy" for name in ("X", "Y", "texts", "maps")]
    table = pd.DataFrame(records).assign(bytes=sum(file.stat().st_size for file in files))
    for file in files:
        file.unlink()
    return table


def tables(records: pd.DataFrame) -> str:
    """Seconds, memory and exponents."""
    lines = [
        "| step | studies | wall s | CPU s | own memory, MB | resident, MB |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for step in STEPS:
        for row in records[records.step == step].itertuples():
            lines.append(
                f"| {step} | {row.n:,} | {row.wall:,.1f} | {row.cpu:,.1f} | {row.own:,.0f} "
                f"| {row.resident:,.0f} |"
            )
    lines += [
        "",
        "| studies | on disk, GB | build the index, CPU s | a query, ms | exact query, ms "
        "| recall@10 |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    whole = records[records.step == "fit"]
    indexed = records[records.step == "index and search"].set_index("n")
    exact = records[records.step == "exact search"].set_index("n")
    for row in indexed.itertuples():
        size = f"{row.bytes / 1e9:.2f}" if row.Index in set(whole.n) else ""
        lines.append(
            f"| {row.Index:,} | {size} | {row.build:,.1f} | {row.query * 1e3:.2f} "
            f"| {exact['query'][row.Index] * 1e3:.1f} | {row.recall:.3f} |"
        )
    lines += ["", "Exponents of the growth with the number of studies:", ""]
    for step in ("fit", "embed texts", "embed maps"):
        rows = records[records.step == step]
        cpu, own = exponent(rows.n, rows.cpu), exponent(rows.n, rows.own)
        lines.append(f"- {step}: CPU {cpu:.2f}, memory {own:.2f}")
    for name, rows in (
        ("index of any kind", indexed),
        ("index of cells", indexed[indexed.index > 200_000]),
        ("exact search", exact),
    ):
        if len(rows) > 1:
            growth = {key: exponent(rows.index, rows[key]) for key in ("build", "query", "own")}
            lines.append(
                f"- {name}: build CPU {growth['build']:.2f}, query {growth['query']:.2f}, "
                f"memory {growth['own']:.2f}"
            )
    return "\n".join(lines)


def main() -> None:
    """Measure and print or write a section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="for files of 8 GB per million")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--perform", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced")
    arguments = parser.parse_args()
    if arguments.perform:
        step, n = arguments.perform
        print(json.dumps(perform(step, arguments.folder, n)))
        return
    largest = max(arguments.sizes)
    records = pd.concat(
        run(arguments.folder, n, [part for part in PARTS if n == largest and part < n])
        for n in arguments.sizes
    ).sort_values("n")
    text = f"""Made by
`python -m benchmarks out_of_core --folder FOLDER --output benchmarks/RESULTS.md`.

Generated studies of {N_TOPICS} topics, {N_FEATURES} text features and {N_REGIONS} regions, in
`.npy` files of float32, read {BATCH:,} at a time; one thread, each step in a process of its own;
wall time depends on what else the machine did. Own memory is the largest that was resident and not
of a file; resident adds mapped pages of files, which the system takes back when it wants them.
`PointIndex` compares with all points up to 200,000, and looks into cells beyond; parts of the
largest corpus are indexed as well. {N_QUERIES} texts of other studies ask for their {N_NEIGHBOURS}
nearest maps by exterior angle; recall is against exact search.

{tables(records)}
"""
    print(text)
    if arguments.output:
        replace_section(arguments.output, "out-of-core", "Studies beyond memory", text)
        # Of these docs/figures/memory.py draws memory by the number of studies.
        figures = arguments.output.parent / "results" / "out-of-core.json"
        records.to_json(figures, orient="records", indent=1)
