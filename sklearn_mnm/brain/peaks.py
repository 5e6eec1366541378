"""From peaks in millimetres to counts on the voxels of a brain mask."""

import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.spatial import cKDTree

from sklearn_mnm._tools.frames import as_pandas, is_frame
from sklearn_mnm.brain._deactivations import chosen_points
from sklearn_mnm.brain._peak_frames import peak_frame
from sklearn_mnm.exceptions import DataFormatError, DataWarning, InvalidInputError

COORDINATE_COLUMNS = ["x", "y", "z"]
# In mm, a kilometre: far from any brain.
_FARTHEST = 1e6
# Voxels along an axis of an image of a head.
_MOST_VOXELS = 512
# Peaks in mm do not all lie so near to the origin.
_METRES, _SEVERAL = 0.2, 3
# Peaks placed at once, in arrays that stay in the cache.
_BLOCK = 2**16


class PeakTable(NamedTuple):
    """Peaks of several studies as arrays.

    Attributes
    ----------
    coordinates : ndarray of shape (n_peaks, 3)
        Positions in mm, MNI152.
    study_index : ndarray of int of shape (n_peaks,)
        Row of the study that reports each peak.
    study_ids : ndarray of shape (n_studies,)
        Identifier of each row; ``0 ... n_studies - 1`` where the input carries none.
    """

    coordinates: np.ndarray
    study_index: np.ndarray
    study_ids: np.ndarray


class PeakTally(NamedTuple):
    """What happened to the peaks of a corpus on their way into the mask.

    Attributes
    ----------
    n_peaks : int
        Number of peaks given.
    n_moved : int
        Peaks outside the mask that were moved to the nearest voxel inside it.
    n_dropped : int
        Peaks too far from the mask, left out.
    """

    n_peaks: int
    n_moved: int
    n_dropped: int


def as_peak_table(X: Any) -> PeakTable:
    """Read the peaks of several studies from any of the accepted forms.

    Parameters
    ----------
    X : Studies, data frame or sequence of array-like of shape (n_peaks_i, 3)
        A :class:`~sklearn_mnm.Studies` gives one row per study, in its own order, also for
        studies without peaks. A table, of pandas or polars, has one row per peak and columns
        ``id``, ``x``, ``y`` and ``z``; its studies are numbered in order of first appearance. One
        of the clusters of a single map, as nilearn makes it, needs no ``id``.
        A sequence holds one array of peaks per study, possibly empty. All in mm, MNI152.

    Returns
    -------
    table : PeakTable

    Raises
    ------
    DataFormatError
        If the table lacks a column or a coordinate is not a finite number.
    InvalidInputError
        If `X` has none of these forms.

    Warns
    -----
    DataWarning
        With counts, if peaks are marked as deactivations or seeds, which are left out.
    """
    if hasattr(X, "peaks") and hasattr(X, "study_index"):
        study_index = np.asarray(X.study_index, dtype=np.intp)
        study_ids = np.asarray(getattr(X, "ids", np.arange(len(X))))
        peaks, notes = chosen_points(X.peaks, "activations")
        if notes:
            study_index = study_index[peaks.index]
            warnings.warn(
                f"{notes[0].split(';')[0]} of maps. Give peaks without the columns that mark them "
                "to count all.",
                DataWarning,
                stacklevel=3,
            )
        coordinates = _coordinate_columns(peaks)
    elif is_frame(X):
        peaks, ids = peak_frame(as_pandas(X))
        study_index, unique_ids = pd.factorize(ids)
        if (study_index < 0).any():
            row = int(np.flatnonzero(study_index < 0)[0])
            raise DataFormatError(f"Row {row} of the table of peaks has no study id. Remove it.")
        study_index = study_index[peaks.index]
        study_ids = np.asarray(unique_ids)
        coordinates = _coordinate_columns(peaks)
    else:
        coordinates, study_index, study_ids = _from_sequence(X)
    finite = np.isfinite(coordinates).all(axis=1)
    if not finite.all():
        row = int(np.flatnonzero(~finite)[0])
        raise DataFormatError(
            f"{int((~finite).sum())} peaks have a coordinate that is not finite, the first in "
            f"row {row}: {coordinates[row].tolist()}. Remove these rows."
        )
    return PeakTable(coordinates, study_index, study_ids)


def _coordinate_columns(table: pd.DataFrame) -> np.ndarray:
    try:
        return table[COORDINATE_COLUMNS].to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataFormatError(
            f"The columns 'x', 'y' and 'z' of the table of peaks must hold numbers: {error}"
        ) from error


