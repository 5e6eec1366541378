"""Where maps were measured, and what is made of the rest."""

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_mnm.brain.atlas import load_mask
from sklearn_mnm.brain.features import ActivationScaler, filled
from sklearn_mnm.brain.maps import maps_on_mask
from sklearn_mnm.brain.smoothing import gaussian_smooth

MASK = load_mask(None, 4)
INSIDE = np.asarray(MASK.dataobj) != 0
RIGHT = (np.argwhere(INSIDE) @ MASK.affine[:3, :3].T + MASK.affine[:3, 3])[:, 0] > 10


def image(voxels):
    values = np.zeros(MASK.shape, dtype=np.float32)
    values[INSIDE] = voxels
    return nibabel.Nifti1Image(values, MASK.affine)


@pytest.fixture(scope="module")
def noise():
    white = np.random.default_rng(0).normal(size=(INSIDE.sum(), 1)).astype(np.float32)
    smooth = gaussian_smooth(white, MASK, 10.0)[:, 0]
    return smooth / smooth.std()


def test_what_a_measured_map_leaves_out_is_not_covered(noise):
    part = np.where(RIGHT, 0, noise)
    found = maps_on_mask(image(part), MASK)
    np.testing.assert_array_equal(found.covered[0], part != 0)
    assert found.covered[0].mean() == pytest.approx(1 - RIGHT.mean(), abs=0.01)


@pytest.mark.parametrize(
    "of_noise",
    [
        lambda noise: noise,
        lambda noise: np.where(abs(noise) > 2, noise, 0),  # thresholded
        lambda noise: np.where(abs(noise) > 0.5, noise, 0),
        lambda noise: np.maximum(noise, 0),  # of one sign
        lambda noise: np.where(np.arange(len(noise)) < 3000, noise, 0),  # a small part
    ],
)
def test_all_is_covered_where_zeros_may_mean_nothing_found(noise, of_noise):
    assert maps_on_mask(image(of_noise(noise)), MASK).covered.all()


def test_maps_of_a_series_are_judged_each_by_itself(noise):
    volumes = [image(v).get_fdata() for v in (noise, np.where(RIGHT, 0, noise))]
    series = nibabel.Nifti1Image(np.stack(volumes, axis=-1).astype(np.float32), MASK.affine)
    covered = maps_on_mask(series, MASK).covered
    assert covered[0].all()
    assert not covered[1, RIGHT].any()


shares = st.lists(st.floats(0, 1), min_size=4, max_size=4).map(np.array)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(shares, shares)
def test_what_is_filled_in_is_as_usual(activations, coverage):
    usual = np.array([1.0, 2.0, 3.0, 4.0])
    found = filled(activations[None] * coverage, coverage[None], usual)[0]
    # A map that is as usual where it is covered is so everywhere.
    whole = filled((usual * coverage)[None], coverage[None], usual)[0]
    if (coverage @ usual) > 1e-6:
        np.testing.assert_allclose(whole, usual, rtol=1e-6)
    assert (found >= activations * coverage).all()
    full = coverage == 1
    np.testing.assert_array_equal(found[full], activations[full])


def test_the_usual_activations_are_those_of_the_scaled_maps():
    maps = np.random.default_rng(0).gamma(1, size=(50, 6))
    scaler = ActivationScaler.fit(maps, power=0.5)
    scaled = np.sqrt(maps) / np.linalg.norm(np.sqrt(maps), axis=1, keepdims=True)
    np.testing.assert_allclose(scaler.expected(), scaled.mean(axis=0) ** 2)
