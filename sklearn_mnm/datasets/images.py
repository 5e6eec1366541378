"""Load a folder of statistical maps with what is written about them, as NeuroVault gives it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_mnm._tools.storage import as_path, reading
from sklearn_mnm.brain.image_files import open_image
from sklearn_mnm.datasets._image_records import (
    DOUBTS,
    FAULTS,
    KINDS,
    fault_of,
    kind_of,
    read_records,
)
from sklearn_mnm.exceptions import DataFormatError, DataWarning, InvalidInputError

Kinds = Literal["activations", "all"]
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


def load_images(folder: str | Path, *, kinds: Kinds = "activations") -> ImageCollection:
    """Load a folder of NIfTI files with metadata.

    Parameters
    ----------
    folder : str or pathlib.Path
        As nilearn's ``fetch_neurovault`` leaves it, ``collection_<number>/image_<number>.nii.gz``
        with ``image_<number>_metadata.json`` beside it; or with one table ``metadata.csv`` or
        ``.tsv`` whose column ``file`` names the images, relative to the folder; or with
        ``metadata.json`` or ``images.json``, rows of NeuroVault's API. Where a table or rows give
        addresses, images of these names are looked for in the folder, by collection if there are
        folders of these. Other columns are kept; ``title``, ``name``, ``text``, ``contrast``,
        ``task`` and ``description``, and those of NeuroVault, make the text.
    kinds : {"activations", "all"}, default="activations"
        Whether what NeuroVault knows to be no map of activation in a human brain is left out: maps
        of p values and of variance, anatomical images, masks, parcellations, other species.

    Returns
    -------
    collection : ImageCollection
        Sorted by path, or in the order of the table.

    Raises
    ------
    DataFormatError
        If there is no metadata, it cannot be read, two rows name one image, or no image is left.
    InvalidInputError
        If `kinds` is neither of the two.

    Warns
    -----
    DataWarning
        Once, with counts and the folder: images that are missing, cannot be read, are no 3D or 4D
        map, or of which NeuroVault says that they are not in MNI space or no activations (left
        out); single subjects, maps whose form was not filled in (``is_valid``) and images without
        text (kept).

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
    if kinds not in ("activations", "all"):
        raise InvalidInputError(f"kinds={kinds!r}: choose 'activations' or 'all'.")
    folder = as_path(folder, "folder")
    with reading(folder):
        if not folder.is_dir():
            raise DataFormatError(f"{folder}: is not a folder. Give that of the images.")
        records = list(read_records(folder))
    kept: list[dict[str, Any]] = []
    dropped = dict.fromkeys((*FAULTS, *KINDS), 0)
    for record in records:
        fault = fault_of(record) or (kind_of(record) if kinds == "activations" else None)
        if fault is None:
            kept.append(record)
        else:
            dropped[fault] += 1
    notes = [
        f"{number} of {len(records)} images {fault}: left out"
        for fault, number in dropped.items()
        if number
    ]
    if sum(dropped[name] for name in KINDS):
        notes[-1] += "; kinds='all' keeps maps of other kinds"
    if not kept:
        raise DataFormatError(f"{folder}: no image can be used ({'; '.join(notes)}).")
    texts = np.array([_text(record) for record in kept], dtype=object)
    n_textless = int(np.count_nonzero(texts == ""))
    for doubt, is_so in DOUBTS.items():
        if number := sum(map(is_so, kept)):
            notes.append(f"{number} of {len(kept)} images {doubt}; they are kept")
    if n_textless:
        notes.append(f"{n_textless} of {len(kept)} images have no text; they are kept")
    if notes:
        warnings.warn(f"{'; '.join(notes)} (read from {folder}).", DataWarning, stacklevel=2)
    return ImageCollection([record["file"] for record in kept], texts, pd.DataFrame(kept))


def read_image(path: str | Path) -> Any:
    """Open a statistical map; its values are read when they are needed.

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


def _text(record: dict[str, Any]) -> str:
    entries = [str(record[name]).strip() for name in _TEXT_COLUMNS if record.get(name)]
    entries = [entry for entry in entries if entry and entry.lower() not in _NO_ENTRY]
    return "\n".join(dict.fromkeys(entries))
