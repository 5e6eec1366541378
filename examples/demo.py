"""
Words to brain maps, brain maps to words
========================================

Loads the model that comes with the package, draws the maps that it predicts for five queries, and
reads words and similar studies out of three real maps. Fits a second, small model to n-back and
flanker contrasts, with papers held out, to measure how well texts and brains find each other. Tells
which words of a query are known, and walks from a query to more and more frequent terms.

The real maps and contrasts come with nilearn and NiMARE, so everything is offline; it takes about a
minute on two cores. Maps (NIfTI), figures (PNG) and a page that shows them all, ``index.html``, are
written into ``demo_output/``.
"""

import logging
import platform
import time
import warnings
from collections import Counter
from contextlib import contextmanager
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # figures go into files, so no display is needed

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from nilearn.datasets import load_sample_motor_activation_image
from nilearn.image import threshold_img
from nimare.meta.cbma import MKDADensity
from scipy.stats import norm
from sklearn.model_selection import GroupShuffleSplit
from threadpoolctl import threadpool_limits

from sklearn_mnm import MNMEncoder, PeaksToRegions, load_pretrained, load_studyset, model_card
from sklearn_mnm.datasets import load_nback_flanker, to_nimare
from sklearn_mnm.exceptions import MNMWarning
from sklearn_mnm.metrics import retrieval_report
from sklearn_mnm.plotting import plot_map
from sklearn_mnm.report import HTMLReport
from sklearn_mnm.report.document import fill_template
from sklearn_mnm.report.figures import described, picture

TITLE = "Words to brain maps, brain maps to words"
QUERIES = "reward anticipation", "working memory load", "fear", "finger tapping", "reading words"
EXPLAINED = "amygdala responses to fearfull faces in misophonia"
WALKED = "reward anticipation"
RANKS = (1, 10, 100)

# Of texts that are unrelated to a region, one in forty has a z above this there.
SHOWN_Z = norm.isf(1 / 40)
# The usual threshold of meta-analyses, p < 0.001 in each voxel.
META_ANALYSIS_Z = norm.isf(0.001)
# Packages on which the results depend.
PACKAGES = ("sklearn-mnm", "numpy", "scipy", "scikit-learn", "torch", "nilearn", "nimare")


