"""Compare spellings: words of a text, plural and hyphen differences, nearest known terms."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from sklearn.utils.validation import check_is_fitted

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.text._documents import as_documents
from sklearn_mnm.text.matching import LongestTermMatcher
from sklearn_mnm.text.reading import TextReader
from sklearn_mnm.text.terms import TermVectorizer
from sklearn_mnm.text.word_forms import WORD, singular

_COMPOUND = re.compile(r"\w+(?:[-\u2010-\u2013\u2212]\w+)+")  # hyphens, en dash, minus
# Ratio of matching characters (difflib) from which two spellings count as near. Of words of the
# NeuroQuery vocabulary with one wrong, missing, added or swapped letter, 99 % find their word
# among the three nearest; 0.7 finds as many, and answers half of the words of other languages.
_NEAR = 0.8


class Lexicon:
    """Terms of a vocabulary by their spelling.

    Parameters
    ----------
    searched : sequence of str
        Terms to look for in texts, longest first, as
        :class:`~sklearn_mnm.text.matching.LongestTermMatcher` does.
    known : sequence of str
        Those of them that count. The others still use up the words that they match.
    """

    def __init__(self, searched: Iterable[str], known: Iterable[str]) -> None:
        terms = [str(term) for term in searched]  # of a NumPy array they are np.str_
        self.known = frozenset(map(str, known))
        self.find = LongestTermMatcher(terms)
        self._words = {term: tuple(WORD.findall(term.lower())) for term in terms}
        self._used = {word for words in self._words.values() for word in words}
        self._exact = {self._words[term]: term for term in self.known}
        self._spelled: dict[str, tuple[str, ...]] = {}
        # Known spellings win over those that do not count, short ones over long ones.
        for term in sorted(terms, key=lambda term: (term not in self.known, len(term), term)):
            self._spelled.setdefault(fold(self._words[term]), self._words[term])
        self._longest = max(map(len, self._spelled), default=0)

    def passes_over(self, word: str) -> bool:
        """Whether `find` does not see the word: a stop word or a single character."""
        return word not in self._used and (len(word) == 1 or word in ENGLISH_STOP_WORDS)

    def words(self, text: str) -> list[str]:
        """Return the lower-cased words of `text` that are not passed over."""
        return [word for _, word in tokens(text) if not self.passes_over(word)]

    def split(self, text: str) -> Iterator[tuple[int, str, bool]]:
        """Yield the terms of `text` and the words between them, in their order.

        Yields
        ------
        start : int
            Where it begins in the lower-cased text.
        piece : str
            Term or word.
        is_term : bool
        """
        seen = [(start, word) for start, word in tokens(text) if not self.passes_over(word)]
        words = [word for _, word in seen]
        position = 0
        for term in self.find(text):
            # A term is taken wherever one starts, so the words up to the first place where this
            # one fits start none.
            parts = list(self._words[term])
            while words[position : position + len(parts)] != parts:
                yield *seen[position], False
                position += 1
            yield seen[position][0], term, True
            position += len(parts)
        for start, word in seen[position:]:
            yield start, word, False

    def cut_compounds(self, text: str) -> Iterator[tuple[int, str]]:
        """Yield start and spelling of compounds that lose their first or last word, as "n-back".

        Words between ("theory-of-mind") only connect the others.
        """
        for match in _COMPOUND.finditer(text.lower()):
            words = WORD.findall(match.group())
            if self.passes_over(words[0]) or self.passes_over(words[-1]):
                yield match.start(), match.group()

    def rewrite(self, text: str) -> str:
        """Return `text` in the spelling of the vocabulary, without words that are passed over.

        Runs of words that differ from a term by plural endings, spaces and hyphens only are
        replaced, the longest first, from left to right. Rewriting again changes nothing.
        """
        previous = None
        # Without what is passed over, and with other spaces, a longer run may begin with a word.
        while text != previous:
            previous, text = text, " ".join(self._rewritten(text))
        return text

    def _rewritten(self, text: str) -> Iterator[str]:
        # All of them: what is passed over may be one part of a word, as in "n-back" and "no-go".
        words = [word for _, word in tokens(text)]
        start = 0
        while start < len(words):
            spelling, stop, replacement = "", start + 1, None
            for end in range(start + 1, len(words) + 1):
                spelling += singular(words[end - 1])
                if len(spelling) > self._longest:
                    break
                if spelling in self._spelled:
                    run = tuple(words[start:end])
                    stop, replacement = end, run if run in self._exact else self._spelled[spelling]
            if replacement is not None:
                yield from replacement
            elif not self.passes_over(words[start]):
                yield words[start]
            start = stop

    def whole(self, name: str) -> str | None:
        """Return the known term that `name` spells as a whole, None if there is none.

        Stop words between others need not be in the term, "theory of mind" is "theory mind"; others
        must, and so must single characters: "vitamin D" is not "vitamin".
        """
        words = [word for _, word in tokens(name)]
        if fold(words) not in self._spelled:
            inner = (word for word in words[1:-1] if len(word) == 1 or not self.passes_over(word))
            words = [*words[:1], *inner, *words[1:][-1:]]
        spelled = self._spelled.get(fold(words), ())
        return self._exact.get(tuple(words), self._exact.get(spelled))

    def nearest(self, text: str, k: int) -> tuple[str, ...]:
        """Return up to `k` known terms spelled like `text` or sharing its stem, nearest first.

        Near are terms whose ratio of matching characters (Ratcliff and Obershelp, as
        :class:`difflib.SequenceMatcher` computes it) is at least 0.8, and terms that begin like
        `text`: with at least four characters and three fifths of it in common. Plural endings,
        spaces and hyphens do not count. Nothing is near a word that is passed over.
        """
        spelling = fold(WORD.findall(text.lower()))
        if not spelling or not self.known or self.passes_over(text.lower()):
            return ()
        candidates = self._candidates
        stem = spelling[: max(4, -(-3 * len(spelling) // 5))]
        # Characters in common, in any order, bound the ratio from above.
        counts = candidates.counts_of(spelling)
        in_common = np.minimum(candidates.counts, counts).sum(axis=1)
        may_be_near = 2 * in_common / (candidates.lengths + len(spelling)) >= _NEAR
        matcher = difflib.SequenceMatcher(autojunk=False)
        matcher.set_seq2(spelling)
        rated = []
        for row, candidate in enumerate(candidates.folded):
            shares_stem = len(stem) >= 4 and candidate.startswith(stem)
            if shares_stem or may_be_near[row]:
                matcher.set_seq1(candidate)
                if shares_stem or matcher.ratio() >= _NEAR:
                    rated.append((-matcher.ratio(), candidates.terms[row]))
        return tuple(term for _, term in sorted(rated)[:k])

    @cached_property
    def _candidates(self) -> _Candidates:
        # Made when the first word is not known: most texts hold none.
        terms = sorted(self.known)
        return _Candidates(terms, [fold(self._words[term]) for term in terms])


class _Candidates:
    """Known terms with what bounds how near they are to a spelling.

    Parameters
    ----------
    terms, folded : list of str
        The terms and their folded spellings.
    """

    def __init__(self, terms: list[str], folded: list[str]) -> None:
        self.terms, self.folded = terms, folded
        self.lengths = np.array([len(spelling) for spelling in folded])
        self._alphabet = sorted(set("".join(folded)))
        self.counts = np.array([self.counts_of(spelling) for spelling in folded])

    def counts_of(self, spelling: str) -> list[int]:
        """How often each character of the terms occurs in a spelling."""
        return [spelling.count(character) for character in self._alphabet]


# Making a lexicon takes some hundred times as long as asking it.
lexicon = lru_cache(maxsize=4)(Lexicon)


def reader_of(vectorizer: Any) -> TextReader:
    """Return how a fitted TermVectorizer reads texts.

    Raises
    ------
    InvalidInputError
        If `vectorizer` is no TermVectorizer or does not know its terms by name.
    NotFittedError
        If it is not fitted.
    """
    if not isinstance(vectorizer, TermVectorizer):
        raise InvalidInputError(
            f"vectorizer: expected a fitted TermVectorizer, got {type(vectorizer).__name__}; "
            "other vectorizers have no terms to look up."
        )
    check_is_fitted(vectorizer)
    if vectorizer._reader is None:
        raise InvalidInputError(
            "vectorizer: was fitted on counts with unnamed columns; pass vocabulary=... to it "
            "before fitting."
        )
    return vectorizer._reader


def lexicon_of(vectorizer: Any) -> Lexicon:
    """Return the terms that a vectorizer looks for, of which it has kept the known.

    What :func:`reader_of` says of the vectorizer holds here, too.
    """
    return lexicon(tuple(reader_of(vectorizer).terms), tuple(vectorizer.vocabulary_))


def lexicon_in(vocabulary: Any) -> tuple[Lexicon, list[str]]:
    """Return the lexicon of a vocabulary and its known terms in their order.

    Parameters
    ----------
    vocabulary : TermVectorizer or sequence of str
        A fitted vectorizer, of which the kept terms are known, or the terms.

    Raises
    ------
    InvalidInputError
        If it is neither, two terms cannot be told apart, or the vectorizer has unnamed columns.
    NotFittedError
        If the vectorizer is not fitted.
    """
    if isinstance(vocabulary, TermVectorizer):
        return lexicon_of(vocabulary), list(vocabulary.vocabulary_)
    terms = as_documents(vocabulary, name="vocabulary")
    return lexicon(tuple(terms), tuple(terms)), terms


def tokens(text: str) -> list[tuple[int, str]]:
    """Return start and spelling of each word of the lower-cased text."""
    return [(match.start(), match.group()) for match in WORD.finditer(text.lower())]


def fold(words: Iterable[str]) -> str:
    """Return one string for all spellings of a term: singular, without spaces or hyphens."""
    return "".join(map(singular, words))
