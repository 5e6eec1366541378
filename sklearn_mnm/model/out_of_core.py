"""Fit to and embed more studies than memory holds, batch by batch.

Sources of rows are arrays, memory maps, sparse matrices, Zarr arrays, and files: ``.npy``,
``.zarr`` and ``.parquet``. Memory depends on the batch and the number of columns only.
"""

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from sklearn_mnm._tools.arrays import check_count, clear_errors
from sklearn_mnm._tools.dependencies import import_optional
from sklearn_mnm._tools.files import replacing
from sklearn_mnm._tools.memory_maps import release_pages
from sklearn_mnm._tools.storage import reading, storing
from sklearn_mnm.exceptions import DataFormatError, InvalidInputError, MNMError

# Rows read, and embedded, at once: 16 MB of 512 columns in single precision.
_BATCH = 8192
# Bytes of a column of a Parquet file read ahead: by default pyarrow reads all of a row group.
_PARQUET_BUFFER = 2**16
_SOURCES = (
    "a matrix (array, memory map, sparse matrix, Zarr array) or the path of a .npy, .zarr or "
    ".parquet file"
)


def batches(source: Any, size: int = _BATCH) -> Iterator[Any]:
    """Yield the rows of a source in order, some at a time.

    Parameters
    ----------
    source : array, memory map, sparse matrix, Zarr array, str or path
        A matrix of shape (n_rows, n_columns), or the path of a ``.npy`` file, of a ``.zarr``
        array or of a ``.parquet`` file whose columns are numbers, all of which are taken, in
        their order. Other arrays on disk serve if they have a ``shape`` and their slices are
        arrays, such as those of h5py.
    size : int, default=8192
        Rows of each batch; the last one may have fewer.

    Yields
    ------
    batch : ndarray or csr_matrix of shape (size, n_columns)
        In the precision of the source; of a memory map a view, which stays valid.

    Raises
    ------
    InvalidInputError
        If the source is none of these, or is no matrix of numbers, or `size` is not a positive
        integer.
    DataFormatError
        If a file is missing or damaged; where the damage lies beyond its header, when the rows
        there are read.
    MissingDependencyError
        If it is a file of a kind whose reader is not installed:
        ``pip install 'sklearn-mnm[large]'``.
    """
    return _batches(source, check_count(size, "size"), "source")


def count_rows(source: Any) -> int:
    """Count the rows of what :func:`batches` reads.

    Parameters
    ----------
    source : array, memory map, sparse matrix, Zarr array, str or path

    Returns
    -------
    n_rows : int

    Raises
    ------
    InvalidInputError, DataFormatError, MissingDependencyError
        As :func:`batches`.
    """
    return _n_rows(_opened(source, "source"))


def fit_in_batches(
    embedder: Any, X: Any, Y: Any, *, batch_size: int = _BATCH, n_first: int = 20_000
) -> Any:
    """Fit an embedder to studies that are read batch by batch, by its ``partial_fit``.

    The first studies train the towers; all studies count in the regression from texts to
    activations, exactly as if they had come at once. Hence the studies should be in no order:
    shuffle them if they are sorted by year or journal.

    Parameters
    ----------
    embedder : HyperbolicBrainTextEmbedder
        If it is fitted already it goes on from there, and its towers stay.
    X : source of shape (n_studies, n_features)
        Text features; anything that :func:`batches` reads.
    Y : source of shape (n_studies, n_regions)
        Region activations of the same studies; need not be of the same kind as `X`.
    batch_size : int, default=8192
        Studies in memory at once after the first ones.
    n_first : int, default=20000
        Studies that the first call sees, in whole batches: at least so many, or all. A fitted
        embedder sees all in batches of `batch_size`.

    Returns
    -------
    embedder : HyperbolicBrainTextEmbedder
        The same.

    Raises
    ------
    InvalidInputError
        If `X` and `Y` have different numbers of rows or none, or a source is of no known kind, or
        the embedder refuses what it is given.
    DataFormatError, MissingDependencyError
        As :func:`batches`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_mnm import HyperbolicBrainTextEmbedder
    >>> from sklearn_mnm.model.out_of_core import fit_in_batches
    >>> random = np.random.default_rng(0)
    >>> topics = random.dirichlet(np.full(6, 0.1), size=500)
    >>> X = topics @ random.normal(size=(6, 30))
    >>> Y = topics @ random.gamma(0.3, size=(6, 20))
    >>> embedder = HyperbolicBrainTextEmbedder(max_epochs=1, random_state=0)
    >>> embedder = fit_in_batches(embedder, X, Y, batch_size=100, n_first=300)
    >>> embedder.statistics_.n_samples
    500
    """
    if not (hasattr(embedder, "partial_fit") and hasattr(embedder, "max_epochs")):
        raise InvalidInputError(
            f"embedder is a {type(embedder).__name__}, which cannot be fitted batch by batch. Give "
            "a HyperbolicBrainTextEmbedder."
        )
    batch_size = check_count(batch_size, "batch_size")
    n_first = check_count(n_first, "n_first", least=0)
    n_studies, n_maps = _n_rows(_opened(X, "X")), _n_rows(_opened(Y, "Y"))
    if n_studies != n_maps or n_studies == 0:
        raise InvalidInputError(
            f"X has {n_studies} rows and Y has {n_maps}; they must be the same studies in the "
            "same order, at least one."
        )
    studies = zip(_batches(X, batch_size, "X"), _batches(Y, batch_size, "Y"), strict=True)
    if not hasattr(embedder, "model_"):
        first = islice(studies, max(1, math.ceil(n_first / batch_size)))
        embedder.partial_fit(*(_stacked(parts) for parts in zip(*first, strict=True)))
    # The towers stay, so that what is learnt does not depend on the size of the batches.
    max_epochs, embedder.max_epochs = embedder.max_epochs, 0
    try:
        for texts, maps in studies:
            embedder.partial_fit(texts, maps)
    finally:
        embedder.max_epochs = max_epochs
    return embedder


