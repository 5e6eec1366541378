"""Points, exponential and logarithmic maps, geodesics."""

import geoopt
import mpmath
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sklearn_mnm import geometry
from tests.geometry.draws import CURVATURES, DIMS, PROPERTY, SEEDS, tangents

BATCHES = st.sampled_from([(), (1,), (5,), (3, 2)])
# Largest sqrt(c) * radius with a round trip through the time coordinate in each dtype.
REACH = {torch.float32: 5.0, torch.float64: 10.0}
DTYPES = st.sampled_from(list(REACH))


@PROPERTY
@given(SEEDS, DIMS, BATCHES, CURVATURES, DTYPES)
def test_points_stay_on_the_hyperboloid(seed, dim, batch, curvature, dtype):
    v = tangents(seed, (*batch, dim), REACH[dtype], curvature, dtype)
    w = tangents(seed + 1, (*batch, dim), REACH[dtype], curvature, dtype)
    x, y = geometry.exp_map0(v, curvature), geometry.exp_map0(w, curvature)
    u = geometry.log_map(x, y, curvature)
    limit = 8 * torch.finfo(dtype).eps
    for point in (
        x,
        geometry.exp_map(x, u / 2, curvature),
        geometry.geodesic(x, y, 0.3, curvature),
        geometry.project(x * 2, curvature),
        geometry.origin(dim, curvature, dtype=dtype),
    ):
        assert point.dtype == dtype
        assert point.isfinite().all()
        assert (geometry.constraint_violation(point, curvature) <= limit).all()


def test_constraint_violation_sees_a_point_off_the_hyperboloid():
    x = geometry.exp_map0(torch.ones(3, dtype=torch.float64), 1.0)
    x[0] *= 1 + 1e-6
    torch.testing.assert_close(
        geometry.constraint_violation(x, 1.0),
        torch.tensor(2e-6, dtype=torch.float64),
        rtol=1e-3,
        atol=0,
    )


