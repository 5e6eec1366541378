"""Training on a GPU: ``python -m benchmarks gpu --records benchmarks/results/gpu.json``.

Measures steps of training by size of the batch on the GPU and on all cores of the processor, what
compiling and lower precision gain, how far the two agree and, where ``SKLEARN_MNM_DATA`` is set,
fits of fold 0. Five minutes. Records that exist are not measured again, so that
``--output benchmarks/RESULTS.md`` can write them down on a machine without a GPU.
"""

import argparse
import contextlib
import json
import os
import platform
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd
import torch

from benchmarks.common.protocol import load_corpus, retrieval_scores, split
from benchmarks.common.sections import replace_section
from benchmarks.speed.contrastive_memory import alignment, batch, exponent
from sklearn_mnm import HyperbolicBrainTextEmbedder, MNMObjective, Towers
from sklearn_mnm.exceptions import DataWarning
from sklearn_mnm.geometry import _fused
from sklearn_mnm.model import fitting
from sklearn_mnm.nn.objective import Alignment, Drift, Extent, Objective, TextAboveBrain
from sklearn_mnm.nn.similarity import SIMILARITIES
from sklearn_mnm.nn.towers import BrainTextModel, LiftTower
from sklearn_mnm.nn.training import TrainingSettings, train

N_FEATURES = 512
BATCHES = (1024, 4096, 16_384, 65_536, 262_144)
LARGEST_ON_PROCESSOR = 16_384
COMPILED_AND_NOT = (16_384, 65_536)
FORMS = {"float32": "highest", "TF32 products": "high"}
DEFAULTS = HyperbolicBrainTextEmbedder()
# The paper's own objective, whose parts ask for most.
PAPER, TOWERS = MNMObjective("exterior_angle"), Towers()


def seconds(work: Callable[[], Any], repetitions: int) -> float:
    """Median of repetitions, of which the first, which may compile, does not count."""
    taken = []
    for _ in range(1 + repetitions):
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    return median(taken[1:])


def ceilings() -> dict[str, float]:
    """Rate of matrix products in TFLOP/s and of copies in TB/s, read and written."""
    x, y = torch.randn(2, 8192, 8192, device="cuda")
    rates = {}
    for form, precision in FORMS.items():
        torch.set_float32_matmul_precision(precision)
        rates[form] = 2 * 8192**3 / seconds(lambda: x @ y, 10) / 1e12
    many = torch.randn(2**29, device="cuda")
    other = torch.empty_like(many)
    rates["copy"] = 8 * len(many) / seconds(lambda: other.copy_(many), 10) / 1e12
    return rates


def training(n: int, device: str) -> tuple[BrainTextModel, Objective, torch.Tensor, torch.Tensor]:
    """Towers, the objective of the paper and features of `n` studies of chance."""
    generator = torch.Generator().manual_seed(0)
    text = torch.randn(n, N_FEATURES, generator=generator)
    brain = text + torch.randn(n, N_FEATURES, generator=generator)
    radii = (PAPER.text_radius, PAPER.brain_radius)
    sizes: dict[str, Any] = {"n_hidden": TOWERS.n_hidden, "dropout": TOWERS.dropout}
    model = BrainTextModel(
        *(LiftTower(torch.eye(N_FEATURES), radius=radius, **sizes) for radius in radii),
        curvature=1.0,
        learn_curvature=False,
        inverse_temperature=TOWERS.inverse_temperature,
    )
    extent = torch.rand(n, generator=generator)
    objective = Objective(
        (
            Alignment(PAPER.alignment_weight, SIMILARITIES[PAPER.similarity]),
            TextAboveBrain(PAPER.text_above_brain_weight, PAPER.text_above_brain, *radii),
            Extent(PAPER.extent_weight, extent, PAPER.min_extent_difference),
            Drift(PAPER.drift_weight),
        )
    )
    return model.to(device), objective, text.to(device), brain.to(device)


def step(n: int, device: str, *, half_towers: bool = False) -> dict[str, float]:
    """Seconds of a step of training, and the most memory that the GPU held."""
    model, objective, text, brain = training(n, device)
    n_steps = 20 if n <= 4096 and device == "cuda" else 2
    settings = TrainingSettings(
        # Each epoch is one step.
        max_epochs=n_steps,
        batch_size=n,
        learning_rate=DEFAULTS.learning_rate,
        weight_decay=TOWERS.weight_decay,
    )

    if half_towers:
        model.forward = torch.autocast(device, torch.bfloat16)(model.forward)

    def run() -> None:
        train(model, objective, text, brain, evaluate=None, settings=settings, seed=0)

    torch.cuda.reset_peak_memory_stats()
    taken = seconds(run, 3 if n <= 16_384 and device == "cuda" else 1) / n_steps
    return {"seconds": taken, "peak_gib": torch.cuda.max_memory_allocated() / 2**30}


