"""Read documents as counts of terms, by the terms, their forms and their synonyms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Real

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.text.matching import LongestTermMatcher
from sklearn_mnm.text.word_forms import WORD, WordForms


class TextReader:
    """What becomes of the words of a text.

    Parameters
    ----------
    terms : sequence of str
        To count, see :class:`~sklearn_mnm.text.matching.LongestTermMatcher`.
    synonyms : dict or None
        See :class:`~sklearn_mnm.TermVectorizer`.

    Attributes
    ----------
    terms : list of str
    pieces : list of str
        What is looked for in texts: the terms, then what has synonyms and is no term.
    rows : dict of str to int
        Place of each piece among them.
    reading : csr_matrix of shape (n_pieces, n_terms)
        As what each piece counts.
    forms : WordForms
        Of all words of the pieces; after :meth:`keep`, of those of kept terms and of synonyms.

    Raises
    ------
    InvalidInputError
        If two terms cannot be told apart, or synonyms are no dict from words to terms.
    """

    def __init__(self, terms: Sequence[str], synonyms: Mapping | None = None) -> None:
        self.terms = list(map(str, terms))
        columns = {term: column for column, term in enumerate(self.terms)}
        by_words = {
            tuple(WORD.findall(term.lower())): column for column, term in enumerate(self.terms)
        }
        read = {column: {column: 1.0} for column in range(len(columns))}
        self.pieces = list(self.terms)
        for words, meaning in (synonyms or {}).items():
            row = by_words.get(_words_of(words))
            if row is None:
                row = len(self.pieces)
                self.pieces.append(words)
            read[row] = _columns_of(words, meaning, columns)
        entries = [(row, c, weight) for row, found in read.items() for c, weight in found.items()]
        rows, cols, weights = zip(*entries, strict=True) if entries else ((), (), ())
        self.reading = sparse.csr_matrix(
            (np.array(weights, dtype=np.float64), (rows, cols)),
            shape=(len(self.pieces), len(self.terms)),
        )
        self.rows = {piece: row for row, piece in enumerate(self.pieces)}
        self.keep(self.terms)
        matcher = LongestTermMatcher(self.pieces)
        self._counter = CountVectorizer(analyzer=matcher.among, vocabulary=self.pieces)

    def keep(self, terms: Iterable[str]) -> None:
        """Read other forms of words as those of these terms only; words of others may be such."""
        # Words of terms come first: of two known forms of a word, one of a term is found.
        usable = [*terms, *self.pieces[len(self.terms) :]]
        self.forms = WordForms(word for piece in usable for word in WORD.findall(piece.lower()))

    def counts(self, documents: Sequence[str]) -> sparse.csr_matrix:
        """Count the terms that documents are read as, (n_documents, n_terms)."""
        found = self._counter.transform(self.forms.words(documents))
        return sparse.csr_matrix(found @ self.reading)


def _words_of(words: object) -> tuple[str, ...]:
    found = tuple(WORD.findall(words.lower())) if isinstance(words, str) else ()
    if not found:
        raise InvalidInputError(
            f"synonyms: {words!r} is no word. Give a dict from words, strings, to terms."
        )
    return found


def _columns_of(words: str, meaning: object, columns: Mapping[str, int]) -> dict[int, float]:
    """Weights by column of what some words are read as."""
    weights = {meaning: 1.0} if isinstance(meaning, str) else meaning
    if not isinstance(weights, Mapping) or not all(
        isinstance(w, Real) and not isinstance(w, bool) and 0 < float(w) < np.inf
        for w in weights.values()
    ):
        raise InvalidInputError(
            f"synonyms[{words!r}] is {meaning!r}. Give a term, or a dict from terms to weights "
            "above 0."
        )
    if unknown := [term for term in weights if term not in columns]:
        raise InvalidInputError(
            f"synonyms[{words!r}] names {unknown[0]!r}, which is no term of the vocabulary. Name "
            "terms as the vocabulary spells them."
        )
    return {columns[term]: float(weight) for term, weight in weights.items()}
