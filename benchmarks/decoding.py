"""Decode held-out brain maps into terms: ``python benchmarks/decoding.py``.

Needs ``SKLEARN_MNM_DATA``. Results of single folds are kept in ``benchmarks/.cache`` as long as
the code that made them is the same.
"""

import argparse
import hashlib
import json
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import runner
import torch
from models import MODELS
from models.features import RegionBasis
from protocol import EVERYDAY_FOLDS, load_corpus, split
from scipy import linalg, sparse
from scipy.special import softmax
from scipy.stats import spearmanr
from sections import replace_section
from tuning import validation_split

from sklearn_mnm import Studies
from sklearn_mnm.exceptions import DataWarning
from sklearn_mnm.geometry import log_map0
from sklearn_mnm.term_head import TermHead, salient_terms

# Penalties of the ridge baseline; its maps have unit norm.
ALPHAS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
# Inverse temperature of the mean over texts, chosen on fold -1 with folds 3 to 9 as training data.
INVERSE_TEMPERATURE = 8.0
# A region is active in a study above this share of the study's largest value.
ACTIVE = 0.1
TITLES = {
    "popularity": "popularity of the term alone",
    "association": "Neurosynth-style: correlation with z maps of association (Ward 512)",
    "ridge": "ridge, square root of region sums (Ward 512) to TF-IDF",
    "lift": "ours, TermHead by corrected score",
    "probability": "ours, TermHead by probability",
    "texts": "ours, mean over training texts near the map (embedder's similarity)",
}


def ranking_scores(scores: np.ndarray, truth: np.ndarray, k: int = 10) -> dict[str, float]:
    """Mean average precision and nDCG at k, in percent, over maps with a true term.

    Parameters
    ----------
    scores : ndarray of shape (n_maps, n_terms)
        Higher is better; of equal scores the later column comes first.
    truth : ndarray of bool, shape (n_maps, n_terms)

    Returns
    -------
    scores : dict of str to float
    """
    some = truth.any(axis=1)
    order = np.argsort(scores[some], axis=1, kind="stable")[:, ::-1]
    hits = np.take_along_axis(truth[some], order, axis=1)
    n_true = hits.sum(axis=1)
    precision = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(discounts)[np.minimum(n_true, k) - 1]
    return {
        "mAP": 100 * float(((precision * hits).sum(axis=1) / n_true).mean()),
        f"nDCG@{k}": 100 * float((hits[:, :k] @ discounts / ideal).mean()),
    }


def popularity_scores(scores: np.ndarray, frequency: np.ndarray) -> dict[str, float]:
    """How much scores favour frequent terms.

    Parameters
    ----------
    scores : ndarray of shape (n_maps, n_terms)
    frequency : ndarray of shape (n_terms,)
        Training studies in which each term is salient.

    Returns
    -------
    scores : dict of str to float
        Spearman's correlation of the mean score of a term with its frequency, and the mean
        frequency of the ten highest terms of each map.
    """
    top = np.argpartition(-scores, 10, axis=1)[:, :10]
    return {
        "popularity rho": float(spearmanr(scores.mean(axis=0), frequency).statistic),
        "top 10 frequency": float(frequency[top].mean()),
    }


def calibration_error(probability: np.ndarray, truth: np.ndarray, n_bins: int = 100) -> float:
    """Mean absolute difference of predicted and observed shares in bins of equal count."""
    order = np.argsort(probability, axis=None)
    bins = np.array_split(order, n_bins)
    gaps = [abs(probability.ravel()[b].mean() - truth.ravel()[b].mean()) * len(b) for b in bins]
    return float(sum(gaps) / len(order))


def association_maps(active: np.ndarray, terms: sparse.csr_matrix) -> np.ndarray:
    """Return z of the difference in activation between studies with and without each term.

    Parameters
    ----------
    active : ndarray of bool, shape (n_studies, n_regions)
    terms : csr_matrix of shape (n_studies, n_terms)

    Returns
    -------
    z : ndarray of shape (n_terms, n_regions)
        Signed root of the chi-square statistic of the 2 x 2 table.
    """
    n_studies = len(active)
    present = (terms > 0).astype(np.float64)
    with_term = np.asarray(present.sum(axis=0)).ravel()[:, np.newaxis]
    rate = active.mean(axis=0)
    excess = present.T @ active.astype(np.float64) - with_term * rate
    variance = with_term * (n_studies - with_term) / n_studies * rate * (1 - rate)
    return excess / np.sqrt(np.maximum(variance, 1e-12))


