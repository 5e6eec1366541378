"""What a model says of a text, as rows for the tables of a page."""

import math
from collections.abc import Sequence
from textwrap import shorten
from typing import Any

import numpy as np
import pandas as pd

from sklearn_mnm._tools.made_once import made_once
from sklearn_mnm.brain.anatomy import largest_labels, name_coordinates
from sklearn_mnm.brain.atlas import voxel_centres
from sklearn_mnm.brain.clusters import LEAST_VOLUME, shown_clusters
from sklearn_mnm.datasets.references import is_pubmed_id
from sklearn_mnm.plotting.brain import SHOWN_Z
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
# Clusters of a map that are told, those of the highest peaks.
N_CLUSTERS = 10
# Distance in mm of a peak that is at a place.
NEAR_PEAK = 10
# What the studies at a place are, where nothing is known of their peaks.
_LIKE_A_PEAK = (
    "those whose maps are most like a single peak there: the model keeps no peaks, so their number "
    "and distances are not known; give it studies with peaks (--studies)"
)
# Voxel size in mm of the map whose clusters are told, as it is drawn.
_RESOLUTION = 2


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
        ``clusters``, with what :func:`cluster_facts` tells beside them, ``regions``, ``terms``,
        ``studies`` and ``walk``, the latter empty if the model knows no hierarchy of terms.
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
    z_map = encoder.predict_img([text], kind="z", resolution=_RESOLUTION)
    return facts | {
        **cluster_facts(z_map, SHOWN_Z),
        "regions": _regions(encoder, text, predicted[0]),
        "terms": terms.to_dict("records"),
        "studies": study_rows(studies),
        "walk": walk_rows(encoder, text),
    }


def place_facts(
    encoder: Any, place: tuple[float, float, float], k: int, studies: Any = None
) -> dict[str, Any]:
    """Ask a model for what is reported at a place.

    Parameters
    ----------
    encoder : MNMEncoder
        Fitted to peaks or images.
    place : (float, float, float)
        In mm, MNI152.
    k : int
        Number of terms and of studies; fewer if the model has fewer.
    studies : Studies or None, default=None
        With peaks in mm, MNI152. If None, studies are those whose maps are most like a single peak
        there.

    Returns
    -------
    facts : dict
        ``place``, its ``name``, the ``distance`` to what it names, None where nothing is near, the
        rows ``terms`` and ``studies``, and ``studies_are``, which says in words what these are.
        With `studies`, they have a peak within `NEAR_PEAK` mm, nearest first, at their
        ``distance``, and ``n_studies`` is how many do; their ``similarity`` is None. Without,
        they have a similarity, and it is the others that are None.
    """
    named = name_coordinates(place).iloc[0]
    terms = encoder.terms_at(place, k=min(k, len(encoder.terms_)))
    n_studies, studies_are = None, _LIKE_A_PEAK
    if studies is None:
        peak = [np.array([place], dtype=np.float64)]
        most = min(k, len(encoder.neighbours_.ids))
        found = encoder.decoder().retrieve(peak, k=most, by="brain").drop(columns="query")
    else:
        near = _studies_near(studies, place)
        n_studies, studies_are = len(near), f"with a peak within {NEAR_PEAK} mm, nearest first"
        found = near.head(k).assign(rank=range(1, min(k, len(near)) + 1))
    empty = dict.fromkeys(("rank", "id", "title", "similarity", "distance"))
    return {
        "place": list(place),
        "name": named["name"],
        "distance": None if math.isnan(named["distance"]) else float(named["distance"]),
        "terms": terms.drop(columns="place").to_dict("records"),
        "studies": [empty | row for row in study_rows(found)],
        "studies_are": studies_are,
        "n_studies": n_studies,
    }


