"""The container that every loader returns and every selection keeps aligned."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import sparse

from sklearn_mnm._tools.frames import as_pandas, is_frame
from sklearn_mnm.datasets._alignment import in_order_of, named_counts
from sklearn_mnm.datasets._joining import joined
from sklearn_mnm.exceptions import DataFormatError, DataWarning, InvalidInputError

PEAK_COLUMNS = ("id", "x", "y", "z")


class Studies:
    """Studies of a corpus with their texts, term counts and peaks, row by row.

    One row is one study, or one contrast of a paper when `groups` says so. All parts are
    checked against each other on construction, and a selection ``studies[...]`` cuts all of
    them together, so that row ``i`` of one always belongs to row ``i`` of the others. Parts that
    carry ids (a column ``id``, an index of strings or with a name) are brought to the order of
    `ids`.

    Parameters
    ----------
    ids : array-like of str, shape (n_studies,)
        Identifier of each row, unique.
    metadata : pandas.DataFrame, optional
        One row per study in the order of `ids`; its index is replaced by 0, 1, 2, ...
        The column ``title`` feeds :attr:`titles`.
    peaks : pandas.DataFrame, optional
        One row per peak with the columns ``id`` (of the study), ``x``, ``y``, ``z`` in mm
        (MNI152 unless a column ``space`` says otherwise) and any others. Sorted by study on
        construction; within a study the order is kept.
    counts : sparse matrix or array-like, shape (n_studies, n_terms), optional
        Term counts, or other term weights; stored as CSR. Of a table the names of the columns are
        the vocabulary.
    vocabulary : array-like of str, shape (n_terms,), optional
        Names of the columns of `counts`.
    texts : array-like of str, shape (n_studies,), optional
        Raw documents, e.g. title and abstract; empty strings where there is none.
    groups : array-like of str, shape (n_studies,), optional
        Paper to which a row belongs, for splits that keep papers whole. Default: `ids`.

    Attributes
    ----------
    ids, metadata, peaks, counts, vocabulary, texts, groups
        The parts as above, aligned; to be read, not written.
    study_index : ndarray of int, shape (n_peaks,)
        Row of the study to which each peak belongs, ascending.

    Raises
    ------
    DataFormatError
        If ids repeat, a peak belongs to no study, a coordinate is not finite, or the parts
        disagree in length or in ids.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_mnm.datasets import Studies
    >>> peaks = pd.DataFrame({"id": ["b", "a", "b"], "x": [1.0, 2, 3], "y": 0.0, "z": 0.0})
    >>> studies = Studies(ids=["a", "b"], peaks=peaks)
    >>> studies
    Studies(2 studies, 3 peaks)
    >>> studies.select(ids=["b"]).peaks["x"].tolist()
    [1.0, 3.0]
    """

    def __init__(
        self,
        ids: ArrayLike,
        *,
        metadata: pd.DataFrame | None = None,
        peaks: pd.DataFrame | None = None,
        counts: Any = None,
        vocabulary: ArrayLike | None = None,
        texts: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> None:
        self.ids: np.ndarray = _strings(ids, "ids")
        _check_unique(self.ids)
        if metadata is None:
            metadata = pd.DataFrame({"id": self.ids})
        _check_frame(metadata, "metadata")
        _check_length(len(metadata), len(self.ids), "metadata")
        metadata = as_pandas(in_order_of(self.ids, metadata, "metadata"))
        self.metadata: pd.DataFrame = metadata.reset_index(drop=True)
        self.peaks, self.study_index = _align_peaks(peaks, self.ids)
        counts = in_order_of(self.ids, counts, "counts")
        self.counts, self.vocabulary = _check_counts(counts, vocabulary, len(self.ids))
        texts, groups = (
            in_order_of(self.ids, values, name)
            for values, name in ((texts, "texts"), (groups, "groups"))
        )
        self.texts: np.ndarray | None = None if texts is None else _documents(texts, self.ids)
        self.groups: np.ndarray = self.ids if groups is None else _strings(groups, "groups")
        _check_length(len(self.groups), len(self.ids), "groups")

    @property
    def n_studies(self) -> int:
        """Number of rows."""
        return len(self.ids)

    @property
    def titles(self) -> np.ndarray:
        """Title of each study, shape (n_studies,); empty where unknown."""
        if "title" not in self.metadata.columns:
            return np.full(self.n_studies, "", dtype=object)
        return self.metadata["title"].astype(object).fillna("").to_numpy(dtype=object)

    @property
    def peak_counts(self) -> np.ndarray:
        """Number of peaks of each study, shape (n_studies,)."""
        return np.bincount(self.study_index, minlength=self.n_studies)

    @property
    def coordinates(self) -> list[np.ndarray]:
        """Peaks of each study without its id, a list of arrays of shape (n_peaks_i, 3), in mm.

        For what pairs rows in an order of its own, as ``permutation_test_score`` does.
        """
        places = self.peaks[["x", "y", "z"]].to_numpy(dtype=float)
        return np.split(places, np.cumsum(self.peak_counts))[:-1]

    @property
    def shape(self) -> tuple[int]:
        """(n_studies,): scikit-learn's cross-validation then splits studies as it does arrays."""
        return (self.n_studies,)

    def __len__(self) -> int:
        return self.n_studies

    def __repr__(self) -> str:
        parts = [f"{self.n_studies} studies", f"{len(self.peaks)} peaks"]
        n_papers = len(np.unique(self.groups))
        if n_papers != self.n_studies:
            parts.insert(1, f"{n_papers} papers")
        if self.counts is not None:
            parts.append(f"{self.counts.shape[1]} terms")
        if self.texts is not None:
            parts.append("texts")
        return f"Studies({', '.join(parts)})"

    def __getitem__(self, selection: Any) -> Studies:
        rows = _rows(selection, self.n_studies)
        ends = np.cumsum(self.peak_counts)
        lengths = self.peak_counts[rows]
        # Positions of the peaks of the chosen rows, in the order of the rows: for each row a
        # run of `length` consecutive positions that starts where its study starts.
        shift = np.repeat(ends[rows] - np.cumsum(lengths), lengths)
        peak_positions = np.arange(lengths.sum()) + shift
        return Studies(
            ids=self.ids[rows],
            metadata=self.metadata.iloc[rows],
            peaks=self.peaks.iloc[peak_positions],
            counts=None if self.counts is None else self.counts[rows],
            vocabulary=self.vocabulary,
            texts=None if self.texts is None else self.texts[rows],
            groups=self.groups[rows],
        )

    def __add__(self, other: Any) -> Studies:
        """Put the rows of another corpus below those of this one.

        Parameters
        ----------
        other : Studies

        Returns
        -------
        studies : Studies
            An id that both have gets a number in the second. A paper (`groups`) that both have is
            one unless its titles differ.

        Raises
        ------
        InvalidInputError
            If one has term counts only and the other texts only.

        Warns
        -----
        DataWarning
            Once, with counts: ids, and studies by pmid, pmcid or doi, that both have; terms that
            only one counts; counts that are left out.
        """
        if not isinstance(other, Studies):
            return NotImplemented
        fields, notes = joined([self, other], ["1", "2"])
        if notes:
            warnings.warn(f"{'; '.join(notes)}.", DataWarning, stacklevel=2)
        return Studies(**fields)

    def select(self, *, ids: Iterable[str]) -> Studies:
        """Return the studies with the given ids, in the order given.

        Parameters
        ----------
        ids : iterable of str
            Identifiers to keep.

        Returns
        -------
        studies : Studies

        Raises
        ------
        InvalidInputError
            If an id is unknown or given twice.
        """
        wanted = _strings(list(ids), "ids")
        rows = pd.Index(self.ids).get_indexer(wanted)
        if (rows < 0).any():
            unknown = wanted[rows < 0]
            shown = ", ".join(repr(str(name)) for name in unknown[:5])
            raise InvalidInputError(
                f"ids: {len(unknown)} of {len(wanted)} are not among the {self.n_studies} "
                f"studies: {shown}{', ...' if len(unknown) > 5 else ''}. "
                "Compare with studies.ids."
            )
        return self[rows]


