"""ActivationScaler: scale, sign, centring and empty maps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sklearn_mnm.brain.features import ActivationScaler, relative_extent

MAPS = arrays(np.float64, (6, 5), elements=st.floats(-1e6, 1e6))


@settings(derandomize=True)
@given(maps=MAPS, factor=st.floats(1e-6, 1e6), power=st.floats(0.1, 1.0))
def test_the_scale_of_a_map_does_not_matter(maps, factor, power):
    maps[np.abs(maps) < 1e-3] = 0
    scaler = ActivationScaler.fit(maps, power=power)
    np.testing.assert_allclose(
        scaler.transform(maps), scaler.transform(factor * maps), rtol=1e-4, atol=1e-5
    )


@settings(derandomize=True)
@given(maps=MAPS, power=st.floats(0.1, 1.0))
def test_scaled_training_maps_have_zero_mean_and_unit_norm_before_centring(maps, power):
    scaler = ActivationScaler.fit(maps, power=power)
    scaled, active = scaler.transform(maps), maps.any(axis=1)
    assert (scaled[~active] == 0).all()
    if active.any():
        np.testing.assert_allclose(scaled[active].mean(0), 0, atol=1e-5)
        norms = np.linalg.norm(scaled[active] + scaler.mean, axis=1)
        np.testing.assert_allclose(norms, 1, rtol=1e-5)


def test_the_square_root_of_counts_gives_the_bhattacharyya_coefficient():
    counts = np.array([[1.0, 3.0, 0.0], [2.0, 2.0, 4.0]])
    scaler = ActivationScaler.fit(counts, power=0.5)
    first, second = scaler.transform(counts) + scaler.mean
    p, q = counts / counts.sum(1, keepdims=True)
    assert first @ second == pytest.approx(np.sqrt(p * q).sum(), rel=1e-6)


def test_signs_are_kept():
    scaler = ActivationScaler.fit(np.array([[-4.0, 1.0], [4.0, -1.0]]), power=0.5)
    np.testing.assert_allclose(scaler.mean, 0, atol=1e-12)
    scaled = scaler.transform(np.array([[-4.0, 1.0]]))[0]
    np.testing.assert_allclose(scaled, np.array([-2.0, 1.0]) / np.sqrt(5), rtol=1e-6)


@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_extreme_values_stay_finite(size):
    maps = size * np.array([[1.0, 0.5], [0.0, 1.0]])
    assert np.isfinite(ActivationScaler.fit(maps, power=0.5).transform(maps)).all()


def test_extent_is_the_share_of_regions_above_a_tenth_of_the_largest():
    maps = np.array([[10.0, 1.1, 0.9, 0.0], [-10.0, -2.0, 5.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    np.testing.assert_allclose(relative_extent(maps), [0.5, 0.75, 0.0])