@contextlib.contextmanager
def not_compiled() -> Iterator[None]:
    """Let everything run as it is written."""
    pays, _fused._pays = _fused._pays, lambda arguments: False
    try:
        yield
    finally:
        _fused._pays = pays


def steps() -> Iterator[dict[str, Any]]:
    """Time steps by size of the batch, on both devices and in all forms."""
    n_cores = f"{torch.get_num_threads()} cores"
    for n in BATCHES:
        if n <= LARGEST_ON_PROCESSOR:
            yield {"n": n, "where": n_cores, "form": "float32", **step(n, "cpu")}
        for form, precision in FORMS.items():
            torch.set_float32_matmul_precision(precision)
            yield {"n": n, "where": "GPU", "form": form, **step(n, "cuda")}
            if n in COMPILED_AND_NOT:
                with not_compiled():
                    yield {"n": n, "where": "GPU", "form": f"{form}, eager", **step(n, "cuda")}
        if n in (BATCHES[0], COMPILED_AND_NOT[-1]):
            form = "TF32 products, bfloat16 towers"
            yield {"n": n, "where": "GPU", "form": form, **step(n, "cuda", half_towers=True)}


def agreement() -> Iterator[dict[str, Any]]:
    """Relative errors of the contrast and its gradients, to double precision on the processor."""
    n = 8192
    loss = alignment("exterior_angle", 8192)

    def computed(device: str, dtype: torch.dtype) -> list[torch.Tensor]:
        inputs = [part.detach().to(device, dtype).requires_grad_() for part in batch(n)]
        value = loss(*inputs)
        value.backward()
        return [value.detach().cpu().double(), *(part.grad.cpu().double() for part in inputs)]

    exact = computed("cpu", torch.float64)
    for name, device, precision in (
        ("processor, float32", "cpu", "highest"),
        *((f"GPU, {form}", "cuda", precision) for form, precision in FORMS.items()),
    ):
        torch.set_float32_matmul_precision(precision)
        found = computed(device, torch.float32)
        errors = [float((x - y).norm() / y.norm()) for x, y in zip(found, exact, strict=True)]
        names = ("loss", "texts", "brains", "scale", "curvature")
        yield {"where": name, **dict(zip(names, errors, strict=True))}


def fits() -> Iterator[dict[str, Any]]:
    """Fit fold 0 as the protocol asks, on both devices."""
    from benchmarks.models.ours import EmbedderModel

    warnings.simplefilter("ignore", DataWarning)
    studies, test = split(*load_corpus(), 0)
    align, taken = fitting.align, []

    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        result = align(*args, **kwargs)
        taken.append(time.perf_counter() - start)
        return result

    fitting.align = timed
    for device, form, seed in (
        *(("cpu", "float32", seed) for seed in range(2)),
        *(("cuda", form, seed) for form in FORMS for seed in range(3)),
    ):
        torch.set_float32_matmul_precision(FORMS[form])
        start = time.perf_counter()
        model = EmbedderModel(device=device, random_state=seed).fit(studies)
        whole = time.perf_counter() - start
        scores = retrieval_scores(model.similarity(test))
        yield {
            "where": "GPU" if device == "cuda" else f"{torch.get_num_threads()} cores",
            "form": form,
            "seed": seed,
            "fit": whole,
            "align": taken[-1],
            "t2b": scores["t2b R@10"],
            "b2t": scores["b2t R@10"],
        }
    fitting.align = align


def measure() -> dict[str, Any]:
    """Everything, as it is measured."""
    records: dict[str, Any] = {
        "gpu": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "ceilings": ceilings(),
    }
    parts = {"agreement": agreement, "steps": steps}
    if "SKLEARN_MNM_DATA" in os.environ:
        parts = {"fits": fits, **parts}
    for name, part in parts.items():
        records[name] = []
        for record in part():
            print(name, record, flush=True)
            records[name].append(record)
    return records


