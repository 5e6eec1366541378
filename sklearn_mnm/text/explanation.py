"""Say what of a query a text vectorizer knows, and what each term contributes."""

from __future__ import annotations

import html
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from sklearn_mnm.exceptions import InvalidInputError, UnknownQueryWarning
from sklearn_mnm.text._spelling import (
    content_words,
    kept_terms,
    nearest,
    searched_terms,
    spelled_words,
)
from sklearn_mnm.text.matching import LongestTermMatcher
from sklearn_mnm.text.terms import TermVectorizer


@dataclass(frozen=True, eq=False)
class QueryExplanation:
    """What a vectorizer makes of a text.

    Attributes
    ----------
    text : str
        The query.
    known : pandas.DataFrame
        One row per known term, largest share first: ``term``, ``count`` in the text, ``tfidf``
        (the entry of the vectorizer's output), ``weight`` and ``share``, the percentage of
        ``tfidf * weight`` summed over the terms.
    unknown : pandas.DataFrame
        One row per word that no known term covers, in the order of the text: ``word``, ``count``,
        ``reason`` and ``nearest``, tuple of known terms of similar spelling, nearest first.
    """

    text: str
    known: pd.DataFrame
    unknown: pd.DataFrame

    def __str__(self) -> str:
        parts = [self._headline()]
        for table in (self.known, self.unknown):
            if len(table):
                parts.append(_readable(table).to_string(index=False))
        return "\n\n".join(parts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = [f"<p>{html.escape(self._headline())}</p>"]
        for table in (self.known, self.unknown):
            if len(table):
                parts.append(_readable(table).to_html(index=False, border=0))
        return "\n".join(parts)

    def _headline(self) -> str:
        return (
            f"{_shortened(self.text)!r}: {_counted(len(self.known), 'known term')}, "
            f"{_counted(len(self.unknown), 'unknown word')}"
        )


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
        ``feature_weights_`` or the length of each row of its ``text_coef_``; None weighs all 1.
    k : int, default=3
        Number of known terms to name for each unknown word; fewer if fewer are near.

    Returns
    -------
    explanation : QueryExplanation
        Stop words and single characters, which the vectorizer passes over, are not reported as
        unknown.

    Raises
    ------
    InvalidInputError
        If `text` is not a string or is empty, `vectorizer` is not a TermVectorizer or knows no
        terms by name, `weights` do not fit, or `k` is negative.
    NotFittedError
        If the vectorizer is not fitted.

    Examples
    --------
    >>> from sklearn_mnm.text import TermVectorizer
    >>> from sklearn_mnm.text.explanation import explain_query
    >>> vectorizer = TermVectorizer(["memory", "pain", "working memory"], min_df=1)
    >>> vectorizer = vectorizer.fit([[1, 0, 2], [1, 1, 0]])
    >>> print(explain_query("pains and working memory", vectorizer))
    'pains and working memory': 1 known term, 1 unknown word
    <BLANKLINE>
              term  count  tfidf  weight  share
    working memory      1    1.0     1.0  100.0
    <BLANKLINE>
     word  count                reason nearest
    pains      1 not in the vocabulary    pain
    """
    terms = kept_terms(vectorizer)
    if not isinstance(text, str) or not text.strip():
        raise InvalidInputError(f"text: got {text!r}; give a string with at least one word.")
    if not isinstance(k, Integral) or k < 0:
        raise InvalidInputError(f"k={k!r}: expected an integer of at least 0.")
    strengths = _checked_weights(weights, len(terms))
    tfidf = vectorizer.transform([text])  # first: refuses a vectorizer without named terms
    found, unmatched = _split(text, searched_terms(vectorizer))
    columns = vectorizer.vocabulary_

    counts = Counter(term for term in found if term in columns)
    present = [columns[term] for term in counts]
    known = pd.DataFrame(
        {
            "term": pd.Series(list(counts), dtype=object),
            "count": pd.Series(list(counts.values()), dtype=int),
            "tfidf": tfidf[0, present].toarray().ravel() if present else np.zeros(0),
            "weight": strengths[present],
        }
    )
    contribution = known["tfidf"] * known["weight"]
    total = contribution.sum()
    known["share"] = 100 * contribution / total if total > 0 else 0.0
    known = known.sort_values("share", ascending=False, kind="stable", ignore_index=True)

    rare = Counter(term for term in found if term not in columns)
    reasons = {term: f"in fewer than {vectorizer.min_df} documents of the fit" for term in rare}
    missing = Counter(word for word in unmatched if word not in ENGLISH_STOP_WORDS)
    reasons.update(dict.fromkeys(missing, "not in the vocabulary"))
    counted = rare + missing
    unknown = pd.DataFrame(
        [
            (word, counted[word], reasons[word], nearest(word, terms, int(k)))
            for word in sorted(reasons, key=_position(text))
        ],
        columns=["word", "count", "reason", "nearest"],
    )
    return QueryExplanation(text=text, known=known, unknown=unknown)


def check_query(
    texts: Sequence[str], vectorizer: TermVectorizer, name: str = "texts"
) -> np.ndarray:
    """Check that queries are texts of which something is known.

    Parameters
    ----------
    texts : sequence of str, shape (n_texts,)
        Queries.
    vectorizer : TermVectorizer
        Fitted.
    name : str, default="texts"
        Name of the argument in messages.

    Returns
    -------
    usable : ndarray of bool, shape (n_texts,)
        Whether a query holds a known term; others have features of zero.

    Raises
    ------
    InvalidInputError
        If `texts` is one string or no sequence, or an entry is empty or not a string.
    NotFittedError
        If the vectorizer is not fitted.

    Warns
    -----
    UnknownQueryWarning
        Once, with count, if queries hold no known term; names three of them and known terms of
        similar spelling.
    """
    terms = kept_terms(vectorizer)
    if isinstance(texts, str) or not hasattr(texts, "__iter__"):
        raise InvalidInputError(f"{name}: expected a list of strings, got {texts!r}; write [...].")
    queries = list(texts)
    for row, query in enumerate(queries):
        if not isinstance(query, str):
            raise InvalidInputError(
                f"{name}: entry {row} is {query!r} ({type(query).__name__}), not a string; "
                "give the text of the query or leave the entry out."
            )
        if not query.strip():
            raise InvalidInputError(
                f"{name}: entry {row} is empty; give at least one word or leave the entry out."
            )
    if not queries:
        return np.zeros(0, dtype=bool)
    usable = vectorizer.transform(queries).getnnz(axis=1) > 0
    rows = np.flatnonzero(~usable)
    if len(rows):
        shown = [_suggestion(int(row), queries[row], terms) for row in rows[:3]]
        rest = f"; and {len(rows) - 3} more" if len(rows) > 3 else ""
        warnings.warn(
            f"{name}: {len(rows)} of {len(queries)} hold no known term: {'; '.join(shown)}{rest}.",
            UnknownQueryWarning,
            stacklevel=2,
        )
    return usable


def _split(text: str, terms: list[str]) -> tuple[list[str], list[str]]:
    """Return the terms found in a text and the words they leave over, both in order."""
    used = spelled_words(terms)
    words = content_words(text, used)
    found = LongestTermMatcher(terms)(text)
    unmatched = []
    start = 0
    for term in found:
        # The matcher takes a term wherever one starts, so the words up to the first place where
        # this one fits start none.
        parts = content_words(term, used)
        while words[start : start + len(parts)] != parts:
            unmatched.append(words[start])
            start += 1
        start += len(parts)
    return found, unmatched + words[start:]


def _position(text: str) -> Any:
    """Return a sort key: where a word or term begins in the text."""
    words = " ".join(content_words(text, spelled_words([text])))
    return lambda word: words.find(word.lower())


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


def _suggestion(row: int, query: str, terms: list[str]) -> str:
    words = list(dict.fromkeys(content_words(query)))[:5]
    near = list(dict.fromkeys(term for word in words for term in nearest(word, terms, 2)))[:4]
    advice = f"nearest known: {', '.join(near)}" if near else "nothing known is spelled like it"
    return f"entry {row} {_shortened(query)!r} ({advice})"


def _readable(table: pd.DataFrame) -> pd.DataFrame:
    table = table.round({"tfidf": 3, "weight": 3, "share": 1})
    if "nearest" in table.columns:
        table["nearest"] = table["nearest"].map(lambda terms: ", ".join(terms) or "none")
    return table


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
