"""Measure variants of the embedder: ``python -m benchmarks variants``.

Parts of the objective, dimension and curvature, features. Needs ``SKLEARN_MNM_DATA``. Records are
kept in ``benchmarks/.cache`` as long as the code that made them is the same, so an interrupted run
goes on where it stopped, and runs on different folds can share the work.
"""

import argparse
import json
import shlex
import sys
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.common.protocol import ALL_FOLDS, EVERYDAY_FOLDS, POOL_SIZE
from benchmarks.common.sections import replace_section
from benchmarks.common.table import markdown_table, paired_interval
from benchmarks.hierarchy_measures.nested import MIN_DIFFERENCE
from benchmarks.models.features import N_REGIONS, SEED
from benchmarks.quality.variant_runs import ABOVE, BROAD, HARVARD_OXFORD, Variant, run
from sklearn_mnm.exceptions import DataWarning

# The objective of the paper, of which these are parts.
_PAPER = {"objective__similarity": "exterior_angle"}
_NO_EXTENT = {**_PAPER, "objective__extent_weight": 0.0}
# Where similarities by distance start, as the flat control in `models`.
_FAR = {"objective__text_radius": 0.7, "objective__brain_radius": 1.1}
_SIMILARITIES: dict[str, dict[str, Any]] = {
    "squared distance": {"objective__similarity": "euclidean", **_FAR},
    "cosine": {"objective__similarity": "cosine"},
    "exterior angle": _PAPER,
    "geodesic distance": {"objective__similarity": "distance", **_FAR},
}


def _similarities(**params: Any) -> list[Variant]:
    return [Variant(title, {**params, **given}) for title, given in _SIMILARITIES.items()]


def _dimension(n_components: int) -> dict[str, int]:
    # As many as regions is the default.
    return {} if n_components == N_REGIONS else {"n_components": n_components}


# Sections of the results: heading, then tables by caption. The first row of a table is the one that
# the others are compared with.
GROUPS: dict[str, tuple[str, dict[str, list[Variant]]]] = {
    "parts": (
        "Parts of the objective",
        {
            "Each part left out, changed or added.": [
                Variant("exterior angle", _PAPER),
                Variant("without the hierarchy of extent", _NO_EXTENT),
                *(
                    Variant(title, {**_PAPER, **params})
                    for title, params in {
                        "without text above brain": {"objective__text_above_brain_weight": 0.0},
                        "text above brain by centroids": {
                            "objective__text_above_brain": "centroid"
                        },
                        "with the contrast at the brain as apex": {
                            "objective__brain_apex_weight": 0.3
                        },
                        "with entailment by networks": {"objective__network_weight": 0.3},
                        "without the pull to the start": {"objective__drift_weight": 0.0},
                    }.items()
                ),
                Variant(
                    "closed form alone, cosine",
                    {"max_epochs": 0, "objective__similarity": "cosine"},
                ),
            ],
            "Similarities, with the hierarchy of extent. The first two are flat.": [
                *_similarities(),
                Variant("geodesic distance, default radii", {"objective__similarity": "distance"}),
            ],
            "Similarities, without the hierarchy of extent. The first two are flat.": (
                _similarities(**_NO_EXTENT)
            ),
        },
    ),
    "training": (
        "What training gains",
        {
            "What the towers learn from.": [
                Variant("predictions of studies left out (default)"),
                Variant("predictions of studies that the closed form was fitted to", is_seen=True),
                Variant("nothing: closed form alone", {"max_epochs": 0}),
            ],
        },
    ),
    "dimension": (
        "Dimension and curvature",
        {
            **{
                f"{n_components} components, without the hierarchy of extent.": _similarities(
                    **_NO_EXTENT, **_dimension(n_components)
                )
                for n_components in (8, 32, 128, 512)
            },
            "Curvature, 512 components, with the hierarchy of extent.": [
                Variant("c = 1 (default)", _PAPER),
                Variant("c = 0.1", {**_PAPER, "curvature": 0.1}),
                Variant("c = 10", {**_PAPER, "curvature": 10.0}),
                Variant("c learnt, from 1", {**_PAPER, "objective__learn_curvature": True}),
            ],
        },
    ),
    "features": (
        "Sensitivity to the features",
        {
            "Smoothing of the peaks.": [
                Variant("FWHM 9 mm (default)"),
                Variant("FWHM 6 mm", regions={"fwhm": 6.0}),
                Variant("FWHM 15 mm", regions={"fwhm": 15.0}),
            ],
            "Regions.": [
                Variant("512 of Ward (default)"),
                Variant("256 of Ward", regions={"n_regions": 256}),
                Variant("1024 of Ward", regions={"n_regions": 1024}),
                Variant("48 of Harvard-Oxford, cortex only", regions={"atlas": HARVARD_OXFORD}),
            ],
            "Text.": [
                Variant("title, abstract and keywords (default)"),
                Variant("title and keywords", sources=("title", "keywords")),
                Variant("title", sources=("title",)),
            ],
        },
    ),
}
SCORES = {
    "t2b R@10": ("t→b R@10", 1),
    "b2t R@10": ("b→t R@10", 1),
    "map corr": ("map correlation", 3),
    "map Dice": ("map Dice", 3),
    ABOVE: (f"{ABOVE}, %", 1),
    BROAD: (f"{BROAD}, %", 1),
}
NOTE = f"""\
All figures are for one seed ({SEED}); ± is the standard deviation over folds. Retrieval in percent,
pool of {POOL_SIZE:,} studies a fold, ties count against the model. Δ R@10: difference of the mean
of the two R@10 to the first row of the table, paired by fold, with a 95 % t interval over folds,
which does not hold the spread over seeds. Predicted maps are compared with maps of FWHM 9 mm
whatever the variant. Text above brain: share of the held-out studies whose text is nearer to the
origin than its own map. Broad above focal: share of the pairs of maps whose shares of active
regions (above a tenth of the largest activation, of those of the variant) differ by more than
{MIN_DIFFERENCE} in which the broader map is nearer to the origin. Learning rate, dropout and
inverse temperature are those of the defaults in every row: nothing was tuned for a variant. These
are test folds: the tables describe the defaults, and to choose by them would be to choose on test
data."""

