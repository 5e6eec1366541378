"""The Gaussian kernel on the voxels of a mask."""

import math
from typing import Any

import numpy as np
from nibabel.affines import voxel_sizes
from scipy import ndimage, sparse

# FWHM = sqrt(8 ln 2) sigma for a Gaussian.
FWHM_PER_SIGMA = math.sqrt(8 * math.log(2))
# Columns smoothed at once: a few volumes fill the cache, more only cost memory.
_BLOCK = 8


def voxel_volume(mask_img: Any) -> float:
    """Volume of one voxel of an image.

    Parameters
    ----------
    mask_img : nibabel.nifti1.Nifti1Image

    Returns
    -------
    volume : float
        In cubic centimetres.
    """
    return float(np.abs(np.linalg.det(mask_img.affine[:3, :3]))) / 1000.0


def gaussian_smooth(values: np.ndarray, mask_img: Any, fwhm: float) -> np.ndarray:
    """Smooth maps given on the voxels of a mask with a Gaussian of unit sum.

    Each map is written into a volume of zeros, filtered along the three axes as
    :func:`scipy.ndimage.gaussian_filter` does (truncated at 4 sigma, zeros beyond the edges
    of the grid, where nilearn mirrors the image) and read from the mask again. What the
    kernel carries out of the mask is lost, and nothing is renormalised. The kernel is
    symmetric, so this linear map equals its own transpose: smoothing the columns of an
    averaging matrix gives the operator that smooths first and averages then, and no
    (n_voxels, n_voxels) matrix is needed at any width.

    Parameters
    ----------
    values : ndarray of shape (n_voxels, n_maps)
        One map per column; rows are the voxels of the mask in C order.
    mask_img : nibabel.nifti1.Nifti1Image
        Binary mask; its axes must be orthogonal.
    fwhm : float
        Full width at half maximum in mm; 0 returns a copy.

    Returns
    -------
    smoothed : ndarray of shape (n_voxels, n_maps), float32
    """
    if fwhm == 0:
        return np.array(values, dtype=np.float32)
    mask = np.asarray(mask_img.dataobj) != 0
    sigma = (0.0, *(fwhm / (FWHM_PER_SIGMA * voxel_sizes(mask_img.affine))))
    smoothed = np.empty(values.shape, dtype=np.float32)
    for start in range(0, values.shape[1], _BLOCK):
        block = slice(start, min(start + _BLOCK, values.shape[1]))
        volumes = np.zeros((block.stop - block.start, *mask.shape), dtype=np.float32)
        volumes[:, mask] = values[:, block].T
        volumes = ndimage.gaussian_filter(volumes, sigma, mode="constant")
        smoothed[:, block] = volumes[:, mask].T
    return smoothed


def gaussian_smooth_sparse(
    values: sparse.csr_matrix, mask_img: Any, fwhm: float
) -> sparse.csr_matrix:
    """Smooth maps that are zero at most voxels: :func:`gaussian_smooth` in sparse arithmetic.

    The filter along each axis is a banded matrix, so maps of small regions cost what their
    neighbourhood holds instead of whole volumes.

    Parameters
    ----------
    values : scipy.sparse.csr_matrix of shape (n_voxels, n_maps)
        One map per column; rows are the voxels of the mask in C order.
    mask_img : nibabel.nifti1.Nifti1Image
        Binary mask; its axes must be orthogonal.
    fwhm : float
        Full width at half maximum in mm; 0 returns a copy.

    Returns
    -------
    smoothed : scipy.sparse.csr_matrix of shape (n_voxels, n_maps), float32
    """
    if fwhm == 0:
        return values.astype(np.float32, copy=True)
    mask = np.asarray(mask_img.dataobj) != 0
    inside = np.flatnonzero(mask)
    to_grid = sparse.csr_matrix(
        (np.ones(len(inside), np.float32), (inside, np.arange(len(inside)))),
        shape=(mask.size, len(inside)),
    )
    volumes = to_grid @ values.astype(np.float32)
    sigmas = fwhm / (FWHM_PER_SIGMA * voxel_sizes(mask_img.affine))
    for axis, (length, sigma) in enumerate(zip(mask.shape, sigmas, strict=True)):
        before, after = int(np.prod(mask.shape[:axis])), int(np.prod(mask.shape[axis + 1 :]))
        band = sparse.csr_matrix(_filter_matrix(length, sigma))
        volumes = (
            sparse.kron(
                sparse.eye_array(before), sparse.kron(band, sparse.eye_array(after)), format="csr"
            ).astype(np.float32)
            @ volumes
        )
    return sparse.csr_matrix(volumes[inside])


def _filter_matrix(length: int, sigma: float) -> np.ndarray:
    """Filter single impulses along one axis: the Gaussian filter as a matrix."""
    return ndimage.gaussian_filter1d(np.eye(length, dtype=np.float32), sigma, mode="constant")
