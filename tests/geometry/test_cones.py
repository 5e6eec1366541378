"""Exterior angles, apertures, entailment."""

import math

import mpmath
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sklearn_mnm import geometry
from tests.geometry.draws import CURVATURES, DIMS, DTYPES, PROPERTY, SEEDS, points


def exact_angle(x, y, curvature):
    """The acos definition in 60 digits, for the points with the given space coordinates."""
    with mpmath.workdps(60):
        c = mpmath.mpf(curvature)
        s, r = ([mpmath.mpf(v) for v in point[1:].double().tolist()] for point in (x, y))
        t_x, t_y = (mpmath.sqrt(1 / c + mpmath.fdot(v, v)) for v in (s, r))
        k = c * (mpmath.fdot(s, r) - t_x * t_y)
        length = mpmath.sqrt(mpmath.fdot(s, s))
        return float(mpmath.acos((t_y + t_x * k) / (length * mpmath.sqrt(k * k - 1))))


@PROPERTY
@given(SEEDS, DIMS, CURVATURES)
def test_exterior_angle_agrees_with_the_definition(seed, dim, curvature):
    x, y = points(seed, (3, dim), 5.0, curvature), points(seed + 1, (3, dim), 5.0, curvature)
    exact = [[exact_angle(a, b, curvature) for b in y] for a in x]
    exact = torch.tensor(exact, dtype=torch.float64)
    pairwise = geometry.pairwise_exterior_angle(x, y, curvature)
    torch.testing.assert_close(pairwise, exact, rtol=0, atol=1e-9)
    elementwise = geometry.exterior_angle(x, y, curvature)
    torch.testing.assert_close(elementwise, exact.diagonal(), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("dtype", "radius", "tolerance"),
    [(torch.float32, 5.0, 1e-3), (torch.float64, 7.0, 1e-9), (torch.float64, 10.0, 1e-9)],
)
@pytest.mark.parametrize("bearing", [0.1, 1.0, 2.5])
def test_near_points_far_out_keep_their_digits(dtype, radius, tolerance, bearing):
    generator = torch.Generator().manual_seed(1)
    u = torch.randn(5, 8, dtype=torch.float64, generator=generator)
    u = u / u.norm(dim=1, keepdim=True)
    w = torch.randn(5, 8, dtype=torch.float64, generator=generator)
    w = w - (w * u).sum(dim=1, keepdim=True) * u
    w = w / w.norm(dim=1, keepdim=True)
    turn = 0.1 * math.sin(bearing) / math.sinh(radius)
    x = geometry.exp_map0(radius * u, 1.0).to(dtype)
    out = radius + 0.1 * math.cos(bearing)
    y = geometry.exp_map0(out * (math.cos(turn) * u + math.sin(turn) * w), 1.0).to(dtype)
    exact = [exact_angle(a, b, 1.0) for a, b in zip(x, y, strict=True)]
    exact = torch.tensor(exact, dtype=torch.float64)
    for computed in (
        geometry.exterior_angle(x, y, 1.0),
        geometry.pairwise_exterior_angle(x, y, 1.0).diagonal(),
    ):
        torch.testing.assert_close(computed.double(), exact, rtol=0, atol=tolerance)


@PROPERTY
@given(SEEDS, DIMS, CURVATURES, DTYPES)
def test_exterior_angle_lies_between_zero_and_pi(seed, dim, curvature, dtype):
    x = points(seed, (6, dim), 8.0, curvature).to(dtype)
    y = torch.cat([points(seed + 1, (6, dim), 8.0, curvature).to(dtype), x, -x])
    angles = geometry.pairwise_exterior_angle(x, geometry.project(y, curvature), curvature)
    assert angles.isfinite().all()
    assert ((angles >= 0) & (angles <= torch.tensor(math.pi, dtype=dtype))).all()


