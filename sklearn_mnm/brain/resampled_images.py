"""Voxels of a mask to images of any resolution."""

from functools import lru_cache, partial
from typing import Any

import numpy as np
from nibabel.affines import apply_affine
from scipy import sparse

from sklearn_mnm._tools.made_once import made_once
from sklearn_mnm.brain.atlas import image_from_voxels, load_mask

_mask = lru_cache(maxsize=2)(load_mask)


def resampled(voxels: np.ndarray, mask_img: Any, resolution: int | None) -> Any:
    """Write maps into an image, on another MNI152 grid if asked for.

    Parameters
    ----------
    voxels : ndarray of shape (n_maps, n_voxels)
        On the voxels of the mask in C order.
    mask_img : nibabel.nifti1.Nifti1Image
        Binary mask.
    resolution : int or None
        Voxel size in mm of nilearn's MNI152 mask to interpolate on. If None, stay on the mask.

    Returns
    -------
    image : nibabel.nifti1.Nifti1Image
        Zero outside the mask; 3D for one map, 4D for several.
    """
    on_mask = resolution is None or np.allclose(np.abs(np.diag(mask_img.affine)[:3]), resolution)
    if not on_mask:
        target = _mask(None, resolution)
        make = partial(_interpolation, mask_img, target)
        weights = made_once(mask_img, "interpolation", make, target)
        voxels, mask_img = (weights @ voxels.T.astype(np.float32)).T, target
    return image_from_voxels(voxels[0] if len(voxels) == 1 else voxels, mask_img)


def _interpolation(mask_img: Any, target: Any) -> Any:
    """Weights of the voxels of a mask around those of another, trilinear.

    Returns
    -------
    weights : csr_matrix of shape (n_voxels of target, n_voxels of mask_img), float32
        What is not of the mask counts as 0.
    """
    inside = np.asarray(mask_img.dataobj) != 0
    rows_of = np.full(inside.shape, -1, dtype=np.int32)
    rows_of[inside] = np.arange(np.count_nonzero(inside), dtype=np.int32)
    wanted = np.argwhere(np.asarray(target.dataobj) != 0)
    place = apply_affine(np.linalg.inv(mask_img.affine) @ target.affine, wanted).round(6)
    corner = np.floor(place).astype(np.intp)
    share = place - corner
    weights, rows, columns = [], [], []
    for offset in np.ndindex(2, 2, 2):
        at = corner + offset
        weight = np.prod(np.where(offset, share, 1 - share), axis=1)
        known = (weight > 0) & ((at >= 0) & (at < inside.shape)).all(axis=1)
        column = rows_of[tuple(at[known].T)]
        in_mask = column >= 0
        rows.append(np.flatnonzero(known)[in_mask])
        columns.append(column[in_mask])
        weights.append(weight[known][in_mask].astype(np.float32))
    entries = np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_matrix(entries, shape=(len(wanted), np.count_nonzero(inside)))
