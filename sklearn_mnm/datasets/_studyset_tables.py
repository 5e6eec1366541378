"""Read a studyset from Parquet or NiMADS JSON into the same four tables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sklearn_mnm._bombs import check_json
from sklearn_mnm._dependencies import import_optional
from sklearn_mnm._storage import reading
from sklearn_mnm.datasets._tables import as_numbers
from sklearn_mnm.exceptions import DataFormatError

# What may be half of a character in JSON, or one of its two halves.
_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")
# Columns that each table has at least; the Parquet files carry more.
_REQUIRED = {
    "studies": ["study_id", "name"],
    "analyses": ["id", "study_id", "name"],
    "coordinates": ["id", "x", "y", "z"],
    "metadata": ["id", "study_id"],
    "texts": ["id", "study_id"],
}


@dataclass(frozen=True)
class StudysetTables:
    """A studyset as tables; `source` names the file, folder or object in messages.

    ``studies`` has one row per paper (``study_id``, ``name``, maybe ``description``),
    ``analyses``, ``metadata`` and ``texts`` one per contrast (``id`` unique over the studyset,
    ``study_id``), ``coordinates`` one per peak (``id`` of the contrast, ``x``, ``y``, ``z``,
    maybe ``space`` and statistics).
    """

    source: Path | str
    studies: pd.DataFrame
    analyses: pd.DataFrame
    coordinates: pd.DataFrame
    metadata: pd.DataFrame
    texts: pd.DataFrame


def read_studyset(path: Path) -> StudysetTables:
    """Read a folder of Parquet files or a NiMADS JSON file and check that it hangs together."""
    with reading(path):
        is_folder = path.is_dir()
    if not is_folder:
        return tables_from_nimads(read_json(path), path)
    tables = _read_parquet(path)
    _check(tables)
    return tables


def read_json(path: Path) -> Any:
    """Read a JSON file, whatever it holds."""
    try:
        with reading(path):
            check_json(path)
            content = path.read_text(encoding="utf-8-sig")
        document = json.loads(content)
        if _HALF_PAIR.search(content):
            json.dumps(document, ensure_ascii=False).encode("utf-8")
        return document
    except DataFormatError:
        raise
    except UnicodeEncodeError as error:
        raise DataFormatError(
            f"{path}: holds half of a surrogate pair, {error.object[error.start]!r}, which is no "
            "character. Take it out, or write the character whole."
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataFormatError(
            f"{path}: cannot be read as JSON ({error}). Check the file, or write it again."
        ) from error


def tables_from_nimads(studyset: Any, source: Path | str) -> StudysetTables:
    """Turn a NiMADS document into tables and check that it hangs together."""
    if not isinstance(studyset, dict) or not isinstance(studyset.get("studies"), list):
        raise DataFormatError(f"{source}: is not a NiMADS studyset; it has no list 'studies'.")
    rows = empty_rows()
    for number, study in enumerate(studyset["studies"], start=1):
        try:
            _add_study(rows, study)
        except (KeyError, TypeError, AttributeError) as error:
            raise DataFormatError(
                f"{source}: study {number} (from 1) does not have the NiMADS form "
                f"({type(error).__name__}: {error})."
            ) from error
    return tables_from_rows(rows, source)


def empty_rows() -> dict[str, list[dict[str, Any]]]:
    """Return a list of rows for each of the tables of a studyset, to be filled."""
    return {name: [] for name in _REQUIRED}


def tables_from_rows(rows: dict[str, list[dict[str, Any]]], source: Path | str) -> StudysetTables:
    """Make the tables of a studyset of their rows and check that they hang together."""
    frames = {}
    for name, required in _REQUIRED.items():
        try:
            frame = pd.DataFrame(rows[name])
        except OverflowError as error:  # pandas 2.2, of integers beyond floats
            raise DataFormatError(
                f"{source}: {name}: {error}; coordinates must be finite numbers in mm."
            ) from error
        frames[name] = frame.reindex(columns=_columns(rows[name], required))
    tables = StudysetTables(source=source, **frames)
    _check(tables)
    return tables


def contrast_keys(study_id: str, contrast_id: str) -> dict[str, str]:
    """Return what all rows of a contrast carry."""
    return {
        "id": f"{study_id}-{contrast_id}",
        "study_id": study_id,
        "contrast_id": contrast_id,
    }


def _read_parquet(folder: Path) -> StudysetTables:
    if not (folder / "studies.parquet").is_file():
        raise DataFormatError(f"{folder}: holds no studies.parquet; it is not a studyset.")
    import_optional("pyarrow", extra="nimare", purpose="Reading a Parquet studyset")
    tables = {}
    for name, required in _REQUIRED.items():
        path = folder / f"{name}.parquet"
        if not path.is_file() and name in ("metadata", "texts"):
            tables[name] = pd.DataFrame(columns=required)
            continue
        try:
            table = pd.read_parquet(path, engine="pyarrow")
        # Of pyarrow, those that do not derive from built-in errors included.
        except Exception as error:
            raise DataFormatError(
                f"{path}: cannot be read as Parquet ({error}). Fetch or write it again."
            ) from error
        missing = [column for column in required if column not in table.columns]
        if missing:
            raise DataFormatError(
                f"{path}: missing column(s) {missing}; it has {list(table.columns)[:12]}."
            )
        tables[name] = table
    return StudysetTables(source=folder, **tables)


def _add_study(rows: dict[str, list[dict[str, Any]]], study: dict[str, Any]) -> None:
    """Append the rows of one study to each table."""
    study_id = str(study["id"])
    # The study's own fields win over entries of the same name in its metadata.
    fields = {**(study.get("metadata") or {}), **study, "study_id": study_id}
    for name in ("id", "analyses", "metadata"):
        fields.pop(name, None)
    rows["studies"].append(fields)
    for analysis in study.get("analyses") or []:
        keys = contrast_keys(study_id, str(analysis["id"]))
        rows["analyses"].append({**keys, "name": analysis.get("name")})
        rows["metadata"].append({**(analysis.get("metadata") or {}), **keys})
        rows["texts"].append({**(analysis.get("texts") or {}), **keys})
        rows["coordinates"].extend(_points(analysis, keys))


def _points(analysis: dict[str, Any], keys: dict[str, str]) -> Iterator[dict[str, Any]]:
    for point in analysis.get("points") or []:
        coordinates = point.get("coordinates") or [point.get(axis) for axis in "xyz"]
        if len(coordinates) != 3:
            raise TypeError(f"contrast {keys['id']} has a point with coordinates {coordinates}")
        statistics = {
            f"value_{value.get('kind') or 'other'}": value.get("value")
            for value in point.get("values") or []
        }
        yield {
            **keys,
            **dict(zip("xyz", coordinates, strict=True)),
            "space": point.get("space"),
            "kind": point.get("kind"),
            **statistics,
        }


def _columns(rows: list[dict[str, Any]], required: list[str]) -> list[str]:
    """Return the required columns, then all others in the order in which they turn up."""
    return list(dict.fromkeys([*required, *(key for row in rows for key in row)]))


def _check(tables: StudysetTables) -> None:
    source = tables.source
    for table, column in (("studies", "study_id"), ("analyses", "id")):
        values = getattr(tables, table)[column]
        if values.duplicated().any():
            first = values[values.duplicated()].iloc[0]
            rows = values.index[values == first].tolist()
            raise DataFormatError(f"{source}: {table} rows {rows} share the {column} {first!r}.")
    for table, column, known in (
        ("analyses", "study_id", tables.studies["study_id"]),
        ("coordinates", "id", tables.analyses["id"]),
    ):
        values = getattr(tables, table)[column]
        unknown = ~values.isin(known)
        if unknown.any():
            raise DataFormatError(
                f"{source}: {table} row {unknown.idxmax()} refers to {column} "
                f"{values[unknown].iloc[0]!r}, which does not exist ({unknown.sum()} such rows)."
            )
    coordinates = tables.coordinates
    numbers = coordinates[["x", "y", "z"]].apply(as_numbers)
    wrong = ~(numbers.abs() < float("inf")).all(axis=1)
    if wrong.any():
        row: Any = wrong.idxmax()
        raise DataFormatError(
            f"{source}: coordinates row {row} (contrast {coordinates.loc[row, 'id']}) is "
            f"{coordinates.loc[row, ['x', 'y', 'z']].tolist()} ({wrong.sum()} such rows); "
            "coordinates must be finite numbers in mm."
        )
