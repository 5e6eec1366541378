"""Einstein midpoint and Lorentzian centroid."""

import mpmath
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sklearn_mnm import geometry
from tests.geometry.draws import CURVATURES, DIMS, PROPERTY, SEEDS, points

MIDPOINTS = [geometry.einstein_midpoint, geometry.lorentz_centroid]


@PROPERTY
@given(SEEDS, DIMS, CURVATURES, st.sampled_from([(), (2,), (2, 3)]), st.booleans())
def test_einstein_midpoint_is_the_lorentz_centroid(seed, dim, curvature, batch, weighted):
    x = points(seed, (*batch, 5, dim), 4.0, curvature)
    weights = None
    if weighted:
        generator = torch.Generator().manual_seed(seed)
        weights = torch.rand(*batch, 5, dtype=torch.float64, generator=generator) + 0.1
    einstein = geometry.einstein_midpoint(x, curvature, weights)
    centroid = geometry.lorentz_centroid(x, curvature, weights)
    assert einstein.shape == (*batch, dim + 1)
    torch.testing.assert_close(einstein, centroid, rtol=1e-9, atol=1e-9)
    # The definition: the weighted sum, scaled to the hyperboloid.
    total = x.mean(dim=-2) if weights is None else (weights[..., None] * x).sum(dim=-2)
    scale = (-curvature * geometry.inner(total, total, keepdim=True)).rsqrt()
    torch.testing.assert_close(centroid, scale * total, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("midpoint", MIDPOINTS)
@PROPERTY
@given(seed=SEEDS, dim=DIMS, curvature=CURVATURES)
def test_midpoint_of_two_points_halves_the_geodesic(midpoint, seed, dim, curvature):
    x = points(seed, (4, 2, dim), 3.0, curvature)
    torch.testing.assert_close(
        midpoint(x, curvature),
        geometry.geodesic(x[:, 0], x[:, 1], 0.5, curvature),
        rtol=1e-9,
        atol=1e-9,
    )


@pytest.mark.parametrize("midpoint", MIDPOINTS)
def test_midpoint_of_copies_is_the_point_itself(midpoint):
    for dtype, radius in ((torch.float32, 7.0), (torch.float64, 15.0)):
        v = torch.full((5,), radius / 5**0.5, dtype=dtype)
        x = geometry.exp_map0(v, 1.0)
        middle = midpoint(x.expand(6, 6), 1.0)
        back = geometry.log_map0(middle, 1.0)
        torch.testing.assert_close(back, v, rtol=1e-6 if dtype == torch.float32 else 1e-14, atol=0)


@pytest.mark.parametrize("midpoint", MIDPOINTS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-11)])
def test_a_tight_cluster_far_out_keeps_its_radius(midpoint, dtype, tolerance):
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(8, 4, dtype=torch.float64, generator=generator)
    x = geometry.exp_map0(4 + 1e-3 * noise, 1.0).to(dtype)  # radius 8
    with mpmath.workdps(60):
        rows = [[mpmath.mpf(v) for v in row[1:].double().tolist()] for row in x]
        time = sum(mpmath.sqrt(1 + mpmath.fdot(row, row)) for row in rows)
        space = [sum(column) for column in zip(*rows, strict=True)]
        length = mpmath.sqrt(mpmath.fdot(space, space))
        exact = float(mpmath.atanh(length / time))
    assert float(geometry.radius(midpoint(x, 1.0), 1.0)) == pytest.approx(exact, rel=tolerance)


@pytest.mark.parametrize("midpoint", MIDPOINTS)
def test_weights_are_scale_free_and_zero_weight_drops_a_point(midpoint):
    x = points(2, (4, 6), 2.0, 0.5)
    weights = torch.tensor([1.0, 2.0, 0.5, 0.0], dtype=torch.float64)
    expected = midpoint(x[:3], 0.5, weights[:3])
    torch.testing.assert_close(midpoint(x, 0.5, weights), expected)
    torch.testing.assert_close(midpoint(x, 0.5, 1000 * weights), expected)


@pytest.mark.parametrize("midpoint", MIDPOINTS)
def test_weights_of_a_batch_may_have_any_scales(midpoint):
    """Beyond those whose squares, or whose ratio, single precision can hold."""
    x = points(3, (2, 4, 6), 2.0, 0.5).float()
    scales = torch.tensor([[1e-30], [1e30]])
    shares = torch.tensor([1.0, 2.0, 0.5, 3.0])
    torch.testing.assert_close(midpoint(x, 0.5, scales * shares), midpoint(x, 0.5, shares))


@pytest.mark.parametrize("midpoint", MIDPOINTS)
def test_opposite_points_meet_at_the_origin(midpoint):
    x = geometry.exp_map0(torch.tensor([[2.0, 1.0], [-2.0, -1.0]]), 1.0)
    assert torch.equal(midpoint(x, 1.0), geometry.origin(2, 1.0))
