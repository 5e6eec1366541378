"""Measure which task a study left out is of: ``python -m benchmarks tasks``.

Needs ``SKLEARN_MNM_DATA``.

The peaks of test studies whose titles name a task of the Cognitive Atlas are decoded among all
tasks with contrasts, by names and what their contrasts show (`CognitiveAtlas.conditions`); the
score is multiplied by a power of one more than the number of titles of training studies that name
the task. A task counts as found if one of those in the title is among the first. Some tasks are in
many titles; "others" are the studies that name another than the three most frequent ones, and only
these others count for them. Mean over studies of all folds, in %, one seed.
"""

import argparse
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.common.protocol import EVERYDAY_FOLDS, data_folder, load_corpus, split
from benchmarks.common.sections import replace_section
from benchmarks.common.table import markdown_table
from sklearn_mnm import MNMDecoder, Studies
from sklearn_mnm.exceptions import MNMWarning
from sklearn_mnm.model import term_evidence
from sklearn_mnm.text import load_cognitive_atlas
from sklearn_mnm.text.title_counts import count_titles

POWERS = (0.0, 0.1, 0.2, 0.3, 0.5)
# Found among so many of the first.
DEPTHS = (1, 4, 10)
N_FREQUENT = 3


@contextmanager
def power_of_titles(power: float | None) -> Iterator[None]:
    """Let the number of titles count by another power, unless it is None."""
    before = term_evidence._TITLES
    term_evidence._TITLES = before if power is None else power
    try:
        yield
    finally:
        term_evidence._TITLES = before


def named_tasks(titles: list[str], tasks: list[str]) -> np.ndarray:
    """Which title names which task, bool of shape (n_titles, n_tasks)."""
    return np.stack([count_titles(tasks, [title]) for title in titles]) > 0


def measure(studies: Studies, folds: np.ndarray, fold: int, shown: dict) -> pd.DataFrame:
    """Return a row for each power and test study whose title names a task."""
    tasks = list(shown)
    train, test = split(studies, folds, fold)
    decoder = MNMDecoder(random_state=0).fit(train)
    named = named_tasks([str(title) for title in test.titles], tasks)
    rows = np.flatnonzero(named.any(axis=1))
    named = named[rows]
    frequent = np.argsort(-named.sum(axis=0), kind="stable")[:N_FREQUENT]
    rare = named.copy()
    rare[:, frequent] = False
    found = []
    for power in POWERS:
        with power_of_titles(power):
            scores = np.nan_to_num(decoder.decision_function(test[rows], terms=shown))
        best = np.argsort(-scores, axis=1, kind="stable")
        for truth, of_others, order in zip(named, rare, best, strict=True):
            row: dict[str, float] = {"power": power}
            row |= {f"at {depth}": 100.0 * truth[order[:depth]].any() for depth in DEPTHS}
            is_other = of_others.any()
            row["others at 4"] = 100.0 * of_others[order[:4]].any() if is_other else np.nan
            found.append(row)
    return pd.DataFrame(found)


def main() -> None:
    """Measure and print or write a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folds", type=int, nargs="+", default=list(EVERYDAY_FOLDS))
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", MNMWarning)
    studies, folds = load_corpus()
    shown = load_cognitive_atlas(data_folder() / "cognitive_atlas").conditions()
    found = pd.concat(measure(studies, folds, fold, shown) for fold in arguments.folds)
    means = found.groupby("power").mean()
    counts = found[found["power"] == POWERS[0]].count()
    rows = [[f"{power:g}", *(f"{share:.1f}" for share in row)] for power, row in means.iterrows()]
    told = " ".join(map(str, arguments.folds))
    note = __doc__.split("\n\n", 2)[2].strip()
    text = f"""\
Made by `python -m benchmarks tasks --folds {told} --output benchmarks/RESULTS.md`.

{note} {counts["at 1"]} studies of folds {told}, {counts["others at 4"]} of them others;
{len(shown)} tasks. The power in use, 0.2, was chosen on folds 3, 4, 5 and 7, by the others.

{markdown_table(["power of the number of titles", *means.columns], rows, 1)}
"""
    print(text)
    if arguments.output:
        heading = "Tasks of studies left out"
        replace_section(arguments.output, "tasks", heading, text)
