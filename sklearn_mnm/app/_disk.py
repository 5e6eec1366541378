"""Where a question, its terms and studies lie in the space: a picture of the Poincaré disk."""

from itertools import pairwise
from typing import Any

import numpy as np

from sklearn_mnm.app._questions import N_SHOWN, Question
from sklearn_mnm.geometry.arrays import points_of
from sklearn_mnm.plotting import plot_poincare_disk
from sklearn_mnm.plotting._brain_panels import described as level_described
from sklearn_mnm.plotting._figure import figure_or_new
from sklearn_mnm.report._facts import points_of_terms

# Kinds that the disk has room for beside terms, studies and the query.
_N_LEVELS = 4
# Width and height in inches: small, as a page shows it, so that words are large.
_SIZE = (6.0, 6.5)
# Name of the question itself.
_PLACE = "your text"

Points = dict[str, np.ndarray]
Labels = dict[str, list[str]]


def draw_disk(question: Question) -> Any:
    """Draw the terms of a question, those of its walk, and similar studies.

    Where radii are information, studies are shown by their texts, as maps are too far out to be
    seen. Otherwise they are shown by their maps, and with them the map of the question and its
    networks.

    Parameters
    ----------
    question : Question

    Returns
    -------
    figure : matplotlib.figure.Figure
    """
    terms = [str(term) for term in question.terms(N_SHOWN)["term"]]
    ids = question.studies(N_SHOWN)["id"]
    rows = [question.model.row_of_study[str(name)] for name in ids]
    points, labels, edges = (_texts if question.walk else _maps)(question, terms, rows)
    own = question.own_point()
    with figure_or_new(None, _SIZE) as figure:
        plot_poincare_disk(
            points | own,
            curvature=question.model.encoder.embedder_.curvature_,
            edges=edges,
            labels=labels | {kind: [_PLACE] for kind in own},
            ax=figure.add_subplot(),
        )
    return figure


def _texts(
    question: Question, terms: list[str], rows: list[int]
) -> tuple[Points, Labels, list[tuple[str, str]]]:
    encoder = question.model.encoder
    walked = [str(row["term"]) for row in question.walk if row["step"]]
    kinds = {
        "terms of the walk": walked,
        "terms of the map": [term for term in terms if term not in walked],
    }
    labels = {kind: names for kind, names in kinds.items() if names}
    points = {kind: points_of_terms(encoder, names) for kind, names in labels.items()}
    studies = encoder.neighbours_.text_tangent[rows]
    points["texts of similar studies"] = points_of(studies, encoder.embedder_.curvature_)
    return points, labels, []


def _maps(
    question: Question, terms: list[str], rows: list[int]
) -> tuple[Points, Labels, list[tuple[str, str]]]:
    encoder = question.model.encoder
    embedder = encoder.embedder_
    ancestors = embedder.ancestors(question.activations)
    finest, *broader = encoder.hierarchy_.levels
    levels = [finest, *broader[1 - _N_LEVELS :]]
    names = {level: level_described(encoder, level) for level in levels}
    names[finest] = "map"
    studies = encoder.neighbours_.brain_tangent[rows]
    points = {
        "terms of the map": points_of_terms(encoder, terms),
        "similar studies": points_of(studies, embedder.curvature_),
        **{names[level]: ancestors[level] for level in reversed(levels)},
    }
    edges = [(names[child], names[parent]) for parent, child in pairwise(levels)]
    return points, {"terms of the map": terms}, edges
