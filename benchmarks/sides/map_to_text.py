"""From a map to terms: the bundled decoder and NiMARE's decoders.

NiMARE's decoders take hours to days for the whole corpus and vocabulary. What is measured of each,
and by what it is multiplied, is said in the table.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.sides.corpus import is_quick, studies
from benchmarks.sides.measuring import Memory, clock, each, of_run, ratio, spread

HEADING = "Side by side: map to terms"
QUERIES = ("reward anticipation", "working memory load", "fear", "finger tapping", "reading words")
# Studies and terms that NiMARE's decoders are given.
SAMPLE, FEW_TERMS = 1000, 10
# A region of interest is this share of the voxels, the highest.
INTEREST = 0.05


def prepare(folder: Path, quick: bool) -> None:
    """Write maps to decode, predicted by the bundled model."""
    from sklearn_mnm import load_pretrained

    encoder, _ = load_pretrained()
    for number, query in enumerate(QUERIES):
        encoder.predict_img([query]).to_filename(folder / f"map-{number}.nii.gz")


def _images(folder: Path) -> list[Any]:
    import nibabel

    images = [nibabel.load(path) for path in sorted(folder.glob("map-*.nii.gz"))]
    for image in images:
        image.get_fdata()  # read once
    return images


def _ours(folder: Path, repetition: int) -> dict[str, Any]:
    import nilearn.image  # noqa: F401  # imports are not timed

    from sklearn_mnm import load_pretrained

    images, memory = _images(folder), Memory()
    _, decoder = load_pretrained()
    one = each(lambda image: decoder.predict_topk(image, k=50), images)
    return {**one, **memory.added(), "terms": len(decoder.terms_)}


def _our_fit(folder: Path, repetition: int) -> dict[str, Any]:
    import nilearn.image  # noqa: F401  # imports are not timed
    import torch._dynamo  # noqa: F401  # the first optimizer of a process imports it

    from sklearn_mnm import MNMDecoder, PeaksToRegions, TermVectorizer

    memory, corpus = Memory(), studies(is_quick(folder))
    n_regions, resolution = (20, 8) if is_quick(folder) else (512, 4)
    decoder = MNMDecoder(
        vectorizer=TermVectorizer(corpus.vocabulary),
        regions=PeaksToRegions(n_regions=n_regions, resolution=resolution),
        random_state=repetition,
    )
    with clock() as spent:
        decoder.fit(corpus)
    return {**spent, **memory.added(), "studies": len(corpus), "terms": len(decoder.terms_)}


def _n_terms(folder: Path) -> int:
    """Terms of the bundled decoder, of which all are scored."""
    from sklearn_mnm import load_pretrained

    return 50 if is_quick(folder) else len(load_pretrained().decoder.terms_)


def _annotated(folder: Path, repetition: int, n_terms: int) -> tuple[Any, int]:
    """NiMARE's collection of some studies, with their counts of the most frequent terms."""
    from nimare.utils import get_masker

    from sklearn_mnm.brain.atlas import load_mask
    from sklearn_mnm.datasets import to_nimare

    corpus = studies(is_quick(folder))
    with_peaks = np.unique(corpus.study_index)
    size = min(len(with_peaks), 60 if is_quick(folder) else SAMPLE)
    rows = np.random.default_rng(repetition).choice(with_peaks, size, replace=False)
    part = corpus[np.sort(rows)]
    frequent = np.argsort(-np.asarray((corpus.counts > 0).sum(axis=0)).ravel(), kind="stable")
    collection = to_nimare(part).to_dataset()
    names = collection.annotations[["id", "study_id", "contrast_id"]]
    # NiMARE sorts studies by id.
    order = pd.Index(part.ids.astype(str)).get_indexer(names["study_id"])
    counts = part.counts[order][:, frequent[:n_terms]].toarray().astype(np.float64)
    columns = [f"term__{corpus.vocabulary[number]}" for number in frequent[:n_terms]]
    table = pd.DataFrame(counts, columns=columns)
    collection.annotations = pd.concat([names.reset_index(drop=True), table], axis=1)
    collection.masker = get_masker(load_mask(resolution=8 if is_quick(folder) else 4))
    return collection, len(with_peaks)


def _correlation_fit(folder: Path, repetition: int) -> dict[str, Any]:
    from nimare.decode.continuous import CorrelationDecoder

    memory = Memory()
    n_terms = _n_terms(folder)
    few = 2 if is_quick(folder) else FEW_TERMS
    collection, n_studies = _annotated(folder, repetition, few)
    terms = [name for name in collection.annotations if name.startswith("term__")]

    def fit(terms: list[str]) -> dict[str, float]:
        decoder = CorrelationDecoder(features=terms)
        with clock() as spent:
            decoder.fit(collection)
        return spent

    fit(terms[:1])  # compiles
    one, all_of_them = fit(terms[:1]), fit(terms)
    share = n_studies / len(collection.ids)
    each_term = {name: (all_of_them[name] - one[name]) / (len(terms) - 1) for name in one}
    return {
        **{name: share * (one[name] + each_term[name] * (n_terms - 1)) for name in one},
        **memory.added(),
        "measured": one["cpu"] + all_of_them["cpu"],
        "a term": share * each_term["cpu"],
    }


