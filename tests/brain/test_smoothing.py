"""The Gaussian kernel against SciPy and nilearn, and its symmetries."""

import nibabel
import numpy as np
import pytest
from nilearn.image import smooth_img
from scipy import ndimage, sparse

from sklearn_mnm.brain.atlas import image_from_voxels
from sklearn_mnm.brain.smoothing import (
    FWHM_PER_SIGMA,
    gaussian_smooth,
    gaussian_smooth_sparse,
    voxel_volume,
)


def impulses(mask_img, *voxels):
    """One column per voxel of the grid, 1 there."""
    inside = np.asarray(mask_img.dataobj) != 0
    columns = np.zeros((int(inside.sum()), len(voxels)))
    number = np.cumsum(inside).reshape(inside.shape) - 1
    for column, voxel in enumerate(voxels):
        columns[number[voxel], column] = 1
    return columns


@pytest.mark.parametrize("fwhm", [4.0, 9.0, 25.0])
def test_an_impulse_spreads_as_in_scipy_and_nilearn(box_mask, fwhm):
    values = impulses(box_mask, (8, 9, 10))
    smoothed = image_from_voxels(gaussian_smooth(values, box_mask, fwhm)[:, 0], box_mask)
    volume = image_from_voxels(values[:, 0], box_mask)
    inside = np.asarray(box_mask.dataobj) != 0
    with_scipy = ndimage.gaussian_filter(
        volume.get_fdata(), fwhm / FWHM_PER_SIGMA / 3.0, mode="constant"
    )
    with_nilearn = smooth_img(volume, fwhm).get_fdata()
    np.testing.assert_allclose(smoothed.get_fdata(), with_scipy * inside, atol=1e-7)
    if fwhm < 20:  # A wider kernel reaches the edge of the grid, where nilearn mirrors.
        np.testing.assert_allclose(smoothed.get_fdata(), with_nilearn * inside, atol=1e-7)


def test_each_axis_has_its_own_voxel_size():
    mask_img = nibabel.Nifti1Image(np.ones((31, 31, 31), np.uint8), np.diag([-1.0, 2, 4, 1]))
    smoothed = gaussian_smooth(impulses(mask_img, (15, 15, 15)), mask_img, 8.0)
    volume = smoothed.reshape(31, 31, 31)
    # 4 mm from the centre, half the width, is half the height: 4, 2 and 1 voxels away.
    half = volume[15, 15, 15] / 2
    for voxel in [(11, 15, 15), (15, 17, 15), (15, 15, 14)]:
        assert volume[voxel] == pytest.approx(half, rel=1e-4)


def test_the_kernel_has_unit_sum_away_from_the_edge_and_loses_mass_at_it(box_mask):
    smoothed = gaussian_smooth(impulses(box_mask, (10, 11, 12), (2, 11, 12)), box_mask, 6.0)
    assert smoothed[:, 0].sum() == pytest.approx(1, abs=1e-5)
    assert 0.5 < smoothed[:, 1].sum() < 0.9


def test_moving_the_impulse_moves_its_map(box_mask):
    smoothed = gaussian_smooth(impulses(box_mask, (9, 10, 11), (10, 12, 11)), box_mask, 5.0)
    first, second = (
        image_from_voxels(smoothed[:, column], box_mask).get_fdata() for column in (0, 1)
    )
    np.testing.assert_allclose(np.roll(first, (1, 2, 0), axis=(0, 1, 2)), second, atol=1e-8)


def test_the_operator_is_its_own_transpose(brain_mask):
    n_voxels = int(np.asarray(brain_mask.dataobj).sum())
    left, right = np.random.default_rng(0).standard_normal((2, n_voxels, 3))
    np.testing.assert_allclose(
        left.T @ gaussian_smooth(right, brain_mask, 20.0),
        gaussian_smooth(left, brain_mask, 20.0).T @ right,
        rtol=1e-4,
        atol=1e-4,
    )


def test_many_maps_are_smoothed_as_each_alone(brain_mask):
    n_voxels = int(np.asarray(brain_mask.dataobj).sum())
    maps = np.random.default_rng(0).standard_normal((n_voxels, 19))
    together = gaussian_smooth(maps, brain_mask, 12.0)
    alone = [gaussian_smooth(maps[:, [column]], brain_mask, 12.0) for column in range(19)]
    np.testing.assert_array_equal(together, np.hstack(alone))


def test_no_width_does_not_smooth(box_mask):
    values = impulses(box_mask, (5, 5, 5))
    np.testing.assert_array_equal(gaussian_smooth(values, box_mask, 0), values)


def test_voxel_volume_is_in_cubic_centimetres(box_mask):
    assert voxel_volume(box_mask) == pytest.approx(0.027)


@pytest.mark.parametrize("fwhm", [0, 5.0, 20.0])
def test_sparse_smoothing_equals_dense_smoothing(brain_mask, fwhm):
    n_voxels = int(np.asarray(brain_mask.dataobj).astype(bool).sum())
    maps = sparse.random(n_voxels, 5, density=0.01, random_state=0, format="csr")
    smoothed = gaussian_smooth_sparse(maps, brain_mask, fwhm)
    expected = gaussian_smooth(maps.toarray(), brain_mask, fwhm)
    np.testing.assert_allclose(smoothed.toarray(), expected, atol=1e-6)
