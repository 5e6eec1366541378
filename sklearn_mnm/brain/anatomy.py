"""Names of places and regions of the brain, by the labels of ``anatomical_labels``."""

from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from sklearn_mnm._tools.arrays import checked_array
from sklearn_mnm._tools.frames import as_pandas, is_frame
from sklearn_mnm.brain.anatomical_labels import NEAR, label_lookup, labels_of_points
from sklearn_mnm.brain.atlas import load_atlas, load_mask, voxel_centres
from sklearn_mnm.exceptions import InvalidInputError

# Voxel size in mm of the mask on which images of labels are read.
_RESOLUTION = 2
_REMEDY = "Give x, y, z in mm, MNI152, of shape (n_points, 3)."


def name_coordinates(coordinates: Any, *, max_distance: float = NEAR) -> pd.DataFrame:
    """Name places of the brain.

    Parameters
    ----------
    coordinates : array-like of shape (n_points, 3) or (3,), or data frame
        In mm, MNI152; of a data frame the columns ``x``, ``y`` and ``z`` are read.
    max_distance : float, default=5.0
        In mm. Outside of all labels, the nearest one within this distance is named; white matter
        is only named where none other is as near.

    Returns
    -------
    names : pandas.DataFrame
        A row for each point: ``x``, ``y``, ``z``, ``name``, such as ``"left precentral gyrus"``,
        ``hemisphere``, ``"left"``, ``"right"`` or empty, and ``distance`` to the label in mm: 0
        within it. Where nothing is near, the name is ``"no label"`` and the distance NaN.

    Raises
    ------
    InvalidInputError
        If `coordinates` are no finite numbers of this shape, or `max_distance` is negative or no
        finite number.

    See Also
    --------
    name_regions : Names of regions, with the share of their volume.
    cluster_table : Names of the peaks and clusters of a map.

    Examples
    --------
    >>> from sklearn_mnm.brain import name_coordinates
    >>> names = name_coordinates([(-38, -22, 56), (28, -20, -14), (0, 70, 70)])
    >>> names[["name", "distance"]]
                        name  distance
    0  left precentral gyrus       0.0
    1      right hippocampus       0.0
    2               no label       NaN
    """
    points = checked_coordinates(coordinates)
    check_distance(max_distance)
    rows, distance = labels_of_points(points, max_distance)
    table = label_lookup().table
    names = pd.DataFrame(points, columns=["x", "y", "z"])
    names["name"] = table["name"].to_numpy()[rows]
    names["hemisphere"] = table["hemisphere"].to_numpy()[rows]
    return names.assign(distance=distance)


def place_in_words(place: Any) -> str:
    """Name a place as sentences do.

    Parameters
    ----------
    place : array-like of shape (3,)
        In mm, MNI152.

    Returns
    -------
    words : str
        Such as ``"left amygdala"``; of a place that is not within its label, ``"near left
        amygdala"``.
    """
    named = name_coordinates(place).iloc[0]
    return f"near {named['name']}" if named["distance"] > 0 else str(named["name"])


def name_regions(
    regions: Any, *, region_names: Any = None, max_distance: float = NEAR
) -> pd.DataFrame:
    """Name regions by the anatomical labels that fill them.

    Parameters
    ----------
    regions : PeaksToRegions, Nifti1Image, path, nilearn masker, Bunch or dict
        Fitted regions, or an atlas in MNI152 space as :class:`~sklearn_mnm.PeaksToRegions` takes
        it: a 3D image of labels, of which a mask is one with a single region, or a 4D image with
        a map for each region, whose values are weights.
    region_names : list of str, dict, DataFrame, path or None, default=None
        Names of the regions of an atlas; see :class:`~sklearn_mnm.PeaksToRegions`.
    max_distance : float, default=5.0
        In mm: each voxel has the name that :func:`name_coordinates` gives it.

    Returns
    -------
    names : pandas.DataFrame
        Rows for each region, from the label that fills most of it to that which fills least:
        ``region``, its name, ``name`` and ``hemisphere`` of the label, and ``share`` of the
        volume of the region, from 0 to 1. The shares of a region sum to 1, ``"no label"``, which
        comes last, among them. A region without a voxel has no row.

    Raises
    ------
    InvalidInputError
        If `max_distance` is negative or no finite number, or the image is neither of labels nor of
        non-negative maps.
    DataFormatError
        If a file is missing or damaged.

    Warns
    -----
    DataWarning
        If an image may not be in MNI152 space, or regions have no voxel in the brain.

    Examples
    --------
    >>> import nibabel
    >>> import numpy as np
    >>> from sklearn_mnm.brain import name_regions
    >>> mask = np.zeros((91, 109, 91), np.uint8)
    >>> mask[62:66, 50:56, 60:66] = 1
    >>> affine = np.array([[-2, 0, 0, 90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1.0]])
    >>> name_regions(nibabel.Nifti1Image(mask, affine))[["name", "share"]].head(2).round(2)
                         name  share
    0   left precentral gyrus   0.89
    1  left postcentral gyrus   0.11
    """
    check_distance(max_distance)
    if hasattr(regions, "regions_from_voxels"):
        check_is_fitted(regions)
        mask, membership = regions.mask_img_, regions.membership_
        names = list(regions.region_names_)
    else:
        mask = load_mask(resolution=_RESOLUTION)
        read = load_atlas(regions, mask, region_names)
        membership, names = read.membership, read.names
    return shares_of_labels(voxel_centres(mask), membership, names, max_distance)


