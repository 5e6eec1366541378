"""Decode labelled statistical maps: ``python benchmarks/real_maps.py``.

Needs ``SKLEARN_MNM_DATA`` with ``real_maps/``: unthresholded group maps and ``manifest.tsv``, which
gives the words that each of them should bring. About a minute.
"""

import argparse
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
from protocol import data_folder
from sections import replace_section
from sklearn.metrics import roc_auc_score
from table import markdown_table

from sklearn_mnm import MNMDecoder, load_model, load_pretrained
from sklearn_mnm.exceptions import MNMWarning

DEFAULT, POSITIVE = "default: excess over the 95th percentile", "all positive values"
WAYS: dict[str, Callable[[MNMDecoder, Any], np.ndarray]] = {
    DEFAULT: lambda decoder, image: decoder._activations(image),
    "the same, uncovered regions as 0": lambda decoder, image: decoder.regions_.regions_from_img(
        image, prominent=True
    ),
    POSITIVE: lambda decoder, image: decoder.regions_.regions_from_img(_positive(image)),
    "positive values above 3": lambda decoder, image: decoder.regions_.regions_from_img(
        _positive(image, 3.0)
    ),
}


def _positive(image: Any, least: float = 0.0) -> Any:
    values = np.nan_to_num(np.asarray(image.dataobj, dtype=np.float32))
    return nibabel.Nifti1Image(np.where(values > least, values, 0), image.affine)


def rank_of_label(scores: np.ndarray, names: list[str], words: set[str]) -> float:
    """Rank, from 1, of the best of some words among all terms; NaN if none is a term."""
    known = [row for row, name in enumerate(names) if name in words]
    if not known:
        return np.nan
    return float(1 + min((scores > scores[row]).sum() for row in known))


def measure(decoder: MNMDecoder, folder: Path) -> pd.DataFrame:
    """Return a row for each map and way, with rank and area under the curve of its words."""
    names = list(decoder.terms_)
    rows = []
    for entry in pd.read_csv(folder / "manifest.tsv", sep="\t").itertuples():
        image, words = nibabel.load(folder / entry.file), set(entry.terms.split("|"))
        for way, activations in WAYS.items():
            maps = activations(decoder, image)
            # Maps without a value above 3 have nothing left.
            scores = decoder.decision_function(maps)[0] if maps.any() else np.zeros(len(names))
            is_word = np.isin(names, list(words))
            auc = 100 * roc_auc_score(is_word, scores) if is_word.any() else np.nan
            rank = rank_of_label(scores, names, words) if maps.any() else len(names)
            rows.append((entry.label, entry.kind, way, rank, auc))
    return pd.DataFrame(rows, columns=["label", "kind", "way", "rank", "AUC"])


def report(found: pd.DataFrame, model: str) -> str:
    """Tables over all maps, by kind, and of each map."""

    def line(part: pd.DataFrame) -> list[str]:
        n_first, n = int((part["rank"] <= 10).sum()), len(part)
        share = f"{n_first} of {n} ({100 * n_first / n:.0f} %)"
        return [share, f"{part['rank'].median():g}", f"{part['AUC'].mean():.1f}"]

    columns = ["a word of the label in the first 10", "median rank of the best", "AUC, %"]
    by_way = [[way, *line(found[found["way"] == way])] for way in WAYS]
    default = found[found["way"] == DEFAULT]
    by_kind = [[str(kind), *line(part)] for kind, part in default.groupby("kind")]
    of_maps = [
        [default["label"].iloc[number], *(f"{rank:g}" for rank in ranks)]
        for number, ranks in enumerate(found["rank"].to_numpy().reshape(-1, len(WAYS)))
    ]
    return f"""Made by `python benchmarks/real_maps.py`; model: {model}.

{len(default)} unthresholded group maps with the words that they should bring; no model \
was trained on them, but the percentile was chosen on them, where 85 to 97 differ little. Rank: of \
the best word among all terms of the vocabulary. AUC: mean over maps of the area under the \
receiver's curve of the words.

{markdown_table(["what counts of a map", *columns], by_way, 1)}

The default by kind of map:

{markdown_table(["kind", *columns], by_kind, 1)}

Rank of the best word of each map:

{markdown_table(["map", *WAYS], of_maps, 1)}
"""


def main() -> None:
    """Measure a model and print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="folder of a saved model instead of the bundled")
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", MNMWarning)
    if arguments.model is None:
        decoder, name = load_pretrained().decoder, "the bundled one"
    else:
        loaded, name = load_model(arguments.model), str(arguments.model.name)
        decoder = loaded if isinstance(loaded, MNMDecoder) else loaded.decoder()
    text = report(measure(decoder, data_folder() / "real_maps"), name)
    print(text)
    if arguments.output:
        replace_section(arguments.output, "real-maps", "Real statistical maps to terms", text)


if __name__ == "__main__":
    main()
