"""Decode maps as smaller groups would have them: ``python -m benchmarks group_size``.

Needs ``SKLEARN_MNM_DATA`` with ``real_maps/``. Two minutes.
"""

import argparse
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.common.protocol import data_folder
from benchmarks.common.sections import replace_section
from benchmarks.common.table import markdown_table
from benchmarks.quality.real_maps import of_words
from sklearn_mnm import MNMDecoder, load_pretrained
from sklearn_mnm.brain.atlas import image_from_voxels
from sklearn_mnm.brain.maps import maps_on_mask
from sklearn_mnm.brain.smoothness import smooth_noise
from sklearn_mnm.exceptions import MNMWarning

# Of the participants of the map.
SHARES = (1.0, 0.5, 0.25, 0.1, 0.05, 0.02)
# Maps of noise for each map and share, and their width at half maximum in mm.
N_DRAWS, FWHM = 10, 8.0


def measure(decoder: MNMDecoder, folder: Path) -> pd.DataFrame:
    """Return a row for each map, share and draw."""
    manifest = pd.read_csv(folder / "manifest.tsv", sep="\t")
    mask_img, names = decoder.regions_.mask_img_, list(decoder.terms_)
    maps = maps_on_mask([str(folder / file) for file in manifest["file"]], mask_img)
    n_noise = len(manifest) * len(SHARES) * N_DRAWS
    noise = smooth_noise(mask_img, np.full(n_noise, FWHM), seed=0)
    rows = []
    for number, terms in enumerate(manifest["terms"]):
        words = set(terms.split("|"))
        for share in SHARES:
            for draw in range(1 if share == 1 else N_DRAWS):
                values = share**0.5 * maps.voxels[number]
                values = values + (1 - share) ** 0.5 * _unit(next(noise))
                values = np.where(maps.covered[number], values, 0).astype(np.float32)
                found = _decoded(decoder, image_from_voxels(values, mask_img), names, words)
                rows.append((number, share, draw, *found))
    columns = ["map", "share", "draw", "rank", "AUC", "p", "peak"]
    return pd.DataFrame(rows, columns=columns)


def _unit(noise: np.ndarray) -> np.ndarray:
    return noise / noise.std()


def _decoded(decoder: MNMDecoder, image: Any, names: list[str], words: set[str]) -> tuple:
    """Rank of the best word, area under the curve, p value of the map and its highest value."""
    rank, auc = of_words(decoder.decision_function(image)[0], names, words)
    p = decoder.predict_topk(image, k=1)["p_map"].iloc[0]
    return rank, auc, float(p), float(np.asarray(image.dataobj).max())


def report(found: pd.DataFrame) -> str:
    """Table by share of the participants."""
    rows = []
    for share, part in found.groupby("share", sort=False):
        of_maps = part.assign(first=part["rank"] <= 10, out=part["p"] <= 0.05)
        of_maps = of_maps.groupby("map")[["first", "rank", "AUC", "out", "peak"]].mean()
        rows.append(
            [
                f"{100 * share:g} %",
                f"{100 * of_maps['first'].mean():.0f}",
                f"{part['rank'].median():g}",
                f"{of_maps['AUC'].mean():.1f}",
                f"{100 * of_maps['out'].mean():.0f}",
                f"{of_maps['peak'].median():.1f}",
            ]
        )
    columns = ["participants", "a word of the label in the first 10, %", "median rank", "AUC, %"]
    columns += ["stands out from noise (p at most 0.05), %", "median of the highest value"]
    return f"""Made by `python -m benchmarks group_size`; model: the bundled one.

The {found["map"].nunique()} labelled group maps of the section before, taken as z. A map of a
share f of the participants is made of a map z as sqrt(f) z + sqrt(1 - f) e, with e noise of
unit variance and {FWHM:g} mm full width at half maximum: what is expected of z falls as it would,
and its noise keeps its variance. {N_DRAWS} draws of noise for each map and share, means over
maps; 100 % are the maps themselves.

{markdown_table(columns, rows, 1)}
"""


def main() -> None:
    """Measure and print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", MNMWarning)
    text = report(measure(load_pretrained().decoder, data_folder() / "real_maps"))
    print(text)
    if arguments.output:
        replace_section(arguments.output, "group-size", "Real maps of smaller groups", text)
