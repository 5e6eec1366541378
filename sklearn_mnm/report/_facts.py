"""What a model says of a text, as rows for the tables of a page."""

import re
from collections.abc import Sequence
from textwrap import shorten
from typing import Any

import numpy as np
import pandas as pd
from nibabel.affines import apply_affine

from sklearn_mnm.text.explanation import QueryExplanation
from sklearn_mnm.text.terms import TermVectorizer

# More make the words of the figure too small to read at the width of the page.
N_STEPS = 6
# Of the intervals of regions.
COVERAGE = 0.9
# Characters of a query in a heading.
_HEADING = 80
# Regions whose intervals are told.
_N_REGIONS = 5
# Of shorter numbers most are rows of a table rather than PubMed ids.
_PUBMED_ID = re.compile(r"[1-9]\d{4,7}")


def text_facts(encoder: Any, text: str, k: int) -> dict[str, Any]:
    """Ask a model for all that tables tell of a text.

    Parameters
    ----------
    encoder : MNMEncoder
        Fitted to peaks or images.
    text : str
        With at least one word.
    k : int
        Number of terms and of studies; fewer if the model has fewer.

    Returns
    -------
    facts : dict
        ``text``, ``heading`` and whether it is ``explained``; the rows ``known`` and ``unknown``
        and the ``notes`` of the explanation; whether it is ``usable``, and then the rows
        ``regions``, ``terms``, ``studies`` and ``walk``, the latter empty if the model knows no
        hierarchy of terms.
    """
    explanation: QueryExplanation | None = None
    if isinstance(encoder.vectorizer_, TermVectorizer):
        explanation = encoder.explain(text)
    facts: dict[str, Any] = {
        "text": text,
        "heading": shortened(text),
        "explained": explanation is not None,
        "known": [] if explanation is None else explanation.known.to_dict("records"),
        "unknown": [] if explanation is None else explanation.unknown.to_dict("records"),
        "notes": [] if explanation is None else list(explanation.notes),
    }
    facts["usable"] = explanation is None or bool(facts["known"])
    if not facts["usable"]:
        return facts
    predicted = encoder.predict([text])
    terms = encoder.decoder().predict_topk(predicted, k=min(k, len(encoder.terms_)))
    studies = encoder.retrieve([text], k=min(k, len(encoder.neighbours_.ids)))
    return facts | {
        "regions": _regions(encoder, text, predicted[0]),
        "terms": terms.to_dict("records"),
        "studies": study_rows(studies),
        "walk": walk_rows(encoder, text),
    }


def shortened(text: str) -> str:
    """Cut a text to what a heading holds."""
    return shorten(text, _HEADING, placeholder=" …")


def study_rows(studies: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of studies, with a title, empty where unknown, and whether the id is of PubMed."""
    rows: list[Any] = studies.to_dict("records")
    return [
        {"title": "", **study, "in_pubmed": bool(_PUBMED_ID.fullmatch(str(study["id"])))}
        for study in rows
    ]


def walk_rows(estimator: Any, start: Any) -> list[dict[str, Any]]:
    """Rows of the walk of an encoder or decoder; none if it knows no hierarchy of terms."""
    if not estimator._has_term_hierarchy:
        return []
    rows: list[Any] = estimator.walk(start, n_steps=N_STEPS).to_dict("records")
    return rows


def points_of_terms(encoder: Any, terms: Sequence[str]) -> np.ndarray:
    """Points of terms of the model, those of texts of one term if it knows no hierarchy of terms.

    Parameters
    ----------
    encoder : MNMEncoder
    terms : sequence of str
        Some of ``encoder.terms_``.

    Returns
    -------
    points : ndarray of shape (len(terms), d + 1)
    """
    if not encoder._has_term_hierarchy:
        return encoder.embedder_.transform(encoder.vectorizer_.transform(terms))
    hierarchy = encoder._term_hierarchy()
    rows = {str(term): row for row, term in enumerate(hierarchy.terms)}
    return hierarchy.points[[rows[str(term)] for term in terms]]


def region_centres(regions: Any) -> np.ndarray:
    """Centre of each region in mm, shape (n_regions, 3)."""
    mask = regions.mask_img_
    voxels = apply_affine(mask.affine, np.argwhere(np.asarray(mask.dataobj) != 0))
    membership = regions.membership_
    sizes = np.asarray(membership.sum(axis=0)).ravel()
    return (membership.T @ voxels) / sizes[:, None]


def _regions(encoder: Any, text: str, predicted: np.ndarray) -> list[dict[str, Any]]:
    """Regions that stand out most: centre in mm, activation, interval and z."""
    z = encoder.predict_z([text])[0]
    lower, upper = (bound[0] for bound in encoder.predict_interval([text], coverage=COVERAGE))
    centres = region_centres(encoder.regions_)
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
