"""Decode labelled statistical maps: ``python -m benchmarks real_maps``.

Needs ``SKLEARN_MNM_DATA`` with ``real_maps/``: unthresholded group maps and ``manifest.tsv``, which
gives the words that each of them should bring; and with ``cognitive_atlas/``. Two minutes; with
``--baselines``, which are fitted to the same studies, and need NiMARE and
``neuroquery``, half an hour.
"""

import argparse
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
from nilearn.datasets import load_fsaverage, load_mni152_brain_mask
from nilearn.surface import SurfaceImage
from sklearn.metrics import roc_auc_score

from benchmarks.common.protocol import RESOLUTION, data_folder, load_corpus
from benchmarks.common.runner import CACHE
from benchmarks.common.sections import replace_section
from benchmarks.common.table import markdown_table
from benchmarks.quality.decoding_baselines import (
    correlation_decoder_scores,
    gclda_scores,
    neuroquery_scores,
)
from benchmarks.quality.tasks import power_of_titles
from sklearn_mnm import MNMDecoder, load_model, load_pretrained
from sklearn_mnm.brain.maps import maps_on_mask
from sklearn_mnm.exceptions import MNMWarning
from sklearn_mnm.text import load_cognitive_atlas

DEFAULT, POSITIVE = "default: excess over the 95th percentile", "all positive values"
WAYS: dict[str, Callable[[MNMDecoder, Any], np.ndarray]] = {
    DEFAULT: lambda decoder, image: decoder._activations(image),
    "the same of the map on the cortex (fsaverage5)": lambda decoder, image: decoder._activations(
        _on_cortex(image)
    ),
    "the same, uncovered regions as 0": lambda decoder, image: decoder.regions_.regions_from_img(
        image, prominent=True
    ),
    POSITIVE: lambda decoder, image: decoder.regions_.regions_from_img(_positive(image)),
    "positive values above 3": lambda decoder, image: decoder.regions_.regions_from_img(
        _positive(image, 3.0)
    ),
}


BASELINES = {
    "NiMARE's CorrelationDecoder, z maps of association (MKDA)": correlation_decoder_scores,
    "NiMARE's gclda_decode_map on salient terms, 100 sweeps": gclda_scores,
    "NeuroQuery's model inverted: correlation with its z map of each term": neuroquery_scores,
}


def _positive(image: Any, least: float = 0.0) -> Any:
    values = np.nan_to_num(np.asarray(image.dataobj, dtype=np.float32))
    return nibabel.Nifti1Image(np.where(values > least, values, 0), image.affine)


# Contrasts of the Human Connectome Project and the tasks of the Cognitive Atlas that they are of.
TASKS = {
    "gambling reward > loss": "gambling fMRI task paradigm",
    "language story > math": "language processing fMRI task paradigm",
    "theory of mind > random": "social cognition (theory of mind) fMRI task paradigm",
    "2-back > 0-back": "working memory fMRI task paradigm",
    "motor right foot > other movements": "motor fMRI task paradigm",
    "motor right hand > other movements": "motor fMRI task paradigm",
    "motor average": "motor fMRI task paradigm",
    "places > other categories": "working memory fMRI task paradigm",
    "body > other categories": "working memory fMRI task paradigm",
}


def _on_cortex(image: Any) -> SurfaceImage:
    meshes = load_fsaverage("fsaverage5")
    return SurfaceImage.from_volume(meshes["pial"], image, inner_mesh=meshes["white_matter"])


def rank_of_label(scores: np.ndarray, names: list[str], words: set[str]) -> float:
    """Rank, from 1, of the best of some words among all terms; NaN if none is a term."""
    known = [row for row, name in enumerate(names) if name in words]
    if not known:
        return np.nan
    return float(1 + min((scores > scores[row]).sum() for row in known))


def of_words(scores: np.ndarray, names: list[str], words: set[str]) -> tuple[float, float]:
    """Rank of the best of some words, and area under the receiver's curve of all of them, in %."""
    is_word = np.isin(names, list(words))
    auc = 100 * roc_auc_score(is_word, scores) if is_word.any() else np.nan
    return rank_of_label(scores, names, words), auc


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
            rank, auc = of_words(scores, names, words)
            rank = rank if maps.any() else len(names)
            rows.append((entry.label, entry.kind, way, rank, auc))
    return pd.DataFrame(rows, columns=["label", "kind", "way", "rank", "AUC"])


def task_ranks(decoder: MNMDecoder, folder: Path) -> pd.DataFrame:
    """Rank of the task of each contrast among those with contrasts, and among paradigms of fMRI."""
    atlas = load_cognitive_atlas(folder / "cognitive_atlas")
    names, shown = atlas.terms.loc[atlas.terms["kind"] == "task", "name"], atlas.conditions()
    pools = {
        "with contrasts": [name for name in names if name in shown],
        "paradigms": [name for name in names if "fMRI task paradigm" in name],
    }
    manifest = pd.read_csv(folder / "real_maps" / "manifest.tsv", sep="\t").set_index("label")
    rows = []
    for label, task in TASKS.items():
        path = folder / "real_maps" / manifest.loc[label, "file"]
        ranks = {}
        for pool, tasks in pools.items():
            told = {name: shown.get(name, ()) for name in tasks}
            ways = {
                "names": (tasks, 0.0),
                "names, contrasts": (told, 0.0),
                "names, contrasts, titles": (told, None),
            }
            for way, (terms, power) in ways.items():
                with power_of_titles(power):
                    scores = np.nan_to_num(decoder.decision_function(path, terms=terms)[0])
                rank = rank_of_label(scores, tasks, {task})
                ranks[f"{pool} ({len(tasks)}), {way}"] = rank
        rows.append({"contrast": label, "task": task, **ranks})
    return pd.DataFrame(rows)


