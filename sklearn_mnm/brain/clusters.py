"""Clusters of a map as a table, with the anatomical names of their peaks."""

import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from nibabel.affines import apply_affine
from scipy import sparse
from scipy.ndimage import (
    find_objects,
    label,
    maximum_filter,
    minimum_filter,
)

from sklearn_mnm._tools.arrays import check_count
from sklearn_mnm.brain.anatomical_labels import NEAR, label_lookup, labels_of_points
from sklearn_mnm.brain.anatomy import check_distance, largest_labels
from sklearn_mnm.brain.atlas import load_mask
from sklearn_mnm.brain.maps import read_map
from sklearn_mnm.exceptions import DataWarning, InvalidInputError

# Voxel size in mm of the brain mask on which doubts about a map are looked for.
_COARSE = 4
# Told of a cluster, as nilearn does.
_N_PEAKS = 4
#: In cm³: smaller clusters are left out where the package itself lists those of a map. A dozen
#: voxels of 2 mm, fewer of which are at the edge of the threshold.
LEAST_VOLUME = 0.1
# Between the peaks of a cluster, in mm, as nilearn does.
_MIN_DISTANCE = 8.0
_brain = lru_cache(maxsize=1)(load_mask)
_COLUMNS: dict[str, Any] = {
    **{"cluster": object, "x": float, "y": float, "z": float, "value": float, "volume": float},
    **{"peak_name": object, "peak_distance": float, "cluster_name": object, "cluster_share": float},
}


def cluster_table(
    image: Any,
    threshold: float,
    *,
    two_sided: bool = False,
    k: int | None = None,
    min_volume: float = 0.0,
    subpeaks: bool = False,
    min_distance: float = _MIN_DISTANCE,
    max_distance: float = NEAR,
) -> pd.DataFrame:
    """List the clusters of a map: peak, size, and what the anatomy calls them.

    Clusters, voxels that share a face, and their peaks are those of
    :func:`nilearn.reporting.get_clusters_table`; what is equal to the threshold counts, too. Of
    equal values side by side, the middle one is the peak. Of clusters with equal peaks, that with
    the first voxel comes first, in the order of the array.

    Parameters
    ----------
    image : Nifti1Image or path
        A 3D map in MNI152 space, such as a map of z or ``encoder.predict_img(["fear"])``. Values
        that are not finite count as 0.
    threshold : float
        At least 0. Voxels with this value or more, other than 0, form clusters.
    two_sided : bool, default=False
        Whether voxels of ``-threshold`` or less form clusters, too. They stand below the
        positive ones.
    k : int or None, default=None
        Number of clusters of each sign, those of the highest peaks. If None, there is no limit.
    min_volume : float, default=0.0
        In cubic centimetres; smaller clusters are left out.
    subpeaks : bool, default=False
        Whether up to three further peaks of each cluster have rows of their own, called
        ``"1a"``, ``"1b"``, ...
    min_distance : float, default=8.0
        Between the peaks of a cluster, in mm; above 0.
    max_distance : float, default=5.0
        Outside of all labels, the nearest one within this distance in mm is named.

    Returns
    -------
    table : pandas.DataFrame
        A row for each cluster, by falling height of the peak: ``cluster``, ``"1"``, ``"2"``, ...;
        the peak's place ``x``, ``y``, ``z`` in mm and its ``value``; ``volume`` of the cluster in
        cubic centimetres; ``peak_name`` and ``peak_distance`` as
        :func:`~sklearn_mnm.brain.name_coordinates` gives them; ``cluster_name``, the label that
        fills most of the cluster, and ``cluster_share``, how much of it, from 0 to 1. In rows of
        further peaks, volume, cluster name and share are empty. No rows if nothing reaches the
        threshold.

    Raises
    ------
    InvalidInputError
        If the image is not 3D or is 0 everywhere, or a number is out of its range.
    DataFormatError
        If a file is missing or damaged, or the image says that it is no map of a statistic.

    Warns
    -----
    DataWarning
        If the image may not be a map in MNI152 space.

    Examples
    --------
    >>> from nilearn.datasets import load_sample_motor_activation_image
    >>> from sklearn_mnm.brain import cluster_table
    >>> table = cluster_table(load_sample_motor_activation_image(), 6, min_volume=1)
    >>> table[["x", "y", "z", "volume", "peak_name"]].head(2)
          x     y     z  volume                  peak_name
    0  39.0 -22.0  58.0  22.869     right precentral gyrus
    1  42.0 -19.0  19.0   2.754  right supramarginal gyrus
    """
    for name, value in (
        ("threshold", threshold),
        ("min_volume", min_volume),
        ("min_distance", min_distance),
        ("max_distance", max_distance),
    ):
        check_distance(value, name)
    if min_distance == 0:
        raise InvalidInputError("min_distance=0 must be above 0.")
    if k is not None:
        check_count(k, "k")
    values, affine = _checked_map(image)
    return clusters_of_values(
        values,
        affine,
        threshold,
        two_sided=two_sided,
        k=k,
        min_volume=min_volume,
        subpeaks=subpeaks,
        min_distance=min_distance,
        max_distance=max_distance,
    )