def shares_of_labels(
    places: np.ndarray, membership: Any, names: list, max_distance: float = NEAR
) -> pd.DataFrame:
    """Tell how much of the weight of regions each label has.

    Parameters
    ----------
    places : ndarray of shape (n_voxels, 3)
        Centres of voxels in mm, MNI152.
    membership : scipy.sparse matrix of shape (n_voxels, n_regions)
        Weight of each voxel in each region.
    names : list of length n_regions
        Of the regions.
    max_distance : float, default=5.0
        See :func:`name_coordinates`.

    Returns
    -------
    names : pandas.DataFrame
        See :func:`name_regions`.
    """
    table, weights = label_lookup().table, _weights_of_labels(places, membership, max_distance)
    label, region = np.nonzero(weights)
    weight = weights[label, region]
    # What has no label is row 0; it comes last.
    order = np.lexsort((-weight, label == 0, region))
    label, region, weight = label[order], region[order], weight[order]
    return pd.DataFrame(
        {
            "region": [names[row] for row in region],
            "name": table["name"].to_numpy()[label],
            "hemisphere": table["hemisphere"].to_numpy()[label],
            "share": weight / weights.sum(axis=0)[region],
        }
    )


def largest_labels(places: np.ndarray, membership: Any, max_distance: float = NEAR) -> pd.DataFrame:
    """Name each region by the label that has most of its weight.

    Parameters
    ----------
    places, membership, max_distance
        See :func:`shares_of_labels`.

    Returns
    -------
    names : pandas.DataFrame of n_regions rows
        ``name``, ``"no label"`` only where there is no other, and its ``share``; of a region
        without weight empty and 0.
    """
    weights = _weights_of_labels(places, membership, max_distance)
    total = weights.sum(axis=0)
    # Row 0 is that of no label.
    largest = np.where(weights[1:].any(axis=0), weights[1:].argmax(axis=0) + 1, 0)
    own = weights[largest, np.arange(len(largest))]
    names = np.where(total > 0, label_lookup().table["name"].to_numpy()[largest], "")
    return pd.DataFrame({"name": names, "share": own / np.where(total > 0, total, 1)})


def _weights_of_labels(places: np.ndarray, membership: Any, max_distance: float) -> np.ndarray:
    """Weight of each label in each region, shape (n_labels + 1, n_regions)."""
    rows, _ = labels_of_points(places, max_distance)
    is_label = sparse.csr_matrix(
        (np.ones(len(rows)), (rows, np.arange(len(rows)))),
        shape=(len(label_lookup().table), len(rows)),
    )
    return np.asarray((is_label @ membership).todense(), dtype=np.float64)


def check_distance(value: Any, name: str = "max_distance") -> None:
    """Refuse what is no finite number of at least 0.

    Parameters
    ----------
    value : object
    name : str
        Of the argument.

    Raises
    ------
    InvalidInputError
        If it is not.
    """
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not 0 <= float(value) < np.inf:
        raise InvalidInputError(f"{name}={value!r} must be a finite number of at least 0.")


def checked_coordinates(coordinates: Any, name: str = "coordinates") -> np.ndarray:
    """Read places as an array.

    Parameters
    ----------
    coordinates : array-like or data frame
        See :func:`name_coordinates`.
    name : str
        Of the argument.

    Returns
    -------
    points : ndarray of shape (n_points, 3), float64

    Raises
    ------
    InvalidInputError
        See :func:`name_coordinates`.
    """
    if is_frame(coordinates):
        frame = as_pandas(coordinates)
        columns = {str(name).lower(): name for name in frame.columns}
        if not {"x", "y", "z"} <= set(columns):
            raise InvalidInputError(
                f"{name}: the data frame has the columns {list(map(str, frame.columns))}. "
                "Call those of the coordinates x, y and z, in mm, MNI152."
            )
        coordinates = frame[[columns[axis] for axis in "xyz"]].to_numpy()
    # What is not finite is told by its place.
    options: dict[str, Any] = {"ensure_2d": False, "ensure_min_samples": 0}
    points = checked_array(coordinates, name, _REMEDY, ensure_all_finite=False, **options)
    points = points.astype(np.float64)
    if points.shape == (3,):
        points = points[None]
    if points.size == 0:
        points = points.reshape(0, 3)
    if points.ndim != 2 or points.shape[1] != 3:
        raise InvalidInputError(f"{name}: got shape {points.shape}. {_REMEDY}")
    if len(bad := points[~np.isfinite(points).all(axis=1)]):
        shown = ", ".join(f"{value:g}" for value in bad[0])
        others = f", nor are {len(bad) - 1} more" if len(bad) > 1 else ""
        raise InvalidInputError(f"{name}: ({shown}) is no place{others}. {_REMEDY}")
    return points
