"""Read tables that people made: with a spreadsheet, R, pandas or by hand."""

from __future__ import annotations

import csv
import gzip
import re
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd

from sklearn_mnm._tools.archives import check_gzip
from sklearn_mnm._tools.storage import reading
from sklearn_mnm.datasets._text_files import as_number, encoding_of
from sklearn_mnm.exceptions import DataFormatError

#: What R, pandas, spreadsheets and MATLAB write where there is nothing.
MISSING = ("NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NAN", "NULL", "null", "None", "<NA>")
_SEPARATORS = "\t,;"
_SEPARATOR_LINE = re.compile(r"sep=(.)", re.IGNORECASE)
# Lines among which that of the column names is looked for.
_SEARCHED = 40
# Of the fields of the standard library's reader, which stops at 128 KiB.
_LARGEST_FIELD = 2**31 - 1


@dataclass(frozen=True)
class Layout:
    """Where in a file the table is.

    Attributes
    ----------
    encoding, separator : str
    n_skipped : int
        Lines above that of the column names.
    header : list of str
        Column names as they are written.
    """

    encoding: str
    separator: str
    n_skipped: int
    header: list[str]


@dataclass(frozen=True)
class Sheet:
    """A table with what is needed to say where in its file something is.

    Attributes
    ----------
    path : pathlib.Path
    layout : Layout
    table : pandas.DataFrame
        Columns as the file calls them; the index numbers the records of the file.
    notes : list of str
        What was left out, with counts.
    """

    path: Path
    layout: Layout
    table: pd.DataFrame
    notes: list[str]

    def line(self, row: int) -> int:
        """Return the line, as an editor counts, on which a row of the table starts."""
        return _record_line(self.path, int(self.table.index[row]), self.layout)

    def lines(self, are_meant: pd.Series) -> str:
        """Return the first lines on which such rows start, in words."""
        return " and ".join(str(self.line(int(row))) for row in np.flatnonzero(are_meant)[:3])


def read_spreadsheet(path: Path, is_header: Callable[[Sequence[str]], bool], **types: Any) -> Sheet:
    """Read a table, whatever program wrote it.

    Parameters
    ----------
    path : pathlib.Path
        UTF-8, or UTF-16 with its mark, gzipped if its name ends in ``.gz``; tabs, commas or
        semicolons between columns. A line ``sep=;`` may come first. Rows and columns without
        anything are skipped.
    is_header : callable
        Whether a list of names are those of the columns that are looked for.
    **types
        Of columns whose names are these in lower case.

    Raises
    ------
    DataFormatError
        If the file cannot be read, other lines stand above the column names, a row has more
        fields than there are names, or a column has values but no name.
    """
    try:
        with reading(path):
            path.stat()
        if path.suffix.lower() == ".gz":
            check_gzip(path)
        layout = find_layout(path, is_header)
        table = _read(path, layout, types)
    except (EOFError, OSError, zlib.error) as error:
        is_gzip = path.suffix.lower() == ".gz"
        raise DataFormatError(
            f"{path}: cannot be decompressed ({error}); the file is truncated or damaged, "
            "download it again."
            if is_gzip and not isinstance(error, FileNotFoundError | PermissionError)
            else f"{path}: cannot be read ({error}). Check the name, and who may read it."
        ) from error
    except (UnicodeError, csv.Error, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise DataFormatError(
            f"{path}: is not a table in UTF-8, separated by tabs, commas or semicolons ({error}). "
            f"{_remedy(path, error)}"
        ) from error
    if layout.header:
        table = table[table.notna().any(axis=1)]
    table, notes = _without_unnamed(path, layout, table)
    return Sheet(path, layout, table, notes)


def find_layout(path: Path, is_header: Callable[[Sequence[str]], bool]) -> Layout:
    """Find the line of column names and what separates columns."""
    encoding = _encoding(path)
    with _open_text(path, encoding) as stream:
        lines = [line for line, _ in zip(stream, range(_SEARCHED), strict=False)]
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is None:
        raise DataFormatError(f"{path}: is empty; a line with column names is needed.")
    separators = _SEPARATORS
    if found := _SEPARATOR_LINE.fullmatch(lines[first].strip("\r\n").strip('"')):
        separators, first = found[1], first + 1
    names = {}
    for number in range(first, len(lines)):
        for separator in separators:
            fields = [
                name.strip() for name in next(csv.reader([lines[number]], delimiter=separator))
            ]
            if len(fields) > 1 and is_header(fields):
                names[number] = Layout(encoding, separator, number, fields)
                break
        if names:
            break
    if first in names:
        return names[first]
    line = lines[first] if first < len(lines) else ""
    if names:
        (number,) = names
        spm = line.lower().replace('"', "").startswith("set") and number == first + 1
        raise DataFormatError(
            f"{path}: line {number + 1} names the columns, but line {first + 1} above it, "
            f"{line.strip()[:60]!r}, is not part of the table"
            + (
                ": the file has two header lines, as SPM writes them. Remove the first, give "
                "columns that share a name names of their own, and add a column 'id'."
                if spm
                else ". Remove what stands above the column names."
            )
        )
    separator = next((candidate for candidate in separators if candidate in line), "\t")
    header = next(csv.reader([line], delimiter=separator), [])
    return Layout(encoding, separator, first, [name.strip() for name in header])


def _open_text(path: Path, encoding: str = "utf-8-sig") -> TextIO:
    """Open a text file, gzipped or not, its line ends as they are."""
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding=encoding, newline="")
    return path.open(encoding=encoding, newline="")


