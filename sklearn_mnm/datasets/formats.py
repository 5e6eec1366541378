"""Load studies of any form, told by what a file or folder looks like."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from sklearn_mnm._tools.storage import as_path, reading
from sklearn_mnm.brain._deactivations import Points, check_points
from sklearn_mnm.datasets._joining import joined
from sklearn_mnm.datasets.database import is_release, load_database
from sklearn_mnm.datasets.peak_table import is_peak_table, load_table
from sklearn_mnm.datasets.pubget import is_pubget, load_pubget
from sklearn_mnm.datasets.sleuth import load_sleuth
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.datasets.studyset import Level, check_level, load_studyset
from sklearn_mnm.exceptions import DataFormatError, DataWarning, InvalidInputError

_TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".tab")
_SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".ods", ".numbers")
# The form decides what a row of these is.
_LEVELLED: dict[str, Callable[..., Studies]] = {
    "studyset": load_studyset,
    "sleuth": load_sleuth,
}
_PLAIN: dict[str, Callable[..., Studies]] = {
    "database": load_database,
    "pubget": load_pubget,
    "table": load_table,
}
# Forms that tell activations from deactivations.
_MARKED = ("studyset", "table")
#: Names of the forms, and what reads them.
FORMATS = {**_LEVELLED, **_PLAIN}


def load_studies(
    path: str | Path | Sequence[str | Path],
    *,
    format: str | None = None,
    level: Level | None = None,
    points: Points | None = None,
) -> Studies:
    """Load studies from a file or folder of any form that this package reads.

    Parameters
    ----------
    path : str, pathlib.Path or sequence of these
        Several make one corpus; an id that occurs again is followed by the name of its file. What
        a path is, is told by its looks: a folder of a NeuroQuery or Neurosynth release
        (:func:`load_database`), of pubget (:func:`load_pubget`) or of a Parquet studyset
        (:func:`load_studyset`); a file ``.json`` of a studyset, ``.txt`` of Sleuth
        (:func:`load_sleuth`), ``.csv``, ``.tsv``, or ``.txt`` whose first line names coordinates
        (:func:`load_table`).
    format : str, default=None
        Name of the form, where looks deceive: ``"database"``, ``"pubget"``, ``"sleuth"``,
        ``"studyset"`` or ``"table"``.
    level : {"study", "contrast"}, default=None
        What a row is, for studysets and Sleuth files. If None, use what these load by default.
    points : {"activations", "all"}, default=None
        Which points become peaks, for studysets and tables. If None, leave out deactivations and
        seeds.

    Returns
    -------
    studies : Studies
        See the function for the form.

    Raises
    ------
    DataFormatError
        If there is no such file, its form is none of these, or as that function says.
    InvalidInputError
        If `format` is unknown, `level` or `points` is given for a form that has none, or several
        sources cannot be put together, as ``Studies + Studies`` says.

    Warns
    -----
    DataWarning
        As that function says; of several sources also as ``Studies + Studies`` does, and if their
        rows are papers in some and contrasts in others.

    Examples
    --------
    >>> studies = load_studies("foci.txt", level="study")  # doctest: +SKIP
    >>> studies = load_studies(["memory.txt", "attention.txt"])  # doctest: +SKIP
    """
    if isinstance(path, str | os.PathLike):
        return _load(Path(path), format, level, points)[0]
    paths = [as_path(one, "path") for one in path]
    if not paths:
        raise InvalidInputError("path: holds no path; give at least one.")
    loaded = [_load(one, format, level, points) for one in paths]
    names = [one.name.split(".")[0] for one in paths]
    fields, notes = joined([part for part, _ in loaded], names)
    forms = {form for _, form in loaded}
    if level is None and forms >= {"sleuth", "studyset"}:
        notes.append(
            "rows are papers in some sources and contrasts in others; level=... makes them alike"
        )
    if notes:
        read = ", ".join(map(str, paths))
        warnings.warn(f"{'; '.join(notes)} (read from {read}).", DataWarning, stacklevel=2)
    return Studies(**fields)


def _load(
    path: Path, format: str | None, level: Level | None, points: Points | None
) -> tuple[Studies, str]:
    """Return the studies of one source, and its form."""
    name = guess_format(path) if format is None else format
    if name not in FORMATS:
        raise InvalidInputError(f"format={format!r}: choose one of {sorted(FORMATS)}.")
    options: dict[str, str] = {}
    if level is not None:
        check_level(level)
        if name not in _LEVELLED:
            raise InvalidInputError(
                f"level={level!r}: {path} has the form {name!r}, whose rows are what they are; "
                f"only {sorted(_LEVELLED)} have levels."
            )
        options["level"] = level
    if points is not None:
        check_points(points)
        if name not in _MARKED:
            raise InvalidInputError(
                f"points={points!r}: {path} has the form {name!r}, which does not mark "
                f"deactivations; only {_MARKED} do."
            )
        options["points"] = points
    return FORMATS[name](path, **options), name


def guess_format(path: Path) -> str:
    """Tell the form of a file or folder by its looks.

    Raises
    ------
    DataFormatError
        If it is none of them.
    """
    with reading(path):
        if not path.exists():
            raise DataFormatError(f"{path}: there is no such file or folder. Check the name.")
        form = _form_of_folder(path) if path.is_dir() else _form_of_file(path)
    if form is not None:
        return form
    raise DataFormatError(
        f"{path}: its form is not recognised. Expected a release of NeuroQuery or Neurosynth, a "
        "folder of pubget or of a Parquet studyset, or a file .json, .txt (Sleuth), .csv or .tsv; "
        "format=... names the form."
    )


def _form_of_folder(path: Path) -> str | None:
    if (path / "studies.parquet").is_file():
        return "studyset"
    if is_release(path):
        return "database"
    return "pubget" if is_pubget(path) else None


def _form_of_file(path: Path) -> str | None:
    name = path.name.lower()
    if name.endswith(".json"):
        return "studyset"
    if name.endswith((".txt", ".txt.gz")):
        return "table" if is_peak_table(path) else "sleuth"
    if name.endswith(_SPREADSHEETS):
        raise DataFormatError(
            f"{path}: is a file of a spreadsheet program. Save its sheet as CSV (UTF-8), with a "
            "row for each peak and columns id, x, y and z."
        )
    return "table" if name.endswith(_TABLES) else None
