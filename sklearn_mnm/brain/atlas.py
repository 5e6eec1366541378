"""Masks and regions: from any atlas that nilearn reads to weights on the voxels of a mask."""

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import nibabel
import numpy as np
from scipy import sparse

from sklearn_mnm._image_files import doubts_of_space, image_values, open_image
from sklearn_mnm.exceptions import DataWarning, InvalidInputError


class Regions(NamedTuple):
    """Regions on the voxels of a mask.

    Attributes
    ----------
    membership : scipy.sparse.csr_matrix of shape (n_voxels, n_regions), float32
        Weight of each voxel in each region: 1 or 0 for labels, the map's value for a
        probabilistic atlas. Never negative.
    names : list of str of length n_regions
    are_labels : bool
        Whether each voxel belongs to at most one region.
    """

    membership: sparse.csr_matrix
    names: list[str]
    are_labels: bool


def load_mask(mask_img: Any = None, resolution: int = 4) -> nibabel.nifti1.Nifti1Image:
    """Load a brain mask.

    Parameters
    ----------
    mask_img : Nifti1Image, path or None, default=None
        A 3D image, non-zero inside. None takes the MNI152 brain mask of nilearn.
    resolution : int, default=4
        Voxel size in mm of the MNI152 mask; a mask that is given keeps its own.

    Returns
    -------
    mask_img : nibabel.nifti1.Nifti1Image
        Values 0 and 1, ``uint8``.

    Raises
    ------
    DataFormatError
        If a file is missing or damaged.
    InvalidInputError
        If the image is not 3D or has no voxel inside.
    """
    from nilearn.datasets import load_mni152_brain_mask

    image = load_mni152_brain_mask(resolution=resolution) if mask_img is None else mask_img
    image = open_image(image, "mask_img")
    data = image_values(image, "mask_img")
    if data.ndim == 4 and data.shape[3] == 1:
        data = data[..., 0]
    if data.ndim != 3:
        raise InvalidInputError(f"mask_img must be a 3D image, got shape {data.shape}.")
    inside = data != 0
    if not inside.any():
        raise InvalidInputError("mask_img has no voxel inside: all its values are 0.")
    return nibabel.Nifti1Image(inside.astype(np.uint8), image.affine)


def image_from_voxels(values: np.ndarray, mask_img: Any) -> nibabel.nifti1.Nifti1Image:
    """Write values on the voxels of a mask into an image, zero outside.

    Parameters
    ----------
    values : ndarray of shape (n_voxels,) or (n_maps, n_voxels)
        Columns are the voxels of the mask in C order.
    mask_img : nibabel.nifti1.Nifti1Image
        Binary mask.

    Returns
    -------
    image : nibabel.nifti1.Nifti1Image
        3D for one map given as a vector, 4D with maps along the last axis otherwise.
    """
    mask = np.asarray(mask_img.dataobj) != 0
    volume = np.zeros(mask.shape + values.shape[:-1], dtype=values.dtype)
    volume[mask] = values.T
    return nibabel.Nifti1Image(volume, mask_img.affine)


