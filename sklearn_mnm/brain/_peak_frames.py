"""Data frames of peaks under the names that other software gives their columns."""

from __future__ import annotations

import warnings
from typing import Any

import pandas as pd

from sklearn_mnm.brain._deactivations import chosen_points
from sklearn_mnm.brain._peak_columns import (
    AXES,
    coordinate_triples,
    identities,
    is_of_clusters,
)
from sklearn_mnm.brain.spaces import standardise_space
from sklearn_mnm.exceptions import DataFormatError, DataWarning


def are_coordinates(frame: Any) -> bool:
    """Whether a data frame, of pandas or polars, has columns of coordinates."""
    columns = [str(name) for name in frame.columns]
    return not set(AXES).isdisjoint(columns) or bool(coordinate_triples(columns))


def are_peaks_of_studies(frame: Any) -> bool:
    """Whether a data frame is one of peaks rather than of activations of regions."""
    return "id" in frame.columns or are_coordinates(frame)


def peak_frame(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Bring a data frame of peaks to the columns id, x, y, z in mm, MNI152.

    Parameters
    ----------
    frame : pandas.DataFrame
        Coordinates may be called as nilearn, atlasreader or FSL call them. A table of the clusters
        of one map needs no column ``id``. With a column ``space``, or names that tell it,
        Talairach peaks are converted; deactivations and seeds, where columns mark them, are left
        out.

    Returns
    -------
    peaks : pandas.DataFrame
        Its index numbers the rows of `frame`.
    ids : pandas.Series
        Of the studies of all rows of `frame`, also of those that are left out.

    Raises
    ------
    DataFormatError
        If there are no coordinates in mm, several, or nothing that tells studies apart.

    Warns
    -----
    DataWarning
        With counts, of what was converted, left out or taken for one study.
    """
    columns = [str(name) for name in frame.columns]
    notes: list[str] = []
    renamed = frame.set_axis(columns, axis=1).reset_index(drop=True)
    if not set(AXES) <= set(columns):
        triples = coordinate_triples(columns)
        if len(triples) != 1 or triples[0].are_voxels:
            missing = [axis for axis in AXES if axis not in columns]
            raise DataFormatError(
                f"The table of peaks has no column {missing} (columns: {columns}). "
                "Name the coordinates in mm 'x', 'y' and 'z'; numbers of voxels become mm by "
                "nibabel.affines.apply_affine(image.affine, voxels)."
            )
        names = {columns[c]: a for c, a in zip(triples[0].columns, AXES, strict=True)}
        renamed = renamed.rename(columns=names)
        if triples[0].space is not None and "space" not in columns:
            renamed = renamed.assign(space=triples[0].space)
    if "id" not in columns:
        if not is_of_clusters(columns):
            likely = "".join(f", maybe {name!r}" for name in identities(columns)[:1])
            raise DataFormatError(
                f"The table of peaks has no column 'id' (columns: {columns}). Name the column "
                f"that says which study reports each peak 'id'{likely}."
            )
        notes.append(f"there is no column 'id': all {len(frame)} peaks are taken for one study")
        renamed = renamed.assign(id="0")
    ids = renamed["id"]
    renamed, left_out = chosen_points(renamed, "activations")
    notes += left_out
    are_numbers = all(map(pd.api.types.is_numeric_dtype, (renamed[axis] for axis in AXES)))
    if are_numbers and "space" in renamed.columns and "reported_space" not in renamed.columns:
        renamed, of_spaces = standardise_space(renamed)
        notes += of_spaces
    if notes:
        warnings.warn(f"Table of peaks: {'; '.join(notes)}.", DataWarning, stacklevel=4)
    return renamed, ids
