"""Learn how to read words that are no terms of a vocabulary by those that are."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.text._documents import as_documents
from sklearn_mnm.text.word_forms import WORD, WordForms, condition, number_and_spelling

# Words joined by signs, of which one may be a stop word or a single letter: "n-back", "go/no-go".
_JOINED = re.compile(r"\w+(?:[-\u2010-\u2013/]\w+)+")
# Stop words that mean something in such words; others stay passed over, as in "theory of mind".
_MEANT = {*("go", "no", "back", "up", "down", "off", "top", "bottom", "first", "two", "three")}
# Terms that a word is read as; how many standard errors their weight must be above its mean over
# all studies, above the noise of thousands of terms; and by how much the share of studies with a
# term must be larger: words as "evidence" are in studies of any topic.
_N_READ, _LEAST_Z, _LEAST_EXCESS = 8, 5.0, 0.15
# Share of a family of spellings below which a spelling is read as all of them.
_RARE = 0.5

Synonyms = dict[str, dict[str, float]]


def learn_synonyms(
    titles: Sequence[str], features: sparse.csr_matrix, terms: Sequence[str], *, min_df: int = 3
) -> Synonyms:
    """Learn from studies how to read words that are no terms, and rare spellings of terms.

    A word that `min_df` titles hold is read as the terms that stand out in the texts of these
    studies, a term of less than half of the studies of its most frequent spelling as all of its
    spellings.

    Parameters
    ----------
    titles : sequence of str, length n_studies
        May hold empty ones.
    features : csr_matrix of shape (n_studies, n_terms)
        Weights of the terms in the texts of the same studies.
    terms : sequence of str, length n_terms
        Known terms.
    min_df : int, default=3
        Words of fewer titles are left out.

    Returns
    -------
    synonyms : dict of str to dict of str to float
        For :class:`~sklearn_mnm.TermVectorizer`: the terms that a word is read as, with weights
        whose sum is at most 1. A word that is said in studies of all topics, as "evidence", has
        none.

    Raises
    ------
    InvalidInputError
        If there are not as many titles as rows, or terms as columns.

    Examples
    --------
    >>> from scipy.sparse import csr_matrix
    >>> from sklearn_mnm.text import learn_synonyms
    >>> titles = ["Oxytocin and trust"] * 30 + ["Heat"] * 30
    >>> features = csr_matrix([[1, 0, 1]] * 30 + [[0, 1, 0]] * 30)
    >>> learn_synonyms(titles, features, ["social", "pain", "trust"])
    {'oxytocin': {'social': 0.5, 'trust': 0.5}, 'heat': {'pain': 0.5}}
    """
    titles = as_documents(titles, name="titles")
    if features.shape != (len(titles), len(terms)):
        raise InvalidInputError(
            f"features: has shape {features.shape}, but there are {len(titles)} titles and "
            f"{len(terms)} terms. Give a row per title and a column per term."
        )
    features = sparse.csr_matrix(features, dtype=np.float64)
    features.eliminate_zeros()
    counts = np.asarray(features.getnnz(axis=0))
    return _of_spellings(terms, counts) | _of_titles(titles, features, terms, min_df)


def _of_titles(
    titles: Sequence[str], features: sparse.csr_matrix, terms: Sequence[str], min_df: int
) -> Synonyms:
    """Read words of titles, also joined ones, as the terms that stand out where they are said."""
    forms = WordForms(word for term in terms for word in WORD.findall(term.lower()))
    rows: dict[str, list[int]] = defaultdict(list)
    for row, title in enumerate(titles):
        for word in dict.fromkeys(_unknown(title.lower(), forms)):
            rows[word].append(row)
    rows = {word: found for word, found in rows.items() if len(found) >= min_df}
    if not rows:
        return {}
    entries = np.ones(sum(map(len, rows.values())))
    columns = np.concatenate(list(rows.values()))
    starts = np.cumsum([0, *map(len, rows.values())])
    holds = sparse.csr_matrix((entries, columns, starts), shape=(len(rows), len(titles)))
    present = features.copy()
    present.data[:] = 1
    counts = np.diff(holds.indptr)[:, np.newaxis]
    mean = np.asarray(features.mean(axis=0)).ravel()
    variance = np.asarray(features.multiply(features).mean(axis=0)).ravel() - mean**2
    above = (holds @ features).toarray() / counts - mean
    z = above / np.sqrt(np.maximum(variance, 1e-12)) * np.sqrt(counts)
    excess = (holds @ present).toarray() / counts - np.asarray(present.mean(axis=0)).ravel()
    above[(z < _LEAST_Z) | (excess < _LEAST_EXCESS)] = 0
    return {
        word: _largest(row, share, terms)
        for word, row, share in zip(rows, above, excess, strict=True)
    }


def _largest(order: np.ndarray, values: np.ndarray, terms: Sequence[str]) -> dict[str, float]:
    """Values of the terms that come first, where positive; their sum is at most 1."""
    best = np.argsort(-order, kind="stable")[:_N_READ]
    best = best[order[best] > 0]
    total = max(1.0, float(values[best].sum()))
    return {str(terms[i]): round(float(values[i]) / total, 3) for i in best}


def _of_spellings(terms: Sequence[str], counts: np.ndarray) -> Synonyms:
    """Read rare spellings of a term as all of its spellings, each by how often it is written."""
    families: dict[str, dict[int, None]] = defaultdict(dict)
    for key in (number_and_spelling, condition):
        for i, term in enumerate(terms):
            families[" ".join(map(key, term.split()))][i] = None
    synonyms: Synonyms = {}
    for family in families.values():
        members = list(family)
        most = max(counts[i] for i in members)
        total = sum(counts[i] for i in members)
        for i in members:
            if counts[i] < _RARE * most:
                synonyms[str(terms[i])] = {str(terms[j]): float(counts[j] / total) for j in members}
    return synonyms


def _unknown(title: str, forms: WordForms) -> Iterable[str]:
    """Yield words of a title that are no form of a known one, and words joined by signs."""
    for match in _JOINED.finditer(title):
        words = WORD.findall(match.group())
        stop_words = ENGLISH_STOP_WORDS.intersection(words)
        is_odd = any(len(w) == 1 or forms.known(w, loosely=False) is None for w in words)
        if (is_odd or stop_words) and stop_words <= _MEANT:
            yield " ".join(words)
    for word in WORD.findall(title):
        is_content = len(word) > 1 and not word.isdigit() and word not in ENGLISH_STOP_WORDS
        if is_content and forms.known(word, loosely=False) is None:
            yield word
