"""Time until a validation R@10: our embedder, NeuroConText's architecture, MNM's settings.

1,000 of the training studies of fold 0 are the validation studies, those on which the baselines are
tuned (`tuning.validation_split`); the test fold plays no part. The score is the mean R@10 of both
directions among them. A repetition is a seed: of the networks and the order of the batches, and
`random_state` of ours.
"""

import itertools
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.sides.corpus import is_quick, studies
from benchmarks.sides.measuring import Memory, clock, of_run, spread

HEADING = "Side by side: fit to a validation R@10"
FOLD = 0
# Seconds of a processor after which the training of MNM ends.
BUDGET = 120.0
# The penalty with which the search of the embedder begins, for features of unit norm.
FIRST_ALPHA = 5.0
OURS = {
    "ours, defaults": {},
    "ours, closed form": {"max_epochs": 0},
    "ours, closed form at the first penalty": {"max_epochs": 0, "alpha": FIRST_ALPHA},
}
CLIP, MNM = "NeuroConText's architecture", "MNM as published"


def prepare(folder: Path, quick: bool) -> None:
    """Nothing: each process loads the corpus."""


def _pairs(folder: Path) -> tuple[Any, Any]:
    """Training studies less the validation studies, and these."""
    corpus = studies(is_quick(folder))
    if is_quick(folder):
        return corpus[:100], corpus[100:]
    from benchmarks.common.protocol import load_corpus, split
    from benchmarks.common.tuning import validation_split

    train, _ = split(*load_corpus(), FOLD)
    fit_rows, rows = validation_split(len(train))
    return train[fit_rows], train[rows]


def _ours(params: dict[str, Any]) -> Any:
    def run(folder: Path, repetition: int) -> dict[str, float]:
        import torch._dynamo  # noqa: F401  # the first optimizer of a process imports it

        from benchmarks.common.protocol import FWHM
        from benchmarks.models.features import TermFeatures
        from sklearn_mnm import HyperbolicBrainTextEmbedder, PeaksToRegions

        memory = Memory()
        train, validation = _pairs(folder)
        with clock() as parcellation:
            n_regions, resolution = (20, 8) if is_quick(folder) else (512, 4)
            regions = PeaksToRegions(
                n_regions=n_regions, resolution=resolution, fwhm=FWHM, random_state=0
            ).fit(train)
            Y = regions.transform(train)
        with clock() as spent:
            text = TermFeatures()
            X = text.fit_transform(train)
            embedder = HyperbolicBrainTextEmbedder(random_state=repetition, **params).fit(X, Y)
        added = memory.added()
        score = 100 * embedder.score(text.transform(validation), regions.transform(validation))
        return {
            **spent,
            **added,
            "regions": parcellation["cpu"],
            "score": score,
            "studies": len(train),
            "validation studies": len(validation),
        }

    return run


class BudgetSpentError(Exception):
    """The time that a baseline may take is over."""


class Trace:
    """Score pairs as the towers do and note the seconds of training before each score.

    Scoring itself is not counted.

    Parameters
    ----------
    score : callable
    budget : float
        Processor seconds after which `BudgetSpentError` is raised.
    """

    def __init__(self, score: Any, budget: float) -> None:
        self.score, self.budget = score, budget
        self.rows: list[tuple[float, float, float]] = []
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def __call__(self, similarity: np.ndarray) -> float:
        """Score a matrix of pairs."""
        cpu, wall = time.process_time(), time.perf_counter()
        value = self.score(similarity)
        self.rows.append((cpu - self._cpu, wall - self._wall, value))
        # As if the clocks had stood still.
        self._cpu += time.process_time() - cpu
        self._wall += time.perf_counter() - wall
        if self.rows[-1][0] > self.budget:
            raise BudgetSpentError
        return value


def _towers(model_name: str, budget: float) -> Any:
    def run(folder: Path, repetition: int) -> dict[str, Any]:
        import torch._dynamo  # noqa: F401  # the first optimizer of a process imports it

        from benchmarks.models import MODELS, features, towers
        from sklearn_mnm.model.selection import mean_recall

        memory = Memory()
        train, validation = _pairs(folder)
        model = MODELS[model_name].build()
        # As the models do it, but the fit to all training studies once all is chosen.
        if is_quick(folder):
            features.N_REGIONS, features.RESOLUTION, features.N_LSA = 20, 8, 10
            model.max_epochs, model.grid = 2, {key: v[:1] for key, v in model.grid.items()}
        towers.SEED = repetition
        with clock() as parcellation:
            model._brain = towers.RegionBasis("sqrt")
            brain = model._brain.fit_transform(train)
        trace = Trace(lambda pairs: 100 * mean_recall(pairs, 10), budget)
        model._text = towers.LsaFeatures()
        text = model._text.fit_transform(train)
        model._scales = text.std(), brain.std()
        pairs = model._scaled(text, brain)
        towers.mean_recall = trace
        held_out = model._scaled(
            model._text.transform(validation), model._brain.transform(validation)
        )
        settings = []
        try:
            for values in itertools.product(*model.grid.values()):
                start = len(trace.rows), trace.rows[-1][0] if trace.rows else 0.0
                setting = dict(zip(model.grid, values, strict=True))
                model._train(setting, pairs, model.max_epochs, validation=held_out)
                rows = trace.rows[start[0] :]
                best = max(rows, key=lambda row: row[2])
                settings.append(
                    {**setting, "score": best[2], "cpu": best[0] - start[1], "epochs": len(rows)}
                )
        except BudgetSpentError:
            pass
        best = max(trace.rows, key=lambda row: row[2])
        return {
            "cpu": best[0],
            "wall": best[1],
            "whole": trace.rows[-1][0],
            **memory.added(),
            "regions": parcellation["cpu"],
            "score": best[2],
            "epochs": len(trace.rows),
            "settings": settings,
            "trace": trace.rows,
        }

    return run