def voxels_from_images(images: Any, mask_img: Any, name: str = "images") -> np.ndarray:
    """Read images on the voxels of a mask.

    Parameters
    ----------
    images : Nifti1Image, path, or list of these
        3D or 4D, on any grid and with any affine; resampled to the mask by interpolation
        of nilearn's ``"continuous"`` kind. Values that are not finite count as 0.
    mask_img : nibabel.nifti1.Nifti1Image
        Binary mask.
    name : str
        Of the argument, for messages.

    Returns
    -------
    values : ndarray of shape (n_maps, n_voxels), float32

    Raises
    ------
    DataFormatError
        If a file is missing or damaged, or an image is none of a brain.
    InvalidInputError
        If there is no image.

    Warns
    -----
    DataWarning
        Once, with count: images that may not be in MNI152 space, or whose left and right are in
        doubt.
    """
    given = list(images) if isinstance(images, list | tuple) else [images]
    if not given:
        raise InvalidInputError(f"{name} is empty; give at least one image.")
    mask = np.asarray(mask_img.dataobj) != 0
    rows, doubtful = [], []
    for number, image in enumerate(given):
        called = name if len(given) == 1 else f"{name}[{number}]"
        image = open_image(image, called)
        called = image.get_filename() or called
        if doubts := doubts_of_space(image, mask_img):
            doubtful.append(f"{called}: {'; '.join(doubts)}")
        data = _data_on_mask_grid(image, mask_img, "continuous", called)
        volumes = data[..., np.newaxis] if data.ndim == 3 else data
        values = image_values(image, called).reshape(-1, volumes.shape[3])
        # Splines swing beyond the values between which they lead, even to the other sign.
        lowest, highest = (extreme(values, axis=0, initial=0) for extreme in (np.min, np.max))
        rows.append(np.clip(volumes[mask].T, lowest[:, np.newaxis], highest[:, np.newaxis]))
    if doubtful:
        warnings.warn(
            f"{len(doubtful)} of {len(given)} images may not be what they should, maps in MNI152 "
            f"space, the first {doubtful[0]}.",
            DataWarning,
            stacklevel=2,
        )
    return np.ascontiguousarray(np.concatenate(rows), dtype=np.float32)


def regions_from_labels(labels: np.ndarray, names: Sequence[str]) -> Regions:
    """Regions from one label per voxel.

    Parameters
    ----------
    labels : ndarray of int of shape (n_voxels,)
        Column of the region, ``0 ... n_regions - 1``; -1 for voxels in none.
    names : sequence of str of length n_regions

    Returns
    -------
    regions : Regions
    """
    inside = np.flatnonzero(labels >= 0)
    membership = sparse.csr_matrix(
        (np.ones(len(inside), np.float32), (inside, labels[inside])),
        shape=(len(labels), len(names)),
    )
    return Regions(membership, list(names), are_labels=True)


def averaging_matrix(membership: sparse.csr_matrix) -> sparse.csr_matrix:
    """Scale the weights of each region to sum 1.

    Parameters
    ----------
    membership : scipy.sparse.csr_matrix of shape (n_voxels, n_regions)
        Weight of each voxel in each region.

    Returns
    -------
    averaging : scipy.sparse.csr_matrix of shape (n_voxels, n_regions), float64
        Maps on voxels times this matrix are weighted averages over regions. A region
        without voxels stays zero.
    """
    total = np.asarray(membership.sum(axis=0), dtype=np.float64).ravel()
    scale = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    return (membership @ sparse.diags(scale)).tocsr()


def load_atlas(atlas: Any, mask_img: Any, region_names: Sequence[str] | None = None) -> Regions:
    """Read an atlas on the voxels of a mask.

    Parameters
    ----------
    atlas : Nifti1Image, path, nilearn masker or Bunch
        A 3D image of integer labels (0 is background), a 4D image with one non-negative map
        per region, a ``NiftiLabelsMasker`` or ``NiftiMapsMasker`` (fitted or not, only its
        atlas is used), or what a fetcher of nilearn returns (``.maps`` and ``.labels``).
        On another grid than the mask, labels are resampled to the nearest and maps linearly.
    mask_img : nibabel.nifti1.Nifti1Image
        Binary mask.
    region_names : sequence of str or None, default=None
        Names in the order of the label values or of the maps; a leading name of the
        background is allowed. None takes those that `atlas` carries, otherwise
        ``"region_<label value>"`` or ``"region_<position of the map, from 1>"``.

    Returns
    -------
    regions : Regions
        One column per region of the atlas. A region without a voxel in the mask keeps its
        column, all zeros, so that the columns do not depend on the mask.

    Raises
    ------
    InvalidInputError
        If the image is neither of labels nor of non-negative maps, or if there are not as
        many names as regions.

    Warns
    -----
    DataWarning
        If regions have no voxel in the mask.
    """
    image, names, background = _open_atlas(atlas)
    image = open_image(image, "atlas")
    names = region_names if region_names is not None else names
    mask = np.asarray(mask_img.dataobj) != 0
    if len(image.shape) == 4 and image.shape[3] > 1:
        weights = _data_on_mask_grid(image, mask_img, "linear", "atlas")[mask]
        if weights.min(initial=0.0) < 0:
            raise InvalidInputError(
                f"The maps of the atlas have negative values (minimum {weights.min():g}); they "
                "serve as weights of an average and must not. Set negative values to 0 first."
            )
        default = [f"region_{position + 1}" for position in range(weights.shape[1])]
        membership = sparse.csr_matrix(weights.astype(np.float32))
        regions = Regions(membership, _checked_names(names, default), are_labels=False)
    else:
        values = _label_values(image)
        values = values[values != background]
        if not len(values):
            raise InvalidInputError("The label image of the atlas holds only background.")
        on_mask = np.rint(np.squeeze(_data_on_mask_grid(image, mask_img, "nearest", "atlas"))[mask])
        position = np.minimum(np.searchsorted(values, on_mask), len(values) - 1)
        labels = np.where(values[position] == on_mask, position, -1)
        default = [f"region_{value:g}" for value in values]
        regions = regions_from_labels(labels, _checked_names(names, default))
    empty = np.flatnonzero(np.asarray(regions.membership.sum(axis=0)).ravel() == 0)
    if len(empty):
        warnings.warn(
            f"{len(empty)} of {len(regions.names)} regions of the atlas have no voxel in the "
            f"mask and stay zero: {', '.join(regions.names[column] for column in empty)}. "
            "Use a finer resolution or another mask if they matter.",
            DataWarning,
            stacklevel=2,
        )
    return regions