# What of an image other decoders are given.
TREATMENTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as it is": lambda maps: maps,
    "positive values": lambda maps: np.maximum(maps, 0),
    "excess over the 95th percentile": lambda maps: np.maximum(
        maps - np.percentile(maps, 95, axis=1, keepdims=True).clip(0), 0
    ),
}


def measure_baselines(decoder: MNMDecoder, folder: Path) -> pd.DataFrame:
    """Return a row for each other decoder, treatment and map, fitted to the same studies."""
    manifest = pd.read_csv(folder / "manifest.tsv", sep="\t")
    images = [str(folder / file) for file in manifest["file"]]
    voxels = maps_on_mask(images, load_mni152_brain_mask(resolution=RESOLUTION)).voxels
    treated = np.concatenate([treatment(voxels) for treatment in TREATMENTS.values()])
    studies = load_corpus()[0]
    terms = decoder.term_vectorizer_.transform(studies.counts)
    names = list(decoder.terms_)
    rows = []
    for decoder_name, scores_of in BASELINES.items():
        scores = np.split(scores_of(studies, treated, terms), len(TREATMENTS))
        for treatment, of_maps in zip(TREATMENTS, scores, strict=True):
            for entry, of_map in zip(manifest.itertuples(), of_maps, strict=True):
                rank, auc = of_words(of_map, names, set(entry.terms.split("|")))
                rows.append((entry.label, f"{decoder_name}; {treatment}", rank, auc))
    return pd.DataFrame(rows, columns=["label", "way", "rank", "AUC"])


def report(found: pd.DataFrame, others: pd.DataFrame, tasks: pd.DataFrame, model: str) -> str:
    """Tables over all maps, by kind, and of each map."""

    def line(part: pd.DataFrame) -> list[str]:
        n_first, n = int((part["rank"] <= 10).sum()), len(part)
        share = f"{n_first} of {n} ({100 * n_first / n:.0f} %)"
        return [share, f"{part['rank'].median():g}", f"{part['AUC'].mean():.1f}"]

    columns = ["a word of the label in the first 10", "median rank of the best", "AUC, %"]
    by_way = [[way, *line(found[found["way"] == way])] for way in WAYS]
    others_by_way = [[str(way), *line(part)] for way, part in others.groupby("way", sort=False)]
    default = found[found["way"] == DEFAULT]
    by_kind = [[str(kind), *line(part)] for kind, part in default.groupby("kind")]
    of_maps = [
        [default["label"].iloc[number], *(f"{rank:g}" for rank in ranks)]
        for number, ranks in enumerate(found["rank"].to_numpy().reshape(-1, len(WAYS)))
    ]
    ranks = tasks.drop(columns=["contrast", "task"])
    of_pools = [
        [pool, *(f"{100 * (ranks[pool] <= k).mean():.0f}" for k in (1, 4, 10))] for pool in ranks
    ]
    of_tasks = [
        [str(value) for value in row] for row in tasks.astype({n: int for n in ranks}).values
    ]
    return f"""Made by `python -m benchmarks real_maps`; model: {model}.

{len(default)} unthresholded group maps with the words that they should bring; no model \
was trained on them, but the percentile, where 85 to 97 differ little, and the share of an image \
that is trusted, where 0.8 to 0.95 do, were chosen on them. Rank: of \
the best word among all terms of the vocabulary. AUC: mean over maps of the area under the \
receiver's curve of the words.

{markdown_table(["what counts of a map", *columns], by_way, 1)}

Other decoders, fitted to the same 12,000 studies and asked for the same terms:

{markdown_table(["decoder and what it is given of a map", *columns], others_by_way, 1)}

The default by kind of map:

{markdown_table(["kind", *columns], by_kind, 1)}

Rank of the best word of each map:

{markdown_table(["map", *WAYS], of_maps, 1)}

Contrasts of the Human Connectome Project, 30 subjects, cortex: rank of their task when the tasks \
of the Cognitive Atlas are decoded (`terms=`), among those with contrasts and among the paradigms \
of fMRI; by their names, by what their contrasts show as well (`CognitiveAtlas.conditions`), and \
by how many studies have them in their titles as well, which is the default for names with \
phrases. The weights of contrasts and titles were not chosen on these maps.

{markdown_table(["tasks", "recall at 1, %", "at 4", "at 10"], of_pools, 1)}

{markdown_table(list(tasks), of_tasks, 2)}
"""


def main() -> None:
    """Measure a model and print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="folder of a saved model instead of the bundled")
    parser.add_argument("--baselines", action="store_true", help="compare with other decoders")
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", MNMWarning)
    if arguments.model is None:
        decoder, name = load_pretrained().decoder, "the bundled one"
    else:
        loaded, name = load_model(arguments.model), str(arguments.model.name)
        decoder = loaded if isinstance(loaded, MNMDecoder) else loaded.decoder()
    folder = data_folder()
    maps = folder / "real_maps"
    others = CACHE / "real-maps-others.csv"
    if arguments.baselines:
        CACHE.mkdir(exist_ok=True)
        measure_baselines(decoder, maps).to_csv(others, index=False)
    if not others.exists():
        parser.error("other decoders were not measured here yet: add --baselines")
    found = measure(decoder, maps)
    text = report(found, pd.read_csv(others), task_ranks(decoder, folder), name)
    print(text)
    if arguments.output:
        replace_section(arguments.output, "real-maps", "Real statistical maps to terms", text)