def transform_to_file(
    transform: Callable[[Any], np.ndarray],
    source: Any,
    path: str | PathLike[str],
    *,
    batch_size: int = _BATCH,
) -> np.ndarray:
    """Write what a method makes of each batch to a ``.npy`` file of float32.

    The file appears, or replaces the old one, when it is complete; what a stopped call has
    written is removed, and the next call starts over.

    Parameters
    ----------
    transform : callable
        From rows to as many rows, each from its own only: ``embedder.transform`` of texts,
        ``embedder.transform_brain`` of maps, ``embedder.predict``.
    source : array, memory map, sparse matrix, Zarr array, str or path
        Anything that :func:`batches` reads, with at least one row.
    path : str or path
        Of the file. The folder must exist.
    batch_size : int, default=8192
        Rows in memory at once.

    Returns
    -------
    rows : memmap of shape (n_rows, n_columns), float32
        The file, read-only; `PointIndex` takes it as it is.

    Raises
    ------
    InvalidInputError
        If `transform` gives other numbers of rows or columns than it should, or what are no finite
        numbers in single precision, or the source has no rows or is of no known kind.
    StorageError
        If the file cannot be written.
    DataFormatError, MissingDependencyError
        As :func:`batches`.
    """
    if not callable(transform):
        raise InvalidInputError(
            f"transform is a {type(transform).__name__}. Give a method such as embedder.transform."
        )
    batch_size = check_count(batch_size, "batch_size")
    path, n_rows, n_columns, n_done = Path(path), count_rows(source), None, 0
    if n_rows == 0:
        raise InvalidInputError("source has no rows; there is nothing to write.")
    with storing(path), replacing(path) as temporary, temporary.open("xb") as stream:
        for batch in batches(source, batch_size):
            rows = _single_precision(transform(batch), n_done)
            n_done += batch.shape[0]
            if n_columns is None and rows.ndim == 2:
                n_columns = rows.shape[1]
                header = {"descr": "<f4", "fortran_order": False, "shape": (n_rows, n_columns)}
                np.lib.format.write_array_header_1_0(stream, header)
            if rows.shape != (batch.shape[0], n_columns):
                raise InvalidInputError(
                    f"transform made an array of shape {rows.shape} of {batch.shape[0]} rows; "
                    "it must give as many rows as it takes, of the same columns each time."
                )
            stream.write(rows)
        stream.flush()
        os.fsync(stream.fileno())
    return np.load(path, mmap_mode="r")


def _single_precision(made: Any, n_before: int) -> np.ndarray:
    """Bring what a method made of a batch to the form in which it is written."""
    with clear_errors("transform", "It must give rows of numbers."):
        given = np.asarray(made)
        if given.dtype.kind not in "buif":
            raise TypeError(f"made an array of dtype {given.dtype}")
        with np.errstate(over="ignore"):
            rows = np.asarray(given, dtype="<f4", order="C")
    if not np.isfinite(rows).all():
        row = n_before + int(np.argwhere(~np.isfinite(np.atleast_1d(rows)))[0, 0])
        raise InvalidInputError(
            f"transform made of row {row} what is not finite in single precision: NaN, infinity or "
            "more than 3e38. Look at that row of the source, or have transform give finite numbers."
        )
    return rows


