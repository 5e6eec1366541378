"""The report of a model: what it is, how it was trained and how good it is."""

import reprlib
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.exceptions import DataWarning, InvalidInputError
from sklearn_mnm.geometry.arrays import points_of
from sklearn_mnm.metrics.summaries import retrieval_by_direction
from sklearn_mnm.model.inputs import region_activations, text_input
from sklearn_mnm.model.text_regression import count_terms
from sklearn_mnm.plotting import (
    plot_calibration,
    plot_history,
    plot_poincare_disk,
    plot_radii,
    plot_retrieval_curve,
)
from sklearn_mnm.plotting._brain_panels import described as level_described
from sklearn_mnm.plotting._kinds import radii_of
from sklearn_mnm.report._about import about_model, versions
from sklearn_mnm.report._facts import points_of_terms
from sklearn_mnm.report.document import HTMLReport, fill_template
from sklearn_mnm.report.figures import Picture, picture

_COVERAGE = 0.9
# Terms in the disk.
_N_SPECIAL, _N_GENERAL = 24, 12


def model_report(
    encoder: Any, studies: Studies | None = None, *, card: str | None = None
) -> HTMLReport:
    """Report what a fitted model is, how it was trained and, given studies, how good it is.

    Parameters
    ----------
    encoder : MNMEncoder
        Fitted.
    studies : Studies or None, default=None
        With texts and peaks, best such that the model has not seen: calibration of intervals and
        retrieval are measured on them. Those without known terms or activation are left out, and
        the page says how many.
    card : str or None, default=None
        Markdown to show, such as :func:`~sklearn_mnm.model_card` of a model that comes with the
        package.

    Returns
    -------
    report : HTMLReport
        Size, levels, curvature and parameters; training curves; radii of texts, maps and terms;
        topics in the Poincaré disk, if the model has a hierarchy of terms; calibration and
        retrieval; the card; versions and how to cite.

    Raises
    ------
    InvalidInputError
        If `studies` is no Studies or fewer than two of them have known terms and activation.
    MissingDependencyError
        If jinja2 or matplotlib is not installed.

    Warns
    -----
    DataWarning
        With the count, if the model was fitted to some of `studies`: figures flatter then.

    Examples
    --------
    >>> from sklearn_mnm import load_pretrained, model_card
    >>> from sklearn_mnm.report import model_report
    >>> encoder, _ = load_pretrained()
    >>> report = model_report(encoder, card=model_card())  # doctest: +SKIP
    >>> report.save("model.html")  # doctest: +SKIP
    """
    check_is_fitted(encoder)
    if studies is not None and not isinstance(studies, Studies):
        raise InvalidInputError(
            f"studies is of type {type(studies).__name__}; give a Studies, as the loaders of "
            "sklearn_mnm.datasets return it."
        )
    measured = None if studies is None else _measured(encoder, studies)
    model = about_model(encoder)
    title = f"Model of {model['studies']:,} studies"
    page = fill_template(
        "model.html.jinja",
        title=title,
        model=model,
        parameters=_parameters(encoder),
        history=_history_picture(encoder.embedder_),
        radii=_radii_picture(encoder),
        disk=_disk_picture(encoder),
        is_information=encoder._has_term_hierarchy,
        measured=measured,
        card=card,
        versions=versions(),
    )
    return HTMLReport(page, title)


def _parameters(encoder: Any) -> dict[str, str]:
    """Parameters of the encoder and its parts, shortened, without the parts as wholes."""
    parts = {name: getattr(encoder, f"{name}_") for name in ("vectorizer", "regions", "embedder")}
    values = {"hierarchy": encoder.hierarchy, "random_state": encoder.random_state}
    for part, estimator in parts.items():
        if isinstance(estimator, BaseEstimator):
            own = estimator.get_params(deep=False)
            values |= {f"{part}__{name}": value for name, value in own.items()}
    shown = reprlib.Repr()
    shown.maxstring = shown.maxother = 80
    return {name: " ".join(shown.repr(value).split()) for name, value in values.items()}


def _history_picture(embedder: Any) -> Picture | None:
    history = embedder.history_
    trained = history.dropna(subset="loss") if "loss" in history else history[:0]
    if len(trained) == 0:
        return None
    losses = trained["loss"]
    alt = (
        f"Training curves over {len(trained)} epochs; the loss goes from {losses.iloc[0]:.3g} to "
        f"{losses.iloc[-1]:.3g}."
    )
    return picture(plot_history(history), alt)


