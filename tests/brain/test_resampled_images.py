"""Maps on a mask come onto other grids as nilearn's linear interpolation brings them there."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from nilearn.image import resample_to_img

from sklearn_mnm.brain.atlas import image_from_voxels, load_mask
from sklearn_mnm.brain.resampled_images import resampled
from tests.tools.slow import slow_to_keep


@pytest.mark.parametrize(("own", "other"), [(4, 2), (4, 3), (6, 4), (3, 4)])
def test_other_grids_have_the_values_of_nilearns_linear_interpolation(own, other):
    mask, target = load_mask(resolution=own), load_mask(resolution=other)
    n_voxels = np.count_nonzero(mask.dataobj)
    voxels = np.random.default_rng(0).normal(size=(2, n_voxels)).astype(np.float32)
    image = resampled(voxels, mask, other)
    smooth = image_from_voxels(voxels, mask)
    expected = resample_to_img(smooth, target, interpolation="linear", force_resample=True)
    inside = np.asarray(target.dataobj) != 0
    np.testing.assert_allclose(image.affine, target.affine)
    values = image.get_fdata()
    np.testing.assert_allclose(values[inside], expected.get_fdata()[inside], atol=1e-5)
    assert not values[~inside].any()
    only = resampled(voxels[:1], mask, other).get_fdata()
    np.testing.assert_array_equal(only, values[..., 0])


def test_on_its_own_grid_a_map_stays_as_it_is():
    mask = load_mask(resolution=4)
    voxels = np.random.default_rng(0).normal(size=(1, np.count_nonzero(mask.dataobj)))
    for resolution in (None, 4):
        image = resampled(voxels, mask, resolution)
        np.testing.assert_array_equal(image.get_fdata()[np.asarray(mask.dataobj) != 0], voxels[0])


def test_threads_that_ask_for_different_grids_get_their_own(monkeypatch):
    slow_to_keep(monkeypatch)
    mask = load_mask(resolution=8)
    voxels = np.random.default_rng(0).normal(size=(1, np.count_nonzero(mask.dataobj)))
    expected = {size: resampled(voxels, mask, size).get_fdata() for size in (6, 10)}
    with ThreadPoolExecutor(4) as threads:
        sizes = [6, 10] * 20
        images = list(threads.map(lambda size: resampled(voxels, mask, size).get_fdata(), sizes))
    for size, image in zip(sizes, images, strict=True):
        np.testing.assert_array_equal(image, expected[size])
