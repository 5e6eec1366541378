"""Measure queries of a few words: ``python -m benchmarks queries``.

Needs ``SKLEARN_MNM_DATA`` and ``pip install neuroquery``. Records are kept in ``benchmarks/.cache``
as long as the code that made them is the same.

Models are fitted on the full texts of the training studies (title, abstract, keywords) and asked
for the 1,000 studies of the test fold by ever shorter texts. One word is the term of the title with
the highest TF-IDF, such as "working memory". t→b finds the map of a text, b→t the text of a map, in
percent; ties count against the model, as between studies with the same one word. Texts without a
known term stay in the pool, as misses in both directions that are ranked below all others; in map
scores they count with what is predicted for an empty text. Mean ± standard deviation over folds,
one seed; differences are paired by fold, with 95 % t intervals over folds.

Penalty and way back to voxels of the kernel ridges are chosen on 1,000 training studies: by their
full texts, or by texts of the kind of the query; for one word, penalties up to 100,000 (for maps up
to 1,000) change no figure. The share of terms that short texts lack was chosen on fold -1 with
folds 3 to 9, and serves all kinds of query. NeuroQuery's model was run on one fold for the time it
takes; it is made to predict maps, and retrieves by the cosine of predicted regions.
"""

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.common import runner
from benchmarks.common.protocol import (
    EVERYDAY_FOLDS,
    map_scores,
    retrieval_scores,
    split,
    voxel_maps,
)
from benchmarks.common.sections import replace_section
from benchmarks.common.table import MAIN, MAPS, heading, interval, markdown_table, paired_interval
from benchmarks.common.tuning import best, map_correlation_score, mean_recall, validation_split
from benchmarks.models import MODELS
from benchmarks.models.features import cosine
from benchmarks.models.ridge import PREDICTION_ALPHAS, RidgeModel
from benchmarks.quality import variant_runs
from benchmarks.quality.variant_runs import _corpus, _write
from sklearn_mnm import Studies, TermVectorizer
from sklearn_mnm.exceptions import DataWarning

FULL, TITLE, WORD = "full text", "title", "one word of the title"
SOURCES = {FULL: None, "title and keywords": ("title", "keywords"), TITLE: ("title",)}
KINDS = (*SOURCES, WORD)
# Wider than in `models.ridge`: the shorter the text, the larger the best penalty.
RETRIEVAL_ALPHAS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
OURS = "ours"
# What is fitted; the ridge gives two rows of the tables.
FITS = {
    OURS: MODELS["ours"],
    "ridge": MODELS["kernel_ridge_regions"],
    "neuroquery": MODELS["neuroquery"],
}
FEWER_FOLDS = {"neuroquery": EVERYDAY_FOLDS[:1]}
ROWS = {
    OURS: "HyperbolicBrainTextEmbedder",
    "ridge": "kernel ridge, square root of region sums, tuned on full texts",
    "ridge by kind": "the same kernel ridge, tuned on texts of this kind",
    "neuroquery": f"NeuroQuery's model, by its package (fold {EVERYDAY_FOLDS[0]} only)",
}

# Studies with the same rows and peaks, by the kind of their texts.
Queries = dict[str, Studies]


class QueryRidge(RidgeModel):
    """Kernel ridge on full texts, its settings chosen for each kind of query."""

    def __init__(self) -> None:
        super().__init__("terms", "regions", "sqrt")

    def fit_queries(self, train: Queries) -> "QueryRidge":
        """Tune on 1,000 training studies, then fit on the full texts of all."""
        X, Y = self._text.fit_transform(train[FULL]), self._brain.fit_transform(train[FULL])
        fit_rows, rows = validation_split(len(Y))
        texts = {kind: self._text.transform(studies[rows]) for kind, studies in train.items()}
        observed = voxel_maps(train[FULL][rows])
        recalls, correlations = ({kind: [] for kind in texts} for _ in range(2))
        for alpha, coefficients in self.coefficients(X[fit_rows], Y[fit_rows], RETRIEVAL_ALPHAS):
            for kind, text in texts.items():
                predicted = text @ coefficients
                recalls[kind].append((alpha, mean_recall(cosine(predicted, Y[rows]))))
                for way in self._brain.ways_back if alpha in PREDICTION_ALPHAS else ():
                    maps = self._brain.to_voxels(predicted, way)
                    correlation = map_correlation_score(maps, observed)
                    correlations[kind].append(((alpha, way), correlation))
        self._settings = {k: (best(recalls[k])[0], *best(correlations[k])[0]) for k in texts}
        alphas = {alpha for *both, _ in self._settings.values() for alpha in both}
        self._fitted = dict(self.coefficients(X, Y, sorted(alphas)))
        return self

    def tuned_on(self, kind: str) -> "QueryRidge":
        """Answer from now on with the settings chosen for a kind of query."""
        alpha, map_alpha, way = self._settings[kind]
        self._retrieval, self._prediction = self._fitted[alpha], self._fitted[map_alpha]
        self.chosen = {"alpha": alpha, "map alpha": map_alpha, "way back to voxels": way}
        return self


@lru_cache(maxsize=1)
def load_texts() -> dict[str, tuple[Studies, np.ndarray]]:
    """Load studies and folds with each kind of text but the one word, rows aligned."""
    return {kind: _corpus(sources) for kind, sources in SOURCES.items()}


def one_word(titles: Studies, vectorizer: TermVectorizer) -> Studies:
    """Studies with the term of highest weight as their whole text; none where none is known."""
    weights = vectorizer.transform(titles.counts)
    rows = np.flatnonzero(weights.getnnz(axis=1))
    kept = np.asarray(weights[rows].argmax(axis=1)).ravel()
    entries = np.ones(len(rows)), (rows, vectorizer.kept_columns_[kept])
    counts = sparse.csr_matrix(entries, shape=titles.counts.shape)
    return Studies(titles.ids, peaks=titles.peaks, counts=counts, vocabulary=titles.vocabulary)


