"""Trained towers as arrays give what those of torch give, and can be trained further."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from sklearn_mnm.nn.fitted_towers import CURVATURES
from sklearn_mnm.nn.towers import (
    AngleModel,
    BrainTextModel,
    DirectionTower,
    LiftTower,
    fitted_towers,
    trainable_towers,
)

_N_FEATURES, _N_COMPONENTS = 7, 5


def _model(by_angle, curvature=0.3):
    """Towers with weights as if trained."""
    torch.manual_seed(0)
    basis = torch.randn(_N_FEATURES, _N_COMPONENTS)
    sizes = {"n_hidden": 6, "dropout": 0.2}
    if by_angle:
        towers = [DirectionTower(basis, **sizes) for _ in "tb"]
    else:
        towers = [LiftTower(basis, radius=radius, **sizes) for radius in (0.5, 2.0)]
    model = (AngleModel if by_angle else BrainTextModel)(
        *towers, curvature=curvature, learn_curvature=not by_angle, inverse_temperature=14.0
    )
    with torch.no_grad():
        for weights in model.parameters():
            weights.add_(0.3 * torch.randn_like(weights))
    return model.eval()


def _features():
    """Rows of all sizes, one of them of zeros and one whose square overflows in single."""
    features = np.random.default_rng(1).normal(size=(8, _N_FEATURES))
    features *= np.logspace(-5, 5, 8)[:, np.newaxis]
    features[3] = 0
    features[5, 0] = 1e30
    return features.astype(np.float32)


@pytest.mark.parametrize("side", ["text_tower", "brain_tower"])
def test_rows_are_those_of_torch_in_double(side):
    model, features = _model(by_angle=True), _features()
    tower = getattr(fitted_towers(model), side)
    with torch.inference_mode():
        expected = getattr(model.double(), side)(torch.from_numpy(features).double()).numpy()
    np.testing.assert_allclose(tower.rows(features), expected, rtol=1e-12, atol=1e-12)
    assert not tower.rows(features)[3].any()


@pytest.mark.parametrize("curvature", [1e-3, 1.0, 40.0])
def test_tangents_are_those_of_torch_in_double(curvature):
    model, features = _model(by_angle=False), _features()
    tower = fitted_towers(model).brain_tower
    with torch.inference_mode():
        double = model.brain_tower.double()
        expected = double(torch.from_numpy(features).double(), curvature).numpy()
    np.testing.assert_allclose(tower.tangent(features, curvature), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("by_angle", [True, False])
def test_towers_come_back_with_the_same_weights(by_angle):
    model = _model(by_angle)
    random = torch.get_rng_state()
    back = trainable_towers(fitted_towers(model))
    assert torch.equal(torch.get_rng_state(), random)
    assert type(back) is type(model)
    assert back.learn_curvature == model.learn_curvature
    assert back.text_tower.dropout == model.text_tower.dropout
    state = model.state_dict()
    assert state.keys() == back.state_dict().keys()
    for name, weights in back.state_dict().items():
        assert torch.equal(weights, state[name]), name


def test_further_training_does_not_change_fitted_towers():
    model = _model(by_angle=True)
    fitted = fitted_towers(model)
    before = fitted.brain_tower.offset.copy()
    with torch.no_grad():
        model.brain_tower.offset.add_(1)
        trainable_towers(fitted).brain_tower.offset.add_(1)
    np.testing.assert_array_equal(fitted.brain_tower.offset, before)


def test_curvature_and_temperature_are_those_of_torch():
    model = _model(by_angle=False)
    fitted = fitted_towers(model)
    assert fitted.curvature == pytest.approx(float(model.curvature.detach()), rel=1e-6)
    assert fitted.inverse_temperature == pytest.approx(float(model.log_scale.detach().exp()))
    assert fitted._replace(log_curvature=9.0).curvature == CURVATURES[1]
    assert fitted._replace(log_curvature=9.0, learn_curvature=False).curvature > CURVATURES[1]


def test_a_fitted_model_answers_without_torch():
    ask = (
        "import sys; from sklearn_mnm import load_pretrained; model = load_pretrained();"
        "image = model.encoder.predict_img(['working memory']);"
        "model.encoder.explain('working memory'); model.encoder.walk('working memory');"
        "model.encoder.retrieve(['pain']); model.decoder.predict_topk([image], k=3);"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", ask], check=True)
