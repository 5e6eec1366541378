"""Smoothing and averaging over regions as one matrix."""

from collections import OrderedDict
from typing import Any

import joblib
import numpy as np
from scipy import sparse

from sklearn_mnm.brain.atlas import averaging_matrix
from sklearn_mnm.brain.smoothing import gaussian_smooth, voxel_volume

# The operators in use last, by content of mask, atlas and width: cross-validation and clones
# with a fixed atlas smooth it once.
_OPERATORS: OrderedDict[str, np.ndarray] = OrderedDict()
_OPERATORS_KEPT = 4


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
    key = joblib.hash((membership, np.asarray(mask_img.dataobj), mask_img.affine, float(fwhm)))
    operator = _OPERATORS.pop(key, None)
    if operator is None:
        averaging = averaging_matrix(membership).astype(np.float32).toarray() / voxel_volume(
            mask_img
        )
        operator = gaussian_smooth(averaging, mask_img, fwhm)
        operator.setflags(write=False)
    _OPERATORS[key] = operator
    if len(_OPERATORS) > _OPERATORS_KEPT:
        _OPERATORS.popitem(last=False)
    return operator
