"""What a line of a Sleuth file says: a field, the name of an experiment, a remark, or a peak."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from sklearn_mnm.datasets._text_files import as_number

# Names under which people write a field, and the column that takes it.
_FIELDS = {
    "reference": "reference",
    "reference space": "reference",
    "coordinate space": "reference",
    "coordinate system": "reference",
    "stereotaxic space": "reference",
    "standard space": "reference",
    "space": "reference",
    "n": "sample_size",
    "sample": "sample_size",
    "sample size": "sample_size",
    "doi": "doi",
    "pmid": "pmid",
    "pubmed": "pmid",
    "pubmedid": "pmid",
    "pubmed id": "pmid",
    "year": "year",
    "author": "authors",
    "authors": "authors",
    "publication": "publication",
    "journal": "publication",
    "affiliation": "affiliations",
    "affiliations": "affiliations",
    "title": "name",
    "study": "study",
    "paper": "study",
    "citation": "study",
    "experiment": "contrast",
    "contrast": "contrast",
}
_SUBJECTS = re.compile(
    r"(?:total )?(?:(?:number|no|num|n) )?(?:of )?(?:subjects?|participants?)(?: number)?"
)
# Before a colon: what is said about a file or a group rather than its name.
_REMARKS = re.compile(
    r"(?:notes?|remarks?|comments?|nb|todo|warning|caution|sources?|file(?:name)?|date|version|"
    r"software|url|link|contact|licen[cs]e|encoding|format|units?|coordinates|foci|"
    r"(?:number|no) of foci|modality|task|groups?|ages?|handedness|threshold|correction|"
    r"(?:created|exported|checked|entered|extracted|made|written)(?: by| on| with| from)?|"
    r"(?:table|figure|fig)(?: \w+)?)"
)
_PAIR = re.compile(r"([^:=]{1,40})([:=])(.*)")
_COUNTED = re.compile(
    r"(?:subjects?|participants?|n)\s+(\d.*)|(\d+)\s+(?:subjects?|participants?)", re.I
)
_PLACED = re.compile(r"(?:reference|space)\s+(.*)|((?:MNI|ICBM)\s?\d*|Talairach|TAL)", re.I)
_DOI = re.compile(r"(?:https?://(?:dx\.)?doi\.org/|doi:?\s+)?(10\.\d{4,}/\S+)", re.I)
_PMID = re.compile(r"(?:pmid|pubmed)\s+(\d+)", re.I)
_SPACES = ("MNI", "TAL", "ICBM")
# A separator after a year, as in "Smith et al., 2010: n-back", rather than one in a title.
_YEAR = re.compile(r"(?:19|20)\d{2}")
_SEPARATOR = re.compile(r"[:;]")


class Header(NamedTuple):
    """A line that starts with two slashes.

    Attributes
    ----------
    kind : {"blank", "field", "name", "remark"}
    key : str
        Of a field: the column it goes to.
    value : str
        Of a field; otherwise the line.
    """

    kind: str
    key: str
    value: str


def uncovered(line: str) -> str:
    """Take off what a spreadsheet puts around the line of a text file."""
    # Behind it cells that are empty.
    line = line.strip().rstrip(",;\t ")
    quoted = len(line) > 1 and line[0] == line[-1] == '"'
    if quoted and '"' not in line[1:-1].replace('""', ""):
        return line[1:-1].replace('""', '"').strip()
    return line


def parse_header(content: str) -> Header:
    """Tell what a line says, without its slashes."""
    content = content.strip().lstrip("/").strip()
    if not content:
        return Header("blank", "", "")
    pair = _PAIR.fullmatch(content)
    if found := _DOI.fullmatch(content):
        return Header("field", "doi", found[1])
    if found := _PMID.fullmatch(content):
        return Header("field", "pmid", found[1])
    if pair is None:
        if found := _COUNTED.fullmatch(content):
            return Header("field", "sample_size", found[1] or found[2])
        found = _PLACED.fullmatch(content)
        if found and (found[2] or found[1].upper().startswith(_SPACES)):
            return Header("field", "reference", found[1] or found[2])
        return Header("name", "", content)
    key = " ".join(re.sub(r"[_.#\s-]+", " ", pair[1].lower()).split())
    column = _FIELDS.get(key) or ("sample_size" if _SUBJECTS.fullmatch(key) else None)
    if column:
        return Header("field", column, pair[3].strip())
    # An equals sign belongs to fields, of which this is none that is known.
    if pair[2] == "=" or _REMARKS.fullmatch(key) or key in ("http", "https"):
        return Header("remark", "", content)
    return Header("name", "", content)


def is_space(value: str) -> bool:
    """Whether a reference is one of the known spaces, and one only."""
    name = value.upper()
    return name.startswith(_SPACES) and not (
        name.startswith(("MNI", "ICBM")) and ("TAL" in name or "TLRC" in name)
    )


def parse_peak(line: str) -> tuple[float, float, float] | str:
    """Return the three coordinates of a line, or what is wrong with it."""
    parts = [part.rstrip(",;") for part in line.split()]
    if len(parts) != 3:
        parts = line.split(";" if ";" in line else ",")
    try:
        x, y, z = map(as_number, parts)
    except ValueError:
        return "expected three finite numbers in mm, or a line that starts with //"
    if not all(map(math.isfinite, (x, y, z))):
        return "expected three finite numbers in mm"
    return x, y, z


def split_name(name: str) -> tuple[str, str]:
    """Return study and experiment of a line; the latter is empty where nothing separates them."""
    year = _YEAR.search(name)
    separator = (_SEPARATOR.search(name, year.end()) if year else None) or _SEPARATOR.search(name)
    if separator is None:
        return name, ""
    study, contrast = name[: separator.start()].strip(), name[separator.end() :].strip()
    return study or name, contrast
