"""Read the tables of ontologies, every field as text."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sklearn_mnm.exceptions import DataFormatError

# UTF-8 of two to four bytes that was read as Latin-1, which turns "’" into "â\x80\x99".
_MISREAD = re.compile("[\u00c2-\u00f4][\u0080-\u00bf]{1,3}")


def read_strings(
    path: Path, required: Sequence[str], *, separator: str, remedy: str
) -> pd.DataFrame:
    """Return the table of a file, entities decoded.

    Parameters
    ----------
    path : pathlib.Path
        UTF-8, first line = column names.
    required : sequence of str
        Columns that must be there; others are returned as well.
    separator : str
        What stands between fields: a comma or a tab.
    remedy : str
        Where such a file comes from, for the message if it cannot be read.

    Returns
    -------
    table : pandas.DataFrame of str

    Raises
    ------
    DataFormatError
        If the file cannot be read or lacks a column.
    """
    kind = "CSV" if separator == "," else "a table with tabs"
    try:
        # Strings throughout: a name such as "null" or "nan" is no missing value.
        table = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise DataFormatError(f"{path}: cannot be read as {kind} ({error}); {remedy}.") from error
    missing = [column for column in required if column not in table.columns]
    if missing:
        raise DataFormatError(f"{path}: missing column(s) {missing}; it has {list(table)}.")
    return table.apply(lambda column: column.map(readable))


def readable(text: str) -> str:
    """Return text with its HTML entities decoded and UTF-8 that was read as Latin-1 mended."""
    return _MISREAD.sub(_reread, html.unescape(text))


def _reread(match: re.Match[str]) -> str:
    try:
        return match.group().encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return match.group()
