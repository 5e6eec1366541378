"""Maps come onto the mask as averages over volumes: integrals and places stay."""

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_mnm.brain import PeaksToRegions
from sklearn_mnm.brain.atlas import load_mask
from sklearn_mnm.brain.resampling import averages_on_mask

SHAPE = (20, 22, 18)
AFFINE = np.array([[4.0, 0, 0, -40], [0, 4, 0, -44], [0, 0, 4, -36], [0, 0, 0, 1]])
WHOLE = nibabel.Nifti1Image(np.ones(SHAPE, np.uint8), AFFINE)


def affine_of(size, first, flip=1):
    affine = np.diag([flip * size, size, size, 1.0])
    affine[:3, 3] = first
    return affine


def volume(affine):
    return abs(np.linalg.det(affine[:3, :3]))


@given(
    size=st.floats(0.7, 9),
    first=st.tuples(*[st.floats(-12, 12)] * 3),
    flip=st.sampled_from([1, -1]),
)
def test_the_integral_of_a_small_cluster_is_kept_on_any_parallel_grid(size, first, flip):
    affine = affine_of(size, first, flip)
    values = np.zeros((5, 4, 3), np.float32)
    values[2, 2, 1] = 3
    total = averages_on_mask(values, affine, WHOLE).sum() * volume(AFFINE)
    assert total == pytest.approx(3 * volume(affine), rel=1e-4)


def test_a_cluster_keeps_its_centre_of_mass():
    affine = affine_of(1.0, (-9.5, 3.0, 8.5))
    values = np.zeros((9, 9, 9), np.float32)
    values[3:6, 3:6, 3:6] = 1
    averages = averages_on_mask(values, affine, WHOLE)[0]
    places = np.argwhere(np.ones(SHAPE)) @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    # To half a voxel of the mask.
    np.testing.assert_allclose(averages @ places / averages.sum(), affine[:3, 3] + 4, atol=2.0)


def test_on_the_grid_of_the_mask_values_stay_as_they_are():
    values = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    np.testing.assert_array_equal(averages_on_mask(values, AFFINE, WHOLE)[0], values.ravel())


def test_constant_maps_stay_constant_inside_and_fade_to_0_at_their_edge():
    averages = averages_on_mask(np.full((99, 99, 99), 2.0), affine_of(1.7, (-84,) * 3), WHOLE)
    np.testing.assert_allclose(averages, 2, rtol=1e-5)
    beside = averages_on_mask(np.full((9, 9, 9), 2.0), affine_of(4, (200, 0, 0)), WHOLE)
    assert not beside.any()


def test_the_order_and_direction_of_axes_do_not_matter():
    values = np.random.default_rng(0).random((9, 10, 11)).astype(np.float32)
    affine = affine_of(3.0, (-14, -10, -12))
    # Axes as MINC and FreeSurfer store them: another order, one backwards.
    turned = values.transpose(2, 0, 1)[:, ::-1]
    order = np.array([[0, -1, 0, 8], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]])
    np.testing.assert_allclose(
        averages_on_mask(turned, affine @ order, WHOLE),
        averages_on_mask(values, affine, WHOLE),
        atol=1e-6,
    )


@pytest.mark.parametrize("size", [1.0, 2.0, 3.0, 6.0])
def test_on_turned_grids_the_integral_is_kept_nearly(size):
    angle = np.deg2rad(17)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    affine = turn @ affine_of(size, (-6, -6, -6))
    values = np.zeros((7, 7, 7), np.float32)
    values[2:4, 3, 3] = 1
    total = averages_on_mask(values, affine, WHOLE).sum() * volume(AFFINE)
    assert total == pytest.approx(2 * volume(affine), rel=0.1)


def test_several_maps_come_each_by_itself():
    values = np.random.default_rng(0).random((9, 10, 11, 3)).astype(np.float32)
    affine = affine_of(3.0, (-14, -10, -12))
    together = averages_on_mask(values, affine, WHOLE)
    one_by_one = [averages_on_mask(values[..., n], affine, WHOLE)[0] for n in range(3)]
    np.testing.assert_array_equal(together, one_by_one)


def test_a_region_of_interest_gives_the_same_activations_2_mm_aside():
    mask = load_mask(resolution=4)
    labels = nibabel.Nifti1Image(
        np.asarray(mask.dataobj) * (1 + (np.arange(50) > 24)[:, None, None]).astype(np.int16),
        mask.affine,
    )
    regions = PeaksToRegions(labels).fit()
    activations = []
    for aside in (0, 1, 2, 3):
        values = np.zeros((182, 218, 182), np.uint8)
        values[60 + aside : 66 + aside, 100:106, 60:66] = 1  # 216 mm3 on the left
        image = nibabel.Nifti1Image(values, affine_of(1.0, (-90, -126, -72)))
        activations.append(regions.regions_from_img(image)[0])
    # In cubic centimetres.
    np.testing.assert_allclose(activations, [[0.216, 0]] * 4, atol=1e-4)
