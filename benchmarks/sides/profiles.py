"""Where the time goes: the standard fit, peaks to regions, a query in both directions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.sides.corpus import is_quick, studies
from benchmarks.sides.measuring import clock

HEADING = "Where the time goes"
# Functions listed of each.
N_LISTED = 8
PACKAGE = Path(__file__).parents[2]


def prepare(folder: Path, quick: bool) -> None:
    """Nothing."""


def _regions(folder: Path) -> Any:
    from sklearn_mnm import PeaksToRegions

    n_regions, resolution = (20, 8) if is_quick(folder) else (512, 4)
    return PeaksToRegions(n_regions=n_regions, resolution=resolution, random_state=0)


def _profiled(call: Callable[[], Any]) -> dict[str, Any]:
    """Profile a call by the processor's clock; functions by the time within themselves."""
    import cProfile
    import pstats
    import time

    profile = cProfile.Profile(time.process_time)
    with clock() as spent:
        profile.runcall(call)
    timed = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    rows = [
        {"function": _name(*where), "own": own, "all": cumulative, "calls": n_calls}
        for where, (_, n_calls, own, cumulative, _) in timed.items()
    ]
    rows = sorted(rows, key=lambda row: -row["own"])[:N_LISTED]
    return {**spent, "functions": rows}


def _name(path: str, line: int, function: str) -> str:
    """Where a function is, from the folder of its package on."""
    if path == "~":
        return function.strip("<>").replace("built-in method ", "").replace("|", "/")
    parts = Path(path).parts
    roots = [i for i, part in enumerate(parts) if part in ("site-packages", PACKAGE.name)]
    return f"{'/'.join(parts[roots[-1] + 1 :] if roots else parts[-1:])}, {function}"


def _fit(folder: Path, repetition: int) -> dict[str, Any]:
    import torch._dynamo  # noqa: F401  # the first optimizer of a process imports it

    from benchmarks.models.features import TermFeatures
    from sklearn_mnm import HyperbolicBrainTextEmbedder

    corpus = studies(is_quick(folder))

    def fit() -> None:
        Y = _regions(folder).fit_transform(corpus)
        HyperbolicBrainTextEmbedder(random_state=0).fit(TermFeatures().fit_transform(corpus), Y)

    return _profiled(fit)


def _peaks(folder: Path, repetition: int) -> dict[str, Any]:
    corpus = studies(is_quick(folder))
    regions = _regions(folder).fit(corpus)
    return _profiled(lambda: regions.transform(corpus))


def _text(folder: Path, repetition: int) -> dict[str, Any]:
    from sklearn_mnm import load_pretrained

    encoder, _ = load_pretrained()
    encoder.predict_img(["fear"])
    return _profiled(lambda: [encoder.predict_img(["reward anticipation"]) for _ in range(100)])


def _map(folder: Path, repetition: int) -> dict[str, Any]:
    from sklearn_mnm import load_pretrained

    encoder, decoder = load_pretrained()
    image = encoder.predict_img(["fear"])
    decoder.predict_topk(image, k=50)
    return _profiled(lambda: [decoder.predict_topk(image, k=50) for _ in range(100)])


RUNS = {
    "standard fit, regions included": _fit,
    "peaks to regions, whole corpus": _peaks,
    "100 texts to images, one by one": _text,
    "100 images to 50 terms, one by one": _map,
}


def repetitions(quick: bool) -> int:
    """How often all of them run."""
    return 1


def report(records: pd.DataFrame) -> str:
    """Tables of the functions that take most time."""
    tables = []
    for run, cpu, functions in zip(records.run, records.cpu, records.functions, strict=True):
        rows = "\n".join(
            f"| `{row['function']}` | {row['calls']:,} | {row['own']:.3g} | {row['all']:.3g} |"
            for row in functions
        )
        tables.append(
            f"{run[0].upper()}{run[1:]}: {cpu:.3g} s.\n\n"
            "| function | calls | own CPU s | with what it calls |\n"
            f"| --- | ---: | ---: | ---: |\n{rows}"
        )
    return "Processor seconds by cProfile, which adds to small functions.\n\n" + "\n\n".join(tables)
