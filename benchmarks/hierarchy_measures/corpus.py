"""Occurrence of terms in the studies of a fold, and texts and maps that are parts of others."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from benchmarks.hierarchy_measures.walks import content_terms, topical_concentration
from sklearn_mnm import Studies, TermVectorizer
from sklearn_mnm.text import contiguous_parts

MIN_STUDIES = 3  # of the training studies, in which a term is written itself
# Parts of a text from the shortest on; each holds the one before.
LEVELS = ("one term", "three terms", "title", "title and keywords", "all")


def closed_occurrence(counts: sparse.spmatrix, terms: Sequence[str]) -> sparse.csr_matrix:
    """Say which studies hold a term, or a longer term that it is a part of.

    Parameters
    ----------
    counts : sparse matrix of shape (n_studies, n_terms)
    terms : sequence of str, shape (n_terms,)

    Returns
    -------
    occurrence : csr_matrix of bool, shape (n_studies, n_terms)
    """
    held = sparse.csr_matrix(counts > 0).astype(np.float64)
    return sparse.csr_matrix(held @ contiguous_parts(terms).astype(np.float64) > 0)


def information(frequency: np.ndarray, n_studies: int) -> np.ndarray:
    """I_a = -ln((df_a - 1/2) / N), in nats.

    Parameters
    ----------
    frequency : ndarray of shape (n_terms,)
        Closed document frequencies, at least 1.
    n_studies : int

    Returns
    -------
    information : ndarray of shape (n_terms,)
    """
    return -np.log((np.asarray(frequency) - 0.5) / n_studies)


@dataclass(frozen=True, eq=False)
class FoldCorpus:
    """What all rows are measured on in a fold.

    Parameters
    ----------
    fold : int
    train, test : Studies
        With the counts of title, abstract and keywords added up.
    parts : dict of str to Studies
        The test studies with the counts of ``"title"``, ``"title and keywords"`` and
        ``"abstract"`` alone, rows as in `test`.

    Raises
    ------
    ValueError
        If the studies of a part are not those of `test`.
    """

    fold: int
    train: Studies
    test: Studies
    parts: dict[str, Studies]

    def __post_init__(self) -> None:
        for name, studies in self.parts.items():
            if list(studies.ids) != list(self.test.ids):
                raise ValueError(f"parts: the studies of {name!r} are not those of the test part.")

    @cached_property
    def vectorizer(self) -> TermVectorizer:
        """Fitted on the training studies; its kept terms are those of the protocol."""
        vectorizer = TermVectorizer(self.train.vocabulary, min_df=MIN_STUDIES)
        return vectorizer.fit(self.train.counts)

    @property
    def kept(self) -> np.ndarray:
        """Columns of the counts that are terms of the protocol."""
        return self.vectorizer.kept_columns_

    @cached_property
    def terms(self) -> list[str]:
        """Terms that are written in at least 3 training studies."""
        return [str(term) for term in np.asarray(self.train.vocabulary)[self.kept]]

    @cached_property
    def train_occurrence(self) -> sparse.csr_matrix:
        """Closed occurrence in the training studies, (n_studies, n_terms)."""
        return self._closed(self.train)

    @cached_property
    def test_occurrence(self) -> sparse.csr_matrix:
        """Closed occurrence in the test studies."""
        return self._closed(self.test)

    @cached_property
    def title_occurrence(self) -> sparse.csr_matrix:
        """Closed occurrence in the titles of the test studies."""
        return self._closed(self.parts["title"])

    @cached_property
    def frequency(self) -> np.ndarray:
        """Closed document frequency in the training studies, (n_terms,)."""
        return np.asarray(self.train_occurrence.sum(axis=0)).ravel()

    @cached_property
    def information(self) -> np.ndarray:
        """Information of each term in nats, (n_terms,)."""
        return information(self.frequency, len(self.train))

    @cached_property
    def content(self) -> np.ndarray:
        """Whether a walk may meet each term, see `walks.content_terms`."""
        alone = self.written(self.train).astype(np.int64).sum(axis=0)
        concentration = topical_concentration(self.train_occurrence)
        return content_terms(self.frequency, np.asarray(alone).ravel(), concentration)

    def written(self, studies: Studies) -> sparse.csr_matrix:
        """Say which studies hold the terms themselves, bool of shape (n_studies, n_terms)."""
        return sparse.csr_matrix(studies.counts[:, self.kept] > 0)

    def _closed(self, studies: Studies) -> sparse.csr_matrix:
        return closed_occurrence(studies.counts, list(self.train.vocabulary))[:, self.kept]

    def nested_texts(self) -> dict[str, Studies]:
        """Texts of the test studies by level, each a part of the next."""
        titles = self.parts["title"]
        return dict(
            zip(
                LEVELS,
                (
                    salient_part(titles, self.vectorizer, 1),
                    salient_part(titles, self.vectorizer, 3),
                    titles,
                    self.parts["title and keywords"],
                    self.test,
                ),
                strict=True,
            )
        )


def salient_part(studies: Studies, vectorizer: TermVectorizer, n_terms: int) -> Studies:
    """Keep the terms of highest TF-IDF of each text; the first of equals.

    Parameters
    ----------
    studies : Studies
    vectorizer : TermVectorizer
        Fitted on counts with the same vocabulary.
    n_terms : int
        Texts with fewer known terms keep all.

    Returns
    -------
    studies : Studies
        With the same ids and peaks, and the counts of the terms that are kept.
    """
    weights = vectorizer.transform(studies.counts)
    counts = sparse.lil_matrix(studies.counts.shape)
    for row in range(len(studies)):
        entries = slice(*weights.indptr[row : row + 2])
        columns, values = weights.indices[entries], weights.data[entries]
        best = columns[np.lexsort((columns, -values))[:n_terms]]
        kept = vectorizer.kept_columns_[best]
        counts[row, kept] = studies.counts[row, kept]
    return Studies(
        studies.ids,
        metadata=studies.metadata,
        peaks=studies.peaks,
        counts=sparse.csr_matrix(counts),
        vocabulary=studies.vocabulary,
        groups=studies.groups,
    )


def tables_of(studies: Studies) -> Studies:
    """Take apart the maps of studies into their tables.

    Parameters
    ----------
    studies : Studies
        Whose peaks have a column ``table_id``.

    Returns
    -------
    tables : Studies
        A row for each table of the studies that have at least two; ``groups`` are the ids of the
        studies.
    """
    peaks = studies.peaks
    n_tables = peaks.groupby("id")["table_id"].nunique()
    several = peaks[peaks["id"].isin(n_tables.index[n_tables > 1])]
    ids = several["id"].astype(str) + "/" + several["table_id"].astype(str)
    owners = dict(zip(ids, several["id"], strict=True))
    return Studies(
        list(owners), peaks=several.assign(id=ids), groups=[str(owner) for owner in owners.values()]
    )


def single_terms(terms: Sequence[str], vocabulary: Sequence[str]) -> Studies:
    """Texts of one term each, whose ids are the terms.

    Parameters
    ----------
    terms : sequence of str
        Out of the vocabulary.
    vocabulary : sequence of str
        Names of the columns of the counts.

    Returns
    -------
    studies : Studies
        Without peaks.
    """
    place = {str(term): position for position, term in enumerate(vocabulary)}
    columns = [place[term] for term in terms]
    entries = np.ones(len(columns)), (np.arange(len(columns)), columns)
    counts = sparse.csr_matrix(entries, shape=(len(columns), len(vocabulary)))
    return Studies(list(terms), counts=counts, vocabulary=vocabulary)