def _strings(values: Any, name: str) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataFormatError(f"{name}: expected one dimension, got shape {array.shape}.")
    if pd.isna(array).any():
        row = int(np.flatnonzero(pd.isna(array))[0])
        raise DataFormatError(f"{name}: row {row} is missing; every row needs a value.")
    return array.astype(str)


def _documents(values: ArrayLike, ids: np.ndarray) -> np.ndarray:
    documents = np.asarray(values, dtype=object)
    _check_length(len(documents), len(ids), "texts")
    for row, document in enumerate(documents):
        if not isinstance(document, str):
            raise DataFormatError(
                f"texts: row {row} (study {ids[row]!s}) is {document!r}, not a string; "
                "give an empty string for a study without text."
            )
    return documents


def _check_frame(value: Any, name: str) -> None:
    if not is_frame(value):
        raise DataFormatError(
            f"{name}: expected a data frame of pandas or polars, got {type(value).__name__}."
        )


def _check_length(length: int, expected: int, name: str) -> None:
    if length != expected:
        raise DataFormatError(
            f"{name} has {length} rows but there are {expected} ids; "
            "all parts need one row per study, in the same order."
        )


def _check_unique(ids: np.ndarray) -> None:
    repeated = pd.Series(ids).duplicated(keep=False).to_numpy()
    if repeated.any():
        first = ids[repeated][0]
        rows = np.flatnonzero(ids == first).tolist()
        raise DataFormatError(
            f"ids: {first!s} occurs in rows {rows} "
            f"({len(set(ids[repeated]))} ids occur more than once); ids must be unique."
        )