def steps_table(records: dict[str, Any]) -> str:
    """Studies per second, memory and the share of what the products alone must take."""
    lines = [
        "| batch | where | form | ms a step | studies/s | GPU memory, GiB | share of the ceiling |",
        "| ---: | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for record in records["steps"]:
        n, taken, on_gpu = record["n"], record["seconds"], record["where"] == "GPU"
        form = record["form"].split(",")[0]
        # Products of a tile: in both passes once, and once for the gradient of either side.
        least = 4 * 2 * N_FEATURES * n**2 / (records["ceilings"][form] * 1e12)
        of_gpu = f"{record['peak_gib']:.1f} | {100 * least / taken:.0f} %" if on_gpu else "|"
        lines.append(
            f"| {n:,} | {record['where']} | {record['form']} | {1000 * taken:,.1f} "
            f"| {n / taken:,.0f} | {of_gpu} |"
        )
    return "\n".join(lines)


def report(records: dict[str, Any]) -> str:
    """Write the section of the results."""
    rates = records["ceilings"]
    table = pd.DataFrame(records["steps"])
    on_gpu = table[(table["where"] == "GPU") & (table["form"] == "float32")]
    largest = on_gpu.nlargest(2, "n")
    both = table[table["where"] != "GPU"].merge(on_gpu, on="n")
    gains = [f"{a / b:.0f}" for a, b in zip(both.seconds_x, both.seconds_y, strict=True)]
    sizes = ", ".join(f"{n:,}" for n in both.n)
    errors = pd.DataFrame(records["agreement"]).set_index("where")
    error_lines = [
        f"| {where} | " + " | ".join(f"{value:.1e}" for value in row) + " |"
        for where, row in zip(errors.index, errors.to_numpy(), strict=True)
    ]
    text = f"""Made by `python -m benchmarks gpu --records benchmarks/results/gpu.json` on one \
{records["gpu"]} with torch {records["torch"]}.

Steps of training with the objective of the defaults, {N_FEATURES} features and dimensions, random
studies, on the card or on the processor; a step includes optimizer and bookkeeping. The ceiling is
what the matrix products of the contrast alone would take at the rate measured for large ones:
{rates["float32"]:.0f} TFLOP/s in float32, {rates["TF32 products"]:.0f} with TF32
(`torch.set_float32_matmul_precision("high")`); copies run at {rates["copy"]:.1f} TB/s. Tiles are
compiled from a batch of 8,192 on, except where it says eager; then elementwise steps take what the
products leave. The towers are a hundredth of a large step: in bfloat16 they gain nothing. Small
steps wait for the processor to start them.

{steps_table(records)}

The GPU is {" / ".join(gains)} times as fast as the processor with batches of {sizes}. From {
        largest.n.min():,} to
{largest.n.max():,} studies time grows with the exponent {exponent(largest.n, largest.seconds):.2f}.

Relative errors of the contrast of 8,192 pairs and of its gradients, compared with double precision:

| | loss | by texts | by brains | by scale | by curvature |
| --- | ---: | ---: | ---: | ---: | ---: |
{chr(10).join(error_lines)}
"""
    if "fits" in records:
        text += f"\n{fits_text(records['fits'])}\n"
    return text


def fits_text(records: list[dict[str, Any]]) -> str:
    """Fits of fold 0."""
    lines = [
        "Fits to the 11,000 training studies of NeuroQuery's fold 0, scored as the protocol asks;",
        "mean over the seeds ± standard deviation. Features and closed form stay on the processor.",
        "",
        "| where | form | seeds | fit, s | of it alignment, s | t→b R@10 | b→t R@10 |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for (where, form), runs in pd.DataFrame(records).groupby(["where", "form"], sort=False):
        cells = [
            f"{runs[name].mean():.1f} ± {runs[name].std():.1f}"
            for name in ("fit", "align", "t2b", "b2t")
        ]
        lines.append(f"| {where} | {form} | {len(runs)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure what is not on record, and write it down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=Path, required=True, help="JSON file of the figures")
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced")
    arguments = parser.parse_args()
    if not arguments.records.exists():
        if not torch.cuda.is_available():
            raise SystemExit("torch sees no GPU.")
        arguments.records.write_text(json.dumps(measure(), indent=1) + "\n")
    text = report(json.loads(arguments.records.read_text()))
    print(text)
    if arguments.output:
        replace_section(arguments.output, "gpu", "Training on a GPU", text)
