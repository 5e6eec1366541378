"""From directions of texts back to activations, and what is predicted of studies left out."""

import numpy as np
import pytest

from sklearn_mnm.brain.features import ActivationScaler
from sklearn_mnm.model.decode_head import DecodeHead


def _data(n=120, n_components=5, n_regions=7, seed=0):
    random = np.random.default_rng(seed)
    tangent = random.normal(size=(n, n_components))
    expected = np.exp(tangent @ random.normal(scale=0.4, size=(n_components, n_regions)))
    return tangent, random.poisson(2 * expected).astype(float)


def _scaler(activations):
    return ActivationScaler.fit(activations, None, power=0.5)


def _left_out(tangent, activations, scaler, groups=None):
    head, left_out = DecodeHead.fit(tangent, activations, scaler, groups)
    return head.activations(left_out.astype(np.float64))


@pytest.mark.parametrize("paired", [False, True])
def test_predictions_of_studies_left_out_are_those_of_a_fit_without_them(paired):
    tangent, activations = _data()
    scaler = _scaler(activations)
    groups = np.arange(len(tangent)) // 2 if paired else None
    found = _left_out(tangent, activations, scaler, groups)
    names = np.arange(len(tangent)) if groups is None else groups
    expected = np.empty_like(activations)
    for name in np.unique(names):
        out = names == name
        head, _ = DecodeHead.fit(tangent[~out], activations[~out], scaler)
        expected[out] = head.predict(tangent[out])
    # The means and the scale are those of all studies.
    assert np.abs(found - expected).max() < 0.05 * activations.max()
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.999


def test_what_is_left_out_is_predicted_worse_than_what_was_seen():
    tangent, activations = _data(n=40, n_components=20)
    scaler = _scaler(activations)
    seen = DecodeHead.fit(tangent, activations, scaler)[0].predict(tangent)
    left_out = _left_out(tangent, activations, scaler)
    assert np.square(left_out - activations).mean() > np.square(seen - activations).mean()


def test_one_study_decides_nothing_about_itself():
    tangent, activations = _data()
    scaler = _scaler(activations)
    before = _left_out(tangent, activations, scaler)[3]
    activations[3] = activations[3, ::-1] + 5
    after = _left_out(tangent, activations, scaler)[3]
    assert np.abs(after - before).max() < 0.1 * before.max()


def test_no_activation_is_negative_where_none_was_seen():
    tangent, activations = _data()
    scaler = _scaler(activations)
    assert _left_out(tangent, activations, scaler).min() >= 0
    assert DecodeHead.fit(tangent, activations, scaler)[0].predict(10 * tangent).min() >= 0