def _from_sequence(X: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    expected = (
        "X must be a Studies object, a table of peaks with columns id, x, y, z, or a sequence "
        "with one array of shape (n_peaks, 3) per study"
    )
    if isinstance(X, str | bytes | dict) or not hasattr(X, "__len__") or getattr(X, "ndim", 1) == 0:
        raise InvalidInputError(f"{expected}; got {type(X).__name__}.")
    blocks = []
    for row, peaks in enumerate(X):
        try:
            block = np.asarray(peaks)
            if block.dtype.kind not in "buifO" and block.size:
                raise TypeError(f"{block.dtype} is no type of coordinates in mm")
            block = block.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidInputError(f"{expected}; element {row} is {peaks!r}.") from error
        if block.size == 0:
            block = block.reshape(0, 3)
        if block.ndim != 2 or block.shape[1] != 3:
            raise InvalidInputError(
                f"{expected}; element {row} has shape {block.shape}. "
                "For the peaks of a single study pass a list with one array."
            )
        blocks.append(block)
    coordinates = np.concatenate(blocks) if blocks else np.empty((0, 3))
    study_index = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    return coordinates, study_index, np.arange(len(blocks))


def peak_counts(
    coordinates: np.ndarray,
    study_index: np.ndarray,
    n_studies: int,
    mask_img: Any,
    *,
    max_distance: float = 10.0,
) -> tuple[sparse.csr_matrix, PeakTally]:
    """Count the peaks of each study on the voxels of a mask.

    A peak counts for the voxel whose centre is nearest. If that voxel is not in the mask,
    the peak moves to the nearest voxel that is, provided its centre is within
    `max_distance` of the peak; farther peaks are left out and counted in one warning.

    Parameters
    ----------
    coordinates : ndarray of shape (n_peaks, 3)
        Positions in mm, in the space of the mask (MNI152).
    study_index : ndarray of int of shape (n_peaks,)
        Row of the study that reports each peak, ``0 ... n_studies - 1``.
    n_studies : int
        Number of rows of the result.
    mask_img : nibabel.nifti1.Nifti1Image
        Binary mask.
    max_distance : float, default=10.0
        In mm. Reported peaks lie outside a tight brain mask by a few mm where templates and
        smoothing differ; those more than a centimetre away are mostly misread tables.

    Returns
    -------
    counts : scipy.sparse.csr_matrix of shape (n_studies, n_voxels), float32
        Columns are the voxels of the mask in C order, as in ``mask_data[mask_data]``.
    tally : PeakTally

    Warns
    -----
    DataWarning
        If peaks are left out, or all lie so near to the origin that they may be in metres.
    """
    mask = np.asarray(mask_img.dataobj) != 0
    n_voxels = int(mask.sum())
    column_of = np.full(mask.shape, -1, dtype=np.intp)
    column_of[mask] = np.arange(n_voxels)
    to_voxel = np.linalg.inv(mask_img.affine)
    # Within the range of whole numbers, where coordinates are no millimetres at all.
    bounded = np.clip(coordinates, -_FARTHEST, _FARTHEST)
    column = np.full(len(coordinates), -1, dtype=np.intp)
    for start in range(0, len(coordinates), _BLOCK):
        rows = slice(start, start + _BLOCK)
        nearest = np.rint(bounded[rows] @ to_voxel[:3, :3].T + to_voxel[:3, 3]).astype(np.intp)
        in_grid = ((nearest >= 0) & (nearest < mask.shape)).all(axis=1)
        column[rows][in_grid] = column_of[tuple(nearest[in_grid].T)]

    outside = np.flatnonzero(column < 0)
    if len(outside) and n_voxels:
        centres = np.argwhere(mask) @ mask_img.affine[:3, :3].T + mask_img.affine[:3, 3]
        # The bound is exclusive in SciPy, inclusive here.
        bound = np.nextafter(max_distance, np.inf)
        distance, found = cKDTree(centres).query(bounded[outside], distance_upper_bound=bound)
        within = np.isfinite(distance)
        column[outside[within]] = found[within]  # type: ignore[index]  # stubs: may be a scalar

    kept = column >= 0
    tally = PeakTally(
        n_peaks=len(coordinates),
        n_moved=int(kept[outside].sum()),
        n_dropped=int((~kept).sum()),
    )
    if tally.n_dropped:
        warnings.warn(
            f"{tally.n_dropped} of {tally.n_peaks} peaks lie more than {max_distance:g} mm "
            f"outside the mask and were left out. {_likely_reason(coordinates)}",
            DataWarning,
            stacklevel=2,
        )
    elif tally.n_peaks >= _SEVERAL and 0 < np.abs(coordinates).max() < _METRES:
        warnings.warn(
            f"All {tally.n_peaks} peaks lie within {np.abs(coordinates).max():g} mm of the origin. "
            "If their coordinates are in metres, multiply them by 1000.",
            DataWarning,
            stacklevel=2,
        )
    counts = sparse.coo_matrix(
        (np.ones(int(kept.sum()), np.float32), (study_index[kept], column[kept])),
        shape=(n_studies, n_voxels),
    ).tocsr()
    return counts, tally


def _likely_reason(coordinates: np.ndarray) -> str:
    """Say why peaks lie outside the brain, and what to do."""
    are_numbers = (coordinates >= 0).all() and (coordinates == np.rint(coordinates)).all()
    if are_numbers and coordinates.max() < _MOST_VOXELS:
        return (
            "As all coordinates are whole numbers from 0 on, they may be indices of voxels. "
            "Convert them to mm with the affine of their image: "
            "nibabel.affines.apply_affine(image.affine, voxels)."
        )
    return "Raise max_distance to keep them."