@PROPERTY
@given(SEEDS, DIMS, CURVATURES)
def test_exterior_angle_is_invariant_under_rotations(seed, dim, curvature):
    x, y = points(seed, (6, dim), 3.0, curvature), points(seed + 1, (6, dim), 3.0, curvature)
    generator = torch.Generator().manual_seed(seed)
    q, _ = torch.linalg.qr(torch.randn(dim, dim, dtype=torch.float64, generator=generator))
    turn = torch.block_diag(torch.ones(1, 1, dtype=torch.float64), q)
    torch.testing.assert_close(
        geometry.pairwise_exterior_angle(x @ turn.T, y @ turn.T, curvature),
        geometry.pairwise_exterior_angle(x, y, curvature),
        rtol=0,
        atol=1e-7,  # the stated error for nearly opposite directions
    )


@PROPERTY
@given(SEEDS, st.integers(2, 16))
def test_small_curvature_gives_the_euclidean_angle(seed, dim):
    generator = torch.Generator().manual_seed(seed)
    s, r = torch.randn(2, 5, dim, dtype=torch.float64, generator=generator)
    c = 1e-10
    step = r - s
    cosine = (s * step).sum(dim=1) / s.norm(dim=1) / step.norm(dim=1)
    angle = geometry.exterior_angle(geometry.from_space(s, c), geometry.from_space(r, c), c)
    torch.testing.assert_close(angle, cosine.clamp(-1, 1).acos(), rtol=0, atol=1e-6)