def measure(train: Studies, test: Studies) -> dict[str, Any]:
    """Fit everything on the training studies and score the test studies."""
    model = MODELS["ours"].build().fit(train)
    terms, truth = model.text.transform(train), salient_terms(model.text.transform(test)).toarray()
    salience = salient_terms(terms).astype(np.float64)
    frequency = np.asarray(salience.sum(axis=0)).ravel()
    activations, test_activations = model.regions.transform(train), model.regions.transform(test)
    points = model.embedder.transform_brain(test_activations)
    tangents = [
        _tangent(model, points) for points in (model.embedder.transform_brain(activations), points)
    ]
    start = time.perf_counter()
    head = TermHead.fit(tangents[0], terms)
    fit_seconds = time.perf_counter() - start
    probability = head.predict_proba(tangents[1])
    similarity = model.embedder.similarity(model.embedder.transform(terms), points)
    weights = softmax(INVERSE_TEMPERATURE * similarity, axis=0)
    ridge, alpha = _ridge(train, test, terms)
    patterns = association_maps(active_regions(activations), terms)
    scores = {
        "popularity": np.broadcast_to(frequency, truth.shape),
        "association": _correlation(np.sqrt(test_activations), patterns),
        "ridge": ridge,
        "lift": head.decision_function(tangents[1]),
        "probability": probability,
        "texts": np.asarray((salience.T @ weights).T),
    }
    return {
        "n_terms": int(truth.shape[1]),
        "n_maps": int(truth.any(axis=1).sum()),
        "ridge alpha": alpha,
        "head": {"alpha": head.alpha, "pseudo_studies": head.pseudo_studies},
        "fit seconds": fit_seconds,
        "milliseconds a map": _milliseconds(model, head, test_activations),
        "calibration error": calibration_error(probability, truth),
        "mean probability": float(probability.mean()),
        "base rate": float(truth.mean()),
        "scores": {
            name: ranking_scores(values, truth) | popularity_scores(values, frequency)
            for name, values in scores.items()
        },
    }


def active_regions(activations: np.ndarray) -> np.ndarray:
    """Regions above a tenth of the largest value of their study, bool."""
    return activations > ACTIVE * activations.max(axis=1, keepdims=True)


def _tangent(model: Any, points: np.ndarray) -> np.ndarray:
    return log_map0(torch.as_tensor(points), model.embedder.curvature_).numpy()


def _correlation(maps: np.ndarray, patterns: np.ndarray) -> np.ndarray:
    def standardised(values: np.ndarray) -> np.ndarray:
        centred = values - values.mean(axis=1, keepdims=True)
        return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)

    return standardised(maps) @ standardised(patterns).T


def _ridge(train: Studies, test: Studies, terms: sparse.csr_matrix) -> tuple[np.ndarray, float]:
    """Predicted TF-IDF; the penalty is that of the highest mAP + nDCG on validation studies."""
    basis = RegionBasis("sqrt")
    brain = basis.fit_transform(train).astype(np.float64)
    fit_rows, rows = validation_split(len(brain))
    truth = salient_terms(terms[rows]).toarray()

    def tried(alpha: float) -> float:
        predicted = _ridge_prediction(brain[fit_rows], terms[fit_rows], brain[rows], alpha)
        return sum(ranking_scores(predicted, truth).values())

    alpha = max(ALPHAS, key=tried)
    return _ridge_prediction(brain, terms, basis.transform(test), alpha), alpha


