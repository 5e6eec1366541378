"""Activation that is moved from one hemisphere to the other."""

import nibabel
import numpy as np
import pytest
from nibabel.affines import apply_affine

from sklearn_mnm import PeaksToRegions
from sklearn_mnm.brain.mirror import Mirror

# Two pairs of cubes, one of them in the cerebellum, and one across the middle; mm, MNI152.
CENTRES = [[-40, -20, 40], [40, -20, 40], [-20, -60, -32], [20, -60, -32], [0, -20, 44]]


@pytest.fixture(scope="module", params=["sum", "mean"])
def mirror(request):
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = [-80, -112, -72]
    labels = np.zeros((41, 46, 46), dtype=np.int16)
    mm = apply_affine(affine, np.moveaxis(np.indices(labels.shape), 0, -1))
    for number, centre in enumerate(CENTRES, 1):
        labels[(abs(mm - centre) < 7).all(axis=-1)] = number
    image = nibabel.Nifti1Image(labels, affine)
    return Mirror.of(PeaksToRegions(atlas=image, resolution=4, strategy=request.param).fit())


def test_counterparts_are_on_the_other_side(mirror):
    np.testing.assert_allclose(mirror.counterpart.toarray(), np.eye(5)[[1, 0, 3, 2, 4]], atol=1e-12)
    np.testing.assert_allclose(mirror.side, [-1, 1, -1, 1, 0], atol=1e-12)
    np.testing.assert_allclose(mirror.cerebellum, [0, 0, 1, 1, 0])


def test_odds_are_what_is_moved(mirror):
    activations = np.array([[3.0, 1.0, 2.0, 2.0, 5.0], [0.0, 0.0, 4.0, 0.0, 0.0]])
    log_odds = np.array([np.log(9), 1.0])
    shifted = mirror.shift(activations, log_odds, np.zeros(2))
    # Odds of 1 to 3 become 9 to 3.
    np.testing.assert_allclose(shifted[0], [1, 3, 0.4, 3.6, 5], rtol=1e-9)
    np.testing.assert_allclose(shifted.sum(axis=1), activations.sum(axis=1))
    np.testing.assert_array_equal(shifted[1, [0, 1, 4]], 0)


def test_the_cerebellum_serves_its_own_side(mirror):
    activations = np.array([[2.0, 2.0, 2.0, 2.0, 0.0]])
    shifted = mirror.shift(activations, np.zeros(1), np.ones(1))[0]
    assert shifted[1] > shifted[0]
    assert shifted[2] > shifted[3]


def test_nothing_is_moved_by_no_odds(mirror):
    activations = np.array([[3.0, 1.0, 2.0, 0.0, 5.0], [-1.0, 0.0, 0.0, 0.0, -2.0]])
    shifted = mirror.shift(activations, np.zeros(2), np.zeros(2))
    np.testing.assert_allclose(shifted, activations, atol=0.01)
