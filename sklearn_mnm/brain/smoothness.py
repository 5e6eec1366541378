"""How smooth maps are, and smooth noise."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

_FWHM_PER_SIGMA = np.sqrt(8 * np.log(2))


def estimate_fwhm(maps: np.ndarray, mask_img: Any) -> np.ndarray:
    r"""Estimate the smoothness of maps from differences between neighbouring voxels.

    For noise smoothed by a Gaussian, with variance :math:`s^2` of the values and :math:`s_d^2` of
    the differences at distance d, FWHM is
    :math:`d \sqrt{-2 \ln 2 / \ln (1 - s_d^2 / 2 s^2)}` [1]_.

    Parameters
    ----------
    maps : ndarray of shape (n_maps, n_voxels)
        On the voxels of the mask in C order.
    mask_img : nibabel.nifti1.Nifti1Image
        Binary mask.

    Returns
    -------
    fwhm : ndarray of shape (n_maps,)
        In mm, the geometric mean of the three directions; at least half a voxel. Infinite for a map
        of one value.

    References
    ----------
    .. [1] Forman, S. D. et al. (1995). Improved assessment of significant activation in functional
       magnetic resonance imaging. Magnetic Resonance in Medicine 33, 636-647.
       doi:10.1002/mrm.1910330508
    """
    mask = np.asarray(mask_img.dataobj) != 0
    sizes = np.linalg.norm(mask_img.affine[:3, :3], axis=0)
    variance = maps.var(axis=1)
    numbers = np.full(mask.shape, -1)
    numbers[mask] = np.arange(maps.shape[1])
    logs = np.zeros(len(maps))
    for axis, size in enumerate(sizes):
        ahead = np.moveaxis(numbers, axis, 0)
        here, there = ahead[:-1].ravel(), ahead[1:].ravel()
        both = (here >= 0) & (there >= 0)
        differences = maps[:, there[both]] - maps[:, here[both]]
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.mean(np.square(differences), axis=1) / (2 * variance)
            fwhm = size * np.sqrt(-2 * np.log(2) / np.log1p(-np.clip(share, 0, 1 - 1e-9)))
        logs += np.log(np.maximum(np.where(np.isnan(fwhm), np.inf, fwhm), size / 2)) / 3
    return np.exp(logs)


def mask_of(covered: np.ndarray, mask_img: Any) -> Any:
    """Mask of a part of the voxels of a mask, given as an array of bool (n_voxels,)."""
    part = np.asarray(mask_img.dataobj) != 0
    part[part] = covered
    return mask_img.__class__(part.astype(np.uint8), mask_img.affine)


def smooth_noise(mask_img: Any, fwhm: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """Draw maps of Gaussian noise, each smoothed by a Gaussian.

    Parameters
    ----------
    mask_img : nibabel.nifti1.Nifti1Image
        Binary mask.
    fwhm : ndarray of shape (n_maps,)
        Of the Gaussians, in mm.
    seed : int

    Yields
    ------
    values : ndarray of shape (n_voxels,)
        On the voxels of the mask in C order, of variance 1.
    """
    random = np.random.default_rng(seed)
    mask = np.asarray(mask_img.dataobj) != 0
    sizes = np.linalg.norm(mask_img.affine[:3, :3], axis=0)
    for width in fwhm:
        smoothed = gaussian_filter(random.normal(size=mask.shape), width / _FWHM_PER_SIGMA / sizes)
        values = smoothed[mask]
        yield values / values.std()
