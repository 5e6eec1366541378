"""Voxels of a mask to images of any resolution."""

from functools import lru_cache
from typing import Any

import numpy as np
from nibabel.affines import apply_affine

from sklearn_mnm.brain.atlas import image_from_voxels, load_mask

_mask = lru_cache(maxsize=2)(load_mask)


def highest_value(image: Any) -> tuple[float, np.ndarray]:
    """Find the highest value of a map, and where it is in mm, shape (3,).

    Parameters
    ----------
    image : nibabel.nifti1.Nifti1Image
        3D.
    """
    values = np.asarray(image.dataobj)
    voxel = np.unravel_index(values.argmax(), values.shape)
    return float(values[voxel]), apply_affine(image.affine, voxel)


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
    image = image_from_voxels(voxels[0] if len(voxels) == 1 else voxels, mask_img)
    if resolution is None or np.allclose(np.abs(np.diag(mask_img.affine)[:3]), resolution):
        return image
    from nibabel import Nifti1Image
    from nilearn.image import resample_to_img

    target = _mask(None, resolution)
    # Linear: between the voxels around, so that no value leaves the range of the map.
    image = resample_to_img(image, target, interpolation="linear", force_resample=True)
    inside = np.asarray(target.dataobj) != 0
    data = np.asarray(image.dataobj)
    data = np.where(inside if data.ndim == 3 else inside[..., None], data, 0).astype(np.float32)
    # With a header of its own: that of the mask stores whole numbers.
    return Nifti1Image(data, target.affine)