@PROPERTY
@given(SEEDS, DIMS, BATCHES, CURVATURES, DTYPES)
def test_log_map0_inverts_exp_map0(seed, dim, batch, curvature, dtype):
    v = tangents(seed, (*batch, dim), REACH[dtype], curvature, dtype)
    back = geometry.log_map0(geometry.exp_map0(v, curvature), curvature)
    tolerance = 50 * torch.finfo(dtype).eps
    torch.testing.assert_close(back, v, rtol=tolerance, atol=tolerance)
    radius = geometry.radius(geometry.exp_map0(v, curvature), curvature)
    torch.testing.assert_close(radius, v.norm(dim=-1), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("length", [1e-9, 1e-4, 3.1e-3, 3.2e-3, 0.1, 9.0])
def test_maps_at_the_origin_have_all_digits_at_any_length(length):
    point = torch.tensor([length, 0.0], dtype=torch.float64)
    close = {"rel": 1e-15, "abs": 0}
    out = float(geometry.exp_map0(point, 1.0)[1])
    assert out == pytest.approx(float(mpmath.sinh(length)), **close)
    back = float(geometry.log_map0(geometry.from_space(point, 1.0), 1.0)[0])
    assert back == pytest.approx(float(mpmath.asinh(length)), **close)


@PROPERTY
@given(SEEDS, DIMS, BATCHES, CURVATURES)
def test_exp_map_inverts_log_map(seed, dim, batch, curvature):
    x = geometry.exp_map0(tangents(seed, (*batch, dim), 4.0, curvature), curvature)
    y = geometry.exp_map0(tangents(seed + 1, (*batch, dim), 4.0, curvature), curvature)
    u = geometry.log_map(x, y, curvature)
    assert (geometry.distance(geometry.exp_map(x, u, curvature), y, curvature) < 1e-8).all()
    # A tangent vector of length d: orthogonal to x, up to the size of the terms that cancel.
    scale = x[..., 0] * u[..., 0].abs() + 1
    assert (geometry.inner(x, u).abs() < 1e-13 * scale).all()
    d = geometry.distance(x, y, curvature)
    length = geometry.inner(u, u).clamp(min=0).sqrt()
    torch.testing.assert_close(length, d, rtol=1e-8, atol=1e-8)


@PROPERTY
@given(SEEDS, DIMS, CURVATURES)
def test_log_map_inverts_exp_map(seed, dim, curvature):
    x = geometry.exp_map0(tangents(seed, (6, dim), 3.0, curvature), curvature)
    target = geometry.exp_map0(tangents(seed + 1, (6, dim), 3.0, curvature), curvature)
    u = 0.5 * geometry.log_map(x, target, curvature)
    back = geometry.log_map(x, geometry.exp_map(x, u, curvature), curvature)
    torch.testing.assert_close(back, u, rtol=1e-9, atol=1e-9)


@PROPERTY
@given(SEEDS, DIMS, CURVATURES)
def test_maps_at_the_origin_are_the_general_maps(seed, dim, curvature):
    v = tangents(seed, (5, dim), 5.0, curvature)
    root = geometry.origin(dim, curvature, dtype=v.dtype).expand(5, dim + 1)
    u = torch.cat([torch.zeros(5, 1, dtype=v.dtype), v], dim=1)
    x = geometry.exp_map0(v, curvature)
    torch.testing.assert_close(geometry.exp_map(root, u, curvature), x, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(geometry.log_map(root, x, curvature), u, rtol=1e-12, atol=1e-12)


@PROPERTY
@given(SEEDS, DIMS, CURVATURES, st.floats(0, 1))
def test_geodesic_divides_the_distance(seed, dim, curvature, position):
    x = geometry.exp_map0(tangents(seed, (4, dim), 4.0, curvature), curvature)
    y = geometry.exp_map0(tangents(seed + 1, (4, dim), 4.0, curvature), curvature)
    point = geometry.geodesic(x, y, position, curvature)
    d = geometry.distance(x, y, curvature)
    close = {"rtol": 1e-9, "atol": 1e-9}
    torch.testing.assert_close(geometry.distance(x, point, curvature), position * d, **close)
    torch.testing.assert_close(geometry.distance(point, y, curvature), (1 - position) * d, **close)


def test_geodesic_takes_one_position_per_pair():
    x = geometry.exp_map0(torch.zeros(3, 2, dtype=torch.float64), 1.0)
    y = geometry.exp_map0(torch.eye(3, 2, dtype=torch.float64) + 1, 1.0)
    position = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    points = geometry.geodesic(x, y, position, 1.0)
    d = geometry.distance(x, y, 1.0)
    torch.testing.assert_close(geometry.distance(x, points, 1.0), position * d)


@PROPERTY
@given(SEEDS, DIMS, CURVATURES)
def test_agrees_with_geoopt(seed, dim, curvature):
    manifold = geoopt.Lorentz(k=1 / curvature)
    v = tangents(seed, (7, dim), 2.0, curvature)
    w = tangents(seed + 1, (7, dim), 2.0, curvature)
    u = torch.cat([torch.zeros(7, 1, dtype=v.dtype), v], dim=1)
    x, y = geometry.exp_map0(v, curvature), geometry.exp_map0(w, curvature)
    close = {"rtol": 1e-6, "atol": 1e-6}
    # Its inverse hyperbolic cosine loses half of the digits between near points.
    roughly = {"rtol": 1e-3, "atol": 2e-3}
    torch.testing.assert_close(x, manifold.expmap0(u), **close)
    torch.testing.assert_close(
        geometry.log_map0(x, curvature), manifold.logmap0(x)[:, 1:], **roughly
    )
    torch.testing.assert_close(geometry.inner(x, y), manifold.inner(x, x, y), **close)
    torch.testing.assert_close(
        geometry.inner(x, y, keepdim=True), manifold.inner(x, x, y, keepdim=True), **close
    )
    torch.testing.assert_close(geometry.distance(x, y, curvature), manifold.dist(x, y), **roughly)
    torch.testing.assert_close(geometry.radius(x, curvature), manifold.dist0(x), **roughly)
    step = geometry.log_map(x, y, curvature)
    torch.testing.assert_close(step, manifold.logmap(x, y), **roughly)
    torch.testing.assert_close(
        geometry.exp_map(x, step / 2, curvature), manifold.expmap(x, step / 2), **close
    )


def test_pairwise_inner_is_inner_of_all_pairs():
    x = geometry.exp_map0(tangents(0, (4, 3), 2.0, 1.0), 1.0)
    y = geometry.exp_map0(tangents(1, (5, 3), 2.0, 1.0), 1.0)
    torch.testing.assert_close(
        geometry.pairwise_inner(x, y), geometry.inner(x[:, None], y[None, :])
    )
