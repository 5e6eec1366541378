"""Decode held-out brain maps into terms: ``python -m benchmarks decoding``.

Needs ``SKLEARN_MNM_DATA`` and NiMARE. Records are kept in ``benchmarks/.cache`` as long as the code
that made them is the same.
"""

import argparse
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import softmax
from scipy.stats import spearmanr
from sklearn.utils import gen_batches

from benchmarks.common import runner
from benchmarks.common.protocol import (
    EVERYDAY_FOLDS,
    POOL_SIZE,
    load_corpus,
    retrieval_scores,
    split,
    voxel_maps,
)
from benchmarks.common.sections import replace_section
from benchmarks.common.table import interval, markdown_table, paired_interval
from benchmarks.models import MODELS
from benchmarks.quality.decoding_baselines import (
    GCLDA_SWEEPS,
    active_regions,
    association_maps,
    correlation,
    correlation_decoder_scores,
    gclda_scores,
    ridge_scores,
)
from sklearn_mnm import Studies
from sklearn_mnm.exceptions import DataWarning
from sklearn_mnm.model.salience import salient_terms
from sklearn_mnm.model.term_posterior import TermPosterior

# What is compared on fold -1: dimensions, and how the likeness of studies becomes a ranking.
DIMENSIONS = (64, 128, None)
INVERSE_TEMPERATURES = (0.5, 0.6, 0.7, 0.85, 1.0)
FREQUENCY_POWERS = (0.0, 0.3, 0.5, 0.75)
# What this script does not measure, for the time it takes.
NOTE = """The maps of `CorrelationDecoder` with `MKDAChi2` are computed for all terms in one \
product: the decoder itself needs 20 s a term, 25 hours a fold. They are those of the decoder \
(compared on fold 0: 12 terms, largest difference in z below 1e-6), on 4 mm voxels instead of \
2 mm. On fold -1 its mAP is 3.57 % with the square root of the map, 3.47 % with the map itself. \
A sweep of GC-LDA over 7,000 studies takes 1 s; on fold -1 its mAP is 3.26, 3.74, 3.95, 4.04 and \
4.17 % after 25, 50, 100, 200 and 300 sweeps, and 1.39 % after 200 with counts of all terms \
instead of salient terms."""
BY_TRAINING = "penalty on 1,000 training studies"
BASELINES = {
    "popularity": ("popularity of the term alone", "nothing to tune"),
    "association": (
        "Neurosynth-style: correlation with z maps of association (Ward 512)",
        "nothing tuned",
    ),
    "correlation decoder": (
        "NiMARE's CorrelationDecoder: z maps of association, MKDA on 4 mm voxels",
        "its defaults; square root of the map on fold -1",
    ),
    "gclda": (
        "NiMARE's GCLDAModel and gclda_decode_map on salient terms",
        f"its defaults, but {GCLDA_SWEEPS} sweeps; salient terms instead of counts on fold -1",
    ),
    "ridge": ("ridge, square root of region sums (Ward 512) to TF-IDF", BY_TRAINING),
    "ridge to salience": (
        "ridge, square root of region sums (Ward 512) to salience",
        BY_TRAINING,
    ),
}
OURS = {
    "ranking": ("ours, MNMDecoder.decision_function", "two constants on fold -1"),
    "probability": ("ours, MNMDecoder.predict_proba", "calibrated on studies left out"),
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


def mean_score(scores: np.ndarray, truth: np.ndarray) -> float:
    """Mean of mAP and nDCG@10, the score by which ridge regressions are tuned."""
    return float(np.mean(list(ranking_scores(scores, truth).values())))


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


def measure(train: Studies, test: Studies) -> dict[str, Any]:
    """Fit everything on the training studies and score the test studies."""
    model = _built(None).fit(train)
    terms, truth = model.text.transform(train), salient_terms(model.text.transform(test)).toarray()
    frequency = np.asarray(salient_terms(terms).sum(axis=0)).ravel()
    activations, test_activations = model.regions.transform(train), model.regions.transform(test)
    start = time.perf_counter()
    posterior = _posterior(model, activations, terms)
    fit_seconds = time.perf_counter() - start
    shares = posterior.shares(_log_odds(model, test_activations))
    probability = posterior.predict_proba(shares)
    ridges, alphas = ridge_scores(train, test, terms, mean_score)
    patterns = association_maps(active_regions(activations), terms)
    maps = voxel_maps(test)
    scores = {
        "popularity": np.broadcast_to(frequency, truth.shape),
        "association": correlation(np.sqrt(test_activations), patterns),
        "correlation decoder": correlation_decoder_scores(train, np.sqrt(maps), terms),
        "gclda": gclda_scores(train, maps, terms),
        **ridges,
        "ranking": posterior.decision_function(shares),
        "probability": probability,
    }
    return {
        "n_terms": int(truth.shape[1]),
        "n_maps": int(truth.any(axis=1).sum()),
        "penalties": alphas,
        "fit seconds": fit_seconds,
        "milliseconds a map": _milliseconds(model, posterior, test_activations),
        "calibration error": calibration_error(probability, truth),
        "mean probability": float(probability.mean()),
        "base rate": float(truth.mean()),
        "true frequency": float((truth @ frequency).sum() / truth.sum()),
        "scores": {
            name: ranking_scores(values, truth) | popularity_scores(values, frequency)
            for name, values in scores.items()
        },
    }


def measure_dimension(
    train: Studies, validation: Studies, n_components: int | None
) -> dict[str, Any]:
    """Score decoding and retrieval of an embedder of some dimension, and ways to rank."""
    model = _built(n_components).fit(train)
    terms, test_terms = model.text.transform(train), model.text.transform(validation)
    truth = salient_terms(test_terms).toarray()
    activations, maps = model.regions.transform(train), model.regions.transform(validation)
    points = model.embedder.transform_brain(maps)
    similarity = model.embedder.similarity(model.embedder.transform(test_terms), points)
    # Pools as large as those of the other folds.
    pools = [similarity[pool, pool] for pool in gen_batches(len(points), POOL_SIZE)]
    recalls = pd.DataFrame([retrieval_scores(pool) for pool in pools]).mean()
    posterior, log_odds = _posterior(model, activations, terms), _log_odds(model, maps)
    shares = posterior.shares(log_odds)
    ways = {}
    for inverse in INVERSE_TEMPERATURES:
        likelihood = softmax(inverse * log_odds, axis=0)
        of_terms = np.asarray((posterior.salience.T @ likelihood).T)
        few = 5 / len(activations)
        for power in FREQUENCY_POWERS:
            scores = (of_terms + few) / (posterior.rates + few) ** power
            ways[f"{inverse:g}, {power:g}"] = ranking_scores(scores, truth)
    return {
        "dimension": model.embedder.n_components_,
        "retrieval": {name: float(recalls[name]) for name in ("t2b R@10", "b2t R@10")},
        "ranking": ranking_scores(posterior.decision_function(shares), truth),
        "probability": ranking_scores(posterior.predict_proba(shares), truth),
        "ways": ways,
    }


def _built(n_components: int | None) -> Any:
    params = {**MODELS["ours"].params, "n_components": n_components, "store_left_out": True}
    return replace(MODELS["ours"], params=params).build()


def _log_odds(model: Any, activations: np.ndarray) -> np.ndarray:
    """Of the texts of the training studies, predicted without themselves, with maps."""
    embedder = model.embedder
    return embedder.pair_log_odds(embedder.left_out_points_, embedder.transform_brain(activations))


def _posterior(model: Any, activations: np.ndarray, terms: Any) -> TermPosterior:
    return TermPosterior.fit(lambda rows: _log_odds(model, activations[rows]), terms)


def _milliseconds(model: Any, posterior: TermPosterior, activations: np.ndarray) -> float:
    """Median time from one map of region activations to its 50 most probable terms."""
    seconds = []
    for row in range(50):
        start = time.perf_counter()
        log_odds = _log_odds(model, activations[row : row + 1])
        probability = posterior.predict_proba(posterior.shares(log_odds))[0]
        top = np.argpartition(-probability, 50)[:50]
        top[np.argsort(-probability[top])]
        seconds.append(time.perf_counter() - start)
    return 1000 * float(np.median(seconds))


@lru_cache
def _digest() -> str:
    """Name of the code that makes the records, as it was at the start of this process."""
    own = ("benchmarks/quality/decoding.py", "benchmarks/quality/decoding_baselines.py")
    return runner.code_digest(*own)[:12]


def run(name: str, record: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return a record, from the cache if it is still true."""
    path = runner.CACHE / f"decoding-{name}-{_digest()}.json"
    if not path.exists():
        runner.CACHE.mkdir(exist_ok=True)
        path.write_text(json.dumps(record(), indent=1))
    return json.loads(path.read_text())


def report(records: list[dict[str, Any]]) -> str:
    """Tables and notes of the records of all folds, in Markdown."""

    def over_folds(key: str) -> str:
        values = np.array([record[key] for record in records], dtype=float)
        return f"{values.mean():.3g} ± {values.std(ddof=1):.1g}"

    scores = {
        name: pd.DataFrame([record["scores"][name] for record in records])
        for name in (*BASELINES, *OURS)
    }
    columns = list(scores["popularity"])
    rows = [
        [*text, *(f"{scores[name][c].mean():.2f} ± {scores[name][c].std():.2f}" for c in columns)]
        for name, text in {**BASELINES, **OURS}.items()
    ]
    best = max(BASELINES, key=lambda name: scores[name]["mAP"].mean())
    differences = [
        [
            OURS[name][0],
            *(
                interval(paired_interval((scores[name][c] - scores[best][c]).to_numpy()), 2)
                for c in ("mAP", "nDCG@10")
            ),
        ]
        for name in OURS
    ]
    n_terms = sorted(record["n_terms"] for record in records)
    penalties = pd.DataFrame([record["penalties"] for record in records])
    chosen = "; ".join(
        f"{name} {', '.join(f'{value:.3g}' for value in penalties[name])}" for name in penalties
    )
    measures = ["mAP, %", "nDCG@10, %"]
    return f"""Made by `python -m benchmarks decoding --output benchmarks/RESULTS.md`.

Held-out maps of folds {", ".join(map(str, EVERYDAY_FOLDS))} (1,000 each), mean ± standard \
deviation over folds; all rank the same terms for the same maps. A term is true if its TF-IDF is \
above the 80th percentile of the non-zero TF-IDF of the study (or the highest of a text of few \
terms); {n_terms[0]:,} to {n_terms[-1]:,} terms, in at least 3 training studies. Popularity rho: \
Spearman's correlation of the mean score of a term with the number of training studies in which \
it is true; near 0 for scores centred on the training maps. Top 10 \
frequency: mean of that number over the ten highest terms of each map; the true terms have \
{over_folds("true frequency")}.

{markdown_table(["ranked by", "tuned", *measures, "popularity rho", "top 10 frequency"], rows, 2)}

Paired differences to the best baseline by mAP ({BASELINES[best][0]}), with 95 % t intervals over \
folds (folds share most of their training studies, so the intervals are somewhat too narrow):

{markdown_table(["less the best baseline", *measures], differences, 1)}

{NOTE} Chosen on the folds: {chosen}.

Calibration of `predict_proba` on held-out maps: mean absolute gap of predicted and observed \
shares in 100 bins of equal count {over_folds("calibration error")}, at a base rate of \
{over_folds("base rate")} (mean probability {over_folds("mean probability")}). One map to 50 \
terms: {over_folds("milliseconds a map")} ms on one core. Finding salient terms \
and calibration: \
{over_folds("fit seconds")} s.
"""


def report_choices(records: list[dict[str, Any]]) -> str:
    """Tables of dimensions and of ways to rank on the validation studies, in Markdown."""
    rows = [
        [str(record["dimension"])]
        + [
            f"{value:.2f}"
            for part in ("ranking", "probability", "retrieval")
            for value in record[part].values()
        ]
        for record in records
    ]
    header = [
        "dimension",
        *(f"{s} by {by}" for by in ("ranking", "probability") for s in ("mAP", "nDCG@10")),
    ]
    ways = [
        [*way.split(", "), *(f"{value:.2f}" for value in scores.values())]
        for way, scores in records[-1]["ways"].items()
    ]
    return f"""
Choices on fold -1 (2,000 studies), with folds 3 to 9 as training data, in percent. Dimension of \
the embedder (R@10 in pools of 1,000):

{markdown_table([*header, "R@10 t→b", "R@10 b→t"], rows, 1)}

Inverse temperature of the log-odds and power of the base rate by which a ranking divides, at the \
full dimension:

{markdown_table(["inverse temperature", "power", "mAP", "nDCG@10"], ways, 2)}
"""


def main() -> None:
    """Measure all folds and print or write tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", DataWarning)
    studies, folds = load_corpus()
    train, validation = (studies[np.flatnonzero(rows)] for rows in (folds >= 3, folds == -1))
    choices = [
        run(f"dimension{n}", lambda n=n: measure_dimension(train, validation, n))
        for n in DIMENSIONS
    ]
    records = [
        run(f"fold{fold}", lambda fold=fold: measure(*split(studies, folds, fold)))
        for fold in EVERYDAY_FOLDS
    ]
    text = report(records) + report_choices(choices)
    print(text)
    if arguments.output:
        replace_section(arguments.output, "decoding", "Brain maps to terms", text)