def _ridge_prediction(
    brain: np.ndarray, terms: sparse.csr_matrix, new: np.ndarray, alpha: float
) -> np.ndarray:
    centre, mean = brain.mean(axis=0), np.asarray(terms.mean(axis=0)).ravel()
    centred = brain - centre
    system = centred.T @ centred + alpha * np.eye(brain.shape[1])
    moment = np.asarray((terms.T @ centred).T)
    return mean + (new - centre) @ linalg.solve(system, moment, assume_a="pos")


def _milliseconds(model: Any, head: TermHead, activations: np.ndarray) -> float:
    """Median time from one map of region activations to its 50 most probable terms."""
    seconds = []
    for row in range(50):
        start = time.perf_counter()
        tangent = _tangent(model, model.embedder.transform_brain(activations[row : row + 1]))
        probability = head.predict_proba(tangent)[0]
        top = np.argpartition(-probability, 50)[:50]
        top[np.argsort(-probability[top])]
        seconds.append(time.perf_counter() - start)
    return 1000 * float(np.median(seconds))


def run(corpus: tuple[Studies, np.ndarray], fold: int) -> dict[str, Any]:
    """Return the record of a fold, from the cache if it is still true."""
    entry = MODELS["ours"]
    sources = [*runner.SHARED_SOURCES, "benchmarks/models/ours.py", *entry.uses]
    sources += ["benchmarks/decoding.py", "sklearn_mnm/term_head.py"]
    digest = hashlib.sha256()
    for path in runner._python_files(sources):
        digest.update(runner._code(path).encode())
    path = runner.CACHE / f"decoding-fold{fold}-{digest.hexdigest()[:12]}.json"
    if not path.exists():
        record = measure(*split(*corpus, fold))
        runner.CACHE.mkdir(exist_ok=True)
        path.write_text(json.dumps(record, indent=1))
    return json.loads(path.read_text())


def report(records: list[dict[str, Any]]) -> str:
    """Table and notes of the records of all folds, in Markdown."""

    def over_folds(key: str) -> str:
        values = np.array([record[key] for record in records], dtype=float)
        return f"{values.mean():.3g} ± {values.std(ddof=1):.1g}"

    n_terms = sorted(record["n_terms"] for record in records)
    rows = []
    for name, title in TITLES.items():
        table = pd.DataFrame([record["scores"][name] for record in records])
        cells = [f"{table[c].mean():.2f} ± {table[c].std():.2f}" for c in table]
        rows.append(f"| {title} | " + " | ".join(cells) + " |")
    head = "| ranked by | mAP, % | nDCG@10, % | popularity rho | top 10 frequency |\n"
    head += "| --- | ---: | ---: | ---: | ---: |\n"
    return (
        f"""Made by `python benchmarks/decoding.py --output benchmarks/RESULTS.md`.

Held-out maps of folds {", ".join(map(str, EVERYDAY_FOLDS))} (1,000 each), mean ± standard \
deviation over folds. A term is true if its TF-IDF is above the 80th
percentile of the non-zero TF-IDF of the study; {n_terms[0]:,} to {n_terms[-1]:,} terms, in at \
least 3 training studies. Popularity rho: Spearman's
correlation of the mean score of a term with the number of training studies in which it is true; \
top 10 frequency: mean of that number over the ten highest terms. The penalty of ridge is chosen on
1,000 training studies, that of TermHead by its leave-out likelihood; the inverse temperature of \
the mean over texts ({INVERSE_TEMPERATURE:g}) on fold -1 with folds 3
to 9 as training data.

{head}"""
        + "\n".join(rows)
        + f"""

Calibration of TermHead on held-out maps: mean absolute gap of predicted and observed shares in 100
bins of equal count {over_folds("calibration error")}, at a base rate of \
{over_folds("base rate")} (mean probability {over_folds("mean probability")}). One map to 50 \
terms: {over_folds("milliseconds a map")} ms on one core. Fitting the \
head: {over_folds("fit seconds")} s.
"""
    )


def main() -> None:
    """Measure all folds and print or write a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", DataWarning)
    corpus = load_corpus()
    text = report([run(corpus, fold) for fold in EVERYDAY_FOLDS])
    print(text)
    if arguments.output:
        replace_section(arguments.output, "decoding", "Brain maps to terms", text)


if __name__ == "__main__":
    main()
