"""Write studies as references for reference managers."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pandas as pd

from sklearn_mnm.exceptions import InvalidInputError

_PUBMED = "https://pubmed.ncbi.nlm.nih.gov/"
_PUBMED_ID = re.compile(r"[1-9]\d{4,7}")
# As PubMed writes names, "Smith JA", and as the APA does, "Smith, J. A.".
_INITIALS = r"(?:[^\W\d_a-z]\.?[- ]?){1,4}"
_PUBMED_NAME = re.compile(rf"([^,]+) ({_INITIALS})")
_APA_NAME = re.compile(r"[^,]+, (?:[^\W\d_a-z]\.[- ]?)+")
# What BibTeX reads otherwise than it stands there.
_BIBTEX = {"\\": r"\textbackslash{}", **{sign: f"\\{sign}" for sign in "{}&%$#_"}}
_BIBTEX |= {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


def format_references(studies: pd.DataFrame, style: str = "ris") -> str:
    """Write studies in a form that reference managers import.

    Known are ids, titles and, of some corpora, authors, and of numeric ids that they are of PubMed:
    fetch the rest there, as reference managers do.

    Parameters
    ----------
    studies : DataFrame
        With the column ``id`` and possibly ``title``, as :meth:`~sklearn_mnm.MNMEncoder.retrieve`
        gives it, and possibly ``authors``, as the ``metadata`` of :class:`Studies` may have it:
        lists of names, or names with semicolons or commas between. A study that stands twice is
        written once.
    style : {"ris", "bibtex", "csv"}, default="ris"
        The tagged form of EndNote, Zotero and others, BibTeX, or a table. In BibTeX, a comment
        says if authors are missing.

    Returns
    -------
    text : str

    Raises
    ------
    InvalidInputError
        If `studies` is no table with a column ``id``, or the style is none of these.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_mnm.datasets import format_references
    >>> studies = pd.DataFrame({"id": ["12880830"], "title": ["Fear & the amygdala"]})
    >>> print(format_references(studies))
    TY  - JOUR
    TI  - Fear & the amygdala
    AN  - 12880830
    DB  - PubMed
    UR  - https://pubmed.ncbi.nlm.nih.gov/12880830/
    ER  -
    <BLANKLINE>
    """
    if style not in _STYLES:
        raise InvalidInputError(f"style={style!r}: choose one of {', '.join(map(repr, _STYLES))}.")
    if not isinstance(studies, pd.DataFrame) or "id" not in studies:
        raise InvalidInputError(
            f"studies: expected a table with a column 'id', got {type(studies).__name__}. Give "
            "what retrieve returns."
        )
    kept = studies.drop_duplicates("id")
    titles = kept["title"].fillna("") if "title" in kept else [""] * len(kept)
    authors = kept["authors"] if "authors" in kept else [None] * len(kept)
    rows = [
        _Reference(str(id_), " ".join(str(title).split()), _names(given))
        for id_, title, given in zip(kept["id"], titles, authors, strict=True)
    ]
    return _STYLES[style](rows)


def is_pubmed_id(id_: str) -> bool:
    """Whether the id of a study may be one of PubMed: a number of five to eight digits."""
    return _PUBMED_ID.fullmatch(id_) is not None


class _Reference(NamedTuple):
    """What is known of a study, without line breaks."""

    id: str
    title: str
    authors: list[str]


def _names(given: Any) -> list[str]:
    """Names of authors, those with initials behind as ``"Smith, JA"``; none of what is no text."""
    if isinstance(given, str):
        names = [
            name
            for part in re.split(r";|, & |,? and ", given)
            for name in _divided(part.strip(" ,"))
        ]
    else:
        many = isinstance(given, list | tuple) or getattr(given, "ndim", 0) == 1
        names = [name for name in given if isinstance(name, str)] if many else []
    plain = (" ".join(name.split()) for name in names)
    return [_inverted(name) for name in plain if name]


def _divided(names: str) -> list[str]:
    """Names with commas between: "Smith J, Jones A" are two, "Smith, John" is one."""
    parts = [part.strip() for part in names.split(",")]
    if len(parts) > 1 and all(map(_PUBMED_NAME.fullmatch, parts)):
        return parts
    of_apa = _APA_NAME.findall(names)
    return of_apa if len(of_apa) > 1 and 2 * len(of_apa) == len(parts) else [names]


def _inverted(name: str) -> str:
    """Put a comma before initials that stand behind."""
    found = _PUBMED_NAME.fullmatch(name)
    return f"{found[1]}, {found[2]}" if found else name


def _ris(references: list[_Reference]) -> str:
    lines = []
    for id_, title, authors in references:
        lines += ["TY  - JOUR", *(f"AU  - {name}" for name in authors)]
        lines += [*([f"TI  - {title}"] if title else []), f"AN  - {id_}"]
        if is_pubmed_id(id_):
            lines += ["DB  - PubMed", f"UR  - {_PUBMED}{id_}/"]
        lines += ["ER  -", ""]
    return "\n".join(lines)


def _bibtex(references: list[_Reference]) -> str:
    n_without = sum(not reference.authors for reference in references)
    entries = []
    if n_without:
        # What stands outside of entries is a comment.
        which = "" if n_without == len(references) else f" of {n_without} of these studies"
        entries.append(
            f"% The corpus holds no authors{which}. Complete the entries by pmid or title, as\n"
            "% reference managers do.\n"
        )
    for id_, title, authors in references:
        key = re.sub(r"[^\w:.-]+", "-", id_) or "study"
        fields = [
            ("author", " and ".join(map(_author_in_bibtex, authors))),
            ("title", f"{{{_in_bibtex(title)}}}"),
        ]
        if is_pubmed_id(id_):
            key = f"pmid{id_}"
            fields += [("pmid", id_), ("url", f"{_PUBMED}{id_}/")]
        known = [(name, value) for name, value in fields if value not in ("", "{}")]
        body = "".join(f"  {name} = {{{value}}},\n" for name, value in known)
        entries.append(f"@article{{{key},\n{body}}}\n")
    return "\n".join(entries)


def _author_in_bibtex(name: str) -> str:
    # Between names "and" divides; that of a consortium is part of its name.
    written = _in_bibtex(name)
    return f"{{{written}}}" if " and " in written else written


def _in_bibtex(text: str) -> str:
    return "".join(_BIBTEX.get(sign, sign) for sign in text)


def _csv(references: list[_Reference]) -> str:
    table = pd.DataFrame(references, columns=["id", "title", "authors"])
    table["authors"] = ["; ".join(names) for names in table["authors"]]
    table["url"] = [f"{_PUBMED}{id_}/" if is_pubmed_id(id_) else "" for id_ in table["id"]]
    return table.to_csv(index=False, lineterminator="\n")


_STYLES: dict[str, Callable[[list[_Reference]], str]] = {
    "ris": _ris,
    "bibtex": _bibtex,
    "csv": _csv,
}
