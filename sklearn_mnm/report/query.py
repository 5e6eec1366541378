"""The report of queries: what a model makes of a few texts."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

from sklearn.utils.validation import check_is_fitted

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.plotting import plot_levels, plot_walk
from sklearn_mnm.plotting._brain_panels import described as level_described
from sklearn_mnm.plotting.brain import SHOWN_Z
from sklearn_mnm.report._about import about_model, versions
from sklearn_mnm.report._facts import COVERAGE, N_STEPS, shortened, text_facts
from sklearn_mnm.report.document import HTMLReport, fill_template
from sklearn_mnm.report.figures import Picture, described, picture
from sklearn_mnm.text._documents import as_documents


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
        ids are those of PubMed (numbers of five to eight digits), and the walk up to the general,
        if the model has a hierarchy of terms. Where nothing of a text is known, only that and what
        is near. Then the model, versions, and how to cite.

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
    title = shortened(title)
    queries = [_entry(encoder, text, int(k)) for text in texts]
    page = fill_template(
        "query.html.jinja",
        title=title,
        queries=queries,
        has_walks=any(query.get("walk") for query in queries),
        shown_z=SHOWN_Z,
        coverage=COVERAGE,
        model=about_model(encoder),
        versions=versions(),
    )
    return HTMLReport(page, title)


def _entry(encoder: Any, text: str, k: int) -> dict[str, Any]:
    """Ask the model for all that the page tells of one query."""
    entry = text_facts(encoder, text, k)
    if not entry["usable"]:
        return entry
    entry["levels"] = _levels_picture(encoder, text)
    if entry["walk"]:
        terms = ", ".join(row["term"] for row in entry["walk"][1:]) or "none"
        entry["walk_picture"] = picture(
            plot_walk(encoder, text, n_steps=N_STEPS),
            f"Activation predicted of “{entry['heading']}” and of the terms of its walk ({terms}), "
            "each on a glass brain from the side and above; radii, probabilities and numbers of "
            "studies are in the table below.",
        )
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
