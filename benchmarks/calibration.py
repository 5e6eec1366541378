"""Measure the calibration of predicted maps: ``python benchmarks/calibration.py``.

Needs ``SKLEARN_MNM_DATA``.
"""

import argparse
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from models import MODELS
from models.features import SEED
from protocol import EVERYDAY_FOLDS, load_corpus, split
from scipy.stats import norm
from sections import replace_section
from sklearn.model_selection import KFold

from sklearn_mnm import HyperbolicBrainTextEmbedder, Studies
from sklearn_mnm.decode_head import DecodeHead
from sklearn_mnm.exceptions import DataWarning
from sklearn_mnm.map_uncertainty import MapUncertainty
from sklearn_mnm.text_regression import TextRegression

NOMINAL = (0.8, 0.9, 0.95)
# False positive rates at which z is thresholded.
RATES = (0.05, 0.01, 0.001)
# As in the z map: activated is what is above this share of the study's largest activation.
ACTIVE = 0.1
# Parts of the training studies for which the decoder is fitted on the others.
N_PARTS = 5
NOTE = f"""Held-out studies of folds {", ".join(map(str, EVERYDAY_FOLDS))} (1,000 each, 512 \
regions), mean ± standard deviation over folds, seed 0; everything is learnt from leave-out
predictions of the training studies. Strong predictions are the largest tenth of the fold.
Unrelated: pairs of a study and a region that it does not activate (above a tenth of its largest
activation). Related, permuted: regions that a study activates, with the z of another study's text.
Likelihoods are of normal residuals, in nats a value."""


def leave_out_predictions(
    embedder: HyperbolicBrainTextEmbedder, X: Any, Y: np.ndarray
) -> np.ndarray:
    """Activations predicted for training studies without them, shape (n_studies, n_regions).

    Texts are those that the regression left out, as in the fit; the decoder is fitted on the
    other parts of the studies. The towers have seen all.
    """
    brain = embedder.activation_scaler_.transform(Y)
    start = TextRegression.fit(
        X,
        brain,
        None,
        alpha=embedder.alpha_,
        feature_weighting=embedder.feature_weighting,
        seed=SEED,
    )
    with torch.inference_mode():
        tangent = embedder.model_.text_tower(torch.as_tensor(start.left_out)).double().numpy()
    predicted = np.empty_like(Y, dtype=np.float64)
    for fitted, left_out in KFold(N_PARTS, shuffle=True, random_state=SEED).split(Y):
        head = DecodeHead.fit(tangent[fitted], Y[fitted], embedder.activation_scaler_)
        predicted[left_out] = head.predict(tangent[left_out])
    return predicted


def measure(train: Studies, test: Studies) -> dict[str, float]:
    """Fit on the training studies of a fold and measure on its test studies."""
    model = MODELS["ours"].build().fit(train)
    features, activations = model.text.transform(train), model.regions.transform(train)
    left_out = leave_out_predictions(model.embedder, features, activations)
    uncertainty = MapUncertainty.fit(left_out, activations)
    predicted = model.embedder.predict(model.text.transform(test))
    observed = model.regions.transform(test).astype(np.float64)
    return {
        **interval_scores(uncertainty, predicted, observed),
        **std_scores(uncertainty, predicted, observed, np.square(activations - left_out)),
        **z_scores(uncertainty.z(predicted), observed),
    }


def interval_scores(
    uncertainty: MapUncertainty, predicted: np.ndarray, observed: np.ndarray
) -> dict[str, float]:
    """Share of activations within intervals, in percent, overall, where strong, and by region."""
    strong = predicted > np.quantile(predicted, 0.9)
    scores = {}
    for nominal in NOMINAL:
        lower, upper = uncertainty.interval(predicted, nominal)
        within = 100.0 * ((lower <= observed) & (observed <= upper))
        name = f"coverage of {100 * nominal:.0f} % intervals"
        scores[f"{name}, %"] = within.mean()
        scores[f"{name}, strong predictions, %"] = within[strong].mean()
        scores[f"{name}, region at the 5th percentile, %"] = np.quantile(within.mean(axis=0), 0.05)
    return scores


def std_scores(
    uncertainty: MapUncertainty,
    predicted: np.ndarray,
    observed: np.ndarray,
    left_out_squared: np.ndarray,
) -> dict[str, float]:
    """Mean squared error in units of the variance, and log-likelihood against constant ones."""
    squared = np.square(observed - predicted)
    variances = {
        "variance of prediction and region": uncertainty.std(predicted) ** 2,
        "one variance a region": left_out_squared.mean(axis=0),
        "one variance": left_out_squared.mean(),
    }
    scores = {
        "root mean square of residual / std": np.sqrt(
            np.mean(squared / variances["variance of prediction and region"])
        )
    }
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
    text = "Made by `python benchmarks/calibration.py --output benchmarks/RESULTS.md`.\n\n"
    text += f"{NOTE}\n\n| measure | value |\n| --- | ---: |\n" + "\n".join(rows) + "\n"
    print(text)
    if arguments.output:
        replace_section(arguments.output, "calibration", "Uncertainty of predicted maps", text)


if __name__ == "__main__":
    main()
