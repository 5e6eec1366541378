"""Bring peaks that were reported in Talairach space to MNI152."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sklearn_mnm._tools.arrays import clear_errors
from sklearn_mnm.exceptions import InvalidInputError

#: Affine from MNI152 to Talairach coordinates (mm), pooled over software packages, as fitted
#: by Lancaster et al. (2007), "Bias between MNI and Talairach coordinates analyzed using the
#: ICBM-152 brain template", Human Brain Mapping 28, 1194-1205, doi:10.1002/hbm.20345
#: (icbm2tal for templates other than those of SPM and FSL).
MNI152_TO_TALAIRACH = np.array(
    [
        [0.9357, 0.0029, -0.0072, -1.0423],
        [-0.0065, 0.9396, -0.0726, -1.3940],
        [0.0103, 0.0752, 0.8967, 3.6475],
        [0.0000, 0.0000, 0.0000, 1.0000],
    ]
)


def talairach_to_mni152(coordinates: np.ndarray) -> np.ndarray:
    """Convert Talairach coordinates to MNI152.

    Parameters
    ----------
    coordinates : ndarray, shape (n_peaks, 3)
        x, y, z in mm, Talairach space.

    Returns
    -------
    coordinates : ndarray, shape (n_peaks, 3)
        x, y, z in mm, MNI152 space: the inverse of ``MNI152_TO_TALAIRACH`` applied to each.

    Raises
    ------
    InvalidInputError
        If `coordinates` are no numbers of this shape.
    """
    remedy = "Give numbers in mm of shape (n_peaks, 3)."
    with clear_errors("coordinates", remedy):
        positions = np.asarray(coordinates, dtype=float)
    if positions.ndim == 0 or positions.shape[-1] != 3:
        raise InvalidInputError(f"coordinates: got shape {positions.shape}. {remedy}")
    inverse = np.linalg.inv(MNI152_TO_TALAIRACH)
    return positions @ inverse[:3, :3].T + inverse[:3, 3]


def standardise_space(peaks: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Bring all peaks to MNI152 as far as their reported space allows.

    Parameters
    ----------
    peaks : pandas.DataFrame
        With the columns ``x``, ``y``, ``z`` (mm) and ``space`` as reported.

    Returns
    -------
    peaks : pandas.DataFrame
        Talairach peaks converted; ``space`` is ``"MNI152"`` for these, for peaks reported in MNI
        and for peaks of unknown space, and unchanged for any other space;
        ``reported_space`` holds the original entries.
    notes : list of str
        What was converted, assumed or left as it was, with counts, for the caller's warning.
    """
    reported = peaks["space"].astype(object).where(peaks["space"].notna(), "")
    name = reported.astype(str).str.strip().str.upper()
    is_talairach = name.str.startswith(("TAL", "TLRC", "TT_N27")).to_numpy()
    is_unknown = name.isin(["", "UNKNOWN", "NAN", "NONE"]).to_numpy()
    # What names both is neither: "MNI converted to Talairach".
    is_mni = name.str.contains("MNI|ICBM").to_numpy() & ~name.str.contains("TAL|TLRC").to_numpy()
    is_other = ~(is_talairach | is_unknown | is_mni)

    peaks = peaks.assign(
        space=np.where(is_other, reported, "MNI152"), reported_space=reported.to_numpy()
    )
    if is_talairach.any():
        coordinates = peaks[["x", "y", "z"]].to_numpy(dtype=float, copy=True)
        coordinates[is_talairach] = talairach_to_mni152(coordinates[is_talairach])
        peaks[["x", "y", "z"]] = coordinates

    notes = []
    if is_talairach.any():
        notes.append(f"{is_talairach.sum()} peaks converted from Talairach to MNI152")
    if is_unknown.any():
        notes.append(f"{is_unknown.sum()} peaks of unknown space taken as MNI152")
    if is_other.any():
        # Whatever a file may hold, lists included.
        spaces = sorted(set(map(str, reported[is_other])))
        notes.append(f"{is_other.sum()} peaks kept as they are in other spaces {spaces}")
    return peaks, notes
