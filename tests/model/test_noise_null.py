"""Maps of noise are told from others at the stated rate."""

import numpy as np
import pytest

from sklearn_mnm.brain.atlas import load_mask
from sklearn_mnm.brain.smoothness import estimate_fwhm, smooth_noise
from sklearn_mnm.model.noise_null import NoiseNull


@pytest.fixture(scope="module")
def mask():
    return load_mask(resolution=8)


@pytest.fixture(scope="module")
def scores_of(mask):
    """Positive scores of 60 terms: overlap of what is high with random blobs."""
    n_voxels = np.count_nonzero(mask.get_fdata())
    blobs = np.stack(list(smooth_noise(mask, np.full(60, 20.0), seed=5)))
    blobs = np.maximum(blobs, 0)
    assert blobs.shape == (60, n_voxels)

    def scores(maps):
        high = np.maximum(maps - np.percentile(maps, 95, axis=1, keepdims=True), 0)
        return np.exp(3 * high @ blobs.T / np.maximum(high.sum(axis=1, keepdims=True), 1e-9))

    return scores, blobs


@pytest.fixture(scope="module")
def null(mask, scores_of):
    return NoiseNull.fit(scores_of[0], mask, seed=0)


@pytest.mark.parametrize("fwhm", [10.0, 16.0, 22.0])
def test_a_twentieth_of_noise_stands_out(mask, scores_of, null, fwhm):
    maps = np.stack(list(smooth_noise(mask, np.full(200, fwhm), seed=int(fwhm))))
    p = null.p_values(scores_of[0](maps), estimate_fwhm(maps, mask))
    assert (p <= 0.05).mean() < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)
    assert (p > 0).all()
    assert 0.3 < p.mean() < 0.7


def test_maps_of_a_term_stand_out(mask, scores_of, null):
    scores, blobs = scores_of
    noise = np.stack(list(smooth_noise(mask, np.full(len(blobs), 12.0), seed=3)))
    maps = blobs**3 + 0.3 * noise
    p = null.p_values(scores(maps), estimate_fwhm(maps, mask))
    assert (p <= 0.05).mean() > 0.5


def test_smoothness_beyond_that_of_the_noise_is_compared_with_the_nearest(scores_of, null, mask):
    maps = np.stack(list(smooth_noise(mask, np.full(2, 12.0), seed=4)))
    p = null.p_values(scores_of[0](maps), np.array([0.1, np.inf]))
    assert ((p > 0) & (p <= 1)).all()


def test_the_same_seed_gives_the_same_null(mask, scores_of, null):
    again = NoiseNull.fit(scores_of[0], mask, seed=0)
    for one, other in zip(null, again, strict=True):
        np.testing.assert_array_equal(one, other)
