"""Smoothing and averaging over regions as one matrix."""

from collections import OrderedDict
from typing import Any, NamedTuple

import joblib
import numpy as np
from scipy import linalg, sparse

from sklearn_mnm.brain.atlas import averaging_matrix
from sklearn_mnm.brain.smoothing import gaussian_smooth, gaussian_smooth_sparse, voxel_volume

# The operators in use last, by content: cross-validation and clones with a fixed atlas smooth it
# once.
_OPERATORS: OrderedDict[str, sparse.csr_matrix] = OrderedDict()
_OPERATORS_KEPT = 4
# Share of the mean eigenvalue added to the normal equations of the interpolation; the map is
# not sensitive to it.
_RIDGE = 0.1


def region_operator(membership: sparse.csr_matrix, mask_img: Any, fwhm: float) -> sparse.csr_matrix:
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
    operator : scipy.sparse.csr_matrix of shape (n_voxels, n_regions), float32
        In peaks per cubic centimetre per peak; read-only, as callers share it.
    """
    grid = np.asarray(mask_img.dataobj), mask_img.affine
    key = joblib.hash((membership, grid, float(fwhm)))
    operator = _OPERATORS.pop(key, None)
    if operator is None:
        averaging = averaging_matrix(membership) * (1 / voxel_volume(mask_img))
        operator = gaussian_smooth_sparse(averaging, mask_img, fwhm)
        operator.data.setflags(write=False)
    _OPERATORS[key] = operator
    if len(_OPERATORS) > _OPERATORS_KEPT:
        _OPERATORS.popitem(last=False)
    return operator


class RegionInterpolator(NamedTuple):
    """From averages over regions to the smoothed map expected from them.

    With white noise n on voxels for the unknown peaks, averages are ``y = n O`` (O the
    operator of :func:`region_operator`) and the smoothed map is ``m = n G``. The best linear
    estimate of m from y is ``y (O'O + ridge)^-1 O'G``: kriging with the covariance that the
    smoothing itself implies, so it needs no corpus.

    Attributes
    ----------
    weights : ndarray of shape (n_regions, n_regions), float32
        ``(O'O + ridge)^-1``.
    density : scipy.sparse.csr_matrix of shape (n_voxels, n_regions), float32
        ``O``, a unit of each region on the voxels around it, before G smooths it.
    mask_img : nibabel.nifti1.Nifti1Image
        Binary mask.
    fwhm : float
        Full width at half maximum of G in mm.
    """

    weights: np.ndarray
    density: sparse.csr_matrix
    mask_img: Any
    fwhm: float

    @classmethod
    def build(cls, operator: sparse.csr_matrix, mask_img: Any, fwhm: float) -> "RegionInterpolator":
        """Build it for an operator.

        Parameters
        ----------
        operator : scipy.sparse.csr_matrix of shape (n_voxels, n_regions)
            From :func:`region_operator`.
        mask_img : nibabel.nifti1.Nifti1Image
            Binary mask.
        fwhm : float
            Full width at half maximum of the Gaussian in mm.

        Returns
        -------
        interpolator : RegionInterpolator
        """
        normal = (operator.T @ operator).toarray().astype(np.float64)
        normal.flat[:: len(normal) + 1] += _RIDGE * np.trace(normal) / len(normal)
        weights = linalg.inv(normal).astype(np.float32)
        return cls(weights, operator * (1 / voxel_volume(mask_img)), mask_img, fwhm)

    def __call__(self, averages: np.ndarray) -> np.ndarray:
        """Make maps on voxels, (n_maps, n_regions) -> (n_maps, n_voxels)."""
        density = self.density @ (averages @ self.weights).T
        return np.ascontiguousarray(gaussian_smooth(density, self.mask_img, self.fwhm).T)
