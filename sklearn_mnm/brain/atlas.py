"""Masks and regions: from any atlas that nilearn reads to weights on the voxels of a mask."""

import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, NamedTuple

import nibabel
import numpy as np
from nibabel.affines import apply_affine
from scipy import sparse

from sklearn_mnm.brain.image_files import image_values, open_image, own_image
from sklearn_mnm.brain.image_space import doubts_of_header, placed
from sklearn_mnm.brain.region_names import names_of_labels, names_of_maps
from sklearn_mnm.brain.resampling import averages_on_mask
from sklearn_mnm.exceptions import DataWarning, InvalidInputError

# MNI152 masks of nilearn that come with the package, by voxel size in mm.
OWN_MASKS = {2: "mni152_mask_2mm.nii.gz", 4: "mni152_mask_4mm.nii.gz"}
# Share of the edge of an image that its background fills.
_AT_EDGE = 0.9
_N_LISTED = 20
# Share of a mask that lies in the brain without a word of it, and resolution in mm at which it is
# looked at.
_IN_BRAIN, _COARSE = 0.5, 4
# Of the two values of a mask, by the larger: what rounding and scaled storage leave.
_ROUNDED = 1e-3


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
        A 3D image of two values, 0 and what is inside. If None, use the MNI152 brain mask of
        nilearn.
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
        If the image is not 3D, has more than two values, or no voxel inside.

    Warns
    -----
    DataWarning
        If a mask that is given may not be in MNI152 space.
    """
    if mask_img is None:
        own = _mni152_mask(resolution)
        return nibabel.Nifti1Image(np.array(own.dataobj), own.affine)
    image, guess = placed(open_image(mask_img, "mask_img"))
    data = image_values(image, "mask_img")
    if data.ndim == 4 and data.shape[3] == 1:
        data = data[..., 0]
    if data.ndim != 3:
        raise InvalidInputError(f"mask_img must be a 3D image, got shape {data.shape}.")
    highest = float(data.max())
    inside = np.asarray(data > (1 - _ROUNDED) * highest)
    if highest <= 0:
        raise InvalidInputError("mask_img has no voxel inside: all its values are 0.")
    if not (inside | (np.abs(data) < _ROUNDED * highest)).all():
        between = float((~inside & (np.abs(data) >= _ROUNDED * highest)).mean())
        raise InvalidInputError(
            f"mask_img has more than two values, from {float(data.min()):g} to {highest:g}: "
            f"{between:.1%} are neither 0 nor the highest, as of a mask that was interpolated, of "
            "probabilities or of labels. Say what is inside, for example "
            "nilearn.image.binarize_img(mask_img, threshold=0.5, copy_header=True), and resample "
            "masks to the nearest."
        )
    doubts = doubts_of_header(image) + ([] if guess is None else [guess])
    if (share := _share_in_brain(inside, image.affine)) < _IN_BRAIN:
        doubts.append(
            f"only {share:.0%} of what it takes for inside lies in the brain of MNI152; it may be "
            "inverted, without a brain, or in another space"
        )
    if doubts:
        source = image.get_filename() or "mask_img"
        warnings.warn(f"{source}: {'; '.join(doubts)}.", DataWarning, stacklevel=2)
    return nibabel.Nifti1Image(inside.astype(np.uint8), image.affine)


@lru_cache(maxsize=4)
def _mni152_mask(resolution: int) -> nibabel.nifti1.Nifti1Image:
    """Mask of nilearn, which takes half a second; the usual ones come with this package."""
    if resolution in OWN_MASKS:
        return own_image(OWN_MASKS[resolution])
    from nilearn.datasets import load_mni152_brain_mask

    image = load_mni152_brain_mask(resolution=resolution)
    return nibabel.Nifti1Image((image_values(image) != 0).astype(np.uint8), image.affine)


def _share_in_brain(inside: np.ndarray, affine: np.ndarray) -> float:
    """Share of the voxels of a mask whose centres lie in the brain of nilearn."""
    brain = _mni152_mask(_COARSE)
    to_brain = np.linalg.inv(brain.affine) @ affine
    voxels = np.rint(apply_affine(to_brain, np.argwhere(inside))).astype(np.intp)
    within = ((voxels >= 0) & (voxels < brain.shape)).all(axis=1)
    values = np.asarray(brain.dataobj)[tuple(voxels[within].T)]
    return float(np.count_nonzero(values) / len(voxels))


def voxel_centres(mask_img: Any) -> np.ndarray:
    """Centres of the voxels of a mask in mm, shape (n_voxels, 3), in C order."""
    return apply_affine(mask_img.affine, np.argwhere(np.asarray(mask_img.dataobj) != 0))


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


def load_atlas(atlas: Any, mask_img: Any, region_names: Any = None) -> Regions:
    """Read an atlas on the voxels of a mask.

    Parameters
    ----------
    atlas : Nifti1Image, path, nilearn masker, Bunch or dict
        A 3D image of integer labels, a 4D image with one non-negative map per region, a
        ``NiftiLabelsMasker`` or ``NiftiMapsMasker`` (fitted or not, only its atlas is used), or
        what a fetcher of nilearn returns (``maps``, and ``lut`` or ``labels``). On another grid
        than the mask, a voxel has the label at its centre, and maps are averaged over it.
    mask_img : nibabel.nifti1.Nifti1Image
        Binary mask.
    region_names : sequence of str, dict, DataFrame, path or None, default=None
        See :func:`~sklearn_mnm.brain.region_names.names_of_labels`. If None, use those that `atlas`
        carries, otherwise ``"region_<label value>"`` or ``"region_<position of the map, from 1>"``.

    Returns
    -------
    regions : Regions
        One column per region of the atlas. A region without a voxel in the mask keeps its
        column, all zeros, so that the columns do not depend on the mask.

    Raises
    ------
    InvalidInputError
        If the image is neither of labels nor of non-negative maps, or names do not fit.

    Warns
    -----
    DataWarning
        If the background is another value than 0, if small regions get the voxel of which they
        fill most, if regions have no voxel in the mask, or if the image may not be in MNI152 space.
    """
    image, names, background = _open_atlas(atlas)
    image = open_image(image, "atlas")
    names = region_names if region_names is not None else names
    image, guess = placed(image)
    notes = doubts_of_header(image)
    notes += [] if guess is None else [guess]
    if len(image.shape) == 4 and image.shape[3] > 1:
        values = image_values(image, "atlas")
        weights = averages_on_mask(values, image.affine, mask_img).T
        if weights.min(initial=0.0) < 0:
            raise InvalidInputError(
                f"The maps of the atlas have negative values (minimum {weights.min():g}); they "
                "serve as weights of an average and must not. Set negative values to 0 first."
            )
        membership = sparse.csr_matrix(weights.astype(np.float32))
        named = names_of_maps(names, weights.shape[1])
        regions = Regions(membership, named, are_labels=False)
    else:
        labels, missing = _whole_labels(image)
        labels[missing] = background
        background, note = _background(labels, background)
        if background == 0 and missing.any() and (labels[~missing] == 0).any():
            note = (
                "0 and what is no number (NaN) both count as background; if 0 is a region, give it "
                "another label"
            )
        labels[missing] = background
        values = np.unique(labels)
        values = values[values != background]
        if not len(values):
            raise InvalidInputError("The label image of the atlas holds only background.")
        named = names_of_labels(names, values, background)
        on_mask, small = _labels_on_mask(labels, image.affine, mask_img, values, background)
        notes += [note] if note is not None else []
        if len(small):
            notes.append(
                f"{len(small)} of {len(values)} regions are at no centre of a voxel of the mask "
                f"and get the voxel of which they fill most: {_listed(named, small)}; use a finer "
                "resolution if they matter"
            )
        regions = regions_from_labels(on_mask, named)
    empty = np.flatnonzero(np.asarray(regions.membership.sum(axis=0)).ravel() == 0)
    if len(empty):
        notes.append(
            f"{len(empty)} of {len(regions.names)} regions of the atlas have no voxel in the "
            f"mask and stay zero: {_listed(named, empty)}; use a finer resolution or another mask "
            "if they matter"
        )
    if notes:
        source = image.get_filename() or "atlas"
        warnings.warn(f"{source}: {'; '.join(notes)}.", DataWarning, stacklevel=2)
    return regions


def _open_atlas(atlas: Any) -> tuple[Any, Any, float]:
    """Image, names or None, and background value of anything that holds an atlas."""
    if isinstance(atlas, Mapping) and not hasattr(atlas, "maps"):
        atlas = SimpleNamespace(**{str(name): value for name, value in atlas.items()})
    background = getattr(atlas, "background_label", 0)
    image = atlas
    for name in ("labels_img", "maps_img", "maps"):
        if getattr(atlas, name, None) is not None:
            image = getattr(atlas, name)
            break
    else:
        return atlas, None, background
    names = getattr(atlas, "lut", None)
    if names is None:
        names = getattr(atlas, "labels", None)
        values = getattr(atlas, "indices", None)
        if names is not None and values is not None and len(names) == len(values):
            names = dict(zip(values, names, strict=True))
    return image, names, background


def _whole_labels(image: Any) -> tuple[np.ndarray, np.ndarray]:
    """Read labels, shape (i, j, k), and where they are no numbers."""
    labels = image_values(image, "atlas")
    missing = ~np.isfinite(np.asanyarray(image.dataobj))
    if labels.ndim == 4:
        labels, missing = labels[..., 0], missing[..., 0]
    whole = np.rint(labels)
    if np.abs(labels - whole).max() > 1e-3:
        values = np.unique(labels)
        raise InvalidInputError(
            "atlas is a 3D image whose values are not integers, so not an image of labels; "
            f"it has {len(values)} distinct values from {values[0]:g} to {values[-1]:g}. "
            "Pass an image of labels or a 4D image with one map per region."
        )
    return np.array(whole), missing


def _background(labels: np.ndarray, told: float) -> tuple[float, str | None]:
    """Value of the background, and what to say if it is not the one that was told."""
    faces = [np.take(labels, end, axis).ravel() for axis in range(3) for end in (0, -1)]
    values, counts = np.unique(np.concatenate(faces), return_counts=True)
    edge, share = float(values[counts.argmax()]), counts.max() / counts.sum()
    # At the edge of an image is no brain. Where nothing else is, the brain fills the image.
    if edge == told or share < _AT_EDGE or (labels == edge).all() or (labels == told).mean() > 0.5:
        return told, None
    if not (labels != edge).any() or np.isin(labels, [edge, told]).all():
        return told, None
    return edge, (
        f"{edge:g} is taken for the background, as it fills {share:.0%} of the edge of the image; "
        f"labels are the other values, {told:g} too if it occurs. If {edge:g} is a region, give "
        "NiftiLabelsMasker(image, background_label=...) of an image that has a margin"
    )


def _labels_on_mask(
    labels: np.ndarray, affine: np.ndarray, mask_img: Any, values: np.ndarray, background: float
) -> tuple[np.ndarray, np.ndarray]:
    """Position of the label of each voxel of a mask, -1 for none, and of labels that are small.

    A label that is at no centre of a voxel gets that of which it fills most, unless another such
    label has it.
    """
    mask = np.asarray(mask_img.dataobj) != 0
    voxels = np.rint(apply_affine(np.linalg.inv(affine) @ mask_img.affine, np.argwhere(mask)))
    inside = ((voxels >= 0) & (voxels < labels.shape)).all(axis=1)
    at_centre = np.full(len(voxels), background)
    at_centre[inside] = labels[tuple(voxels[inside].astype(np.intp).T)]
    position = np.minimum(np.searchsorted(values, at_centre), len(values) - 1)
    positions = np.where(values[position] == at_centre, position, -1)
    lost = np.setdiff1d(np.arange(len(values)), positions)
    small, taken = [], np.zeros(len(positions), bool)
    for column in lost:
        share = averages_on_mask(labels == values[column], affine, mask_img)[0]
        share[taken | _is_last(positions)] = 0
        if share.any():
            positions[share.argmax()] = column
            taken[share.argmax()] = True
            small.append(column)
    return positions, np.array(small, dtype=np.intp)


def _is_last(positions: np.ndarray) -> np.ndarray:
    """Whether a voxel is the only one of its label."""
    counts = np.bincount(positions[positions >= 0], minlength=1)
    return (positions >= 0) & (counts[np.maximum(positions, 0)] == 1)


def _listed(names: list[str], columns: np.ndarray) -> str:
    shown = ", ".join(names[column] for column in columns[:_N_LISTED])
    return shown + (f" and {len(columns) - _N_LISTED} more" if len(columns) > _N_LISTED else "")
