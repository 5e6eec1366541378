"""Read a studyset from Parquet or NiMADS JSON into the same four tables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from sklearn_mnm._tools.archives import check_json
from sklearn_mnm._tools.dependencies import import_optional
from sklearn_mnm._tools.storage import reading
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
#: Kinds of values of points, by the columns that NiMARE makes of them.
VALUE_KINDS = {
    "z_stat": "Z",
    "t_stat": "T",
    "p": "p",
    "beta": "beta",
    "variance": "variance",
    "se": "SE",
}
_STATISTICS = {kind: column for column, kind in VALUE_KINDS.items()}
#: What NeuroStore tells of a point beside its place, and becomes a column where it is told.
POINT_FIELDS = (
    "label_id",
    "image",
    "deactivation",
    "is_seed",
    "cluster_size",
    "cluster_measurement_unit",
    "subpeak",
    "order",
)
#: Before names of metadata of a contrast that are lists with a value for each point.
OF_POINTS = "coordinate_"


@dataclass(frozen=True)
class StudysetTables:
    """A studyset as tables; `source` names the file, folder or object in messages.

    ``studies`` has one row per paper (``study_id``, ``name``, maybe ``description``),
    ``analyses``, ``metadata`` and ``texts`` one per contrast (``id`` unique over the studyset,
    ``study_id``), ``coordinates`` one per peak (``id`` of the contrast, ``x``, ``y``, ``z``,
    maybe ``space`` and statistics). `notes` say what was left out, with counts.
    """

    source: Path | str
    studies: pd.DataFrame
    analyses: pd.DataFrame
    coordinates: pd.DataFrame
    metadata: pd.DataFrame
    texts: pd.DataFrame
    notes: tuple[str, ...] = ()


def read_studyset(path: Path) -> StudysetTables:
    """Read a folder of Parquet files or a NiMADS JSON file and check that it hangs together."""
    with reading(path):
        is_folder = path.is_dir()
    if not is_folder:
        return tables_from_nimads(read_json(path), path)
    return _checked(_read_parquet(path))


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
    studyset = _with_studies(studyset)
    if not isinstance(studyset, dict) or not isinstance(studyset.get("studies"), list):
        raise DataFormatError(
            f"{source}: is not a NiMADS studyset; it has no list 'studies'.{_advice(studyset)}"
        )
    rows = empty_rows()
    for number, study in enumerate(studyset["studies"], start=1):
        _check_nested(study, f"{source}: study {number} (from 1)")
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
    frames: dict[str, Any] = {}
    for name, required in _REQUIRED.items():
        try:
            frame = pd.DataFrame(rows[name])
        except OverflowError as error:  # pandas 2.2, of integers beyond floats
            raise DataFormatError(
                f"{source}: {name}: {error}; coordinates must be finite numbers in mm."
            ) from error
        frames[name] = frame.reindex(columns=_columns(rows[name], required))
    return _checked(StudysetTables(source=source, **frames))


def _with_studies(document: Any) -> Any:
    """Return a studyset also where a list of studies, or one study, stands for it."""
    studies = document if isinstance(document, list) else [document]
    if studies and all(isinstance(study, dict) and "analyses" in study for study in studies):
        return {"studies": studies}
    return document


def _advice(document: Any) -> str:
    """Say what a JSON file is that is no studyset, if it is known."""
    if not isinstance(document, dict):
        return ""
    if "results" in document:
        return " It is a page of answers of NeuroStore; save one of its 'results'."
    if document and all(isinstance(p, dict) and "contrasts" in p for p in document.values()):
        return (
            " It is a Dataset, the older form of NiMARE, which makes a Studyset of it for "
            "from_nimare: nimare.nimads.Studyset.from_dataset(nimare.dataset.Dataset(path))."
        )
    return ""


def _check_nested(entry: Any, what: str) -> None:
    """Refuse an id in place of what it stands for, as NeuroStore gives it by default."""
    if isinstance(entry, str):
        raise DataFormatError(
            f"{what} is {entry!r}, its id only. Download the studyset with all that belongs to it: "
            "https://neurostore.org/api/studysets/<id>?nested=true."
        )


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
    tables: dict[str, Any] = {}
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
        _check_nested(analysis, f"a contrast of study {study_id}")
        keys = contrast_keys(study_id, str(analysis["id"]))
        described = {"description": analysis["description"]} if analysis.get("description") else {}
        rows["analyses"].append({**keys, "name": analysis.get("name"), **described})
        points = list(_points(analysis, keys))
        metadata = {**(analysis.get("metadata") or {})}
        for name in [name for name in metadata if str(name).startswith(OF_POINTS)]:
            # NiMARE's way to keep what it knows of points.
            if isinstance(metadata[name], list) and len(metadata[name]) == len(points):
                for point, value in zip(points, metadata.pop(name), strict=True):
                    point[str(name).removeprefix(OF_POINTS)] = value
        rows["metadata"].append({**metadata, **keys})
        rows["texts"].append({**(analysis.get("texts") or {}), **keys})
        rows["coordinates"].extend(points)


def _points(analysis: dict[str, Any], keys: dict[str, str]) -> Iterator[dict[str, Any]]:
    for point in analysis.get("points") or []:
        _check_nested(point, f"a point of contrast {keys['id']}")
        coordinates = point.get("coordinates") or [point.get(axis) for axis in "xyz"]
        if len(coordinates) != 3:
            raise TypeError(f"contrast {keys['id']} has a point with coordinates {coordinates}")
        statistics = {
            statistic_column(value.get("kind")): value.get("value")
            for value in point.get("values") or []
        }
        yield {
            **keys,
            **dict(zip("xyz", coordinates, strict=True)),
            "space": point.get("space"),
            "kind": point.get("kind"),
            **{name: point[name] for name in POINT_FIELDS if point.get(name) is not None},
            **statistics,
        }


def statistic_column(kind: Any) -> str:
    """Return the column of peaks for a kind of value, the name that NiMARE gives it."""
    return _STATISTICS.get(kind) or f"value_{kind or 'other'}"


def _columns(rows: list[dict[str, Any]], required: list[str]) -> list[str]:
    """Return the required columns, then all others in the order in which they turn up."""
    return list(dict.fromkeys([*required, *(key for row in rows for key in row)]))


def _checked(tables: StudysetTables) -> StudysetTables:
    """Check that tables hang together; leave out points without any coordinate."""
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
    nowhere = tables.coordinates[["x", "y", "z"]].isna().all(axis=1)
    if nowhere.any():
        note = f"{nowhere.sum()} of {len(nowhere)} points have no coordinates and are left out"
        kept = tables.coordinates[~nowhere]
        tables = replace(tables, coordinates=kept, notes=(*tables.notes, note))
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
    return tables
