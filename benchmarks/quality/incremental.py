"""Measure learning from studies that come later: ``python -m benchmarks incremental``.

An embedder sees the training studies of a fold in parts, by `partial_fit`; beside it are one that
saw the first part only and one fitted to all studies at once, on the same features. Needs
``SKLEARN_MNM_DATA``.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.common.protocol import (
    EVERYDAY_FOLDS,
    FWHM,
    POOL_SIZE,
    RESOLUTION,
    load_corpus,
    map_scores,
    retrieval_scores,
    split,
    voxel_maps,
)
from benchmarks.common.sections import replace_section
from benchmarks.models.features import N_REGIONS, SEED, TermFeatures
from sklearn_mnm import HyperbolicBrainTextEmbedder, PeaksToRegions

# Studies that come first, and in each part later.
PARTS = ((3000, 2000), (10_000, 1000))
# Studies that words and regions are learnt from.
N_FEATURES_OF = PARTS[0][0]
NOTE = f"""\
NeuroQuery, {" or ".join(f"{first:,}" for first, _ in PARTS)} studies first and the others in parts
of {" or ".join(f"{later:,}" for _, later in PARTS)}; order and fits with seed {SEED}. Words, their
weights and regions are those of the first {N_FEATURES_OF:,} throughout, as
`partial_fit` cannot change them. Retrieval among the {POOL_SIZE:,} studies of the held-out fold,
mean over folds ± standard deviation; CPU seconds of one core."""


def measure(fold: int) -> pd.DataFrame:
    """Scores of the ways to learn, a row each."""
    studies, folds = load_corpus()
    train, test = split(studies, folds, fold)
    train = train[np.random.default_rng(SEED).permutation(len(train))]
    first = train[:N_FEATURES_OF]
    text = TermFeatures()
    regions = PeaksToRegions(
        n_regions=N_REGIONS, resolution=RESOLUTION, fwhm=FWHM, random_state=SEED
    ).fit(first)
    text.fit_transform(first)
    X, Y = text.transform(train), regions.transform(train)
    X_test, Y_test, observed = text.transform(test), regions.transform(test), voxel_maps(test)

    def scores(embedder: HyperbolicBrainTextEmbedder, seconds: float) -> dict[str, float]:
        retrieval = retrieval_scores(embedder.similarity(*embedder.transform(X_test, Y_test)))
        maps = regions.voxels_from_regions(embedder.predict(X_test)).astype(np.float32)
        return {
            "t→b R@10": retrieval["t2b R@10"],
            "b→t R@10": retrieval["b2t R@10"],
            "map correlation": map_scores(maps, observed)["map corr"],
            "CPU s": seconds,
        }

    rows = {}
    for n_first, n_later in PARTS:
        start = time.process_time()
        embedder = HyperbolicBrainTextEmbedder(random_state=SEED)
        embedder.partial_fit(X[:n_first], Y[:n_first])
        name = f"fit to the first {n_first:,}"
        rows[name] = scores(embedder, time.process_time() - start)
        start = time.process_time()
        for begin in range(n_first, len(train), n_later):
            part = slice(begin, begin + n_later)
            embedder.partial_fit(X[part], Y[part])
        name = f"then `partial_fit` to the others, {n_later:,} at a time"
        rows[name] = scores(embedder, time.process_time() - start)
    start = time.process_time()
    embedder = HyperbolicBrainTextEmbedder(random_state=SEED).fit(X, Y)
    rows["fit to all at once"] = scores(embedder, time.process_time() - start)
    return pd.DataFrame(rows).T


def main() -> None:
    """Measure and print or write a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folds", type=int, nargs="+", default=list(EVERYDAY_FOLDS))
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced")
    arguments = parser.parse_args()
    runs = []
    for fold in arguments.folds:
        runs.append(measure(fold))
        print(f"fold {fold}\n{runs[-1]}\n", flush=True)
    values = np.stack(runs)
    means, spreads = values.mean(axis=0), values.std(axis=0)
    lines = [f"| | {' | '.join(runs[0].columns)} |", "| --- |" + " ---: |" * len(runs[0].columns)]
    for name, mean, spread in zip(runs[0].index, means, spreads, strict=True):
        cells = [
            f"{m:.{digits}f} ± {s:.{digits}f}"
            for m, s, digits in zip(mean, spread, (1, 1, 3, 0), strict=True)
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    folds = " ".join(map(str, arguments.folds))
    text = f"Made by `python -m benchmarks incremental --folds {folds} --output "
    text += f"benchmarks/RESULTS.md`.\n\n{NOTE}\n\n" + "\n".join(lines) + "\n"
    print(text)
    if arguments.output:
        heading = "Studies that come later"
        replace_section(arguments.output, "incremental", heading, text)
