"""What the loop promises about weights, stopping and randomness."""

import pytest
import torch

from sklearn_mnm.exceptions import TrainingDivergedError
from sklearn_mnm.nn.similarity import exterior_angle_similarity
from sklearn_mnm.nn.tiled import contrastive_loss
from sklearn_mnm.nn.towers import BrainTextModel, LiftTower
from sklearn_mnm.nn.training import TrainingSettings, resolve_device, train


def _problem(n=64, n_features=10, dropout=0.1):
    torch.manual_seed(0)
    text = torch.randn(n, n_features)
    mixing = torch.eye(n_features) + 0.5 * torch.randn(n_features, n_features)
    brain = text @ mixing + 0.1 * torch.randn(n, n_features)
    towers = [
        LiftTower(torch.eye(n_features), radius=r, n_hidden=4, dropout=dropout) for r in (0.7, 1.1)
    ]
    return (
        BrainTextModel(*towers, curvature=1.0, learn_curvature=False, inverse_temperature=5.0),
        text,
        brain,
    )


def _alignment(model, points, rows):
    scale = model.log_scale.exp()
    loss = contrastive_loss(exterior_angle_similarity, *points, scale, model.curvature)
    return {"alignment": loss}


def _settings(**changes):
    defaults = {
        "max_epochs": 6,
        "batch_size": 16,
        "learning_rate": 1e-2,
        "weight_decay": 0.0,
    }
    return TrainingSettings(**{**defaults, **changes})


def test_the_loss_falls():
    model, text, brain = _problem()
    result = train(
        model, _alignment, text, brain, evaluate=None, settings=_settings(max_epochs=20), seed=0
    )
    losses = [record["loss"] for record in result.history[1:]]
    assert losses[-1] < 0.9 * losses[0]
    assert result.best_epoch == 20


def test_the_weights_of_the_best_epoch_are_kept_and_training_stops_after_four_others():
    model, text, brain = _problem()
    scores = iter([0.1, 0.2, 0.5, 0.4, 0.4, 0.3, 0.2, 0.9])
    seen = []

    def evaluate(model):
        seen.append(model.text_tower.deviation.detach().clone())
        return next(scores)

    result = train(model, _alignment, text, brain, evaluate=evaluate, settings=_settings(), seed=0)
    assert result.best_epoch == 2
    assert len(result.history) == 7  # the start and epochs 1 to 6
    torch.testing.assert_close(model.text_tower.deviation.detach(), seen[2])
    assert not torch.equal(seen[2], seen[-1])


def test_a_start_that_nothing_beats_is_kept():
    model, text, brain = _problem()
    scores = iter([1.0, 0.5, 0.5, 0.5, 0.5])
    result = train(
        model,
        _alignment,
        text,
        brain,
        evaluate=lambda _: next(scores),
        settings=_settings(),
        seed=0,
    )
    assert result.best_epoch == 0
    assert (model.text_tower.deviation == 0).all()


def test_the_same_seed_gives_the_same_weights_and_leaves_the_callers_generator_alone():
    weights = []
    for _ in range(2):
        model, text, brain = _problem()
        torch.manual_seed(5)
        train(model, _alignment, text, brain, evaluate=None, settings=_settings(), seed=3)
        drawn = torch.rand(1)
        weights.append(model.text_tower.deviation.detach().clone())
    assert torch.equal(*weights)
    torch.manual_seed(5)
    assert torch.equal(drawn, torch.rand(1))


def test_a_loss_that_is_not_finite_stops_with_the_best_weights():
    model, text, brain = _problem()

    def objective(model, points, rows):
        parts = _alignment(model, points, rows)
        return {**parts, "broken": parts["alignment"] * float("nan")}

    with pytest.raises(TrainingDivergedError, match=r"epoch 1 .*broken=nan.*learning_rate=0.01"):
        train(model, objective, text, brain, evaluate=None, settings=_settings(), seed=0)
    assert (model.text_tower.deviation == 0).all()


def test_ctrl_c_keeps_the_best_weights_and_says_so():
    model, text, brain = _problem()
    calls = []

    def evaluate(model):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return float(len(calls))

    result = train(model, _alignment, text, brain, evaluate=evaluate, settings=_settings(), seed=0)
    assert result.interrupted
    assert result.best_epoch == 2
    assert torch.isfinite(model.text_tower.deviation).all()


def test_devices_are_taken_by_name():
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("auto").type in {"cpu", "cuda"}