def _align_peaks(peaks: pd.DataFrame | None, ids: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    if peaks is None:
        peaks = pd.DataFrame({"id": np.array([], dtype=str), "x": [], "y": [], "z": []})
    _check_frame(peaks, "peaks")
    peaks = as_pandas(peaks)
    missing = [name for name in PEAK_COLUMNS if name not in peaks.columns]
    if missing:
        raise DataFormatError(
            f"peaks: missing column(s) {missing}; it has {list(map(str, peaks.columns))}."
        )
    if pd.api.types.is_numeric_dtype(peaks["id"]) and len(peaks):
        peaks = peaks.assign(id=peaks["id"].astype(str))
    study_index = pd.Index(ids).get_indexer(pd.Index(peaks["id"]))
    if (study_index < 0).any():
        row = int(np.flatnonzero(study_index < 0)[0])
        raise DataFormatError(
            f"peaks: row {row} belongs to study {peaks['id'].iloc[row]!r}, which is not among the "
            f"{len(ids)} ids ({int((study_index < 0).sum())} such peaks)."
        )
    try:
        coordinates = peaks[["x", "y", "z"]].to_numpy(dtype=float)
    except (TypeError, ValueError) as error:
        raise DataFormatError(f"peaks: x, y, z must be numbers in mm ({error}).") from error
    finite = np.isfinite(coordinates).all(axis=1)
    if not finite.all():
        row = int(np.flatnonzero(~finite)[0])
        raise DataFormatError(
            f"peaks: row {row} (study {peaks['id'].iloc[row]}) has the coordinates "
            f"{coordinates[row].tolist()}; all must be finite numbers in mm."
        )
    order = np.argsort(study_index, kind="stable")
    return peaks.iloc[order].reset_index(drop=True), study_index[order]


def _check_counts(
    counts: Any, vocabulary: Any, n_studies: int
) -> tuple[sparse.csr_matrix | None, np.ndarray | None]:
    counts, vocabulary = named_counts(counts, vocabulary)
    if counts is None:
        if vocabulary is not None:
            raise DataFormatError("vocabulary: given without the counts whose columns it names.")
        return None, None
    try:
        matrix = sparse.csr_matrix(counts)
        is_real = matrix.dtype.kind in "buif"
    except (TypeError, ValueError):
        is_real = False
    if not is_real:
        raise DataFormatError(
            f"counts: expected numbers of shape (n_studies, n_terms), got {type(counts).__name__} "
            f"of shape {np.shape(counts)}."
        )
    _check_length(matrix.shape[0], n_studies, "counts")
    if not np.isfinite(matrix.data).all():
        row = int(matrix.tocoo().row[~np.isfinite(matrix.data)].min())
        raise DataFormatError(f"counts: row {row} holds a value that is not finite.")
    if vocabulary is None:
        return matrix, None
    terms = _strings(vocabulary, "vocabulary")
    if len(terms) != matrix.shape[1]:
        raise DataFormatError(
            f"vocabulary has {len(terms)} terms but counts has {matrix.shape[1]} columns."
        )
    return matrix, terms


def _rows(selection: Any, n_studies: int) -> np.ndarray:
    """Turn a mask, a slice or positions into distinct non-negative positions."""
    if isinstance(selection, tuple) and len(selection) == 2 and selection[1] is Ellipsis:
        selection = selection[0]  # as scikit-learn cuts arrays
    if isinstance(selection, slice):
        return np.arange(n_studies)[selection]
    array = np.asarray(selection)
    if array.ndim != 1:
        raise InvalidInputError(
            f"selection: expected a mask, a slice or a list of positions, got {selection!r}; "
            "write studies[[i]] for one study and studies.select(ids=...) for ids."
        )
    if array.dtype == bool:
        if len(array) != n_studies:
            raise InvalidInputError(
                f"selection: the mask has {len(array)} entries for {n_studies} studies."
            )
        return np.flatnonzero(array)
    if array.size == 0:
        return np.zeros(0, dtype=int)
    if not np.issubdtype(array.dtype, np.integer):
        raise InvalidInputError(
            f"selection: positions must be integers or a mask, got dtype {array.dtype}; "
            "write studies.select(ids=...) to select by id."
        )
    outside = (array < -n_studies) | (array >= n_studies)
    if outside.any():
        raise InvalidInputError(
            f"selection: position {array[outside][0]} is outside the {n_studies} studies."
        )
    rows = np.where(array < 0, array + n_studies, array)
    distinct, occurrences = np.unique(rows, return_counts=True)
    if len(distinct) != len(rows):
        raise InvalidInputError(
            f"selection: position {distinct[occurrences > 1][0]} is given more than once; "
            "each study can be selected once."
        )
    return rows