def _record_line(path: Path, record: int, layout: Layout) -> int:
    """Return the line, as an editor counts, on which a record of a table starts.

    Quoted fields may span several lines and blank ones are skipped, so the file is read once
    more, which is fine for an error message.
    """
    with _open_text(path, layout.encoding) as stream, _large_fields():
        reader = csv.reader(stream, delimiter=layout.separator)
        for _ in range(layout.n_skipped + 1):
            next(reader, None)
        start = reader.line_num + 1
        try:
            for fields in reader:
                if fields and (len(fields) > 1 or fields[0].strip()):
                    if record == 0:
                        return start
                    record -= 1
                start = reader.line_num + 1
        except csv.Error:  # of what only pandas can read
            pass
    return start + record


@contextmanager
def _large_fields() -> Iterator[None]:
    """Let the standard library read fields of any size."""
    before = csv.field_size_limit(_LARGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _encoding(path: Path) -> str:
    return "utf-8-sig" if path.suffix.lower() == ".gz" else encoding_of(path)


def _read(path: Path, layout: Layout, types: dict[str, Any]) -> pd.DataFrame:
    """Read all below the column names; columns without one are numbered from 0."""
    names: list[Any] = [name or number for number, name in enumerate(layout.header)]
    if len(set(names)) < len(names):
        raise DataFormatError(
            f"{path}: line {layout.n_skipped + 1} names a column twice: {layout.header}. Give each "
            "a name of its own."
        )
    with warnings.catch_warnings():
        # pandas would cut surplus fields of the first line off with a mere warning.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            return pd.read_csv(
                path,
                sep=layout.separator,
                encoding=layout.encoding,
                compression="gzip" if path.suffix.lower() == ".gz" else None,
                header=None,
                names=names,
                skiprows=layout.n_skipped + 1,
                dtype={
                    name: types[str(name).lower()] for name in names if str(name).lower() in types
                },
                keep_default_na=False,
                na_values=[""],
                index_col=False,
                low_memory=False,
            )
        except pd.errors.EmptyDataError:
            return pd.DataFrame(columns=names)
        except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
            _check_lengths(path, layout)
            raise error


def _check_lengths(path: Path, layout: Layout) -> None:
    """Raise DataFormatError if a row has more fields than there are names."""
    n_names = len(layout.header)
    with _open_text(path, layout.encoding) as stream, _large_fields():
        reader = csv.reader(stream, delimiter=layout.separator)
        for _ in range(layout.n_skipped + 1):
            next(reader, None)
        for fields in reader:
            if len(fields) > n_names:
                raise DataFormatError(
                    f"{path}: line {reader.line_num} has {len(fields)} fields but line "
                    f"{layout.n_skipped + 1} names {n_names} columns. Put quotation marks around "
                    f"fields that hold {layout.separator!r}, and name all columns (R: row.names = "
                    "FALSE)."
                )


def _without_unnamed(
    path: Path, layout: Layout, table: pd.DataFrame
) -> tuple[pd.DataFrame, list[str]]:
    """Leave out columns without a name: empty ones, and the row numbers of R and pandas."""
    notes = []
    for column in [name for name in table.columns if isinstance(name, int)]:
        values = table[column]
        if values.notna().any():
            numbers = pd.to_numeric(values, errors="coerce")
            if column != 0 or not (numbers.diff().dropna() == 1).all() or numbers.isna().any():
                row = int(np.flatnonzero(values.notna())[0])
                line = _record_line(path, int(table.index[row]), layout)
                raise DataFormatError(
                    f"{path}: column {int(column) + 1} has no name in line {layout.n_skipped + 1} "
                    f"but holds {values.iloc[row]!r} in line {line}. Name it, or take it out."
                )
            notes.append("a column of row numbers without a name is left out")
        table = table.drop(columns=column)
    return table, notes


def _remedy(path: Path, error: Exception) -> str:
    if not isinstance(error, UnicodeDecodeError):
        return "Save it again as CSV."
    line = ""
    if path.suffix.lower() != ".gz":
        content = path.read_bytes()
        for number, part in enumerate(content.splitlines(), start=1):
            try:
                part.decode("utf-8")
            except UnicodeDecodeError:
                line = f"Line {number} is in another encoding. "
                break
    return f"{line}Save it as CSV UTF-8."


def without_missing(table: pd.DataFrame, numeric: Sequence[str]) -> pd.DataFrame:
    """Take the words of programs for nothing as missing, where a column of numbers holds some.

    Elsewhere "NA" may be a title.
    """
    words = [name for name in table.columns if not pd.api.types.is_numeric_dtype(table[name])]
    if not any(table[name].isin(MISSING).any() for name in words if name in numeric):
        return table
    marked = {name: table[name].isin(MISSING) for name in words}
    cleared = table.copy()
    for name, where in marked.items():
        if where.any():
            column = table[name].mask(where)
            cleared[name] = _numbers_if_all(column)
    return cleared


def _numbers_if_all(column: pd.Series) -> pd.Series:
    try:
        return pd.to_numeric(column)
    except (TypeError, ValueError):
        return column


def numbers_of(column: pd.Series) -> pd.Series:
    """Return a column as floats if all that it holds are numbers, else as it is."""
    if column.dtype.kind in "uif":
        return column
    try:
        return column.map(lambda value: as_number(str(value)), na_action="ignore").astype(float)
    except ValueError:
        return column