def clusters_of_values(
    values: np.ndarray,
    affine: np.ndarray,
    threshold: float,
    *,
    two_sided: bool = False,
    k: int | None = None,
    min_volume: float = 0.0,
    subpeaks: bool = False,
    min_distance: float = _MIN_DISTANCE,
    max_distance: float = NEAR,
) -> pd.DataFrame:
    """List the clusters of a map that has been read; see :func:`cluster_table`.

    Parameters
    ----------
    values : ndarray of shape (i, j, k)
        Finite.
    affine : ndarray of shape (4, 4)
        From voxels to mm, MNI152.
    threshold, two_sided, k, min_volume, subpeaks, min_distance, max_distance
        See :func:`cluster_table`.

    Returns
    -------
    table : pandas.DataFrame
    """
    sides = [1, -1] if two_sided else [1]
    clusters = [
        cluster
        for side in sides
        for cluster in _clusters(
            side * values, affine, threshold, k, min_volume, min_distance, side
        )[0]
    ]
    return _table(clusters, subpeaks, max_distance)


def _table(clusters: "list[_Cluster]", subpeaks: bool, max_distance: float) -> pd.DataFrame:
    """Put clusters into a table, with names."""
    if not clusters:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in _COLUMNS.items()})
    n_shown = [len(cluster.heights) if subpeaks else 1 for cluster in clusters]
    owners = np.repeat(np.arange(len(clusters)), n_shown)
    ranks = np.concatenate([np.arange(n) for n in n_shown])
    pairs = list(zip(clusters, n_shown, strict=True))
    places = np.concatenate([cluster.peaks[:n] for cluster, n in pairs])
    first = ranks == 0
    labels, distance = labels_of_points(places, max_distance)
    largest = _largest_labels([cluster.voxels for cluster in clusters], max_distance)
    names, shares = (largest[name].to_numpy()[owners] for name in ("name", "share"))
    letters = [chr(ord("a") + rank - 1) if rank else "" for rank in ranks]
    columns = (
        [f"{owner + 1}{letter}" for owner, letter in zip(owners, letters, strict=True)],
        *places.T,
        np.concatenate([cluster.heights[:n] for cluster, n in pairs]),
        np.where(first, np.array([cluster.volume for cluster in clusters])[owners], np.nan),
        label_lookup().table["name"].to_numpy()[labels],
        distance,
        np.where(first, names, ""),
        np.where(first, shares, np.nan),
    )
    return pd.DataFrame(dict(zip(_COLUMNS, columns, strict=True)))


class ShownClusters(NamedTuple):
    """The clusters that pages, reports and commands list.

    Attributes
    ----------
    table : pandas.DataFrame
        Those of at least `LEAST_VOLUME`; see :func:`cluster_table`.
    n_left_out : int
        How many are smaller.
    """

    table: pd.DataFrame
    n_left_out: int


def shown_clusters(image: Any, threshold: float, k: int) -> ShownClusters:
    """List the highest clusters of a map that are large enough to be told.

    Parameters
    ----------
    image : nibabel.nifti1.Nifti1Image
        3D, MNI152, finite.
    threshold : float
    k : int
        At most so many.

    Returns
    -------
    clusters : ShownClusters
    """
    values, affine = np.asarray(image.dataobj, dtype=np.float64), image.affine
    clusters, n_left_out = _clusters(values, affine, threshold, k, LEAST_VOLUME, _MIN_DISTANCE, 1)
    return ShownClusters(_table(clusters, False, NEAR), n_left_out)


def highest_value(image: Any, threshold: float = 0.0) -> tuple[float, np.ndarray]:
    """Find the highest value of a map and its place: the first peak of :func:`cluster_table`.

    Of a map without positive values it is the highest other than 0, which is outside the brain.

    Where several voxels have this value, the rule is that of the table. Of voxels side by side the
    middle one counts. Of several such places, that in the cluster which comes first does.

    Parameters
    ----------
    image : nibabel.nifti1.Nifti1Image
        3D, finite.
    threshold : float, default=0.0
        At least 0: that of the clusters. If nothing reaches it, the highest value takes its place.

    Returns
    -------
    value : float
    place : ndarray of shape (3,)
        In mm.
    """
    values = np.asarray(image.dataobj, dtype=np.float64)
    highest = float(values.max())
    if highest <= 0:  # 0 is outside of the brain, if anything is below
        highest = float(np.max(values, where=values < 0, initial=values.min()))
    places = np.argwhere(values == highest)
    if len(places) == 1:
        return highest, apply_affine(image.affine, places[0])
    if highest > 0:
        least = min(threshold, highest)
        ((cluster,), _) = _clusters(values, image.affine, least, 1, 0.0, _MIN_DISTANCE, 1)
        first = cluster.peaks
    else:  # which forms no clusters
        first, _ = _peaks((values == highest).astype(float), image.affine, _MIN_DISTANCE)
    return highest, first[0]


