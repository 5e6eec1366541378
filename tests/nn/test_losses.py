"""Properties of the parts of the objective."""

import math

import pytest
import torch

from sklearn_mnm.geometry import exp_map0, exterior_angle, half_aperture, pairwise_exterior_angle
from sklearn_mnm.nn.losses import (
    brain_apex_loss,
    centroid_loss,
    entailment_loss,
    extent_loss,
    radius_hinge_loss,
)
from sklearn_mnm.nn.similarity import exterior_angle_similarity
from sklearn_mnm.nn.tiled import contrastive_loss

ONE = torch.tensor(1.0, dtype=torch.float64)


def _aligned(text, brain, scale, curvature):
    return contrastive_loss(exterior_angle_similarity, text, brain, scale, curvature)


def _points(n=6, dimension=4, *, radius, seed=0):
    generator = torch.Generator().manual_seed(seed)
    direction = torch.randn(n, dimension, generator=generator, dtype=torch.float64)
    return exp_map0(radius * torch.nn.functional.normalize(direction, dim=1), 1.0)


def test_alignment_equals_the_formula_written_out():
    text, brain = _points(radius=0.5), _points(radius=1.5, seed=1)
    angles = torch.stack([torch.stack([exterior_angle(x, y, 1.0) for y in brain]) for x in text])
    logits = -7.0 * angles
    rows = -(logits.diag() - logits.logsumexp(1)).mean()
    columns = -(logits.diag() - logits.logsumexp(0)).mean()
    loss = _aligned(text, brain, torch.tensor(7.0), torch.tensor(1.0))
    torch.testing.assert_close(loss, 0.5 * (rows + columns))


def test_alignment_is_the_logarithm_of_the_batch_when_nothing_is_told_apart():
    text = _points(n=1, radius=0.5).expand(8, -1)
    brain = _points(n=1, radius=1.5, seed=1).expand(8, -1)
    loss = _aligned(text, brain, torch.tensor(5.0), torch.tensor(1.0))
    assert math.isclose(float(loss), math.log(8), rel_tol=1e-9)


def test_true_pairs_align_better_than_shuffled_ones():
    text = _points(radius=0.5)
    brain = exp_map0(torch.nn.functional.normalize(text[:, 1:], dim=1) * 1.5, 1.0)
    scale, curvature = torch.tensor(5.0), torch.tensor(1.0)
    true = _aligned(text, brain, scale, curvature)
    assert true < _aligned(text, brain.roll(1, dims=0), scale, curvature)


def test_alignment_has_finite_gradients_at_the_origin_and_at_coincident_points():
    tangent = torch.zeros(4, 3, requires_grad=True)
    points = exp_map0(tangent, 1.0)
    _aligned(points, points, torch.tensor(5.0), torch.tensor(1.0)).backward()
    assert torch.isfinite(tangent.grad).all()


def test_brain_apex_equals_the_formula_written_out():
    text, brain = _points(radius=0.5), _points(radius=1.5, seed=1)
    angles = torch.stack([torch.stack([exterior_angle(y, x, 1.0) for y in brain]) for x in text])
    logits = 3.0 * angles
    rows = -(logits.diag() - logits.logsumexp(1)).mean()
    columns = -(logits.diag() - logits.logsumexp(0)).mean()
    torch.testing.assert_close(brain_apex_loss(text, brain, 3 * ONE, ONE), 0.5 * (rows + columns))


def test_brain_apex_weighs_pairs_in_the_mean():
    text, brain = _points(radius=0.5), _points(radius=1.5, seed=1)
    weights = torch.arange(1.0, 7.0, dtype=torch.float64)
    logits = 3 * pairwise_exterior_angle(brain, text, ONE)
    of_pairs = logits.logsumexp(0) + logits.logsumexp(1) - 2 * logits.diagonal()
    loss = brain_apex_loss(text, brain, 3 * ONE, ONE, pair_weights=weights)
    torch.testing.assert_close(loss, (weights * of_pairs).sum() / (2 * weights.sum()))


def test_a_text_on_the_way_from_the_origin_to_its_brain_suits_both_contrasts():
    text = _points(radius=0.5)
    brain = exp_map0(torch.nn.functional.normalize(text[:, 1:], dim=1) * 1.5, 1.0)
    for loss in (_aligned, brain_apex_loss):
        true = loss(text, brain, 5 * ONE, ONE)
        assert true < loss(text, brain.roll(1, dims=0), 5 * ONE, ONE)


@pytest.mark.parametrize("curvature", [0.5, 1.0, 3.0])
def test_the_radius_hinge_is_the_shortfall_of_the_margin(curvature):
    def at(radius, seed):
        direction = torch.nn.functional.normalize(_points(radius=1, seed=seed)[:, 1:], dim=1)
        return exp_map0(radius * direction, curvature)

    c = torch.tensor(curvature, dtype=torch.float64)
    near, far = at(0.6, 0), at(1.8, 1)
    assert radius_hinge_loss(near, far, c, margin=1.0) == 0
    assert radius_hinge_loss(near, far, c, margin=1.5) == pytest.approx(0.3)
    assert radius_hinge_loss(far, near, c, margin=0.0) == pytest.approx(1.2)


def test_the_centroid_of_one_point_is_the_point():
    point = _points(n=1, radius=1.4)
    assert centroid_loss(point, ONE, target=1.4) == pytest.approx(0, abs=1e-9)
    assert centroid_loss(point, ONE, target=0.5) == pytest.approx(0.9)


def test_extent_counts_only_clearly_broader_maps_that_lie_further_out():
    direction = torch.nn.functional.normalize(_points(n=3, radius=1)[:, 1:], dim=1)
    radii = torch.tensor([2.0, 1.0, 0.5], dtype=torch.float64)
    points = exp_map0(radii[:, None] * direction, 1.0)
    extent = torch.tensor([30.0, 10.0, 25.0])
    # 0 is broader than 1 and further out; 2 is broader than 1 and nearer; 0 and 2 do not differ
    # by more than 10.
    expected = math.log(math.cosh(2.0) / math.cosh(1.0)) / 2
    assert extent_loss(points, extent, min_difference=10) == pytest.approx(expected)
    assert extent_loss(points, extent, min_difference=100) == 0


def test_children_inside_the_cone_cost_nothing_and_others_their_excess_angle():
    parent = _points(n=1, radius=1.0)
    inside = exp_map0(torch.nn.functional.normalize(parent[:, 1:], dim=1) * 2.0, 1.0)
    assert entailment_loss(parent, inside, ONE) == 0
    outside = _points(n=1, radius=2.0, seed=3)
    expected = exterior_angle(parent, outside, 1.0) - half_aperture(parent, 1.0)
    assert expected > 0
    torch.testing.assert_close(entailment_loss(parent, outside, ONE), expected.mean())


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: brain_apex_loss(x, x, 5 * ONE, ONE),
        lambda x: radius_hinge_loss(x, x, ONE, margin=0.1),
        lambda x: centroid_loss(x, ONE, target=0.5),
        lambda x: extent_loss(x, torch.arange(4), min_difference=0),
        lambda x: entailment_loss(x, x, ONE),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_finite_at_the_origin_and_at_coincident_points(loss, dtype):
    for start in (torch.zeros(4, 3), torch.ones(4, 3)):
        tangent = start.to(dtype).requires_grad_()
        loss(exp_map0(tangent, 1.0)).backward()
        assert torch.isfinite(tangent.grad).all()
