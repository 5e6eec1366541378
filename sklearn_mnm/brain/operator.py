"""Smoothing and averaging over regions as one matrix."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import joblib
import numpy as np
from scipy import linalg, sparse

from sklearn_mnm.brain.atlas import averaging_matrix
from sklearn_mnm.brain.smoothing import gaussian_smooth, voxel_volume

# The matrices in use last, by content: cross-validation and clones with a fixed atlas smooth it
# once, and images of one estimator are made with one interpolator.
_MATRICES: OrderedDict[str, np.ndarray] = OrderedDict()
_MATRICES_KEPT = 6
# Share of the mean eigenvalue added to the normal equations of the interpolation; the map is
# not sensitive to it.
_RIDGE = 0.1


def _cached(key: str, build: Callable[[], np.ndarray]) -> np.ndarray:
    matrix = _MATRICES.pop(key, None)
    if matrix is None:
        matrix = build()
        matrix.setflags(write=False)
    _MATRICES[key] = matrix
    if len(_MATRICES) > _MATRICES_KEPT:
        _MATRICES.popitem(last=False)
    return matrix


def region_operator(membership: sparse.csr_matrix, mask_img: Any, fwhm: float) -> np.ndarray:
    """Build the matrix that takes peak counts to region activations.

    Counts of peaks on voxels times this matrix are the averages, over the voxels of each
    region, of the counts smoothed by a Gaussian of unit sum and divided by the volume of a
    voxel.

    Parameters
    ----------
    membership : scipy.sparse.csr_matrix of shape (n_voxels, n_regions)
        Weight of each voxel in each region.
    mask_img : nibabel.nifti1.Nifti1Image
        Binary mask.
    fwhm : float
        Full width at half maximum of the Gaussian in mm.

    Returns
    -------
    operator : ndarray of shape (n_voxels, n_regions), float32
        In peaks per cubic centimetre per peak; read-only, as callers share it.
    """

    def build() -> np.ndarray:
        averaging = averaging_matrix(membership).astype(np.float32).toarray()
        return gaussian_smooth(averaging / voxel_volume(mask_img), mask_img, fwhm)

    grid = np.asarray(mask_img.dataobj), mask_img.affine
    return _cached(joblib.hash(("operator", membership, grid, float(fwhm))), build)


def region_interpolator(operator: np.ndarray, mask_img: Any, fwhm: float) -> np.ndarray:
    """Build the matrix that takes averages over regions to the smoothed map expected from them.

    With white noise n on voxels for the unknown peaks, averages are ``y = n O`` (O the
    operator of :func:`region_operator`) and the smoothed map is ``m = n G``. The best linear
    estimate of m from y is ``y (O'O + ridge)^-1 O'G``: kriging with the covariance that the
    smoothing itself implies, so it needs no corpus.

    Parameters
    ----------
    operator : ndarray of shape (n_voxels, n_regions)
        From :func:`region_operator`.
    mask_img : nibabel.nifti1.Nifti1Image
        Binary mask.
    fwhm : float
        Full width at half maximum of the Gaussian in mm.

    Returns
    -------
    interpolator : ndarray of shape (n_regions, n_voxels), float32
        Read-only.
    """

    def build() -> np.ndarray:
        smoothed = gaussian_smooth(operator / voxel_volume(mask_img), mask_img, fwhm)
        normal = operator.T.astype(np.float64) @ operator
        normal.flat[:: len(normal) + 1] += _RIDGE * np.trace(normal) / len(normal)
        return linalg.solve(normal, smoothed.T, assume_a="pos").astype(np.float32)

    grid = np.asarray(mask_img.dataobj), mask_img.affine
    return _cached(joblib.hash(("interpolator", operator, grid, float(fwhm))), build)