@PROPERTY
@given(SEEDS, DIMS, CURVATURES)
def test_angle_behind_the_apex_is_zero_and_before_it_pi(seed, dim, curvature):
    v = geometry.log_map0(points(seed, (4, dim), 3.0, curvature), curvature)
    x = geometry.exp_map0(v, curvature)
    behind = geometry.exterior_angle(x, geometry.exp_map0(1.5 * v, curvature), curvature)
    before = geometry.exterior_angle(x, geometry.exp_map0(0.5 * v, curvature), curvature)
    torch.testing.assert_close(behind, torch.zeros_like(behind), rtol=0, atol=1e-9)
    torch.testing.assert_close(before, torch.full_like(before, math.pi), rtol=0, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_conventions_at_degenerate_points(dtype):
    x = points(5, (3, 4), 3.0, 1.0).to(dtype)
    root = geometry.origin(4, 1.0, dtype=dtype).expand_as(x)
    right, half = torch.full((3,), math.pi / 2, dtype=dtype), torch.full((3,), math.pi, dtype=dtype)
    for angle in (
        geometry.exterior_angle,
        lambda a, b, c: geometry.pairwise_exterior_angle(a, b, c).diagonal(),
    ):
        assert torch.equal(angle(x, x.clone(), 1.0), torch.zeros(3, dtype=dtype))
        assert torch.equal(angle(root, x, 1.0), right)
        assert torch.equal(angle(root, root, 1.0), right)
        assert torch.equal(angle(x, root, 1.0), half)


BOTH_FORMS = pytest.mark.parametrize(
    "angle",
    [
        geometry.exterior_angle,
        lambda x, y, c: geometry.pairwise_exterior_angle(x[None], y[None], c)[0, 0],
    ],
    ids=["elementwise", "pairwise"],
)


def at(*space):
    return geometry.from_space(torch.tensor(space, dtype=torch.float64), 1.0)


@BOTH_FORMS
def test_a_hair_aside_is_told_from_straight_behind(angle):
    eps = torch.finfo(torch.float64).eps
    x, y = at(1.0, 0.0), at(1 + 1000 * eps, 2 * eps)
    assert float(angle(x, y, 1.0)) == pytest.approx(exact_angle(x, y, 1.0), rel=0.02, abs=0)


@BOTH_FORMS
def test_a_right_angle_is_not_taken_for_coincident_points(angle):
    # By the hyperbolic Pythagoras, tanh(a) = tanh(b) cos(theta), here with theta of 60 degrees.
    a, b = math.atanh(0.3), math.atanh(0.6)
    x = at(math.sinh(a), 0.0)
    y = at(math.sinh(b) / 2, math.sinh(b) * 0.75**0.5)
    assert float(angle(x, y, 1.0)) == pytest.approx(math.pi / 2, abs=1e-12)


@BOTH_FORMS
def test_points_near_the_origin_are_told_apart(angle):
    near, far = at(1e-9, 0.0), at(2e-9, 0.0)
    assert angle(far, near, 1.0) == math.pi
    assert angle(near, far, 1.0) == 0


@PROPERTY
@given(SEEDS, DIMS, CURVATURES, DTYPES)
def test_each_point_is_entailed_by_itself_and_by_the_origin(seed, dim, curvature, dtype):
    x = points(seed, (5, dim), 5.0, curvature).to(dtype)
    root = geometry.origin(dim, curvature, dtype=dtype)
    assert geometry.is_entailed(x, x, curvature).all()
    assert geometry.is_entailed(root, x, curvature).all()


@PROPERTY
@given(SEEDS, DIMS, CURVATURES)
def test_entailment_is_transitive(seed, dim, curvature):
    """Ganea et al. prove it for cones of this aperture; a wrong aperture breaks it."""
    x = points(seed, (200, dim), 3.0, curvature)
    x = x[geometry.radius(x, curvature) * curvature**0.5 > 0.3]
    generator = torch.Generator().manual_seed(seed)
    v = geometry.log_map0(x, curvature)

    def further(v):
        noise = torch.randn(v.shape, dtype=v.dtype, generator=generator)
        return 1.5 * v + 0.1 * noise * v.norm(dim=1, keepdim=True) / dim**0.5

    y_tangent = further(v)
    y = geometry.exp_map0(y_tangent, curvature)
    z = geometry.exp_map0(further(y_tangent), curvature)
    chain = geometry.is_entailed(x, y, curvature) & geometry.is_entailed(y, z, curvature)
    assert chain.any()
    violation = geometry.entailment_violation(x[chain], z[chain], curvature)
    assert (violation <= 1e-9).all()


@PROPERTY
@given(SEEDS, DIMS, CURVATURES)
def test_violation_is_the_angle_outside_the_cone(seed, dim, curvature):
    x, y = points(seed, (9, dim), 3.0, curvature), points(seed + 1, (9, dim), 3.0, curvature)
    violation = geometry.entailment_violation(x, y, curvature, min_radius=0.2)
    entailed = geometry.is_entailed(x, y, curvature, min_radius=0.2)
    assert torch.equal(violation == 0, entailed)
    excess = geometry.exterior_angle(x, y, curvature) - geometry.half_aperture(
        x, curvature, min_radius=0.2
    )
    torch.testing.assert_close(violation[~entailed], excess[~entailed])


def test_aperture_follows_its_formula_and_is_a_half_space_near_the_origin():
    lengths = torch.tensor([0.0, 0.05, 0.1, 0.11, 0.14, 1.0], dtype=torch.float64)
    space = torch.stack([lengths, torch.zeros_like(lengths)], dim=1)
    aperture = geometry.half_aperture(geometry.from_space(space, 4.0), 4.0)
    outside = [math.asin(0.1 / length) for length in (0.11, 0.14, 1.0)]
    expected = torch.tensor([math.pi / 2] * 3 + outside, dtype=torch.float64)
    torch.testing.assert_close(aperture, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y, **k: geometry.half_aperture(x, 1.0, **k),
        lambda x, y, **k: geometry.entailment_violation(x, y, 1.0, **k),
        lambda x, y, **k: geometry.is_entailed(x, y, 1.0, **k),
    ],
)
def test_cones_have_the_minimal_radius_0_1_unless_asked_otherwise(function):
    x, y = points(0, (500, 2), 3.0, 1.0), points(1, (500, 2), 3.0, 1.0)
    assert torch.equal(function(x, y), function(x, y, min_radius=0.1))
    assert not torch.equal(function(x, y), function(x, y, min_radius=0.11))
