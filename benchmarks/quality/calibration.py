"""Measure the calibration of predicted maps: ``python -m benchmarks calibration``.

Needs ``SKLEARN_MNM_DATA``.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm

from benchmarks.common.protocol import EVERYDAY_FOLDS, load_corpus, split
from benchmarks.common.sections import replace_section
from benchmarks.making.pretrained import fit
from sklearn_mnm import MNMEncoder, Studies
from sklearn_mnm.exceptions import DataWarning

NOMINAL = (0.8, 0.9, 0.95)
# False positive rates at which z is thresholded.
RATES = (0.05, 0.01, 0.001)
# As in the z map: activated is what is above this share of the study's largest activation.
ACTIVE = 0.1
NOTE = f"""Held-out studies of folds {", ".join(map(str, EVERYDAY_FOLDS))} (1,000 each, 512 \
regions), mean ± standard deviation over folds, seed 0; everything is learnt from leave-out
predictions of the training studies. Strong predictions are the largest tenth of the fold.
Unrelated: pairs of a study and a region that it does not activate (above a tenth of its largest
activation). Related, permuted: regions that a study activates, with the z of another study's text.
Likelihoods are of normal residuals, in nats a value; constant variances are those of activations
in the training studies. Networks: 17 and 7, cut from the tree of the regions."""


def measure(train: Studies, test: Studies) -> dict[str, float]:
    """Fit on the training studies of a fold and measure on its test studies."""
    encoder = fit(train, n_components=None)
    observed = encoder.regions_.transform(test).astype(np.float64)
    predicted, std = encoder.predict(test, return_std=True)
    intervals = {level: encoder.predict_interval(test, coverage=level) for level in NOMINAL}
    spread = encoder.regions_.transform(train).astype(np.float64).var(axis=0)
    return {
        **interval_scores(intervals, predicted, observed),
        **network_scores(encoder, test, observed),
        **std_scores(predicted, std, observed, spread),
        **z_scores(encoder.predict_z(test), observed),
    }


def interval_scores(
    intervals: dict[float, tuple[np.ndarray, np.ndarray]],
    predicted: np.ndarray,
    observed: np.ndarray,
) -> dict[str, float]:
    """Share of activations within intervals, in percent, overall, where strong, and by region."""
    strong = predicted > np.quantile(predicted, 0.9)
    scores = {}
    for nominal, (lower, upper) in intervals.items():
        within = 100.0 * ((lower <= observed) & (observed <= upper))
        name = f"coverage of {100 * nominal:.0f} % intervals"
        scores[f"{name}, %"] = within.mean()
        scores[f"{name}, strong predictions, %"] = within[strong].mean()
        scores[f"{name}, region at the 5th percentile, %"] = np.quantile(within.mean(axis=0), 0.05)
    return scores


def network_scores(encoder: MNMEncoder, test: Studies, observed: np.ndarray) -> dict[str, float]:
    """Share of the activations of networks within 90 % intervals, in percent."""
    scores = {}
    for level in ("ward17", "ward7"):
        values = encoder.hierarchy_.aggregate(observed, level)
        lower, upper = encoder.predict_interval(test, level=level, coverage=0.9)
        within = (lower <= values) & (values <= upper)
        number = encoder.hierarchy_.n_networks(level)
        scores[f"coverage of 90 % intervals, {number} networks, %"] = 100 * within.mean()
    return scores


def std_scores(
    predicted: np.ndarray, std: np.ndarray, observed: np.ndarray, spread: np.ndarray
) -> dict[str, float]:
    """Mean squared error in units of the variance, and log-likelihood against constant ones."""
    squared = np.square(observed - predicted)
    variances = {
        "variance of prediction and region": std**2,
        "one variance a region": spread,
        "one variance": spread.mean(),
    }
    scores = {"root mean square of residual / std": np.sqrt(np.mean(squared / std**2))}
    for name, variance in variances.items():
        terms = np.log(2 * np.pi * variance) + squared / variance
        scores[f"log-likelihood, {name}"] = -0.5 * terms.mean()
    return scores


def z_scores(z: np.ndarray, observed: np.ndarray) -> dict[str, float]:
    """Moments and tails of z where text and region are unrelated, and power where not."""
    related = observed > ACTIVE * observed.max(axis=1, keepdims=True)
    other = np.roll(z, 1, axis=0)
    scores = {
        "z, unrelated: mean": z[~related].mean(),
        "z, unrelated: standard deviation": z[~related].std(),
        "z, related, permuted: mean": other[related].mean(),
        "z, related, permuted: standard deviation": other[related].std(),
        "z, related: mean": z[related].mean(),
    }
    for rate in RATES:
        threshold = norm.isf(rate)
        above = f"z > {threshold:.2f} ({100 * rate:g} % of a normal)"
        scores[f"{above}, unrelated, %"] = 100 * np.mean(z[~related] > threshold)
        scores[f"{above}, related, %"] = 100 * np.mean(z[related] > threshold)
    return scores


def main() -> None:
    """Measure on the everyday folds and print or write a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", DataWarning)
    corpus = load_corpus()
    folds = pd.DataFrame([measure(*split(*corpus, fold)) for fold in EVERYDAY_FOLDS])
    rows = [f"| {c} | {folds[c].mean():.3f} ± {folds[c].std():.3f} |" for c in folds]
    text = "Made by `python -m benchmarks calibration --output benchmarks/RESULTS.md`.\n\n"
    text += f"{NOTE}\n\n| measure | value |\n| --- | ---: |\n" + "\n".join(rows) + "\n"
    print(text)
    if arguments.output:
        replace_section(arguments.output, "calibration", "Uncertainty of predicted maps", text)