def _n_rows(rows: Any) -> int:
    return rows.metadata.num_rows if hasattr(rows, "iter_batches") else rows.shape[0]


def _batches(source: Any, size: int, name: str) -> Iterator[Any]:
    rows = _opened(source, name)
    found = _parquet_batches(rows, size) if hasattr(rows, "iter_batches") else _slices(rows, size)
    return _read_from(Path(source), found) if isinstance(source, str | PathLike) else found


def _read_from(path: Path, rows: Iterator[Any]) -> Iterator[Any]:
    """Pass rows on; that their file is damaged may show only now."""
    with _reading(path):
        yield from rows


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Tell of files that cannot be read, whatever their reader makes of it."""
    with reading(path):
        path.stat()
        try:
            yield
        except (MNMError, PermissionError):
            raise
        # Of numpy, pyarrow, zarr and its compressors, which share none but this class.
        except Exception as error:
            told = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            raise DataFormatError(
                f"{path}: cannot be read as a {path.suffix} file ({told}). It is damaged, or of "
                "another kind; write it again."
            ) from error


def _opened(source: Any, name: str) -> Any:
    """Make of a source a matrix that can be sliced by rows, or a ParquetFile."""
    if not isinstance(source, str | PathLike):
        return _checked_matrix(source, name)
    path = Path(source)
    if path.suffix not in _READERS:
        raise InvalidInputError(
            f"{name}={os.fspath(source)!r} has no known ending; give {_SOURCES}."
        )
    return _READERS[path.suffix](path)


def _checked_matrix(rows: Any, name: str) -> Any:
    shape, dtype = getattr(rows, "shape", None), getattr(rows, "dtype", None)
    if len(shape or ()) != 2:
        raise InvalidInputError(
            f"{name} is of type {type(rows).__name__} and shape {shape}; give {_SOURCES}."
        )
    if getattr(dtype, "kind", "f") not in "buif":
        raise InvalidInputError(f"{name} has dtype {dtype}; give real numbers.")
    return rows.tocsr() if hasattr(rows, "tocsr") else rows


def _npy(path: Path) -> Any:
    with _reading(path):
        # Not by numpy.load, which opens archives and asks whether to unpickle, too.
        return _checked_matrix(np.lib.format.open_memmap(path, mode="r"), str(path))


def _zarr(path: Path) -> Any:
    zarr = import_optional("zarr", extra="large", purpose=f"Reading {path.name}")
    with _reading(path):
        if path.is_dir():
            os.listdir(path)  # zarr 2 takes what it may not read for what is not there
        rows = zarr.open_array(str(path), mode="r")
        if min(rows.shape, default=0) < 0:
            raise ValueError(f"it claims the shape {rows.shape}")
        return _checked_matrix(rows, str(path))


def _parquet(path: Path) -> Any:
    purpose = f"Reading {path.name}"
    parquet = import_optional("pyarrow.parquet", extra="large", purpose=purpose)
    types = import_optional("pyarrow.types", extra="large", purpose=purpose)
    with _reading(path):
        file = parquet.ParquetFile(path, buffer_size=_PARQUET_BUFFER)
    fields = list(file.schema_arrow)
    other = [
        f"{field.name!r} ({field.type})"
        for field in fields
        if not (types.is_floating(field.type) or types.is_integer(field.type))
    ]
    if other or not fields:
        fault = f"columns that are not numbers: {', '.join(other[:5])}" if other else "no columns"
        raise InvalidInputError(
            f"{path} has {fault}. Write the features to a file of their own, in the order of the "
            "rows."
        )
    return file


_READERS: dict[str, Callable[[Path], Any]] = {".npy": _npy, ".zarr": _zarr, ".parquet": _parquet}


def _slices(rows: Any, size: int) -> Iterator[Any]:
    for start in range(0, rows.shape[0], size):
        batch = rows[start : start + size]
        yield batch if sparse.issparse(batch) else np.asarray(batch)
        release_pages(rows)


def _parquet_batches(file: Any, size: int) -> Iterator[np.ndarray]:
    """Batches of equal size, whatever the row groups of the file."""
    kept: list[np.ndarray] = []
    n_kept = 0
    for part in file.iter_batches(batch_size=size):
        columns = [column.to_numpy(zero_copy_only=False) for column in part.columns]
        kept.append(np.column_stack(columns))
        n_kept += len(kept[-1])
        if n_kept >= size:
            rows = _stacked(kept)
            yield rows[:size]
            kept, n_kept = [rows[size:]], n_kept - size
    if n_kept:
        yield _stacked(kept)


def _stacked(parts: Any) -> Any:
    """Rows of several batches."""
    if sparse.issparse(parts[0]):
        return sparse.vstack(parts, format="csr")
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
