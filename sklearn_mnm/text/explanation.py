"""Say what of a query a text vectorizer knows, and what each term contributes."""

from __future__ import annotations

import html
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from sklearn_mnm.exceptions import InvalidInputError, UnknownQueryWarning
from sklearn_mnm.text._spelling import Lexicon, lexicon, reader_of, tokens
from sklearn_mnm.text.sides import sided_phrases
from sklearn_mnm.text.terms import TermVectorizer
from sklearn_mnm.text.word_forms import WordForms

# Rows of a table that are shown, words of a query that spellings are sought for in a warning.
_SHOWN_ROWS = 20
_SHOWN_WORDS = 5
_NEGATION = re.compile(r"\b(?:not|no|without|never)\b(?=\s+\w)", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class QueryExplanation:
    """What a vectorizer makes of a text.

    Attributes
    ----------
    text : str
        The query.
    known : pandas.DataFrame
        One row per known term, or word that is read as terms, largest share first: ``term``,
        ``count`` in the text, ``tfidf`` (its part of the vectorizer's output, summed over the
        terms that it is read as), ``weight``, ``share``, the percentage of ``tfidf * weight``
        summed over the rows, and ``read_as``, the tuple of the terms that it is read as, most
        first; empty for a term that is read as itself.
    unknown : pandas.DataFrame
        One row per word that no known term covers, in the order of the text: ``word``, ``count``,
        ``reason`` and ``nearest``, tuple of known terms of similar spelling, nearest first.
    notes : tuple of str
        Sentences on what else was made of the text: words of other spelling, words that say nothing
        of a topic, negations, and sides of the brain.
    """

    text: str
    known: pd.DataFrame
    unknown: pd.DataFrame
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        tables = [
            _readable(table).to_string(index=False, max_rows=_SHOWN_ROWS)
            for table in (self.known, self.unknown)
            if len(table)
        ]
        return "\n\n".join([self._headline(), *tables, *self.notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        tables = [
            _readable(table).to_html(index=False, border=0, max_rows=_SHOWN_ROWS)
            for table in (self.known, self.unknown)
            if len(table)
        ]
        notes = [f"<p>{html.escape(note)}</p>" for note in self.notes]
        return "\n".join([f"<p>{html.escape(self._headline())}</p>", *tables, *notes])

    def _headline(self) -> str:
        known = _counted(len(self.known), "known term") if len(self.known) else "nothing is known"
        unknown = _counted(len(self.unknown), "unknown word")
        return f"{_shortened(self.text)!r}: {known}, {unknown}"


def explain_query(
    text: str, vectorizer: TermVectorizer, weights: ArrayLike | None = None, k: int = 3
) -> QueryExplanation:
    """Explain which terms of a text are known and how much each contributes.

    Parameters
    ----------
    text : str
        Query.
    vectorizer : TermVectorizer
        Fitted on documents, or on counts with a vocabulary.
    weights : array-like of shape (n_kept_terms,), default=None
        Finite weight of each of the vectorizer's terms, not negative, e.g. the embedder's
        ``feature_weights_`` or the length of each row of its ``text_coef_``. If None, weigh all 1.
    k : int, default=3
        Number of known terms to name for each unknown word; fewer if fewer are near.

    Returns
    -------
    explanation : QueryExplanation
        Stop words and single characters, which the vectorizer passes over, are reported as
        unknown only if the text has no other words, or as a compound that begins or ends with
        one: "n-back", of which "back" would remain.

    Raises
    ------
    InvalidInputError
        If `text` is not a string or is empty, `vectorizer` is not a TermVectorizer or knows no
        terms by name, `weights` do not fit, or `k` is negative.
    NotFittedError
        If the vectorizer is not fitted.

    Examples
    --------
    >>> from sklearn_mnm.text import TermVectorizer, explain_query
    >>> vectorizer = TermVectorizer(["memory", "pain", "working memory"], min_df=1)
    >>> vectorizer = vectorizer.fit([[1, 0, 2], [1, 1, 0]])
    >>> print(explain_query("pains and working memory", vectorizer))
    'pains and working memory': 2 known terms, 0 unknown words
    <BLANKLINE>
              term  count  tfidf  weight  share
              pain      1  0.707     1.0   50.0
    working memory      1  0.707     1.0   50.0
    <BLANKLINE>
    Read by another form: pains as pain.
    """
    lexicon = _lexicon(vectorizer)
    if not isinstance(text, str) or not text.strip():
        raise InvalidInputError(f"text: got {text!r}; give a string with at least one word.")
    if not isinstance(k, Integral) or isinstance(k, bool) or k < 0:
        raise InvalidInputError(f"k={k!r}: expected an integer of at least 0.")
    strengths = _checked_weights(weights, len(vectorizer.vocabulary_))
    reader = reader_of(vectorizer)
    (read,) = reader.forms.respell([text])
    pieces = Counter(piece for _, piece, is_term in lexicon.split(read) if is_term)
    known = _known(pieces, text, vectorizer, strengths)
    unknown = pd.DataFrame(
        [
            (word, count, reason, lexicon.nearest(word, int(k)))
            for (word, reason), count in _unknown(read, lexicon, vectorizer.min_df).items()
        ],
        columns=["word", "count", "reason", "nearest"],
    )
    counted = set(known["term"])
    silent = [piece for piece in pieces if piece in lexicon.known and piece not in counted]
    notes = (*_notes_of_words(text, silent, reader.forms), *_notes_of_sides(text))
    return QueryExplanation(text=text, known=known, unknown=unknown, notes=notes)


def check_query(
    texts: Sequence[str],
    vectorizer: TermVectorizer,
    name: str = "texts",
    features: sparse.csr_matrix | None = None,
) -> np.ndarray:
    """Check that queries are texts of which something is known.

    Parameters
    ----------
    texts : sequence of str, shape (n_texts,)
        Queries.
    vectorizer : TermVectorizer
        Fitted on documents, or on counts with a vocabulary.
    name : str, default="texts"
        Name of the argument in messages.
    features : csr_matrix of shape (n_texts, n_kept_terms), default=None
        What the vectorizer makes of the texts, where that is known already.

    Returns
    -------
    usable : ndarray of bool, shape (n_texts,)
        Whether a query holds a known term; others have features of zero.

    Raises
    ------
    InvalidInputError
        If `texts` is one string or no sequence, there are none, an entry is empty or not a
        string, or `vectorizer` is not a TermVectorizer or knows no terms by name.
    NotFittedError
        If the vectorizer is not fitted.

    Warns
    -----
    UnknownQueryWarning
        Once, with count, if queries hold no known term; names three of them and known terms of
        similar spelling.

    Examples
    --------
    >>> from sklearn_mnm.text import TermVectorizer, check_query
    >>> vectorizer = TermVectorizer(["memory", "pain"], min_df=1).fit([[1, 0], [0, 1]])
    >>> check_query(["memory", "pain in children"], vectorizer)
    array([ True,  True])
    """
    reader_of(vectorizer)
    queries = _checked_queries(texts, name)
    features = vectorizer.transform(queries) if features is None else features
    usable = features.getnnz(axis=1) > 0
    rows = np.flatnonzero(~usable)
    if len(rows):
        shown = [f"entry {row} {_with_advice(queries[row], vectorizer)}" for row in rows[:3]]
        rest = f"; and {len(rows) - 3} more" if len(rows) > 3 else ""
        warnings.warn(
            f"{name}: {len(rows)} of {len(queries)} hold no known term: {'; '.join(shown)}{rest}.",
            UnknownQueryWarning,
            stacklevel=2,
        )
    return usable


def nothing_known(texts: Sequence[str], vectorizer: TermVectorizer) -> str:
    """Say of texts that hold no known term which known ones are near.

    Parameters
    ----------
    texts : sequence of str
        As :func:`check_query` takes them; else what is wrong with them is raised, as there.
    vectorizer : TermVectorizer

    Returns
    -------
    clause : str
    """
    queries = _checked_queries(texts, "X")
    if len(queries) == 1:
        return f"{_with_advice(queries[0], vectorizer)} holds no known term"
    shown = "; ".join(_with_advice(query, vectorizer) for query in queries[:3])
    return f"none of the {len(queries)} texts holds a known term: {shown}"


def words_without_effect(text: str, vectorizer: Any) -> list[str]:
    """Words of a text that the vectorizer does not know, none where it knows no words.

    Parameters
    ----------
    text : str
        With at least one word.
    vectorizer : TermVectorizer or other
        Fitted.
    """
    if not isinstance(vectorizer, TermVectorizer):
        return []
    return list(explain_query(text, vectorizer, k=0).unknown["word"])


def _checked_queries(texts: Sequence[str], name: str) -> list[str]:
    """Texts as a list; InvalidInputError if there are none, or one is empty or no string."""
    if isinstance(texts, str | bytes | dict | set) or not hasattr(texts, "__iter__"):
        raise InvalidInputError(f"{name}: expected a list of strings, got {texts!r}; write [...].")
    queries = list(texts)
    if not queries:
        raise InvalidInputError(f"{name}: holds no query; give at least one.")
    for row, query in enumerate(queries):
        if not isinstance(query, str) or not query.strip():
            raise InvalidInputError(
                f"{name}: entry {row} is {query!r}; give a string with at least one word or leave "
                "the entry out."
            )
    return queries


def _lexicon(vectorizer: TermVectorizer) -> Lexicon:
    """Return the spellings of the known terms and of what is read as such."""
    reader = reader_of(vectorizer)
    others = reader.pieces[len(reader.terms) :]
    return lexicon(tuple(reader.pieces), (*vectorizer.vocabulary_, *others))


def _known(
    pieces: Counter[str], text: str, vectorizer: TermVectorizer, strengths: np.ndarray
) -> pd.DataFrame:
    """Rows of the pieces of a text that count, with what each adds to the features."""
    reader = reader_of(vectorizer)
    rows = sorted(reader.rows[piece] for piece in pieces)
    named = np.array([pieces[reader.pieces[row]] for row in rows], dtype=np.float64)
    # Of the count of each kept term, the share that each piece brought.
    counts = reader.reading[rows][:, vectorizer.kept_columns_].toarray() * named[:, np.newaxis]
    counts /= np.maximum(counts.sum(axis=0), 1e-300)
    parts = counts * vectorizer.transform([text]).toarray()[0]
    tfidf, contribution = parts.sum(axis=1), parts @ strengths
    terms = np.array(list(vectorizer.vocabulary_), dtype=object)
    named_by = [reader.pieces[row] for row in rows]
    # Most first; a term that is read as itself needs no word.
    read = [tuple(terms[np.argsort(-p, kind="stable")[: (p > 0).sum()]]) for p in parts]
    read = [() if r == (piece,) else r for piece, r in zip(named_by, read, strict=True)]
    known = pd.DataFrame(
        {
            "term": pd.Series(named_by, dtype=object),
            "count": named.astype(int),
            "tfidf": tfidf,
            "weight": contribution / np.where(tfidf > 0, tfidf, 1),
            "share": 100 * contribution / (contribution.sum() or 1.0),
            "read_as": pd.Series(read, dtype=object),
        }
    )
    known = known[known["tfidf"] > 0]
    return known.sort_values("share", ascending=False, kind="stable", ignore_index=True)


def _notes_of_words(text: str, silent: list[str], forms: WordForms) -> Iterator[str]:
    """Say which words count otherwise than they stand there."""
    words = dict.fromkeys(word for _, word in tokens(text))
    read = [(word, form) for word in words if (form := forms.known(word)) not in (None, word)]
    if read:
        yield f"Read by another form: {', '.join(f'{word} as {form}' for word, form in read)}."
    if silent:
        yield f"Said in studies of all topics, and so without effect: {', '.join(silent)}."
    if negated := _NEGATION.findall(text):
        word = negated[0].lower()
        yield f"Negation has no effect: what follows {word!r} counts like any other word."


def _notes_of_sides(text: str) -> Iterator[str]:
    """Say to which hemisphere the map of the text is moved."""
    for phrase in sided_phrases(text):
        crossed = (
            ", which is the one that serves this side of the body" if phrase.is_crossed else ""
        )
        yield f"{phrase.words!r}: the map favours the {phrase.hemisphere} hemisphere{crossed}."


def _unknown(text: str, lexicon: Lexicon, min_df: int) -> Counter[tuple[str, str]]:
    """Count the words that no known term covers, with the reason, in the order of the text."""
    rare, strange = f"in fewer than {min_df} documents of the fit", "not in the vocabulary"
    pieces = list(lexicon.split(text))
    missed = [
        (start, piece, rare if is_term else strange)
        for start, piece, is_term in pieces
        # What single words as "n-back" use is passed over elsewhere.
        if piece not in lexicon.known and len(piece) > 1 and piece not in ENGLISH_STOP_WORDS
    ]
    missed += [
        (start, compound, "partly a stop word or single character")
        for start, compound in lexicon.cut_compounds(text)
    ]
    if not missed and not any(is_term for _, _, is_term in pieces):
        missed += [(start, word, "stop word or single character") for start, word in tokens(text)]
    return Counter((word, reason) for _, word, reason in sorted(missed))


def _with_advice(query: str, vectorizer: TermVectorizer) -> str:
    """Name a query, and in brackets the known terms that are near its words."""
    lexicon = _lexicon(vectorizer)
    words = list(_unknown(query, lexicon, vectorizer.min_df))[:_SHOWN_WORDS]
    near = dict.fromkeys(term for word, _ in words for term in lexicon.nearest(word, 2))
    advice = f"nearest known: {', '.join(list(near)[:4])}" if near else "nothing known is near"
    return f"{_shortened(query)!r} ({advice})"


def _checked_weights(weights: ArrayLike | None, n_terms: int) -> np.ndarray:
    if weights is None:
        return np.ones(n_terms)
    values = np.asarray(weights, dtype=float)
    if values.shape != (n_terms,):
        raise InvalidInputError(
            f"weights: expected one per term of the vectorizer, shape ({n_terms},), "
            f"got {values.shape}."
        )
    wrong = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if len(wrong):
        raise InvalidInputError(
            f"weights: entry {wrong[0]} is {values[wrong[0]]}; give finite numbers of at least 0, "
            "e.g. lengths or absolute values."
        )
    return values


def _readable(table: pd.DataFrame) -> pd.DataFrame:
    table = table.round({"tfidf": 3, "weight": 3, "share": 1})
    if "nearest" in table.columns:
        table["nearest"] = table["nearest"].map(lambda terms: ", ".join(terms) or "none")
    if "read_as" in table.columns:
        table["read_as"] = table["read_as"].map(", ".join)
        if not table["read_as"].any():
            table = table.drop(columns="read_as")
    return table


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
