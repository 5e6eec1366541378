"""Nearest maps of a text: `PointIndex`, brute force of scikit-learn, and faiss.

Generated studies (`out_of_core.studies`) embedded by a model of 3,000 of them. scikit-learn and
faiss cannot compare by exterior angle: they are given directions of unit length, whose order is
that of the cosine, and so is `PointIndex` once.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.sides.corpus import is_quick
from benchmarks.sides.measuring import Memory, clock, each, of_run, spread

HEADING = "Side by side: search"
SIZES = (1_000, 10_000, 100_000)
N_QUERIES, N_NEIGHBOURS = 200, 10
KINDS = ("exterior_angle", "cosine")


def _sizes(folder: Path) -> tuple[int, ...]:
    return (300, 600) if is_quick(folder) else SIZES


def prepare(folder: Path, quick: bool) -> None:
    """Write points, directions, queries, and what is nearest by comparing with all."""
    from benchmarks.speed.out_of_core import BATCH, studies
    from sklearn_mnm import HyperbolicBrainTextEmbedder
    from sklearn_mnm.geometry.arrays import tangent_of
    from sklearn_mnm.search.index import PointIndex

    embedder = HyperbolicBrainTextEmbedder(
        n_components=20 if quick else None, max_epochs=2, random_state=0
    ).fit(*studies(2**41, 300 if quick else 3000))
    largest = max(_sizes(folder))
    points = np.concatenate(
        [
            embedder.transform_brain(studies(start, min(BATCH, largest - start))[1])
            for start in range(0, largest, BATCH)
        ]
    )
    queries = embedder.transform(studies(2**40, N_QUERIES)[0])
    for name, values in {"points": points, "queries": queries}.items():
        np.save(folder / f"{name}.npy", values)
        tangent = tangent_of(values, embedder.curvature_)
        tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
        np.save(folder / f"{name}-directions.npy", tangent.astype(np.float32))
    for kind in KINDS:
        for n in _sizes(folder):
            index = PointIndex(points[:n], similarity=kind, method="exact")
            np.save(folder / f"{kind}-{n}.npy", index.search(queries, N_NEIGHBOURS)[0])


def _measured(
    folder: Path, kind: str, points: str, queries: str, build: Callable, search: Callable
) -> dict[str, float]:
    """Figures by size: build, one query, a query of many, recall; memory at the largest."""
    memory, figures = Memory(), {}
    questions = np.load(folder / queries)
    for n in _sizes(folder):
        part = np.load(folder / points)[:n]
        with clock() as built:
            index = build(part)
        one = each(lambda row, index=index: search(index, row), np.split(questions[:20], 20), 20)
        many = each(lambda rows, index=index: search(index, rows), [questions], 3)
        nearest = np.load(folder / f"{kind}-{n}.npy")
        shared = zip(search(index, questions), nearest, strict=True)
        figures |= {
            f"build {n}": built["cpu"],
            f"one {n}": one["cpu"],
            f"many {n}": many["cpu"] / len(questions),
            f"recall {n}": np.mean([len(set(a) & set(b)) for a, b in shared]) / N_NEIGHBOURS,
        }
    return {**figures, **memory.added()}


def _point_index(**options: str) -> Any:
    def run(folder: Path, repetition: int) -> dict[str, float]:
        import faiss  # noqa: F401  # imports are not timed

        from sklearn_mnm.search.index import PointIndex

        return _measured(
            folder,
            options["similarity"],
            "points.npy",
            "queries.npy",
            lambda points: PointIndex(points, **options),
            lambda index, queries: index.search(queries, N_NEIGHBOURS)[0],
        )

    return run


def _scikit_learn(folder: Path, repetition: int) -> dict[str, float]:
    from sklearn.neighbors import NearestNeighbors

    return _measured(
        folder,
        "cosine",
        "points-directions.npy",
        "queries-directions.npy",
        # Of vectors of unit length; with metric="cosine" scikit-learn takes twice the time.
        lambda points: NearestNeighbors(n_neighbors=N_NEIGHBOURS, algorithm="brute").fit(points),
        lambda index, queries: index.kneighbors(queries, return_distance=False),
    )


def _faiss(folder: Path, repetition: int) -> dict[str, float]:
    import faiss

    def build(points: np.ndarray) -> Any:
        index = faiss.IndexFlatIP(points.shape[1])
        index.add(points)
        return index

    return _measured(
        folder,
        "cosine",
        "points-directions.npy",
        "queries-directions.npy",
        build,
        lambda index, queries: index.search(queries, N_NEIGHBOURS)[1],
    )


RUNS = {
    "ours, `PointIndex(points)`": _point_index(similarity="exterior_angle"),
    'ours, `PointIndex(points, similarity="cosine", method="exact")`': _point_index(
        similarity="cosine", method="exact"
    ),
    "scikit-learn, brute force on directions": _scikit_learn,
    "faiss, `IndexFlatIP` on directions": _faiss,
}


def repetitions(quick: bool) -> int:
    """How often all of them run."""
    return 1 if quick else 2


def report(records: pd.DataFrame) -> str:
    """Tables of milliseconds, recall and memory."""
    sizes = sorted(int(c.removeprefix("one ")) for c in records if c.startswith("one "))
    lines = [
        "| points | | build, CPU s | one query, CPU ms | of 200 at once, CPU ms | recall@10 |",
        "| ---: | --- | ---: | ---: | ---: | ---: |",
    ]
    for n in sizes:
        for run in RUNS:
            built = spread(of_run(records, run, f"build {n}"))
            asked = [spread(1000 * of_run(records, run, f"{kind} {n}")) for kind in ("one", "many")]
            recall = np.min(of_run(records, run, f"recall {n}"))
            lines.append(f"| {n:,} | {run} | {built} | {' | '.join(asked)} | {recall:.3f} |")
    memory = "\n".join(f"| {run} | {spread(of_run(records, run, 'added'))} |" for run in RUNS)
    return f"""\
Generated studies embedded in 512 dimensions, {N_QUERIES} texts of other studies, their
{N_NEIGHBOURS} nearest maps; each repetition is a fresh process. Recall is against all similarities
of that kind in double precision. `PointIndex` compares with all points below 100,000, in double
precision, and with faiss from there. The others compare directions in single precision.

{chr(10).join(lines)}

Memory beyond imports with {sizes[-1]:,} points, MB, the points included (double precision for ours,
single for the others):

| | MB |
| --- | ---: |
{memory}
"""
