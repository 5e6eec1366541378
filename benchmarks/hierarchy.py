"""Measure the hierarchy in embeddings of held-out studies: ``python benchmarks/hierarchy.py``.

Needs ``SKLEARN_MNM_DATA``.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from models import MODELS
from protocol import EVERYDAY_FOLDS, load_corpus, split
from sections import replace_section

from sklearn_mnm import Studies
from sklearn_mnm.brain.features import relative_extent
from sklearn_mnm.exceptions import DataWarning
from sklearn_mnm.hierarchy_metrics import extent_correlation, extent_order, radial_order

NAMES = ("ours", "ours_without_extent")
# Maps are compared if their shares of active regions differ by more than this.
MIN_DIFFERENCE = 0.1
NOTE = f"""Held-out studies of folds {", ".join(map(str, EVERYDAY_FOLDS))} (1,000 each), mean ± \
standard deviation over folds, seed 0. Text
above brain: share of studies whose text is nearer to the origin than its own map. Broad above
focal: share of the pairs of maps whose shares of active regions (above a tenth of the largest
activation, of 512) differ by more than {MIN_DIFFERENCE} in which the broader map is nearer to the
origin; correlation: Spearman's, of the radius of a map with that share."""


def measure(name: str, train: Studies, test: Studies) -> dict[str, float]:
    """Fit a model on the training studies of a fold and measure on its test studies."""
    model = MODELS[name].build().fit(train)
    activations = model.regions.transform(test)
    text, brain = model.embedder.transform(model.text.transform(test), activations)
    known = text[:, 0] > 1  # a text without a known term is at the origin
    radii, extent = np.arccosh(brain[:, 0]), relative_extent(activations)
    return {
        "text above brain, %": radial_order(text[known], brain[known]),
        "broad above focal, %": extent_order(radii, extent, MIN_DIFFERENCE),
        "correlation of radius and extent": extent_correlation(radii, extent),
    }


def main() -> None:
    """Measure the models and print or write a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", DataWarning)
    corpus = load_corpus()
    rows = []
    for name in NAMES:
        folds = pd.DataFrame([measure(name, *split(*corpus, fold)) for fold in EVERYDAY_FOLDS])
        cells = [f"{folds[c].mean():.2f} ± {folds[c].std():.2f}" for c in folds]
        rows.append(f"| {MODELS[name].title} | " + " | ".join(cells) + " |")
    head = "| model | " + " | ".join(folds.columns) + " |\n| --- | ---: | ---: | ---: |\n"
    text = "Made by `python benchmarks/hierarchy.py --output benchmarks/RESULTS.md`.\n\n"
    text += f"{NOTE}\n\n{head}" + "\n".join(rows) + "\n"
    print(text)
    if arguments.output:
        replace_section(arguments.output, "hierarchy", "Hierarchy of held-out studies", text)


if __name__ == "__main__":
    main()