def _radii_picture(encoder: Any) -> Picture:
    curvature = encoder.embedder_.curvature_
    neighbours = encoder.neighbours_
    points = {
        "maps of the fit": points_of(neighbours.brain_tangent, curvature),
        "texts of the fit": points_of(neighbours.text_tangent, curvature),
        "terms": points_of_terms(encoder, encoder.terms_),
    }
    medians = _medians({kind: radii_of(values, curvature) for kind, values in points.items()})
    alt = f"Histograms of the distance from the root. Medians: {medians}."
    return picture(plot_radii(points, curvature=curvature), alt)


def _disk_picture(encoder: Any) -> Picture | None:
    """Draw the topics of the most and of the fewest studies in the disk."""
    curvature = encoder.embedder_.curvature_
    if not encoder._has_term_hierarchy:
        return None
    hierarchy = encoder._term_hierarchy()
    topics = np.flatnonzero(hierarchy.is_topic)
    order = topics[np.argsort(hierarchy.radii[topics], kind="stable")]
    general = order[: min(_N_GENERAL, len(order) // 2)]
    special = order[len(general) :][-_N_SPECIAL:]
    kinds = {"terms of few studies": special, "terms of many studies": general}
    kinds = {kind: rows for kind, rows in kinds.items() if len(rows)}
    if not kinds:
        return None
    names = {kind: [str(hierarchy.terms[row]) for row in rows] for kind, rows in kinds.items()}
    figure = plot_poincare_disk(
        {kind: hierarchy.points[rows] for kind, rows in kinds.items()},
        curvature=curvature,
        labels=names,
    )
    lists = ". ".join(f"{kind.capitalize()}: {', '.join(terms)}" for kind, terms in names.items())
    return picture(figure, f"Poincaré disk with the root in its middle. {lists}.")


def _medians(values: Mapping[str, np.ndarray]) -> str:
    return ", ".join(f"{kind} {np.median(radii):.2f}" for kind, radii in values.items())


def _measured(encoder: Any, studies: Studies) -> dict[str, Any]:
    """Measure retrieval and calibration on the studies of which text and map are known."""
    owner = type(encoder).__name__
    observed = region_activations(studies, encoder.regions_, encoder.n_regions_, owner=owner)
    known = count_terms(encoder.vectorizer_.transform(text_input(studies))) > 0
    usable = known & observed.any(axis=1)
    n_left_out = int(len(studies) - usable.sum())
    studies, observed = studies[usable], observed[usable]
    n_studies = len(studies)
    if n_studies < 2:
        raise InvalidInputError(
            f"studies: {n_studies} with known terms and activation; two or more are needed."
        )
    n_seen = int(np.isin(studies.ids, encoder.neighbours_.ids).sum())
    if n_seen:
        warnings.warn(
            f"The model was fitted to {n_seen} of these {n_studies} studies, by their ids: what is "
            "measured on them flatters. Give studies that it has not seen.",
            DataWarning,
            stacklevel=3,
        )
    texts, maps = encoder.transform(studies), encoder.decoder().transform(studies)
    similarity = encoder.embedder_.similarity(np.asarray(texts), np.asarray(maps))
    rows = ("text to map", "map to text", "chance")
    return {
        "n_studies": n_studies,
        "n_left_out": n_left_out,
        "n_seen": n_seen,
        "rows": dict(zip(rows, retrieval_by_direction(similarity), strict=True)),
        "curve": picture(
            plot_retrieval_curve({"model": similarity}),
            f"Recall at k among {n_studies} studies, from text to map and from map to text, above "
            "the line of chance where the model is better; figures are in the table below.",
        ),
        "calibration": picture(
            plot_calibration(encoder, studies),
            f"Nominal against observed coverage, on {n_studies} studies. "
            + _coverages(encoder, studies, observed),
        ),
    }


def _coverages(encoder: Any, studies: Studies, observed: np.ndarray) -> str:
    """Say how much of what was observed lies within the intervals at each level."""
    told = []
    for level in encoder.hierarchy_.levels[:-1]:
        lower, upper = encoder.predict_interval(studies, level, _COVERAGE)
        values = encoder.hierarchy_.aggregate(observed, level)
        covered = np.mean((lower <= values) & (values <= upper))
        told.append(f"{100 * covered:.1f} % ({level_described(encoder, level)})")
    return f"Intervals of {100 * _COVERAGE:.0f} % hold {', '.join(told)} of the activations."
