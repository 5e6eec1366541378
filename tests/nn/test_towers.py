"""What the towers promise at the start, for empty rows and for their gradients."""

import math

import pytest
import torch

from sklearn_mnm.geometry import constraint_violation, radius
from sklearn_mnm.nn.similarity import row_similarity
from sklearn_mnm.nn.towers import AngleModel, BrainTextModel, DirectionTower, LiftTower


def _tower(n_features=12, n_components=5, *, radius=0.7, dropout=0.0, seed=0):
    torch.manual_seed(seed)
    basis, _ = torch.linalg.qr(torch.randn(n_features, n_components))
    return LiftTower(basis, radius=radius, n_hidden=8, dropout=dropout)


def test_the_start_is_the_basis_at_the_given_radius():
    tower, features = _tower(radius=1.3), torch.randn(7, 12)
    tangent = tower(features)
    torch.testing.assert_close(tangent.norm(dim=1), torch.full((7,), 1.3))
    expected = torch.nn.functional.normalize(features @ tower.basis, dim=1)
    torch.testing.assert_close(tangent / 1.3, expected)


def test_the_scale_of_a_row_changes_only_its_radius():
    tower, features = _tower(), torch.randn(4, 12)
    torch.nn.init.normal_(tower.radius_network[2].weight)
    small, large = tower(features), tower(10 * features)
    normalize = torch.nn.functional.normalize
    torch.testing.assert_close(normalize(small, dim=1), normalize(large, dim=1))
    assert not torch.allclose(small.norm(dim=1), large.norm(dim=1))


def test_rows_of_zeros_go_to_the_origin_with_finite_gradients():
    tower, features = _tower(), torch.zeros(3, 12)
    features[1] = 1.0
    tangent = tower(features)
    assert (tangent[[0, 2]] == 0).all()
    assert (tangent[1] != 0).any()
    tangent.square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in tower.parameters() if p.grad is not None)


@pytest.mark.parametrize("size", [1e-20, 1e20])
def test_extreme_features_give_finite_points(size):
    tower = _tower()
    torch.nn.init.normal_(tower.radius_network[2].weight)
    assert torch.isfinite(tower(size * torch.randn(5, 12))).all()


def test_drift_is_zero_at_the_start_and_counts_deviations():
    tower = _tower()
    assert tower.drift() == 0
    torch.nn.init.ones_(tower.deviation)
    torch.testing.assert_close(tower.drift(), torch.tensor(12.0))


@pytest.mark.parametrize("curvature", [0.1, 1.0, 10.0])
def test_points_lie_on_the_hyperboloid_at_the_radius_of_their_tower(curvature):
    towers = _tower(radius=0.5), _tower(radius=2.0, seed=1)
    model = BrainTextModel(
        *towers, curvature=curvature, learn_curvature=False, inverse_temperature=12.0
    )
    text, brain = model(torch.randn(6, 12), torch.randn(6, 12))
    for points, expected in ((text, 0.5), (brain, 2.0)):
        assert constraint_violation(points, curvature).max() < 1e-5
        torch.testing.assert_close(radius(points, curvature), torch.full((6,), expected))
    assert math.isclose(float(model.log_scale.detach().exp()), 12.0, rel_tol=1e-6)


def test_a_learnt_curvature_stays_within_its_bounds_and_a_given_one_is_kept():
    for learn, expected in ((True, 0.1), (False, 0.01)):
        towers = _tower(radius=0.5), _tower(radius=2.0, seed=1)
        model = BrainTextModel(
            *towers, curvature=0.01, learn_curvature=learn, inverse_temperature=12.0
        )
        assert float(model.curvature.detach()) == pytest.approx(expected)
        assert model.log_curvature.requires_grad == learn


def _angle_model():
    torch.manual_seed(0)
    towers = [DirectionTower(torch.randn(12, 5), n_hidden=8, dropout=0.0) for _ in "tb"]
    for tower in towers:
        torch.nn.init.normal_(tower.radius_network[2].weight)
    return AngleModel(*towers, curvature=1.0, learn_curvature=False, inverse_temperature=12.0)


def test_directions_are_unit_rows_of_the_basis_and_heights_start_at_zero():
    torch.manual_seed(0)
    tower, features = DirectionTower(torch.randn(12, 5), n_hidden=8, dropout=0.0), torch.eye(12)[:7]
    rows = tower(features)
    expected = torch.nn.functional.normalize(features @ tower.basis, dim=1)
    torch.testing.assert_close(rows[:, :-1], expected)
    assert (rows[:, -1] == 0).all()


def test_the_similarity_of_rows_is_that_of_directions_plus_both_heights():
    model, text, brain = _angle_model(), torch.randn(6, 12), torch.randn(4, 12)
    u, v = model.text_tower(text), model.brain_tower(brain)
    expected = u[:, :-1] @ v[:, :-1].T + u[:, -1:] + v[:, -1]
    rows = model.embed_text(text), model.embed_brain(brain)
    torch.testing.assert_close(row_similarity(*rows, 1.0), expected)


def test_a_batch_of_rows_is_described_by_its_mean_heights():
    model, text, brain = _angle_model(), torch.randn(6, 12), torch.randn(6, 12)
    summary = model.batch_summary(model(text, brain))
    assert set(summary) == {"text_height", "brain_height"}
    torch.testing.assert_close(summary["text_height"], model.text_tower(text)[:, -1].mean())
    torch.testing.assert_close(summary["brain_height"], model.brain_tower(brain)[:, -1].mean())


def test_nothing_is_similar_to_rows_of_zeros_beyond_the_other_height():
    model, brain = _angle_model(), torch.randn(4, 12)
    rows = model.embed_text(torch.zeros(2, 12)), model.embed_brain(brain)
    expected = model.brain_tower(brain)[:, -1].expand(2, 4)
    torch.testing.assert_close(row_similarity(*rows, 1.0), expected)
