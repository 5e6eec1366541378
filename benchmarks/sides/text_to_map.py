"""From a short text to a map on 4 mm voxels: the bundled model and the ``neuroquery`` package.

Models of that package come from a download; here its own code fits one to the same vocabulary and
voxels, on 1,000 studies: all 12,000 would take hours and change nothing in a query but the width of
one small matrix, so that a query would take longer.
"""

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.sides.corpus import is_quick, studies
from benchmarks.sides.measuring import Memory, clock, each, of_run, ratio, spread

HEADING = "Side by side: text to map"
QUERIES = ("reward anticipation", "working memory load", "fear", "finger tapping", "reading words")
# Studies that NeuroQuery's model is fitted to.
SAMPLE = 1000


def prepare(folder: Path, quick: bool) -> None:
    """Fit NeuroQuery's model with its defaults and write it as its package does."""
    from neuroquery import tokenization
    from neuroquery.encoding import NeuroQueryModel
    from neuroquery.smoothed_regression import SmoothedRegression
    from sklearn.preprocessing import normalize

    from sklearn_mnm import PeaksToRegions
    from sklearn_mnm.brain.atlas import load_mask

    corpus = studies(quick)
    if quick:
        (folder / "queries").write_text("\n".join(corpus.vocabulary[:2]))
    mask = load_mask(resolution=8 if quick else 4)
    # Terms that no study has come last, where a logarithm of their frequency exists.
    frequency = np.asarray((corpus.counts > 0).mean(axis=0)).ravel()
    vectorizer = tokenization.TextVectorizer.from_vocabulary(
        list(corpus.vocabulary),
        frequencies=np.maximum(frequency, 1 / len(corpus)),
        add_unigrams=False,
    ).fit()
    tfidf = normalize(corpus.counts.astype(np.float64) @ vectorizer._idf_diag)
    size = min(SAMPLE, len(corpus))
    rows = np.sort(np.random.default_rng(0).choice(len(corpus), size, replace=False))
    # A mask is an atlas of one region; its voxel maps need no parcellation.
    maps = PeaksToRegions(atlas=mask, mask_img=mask).fit().transform_voxels(corpus[rows])
    regression = SmoothedRegression(n_components=10 if quick else 300)
    with contextlib.redirect_stdout(io.StringIO()):  # the package prints
        regression.fit(tfidf[rows], maps.astype(np.float64))
    information = {"metadata": pd.DataFrame({"id": corpus.ids}), "tfidf": tfidf}
    model = NeuroQueryModel(vectorizer, regression, mask, information)
    model.to_data_dir(folder / "neuroquery")


def _queries(folder: Path) -> list[str]:
    if is_quick(folder):
        return (folder / "queries").read_text().splitlines()
    return list(QUERIES)


def _ours(folder: Path, repetition: int) -> dict[str, float]:
    import nilearn.image  # noqa: F401  # imports are not timed

    import sklearn_mnm

    memory, queries = Memory(), list(QUERIES)
    with clock() as loading:
        encoder, _ = sklearn_mnm.load_pretrained()
    one = each(lambda query: encoder.predict_img([query]), queries)
    many = each(encoder.predict_img, [queries * 20], 3)
    return {
        **one,
        "many": many["cpu"] / (20 * len(queries)),
        "load": loading["cpu"],
        "terms": len(encoder.terms_),
        "voxels": int(np.asarray(encoder.regions_.mask_img_.dataobj).sum()),
        **memory.added(),
    }


def _neuroquery(call: str) -> Any:
    def run(folder: Path, repetition: int) -> dict[str, float]:
        from neuroquery.encoding import NeuroQueryModel

        memory, queries = Memory(), _queries(folder)
        with clock() as loading:
            model = NeuroQueryModel.from_data_dir(folder / "neuroquery")
        if call == "report":
            one, many = each(model, queries), None
        else:
            one = each(lambda query: model.transform([query]), queries)
            many = each(model.transform, [queries * 20], 3)["cpu"] / (20 * len(queries))
        regression = model.smoothed_regression.regression_
        return {
            **one,
            "many": many,
            "load": loading["cpu"],
            "terms": len(model.full_vocabulary()),
            "selected": regression.coef_.shape[1],
            "voxels": regression.coef_.shape[0],
            **memory.added(),
        }

    return run


OURS, IMAGE = "ours, `predict_img([text])`", "neuroquery, `model.transform([text])`"
RUNS = {
    OURS: _ours,
    IMAGE: _neuroquery("image"),
    "neuroquery, `model(text)`, with similar words and studies": _neuroquery("report"),
}


def repetitions(quick: bool) -> int:
    """How often all of them run."""
    return 1 if quick else 5


def report(records: pd.DataFrame) -> str:
    """Table of milliseconds, ratios and memory."""
    lines = [
        "| a query | CPU ms | wall ms | CPU, times ours | in a list of 100, CPU ms | load, CPU s "
        "| memory, MB |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for run in RUNS:
        cells = [spread(1000 * of_run(records, run, column)) for column in ("cpu", "wall")]
        cells.append("" if run == OURS else spread(ratio(records, run, OURS, "cpu")))
        many = 1000 * of_run(records, run, "many")
        cells.append("" if np.isnan(many).any() else spread(many))
        cells += [spread(of_run(records, run, column)) for column in ("load", "added")]
        lines.append(f"| {run} | {' | '.join(cells)} |")
    first = {run: records[records.run == run].iloc[0] for run in (OURS, IMAGE)}
    return f"""\
Median of 30 calls with short queries in turn, after a first call; each repetition is a fresh
process. Ours is the bundled model ({first[OURS].terms:,.0f} terms, {first[OURS].voxels:,.0f}
voxels of 4 mm). The package's model is fitted by its own code to {SAMPLE:,} studies of the same
corpus and the same vocabulary ({first[IMAGE].terms:,.0f} terms, of which it selects
{first[IMAGE].selected:.0f}) and the same voxels. Both return a NIfTI image; theirs is a map of z,
ours of peaks per cubic centimetre. Most of its time is a garbage collection, which nilearn asks for
with each image. Memory is that of the process beyond imports.

{chr(10).join(lines)}
"""
