"""Write studies as references for reference managers."""

import re
from collections.abc import Callable

import pandas as pd

from sklearn_mnm.exceptions import InvalidInputError

_PUBMED = "https://pubmed.ncbi.nlm.nih.gov/"
_PUBMED_ID = re.compile(r"[1-9]\d{4,7}")
# What BibTeX reads otherwise than it stands there.
_BIBTEX = {"\\": r"\textbackslash{}", **{sign: f"\\{sign}" for sign in "{}&%$#_"}}
_BIBTEX |= {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


def format_references(studies: pd.DataFrame, style: str = "ris") -> str:
    """Write studies in a form that reference managers import.

    Known are ids and titles, and of numeric ids that they are of PubMed: fetch the rest there, as
    reference managers do.

    Parameters
    ----------
    studies : DataFrame
        With the column ``id`` and possibly ``title``, as :meth:`~sklearn_mnm.MNMEncoder.retrieve`
        gives it. A study that stands twice is written once.
    style : {"ris", "bibtex", "csv"}, default="ris"
        The tagged form of EndNote, Zotero and others, BibTeX, or a table.

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
    rows = [
        (str(id_), " ".join(str(title).split()))
        for id_, title in zip(kept["id"], titles, strict=True)
    ]
    return _STYLES[style](rows)


def is_pubmed_id(id_: str) -> bool:
    """Whether the id of a study may be one of PubMed: a number of five to eight digits."""
    return _PUBMED_ID.fullmatch(id_) is not None


def _ris(rows: list[tuple[str, str]]) -> str:
    lines = []
    for id_, title in rows:
        lines += ["TY  - JOUR", *([f"TI  - {title}"] if title else []), f"AN  - {id_}"]
        if is_pubmed_id(id_):
            lines += ["DB  - PubMed", f"UR  - {_PUBMED}{id_}/"]
        lines += ["ER  -", ""]
    return "\n".join(lines)


def _bibtex(rows: list[tuple[str, str]]) -> str:
    entries = []
    for id_, title in rows:
        key = re.sub(r"[^\w:.-]+", "-", id_) or "study"
        fields = [("title", "{" + "".join(_BIBTEX.get(sign, sign) for sign in title) + "}")]
        if is_pubmed_id(id_):
            key = f"pmid{id_}"
            fields += [("pmid", id_), ("url", f"{_PUBMED}{id_}/")]
        body = "".join(f"  {name} = {{{value}}},\n" for name, value in fields if value != "{}")
        entries.append(f"@article{{{key},\n{body}}}\n")
    return "\n".join(entries)


def _csv(rows: list[tuple[str, str]]) -> str:
    table = pd.DataFrame(rows, columns=["id", "title"])
    table["url"] = [f"{_PUBMED}{id_}/" if is_pubmed_id(id_) else "" for id_ in table["id"]]
    return table.to_csv(index=False, lineterminator="\n")


_STYLES: dict[str, Callable[[list[tuple[str, str]]], str]] = {
    "ris": _ris,
    "bibtex": _bibtex,
    "csv": _csv,
}
