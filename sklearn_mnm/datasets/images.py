"""Load a folder of statistical maps with what is written about them, as NeuroVault gives it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_mnm._storage import reading
from sklearn_mnm.brain.image_files import open_image
from sklearn_mnm.datasets import _tables
from sklearn_mnm.datasets._studyset_tables import read_json
from sklearn_mnm.exceptions import DataFormatError, DataWarning

_SUFFIXES = (".nii", ".nii.gz")
_TABLES = ("metadata.csv", "metadata.tsv", "images.csv", "images.tsv")
# What speaks of the content of a map, in NeuroVault and in tables made by hand.
_TEXT_COLUMNS = (
    "title",
    "name",
    "text",
    "abstract",
    "contrast",
    "contrast_definition",
    "cognitive_contrast_cogatlas",
    "cognitive_paradigm_cogatlas",
    "task",
    "description",
)
# NeuroVault's way to say that nothing was chosen.
_NO_ENTRY = {"none / other", "none", "other"}


@dataclass(frozen=True, eq=False)
class ImageCollection:
    """Statistical maps and their texts, row by row.

    Attributes
    ----------
    images : list of str
        Paths of NIfTI files, for ``MNMDecoder.predict``, ``MNMEncoder.fit(texts, images)`` with
        ``regions=PeaksToRegions(atlas=...)``, or ``PeaksToRegions.regions_from_img``.
    texts : ndarray of shape (n_images,), object
        What is written about each; empty strings where nothing is.
    metadata : DataFrame
        A row for each, with the columns ``id``, ``file``, ``collection_id`` and all that was
        found.
    """

    images: list[str]
    texts: np.ndarray
    metadata: pd.DataFrame

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, selection: ArrayLike) -> ImageCollection:
        """Select by a mask or a list of positions, e.g. ``metadata["map_type"] == "Z map"``."""
        rows = np.arange(len(self))[np.asarray(selection)]
        return ImageCollection(
            [self.images[row] for row in rows],
            self.texts[rows],
            self.metadata.iloc[rows].reset_index(drop=True),
        )

    @property
    def groups(self) -> np.ndarray:
        """Collection of each image, shape (n_images,), for ``fit(..., groups=...)``."""
        return self.metadata["collection_id"].astype(str).to_numpy()


def load_images(folder: str | Path) -> ImageCollection:
    """Load a folder of NIfTI files with metadata.

    Parameters
    ----------
    folder : str or pathlib.Path
        As nilearn's ``fetch_neurovault`` leaves it, ``collection_<number>/image_<number>.nii.gz``
        with ``image_<number>_metadata.json`` beside it; or with one table ``metadata.csv`` or
        ``.tsv`` whose column ``file`` names the images, relative to the folder. Other columns are
        kept; ``title``, ``name``, ``text``, ``contrast``, ``task`` and ``description``, and those
        of NeuroVault, make the text.

    Returns
    -------
    collection : ImageCollection
        Sorted by path, or in the order of the table.

    Raises
    ------
    DataFormatError
        If there is no metadata, it cannot be read, or no image is left.

    Warns
    -----
    DataWarning
        Once, with counts and the folder: images that are missing, cannot be read, are no 3D or 4D
        map, or of which NeuroVault says that they are not in MNI space or not valid (left out),
        and images without text (kept).

    Notes
    -----
    Maps are in MNI152 space, on any grid; they are not thresholded. Their values are in the units
    of the files: choose one kind, e.g. z, by `metadata` before fitting.

    Examples
    --------
    >>> maps = load_images("nilearn_data/neurovault")  # doctest: +SKIP
    >>> maps = maps[maps.metadata["map_type"] == "Z map"]  # doctest: +SKIP
    >>> encoder = MNMEncoder(regions=PeaksToRegions(atlas))  # doctest: +SKIP
    >>> encoder.fit(maps.texts, maps.images, groups=maps.groups)  # doctest: +SKIP
    """
    folder = Path(folder)
    with reading(folder):
        if not folder.is_dir():
            raise DataFormatError(f"{folder}: is not a folder. Give that of the images.")
        records = list(_records(folder))
    kept, dropped = [], dict.fromkeys(_FAULTS, 0)
    for record in records:
        fault = next((name for name, is_so in _FAULTS.items() if is_so(record)), None)
        if fault is None:
            kept.append(record)
        else:
            dropped[fault] += 1
    notes = [
        f"{number} of {len(records)} images {fault}: left out"
        for fault, number in dropped.items()
        if number
    ]
    if not kept:
        raise DataFormatError(f"{folder}: no image can be used ({'; '.join(notes)}).")
    texts = np.array([_text(record) for record in kept], dtype=object)
    n_textless = int(np.count_nonzero(texts == ""))
    if n_textless:
        notes.append(f"{n_textless} of {len(kept)} images have no text; they are kept")
    if notes:
        warnings.warn(f"{'; '.join(notes)} (read from {folder}).", DataWarning, stacklevel=2)
    return ImageCollection([record["file"] for record in kept], texts, pd.DataFrame(kept))


def read_image(path: str | Path) -> Any:
    """Open a statistical map; its values are read when they are needed.

    Parameters
    ----------
    path : str or pathlib.Path
        NIfTI file.

    Returns
    -------
    image : nibabel.nifti1.Nifti1Image
        3D, or 4D for several maps.

    Raises
    ------
    DataFormatError
        If there is no such file, or it is no such image.
    """
    return open_image(path)


def _records(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield what is known of each image; ``file`` is its path."""
    tables = [folder / name for name in _TABLES if (folder / name).is_file()]
    if tables:
        yield from _records_of_table(tables[0])
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
    table = _tables.read_table(path, required=[], key="file", any_case=True)
    for number, record in enumerate(table.to_dict("records")):
        known = {str(name): value for name, value in record.items() if not pd.isna(value)}
        inside = os.path.relpath(path.parent / str(known["file"]), path.parent)
        if inside.startswith("..") or os.path.isabs(str(known["file"])):
            raise DataFormatError(
                f"{path}: line {_tables.line_number(path, number)} names the image "
                f"{known['file']!r}, which is not in the folder. Copy it there."
            )
        defaults = {"id": str(number), "collection_id": known.get("study_id", number)}
        yield {**defaults, **known, "file": str(path.parent / str(known["file"]))}


def _cannot_be_read(record: dict[str, Any]) -> bool:
    try:
        read_image(record["file"])
    except DataFormatError:
        return True
    return False


#: Why an image is left out, and how this is seen; the first that holds counts.
_FAULTS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "are missing": lambda record: not Path(record["file"]).is_file(),
    "are not in MNI space": lambda record: record.get("not_mni") is True,
    "are not valid": lambda record: record.get("is_valid") is False,
    "cannot be read": _cannot_be_read,
}


def _text(record: dict[str, Any]) -> str:
    entries = [str(record[name]).strip() for name in _TEXT_COLUMNS if record.get(name)]
    entries = [entry for entry in entries if entry and entry.lower() not in _NO_ENTRY]
    return "\n".join(dict.fromkeys(entries))
