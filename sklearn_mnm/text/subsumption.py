"""Which term of a vocabulary holds which others as a part."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.text._documents import as_documents
from sklearn_mnm.text.matching import LongestTermMatcher
from sklearn_mnm.text.terms import TermVectorizer


def contiguous_parts(vocabulary: ArrayLike | Iterable[str]) -> sparse.csr_matrix:
    """Return which terms of a vocabulary are a part of which longer ones.

    "Working memory" holds "memory": what is said of the longer term is said of the shorter one,
    so that a text with "working memory" counts as one with "memory". A part is a run of whole
    words that follow each other, as written: "face" is no part of "faces recognition".

    Parameters
    ----------
    vocabulary : TermVectorizer or sequence of str, shape (n_terms,)
        A fitted vectorizer, whose kept terms are taken, or the terms.

    Returns
    -------
    parts : scipy.sparse.csr_matrix of bool, shape (n_terms, n_terms)
        Entry (i, j) is True where term j is a run of words of term i, which holds for i itself.

    Raises
    ------
    InvalidInputError
        If `vocabulary` is no list of strings, a term has no letter or digit, or two terms are the
        same but for case or punctuation.

    Examples
    --------
    >>> from sklearn_mnm.text import contiguous_parts
    >>> contiguous_parts(["memory", "working memory", "pain"]).toarray().astype(int)
    array([[1, 0, 0],
           [1, 1, 0],
           [0, 0, 1]])
    """
    if isinstance(vocabulary, TermVectorizer):
        vocabulary = vocabulary.get_feature_names_out()
    terms = as_documents(vocabulary, name="vocabulary")
    columns = {
        words: column for column, words in enumerate(LongestTermMatcher(terms).words_of_terms)
    }
    pairs = {
        (row, columns[words[start:stop]])
        for words, row in columns.items()
        for start in range(len(words))
        for stop in range(start + 1, len(words) + 1)
        if words[start:stop] in columns
    }
    rows, parts = np.array(sorted(pairs), dtype=int).reshape(-1, 2).T
    shape = (len(terms), len(terms))
    return sparse.csr_matrix((np.ones(len(rows), dtype=bool), (rows, parts)), shape=shape)


def parts_of_names(names: Iterable[str]) -> sparse.csr_matrix:
    """Return the contiguous parts of the names of columns; names that are no terms have none.

    Parameters
    ----------
    names : iterable of str, shape (n_terms,)

    Returns
    -------
    parts : scipy.sparse.csr_matrix of bool, shape (n_terms, n_terms)
        As :func:`contiguous_parts` gives it. If names have no letter or digit, or are the same
        but for case or punctuation, no name is a part of another.
    """
    names = [str(name) for name in names]
    try:
        return contiguous_parts(names)
    except InvalidInputError:
        return sparse.identity(len(names), dtype=bool, format="csr")
