"""Compare spellings: words of a text, plural and hyphen differences, nearest known terms."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Any

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from sklearn.utils.validation import check_is_fitted

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.text._documents import as_documents
from sklearn_mnm.text.terms import TermVectorizer

_WORD = re.compile(r"\w+")
# Plural ending and what stands there in the singular, first that fits; "ss", "us" and "is" end
# singulars.
_PLURALS = (
    (re.compile("([ly])ses$"), r"\1sis"),  # analyses, paralyses
    (re.compile("eses$"), "esis"),  # hypotheses
    (re.compile("([^aeiou])ies$"), r"\1y"),
    (re.compile("(ss|x|ch|sh)es$"), r"\1"),
    (re.compile("([^sui])s$"), r"\1"),
)
# Ratio of matching characters (difflib) from which two spellings count as near.
_NEAR = 0.7


def content_words(text: str, keep: Iterable[str] = ()) -> list[str]:
    """Return the lower-cased words of `text` but stop words and single characters.

    Those in `keep` stay, as :class:`~sklearn_mnm.text.matching.LongestTermMatcher` does with
    the words of its vocabulary.
    """
    kept = set(keep)
    return [
        word
        for word in _WORD.findall(text.lower())
        if word in kept or (len(word) > 1 and word not in ENGLISH_STOP_WORDS)
    ]


def spelled_words(terms: Iterable[str]) -> set[str]:
    """Return the words that the terms are made of, lower-cased."""
    return {word for term in terms for word in _WORD.findall(term.lower())}


def fold(words: Iterable[str]) -> str:
    """Return one string for all spellings of a term: singular, without spaces or hyphens."""
    return "".join(map(_singular, words))


def nearest(word: str, terms: Sequence[str], k: int) -> tuple[str, ...]:
    """Return up to `k` terms spelled like `word` or sharing its stem, nearest first.

    Near are terms whose ratio of matching characters (Ratcliff and Obershelp, as
    :class:`difflib.SequenceMatcher` computes it) is at least 0.7, and terms that begin like
    `word`: with at least four characters and three fifths of it in common.
    """
    folded = fold(_WORD.findall(word.lower()))
    stem = max(4, -(-3 * len(folded) // 5))
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(folded)
    rated = []
    for term in terms:
        spelling = fold(_WORD.findall(term.lower()))
        matcher.set_seq1(spelling)
        shares_stem = _common_prefix(folded, spelling) >= stem
        if shares_stem or (
            matcher.real_quick_ratio() >= _NEAR
            and matcher.quick_ratio() >= _NEAR
            and matcher.ratio() >= _NEAR
        ):
            rated.append((-matcher.ratio(), term))
    return tuple(term for _, term in sorted(rated)[:k])


def _common_prefix(first: str, second: str) -> int:
    """Count the characters with which both begin."""
    same = (one == other for one, other in zip(first, second, strict=False))
    return sum(itertools.takewhile(bool, same))


def kept_terms(vectorizer: Any) -> list[str]:
    """Return the terms that a fitted TermVectorizer has columns for, in their order.

    Raises
    ------
    InvalidInputError
        If `vectorizer` is no TermVectorizer.
    NotFittedError
        If it is not fitted.
    """
    if not isinstance(vectorizer, TermVectorizer):
        raise InvalidInputError(
            f"vectorizer: expected a fitted TermVectorizer, got {type(vectorizer).__name__}; "
            "other vectorizers have no terms to look up."
        )
    check_is_fitted(vectorizer)
    return list(vectorizer.vocabulary_)


def searched_terms(vectorizer: TermVectorizer) -> list[str]:
    """Return the terms that a fitted TermVectorizer looks for in documents.

    They include those that are too rare to be kept: they still use up the words they match.
    """
    if vectorizer.vocabulary is None:
        return list(vectorizer.vocabulary_)
    return as_documents(vectorizer.vocabulary, name="vocabulary")


def _singular(word: str) -> str:
    if len(word) > 3:
        for ending, replacement in _PLURALS:
            if ending.search(word):
                return ending.sub(replacement, word)
    return word