def _open_atlas(atlas: Any) -> tuple[Any, Sequence[str] | None, float]:
    """Image, names or None, and background value of anything that holds an atlas."""
    background = getattr(atlas, "background_label", 0)
    if getattr(atlas, "labels_img", None) is not None:
        return atlas.labels_img, getattr(atlas, "labels", None), background
    if getattr(atlas, "maps_img", None) is not None:
        return atlas.maps_img, None, background
    if hasattr(atlas, "maps"):
        names = getattr(atlas, "labels", None)
        return atlas.maps, None if names is None else list(names), background
    return atlas, None, background


def _label_values(image: Any) -> np.ndarray:
    values = np.unique(image_values(image, "atlas"))
    if np.abs(values - np.rint(values)).max() > 1e-3:
        raise InvalidInputError(
            "atlas is a 3D image whose values are not integers, so not an image of labels; "
            f"it has {len(values)} distinct values from {values[0]:g} to {values[-1]:g}. "
            "Pass an image of labels or a 4D image with one map per region."
        )
    return np.unique(np.rint(values))


def _checked_names(names: Sequence[str] | None, default: list[str]) -> list[str]:
    if names is None or len(names) == 0:
        return default
    checked = [name.decode() if isinstance(name, bytes) else str(name) for name in names]
    if len(checked) == len(default) + 1:
        # nilearn's fetchers put the background first; its own name says nothing to us.
        return checked[1:]
    if len(checked) != len(default):
        raise InvalidInputError(
            f"There are {len(checked)} region names for {len(default)} regions of the atlas. "
            "Give one name per region, in the order of label values or maps."
        )
    return checked


def _data_on_mask_grid(image: Any, mask_img: Any, interpolation: str, name: str) -> np.ndarray:
    from nilearn.image import resample_to_img

    values = image_values(image, name)
    if image.shape[:3] == mask_img.shape and np.allclose(image.affine, mask_img.affine):
        return values
    if not values.any():
        return np.zeros(mask_img.shape + values.shape[3:], dtype=np.float32)
    if values.dtype.kind not in "f" or values.dtype.itemsize < 4:
        values = values.astype(np.float64 if values.dtype.itemsize > 2 else np.float32)
    # With finite values, and without what else stands in the header.
    finite = nibabel.Nifti1Image(values, image.affine)
    resampled = resample_to_img(
        finite, mask_img, interpolation=interpolation, force_resample=True, copy_header=True
    )
    return np.nan_to_num(np.asarray(resampled.dataobj), posinf=0.0, neginf=0.0)