@contextmanager
def noted_warnings(notes, section):
    """Count the package's warnings about data, to be told on the page; pass on all others."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", MNMWarning)
        yield
    for item in caught:
        if issubclass(item.category, MNMWarning):
            notes[section, str(item.message)] += 1
        else:
            warnings.warn_explicit(item.message, item.category, item.filename, item.lineno)


# Figures: one look for all maps


def draw(path, alt, glass, glass_scale, slices, slices_scale):
    """Draw glass brain above slices; a scale is a label, a threshold and the highest value.

    Writes a PNG, and returns the picture for the page, with `alt` for those who do not see it.
    """
    figure = plt.figure(figsize=(10, 5.4))
    for view, image, (label, threshold, top), (bottom, height) in (
        ("glass", glass, glass_scale, (0.45, 0.48)),
        ("slices", slices, slices_scale, (0.02, 0.33)),
    ):
        ax = figure.add_axes((0.01, bottom, 0.93, height))
        plot_map(image, view=view, threshold=threshold, vmax=top, title=label, ax=ax)
    figure.savefig(path, dpi=110)
    return picture(figure, alt)


# From words to maps


def maps_of_queries(encoder, output):
    """Write activation and z of each query, and draw them on common scales."""
    activations, z_maps = (
        [encoder.predict_img([query], kind=kind, resolution=2) for query in QUERIES]
        for kind in ("activation", "z")
    )
    top, top_z = (max(img.get_fdata().max() for img in maps) for maps in (activations, z_maps))
    z_scale = f"z from {SHOWN_Z:.2f} on, the highest along each line of sight", SHOWN_Z, top_z
    scale = "Activation, peaks per cm³", top / 8, top
    entries = []
    for query, activation, z in zip(QUERIES, activations, z_maps, strict=True):
        stem = query.replace(" ", "_")
        activation.to_filename(output / f"{stem}_activation.nii.gz")
        z.to_filename(output / f"{stem}_z.nii.gz")
        caption = f"z: {described(z, SHOWN_Z)}. Activation: {described(activation, scale[1])}."
        alt = f"Predicted map of “{query}”. {caption}"
        figure = draw(output / f"{stem}.png", alt, z, z_scale, activation, scale)
        entries.append({"query": query, "stem": stem, "figure": figure, "caption": caption})
    return entries


# From maps to words


def meta_analysis(studies):
    """Where studies agree: z of a kernel density analysis (Wager et al. 2007), by NiMARE."""
    z = MKDADensity().fit(to_nimare(studies)).get_map("z")
    return threshold_img(z, META_ANALYSIS_Z, two_sided=False, copy_header=True)


def maps_to_decode():
    """Name, origin, thresholded image and threshold of real maps that come with other packages."""
    motor = load_sample_motor_activation_image()
    yield (
        "Left hand",
        "Pressing a button with the left hand rather than the right: statistical map 10426 of "
        "NeuroVault, which comes with nilearn.",
        threshold_img(motor, 3, two_sided=False, copy_header=True),
        3,
    )
    pain = load_studyset(files("nimare") / "resources" / "nidm_pain_studyset.json")
    papers = load_nback_flanker(level="study")
    nback = papers[papers.metadata["task"] == "n-back"]
    for name, studies in (("Pain", pain), ("N-back", nback)):
        origin = f"Where {len(studies)} {name.lower()} studies agree, a meta-analysis of peaks by "
        origin += "NiMARE, with which the studies come (kernel density, z)."
        yield name, origin, meta_analysis(studies), META_ANALYSIS_Z


def words_of_maps(decoder, output):
    """Best terms and most similar studies of each real map."""
    entries = []
    for name, origin, image, threshold in maps_to_decode():
        top = image.get_fdata().max()
        glass = f"Statistic from {threshold:.4g} on, the highest along each line of sight"
        scales = (glass, threshold, top), ("The same in axial slices", threshold, top)
        path = output / f"{name.lower().replace(' ', '_')}.png"
        seen = described(image, threshold)
        entries.append(
            {
                "name": name,
                "origin": origin,
                "figure": draw(path, f"Map “{name}”: {seen}.", image, scales[0], image, scales[1]),
                "caption": f"{seen[0].upper()}{seen[1:]}.",
                "terms": decoder.predict_topk(image, k=15).to_dict("records"),
                "studies": decoder.retrieve(image, k=5).to_dict("records"),
            }
        )
    return entries


# Measured on papers that the model has not seen


def retrieval():
    """Fit to three quarters of the papers; let texts and maps of the others find each other."""
    studies = load_nback_flanker(level="contrast")
    studies = studies[(studies.peak_counts > 0) & (studies.texts != "")]
    # Contrasts of one paper go to the same side: they share a text, so the test would be unfair.
    splitter = GroupShuffleSplit(n_splits=1, test_size=0.25, random_state=0)
    train, test = next(splitter.split(studies.ids, groups=studies.groups))
    encoder = MNMEncoder(regions=PeaksToRegions(n_regions=256, random_state=0), random_state=0)
    start = time.perf_counter()
    # The matrices are small: on a busy machine, threads that wait for each other cost more time.
    with threadpool_limits(1):
        encoder.fit(studies[train])
    seconds = time.perf_counter() - start
    texts, maps = encoder.transform(studies[test]), encoder.decoder().transform(studies[test])
    similarity = encoder.embedder_.similarity(texts, maps)
    rows = {
        "text to map": retrieval_report(similarity, RANKS),
        "map to text": retrieval_report(similarity.T, RANKS),
        "chance": {f"R@{k}": 100 * k / len(test) for k in RANKS} | {"MM": 50.0},
    }
    return {
        "table": pd.DataFrame(rows).T,
        "seconds": seconds,
        "n_train": len(train),
        "n_test": len(test),
        "n_papers": len(np.unique(studies.groups[test])),
        "encoder": encoder,
    }


# The page


def table_of(card):
    """Rows of the table in a model card, which is Markdown, without the two lines of its head."""
    lines = [line.strip("| ") for line in card.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")] for line in lines[2:]]


def main(output=Path("demo_output")):
    start = time.perf_counter()
    output.mkdir(parents=True, exist_ok=True)
    # NiMARE logs each step, and peaks in unknown spaces, of which the notes on data tell too.
    logging.getLogger("nimare").setLevel(logging.ERROR)
    encoder, decoder = load_pretrained()
    notes = Counter()
    with noted_warnings(notes, "Maps of words"):
        print("Maps of five queries ...")
        maps = maps_of_queries(encoder, output)
    with noted_warnings(notes, "Words of maps"):
        print("Words of three real maps ...")
        decoded = words_of_maps(decoder, output)
        for entry in decoded:
            print(f"  {entry['name']}: {', '.join(row['term'] for row in entry['terms'][:6])}")
    with noted_warnings(notes, "Finding each other"):
        print("Retrieval by a small model, papers held out, percent ...")
        measured = retrieval()
        print(measured["table"].round(1).to_string())
    path = output / "index.html"
    page = fill_template(
        "page.html.jinja",
        Path(__file__).parent,
        title=TITLE,
        encoder=encoder,
        maps=maps,
        shown_z=SHOWN_Z,
        decoded=decoded,
        measured=measured,
        explanation=encoder.explain(EXPLAINED),
        walked=WALKED,
        walk=encoder.walk(WALKED).to_dict("records"),
        card=model_card(),
        quality=table_of(model_card()),
        notes=notes,
        versions={"Python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        seconds=time.perf_counter() - start,
    )
    HTMLReport(page, TITLE).save(path)
    print(f"{path}, with {len(notes)} notes on data: {time.perf_counter() - start:.0f} seconds")


if __name__ == "__main__":
    main()
