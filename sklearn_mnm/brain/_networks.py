"""Networks of regions from a tree, label images, the Yeo atlas or regions of interest."""

import inspect
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree
from sklearn.utils.validation import check_is_fitted

from sklearn_mnm._tools.arrays import clear_errors
from sklearn_mnm.brain.atlas import load_atlas
from sklearn_mnm.brain.ward import cut_tree
from sklearn_mnm.exceptions import DataWarning, InvalidInputError

_OUTSIDE = "outside"


def networks_of_tree(children: Any, cuts: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Network of each region at each cut of a tree."""
    if children is None:
        raise InvalidInputError(
            "children is None: regions of an atlas have no tree. Fit PeaksToRegions with "
            "atlas='ward', or use BrainHierarchy.from_labels or from_rois."
        )
    merges = np.asarray(children)
    n_regions = len(merges) + 1
    is_tree = (
        merges.shape == (n_regions - 1, 2)
        and np.issubdtype(merges.dtype, np.integer)
        and np.array_equal(np.sort(merges, axis=None), np.arange(2 * n_regions - 2))
        and (merges < n_regions + np.arange(n_regions - 1)[:, np.newaxis]).all()
    )
    if not is_tree:
        raise InvalidInputError(
            f"children, of shape {merges.shape}, is no tree: it needs integers of shape "
            "(n_regions - 1, 2), each node but the root once and after its own children."
        )
    return {name: cut_tree(merges, n_clusters) for name, n_clusters in cuts.items()}


# Warnings of the two functions below point to the caller of the classmethod that calls them.
def networks_of_labels(
    labels_imgs: Mapping[str, Any], converter: Any, shares: bool, min_overlap: float
) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    """Memberships of regions in the networks of label images, and names of the networks."""
    if not 0 <= min_overlap <= 1:
        raise InvalidInputError(f"min_overlap must be from 0 to 1; got {min_overlap!r}.")
    check_is_fitted(converter)
    levels, names = {}, {}
    for level, image in labels_imgs.items():
        with warnings.catch_warnings():
            # Networks without voxels are without regions, which is counted here.
            warnings.simplefilter("ignore", DataWarning)
            networks = load_atlas(image, converter.mask_img_)
        if not networks.are_labels:
            raise InvalidInputError(
                f"labels_imgs[{level!r}] holds 4D maps; pass a 3D image of integer labels."
            )
        levels[level], names[level] = _memberships(
            level, networks.membership, networks.names, converter, shares, min_overlap
        )
    return levels, names


def networks_of_rois(
    converter: Any,
    coordinates: Any,
    labels: Sequence[str],
    name: str,
    max_distance: float,
) -> tuple[np.ndarray, list[str]]:
    """One-hot memberships of regions in the networks of the nearest centres, and their names."""
    check_is_fitted(converter)
    with clear_errors("coordinates", "Give numbers in mm of shape (n_rois, 3)."):
        centres = np.asarray(coordinates, dtype=np.float64)
    if centres.ndim != 2 or centres.shape[1] != 3 or not np.isfinite(centres).all():
        raise InvalidInputError(
            f"coordinates must be finite numbers in mm of shape (n_rois, 3); got shape "
            f"{centres.shape} with {int((~np.isfinite(centres)).sum())} not finite."
        )
    if len(labels) != len(centres) or not len(centres):
        raise InvalidInputError(
            f"labels must name the network of each ROI; got {len(labels)} labels for "
            f"{len(centres)} coordinates."
        )
    names, numbers = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
    affine = converter.mask_img_.affine
    voxels = np.argwhere(np.asarray(converter.mask_img_.dataobj) != 0)
    distance, nearest = cKDTree(centres).query(voxels @ affine[:3, :3].T + affine[:3, 3])
    membership = converter.membership_
    weight = np.asarray(membership.sum(axis=0), dtype=np.float64).ravel()
    far = int((membership.T @ distance > max_distance * weight).sum())
    if far:
        warnings.warn(
            f"{far} of {len(weight)} regions are on average more than {max_distance:g} mm "
            f"from the nearest ROI of {name!r}; they got its network nevertheless.",
            DataWarning,
            stacklevel=3,
        )
    one_hot = sparse.identity(len(names), dtype=np.float32, format="csr")[numbers[nearest]]
    return _memberships(name, one_hot, list(names), converter, False, 0.0)


def yeo_images(data_dir: Any) -> dict[str, Any]:
    """Label images of the levels "yeo17" and "yeo7", downloaded by nilearn where missing."""
    from nilearn.datasets import fetch_atlas_yeo_2011

    try:
        if "n_networks" in inspect.signature(fetch_atlas_yeo_2011).parameters:
            images = {
                f"yeo{n}": fetch_atlas_yeo_2011(
                    data_dir=data_dir, n_networks=n, thickness="thick", verbose=0
                )
                for n in (17, 7)
            }
        else:  # nilearn before 0.12 has one result with all versions
            fetched = fetch_atlas_yeo_2011(data_dir=data_dir, verbose=0)
            images = {f"yeo{n}": fetched[f"thick_{n}"] for n in (17, 7)}
    except OSError as error:
        raise InvalidInputError(
            f"data_dir={data_dir!r}: the Yeo 2011 networks are not there and could not be "
            f"downloaded ({error}). Offline, call nilearn.datasets.fetch_atlas_yeo_2011("
            "data_dir=...) on a connected computer and copy its folder 'yeo_2011' into "
            "data_dir, or use networks that need no download: BrainHierarchy.from_rois with "
            "nilearn.datasets.fetch_coords_seitzman_2018, or BrainHierarchy.from_tree."
        ) from error
    return images


def _memberships(
    level: str,
    networks: sparse.csr_matrix,
    names: list[str],
    converter: Any,
    shares: bool,
    min_overlap: float,
) -> tuple[np.ndarray, list[str]]:
    """Overlap of regions with networks of voxels, with a network for those outside all."""
    overlap = (converter.membership_.T @ networks).toarray().astype(np.float64)
    weight = np.asarray(converter.membership_.sum(axis=0), dtype=np.float64).ravel()
    covered = overlap.sum(axis=1)
    # A hair below, so that float32 weights that are wholly covered reach a threshold of 1.
    outside = (covered == 0) | (covered < (min_overlap - 1e-6) * weight)
    overlap[outside] = 0.0
    if not shares:
        largest = overlap.argmax(axis=1)
        overlap = np.where(np.arange(overlap.shape[1]) == largest[:, np.newaxis], overlap, 0.0)
    empty = ~overlap.any(axis=0)
    notes = []
    if empty.any():
        lost = ", ".join(name for name, is_empty in zip(names, empty, strict=True) if is_empty)
        notes.append(f"{int(empty.sum())} of {len(names)} networks have no region: {lost}")
    overlap = overlap[:, ~empty]
    kept = [name for name, is_empty in zip(names, empty, strict=True) if not is_empty]
    if outside.any():
        notes.append(
            f"{int(outside.sum())} of {len(outside)} regions are covered by networks to less than "
            f"{min_overlap:.0%} or not at all and form the network {_OUTSIDE!r}"
        )
        overlap = np.column_stack([overlap, outside])
        kept.append(_OUTSIDE)
    if notes:
        warnings.warn(f"Level {level!r}: {'; '.join(notes)}.", DataWarning, stacklevel=4)
    return overlap, kept
