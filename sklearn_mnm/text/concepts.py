"""Lists of terms to decode with: the Cognitive Atlas, and a user's own words."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_mnm._dependencies import import_optional
from sklearn_mnm.exceptions import DataFormatError, DataWarning
from sklearn_mnm.text._documents import as_documents
from sklearn_mnm.text._spelling import lexicon, lexicon_of
from sklearn_mnm.text.terms import TermVectorizer

_ALIASES = "cogat_aliases.csv"
_RELATIONSHIPS = "cogat_relationships.csv"
# Relations that name a broader term; kinds before parts where a term has both.
_UPWARD = ("isKindOf", "isA", "isPartOf")
# The same relations as told by the broader term.
_DOWNWARD = {"hasKind": "isKindOf", "hasPart": "isPartOf"}


@dataclass(frozen=True, eq=False)
class CognitiveAtlas:
    """Concepts, tasks and disorders of the Cognitive Atlas.

    Attributes
    ----------
    terms : pandas.DataFrame
        One row per term, sorted by name: ``id``, ``name`` (lower case) and ``aliases`` (tuple of
        str: synonyms, abbreviations and other spellings). NiMARE's files have no definitions.
    relations : pandas.DataFrame
        One row per relation: ``id``, ``parent`` (ids) and ``relation``: ``"isKindOf"``,
        ``"isA"`` or ``"isPartOf"`` among concepts or disorders, ``"measures"`` from a task to a
        concept, ``"inCategory"`` from a concept to its class (which is no term itself).
    parents : ndarray of int, shape (n_terms,)
        Row of the broader term of each term, -1 where there is none: a forest, as
        :func:`sklearn_mnm.hierarchy_metrics.tree_distances` takes it. Of several broader terms
        one is taken: kinds before parts, then in the order of the file.
    """

    terms: pd.DataFrame
    relations: pd.DataFrame
    parents: np.ndarray

    @property
    def names(self) -> np.ndarray:
        """Name of each term, shape (n_terms,)."""
        return self.terms["name"].to_numpy(dtype=object)

    def __len__(self) -> int:
        return len(self.terms)

    def __repr__(self) -> str:
        return f"CognitiveAtlas({len(self.terms)} terms, {len(self.relations)} relations)"


def load_cognitive_atlas(folder: str | Path | None = None) -> CognitiveAtlas:
    """Load the Cognitive Atlas from the two files that NiMARE downloads.

    NiMARE carries no copy of the atlas; it fetches it from cognitiveatlas.org once, with a
    request for each term (some minutes), and keeps it.

    Parameters
    ----------
    folder : str or pathlib.Path, default=None
        Folder with ``cogat_aliases.csv`` and ``cogat_relationships.csv``. If None, NiMARE's own
        data folder is used, and the atlas is downloaded if it is not there.

    Returns
    -------
    atlas : CognitiveAtlas

    Raises
    ------
    DataFormatError
        If a file is missing or lacks a column, the atlas holds no term, or the download fails.
    MissingDependencyError
        If `folder` is None and NiMARE is not installed.

    Warns
    -----
    DataWarning
        Once, with counts: rows without id or name, relations with terms that are not listed,
        broader terms that `parents` has no place for (a second one, or one that closes a circle).

    References
    ----------
    Poldrack et al. (2011), "The Cognitive Atlas: toward a knowledge foundation for cognitive
    neuroscience", Frontiers in Neuroinformatics 5:17, doi:10.3389/fninf.2011.00017.

    Examples
    --------
    >>> from sklearn_mnm.text import load_cognitive_atlas, match_terms
    >>> atlas = load_cognitive_atlas()  # doctest: +SKIP
    >>> queries = match_terms(atlas.names, vectorizer)  # doctest: +SKIP
    """
    location = _download() if folder is None else Path(folder)
    listed = _read(location / _ALIASES, ["id", "name", "alias"])
    relations = _read(location / _RELATIONSHIPS, ["input", "output", "rel_type"])
    notes = []

    complete = listed["id"].ne("") & listed["name"].ne("")
    if not complete.all():
        notes.append(f"{int((~complete).sum())} rows of {_ALIASES} have no id or name")
    terms = _terms(listed[complete])
    if terms.empty:
        raise DataFormatError(f"{location / _ALIASES}: holds no term.")

    relations, n_unlisted = _upward(relations, set(terms["id"]))
    if n_unlisted:
        notes.append(f"{n_unlisted} relations name terms that are not listed")
    parents, n_unplaced = _forest(terms["id"], relations)
    if n_unplaced:
        notes.append(
            f"{n_unplaced} broader terms are a second one or close a circle and are not in "
            "`parents`, only in `relations`"
        )
    if notes:
        warnings.warn("; ".join(notes) + ".", DataWarning, stacklevel=2)
    return CognitiveAtlas(terms=terms, relations=relations, parents=parents)


def match_terms(names: ArrayLike | Iterable[str], vocabulary: Any) -> pd.DataFrame:
    """Find the terms of a vocabulary in a user's own list of terms.

    Case, hyphens, plurals and words written together or apart do not matter: "N-Back tasks"
    finds "nback task". The rewritten name is then matched longest term first, as
    :class:`~sklearn_mnm.text.TermVectorizer` does with documents.

    Parameters
    ----------
    names : sequence of str, shape (n_names,)
        Terms of one or more words, e.g. ``CognitiveAtlas.names``.
    vocabulary : TermVectorizer or sequence of str
        A fitted vectorizer, whose kept terms are the known ones, or the known terms.

    Returns
    -------
    matches : pandas.DataFrame of n_names rows, in the order of `names`
        ``name`` as given; ``query``, the name in the spelling of the vocabulary, to be given to
        the vectorizer; ``terms``, tuple of the known terms in it; ``known``, whether there is
        one; ``missing``, tuple of the words of the query that no known term covers.

    Raises
    ------
    InvalidInputError
        If `names` or `vocabulary` is one string, holds something else than strings, or two terms
        of the vocabulary cannot be told apart.

    Warns
    -----
    DataWarning
        Once, with count: names in which nothing is known.

    Examples
    --------
    >>> from sklearn_mnm.text import match_terms
    >>> vocabulary = ["nback", "working memory", "emotion"]
    >>> match_terms(["N-back", "Emotions in working memory"], vocabulary)["terms"].tolist()
    [('nback',), ('emotion', 'working memory')]
    """
    wanted = as_documents(names, name="names")
    if isinstance(vocabulary, TermVectorizer):
        spelling = lexicon_of(vocabulary)
    else:
        terms = tuple(as_documents(vocabulary, name="vocabulary"))
        spelling = lexicon(terms, terms)
    rows = []
    for name in wanted:
        query = spelling.rewrite(name)
        found, missing = [], []
        for _, piece, is_term in spelling.split(query):
            if is_term and piece in spelling.known:
                found.append(piece)
            else:
                missing.extend(spelling.words(piece))
        rows.append((name, query, tuple(found), bool(found), tuple(missing)))
    matches = pd.DataFrame(rows, columns=["name", "query", "terms", "known", "missing"])
    matches["known"] = matches["known"].astype(bool)
    unknown = matches.loc[~matches["known"], "name"].tolist()
    if unknown:
        shown = ", ".join(repr(name) for name in unknown[:5])
        warnings.warn(
            f"names: {len(unknown)} of {len(matches)} hold no known term: {shown}"
            f"{', ...' if len(unknown) > 5 else ''}; see the column 'known'.",
            DataWarning,
            stacklevel=2,
        )
    return matches


def _download() -> Path:
    extract = import_optional(
        "nimare.extract", extra="nimare", purpose="Downloading the Cognitive Atlas"
    )
    try:
        files = extract.download_cognitive_atlas()
    except (OSError, ValueError, KeyError) as error:  # connection, answer that is not JSON
        raise DataFormatError(
            f"The Cognitive Atlas could not be downloaded ({type(error).__name__}: {error}). "
            f"Try again with a connection to cognitiveatlas.org, or pass folder=... with "
            f"{_ALIASES} and {_RELATIONSHIPS} from another computer's "
            "nimare.extract.download_cognitive_atlas()."
        ) from error
    return Path(files["ids"]).parent


def _read(path: Path, required: list[str]) -> pd.DataFrame:
    try:
        # Strings throughout: a name such as "null" or "nan" is no missing value.
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise DataFormatError(
            f"{path}: cannot be read as CSV ({error}); "
            "nimare.extract.download_cognitive_atlas() writes it."
        ) from error
    missing = [column for column in required if column not in table.columns]
    if missing:
        raise DataFormatError(f"{path}: missing column(s) {missing}; it has {list(table)}.")
    return table[required]


def _terms(listed: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for term_id, entries in listed.groupby("id", sort=False):
        name = entries["name"].iloc[0]
        aliases = [alias for alias in dict.fromkeys(entries["alias"]) if alias not in ("", name)]
        rows.append((term_id, name, tuple(aliases)))
    terms = pd.DataFrame(rows, columns=["id", "name", "aliases"])
    return terms.sort_values(["name", "id"], ignore_index=True)


def _upward(relations: pd.DataFrame, known: set[str]) -> tuple[pd.DataFrame, int]:
    """Return each relation once, from the narrower term up, and how many name unknown terms."""
    table = relations.set_axis(["id", "parent", "relation"], axis=1)
    down = table["relation"].isin(list(_DOWNWARD))
    turned = table[down].rename(columns={"id": "parent", "parent": "id"})
    turned["relation"] = turned["relation"].map(_DOWNWARD)
    table = pd.concat([table[~down], turned[["id", "parent", "relation"]]])
    # A task tells what it measures; "measuredBy" repeats that, "isSelf" says nothing.
    table = table[table["relation"].isin([*_UPWARD, "measures", "inCategory"])]
    table = table[table["parent"].ne("")].drop_duplicates(ignore_index=True)
    listed = table["id"].isin(known) & (
        table["parent"].isin(known) | table["relation"].eq("inCategory")
    )
    return table[listed].reset_index(drop=True), int((~listed).sum())


def _forest(ids: pd.Series, relations: pd.DataFrame) -> tuple[np.ndarray, int]:
    """Return the row of one parent per term and how many other parents had no place."""
    rows = {term_id: row for row, term_id in enumerate(ids)}
    parents = np.full(len(rows), -1)
    upward = relations[relations["relation"].isin(_UPWARD)]
    order = upward["relation"].map({name: rank for rank, name in enumerate(_UPWARD)})
    # A parent that is named as kind and as part counts once.
    upward = upward.loc[order.sort_values(kind="stable").index].drop_duplicates(["id", "parent"])
    n_unplaced = 0
    for child, parent in zip(upward["id"].map(rows), upward["parent"].map(rows), strict=True):
        ancestor = parent
        while ancestor not in (-1, child):
            ancestor = parents[ancestor]
        if parents[child] == -1 and ancestor == -1:
            parents[child] = parent
        else:
            n_unplaced += 1
    return parents, n_unplaced
