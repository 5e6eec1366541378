"""Answers to a question, each the body of a response."""

import gzip
import json
import re
from base64 import b64decode
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sklearn_mnm.app._disk import draw_disk
from sklearn_mnm.app._questions import N_SHOWN, MapQuestion, Model, Question, TextQuestion
from sklearn_mnm.app._uploads import read_threshold
from sklearn_mnm.app._viewer import viewer_page
from sklearn_mnm.datasets.references import format_references
from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.plotting import plot_map
from sklearn_mnm.plotting.brain import SHOWN_Z
from sklearn_mnm.report import query_report
from sklearn_mnm.report._about import about_model, versions
from sklearn_mnm.report._facts import COVERAGE, NEAR_PEAK, place_facts
from sklearn_mnm.report.document import fill_template
from sklearn_mnm.report.figures import described, picture

_TEMPLATES = Path(str(files("sklearn_mnm.app") / "templates"))
# Rows of tables to download.
_N_DOWNLOADED = 100
# Of a walk; which of them there are is known when it was made.
_STEP = re.compile("step-[0-9]{1,2}")
# Places in mm beyond which there is no head.
_FARTHEST = 200


class Wish(NamedTuple):
    """What is wanted of an answer, as an address says.

    Attributes
    ----------
    view : str
        Which map; empty for the first.
    place : (float, float, float) or None
        Where the slices cross, in mm.
    threshold : float or None
        From which value on a map is shown; None is that of the view.
    """

    view: str = ""
    place: tuple[float, float, float] | None = None
    threshold: float | None = None

    @property
    def address(self) -> dict[str, str]:
        """Parameters of the address that says it, without the view."""
        named = dict(zip("xyz", self.place or (), strict=False))
        if self.threshold is not None:
            named["threshold"] = self.threshold
        return {name: f"{value:g}" for name, value in named.items()}

    @classmethod
    def from_address(cls, query: Any) -> "Wish":
        """Read the parameters of an address.

        Raises
        ------
        InvalidInputError
            If a coordinate is no number or far from any head, or the threshold is no number.
        """
        return cls(query.get("view", ""), read_place(query), read_threshold(query.get("threshold")))


def read_place(query: Any) -> tuple[float, float, float] | None:
    """Read the place that the parameters x, y and z of an address say, None if none of them does.

    Raises
    ------
    InvalidInputError
        If a coordinate is no number, or far from any head.
    """
    given = [query.get(axis, "").strip() for axis in "xyz"]
    if not any(given):
        return None
    try:
        x, y, z = (float(value) for value in given)
    except ValueError as error:
        raise InvalidInputError(f"x, y, z = {given}: give three numbers, in mm.") from error
    if not all(abs(place) <= _FARTHEST for place in (x, y, z)):
        raise InvalidInputError(f"x, y, z = {given}: give places within {_FARTHEST} mm.")
    return x, y, z


class Answer(NamedTuple):
    """A part of what a question can be asked for.

    Attributes
    ----------
    make : callable
        Takes the question, a function from a part and parameters to its address, and the wish.
    media_type : str
    download : bool
        Whether it is to be saved rather than shown.
    draws : bool
        Whether matplotlib draws, which it can do one at a time.
    heeds : tuple of str
        What of the wish makes a difference: its view, and its place with the threshold.
    """

    make: Callable[[Any, Any, Wish], str | bytes]
    media_type: str
    download: bool = False
    draws: bool = False
    heeds: tuple[str, ...] = ()

    def heeded(self, wish: Wish, question: Question) -> Wish:
        """Return what of a wish makes a difference, the same for all that get the same.

        Raises
        ------
        InvalidInputError
            If there is no such view.
        """
        view = wish.view if "view" in self.heeds else ""
        heeded = Wish(view)
        if "place" in self.heeds:
            heeded = wish._replace(view=view)
        if view in question.views or not view:
            return heeded
        if self.make is _whole_page:  # which shows the first one then
            return heeded._replace(view="", threshold=None)
        if not _STEP.fullmatch(view):
            raise InvalidInputError(f"view={view[:40]!r}: choose one of {[*question.views]}.")
        return heeded


def page(name: str, **content: Any) -> str:
    """Fill a template of the app."""
    return fill_template(name, _TEMPLATES, **content)


def slug(heading: str) -> str:
    """Turn a heading into a part of the name of a file, of plain letters."""
    plain = re.sub(r"\.nii(\.gz)?$", "", heading.lower())
    return re.sub("[^a-z0-9]+", "-", plain)[:40].strip("-") or "map"


def place_page(model: Model, place: tuple[float, float, float]) -> str:
    """Make the page that tells what is reported at a place."""
    return page(
        "place.html.jinja",
        title=f"What is reported at {', '.join(f'{value:g}' for value in place)}",
        facts=place_facts(model.encoder, place, N_SHOWN, model.studies),
        near_peak=NEAR_PEAK,
        wish=Wish(place=place),
        model=model,
    )


def maps_page(model: Model, questions: dict[str, MapQuestion]) -> str:
    """Make the page that shows the words of maps, by their addresses, beside each other."""
    maps = [
        {
            "address": address,
            "heading": question.heading,
            "threshold": question.threshold,
            "notes": question.notes,
            "terms": question.terms(N_SHOWN).to_dict("records"),
        }
        for address, question in questions.items()
    ]
    return page("maps.html.jinja", title="Words of maps, side by side", maps=maps, model=model)


