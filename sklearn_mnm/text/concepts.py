"""Which terms of a vocabulary a user's own list of terms holds."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import pandas as pd
from numpy.typing import ArrayLike

from sklearn_mnm.exceptions import DataWarning
from sklearn_mnm.text._documents import as_documents
from sklearn_mnm.text._spelling import lexicon_in


def match_terms(names: ArrayLike | Iterable[str], vocabulary: Any) -> pd.DataFrame:
    """Find the terms of a vocabulary in a user's own list of terms.

    Case, hyphens, plurals and words written together or apart do not matter: "N-Back tasks"
    finds "nback task". The rewritten name is then matched longest term first, as
    :class:`~sklearn_mnm.text.TermVectorizer` does with documents.

    Parameters
    ----------
    names : sequence of str, shape (n_names,)
        Terms of one or more words, e.g. ``Ontology.names``.
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
    spelling, _ = lexicon_in(vocabulary)
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
