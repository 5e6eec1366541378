"""Distances: axioms, invariances, and digits where the textbook formulas lose them."""

import math

import mpmath
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sklearn_mnm import geometry
from tests.geometry.draws import CURVATURES, DIMS, PROPERTY, SEEDS, points


def rotation(seed, dim):
    generator = torch.Generator().manual_seed(seed)
    q, _ = torch.linalg.qr(torch.randn(dim, dim, dtype=torch.float64, generator=generator))
    return torch.block_diag(torch.ones(1, 1, dtype=torch.float64), q)


def boost(seed, dim, rapidity):
    """Lorentz boost along a random direction (symmetric, determinant one)."""
    generator = torch.Generator().manual_seed(seed)
    e = torch.randn(dim, dtype=torch.float64, generator=generator)
    e = e / e.norm()
    cosh, sinh = math.cosh(rapidity), math.sinh(rapidity)
    matrix = torch.eye(dim + 1, dtype=torch.float64)
    matrix[0, 0] = cosh
    matrix[0, 1:] = matrix[1:, 0] = sinh * e
    matrix[1:, 1:] += (cosh - 1) * torch.outer(e, e)
    return matrix


def close_pairs(radius, separation, dtype, n=6, dim=8):
    """Pairs `separation` apart at `radius`: along the ray, across it, and in between."""
    generator = torch.Generator().manual_seed(3)
    u = torch.randn(n, dim, dtype=torch.float64, generator=generator)
    u = u / u.norm(dim=1, keepdim=True)
    w = torch.randn(n, dim, dtype=torch.float64, generator=generator)
    w = w - (w * u).sum(dim=1, keepdim=True) * u
    w = w / w.norm(dim=1, keepdim=True)
    mix = torch.linspace(0, torch.pi / 2, n, dtype=torch.float64)[:, None]
    turn = separation * mix.sin() / torch.sinh(torch.tensor(radius, dtype=torch.float64))
    out = radius + separation * mix.cos()
    x = geometry.exp_map0(radius * u, 1.0)
    y = geometry.exp_map0(out * (turn.cos() * u + turn.sin() * w), 1.0)
    return x.to(dtype), y.to(dtype)


def exact_distance(x, y):
    """Distance at curvature 1 of the points with the given space coordinates, in 60 digits."""
    with mpmath.workdps(60):
        s, r = ([mpmath.mpf(v) for v in point[1:].double().tolist()] for point in (x, y))
        times = mpmath.sqrt((1 + mpmath.fdot(s, s)) * (1 + mpmath.fdot(r, r)))
        return float(mpmath.acosh(times - mpmath.fdot(s, r)))


@pytest.mark.parametrize("form", ["elementwise", "pairwise"])
@pytest.mark.parametrize(
    ("dtype", "radius", "tolerance"),
    [
        (torch.float32, 5.0, 1e-4),
        (torch.float32, 7.0, 1e-3),
        (torch.float64, 7.0, 1e-9),
        (torch.float64, 10.0, 1e-9),
    ],
)
def test_near_points_far_out_keep_their_digits(form, dtype, radius, tolerance):
    x, y = close_pairs(radius, 0.1, dtype)
    exact = [exact_distance(a, b) for a, b in zip(x, y, strict=True)]
    exact = torch.tensor(exact, dtype=torch.float64)
    if form == "elementwise":
        computed = geometry.distance(x, y, 1.0)
    else:
        computed = geometry.pairwise_distance(x, y, 1.0).diagonal()
    torch.testing.assert_close(computed.double(), exact, rtol=tolerance, atol=0)


def test_the_textbook_form_fails_where_ours_is_tested():
    x, y = close_pairs(7.0, 0.1, torch.float32)
    exact = [exact_distance(a, b) for a, b in zip(x, y, strict=True)]
    exact = torch.tensor(exact, dtype=torch.float64)
    textbook = torch.acosh((-geometry.inner(x, y)).clamp(min=1))
    assert ((textbook - exact).abs() / exact).max() > 0.5


@PROPERTY
@given(SEEDS, DIMS, CURVATURES)
def test_distance_is_a_metric(seed, dim, curvature):
    x, y, z = (points(seed + i, (8, dim), 6.0, curvature) for i in range(3))
    d = geometry.distance(x, y, curvature)
    torch.testing.assert_close(d, geometry.distance(y, x, curvature), rtol=1e-14, atol=0)
    through = geometry.distance(x, z, curvature) + geometry.distance(z, y, curvature)
    assert (d <= through * (1 + 1e-12)).all()
    assert (d > 0).all()
    assert (geometry.distance(x, x.clone(), curvature) == 0).all()


@PROPERTY
@given(SEEDS, DIMS, CURVATURES, st.sampled_from([torch.float32, torch.float64]))
def test_pairwise_distance_is_the_distance_of_all_pairs(seed, dim, curvature, dtype):
    x = points(seed, (6, dim), 4.0, curvature).to(dtype)
    y = torch.cat([points(seed + 1, (4, dim), 4.0, curvature).to(dtype), x[:2]])
    tolerance = 1e-4 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(
        geometry.pairwise_distance(x, y, curvature),
        geometry.distance(x[:, None], y[None, :], curvature),
        rtol=tolerance,
        atol=tolerance,
    )


def test_many_near_pairs_are_refined_in_blocks():
    generator = torch.Generator().manual_seed(0)
    v = 0.5 + 1e-3 * torch.randn(60, 400, dtype=torch.float64, generator=generator)
    x = geometry.exp_map0(v / 4, 1.0)
    torch.testing.assert_close(
        geometry.pairwise_distance(x, x, 1.0),
        geometry.distance(x[:, None], x[None, :], 1.0),
        rtol=1e-12,
        atol=0,
    )


@PROPERTY
@given(SEEDS, DIMS, CURVATURES)
def test_distance_is_invariant_under_isometries(seed, dim, curvature):
    x, y = points(seed, (8, dim), 2.0, curvature), points(seed + 1, (8, dim), 2.0, curvature)
    isometry = rotation(seed, dim) @ boost(seed + 1, dim, 1.5) @ rotation(seed + 2, dim)
    d = geometry.distance(x, y, curvature)
    moved = geometry.distance(x @ isometry.T, y @ isometry.T, curvature)
    torch.testing.assert_close(moved, d, rtol=1e-11, atol=1e-11)


@PROPERTY
@given(SEEDS, DIMS)
def test_small_curvature_gives_euclidean_distance(seed, dim):
    generator = torch.Generator().manual_seed(seed)
    s, r = torch.randn(2, 5, dim, dtype=torch.float64, generator=generator)
    d = geometry.distance(geometry.from_space(s, 1e-12), geometry.from_space(r, 1e-12), 1e-12)
    torch.testing.assert_close(d, (s - r).norm(dim=1), rtol=1e-9, atol=0)


def test_radius_is_the_distance_to_the_origin():
    x = points(0, (9, 5), 6.0, 0.3)
    root = geometry.origin(5, 0.3, dtype=torch.float64)
    torch.testing.assert_close(geometry.radius(x, 0.3), geometry.distance(x, root, 0.3))


def test_points_that_are_not_a_number_have_no_distance():
    points = torch.tensor([[1.0, 0.0, 0.0], [float("nan")] * 3], dtype=torch.float64)
    assert torch.isnan(geometry.pairwise_distance(points, points[:1], 1.0)[1]).all()
    assert torch.isnan(geometry.distance(points[1], points[0], 1.0))
