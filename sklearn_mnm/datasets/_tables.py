"""Read the files of a release and say which file and line is at fault."""

from __future__ import annotations

import math
import pickle
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from sklearn_mnm._tools.archives import check_zip
from sklearn_mnm.datasets._spreadsheets import Sheet, read_spreadsheet
from sklearn_mnm.datasets._text_files import as_number
from sklearn_mnm.exceptions import DataFormatError

# Of a matrix of counts; a row takes memory even if it is empty.
_MOST_ROWS = 10**8


def read_table(path: Path, *, required: Sequence[str], key: str = "id") -> Sheet:
    """Read a table whose key column is text.

    Parameters
    ----------
    path : pathlib.Path
        UTF-8, gzipped if its name says so, first line = column names, separated by tabs, commas
        or semicolons: by what stands in that line.
    required : sequence of str
        Columns that must be there.
    key : str, default="id"
        Column that names the study and may not be empty; called ``id`` in what comes back.

    Returns
    -------
    sheet : Sheet
        One row per record; only empty fields count as missing, since "NA" may be a title.

    Raises
    ------
    DataFormatError
        If the file cannot be decompressed, decoded or parsed, or a column is missing.
    """
    sheet = read_spreadsheet(path, lambda names: True, **{key: str})
    table = sheet.table
    missing = [name for name in dict.fromkeys([key, *required]) if name not in table.columns]
    if missing:
        raise DataFormatError(
            f"{path}: missing column(s) {missing} in line 1; it has {list(table.columns)}."
        )
    no_key = table[key].isna().to_numpy()
    if no_key.any():
        raise DataFormatError(f"{path}: line {sheet.line(int(no_key.argmax()))} has no {key}.")
    return replace(sheet, table=table.rename(columns={key: "id"}))


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


def check_unique_ids(sheet: Sheet) -> None:
    """Raise DataFormatError if the column ``id`` of a table repeats a value."""
    ids = sheet.table["id"]
    repeated = ids[ids.duplicated(keep=False)]
    if len(repeated):
        raise DataFormatError(
            f"{sheet.path}: id {repeated.iloc[0]} occurs in lines "
            f"{sheet.lines(ids == repeated.iloc[0])} ({repeated.nunique()} ids occur more than "
            "once); ids must be unique."
        )


def with_coordinates(
    table: pd.DataFrame, sheet: Sheet, located: np.ndarray | None = None
) -> pd.DataFrame:
    """Return a table with x, y and z as floats, which must be finite in all rows of a place.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows and columns are where they are in `sheet`.
    sheet : Sheet
        As the file has them.
    located : ndarray of bool or None, shape (n_rows,), default=None
        Which rows have a place; None if all have one.

    Raises
    ------
    DataFormatError
        If a coordinate is none; the message names the line.
    """
    numbers = {name: as_numbers(table[name]) for name in ("x", "y", "z")}
    for name, values in numbers.items():
        wrong = ~np.isfinite(values.to_numpy())
        wrong = np.flatnonzero(wrong if located is None else wrong & located)
        if len(wrong):
            row = int(wrong[0])
            value: Any = sheet.table.iloc[row, list(table.columns).index(name)]
            shown = "an empty field" if pd.isna(value) else repr(str(value)[:60])
            raise DataFormatError(
                f"{sheet.path}: line {sheet.line(row)} (id {table['id'].iloc[row]}) has {shown} as "
                f"coordinate {name} ({len(wrong)} such rows); coordinates must be finite numbers "
                "in mm."
            )
    return table.assign(**numbers)


def check_known_ids(sheet: Sheet, ids: pd.Index, ids_path: Path) -> None:
    """Raise DataFormatError if a peak belongs to a study that the metadata do not list."""
    unknown = np.flatnonzero(ids.get_indexer(pd.Index(sheet.table["id"])) < 0)
    if len(unknown):
        row = int(unknown[0])
        raise DataFormatError(
            f"{sheet.path}: line {sheet.line(row)} has a peak of study "
            f"{sheet.table['id'].iloc[row]}, which {ids_path.name} does not list "
            f"({len(unknown)} such peaks)."
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
