"""The report of queries: what a model makes of a few texts."""

import re
from collections.abc import Sequence
from numbers import Integral
from textwrap import shorten
from typing import Any

import numpy as np
from nibabel.affines import apply_affine
from sklearn.utils.validation import check_is_fitted

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.plotting import plot_levels, plot_walk
from sklearn_mnm.plotting._brain_panels import described as level_described
from sklearn_mnm.plotting.brain import SHOWN_Z
from sklearn_mnm.report._about import about_model, versions
from sklearn_mnm.report.document import HTMLReport, fill_template
from sklearn_mnm.report.figures import Picture, described, picture
from sklearn_mnm.text._documents import as_documents
from sklearn_mnm.text.explanation import QueryExplanation
from sklearn_mnm.text.terms import TermVectorizer

# Characters of a query in a heading.
_HEADING = 80
# More make the words of the figure too small to read at the width of the page.
_N_STEPS = 5
# Regions whose intervals are told.
_N_REGIONS = 5
_COVERAGE = 0.9
# Of shorter numbers most are rows of a table rather than PubMed ids.
_PUBMED_ID = re.compile(r"[1-9]\d{4,7}")


def query_report(encoder: Any, texts: Sequence[str], *, k: int = 10) -> HTMLReport:
    """Report what a model makes of texts.

    Parameters
    ----------
    encoder : MNMEncoder
        Fitted to peaks or images, so that it knows where regions are.
    texts : sequence of str
        Queries: words, titles or abstracts.
    k : int, default=10
        Number of terms and of similar studies of each; fewer if the model has fewer.

    Returns
    -------
    report : HTMLReport
        For each text the z map at the levels, the regions that stand out with intervals, the words
        that are known and unknown, terms of the predicted map, similar studies, linked where their
        ids are those of PubMed (numbers of five to eight digits), and the walk to the root. Where
        nothing of a text is known, only that and what is near. Then the model, versions, and how
        to cite.

    Raises
    ------
    InvalidInputError
        If `texts` is no sequence of strings, is empty or holds an empty one, `k` is no integer of
        at least 1, or the encoder was fitted to arrays.
    MissingDependencyError
        If jinja2 or matplotlib is not installed.

    Examples
    --------
    >>> from sklearn_mnm import load_pretrained
    >>> from sklearn_mnm.report import query_report
    >>> report = query_report(load_pretrained().encoder, ["fear"])  # doctest: +SKIP
    >>> report.save("fear.html")  # doctest: +SKIP
    """
    check_is_fitted(encoder)
    texts = as_documents(texts, name="texts")
    for row, text in enumerate(texts):
        if not text.strip():
            raise InvalidInputError(f"texts: row {row} is empty; give at least one word, or none.")
    if not texts:
        raise InvalidInputError("texts is empty; give at least one query.")
    if not isinstance(k, Integral) or isinstance(k, bool) or k < 1:
        raise InvalidInputError(f"k={k!r} must be an integer of at least 1.")
    if encoder.regions_ is None:
        raise InvalidInputError(
            "encoder was fitted to maps given as arrays, so nothing is known of where regions are. "
            "Fit it to peaks or images."
        )
    title = (
        f"Brain maps of {len(texts)} queries" if len(texts) > 1 else f"Brain map of “{texts[0]}”"
    )
    title = shorten(title, _HEADING, placeholder=" …")
    page = fill_template(
        "query.html.jinja",
        title=title,
        queries=[_entry(encoder, text, int(k)) for text in texts],
        shown_z=SHOWN_Z,
        coverage=_COVERAGE,
        model=about_model(encoder),
        versions=versions(),
    )
    return HTMLReport(page, title)


def _entry(encoder: Any, text: str, k: int) -> dict[str, Any]:
    """Ask the model for all that the page tells of one query."""
    explanation: QueryExplanation | None = None
    if isinstance(encoder.vectorizer_, TermVectorizer):
        explanation = encoder.explain(text)
    entry: dict[str, Any] = {
        "text": text,
        "heading": shorten(text, _HEADING, placeholder=" …"),
        "explained": explanation is not None,
        "known": [] if explanation is None else explanation.known.to_dict("records"),
        "unknown": [] if explanation is None else explanation.unknown.to_dict("records"),
    }
    entry["usable"] = explanation is None or bool(entry["known"])
    if not entry["usable"]:
        return entry
    walk = encoder.walk(text, n_steps=_N_STEPS)
    predicted = encoder.predict([text])
    terms = encoder.decoder().predict_topk(predicted, k=min(k, len(encoder.terms_)))
    studies = encoder.retrieve([text], k=min(k, len(encoder.neighbours_.ids)))
    steps = walk.groupby(["step", "radius"])["term"].agg(", ".join).reset_index()
    entry |= {
        "levels": _levels_picture(encoder, text),
        "regions": _regions(encoder, text, predicted[0]),
        "terms": terms.to_dict("records"),
        "studies": [
            {"title": "", **study, "in_pubmed": bool(_PUBMED_ID.fullmatch(str(study["id"])))}
            for study in studies.to_dict("records")
        ],
        "walk": steps.to_dict("records"),
        "walk_picture": picture(
            plot_walk(encoder, text, n_steps=_N_STEPS),
            f"Activation at {len(steps)} steps from “{entry['heading']}” to the root, each on a "
            "glass brain from the side and from above; radii and nearest terms are in the table "
            "below.",
        ),
    }
    return entry


def _levels_picture(encoder: Any, text: str) -> Picture:
    levels = [
        f"{level_described(encoder, level)}: "
        + described(encoder.predict_img([text], kind="z", level=level), SHOWN_Z)
        for level in encoder.hierarchy_.levels[:-1]
    ]
    return picture(
        plot_levels(encoder, text, threshold=SHOWN_Z),
        "z on glass brains. " + ". ".join(levels) + ".",
    )


def _regions(encoder: Any, text: str, predicted: np.ndarray) -> list[dict[str, Any]]:
    """Regions that stand out most: centre in mm, activation, interval and z."""
    z = encoder.predict_z([text])[0]
    lower, upper = (bound[0] for bound in encoder.predict_interval([text], coverage=_COVERAGE))
    centres = _centres(encoder.regions_)
    return [
        {
            "centre": [round(float(value)) for value in centres[region]],
            "activation": float(predicted[region]),
            "lower": float(lower[region]),
            "upper": float(upper[region]),
            "z": float(z[region]),
        }
        for region in np.argsort(-z, kind="stable")[:_N_REGIONS]
    ]


def _centres(regions: Any) -> np.ndarray:
    """Centre of each region in mm, shape (n_regions, 3)."""
    mask = regions.mask_img_
    voxels = apply_affine(mask.affine, np.argwhere(np.asarray(mask.dataobj) != 0))
    membership = regions.membership_
    sizes = np.asarray(membership.sum(axis=0)).ravel()
    return (membership.T @ voxels) / sizes[:, None]
