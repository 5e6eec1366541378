"""What is written about the images of a folder, and which of them are no maps of activation."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pandas as pd

from sklearn_mnm.brain.image_files import open_image
from sklearn_mnm.datasets._spreadsheets import read_spreadsheet
from sklearn_mnm.datasets._studyset_tables import read_json
from sklearn_mnm.exceptions import DataFormatError

_SUFFIXES = (".nii", ".nii.gz")
_TABLES = ("metadata.csv", "metadata.tsv", "images.csv", "images.tsv")
_ROWS = ("metadata.json", "images.json")
_HUMAN = ("", "homo sapiens", "human")
_ADDRESS = ("http://", "https://", "ftp://", "s3://", "file://")


def read_records(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield what is known of each image of a folder; ``file`` is its path."""
    named = {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_file()}
    if tables := [named[name] for name in _TABLES if name in named]:
        yield from _records_of_table(tables[0])
        return
    if rows := [named[name] for name in _ROWS if name in named]:
        yield from _records_of_rows(rows[0])
        return
    paths = sorted(folder.rglob("*_metadata.json"))
    paths = [path for path in paths if path.name != "collection_metadata.json"]
    if not paths:
        raise DataFormatError(
            f"{folder}: holds no metadata; expected {_TABLES[0]} with a column 'file', or files "
            "image_<number>_metadata.json as nilearn's fetch_neurovault writes them."
        )
    for path in paths:
        record = read_json(path)
        if not isinstance(record, dict):
            raise DataFormatError(f"{path}: does not hold the metadata of an image.")
        stem = path.name.removesuffix("_metadata.json")
        files = [path.with_name(stem + suffix) for suffix in _SUFFIXES]
        file = next((name for name in files if name.is_file()), files[-1])
        collection = record.get("collection_id", path.parent.name)
        yield {"id": stem, "collection_id": collection, **record, "file": str(file)}


def _records_of_table(path: Path) -> Iterator[dict[str, Any]]:
    sheet = read_spreadsheet(path, lambda names: "file" in [name.lower() for name in names])
    names = [str(name).strip().lower() for name in sheet.table.columns]
    line = sheet.layout.n_skipped + 1
    if "file" not in names:
        raise DataFormatError(
            f"{path}: missing column(s) ['file'] in line {line}; it has {names}. Call the column "
            "with the names of the images so."
        )
    if len(set(names)) < len(names):
        raise DataFormatError(f"{path}: line {line} names a column twice: {names}.")
    table = sheet.table.set_axis(names, axis=1)
    seen: dict[str, int] = {}
    for number, record in enumerate(table.to_dict("records")):
        known = {str(name): value for name, value in record.items() if not pd.isna(value)}
        yield _placed(path, lambda row: f"line {sheet.line(row)}", number, known, seen)


def _records_of_rows(path: Path) -> Iterator[dict[str, Any]]:
    document = read_json(path)
    if isinstance(document, dict):
        document = document.get("results", document.get("images"))
    if not isinstance(document, list) or not all(isinstance(row, dict) for row in document):
        raise DataFormatError(
            f"{path}: expected a list of images, or an object with the list 'results', as "
            "NeuroVault's API gives it."
        )
    seen: dict[str, int] = {}
    for number, record in enumerate(document):
        known = {str(name): value for name, value in record.items() if value is not None}
        yield _placed(path, lambda row: f"image {row + 1} (from 1)", number, known, seen)


def _placed(
    path: Path,
    where: Callable[[int], str],
    number: int,
    known: dict[str, Any],
    seen: dict[str, int],
) -> dict[str, Any]:
    """Return a record with the path of its image, which no other has."""
    given = str(known.get("file", "")).strip()
    if "\\" in given and not (path.parent / given).is_file():
        given = given.replace("\\", "/")  # as Windows writes paths
    if not given:
        raise DataFormatError(f"{path}: {where(number)} has no file.")
    record = {"id": str(number), "collection_id": known.get("study_id", number), **known}
    if given.startswith(_ADDRESS):
        record |= {"file_address": given, "file": str(_beside(path.parent, record, given))}
    elif _is_outside(path, given):
        raise DataFormatError(
            f"{path}: {where(number)} names the image {given!r}, which is not in the folder. Copy "
            "it there."
        )
    else:
        record["file"] = str(path.parent / given)
    if record["file"] in seen:
        raise DataFormatError(
            f"{path}: {where(seen[record['file']])} and {where(number)} name one image, "
            f"{record['file']}. Keep images of the same name in folders collection_<number>."
        )
    seen[record["file"]] = number
    return record


def _is_outside(path: Path, given: str) -> bool:
    inside = os.path.relpath(path.parent / given, path.parent)
    return inside.startswith("..") or os.path.isabs(given)


def _beside(folder: Path, record: dict[str, Any], address: str) -> Path:
    """Return where an image with an address lies in the folder, or would."""
    name = Path(unquote(urlsplit(address).path)).name
    collection = record.get("collection_id", record.get("collection"))
    places = [
        folder / f"collection_{collection}" / f"image_{record['id']}.nii.gz",
        folder / f"collection_{collection}" / name,
        folder / str(collection) / name,
        folder / f"image_{record['id']}.nii.gz",
        folder / name,
    ]
    return next((place for place in places if place.is_file()), places[-1])


def _is_missing(record: dict[str, Any]) -> bool:
    return not Path(record["file"]).is_file()


def _is_elsewhere(record: dict[str, Any]) -> bool:
    return "file_address" in record and not Path(record["file"]).is_file()


def _cannot_be_read(record: dict[str, Any]) -> bool:
    try:
        open_image(record["file"])
    except DataFormatError:
        return True
    return False


def _says(record: dict[str, Any], name: str) -> str:
    return str(record.get(name) or "").strip().lower()


def _is(record: dict[str, Any], name: str, answer: str) -> bool:
    return str(record.get(name, "")).strip().lower() == answer


#: Why an image cannot be used, and how this is seen; the first that holds counts.
FAULTS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "are addresses of images that are not in the folder (download them there)": _is_elsewhere,
    "are missing": _is_missing,
    "are not in MNI space": lambda record: _is(record, "not_mni", "true"),
    "cannot be read": _cannot_be_read,
}
#: Why an image is no map of activation in a human brain.
KINDS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "are of another species": lambda record: _says(record, "subject_species") not in _HUMAN,
    "are maps of p values": lambda record: (
        _says(record, "map_type").split("(")[0].strip() in ("p map", "p", "p value", "p values")
    ),
    "are maps of variance": lambda record: _says(record, "map_type") == "variance",
    "are anatomical": lambda record: (
        "anatomical" in (_says(record, "map_type"), _says(record, "image_type"))
    ),
    "are masks, atlases or parcellations": lambda record: (
        _says(record, "map_type") in ("roi/mask", "roi", "mask", "parcellation", "atlas")
        or _says(record, "image_type") in ("atlas", "parcellation")
    ),
}
#: What to know of images that are kept.
DOUBTS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "are of a single subject": lambda record: (
        _says(record, "analysis_level") in ("single-subject", "single subject", "s")
    ),
    "have no complete form at NeuroVault (is_valid is false)": lambda record: _is(
        record, "is_valid", "false"
    ),
}


def fault_of(record: dict[str, Any]) -> str | None:
    """Say why an image cannot be used; None if it can."""
    return next((name for name, is_so in FAULTS.items() if is_so(record)), None)


def kind_of(record: dict[str, Any]) -> str | None:
    """Say why an image is no map of activation in a human brain; None if it may be one."""
    return next((name for name, is_so in KINDS.items() if is_so(record)), None)