Records = dict[tuple[str, int], dict[str, Any]]


class _Arguments(NamedTuple):
    groups: list[str]
    folds: tuple[int, ...]
    max_train: int | None
    output: Path | None


def main() -> None:
    """Run what is asked for and print or write the tables."""
    arguments = _parse()
    # The corpus is the same in every run; what its loader has to say is said once, elsewhere.
    warnings.simplefilter("ignore", DataWarning)
    variants = [v for name in arguments.groups for table in GROUPS[name][1].values() for v in table]
    records: Records = {}
    for fold in arguments.folds:
        for variant, record in run(variants, fold, max_train=arguments.max_train):
            records[variant.key, fold] = record
            print(_line(variant, record), file=sys.stderr, flush=True)
    for name in arguments.groups:
        text = markdown(name, records, arguments.folds)
        print(text)
        if arguments.output:
            write(arguments.output, name, text, records, arguments.folds)


def markdown(name: str, records: Records, folds: tuple[int, ...]) -> str:
    """Write the tables of a group.

    Parameters
    ----------
    name : str
        Key of `GROUPS`.
    records : dict
        Record of each variant, by its key, and fold.
    folds : tuple of int

    Returns
    -------
    text : str
        Markdown without the heading.
    """
    command = f"python -m benchmarks variants --groups {name} --output benchmarks/RESULTS.md"
    if folds != EVERYDAY_FOLDS:
        command += " " + shlex.join(["--folds", *map(str, folds)])
    sizes = sorted({records[v.key, k]["n_train"] for v in _variants(name) for k in folds})
    listed = ", ".join(map(str, folds))
    parts = [
        f"Folds {listed}; {' or '.join(map(str, sizes))} training studies. Made by\n\n"
        f"```\n{command}\n```",
        NOTE,
    ]
    header = ["", *(heading for heading, _ in SCORES.values()), "Δ R@10"]
    for caption, variants in GROUPS[name][1].items():
        rows = [_row(variant, variants[0], records, folds) for variant in variants]
        parts.append(f"{caption}\n\n{markdown_table(header, rows, 1)}")
    return "\n\n".join(parts) + "\n"


def write(path: Path, name: str, text: str, records: Records, folds: tuple[int, ...]) -> None:
    """Replace the section of a group in a Markdown file, and write the figures beside it."""
    figures = path.parent / "results" / f"variants-{name}.json"
    figures.parent.mkdir(exist_ok=True)
    content = {
        caption: {v.title: [records[v.key, fold] for fold in folds] for v in variants}
        for caption, variants in GROUPS[name][1].items()
    }
    figures.write_text(json.dumps(content, indent=1) + "\n")
    text += f"\nFigures of single folds: `results/{figures.name}`.\n"
    replace_section(path, f"variants-{name}", GROUPS[name][0], text)


def _variants(name: str) -> list[Variant]:
    return [variant for variants in GROUPS[name][1].values() for variant in variants]


def _row(
    variant: Variant, reference: Variant, records: Records, folds: tuple[int, ...]
) -> list[str]:
    cells = [variant.title]
    for score, (_, digits) in SCORES.items():
        values = _values(variant, score, records, folds)
        spread = f" ± {values.std(ddof=1):.{digits}f}" if len(folds) > 1 else ""
        cells.append(f"{values.mean():.{digits}f}{spread}")
    if variant.key == reference.key:
        return [*cells, ""]
    recalls, bar = (
        sum(_values(v, score, records, folds) for score in ("t2b R@10", "b2t R@10")) / 2
        for v in (variant, reference)
    )
    difference = paired_interval(recalls - bar)
    mean, half = difference["mean"], difference["half_width"]
    interval = "" if half is None else f" [{mean - half:+.1f}, {mean + half:+.1f}]"
    return [*cells, f"{mean:+.1f}{interval}"]


def _values(variant: Variant, score: str, records: Records, folds: tuple[int, ...]) -> np.ndarray:
    return np.array([records[variant.key, fold]["scores"][score] for fold in folds])


def _line(variant: Variant, record: dict[str, Any]) -> str:
    setting = {**variant.embedder, **variant.regions}
    if variant.sources:
        setting["sources"] = variant.sources
    figures = ", ".join(f"{score} {record['scores'][score]:.3g}" for score in SCORES)
    seconds = record["train_seconds"]
    return f"fold {record['fold']}  {setting or 'defaults'}: {figures}; {seconds:.0f} s"


def _parse() -> _Arguments:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--groups", nargs="+", choices=list(GROUPS), default=list(GROUPS))
    parser.add_argument("--folds", nargs="+", type=int, choices=ALL_FOLDS, default=EVERYDAY_FOLDS)
    parser.add_argument("--max-train", type=int, help="fewer training studies, to try things out")
    parser.add_argument(
        "--output",
        type=Path,
        help="Markdown file whose sections are written or replaced; the figures of single folds go "
        "to results/ beside it as JSON",
    )
    given = parser.parse_args()
    if given.output and given.max_train:
        parser.error("--max-train is for trying things out: its figures are not written.")
    return _Arguments(given.groups, tuple(given.folds), given.max_train, given.output)