def _studies_near(studies: Any, place: tuple[float, float, float]) -> pd.DataFrame:
    """List the studies with a peak near a place, with the distance in mm, nearest first."""
    offsets = studies.peaks[["x", "y", "z"]].to_numpy(dtype=np.float64) - np.array(place)
    distance = np.sqrt(np.square(offsets).sum(axis=1))
    nearest = np.full(len(studies), np.inf)
    np.minimum.at(nearest, studies.study_index, distance)
    rows = np.argsort(nearest, kind="stable")[: int((nearest <= NEAR_PEAK).sum())]
    return pd.DataFrame(
        {
            "id": studies.ids[rows].astype(str),
            "title": studies.titles[rows],
            "distance": nearest[rows],
        }
    )


def shortened(text: str) -> str:
    """Cut a text to what a heading holds."""
    return shorten(text, _HEADING, placeholder=" …")


def study_rows(studies: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of studies, with a title, empty where unknown, and whether the id is of PubMed."""
    rows: list[Any] = studies.to_dict("records")
    return [{"title": "", **study, "in_pubmed": is_pubmed_id(str(study["id"]))} for study in rows]


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


def cluster_facts(image: Any, threshold: float) -> dict[str, Any]:
    """Tell of the highest clusters of a map of the package; see :func:`shown_clusters`.

    Parameters
    ----------
    image : nibabel.nifti1.Nifti1Image
        3D, MNI152, finite.
    threshold : float

    Returns
    -------
    facts : dict
        ``clusters``, rows with the place of the peak in mm and a distance that is None where there
        is none, ``clusters_left_out``, how many are smaller, and than what: ``least_cluster_cm3``.
    """
    shown = shown_clusters(image, threshold, N_CLUSTERS)
    rows: list[Any] = shown.table.to_dict("records")
    clusters = [
        {
            "peak": [round(row["x"]), round(row["y"]), round(row["z"])],
            **{name: row[name] for name in ("value", "volume", "peak_name")},
            "peak_distance": None if math.isnan(row["peak_distance"]) else row["peak_distance"],
            **{name: row[name] for name in ("cluster_name", "cluster_share")},
        }
        for row in rows
    ]
    return {
        "clusters": clusters,
        "clusters_left_out": shown.n_left_out,
        "least_cluster_cm3": LEAST_VOLUME,
    }


def region_labels(regions: Any) -> list[dict[str, Any]]:
    """Name of the anatomical label that fills most of each region, and its share.

    Parameters
    ----------
    regions : PeaksToRegions
        Fitted.

    Returns
    -------
    labels : list of dict of length n_regions
        ``name`` and ``share``; of a region without a voxel None and 0.
    """

    def make() -> list[dict[str, Any]]:
        largest = largest_labels(voxel_centres(regions.mask_img_), regions.membership_)
        return [
            {"name": name or None, "share": float(share)}
            for name, share in zip(largest["name"], largest["share"], strict=True)
        ]

    labels: list[dict[str, Any]] = made_once(regions, "labels", make)
    return labels


def region_centres(regions: Any) -> np.ndarray:
    """Centre of each region in mm, shape (n_regions, 3)."""

    def make() -> np.ndarray:
        membership = regions.membership_
        sizes = np.asarray(membership.sum(axis=0)).ravel()
        return (membership.T @ voxel_centres(regions.mask_img_)) / sizes[:, None]

    centres: np.ndarray = made_once(regions, "centres", make)
    return centres


def _regions(encoder: Any, text: str, predicted: np.ndarray) -> list[dict[str, Any]]:
    """Regions that stand out most: centre in mm, name, activation, interval and z."""
    z = encoder.predict_z([text])[0]
    lower, upper = (bound[0] for bound in encoder.predict_interval([text], coverage=COVERAGE))
    centres, labels = region_centres(encoder.regions_), region_labels(encoder.regions_)
    return [
        {
            "centre": [round(float(value)) for value in centres[region]],
            **labels[region],
            "activation": float(predicted[region]),
            "lower": float(lower[region]),
            "upper": float(upper[region]),
            "z": float(z[region]),
        }
        for region in np.argsort(-z, kind="stable")[:_N_REGIONS]
    ]
