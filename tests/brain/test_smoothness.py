"""Smoothness is that of the Gaussian by which noise was smoothed."""

import nibabel
import numpy as np
import pytest

from sklearn_mnm.brain.atlas import load_mask
from sklearn_mnm.brain.smoothness import estimate_fwhm, smooth_noise


@pytest.fixture(scope="module")
def mask():
    return load_mask(resolution=4)


@pytest.mark.parametrize("fwhm", [8.0, 12.0, 20.0])
def test_the_estimate_is_the_width_of_the_gaussian(mask, fwhm):
    maps = np.stack(list(smooth_noise(mask, np.full(10, fwhm), seed=0)))
    np.testing.assert_allclose(maps.std(axis=1), 1)
    assert estimate_fwhm(maps, mask).mean() == pytest.approx(fwhm, rel=0.05)


def test_unit_and_offset_do_not_matter(mask):
    maps = np.stack(list(smooth_noise(mask, np.array([10.0]), seed=1)))
    np.testing.assert_allclose(
        estimate_fwhm(1000 * maps + 7, mask), estimate_fwhm(maps, mask), rtol=1e-9
    )


def test_voxels_of_different_sizes_count_in_mm():
    mask = nibabel.Nifti1Image(np.ones((24, 24, 24), np.uint8), np.diag([2.0, 3.0, 4.0, 1.0]))
    maps = np.stack(list(smooth_noise(mask, np.full(20, 12.0), seed=2)))
    assert estimate_fwhm(maps, mask).mean() == pytest.approx(12, rel=0.1)


def test_white_noise_and_a_map_of_one_value_have_the_ends_of_the_scale(mask):
    n_voxels = np.count_nonzero(mask.get_fdata())
    white = np.random.default_rng(0).normal(size=(1, n_voxels))
    assert estimate_fwhm(white, mask)[0] < 4
    assert np.isinf(estimate_fwhm(np.ones((1, n_voxels)), mask))[0]