class _Cluster(NamedTuple):
    """Places of the peaks in mm, the highest first, their values, cm³, and places of the voxels."""

    peaks: np.ndarray
    heights: np.ndarray
    volume: float
    voxels: np.ndarray


def _clusters(
    values: np.ndarray,
    affine: np.ndarray,
    threshold: float,
    k: int | None,
    min_volume: float,
    min_distance: float,
    sign: int,
) -> tuple[list[_Cluster], int]:
    """Clusters of what is positive, by falling height, and how many are smaller than asked for.

    Values get the sign back.
    """
    above = (values >= threshold) & (values > 0)
    boxes = find_objects(above.view(np.int8))
    if not boxes:
        return [], 0
    box = _widened(boxes[0])
    values, affine = np.where(above[box], values[box], 0), _moved(affine, box)
    labels, n_clusters = label(values)  # voxels that share a face
    numbers = np.arange(1, n_clusters + 1)
    voxel = abs(float(np.linalg.det(affine[:3, :3]))) / 1000
    volumes = np.round(np.bincount(labels.ravel(), minlength=n_clusters + 1) * voxel, 6)
    inside = labels > 0
    heights = np.zeros(n_clusters)
    np.maximum.at(heights, labels[inside] - 1, values[inside])
    places = find_objects(labels)
    numbers = numbers[np.argsort(-heights, kind="stable")]
    large = numbers[volumes[numbers] >= min_volume]
    found = []
    for number in large[:k]:
        # Each in a box of its own, with a margin.
        box = _widened(places[number - 1])
        alone = np.where(labels[box] == number, values[box], 0)
        moved = _moved(affine, box)
        peaks, heights = _peaks(alone, moved, min_distance)
        voxels = apply_affine(moved, np.argwhere(alone > 0))
        found.append(_Cluster(peaks, sign * heights, volumes[number], voxels))
    return found, len(numbers) - len(large)


def _widened(box: Sequence[slice]) -> tuple[slice, ...]:
    """Box with a margin of a voxel, as far as there is one."""
    return tuple(slice(max(side.start - 1, 0), side.stop + 1) for side in box)


def _moved(affine: np.ndarray, box: Sequence[slice]) -> np.ndarray:
    """Affine of the part of an image that is in a box."""
    moved = affine.copy()
    moved[:3, 3] = apply_affine(affine, [side.start for side in box])
    return moved


def _peaks(
    values: np.ndarray, affine: np.ndarray, min_distance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Places and heights of the peaks of one cluster, the highest first, not too near each other.

    A peak is a voxel, or the middle one of several of equal value side by side, that no neighbour
    exceeds.
    """
    highest = maximum_filter(values, size=3)
    is_peak = (values == highest) & (values > 0)
    if values[values > 0].min() < values.max():
        # The inside of what is flat; its edge stays.
        is_peak &= minimum_filter(values, size=3) < highest
    plateaus, n_plateaus = label(is_peak)
    voxels, owners = np.argwhere(is_peak), plateaus[is_peak]
    chosen = voxels[np.unique(owners, return_index=True)[1]]
    for number in np.flatnonzero(np.bincount(owners, minlength=n_plateaus + 1) > 1):
        own = voxels[owners == number]
        offsets = own - np.round(own.mean(axis=0))
        chosen[number - 1] = own[np.linalg.norm(offsets, axis=1).argmin()]
    heights = values[tuple(chosen.T)]
    order = np.argsort(-heights, kind="stable")
    places = apply_affine(affine, chosen[order])
    kept: list[int] = []
    for row, place in enumerate(places):
        if len(kept) < _N_PEAKS and (
            not kept or np.linalg.norm(places[kept] - place, axis=1).min() > min_distance
        ):
            kept.append(row)
    return places[kept], heights[order][kept]


def _largest_labels(places: list[np.ndarray], max_distance: float) -> pd.DataFrame:
    """Label that fills most of each cluster and its share."""
    sizes = [len(voxels) for voxels in places]
    owners = np.repeat(np.arange(len(sizes)), sizes)
    membership = sparse.csr_matrix((np.ones(len(owners)), (np.arange(len(owners)), owners)))
    return largest_labels(np.concatenate(places), membership, max_distance)


def _checked_map(image: Any) -> tuple[np.ndarray, np.ndarray]:
    """Values of a 3D map, finite, and its affine."""
    read = read_map(image, _brain(resolution=_COARSE))
    values = read.values.astype(np.float64)
    if values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    if values.ndim != 3:
        raise InvalidInputError(
            f"image holds {values.shape[3]} maps; give one at a time, such as "
            "nilearn.image.index_img(image, 0)."
        )
    if not values.any():
        raise InvalidInputError(
            "image is 0 everywhere, or holds no finite number. Give a map of a statistic."
        )
    if read.doubts:
        source = read.image.get_filename() or "image"
        warnings.warn(f"{source}: {'; '.join(read.doubts)}.", DataWarning, stacklevel=3)
    return values, np.asarray(read.image.affine, dtype=np.float64)
