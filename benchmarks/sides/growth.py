"""How processor time and memory grow from 1,000 to a million studies."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.sides.corpus import is_quick
from benchmarks.sides.measuring import Memory, clock

HEADING = "Growth with the number of studies"
SIZES = (1_000, 10_000, 100_000, 1_000_000)
QUICK_SIZES = (50, 100, 200, 400)
PEAKS_PER_STUDY = 35  # as in NeuroQuery
FARTHEST = 30.0  # in mm, so that no peak is left out
SEARCHES = Path(__file__).parents[1] / "results" / "out-of-core.json"
FIGURE = Path(__file__).parents[2] / "docs" / "_static" / "growth.svg"


def prepare(folder: Path, quick: bool) -> None:
    """Write a model of generated studies and an image of regions."""
    from benchmarks.speed.out_of_core import studies
    from sklearn_mnm import HyperbolicBrainTextEmbedder, PeaksToRegions, save_model

    embedder = HyperbolicBrainTextEmbedder(max_epochs=1, random_state=0)
    save_model(embedder.fit(*studies(2**41, 300 if quick else 2000)), folder / "model")
    n_regions, resolution = (20, 8) if quick else (512, 4)
    regions = PeaksToRegions(
        n_regions=n_regions, resolution=resolution, max_distance=FARTHEST, random_state=0
    )
    regions.fit(_peaks(2000, resolution)).labels_img_.to_filename(folder / "regions.nii.gz")


def _peaks(n: int, resolution: int) -> pd.DataFrame:
    """Peaks of some studies, anywhere in the brain and up to some mm outside."""
    from sklearn_mnm.brain.atlas import load_mask

    mask = load_mask(resolution=resolution)
    voxels = np.argwhere(np.asarray(mask.dataobj)) @ mask.affine[:3, :3].T + mask.affine[:3, 3]
    random = np.random.default_rng(0)
    places = voxels[random.integers(len(voxels), size=PEAKS_PER_STUDY * n)]
    places += random.normal(scale=3.0, size=places.shape)
    table = pd.DataFrame(places, columns=["x", "y", "z"])
    table.insert(0, "id", np.repeat(np.arange(n), PEAKS_PER_STUDY))
    return table


def _peaks_to_regions(number: int) -> Any:
    def run(folder: Path, repetition: int) -> dict[str, float]:
        from sklearn_mnm import PeaksToRegions

        n = (QUICK_SIZES if is_quick(folder) else SIZES)[number]
        resolution = 8 if is_quick(folder) else 4
        regions = PeaksToRegions(
            folder / "regions.nii.gz", resolution=resolution, max_distance=FARTHEST
        ).fit()
        peaks = _peaks(n, resolution)
        memory = Memory()
        with clock() as spent:
            regions.transform(peaks)
        return {**spent, **memory.added(), "n": n}

    return run


def _embed(number: int, part: int) -> Any:
    def run(folder: Path, repetition: int) -> dict[str, float]:
        from benchmarks.speed.out_of_core import BATCH, studies
        from sklearn_mnm import load_model

        n = (QUICK_SIZES if is_quick(folder) else SIZES)[number]
        model = load_model(folder / "model")
        embed = model.transform_brain if part else model.transform
        embed(studies(2**40, 10)[part])
        memory, total = Memory(), {"cpu": 0.0, "wall": 0.0}
        for start in range(0, n, BATCH):
            batch = studies(start, min(BATCH, n - start))[part]
            with clock() as spent:
                embed(batch)
            total = {name: total[name] + spent[name] for name in total}
        return {**total, **memory.added(), "n": n}

    return run


STEPS = ("peaks to regions", "embed texts", "embed maps")
RUNS = {
    f"{step}, {number}": run
    for number in range(len(SIZES))
    for step, run in zip(
        STEPS, (_peaks_to_regions(number), _embed(number, 0), _embed(number, 1)), strict=True
    )
}


def repetitions(quick: bool) -> int:
    """How often all of them run."""
    return 1


def searches(path: Path) -> pd.DataFrame:
    """Read what `out_of_core.py` has measured of indexes.

    Parameters
    ----------
    path : Path
        Its figures, JSON.

    Returns
    -------
    table : DataFrame
        A row for each number of studies: ``n``, seconds to ``build`` the index, milliseconds of a
        ``query`` by it and of an ``exact query``, which compares with all, and its ``recall``.
    """
    records = pd.read_json(path).set_index("n").sort_index()
    indexed, exact = (
        records[records.step == step] for step in ("index and search", "exact search")
    )
    return pd.DataFrame(
        {
            "build": indexed.build,
            "query": 1000 * indexed["query"],
            "exact query": 1000 * exact["query"],
            "recall": indexed.recall,
        }
    ).reset_index()


def draw(seconds: pd.DataFrame, found: pd.DataFrame, path: Path) -> None:
    """Draw seconds and milliseconds against the number of studies, both logarithmic.

    Parameters
    ----------
    seconds : DataFrame
        A row for each step and number of studies: ``step``, ``n``, ``cpu``.
    found : DataFrame
        From `searches`.
    path : Path
        SVG file.
    """
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    from benchmarks.speed.contrastive_memory import exponent

    colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"]
    lines = {step: rows[["n", "cpu"]].to_numpy() for step, rows in seconds.groupby("step")}
    lines["build the index"] = found[["n", "build"]].to_numpy()
    queries = {
        "a query, index": found[["n", "query"]].to_numpy(),
        "a query, exact": found[["n", "exact query"]].to_numpy(),
    }
    # Without time and version, so that the same figures make the same file.
    plt.rcParams.update({"svg.hashsalt": "growth", "svg.fonttype": "none"})
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    parts = zip(axes, (lines, queries), ("seconds, one core", "milliseconds"), strict=True)
    for axis, curves, label in parts:
        for (name, points), colour in zip(curves.items(), colours, strict=False):
            n, amount = points[np.argsort(points[:, 0])].T
            slope = exponent(n, amount)
            axis.loglog(n, amount, "o-", color=colour, label=f"{name}: n$^{{{slope:.2f}}}$")
        axis.set(xlabel="studies", ylabel=label)
        axis.legend(frameon=False)
        axis.grid(alpha=0.3)
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def _by_step(records: pd.DataFrame) -> pd.DataFrame:
    return records.assign(step=[run.rsplit(",", 1)[0] for run in records.run])


def report(records: pd.DataFrame) -> str:
    """Write the figure of a full run and return a table with exponents."""
    from benchmarks.speed.contrastive_memory import exponent

    steps = _by_step(records)
    if set(steps.n) == set(SIZES):
        draw(steps, searches(SEARCHES), FIGURE)
    lines = [
        "| | " + " | ".join(f"{n:,.0f}" for n in sorted(set(steps.n))) + " | exponent |",
        "| --- |" + " ---: |" * (len(set(steps.n)) + 1),
    ]
    for step in STEPS:
        rows = steps[steps.step == step].sort_values("n")
        seconds = " | ".join(f"{value:.3g}" for value in rows.cpu)
        lines.append(f"| {step}, CPU s | {seconds} | {exponent(rows.n, rows.cpu):.2f} |")
    for step in STEPS:
        rows = steps[steps.step == step].sort_values("n")
        lines.append(f"| {step}, MB | {' | '.join(f'{v:,.0f}' for v in rows.peak)} | |")
    return f"""\
Generated studies. Peaks to regions: {PEAKS_PER_STUDY} peaks a study within the brain or some
millimetres outside, one call of `PeaksToRegions.transform` for all, 512 regions. Embedding: batches
of 8,192, of which the points are not kept; making the studies is not timed. One core, a fresh
process for each figure. Memory is the peak of the process, imports included; that of peaks to
regions also holds the table of peaks and the result, 1.1 and 2 kB a study. The plot, which adds
index and search from "Studies beyond memory", is in the manual's page of benchmarks.

{chr(10).join(lines)}
"""