def with_word(text: str, word: str, term: str) -> str:
    """Put a term in the place of a word of a text, wherever it stands as a whole."""
    # Where the text has another spelling than what was told of it, the term remains.
    corrected, n_places = re.subn(
        rf"(?<!\w){re.escape(word)}(?!\w)", lambda _: term, text, flags=re.I
    )
    return corrected if n_places else term


def encoded(facts: dict[str, Any]) -> bytes:
    """Facts as JSON."""
    return json.dumps(facts, ensure_ascii=False, allow_nan=False, default=_plain).encode()


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else list(value)


def _whole_page(question: Question, link: Any, wish: Wish) -> str:
    facts = question.facts(N_SHOWN)
    embedder = question.model.encoder.embedder_
    more: dict[str, Any] = {}
    if facts["usable"]:
        view = wish.view if wish.view in question.views else next(iter(question.views))
        more = {"view": view, "views": question.views, "levels": question.level_terms()}
        more |= {"threshold": question.cluster_threshold, "wish": wish}
    return page(
        "answer.html.jinja",
        question=question,
        is_text=isinstance(question, TextQuestion),
        text=getattr(question, "text", ""),
        title=question.heading,
        facts=facts,
        link=link,
        with_word=with_word,
        shown_z=SHOWN_Z,
        coverage=COVERAGE,
        similarity=embedder.get_params()["objective__similarity"].replace("_", " "),
        model=question.model,
        **more,
    )


def _viewer(question: Question, link: Any, wish: Wish) -> str:
    shown = question.shown(wish.view or next(iter(question.views)))
    if wish.threshold is not None:
        shown = shown._replace(threshold=wish.threshold)
    return viewer_page(shown, f"Map of {question.heading}", wish.place)


def _nifti(question: Question, link: Any, wish: Wish) -> bytes:
    image = question.shown(wish.view or next(iter(question.views))).image
    image.set_data_dtype(np.float32)
    # The same map gives the same file.
    return gzip.compress(image.to_bytes(), compresslevel=6, mtime=0)


def _terms(question: Question, link: Any, wish: Wish) -> str:
    return _tab_separated(question.terms(_N_DOWNLOADED).drop(columns="map"))


def _studies(question: Question, link: Any, wish: Wish) -> str:
    return _tab_separated(question.studies(_N_DOWNLOADED).drop(columns="query"))


def _references(style: str) -> Any:
    """Return what writes the studies for reference managers, with authors if they are known."""

    def write(question: Question, link: Any, wish: Wish) -> str:
        found, corpus = question.studies(_N_DOWNLOADED), question.model.studies
        if corpus is not None and "authors" in corpus.metadata:
            authors = pd.Series(corpus.metadata["authors"].to_numpy(), corpus.ids.astype(str))
            found = found.assign(authors=found["id"].astype(str).map(authors))
        return format_references(found, style)

    return write


def _clusters(question: Question, link: Any, wish: Wish) -> str:
    return _tab_separated(question.clusters(_N_DOWNLOADED))


def _tab_separated(table: pd.DataFrame) -> str:
    return table.to_csv(sep="\t", index=False, lineterminator="\n")


def _disk(question: Question, link: Any, wish: Wish) -> bytes:
    source = picture(draw_disk(question), "").source
    return b64decode(source.partition(",")[2])


def _report(question: Question, link: Any, wish: Wish) -> str:
    if isinstance(question, TextQuestion):
        return query_report(question.model.encoder, [question.text], k=N_SHOWN).html
    assert isinstance(question, MapQuestion)
    shown = question.shown("map")
    figures = [
        picture(
            plot_map(shown.image, view=view, threshold=shown.threshold, label="value"),
            f"{name}: {described(shown.image, shown.threshold)}.",
        )
        for view, name in (("glass", "Glass brain"), ("slices", "Axial slices"))
    ]
    return page(
        "decoded.html.jinja",
        title=f"What “{question.heading}” shows",
        question=question,
        facts=question.facts(N_SHOWN),
        threshold=question.cluster_threshold,
        levels=question.level_terms(),
        figures=figures,
        disk=picture(draw_disk(question), "Poincaré disk with the root in its middle."),
        model=about_model(question.model.encoder),
        versions=versions(),
    )


#: By the last part of the address.
ANSWERS = {
    "": Answer(_whole_page, "text/html", heeds=("view", "place")),
    "viewer": Answer(_viewer, "text/html", heeds=("view", "place")),
    "disk.png": Answer(_disk, "image/png", draws=True),
    "map.nii.gz": Answer(_nifti, "application/gzip", download=True, heeds=("view",)),
    "terms.tsv": Answer(_terms, "text/tab-separated-values", download=True),
    "studies.tsv": Answer(_studies, "text/tab-separated-values", download=True),
    "studies.ris": Answer(_references("ris"), "application/x-research-info-systems", download=True),
    "studies.bib": Answer(_references("bibtex"), "application/x-bibtex", download=True),
    "clusters.tsv": Answer(_clusters, "text/tab-separated-values", download=True),
    "report.html": Answer(_report, "text/html", download=True, draws=True),
}


@cache
def static_files() -> dict[str, tuple[bytes, str]]:
    """Contents and media types of the files that pages use, by name."""
    own, report = files("sklearn_mnm.app") / "static", files("sklearn_mnm.report") / "templates"
    style = [part.read_bytes() for part in (report / "report.css", own / "app.css")]
    return {
        "app.css": (b"\n".join(style), "text/css"),
        "app.js": ((own / "app.js").read_bytes(), "text/javascript"),
        "icon.svg": ((own / "icon.svg").read_bytes(), "image/svg+xml"),
    }