RUNS = {
    **{name: _ours(params) for name, params in OURS.items()},
    CLIP: _towers("clip", np.inf),
    MNM: _towers("mnm_published", BUDGET),
}


def repetitions(quick: bool) -> int:
    """How many seeds."""
    return 1 if quick else 2


def first_beyond(records: pd.DataFrame, score: np.ndarray) -> tuple[str, np.ndarray] | None:
    """Return the quickest of our fits that exceeds a score with every seed, and its seconds."""
    beyond = [run for run in OURS if (of_run(records, run, "score") > score).all()]
    if not beyond:
        return None
    run = min(beyond, key=lambda run: of_run(records, run, "cpu").max())
    return run, of_run(records, run, "cpu")


def report(records: pd.DataFrame) -> str:
    """Tables of scores, seconds and memory, and ratios."""
    lines = [
        "| | best validation R@10, % | CPU s to it | wall s to it | CPU s in all | memory, MB |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for run in RUNS:
        whole = "whole" if run in (CLIP, MNM) else "cpu"
        cells = [
            spread(of_run(records, run, name)) for name in ("score", "cpu", "wall", whole, "added")
        ]
        lines.append(f"| {run} | {' | '.join(cells)} |")
    ratios = []
    defaults = of_run(records, "ours, defaults", "cpu")
    for run in (CLIP, MNM):
        theirs = of_run(records, run, "cpu")
        whole = of_run(records, run, "whole")
        found = first_beyond(records, of_run(records, run, "score"))
        if found is None:
            ratios.append(f"- {run}: no fit of ours exceeds its best score with every seed.")
            continue
        ratios.append(
            f"- {run}: {spread(theirs / found[1])} times that in which ours exceeds this score "
            f"({found[0].removeprefix('ours, ')}), {spread(theirs / defaults)} times that of the "
            f"default fit; in all {spread(whole / defaults)} times the default fit."
        )
    clip = records[records.run == CLIP].sort_values("repetition")
    alone = []
    for seed, settings in zip(clip.repetition, clip.settings, strict=True):
        best = max(settings, key=lambda row: row["score"])
        quick = of_run(records, "ours, closed form at the first penalty", "cpu")[seed]
        alone.append(
            f"seed {seed}: learning rate {best['learning_rate']:g} and dropout "
            f"{best['dropout']:g}, {best['score']:.1f} % after {best['cpu']:.0f} s, "
            f"{best['cpu'] / quick:.1f} times our closed form at the first penalty"
        )
    regions = np.concatenate([of_run(records, run, "regions") for run in RUNS])
    memory = of_run(records, "ours, defaults", "peak").max() / 1024
    mnm = records[records.run == MNM]
    n_train, n_validation = (
        int(of_run(records, "ours, defaults", name)[0])
        for name in ("studies", "validation studies")
    )
    table = "\n".join(lines)
    return f"""\
{n_train:,} training studies of fold {FOLD}; {n_validation:,} others of them are the validation
studies and the pool of the scores, mean of both directions. {len(clip)} seeds. Seconds begin with
the counts of terms and the regions of the peaks: text features count; scoring does not, nor what
torch imports for its first optimizer, nor learning the regions, which is the same code for all
({spread(regions)} s). NeuroConText's heads are tuned over learning rate and dropout as in the
tables of retrieval: they come to their best score in the middle of that search, which takes longer
("in all") and would be followed by a fit to all training studies. MNM has one setting, for 200
epochs; it was ended after {BUDGET:.0f} processor seconds, {mnm.epochs.min():.0f} epochs or more,
and its ratios are lower bounds. Ours chooses its penalty in the fit. The rows below the first do
less: `max_epochs=0` is the closed form without training, and `alpha={FIRST_ALPHA:g}` is that at
the penalty with which the search begins, where the default fit is after no more than this time.

{table}

Processor time to their best validation score:

{chr(10).join(ratios)}

With the best setting of the grid known beforehand, NeuroConText's architecture would need:
{"; ".join(alone)}.

Peak memory of the process of the standard fit, imports and corpus included: {memory:.2f} GiB.
"""
