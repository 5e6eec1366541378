"""Weighted bags of terms from term counts or raw text."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_is_fitted,
    validate_data,
)

from sklearn_mnm._tools.arrays import clear_errors
from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.text._documents import as_documents, is_documents
from sklearn_mnm.text.reading import TextReader

_FORMS = "Give a list of strings, or term counts of shape (n_documents, n_terms), none negative."
_NO_WORDS = "Give documents with words, or a vocabulary whose terms they hold."


# Features are sparse, which data frames are not made from: as in TfidfVectorizer, no set_output.
class TermVectorizer(
    TransformerMixin,
    BaseEstimator,
    auto_wrap_output_keys=None,  # type: ignore[call-arg]
):
    """TF-IDF features from a term-count matrix or from raw documents, interchangeably.

    With a `vocabulary`, fitting on counts and transforming strings (or the other way round)
    gives features in the same columns: a corpus that is published as counts can be queried with
    text. Documents are matched to terms of any number of words, longest first, see
    ``sklearn_mnm.text.matching.LongestTermMatcher``.

    Parameters
    ----------
    vocabulary : array-like of str, shape (n_terms,), default=None
        Names of the columns of a count matrix, and the terms to look for in documents. If None,
        the columns of a count matrix stay unnamed, and from documents all words but English stop
        words are learnt.
    min_df : int, default=3
        Terms that occur in fewer of the fitting documents are left out.
    sublinear_tf : bool, default=True
        Replace a count c >= 1 by 1 + log(c), as :class:`sklearn.feature_extraction.text.\
TfidfTransformer` does. Values below 1, as weighted sources give them, stay as they are:
        their logarithm would turn the weight negative.
    norm : {"l2", "l1"} or None, default="l2"
        Length to which each row is scaled; rows without terms stay zero.
    synonyms : dict of str to str or dict of str to float, default=None
        How documents are read beyond the terms: by word or words, the term, or the terms with a
        weight each, that they count as; ``{}`` says that a word means nothing. Terms may be among
        the words. See :func:`~sklearn_mnm.text.learn_synonyms`. If None, only other forms of the
        words of terms are read, as "colour" for "color"; exact
        words go before forms.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        Column of each kept term in the output.
    idf_ : ndarray, shape (n_kept_terms,)
        Inverse document frequency of the kept terms, ``log((1 + n) / (1 + df)) + 1``.
    kept_columns_ : ndarray of int, shape (n_kept_terms,)
        Columns of the count matrix that were kept.
    n_features_in_ : int
        Number of columns of the count matrix.

    Examples
    --------
    >>> from sklearn_mnm.text import TermVectorizer
    >>> vectorizer = TermVectorizer(["memory", "working memory", "pain"], min_df=1)
    >>> features = vectorizer.fit([[1, 2, 0], [0, 0, 1]]).transform(["Pain and working memory"])
    >>> features.toarray().round(2)
    array([[0.  , 0.71, 0.71]])
    """

    _parameter_constraints = {  # noqa: RUF012  # scikit-learn's convention
        "vocabulary": ["array-like", None],
        "min_df": [Interval(Integral, 1, None, closed="left")],
        "sublinear_tf": ["boolean"],
        "norm": [StrOptions({"l1", "l2"}), None],
        "synonyms": [dict, None],
    }

    def __init__(
        self,
        vocabulary: ArrayLike | None = None,
        *,
        min_df: int = 3,
        sublinear_tf: bool = True,
        norm: str | None = "l2",
        synonyms: dict | None = None,
    ) -> None:
        self.vocabulary = vocabulary
        self.min_df = min_df
        self.sublinear_tf = sublinear_tf
        self.norm = norm
        self.synonyms = synonyms

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> TermVectorizer:
        """Learn which terms to keep and their inverse document frequencies.

        Parameters
        ----------
        X : sparse matrix or array-like, shape (n_documents, n_terms), or iterable of str
            Term counts, finite and not negative, or raw documents.
        y : ignored
            Accepted for use in pipelines.

        Returns
        -------
        self : TermVectorizer

        Raises
        ------
        InvalidInputError
            If the counts have another number of columns than the vocabulary, an entry of a
            sequence of documents is not a string, no term occurs in `min_df` documents, or counts
            are negative or not finite.
        """
        self._fit(list(X) if isinstance(X, Iterator) else X)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: Any, y: Any = None) -> sparse.csr_matrix:
        """Fit and weigh the kept terms of the same documents.

        Parameters
        ----------
        X : sparse matrix or array-like, shape (n_documents, n_terms), or iterable of str
            As for :meth:`fit`, which also says what errors there are.
        y : ignored
            Accepted for use in pipelines.

        Returns
        -------
        features : scipy.sparse.csr_matrix, shape (n_documents, n_kept_terms)
            float32 if `X` is float32, else float64.
        """
        X = list(X) if isinstance(X, Iterator) else X
        counts = self._fit(X)
        # Words of terms that were left out may be forms of those that were kept.
        return self.transform(X) if is_documents(X) else self._weighted(counts)

    def transform(self, X: Any) -> sparse.csr_matrix:
        """Weigh the kept terms.

        Parameters
        ----------
        X : sparse matrix or array-like, shape (n_documents, n_terms), or iterable of str
            Term counts with the columns seen while fitting, or raw documents.

        Returns
        -------
        features : scipy.sparse.csr_matrix, shape (n_documents, n_kept_terms)
            float32 if `X` is float32, else float64.

        Raises
        ------
        InvalidInputError
            If documents are given but the vectorizer was fitted on unnamed columns, an entry is
            not a string, or counts are negative, not finite, or have another number of columns.
        """
        check_is_fitted(self)
        X = list(X) if isinstance(X, Iterator) else X
        return self._weighted(self._counts(X, reset=False)[:, self.kept_columns_])

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Return the kept terms.

        Parameters
        ----------
        input_features : array-like of str, shape (n_terms,), default=None
            Names of the columns of the counts, for a vectorizer that was fitted to them without a
            vocabulary, as the step before gives them in a pipeline; else not looked at.

        Returns
        -------
        names : ndarray of object, shape (n_kept_terms,)
            Terms, or ``"x<column>"`` for unnamed columns.

        Raises
        ------
        InvalidInputError
            If `input_features` are not as many as the columns, or not their names.
        """
        check_is_fitted(self)
        if input_features is not None and self._reader is None:
            with clear_errors("input_features", "Give the names of the columns of the counts."):
                return _check_feature_names_in(self, input_features)[self.kept_columns_]
        return np.array(list(self.vocabulary_), dtype=object)

    def _fit(self, X: Any) -> sparse.csr_matrix:
        """Fit; return the counts of the kept terms."""
        terms = None if self.vocabulary is None else _terms(self.vocabulary)
        self._reader = None
        if terms is None and is_documents(X):
            with clear_errors("X", _NO_WORDS):
                counter = CountVectorizer(stop_words="english").fit(as_documents(X))
            terms = counter.get_feature_names_out().tolist()
        if terms is not None:
            self._reader = TextReader(terms, self.synonyms)
        elif self.synonyms:
            raise InvalidInputError(
                "synonyms: say how documents are read, but X are counts with unnamed columns. Give "
                "vocabulary=..., or leave synonyms out."
            )
        counts = self._counts(X, reset=True)
        if terms is not None and len(terms) != counts.shape[1]:
            raise InvalidInputError(
                f"X has {counts.shape[1]} columns but vocabulary has {len(terms)} terms."
            )
        self.kept_columns_ = np.flatnonzero(counts.getnnz(axis=0) >= self.min_df)
        if not len(self.kept_columns_):
            raise InvalidInputError(
                f"min_df={self.min_df}: no term occurs in that many documents "
                f"(n_samples={counts.shape[0]}); lower min_df or give more documents."
            )
        self.vocabulary_ = self._kept_terms()
        if self._reader is not None:
            self._reader.keep(self.vocabulary_)
        kept = counts[:, self.kept_columns_]
        self._tfidf = TfidfTransformer(norm=self.norm).fit(kept)
        self.idf_ = self._tfidf.idf_
        return kept

    def _counts(self, X: Any, *, reset: bool) -> sparse.csr_matrix:
        if is_documents(X):
            if self._reader is None:
                raise InvalidInputError(
                    "X: raw documents need a vocabulary, but this vectorizer was fitted on counts "
                    "with unnamed columns; pass vocabulary=... before fitting."
                )
            X = self._reader.counts(as_documents(X))
        with clear_errors("X", _FORMS):
            counts = validate_data(
                self,
                X,
                reset=reset,
                accept_sparse="csr",
                dtype=[np.float64, np.float32],
                ensure_non_negative=True,
            )
        counts = sparse.csr_matrix(counts, copy=True)
        counts.eliminate_zeros()  # stored zeros are no occurrences
        return counts

    def _weighted(self, counts: sparse.csr_matrix) -> sparse.csr_matrix:
        if self.sublinear_tf:
            counts.data = np.where(
                counts.data >= 1, 1 + np.log(np.maximum(counts.data, 1)), counts.data
            )
        return sparse.csr_matrix(self._tfidf.transform(counts))

    def _kept_terms(self) -> dict[str, int]:
        names = getattr(self, "feature_names_in_", None)
        if self._reader is not None:
            names = np.array(self._reader.terms, dtype=object)
        if names is None:
            kept = [f"x{column}" for column in self.kept_columns_]
        else:
            kept = [str(name) for name in names[self.kept_columns_]]
        return {term: column for column, term in enumerate(kept)}

    def _restore(self, terms: list[str] | None, *, kept_columns: Any, idf: Any) -> None:
        """Become what fitting made of the vectorizer; `terms` are its columns, if named."""
        self._reader = None if terms is None else TextReader(terms, self.synonyms)
        self.kept_columns_, self.idf_ = kept_columns, idf
        self.vocabulary_ = self._kept_terms()
        if self._reader is not None:
            self._reader.keep(self.vocabulary_)
        self._tfidf = TfidfTransformer(norm=self.norm)
        self._tfidf.idf_, self._tfidf.n_features_in_ = idf, len(idf)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.string = True
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _terms(vocabulary: ArrayLike) -> list[str]:
    terms = as_documents(vocabulary, name="vocabulary")
    if not terms:
        raise InvalidInputError("vocabulary: is empty; give at least one term or None.")
    return terms
