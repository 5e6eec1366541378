"""Memory and time of the losses over all pairs: ``python -m benchmarks contrastive_memory``.

One core, a fresh process for each figure; needs no data, Linux only. The largest batch takes
minutes.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.common.sections import replace_section
from sklearn_mnm.geometry import exp_map0
from sklearn_mnm.nn.similarity import SIMILARITIES
from sklearn_mnm.nn.tiled import TILE, contrastive_loss, order_violation

N_COMPONENTS = 512
BATCHES = (1024, 2048, 4096, 8192, 16384, 32768, 65536)
LARGEST_WHOLE = 8192
TILES = (256, 512, 1024, 2048)
TILED_BATCHES = (1024, 4096)
Loss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def alignment(similarity: str, tile: int | None) -> Loss:
    """Contrast by tiles or, with None, by the whole matrix."""
    pairwise = SIMILARITIES[similarity]
    if tile is not None:
        return lambda *inputs: contrastive_loss(pairwise, *inputs, tile=tile)

    def whole(text: Tensor, brain: Tensor, scale: Tensor, curvature: Tensor) -> Tensor:
        matrix = scale * pairwise(text, brain, curvature)
        own = torch.arange(len(matrix))
        return (functional.cross_entropy(matrix, own) + functional.cross_entropy(matrix.T, own)) / 2

    return whole


def extent(tile: int | None) -> Loss:
    """Order of the maps by their extent, by tiles or by the whole matrix."""

    def loss(text: Tensor, brain: Tensor, scale: Tensor, curvature: Tensor) -> Tensor:
        levels = torch.rand(len(brain), generator=torch.Generator().manual_seed(1))
        values = brain[:, 0].log()
        if tile is not None:
            return order_violation(values, levels, min_difference=0.1, tile=tile)
        compared = levels[:, None] - levels[None, :] > 0.1
        violation = functional.relu(values[:, None] - values[None, :]) * compared
        return violation.sum() / compared.sum()

    return loss


def batch(n: int) -> list[Tensor]:
    """Texts, brains, scale and curvature as they are early in training."""
    generator = torch.Generator().manual_seed(0)
    text, brain = torch.empty(2, n, N_COMPONENTS + 1)
    for rows in torch.arange(n).split(1024):  # so that making them adds little to the peak
        shared, *own = torch.randn(3, len(rows), N_COMPONENTS, generator=generator)
        # Radii differ, or the extents would have nothing to order.
        radii = (0.4, 1.6 + 0.4 * torch.rand(len(rows), 1, generator=generator))
        for points, radius, part in zip((text, brain), radii, own, strict=True):
            points[rows] = exp_map0(radius * functional.normalize(shared + part, dim=1), 1.0)
    return [x.requires_grad_() for x in (text, brain, torch.tensor(12.0), torch.tensor(1.0))]


def peak_megabytes() -> float:
    """Most memory that this process has held."""
    # Not ru_maxrss of getrusage, which starts from what the parent process has held.
    lines = Path("/proc/self/status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    return int(status["VmHWM"].split()[0]) / 1024


def measure(part: str, n: int, tile: int | None) -> dict[str, float]:
    """Return loss, processor seconds and megabytes of a forward and backward pass.

    Parameters
    ----------
    part : str
        A similarity to align by, or "extent".
    n : int
        Pairs in the batch.
    tile : int or None
        None for the whole matrix.
    """
    loss = extent(tile) if part == "extent" else alignment(part, tile)
    before, seconds = peak_megabytes(), []
    inputs = batch(n)
    for _ in range(1 + 16384 // n):
        start = time.process_time()
        value = loss(*inputs)
        value.backward()
        seconds.append(time.process_time() - start)
        for x in inputs:
            x.grad = None
    peak = peak_megabytes()
    return {
        "loss": value.item(),
        "seconds": median(seconds),
        "peak": peak,
        "added": peak - before,
    }


def measure_apart(part: str, n: int, tile: int | None) -> dict:
    """Measure in a process of its own, on one core."""
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "contrastive_memory",
        "--measure",
        json.dumps([part, n, tile]),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return {"part": part, "n": n, "tile": tile, **json.loads(done.stdout)}


def exponent(sizes: np.ndarray, amounts: np.ndarray) -> float:
    """Slope of the logarithms: 1 for linear growth, 2 for quadratic."""
    return float(np.polyfit(np.log(sizes), np.log(amounts), 1)[0])


def scaling_table(records: pd.DataFrame) -> str:
    """Memory and time by size of the batch, and the exponents of their growth."""
    lines = [
        "| loss | batch | form | seconds | peak of the process, MB | added to the imports, MB |",
        "| --- | ---: | --- | ---: | ---: | ---: |",
    ]
    for record in records.itertuples():
        lines.append(
            f"| {record.part} | {record.n:,} | {record.form} | {record.seconds:.3g} "
            f"| {record.peak:,.0f} | {record.added:,.0f} |"
        )
    lines += ["", "Exponents of the growth with the batch, from the four largest batches:", ""]
    for (part, form), group in records.groupby(["part", "form"], sort=False):
        large = group.nlargest(4, "n")
        lines.append(
            f"- {part}, {form}: memory {exponent(large.n, large.added):.2f}, "
            f"time {exponent(large.n, large.seconds):.2f}"
        )
    return "\n".join(lines)


def tile_table(records: pd.DataFrame) -> str:
    """Time by tile, relative to the whole matrix."""
    lines = [
        "| loss | batch | whole matrix, s | " + " | ".join(f"{tile:,}" for tile in TILES) + " |",
        "| --- | ---: | ---: |" + " ---: |" * len(TILES),
    ]
    for (part, n), group in records.groupby(["part", "n"], sort=False):
        whole = group[group.tile.isna()].seconds.item()
        seconds = group.dropna(subset="tile").set_index("tile").seconds
        ratios = [f"{seconds[tile] / whole:.2f}" if tile in seconds else "" for tile in TILES]
        lines.append(f"| {part} | {n:,} | {whole:.3f} | " + " | ".join(ratios) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print or write tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced")
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(*arguments.measure)))
        return
    tiles = pd.DataFrame(
        measure_apart(part, n, tile)
        for part in (*SIMILARITIES, "extent")
        for n in TILED_BATCHES
        for tile in (None, *(tile for tile in TILES if tile <= n))
    )
    scaling = pd.DataFrame(
        measure_apart(part, n, tile)
        for part in ("exterior_angle", "extent")
        for tile in (TILE, None)
        for n in BATCHES
        if tile or n <= LARGEST_WHOLE
    )
    scaling["form"] = np.where(scaling.tile.isna(), "whole matrix", "tiles")
    text = f"""Made by `python -m benchmarks contrastive_memory --output benchmarks/RESULTS.md`.

Forward and backward pass of the losses that compare all pairs of a batch, {N_COMPONENTS}
dimensions, float32, seconds of one core, a fresh process for each figure, median where a pass is
short. The whole matrix is the textbook form with automatic differentiation, up to what fits;
tiles of {TILE:,} are what training uses. Time is quadratic whatever the form. Added to the
imports are the points, 2 x batch x {N_COMPONENTS + 1} numbers, their gradients and what the loss
needs.

{scaling_table(scaling)}

Time by size of the tile, relative to the whole matrix:

{tile_table(tiles)}
"""
    print(text)
    if arguments.output:
        heading = "Losses over all pairs: memory and time"
        replace_section(arguments.output, "contrastive-memory", heading, text)
