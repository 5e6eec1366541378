"""Properties of the parts of the objective."""

import math

import torch

from sklearn_mnm.geometry import exp_map0, exterior_angle
from sklearn_mnm.nn.losses import alignment_loss


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
    loss = alignment_loss(text, brain, torch.tensor(7.0), torch.tensor(1.0))
    torch.testing.assert_close(loss, 0.5 * (rows + columns))


def test_alignment_is_the_logarithm_of_the_batch_when_nothing_is_told_apart():
    text = _points(n=1, radius=0.5).expand(8, -1)
    brain = _points(n=1, radius=1.5, seed=1).expand(8, -1)
    loss = alignment_loss(text, brain, torch.tensor(5.0), torch.tensor(1.0))
    assert math.isclose(float(loss), math.log(8), rel_tol=1e-9)


def test_true_pairs_align_better_than_shuffled_ones():
    text = _points(radius=0.5)
    brain = exp_map0(torch.nn.functional.normalize(text[:, 1:], dim=1) * 1.5, 1.0)
    scale, curvature = torch.tensor(5.0), torch.tensor(1.0)
    true = alignment_loss(text, brain, scale, curvature)
    assert true < alignment_loss(text, brain.roll(1, dims=0), scale, curvature)


def test_alignment_has_finite_gradients_at_the_origin_and_at_coincident_points():
    tangent = torch.zeros(4, 3, requires_grad=True)
    points = exp_map0(tangent, 1.0)
    alignment_loss(points, points, torch.tensor(5.0), torch.tensor(1.0)).backward()
    assert torch.isfinite(tangent.grad).all()
