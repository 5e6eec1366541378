"""Read text files as editors and spreadsheets write them, and the numbers in them."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from sklearn_mnm._tools.storage import reading
from sklearn_mnm.exceptions import DataFormatError

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# The minus sign of typesetters, dashes, hyphens that do not break, and wide signs.
_SIGNS = str.maketrans(dict.fromkeys("\N{MINUS SIGN}‒–—‐‑﹣－", "-") | {"＋": "+"})  # noqa: RUF001
_DECIMAL_COMMA = re.compile(r"[-+]?\d{1,3},\d+")
_LEADING = (
    r"\s*(?:n\s*[=:]\s*)?(\d{1,9})(?:\.0+)?\s*(?:subjects?|participants?|persons?|people)?\s*"
)
# What is between brackets divides the group, as in "24 (12 F)" or "30 (15 women, 15 men)".
_SEXES = r"(?:f|m|females?|males?|wom[ae]n|m[ae]n|girls?|boys?|and)"
_DIVIDED = rf"(?:[(\[][\d\s.,:;/%+-]*(?:\b{_SEXES}\b[\d\s.,:;/%+-]*)+[)\]])?\s*"
_SIZE = re.compile(_LEADING + _DIVIDED, re.IGNORECASE)


def encoding_of(path: Path) -> str:
    """Return the encoding of a text file by its first bytes: UTF-8, or UTF-16 with its mark."""
    with path.open("rb") as stream:
        start = stream.read(3)
    return next((name for mark, name in _MARKS.items() if start.startswith(mark)), "utf-8-sig")


def read_lines(path: Path) -> list[str]:
    """Read the lines of a text file.

    Parameters
    ----------
    path : pathlib.Path
        UTF-8, or UTF-16 with its mark, as spreadsheets write "Unicode text".

    Raises
    ------
    DataFormatError
        If the file cannot be read, or a line is in another encoding; the message names it.
    """
    with reading(path):
        encoding = encoding_of(path)
        content = path.read_bytes()
    try:
        return content.decode(encoding).splitlines()
    except UnicodeDecodeError as error:
        line = len(content[: error.start].splitlines()) or 1
        raise DataFormatError(
            f"{path}: cannot be read as UTF-8 text (line {line}: {error}). Save it as UTF-8."
        ) from error


def as_number(text: str) -> float:
    """Turn what a person or a spreadsheet wrote into a number; ValueError if it is none.

    Signs other than the hyphen are taken, and a comma before decimals.
    """
    plain = text.translate(_SIGNS).strip().replace("\N{NO-BREAK SPACE}", "")
    if _DECIMAL_COMMA.fullmatch(plain):
        plain = plain.replace(",", ".")
    if "_" in plain:
        raise ValueError(f"{text!r} is no number")
    return float(plain)


def as_sample_size(text: str) -> int | None:
    """Read a number of participants such as "24", "n=30" or "24 (12 F)"; None if it is none."""
    found = _SIZE.fullmatch(text)
    return int(found[1]) or None if found else None
