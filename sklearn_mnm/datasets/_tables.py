"""Read the files of a release and say which file and line is at fault."""

from __future__ import annotations

import csv
import math
import pickle
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from sklearn_mnm._tools.archives import check_gzip, check_zip
from sklearn_mnm._tools.storage import reading
from sklearn_mnm.datasets._spreadsheets import Layout, open_text, record_line
from sklearn_mnm.datasets._text_files import as_number
from sklearn_mnm.exceptions import DataFormatError

# Of a matrix of counts; a row takes memory even if it is empty.
_MOST_ROWS = 10**8


def read_table(path: Path, *, required: Sequence[str], key: str = "id") -> pd.DataFrame:
    """Read a table whose key column is text.

    Parameters
    ----------
    path : pathlib.Path
        UTF-8, gzipped if its name says so, first line = column names, separated by tabs, commas
        or semicolons: by what stands in that line.
    required : sequence of str
        Columns that must be there.
    key : str, default="id"
        Column that names the study and may not be empty.

    Returns
    -------
    table : pandas.DataFrame
        One row per record; only empty fields count as missing, since "NA" may be a title.

    Raises
    ------
    DataFormatError
        If the file cannot be decompressed, decoded or parsed, or a column is missing.
    """
    try:
        with reading(path):
            path.stat()
        if path.suffix == ".gz":
            check_gzip(path)
        header, separator = _read_header(path)
        # pandas would give the second a name of its own.
        if len(set(header)) < len(header):
            raise DataFormatError(f"{path}: line 1 names a column twice: {header}.")
        with warnings.catch_warnings():
            # pandas would cut surplus fields of the first line off with a mere warning.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                path,
                sep=separator,
                encoding="utf-8-sig",
                dtype={key: str},
                keep_default_na=False,
                na_values=[""],
                index_col=False,
                low_memory=False,
            )
    except (EOFError, OSError, zlib.error) as error:
        raise DataFormatError(
            f"{path}: cannot be decompressed ({error}); the file is truncated or damaged, "
            "download it again."
            if path.suffix == ".gz" and not isinstance(error, FileNotFoundError | PermissionError)
            else f"{path}: cannot be read ({error}). Check the name, and who may read it."
        ) from error
    except (UnicodeDecodeError, csv.Error, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise DataFormatError(
            f"{path}: is not a table in UTF-8, separated by tabs, commas or semicolons ({error})."
        ) from error
    except pd.errors.EmptyDataError as error:
        raise DataFormatError(f"{path}: is empty; a line with column names is needed.") from error
    missing = [name for name in dict.fromkeys([key, *required]) if name not in table.columns]
    if missing:
        raise DataFormatError(
            f"{path}: missing column(s) {missing} in line 1; it has {list(table.columns)}."
        )
    no_key = table[key].isna().to_numpy()
    if no_key.any():
        row = int(np.flatnonzero(no_key)[0])
        raise DataFormatError(f"{path}: line {line_number(path, row)} has no {key}.")
    return table


def _read_header(path: Path) -> tuple[list[str], str]:
    """Return column names and what separates them."""
    with open_text(path) as stream:
        line = stream.readline()
    separator = next((candidate for candidate in "\t,;" if candidate in line), "\t")
    return next(csv.reader([line], delimiter=separator), []), separator


def line_number(path: Path, row: int) -> int:
    """Return the line, as an editor counts, on which record `row` of a table starts."""
    header, separator = _read_header(path)
    return record_line(path, row, Layout("utf-8-sig", separator, 0, header))


def as_numbers(column: pd.Series) -> pd.Series:
    """Return a column as floats, NaN where there is no number: words, lists, endless integers."""
    if column.dtype.kind in "uif":
        return column.astype(float)
    return column.map(as_number_or_nan).astype(float)


def as_number_or_nan(value: Any) -> float:
    """Return a value as a float, NaN if it is no number."""
    try:
        return as_number(value) if isinstance(value, str) else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def check_unique_ids(table: pd.DataFrame, path: Path) -> None:
    """Raise DataFormatError if the column ``id`` of a metadata table repeats a value."""
    repeated = table["id"].duplicated(keep=False).to_numpy()
    if not repeated.any():
        return
    first = table["id"][repeated].iloc[0]
    rows = np.flatnonzero((table["id"] == first).to_numpy())
    lines = " and ".join(str(line_number(path, int(row))) for row in rows[:3])
    raise DataFormatError(
        f"{path}: id {first} occurs in lines {lines} "
        f"({table['id'][repeated].nunique()} ids occur more than once); ids must be unique."
    )


def with_coordinates(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return x, y, z as floats; DataFormatError unless they are finite numbers in every row."""
    numbers = {name: as_numbers(table[name]) for name in ("x", "y", "z")}
    for name, values in numbers.items():
        wrong = np.flatnonzero(~np.isfinite(values.to_numpy()))
        if len(wrong):
            row = int(wrong[0])
            value = table[name].iloc[row]
            shown = "an empty field" if pd.isna(value) else repr(str(value)[:60])
            raise DataFormatError(
                f"{path}: line {line_number(path, row)} (id {table['id'].iloc[row]}) has {shown} "
                f"as coordinate {name} ({len(wrong)} such rows); "
                "coordinates must be finite numbers in mm."
            )
    if all(table[name].dtype.kind in "uif" for name in numbers):
        return table  # numbers as they are
    return table.assign(**numbers)


def check_known_ids(table: pd.DataFrame, path: Path, ids: pd.Index, ids_path: Path) -> None:
    """Raise DataFormatError if a peak belongs to a study that the metadata do not list."""
    unknown = ids.get_indexer(pd.Index(table["id"])) < 0
    if unknown.any():
        row = int(np.flatnonzero(unknown)[0])
        raise DataFormatError(
            f"{path}: line {line_number(path, row)} has a peak of study {table['id'].iloc[row]}, "
            f"which {ids_path.name} does not list ({int(unknown.sum())} such peaks)."
        )


def read_features(path: Path) -> sparse.csr_matrix:
    """Read a sparse matrix written by :func:`scipy.sparse.save_npz`, without unpickling.

    Returns
    -------
    features : scipy.sparse.csr_matrix, shape (n_studies, n_terms)

    Raises
    ------
    DataFormatError
        If the file is damaged, is not a sparse matrix, holds pickled objects (which are never
        loaded) or values that are not finite.
    """
    try:
        check_zip(path)
        # scipy loads with allow_pickle=False; the test on an archive of objects watches it.
        matrix = sparse.load_npz(path)
        if max(matrix.shape) > _MOST_ROWS:
            raise ValueError(f"the shape {matrix.shape} is that of no corpus")
        matrix = sparse.csr_matrix(matrix)
        matrix.check_format(full_check=True)
    except DataFormatError:
        raise
    except (
        ValueError,
        TypeError,
        AttributeError,
        KeyError,
        IndexError,
        OSError,
        EOFError,
        zlib.error,
        zipfile.BadZipFile,
        # Of numpy's reader of headers, and of zip archives of other kinds.
        SyntaxError,
        tokenize.TokenError,
        RuntimeError,
        OverflowError,
        MemoryError,
        pickle.UnpicklingError,
    ) as error:
        raise DataFormatError(
            f"{path}: is not a sparse matrix as scipy.sparse.save_npz writes it ({error}); "
            "damaged archives and pickled objects are refused."
        ) from error
    rows = matrix.tocoo().row
    wrong = ~np.isfinite(matrix.data)
    if wrong.any():
        raise DataFormatError(
            f"{path}: row {int(rows[wrong][0])} (from 0) holds a value that is not finite."
        )
    return matrix


def read_vocabulary(path: Path) -> np.ndarray:
    """Read a vocabulary, one term a line; blank lines and repeated terms are errors."""
    try:
        terms = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataFormatError(f"{path}: cannot be read as UTF-8 text ({error}).") from error
    lines: dict[str, int] = {}
    for line, term in enumerate(terms, start=1):
        if not term.strip():
            raise DataFormatError(f"{path}: line {line} is blank; each line names one term.")
        if term in lines:
            raise DataFormatError(f"{path}: lines {lines[term]} and {line} are both {term!r}.")
        lines[term] = line
    return np.array(terms, dtype=str)
