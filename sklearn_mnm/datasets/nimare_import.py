"""Take studies from NiMARE: its objects, and the JSON files of its older form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from sklearn_mnm._tools.storage import as_path
from sklearn_mnm.brain._deactivations import Points, check_points
from sklearn_mnm.datasets._studyset_tables import (
    StudysetTables,
    contrast_keys,
    empty_rows,
    read_json,
    tables_from_nimads,
    tables_from_rows,
)
from sklearn_mnm.datasets._warnings import warn_of_data
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.datasets.studyset import ROW_NAMES, Level, check_level, studies_from_tables
from sklearn_mnm.exceptions import DataFormatError, InvalidInputError

# Templates to which a Dataset brings its peaks, all of MNI152 space.
_MNI_TEMPLATES = {"ale_2mm": "MNI"}


def from_nimare(
    collection: Any, *, level: Level = "study", points: Points = "activations"
) -> Studies:
    """Take the studies of a NiMARE object, the opposite of :func:`to_nimare`.

    Parameters
    ----------
    collection : nimare.nimads.Studyset or nimare.dataset.Dataset
        A Dataset has brought its peaks to the space of its target already.
    level : {"study", "contrast"}, default="study"
        What a row is: a paper with the peaks of all its contrasts, or one contrast.
    points : {"activations", "all"}, default="activations"
        Which points become peaks; see :func:`load_studyset`.

    Returns
    -------
    studies : Studies
        As :func:`load_studyset` describes it. Images and annotations are not taken.

    Raises
    ------
    InvalidInputError
        If `collection` is neither of the two, or `level` or `points` none of theirs.
    DataFormatError
        If ids repeat or a coordinate is not a finite number.

    Warns
    -----
    DataWarning
        Once, with counts: peaks by space, rows without peaks or without text (which are kept).

    Examples
    --------
    >>> from nimare.io import convert_sleuth_to_studyset  # doctest: +SKIP
    >>> studies = from_nimare(convert_sleuth_to_studyset("foci.txt"))  # doctest: +SKIP
    """
    check_level(level)
    check_points(points)
    source = f"a {type(collection).__name__} of NiMARE"
    frames: list[Any] = [
        getattr(collection, name, None) for name in ("metadata", "coordinates", "texts")
    ]
    if hasattr(collection, "to_nimads"):
        tables = tables_from_nimads(collection.to_dict(), source)
    elif all(isinstance(frame, pd.DataFrame) for frame in frames):
        tables = _tables_of_frames(*frames, source=source)
    else:
        raise InvalidInputError(
            f"collection: expected a Studyset or a Dataset of NiMARE, got "
            f"{type(collection).__name__}. load_studyset and load_nimare_dataset read files."
        )
    studies, notes = studies_from_tables(tables, level, points)
    warn_of_data(source, notes, studies, rows=ROW_NAMES[level])
    return studies


def load_nimare_dataset(
    path: str | Path, *, level: Level = "study", points: Points = "activations"
) -> Studies:
    """Load the JSON file of a NiMARE Dataset, the form that came before studysets.

    Parameters
    ----------
    path : str or pathlib.Path
        JSON object with an entry per paper, whose ``contrasts`` hold ``coords``, ``metadata`` and
        ``text``.
    level : {"study", "contrast"}, default="study"
        What a row is: a paper with the peaks of all its contrasts, or one contrast.
    points : {"activations", "all"}, default="activations"
        Which points become peaks; see :func:`load_studyset`.

    Returns
    -------
    studies : Studies
        As :func:`load_studyset` describes it. A title of the paper may stand with the paper or
        in the metadata of its contrasts.

    Raises
    ------
    DataFormatError
        If the file is missing or damaged, is not of this form, or a coordinate is not a finite
        number.
    InvalidInputError
        If `level` or `points` is neither of the two.

    Warns
    -----
    DataWarning
        Once, with counts and the file: peaks by space, rows without peaks or without text (which
        are kept).

    Examples
    --------
    >>> studies = load_nimare_dataset("nidm_pain_dset.json")  # doctest: +SKIP
    """
    check_level(level)
    check_points(points)
    path = as_path(path, "path")
    document = read_json(path)
    if not is_dataset_document(document):
        raise DataFormatError(
            f"{path}: is not a NiMARE Dataset; expected an object with an entry per paper, each "
            "with 'contrasts'. load_studyset reads NiMADS studysets."
        )
    rows = empty_rows()
    for study_id, study in document.items():
        try:
            _add_paper(rows, str(study_id), study)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise DataFormatError(
                f"{path}: paper {study_id!r} does not have the form of a NiMARE Dataset "
                f"({type(error).__name__}: {error})."
            ) from error
    studies, notes = studies_from_tables(tables_from_rows(rows, path), level, points)
    warn_of_data(path, notes, studies, rows=ROW_NAMES[level])
    return studies


def is_dataset_document(document: Any) -> bool:
    """Whether what a JSON file holds has the form of a NiMARE Dataset."""
    return (
        isinstance(document, dict)
        and len(document) > 0
        and all(isinstance(paper, dict) and "contrasts" in paper for paper in document.values())
    )


def _add_paper(rows: dict[str, list[dict[str, Any]]], study_id: str, study: dict[str, Any]) -> None:
    """Append the rows of one paper to each table."""
    fields = {**(study.get("metadata") or {}), **study}
    for contrast_id, contrast in study["contrasts"].items():
        keys = contrast_keys(study_id, str(contrast_id))
        metadata = contrast.get("metadata") or {}
        fields.setdefault("title", metadata.get("title"))
        rows["analyses"].append({**keys, "name": _contrast_name(str(contrast_id))})
        rows["metadata"].append({**metadata, **keys})
        rows["texts"].append({**(contrast.get("text") or {}), **keys})
        coords = dict(contrast.get("coords") or {})
        space = coords.pop("space", None)
        columns = list(coords)
        for values in zip(*coords.values(), strict=True):
            peak = dict(zip(columns, values, strict=True))
            rows["coordinates"].append({**peak, **keys, "space": space})
    for name in ("contrasts", "metadata"):
        fields.pop(name, None)
    # As in studysets, whose papers have a name.
    name = fields.pop("title", None)
    rows["studies"].append({**fields, "study_id": study_id, "name": name})


def _contrast_name(contrast_id: str) -> str | None:
    # Many are called "1", which is not part of a text.
    return None if contrast_id.isdigit() else contrast_id


def _tables_of_frames(
    metadata: pd.DataFrame, coordinates: pd.DataFrame, texts: pd.DataFrame, *, source: str
) -> StudysetTables:
    """Bring the tables of a Dataset, one row per contrast, to those of a studyset."""
    keys = ["id", "study_id", "contrast_id"]
    titles = metadata["title"] if "title" in metadata.columns else ""
    papers = metadata.assign(name=titles).groupby("study_id", sort=False)["name"].first()
    names = metadata["contrast_id"].astype(str).map(_contrast_name)
    tables = {
        "studies": papers.reset_index(),
        "analyses": metadata[keys].assign(name=names),
        "metadata": metadata,
        "texts": texts,
        "coordinates": coordinates.assign(space=coordinates["space"].replace(_MNI_TEMPLATES)),
    }
    rows: dict[str, Any] = {name: table.to_dict("records") for name, table in tables.items()}
    return tables_from_rows(rows, source)