def fold_queries(
    texts: dict[str, tuple[Studies, np.ndarray]], fold: int
) -> tuple[Queries, Queries, TermVectorizer]:
    """Training and test studies of a fold with each kind of text, and the terms that are known."""
    parts = {kind: split(*corpus, fold) for kind, corpus in texts.items()}
    train, test = ({kind: part[i] for kind, part in parts.items()} for i in (0, 1))
    vectorizer = TermVectorizer(train[FULL].vocabulary).fit(train[FULL].counts)
    for part in (train, test):
        part[WORD] = one_word(part[TITLE], vectorizer)
    return train, test, vectorizer


def rank_unknown_last(similarity: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Make texts without a known term find nothing, and be found after all others."""
    similarity = np.array(similarity)
    similarity[~known] = similarity.min() - 1
    return similarity


def fit(name: str, train: Queries) -> dict[str, Callable[[str], Any]]:
    """Fit and return, for each row of the tables, the model that answers a kind of query."""
    if name == "ridge":
        ridge = QueryRidge().fit_queries(train)
        return {"ridge": lambda _: ridge.tuned_on(FULL), "ridge by kind": ridge.tuned_on}
    model = FITS[name].build().fit(train[FULL])
    return {name: lambda _: model}


def measure(name: str, fold: int) -> dict[str, Any]:
    """Fit on a fold and score every kind of query; ``scores`` by row, kind and score."""
    train, test, vectorizer = fold_queries(load_texts(), fold)
    n_terms = {k: vectorizer.transform(test[k].counts).getnnz(axis=1) for k in KINDS}
    observed = voxel_maps(test[FULL])
    start = time.process_time()
    rows = fit(name, train)
    record: dict[str, Any] = {
        "fold": fold,
        "n_train": len(train[FULL]),
        "fit_cpu_seconds": time.process_time() - start,
        "mean_terms": {kind: float(n.mean()) for kind, n in n_terms.items()},
        "n_unknown": {kind: int((n == 0).sum()) for kind, n in n_terms.items()},
        "chosen": {row: {} for row in rows},
        "scores": {row: {} for row in rows},
    }
    for row, answering in rows.items():
        for kind in KINDS:
            model = answering(kind)
            similarity = rank_unknown_last(model.similarity(test[kind]), n_terms[kind] > 0)
            maps = model.predict_voxels(test[kind])
            scores = retrieval_scores(similarity) | map_scores(maps, observed)
            record["scores"][row][kind] = {score: scores[score] for score in MAIN}
            record["chosen"][row][kind] = model.chosen
    return record


def _digest(name: str) -> str:
    setting = [name, FITS[name].params]
    return runner.result_digest(setting, "benchmarks/quality/queries.py", *variant_runs.SOURCES)


def run(name: str, fold: int, digest: str) -> dict[str, Any]:
    """Return the record of a fit on a fold, from the cache if it is still true."""
    path = runner.CACHE / f"queries-{name.replace(' ', '_')}-fold{fold}-{digest}.json"
    if not path.exists():
        record = measure(name, fold)
        if _digest(name) != digest:
            raise RuntimeError("the code changed during the run; run again.")
        _write(path, record)
    return json.loads(path.read_text())


def markdown(records: list[dict[str, Any]]) -> str:
    """Write a table for each kind of query."""
    header = ["model", *map(heading, MAIN), *(f"ours minus it, {heading(s)}" for s in MAIN)]
    by_fold = {record["fold"]: record for record in records}.values()
    parts = []
    for kind in KINDS:
        scores = {
            row: {r["fold"]: r["scores"][row][kind] for r in records if row in r["scores"]}
            for row in ROWS
        }
        n_terms = np.mean([record["mean_terms"][kind] for record in by_fold])
        unknown = ", ".join(str(record["n_unknown"][kind]) for record in by_fold)
        parts.append(
            f"Query: {kind}. {n_terms:.1f} known terms on average; studies without one, by fold: "
            f"{unknown}.\n\n{markdown_table(header, [_row(row, scores) for row in ROWS], 1)}"
        )
    return "\n\n".join(parts)


def _row(row: str, scores: dict[str, dict[int, dict]]) -> list[str]:
    means, differences = [], []
    for score in MAIN:
        values, ours = (
            np.array([scores[name][fold][score] for fold in scores[row]]) for name in (row, OURS)
        )
        digits = 3 if score in MAPS else 1
        spread = f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
        means.append(f"{values.mean():.{digits}f}{spread}")
        difference = None if row == OURS else paired_interval(ours - values)
        differences.append(interval(difference, digits))
    return [ROWS[row], *means, *differences]


def main() -> None:
    """Measure all models and print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced")
    output = parser.parse_args().output
    warnings.simplefilter("ignore", DataWarning)
    digests = {name: _digest(name) for name in FITS}
    records = []
    for name, digest in digests.items():
        for fold in FEWER_FOLDS.get(name, EVERYDAY_FOLDS):
            records.append(run(name, fold, digest))
            print(name, json.dumps(records[-1]), file=sys.stderr, flush=True)
    note = __doc__.split("\n\n", 2)[2]
    command = "python -m benchmarks queries --output benchmarks/RESULTS.md"
    text = f"Made by `{command}`.\n\n{note}\n{markdown(records)}\n"
    print(text)
    if output:
        figures = output.parent / "results" / "queries.json"
        figures.write_text(json.dumps(records, indent=1) + "\n")
        text += f"\nFigures of single folds: `results/{figures.name}`.\n"
        replace_section(output, "queries", "Queries of a few words", text)