def _correlation(folder: Path, repetition: int) -> dict[str, Any]:
    from nimare.decode.continuous import CorrelationDecoder
    from nimare.results import MetaResult
    from nimare.utils import get_masker

    from sklearn_mnm.brain.atlas import load_mask

    n_terms, images = _n_terms(folder), _images(folder)
    memory = Memory()
    masker = get_masker(load_mask(resolution=4)).fit()
    n_voxels = int(np.asarray(masker.mask_img_.dataobj).sum())
    random = np.random.default_rng(repetition)
    decoder = CorrelationDecoder()
    # The time does not depend on what the maps of the terms show.
    maps = {f"term__{n}": random.random(n_voxels, dtype=np.float32) for n in range(n_terms)}
    decoder.results_ = MetaResult(decoder, mask=masker, maps=maps)
    return {**each(decoder.transform, images, 3), **memory.added(), "terms": n_terms}


def _interest(folder: Path, repetition: int) -> Any:
    """Highest voxels of a map as an image."""
    from nilearn.image import new_img_like, resample_to_img
    from nilearn.masking import apply_mask

    from sklearn_mnm.brain.atlas import load_mask

    image = _images(folder)[repetition]
    if is_quick(folder):
        image = resample_to_img(image, load_mask(resolution=8), force_resample=True)
    values = apply_mask(image, load_mask(resolution=8 if is_quick(folder) else 4))
    data = image.get_fdata() > np.quantile(values, 1 - INTEREST)
    return new_img_like(image, data.astype(np.int8))


def _association(folder: Path, repetition: int) -> dict[str, Any]:
    from nimare.decode.discrete import ROIAssociationDecoder

    memory, n_terms = Memory(), _n_terms(folder)
    collection, n_studies = _annotated(folder, repetition, n_terms)
    interest = _interest(folder, repetition)
    # A decoder belongs to a region: all of it is the time of a map.
    with clock() as spent:
        decoder = ROIAssociationDecoder(interest)
        decoder.fit(collection)
        decoder.transform()
    share = n_studies / len(collection.ids)
    return {**{name: share * spent[name] for name in spent}, **memory.added(), "once": spent["cpu"]}


def _brainmap(folder: Path, repetition: int) -> dict[str, Any]:
    from nimare.decode.discrete import BrainMapDecoder

    memory, n_terms = Memory(), _n_terms(folder)
    few = 5 if is_quick(folder) else 100
    collection, n_studies = _annotated(folder, repetition, few)
    interest = _interest(folder, repetition)
    decoder = BrainMapDecoder()
    decoder.fit(collection)
    with clock() as spent:
        decoder.transform(ids=collection.get_studies_by_mask(interest))
    share = n_studies / len(collection.ids) * n_terms / few
    return {**{name: share * spent[name] for name in spent}, **memory.added(), "once": spent["cpu"]}


OURS = "ours, `predict_topk(image, k=50)`"
DECODERS = {
    OURS: _ours,
    "NiMARE's CorrelationDecoder, `transform(image)`": _correlation,
    "NiMARE's ROIAssociationDecoder, fit and transform": _association,
    "NiMARE's BrainMapDecoder, `transform(ids)`": _brainmap,
}
OUR_FIT, THEIR_FIT = "ours, `MNMDecoder.fit(studies)`", "NiMARE's CorrelationDecoder, `fit`"
RUNS = {**DECODERS, OUR_FIT: _our_fit, THEIR_FIT: _correlation_fit}


def repetitions(quick: bool) -> int:
    """How often all of them run."""
    return 1 if quick else 2


def report(records: pd.DataFrame) -> str:
    """Tables of seconds, ratios and memory."""

    def table(runs: tuple[str, ...], scale: float, digits: int) -> str:
        lines = []
        for run in runs:
            cells = [spread(scale * of_run(records, run, c), digits) for c in ("cpu", "wall")]
            first = runs[0]
            cells.append("" if run == first else spread(ratio(records, run, first, "cpu")))
            cells.append(spread(of_run(records, run, "added")))
            lines.append(f"| {run} | {' | '.join(cells)} |")
        return "\n".join(lines)

    n_terms = int(of_run(records, OURS, "terms")[0])
    n_studies = int(of_run(records, OUR_FIT, "studies")[0])
    a_term = spread(of_run(records, THEIR_FIT, "a term"))
    return f"""\
Maps on 4 mm voxels, predicted for short queries; {n_terms:,} terms. Each repetition is a fresh
process. Ours is the bundled model: image to the 50 best terms and their probabilities.
CorrelationDecoder correlates the image with the map of every term; the maps are of noise here,
which takes the same time. ROIAssociationDecoder and BrainMapDecoder take the highest
{100 * INTEREST:.0f} % of the voxels as their region; the first is fitted to a region, so that the
fit belongs to a map. Both are given {SAMPLE:,} random studies, and the second 100 terms, and their
time is multiplied to all; so is their memory not. Decoders rank terms differently; how well is in
"Brain maps to terms".

| a map | CPU ms | wall ms | CPU, times ours | memory, MB |
| --- | ---: | ---: | ---: | ---: |
{table(tuple(DECODERS), 1000, 3)}

Fitting. Ours learns regions, embedding, uncertainty and terms of {n_studies:,} studies, for both
directions. CorrelationDecoder makes a meta-analysis of each term (MKDA of 4 mm voxels): measured
with {SAMPLE:,} studies and {FEW_TERMS} terms and multiplied to all studies and terms, {a_term} s a
term.

| fit | CPU s | wall s | CPU, times ours | memory, MB |
| --- | ---: | ---: | ---: | ---: |
{table((OUR_FIT, THEIR_FIT), 1, 3)}
"""
