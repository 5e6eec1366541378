"""Gradients: right at generic points, finite at degenerate ones."""

import pytest
import torch

from sklearn_mnm import geometry as g

CURVATURE = 0.7
DIM = 4


def space(seed, n=3, dtype=torch.float64):
    return torch.randn(n, DIM, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def lift(s, c):
    return g.from_space(s, c)


# Every function of points as a function of space coordinates and curvature.
BINARY = {
    "inner": lambda s, r, c: g.inner(lift(s, c), lift(r, c)),
    "pairwise_inner": lambda s, r, c: g.pairwise_inner(lift(s, c), lift(r, c)),
    "distance": lambda s, r, c: g.distance(lift(s, c), lift(r, c), c),
    "pairwise_distance": lambda s, r, c: g.pairwise_distance(lift(s, c), lift(r, c), c),
    "log_map": lambda s, r, c: g.log_map(lift(s, c), lift(r, c), c),
    "exp_map": lambda s, r, c: g.exp_map(lift(s, c), lift(r, c), c),
    "geodesic": lambda s, r, c: g.geodesic(lift(s, c), lift(r, c), 0.3, c),
    "exterior_angle": lambda s, r, c: g.exterior_angle(lift(s, c), lift(r, c), c),
    "pairwise_exterior_angle": lambda s, r, c: g.pairwise_exterior_angle(lift(s, c), lift(r, c), c),
    "entailment_violation": lambda s, r, c: g.entailment_violation(lift(s, c), lift(r, c), c),
    "einstein_midpoint": lambda s, r, c: g.einstein_midpoint(
        torch.stack([lift(s, c), lift(r, c)], dim=-2), c
    ),
    "lorentz_centroid": lambda s, r, c: g.lorentz_centroid(
        torch.stack([lift(s, c), lift(r, c)], dim=-2), c
    ),
}
UNARY = {
    "from_space": g.from_space,
    "exp_map0": g.exp_map0,
    "log_map0": lambda s, c: g.log_map0(lift(s, c), c),
    "radius": lambda s, c: g.radius(lift(s, c), c),
    "half_aperture": lambda s, c: g.half_aperture(lift(s, c), c),
    "project": lambda s, c: g.project(lift(s, c), c),
}


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("scale", [0.1, 1.0, 4.0])
def test_gradients_of_pairs_are_right(name, scale):
    s, r = (scale * space(1)).requires_grad_(), (scale * space(2)).requires_grad_()
    c = torch.tensor(CURVATURE, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(BINARY[name], (s, r, c))


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
def test_gradients_of_points_are_right(name, scale):
    s = (scale * space(1)).requires_grad_()
    c = torch.tensor(CURVATURE, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(UNARY[name], (s, c))


@pytest.mark.parametrize("name", ["distance", "log_map", "geodesic", "exp_map"])
def test_gradients_of_near_pairs_are_right(name):
    s = space(1).requires_grad_()
    r = (space(1) * 1.01 + 0.01 * space(2)).requires_grad_()
    c = torch.tensor(CURVATURE, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(BINARY[name], (s, r, c), eps=1e-7, atol=1e-4)


@pytest.mark.parametrize("name", ["exterior_angle", "distance"])
def test_pairwise_and_elementwise_gradients_agree_for_near_pairs(name):
    results = []
    for pairwise in (False, True):
        s = space(1).requires_grad_()
        r = (space(1) * 1.01 + 1e-3 * space(2)).requires_grad_()
        c = torch.tensor(CURVATURE, dtype=torch.float64, requires_grad=True)
        function = BINARY[f"pairwise_{name}" if pairwise else name]
        values = function(s, r, c)
        (values.diagonal() if pairwise else values).sum().backward()
        results.append((s.grad, r.grad, c.grad))
    for elementwise, pairwise in zip(*results, strict=True):
        torch.testing.assert_close(elementwise, pairwise, rtol=1e-8, atol=1e-8)


def test_exterior_angle_gradients_are_right_for_near_pairs():
    """Against the same angle written with the plain dot products, in float64 near radius 1."""

    def by_definition(s, r, c):
        x, y = lift(s, c), lift(r, c)
        k = c * g.inner(x, y)
        return torch.acos((y[:, 0] + x[:, 0] * k) / (s.norm(dim=1) * (k * k - 1).sqrt()))

    gradients = []
    for function in (BINARY["exterior_angle"], by_definition):
        s, r = space(1).requires_grad_(), (space(1) + 0.02 * space(2)).requires_grad_()
        c = torch.tensor(CURVATURE, dtype=torch.float64, requires_grad=True)
        gradients.append(torch.autograd.grad(function(s, r, c).sum(), (s, r, c)))
    for ours, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-6, atol=1e-6)


def test_smooth_functions_have_their_gradient_at_the_origin():
    """Distance, logarithm and midpoints are smooth at the origin: zero would be wrong there."""
    r = space(2)
    for name in ("distance", "pairwise_distance", "log_map", "einstein_midpoint"):
        s = torch.zeros(3, DIM, dtype=torch.float64, requires_grad=True)
        c = torch.tensor(CURVATURE, dtype=torch.float64)
        assert torch.autograd.gradcheck(lambda s, f=BINARY[name], c=c: f(s, r, c), (s,))
    for name in ("exp_map0", "log_map0"):
        s = torch.zeros(3, DIM, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(lambda s, f=UNARY[name], c=c: f(s, c), (s,))


def degenerate_pairs(dtype):
    x = space(1, dtype=dtype)
    zero = torch.zeros_like(x)
    eps = torch.finfo(dtype).eps
    return {
        "coincident": (x, x.clone()),
        "one rounding apart": (x, x * (1 + eps)),
        "apex at the origin": (zero, x),
        "child at the origin": (x, zero.clone()),
        "both at the origin": (zero, zero.clone()),
        "same ray, further": (x, 2 * x),
        "same ray, nearer": (x, x / 2),
        "opposite": (x, -x),
        "opposite, further": (x, -3 * x),
        "nearly at the origin": (x * 1e-20, x),
        "far out": (x * 1e4, x.flip(0) * 1e4),
        "far out, coincident": (x * 1e4, x * 1e4),
    }


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("name", "case"),
    [
        (name, case)
        for name in BINARY
        for case in degenerate_pairs(torch.float32)
        # A step of length 1e4 leaves the range of the dtype.
        if not (name == "exp_map" and case.startswith("far out"))
    ],
)
def test_values_and_gradients_of_degenerate_pairs_are_finite(name, case, dtype):
    s, r = (v.clone().requires_grad_() for v in degenerate_pairs(dtype)[case])
    c = torch.tensor(CURVATURE, dtype=dtype, requires_grad=True)
    values = BINARY[name](s, r, c)
    assert values.isfinite().all()
    weights = 1 + torch.arange(values.numel(), dtype=dtype).reshape(values.shape)
    for gradient in torch.autograd.grad((weights * values).sum(), (s, r, c)):
        assert gradient.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-10, 1e-3])
@pytest.mark.parametrize("name", UNARY)
def test_values_and_gradients_near_the_origin_are_finite(name, scale, dtype):
    s = (scale * space(1, dtype=dtype)).requires_grad_()
    c = torch.tensor(CURVATURE, dtype=dtype, requires_grad=True)
    values = UNARY[name](s, c)
    assert values.isfinite().all()
    for gradient in torch.autograd.grad(values.sum(), (s, c)):
        assert gradient.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_aperture_gradient_is_finite_at_the_limit_radius(dtype):
    limit = torch.tensor(0.2, dtype=dtype)
    lengths = [limit, torch.nextafter(limit, limit + 1), torch.nextafter(limit, limit - 1)]
    s = torch.stack(lengths)[:, None].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(g.half_aperture(lift(s, 1.0), 1.0).sum(), s)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_aperture_gradient_is_finite_where_the_sine_is_rounded_to_one(dtype):
    n_rounded = 0
    for min_radius in torch.linspace(0.05, 0.5, 200).tolist():
        limit = torch.tensor(2 * min_radius, dtype=dtype)
        s = torch.nextafter(limit, limit + 1)[None].clone().requires_grad_()
        n_rounded += bool(2 * min_radius / s == 1)
        (gradient,) = torch.autograd.grad(
            g.half_aperture(lift(s, 1.0), 1.0, min_radius=min_radius), s
        )
        assert gradient.isfinite().all()
    assert n_rounded > 0


@pytest.mark.parametrize("name", ["exterior_angle", "pairwise_exterior_angle"])
def test_an_apex_within_rounding_of_the_origin_has_no_gradient(name):
    s = torch.tensor([[1e-20, 0.0]], dtype=torch.float64, requires_grad=True)
    r = torch.tensor([[0.5, 1.0]], dtype=torch.float64, requires_grad=True)
    for gradient in torch.autograd.grad(BINARY[name](s, r, torch.tensor(1.0)).sum(), (s, r)):
        assert torch.equal(gradient, torch.zeros_like(gradient))


@pytest.mark.parametrize("name", ["exterior_angle", "pairwise_exterior_angle"])
def test_the_kink_straight_behind_the_apex_and_before_it_has_no_gradient(name):
    for factor in (0.5, 2.0, -2.0):
        s = space(1, n=1).requires_grad_()
        r = (factor * space(1, n=1)).requires_grad_()
        for gradient in torch.autograd.grad(BINARY[name](s, r, torch.tensor(1.0)).sum(), (s, r)):
            assert torch.equal(gradient, torch.zeros_like(gradient))


@pytest.mark.parametrize("name", ["exterior_angle", "pairwise_exterior_angle"])
def test_directions_that_differ_by_less_than_rounding_leave_gradients_bounded(name):
    s = torch.tensor([[1.0, 1e-3]], dtype=torch.float64)
    r = 2 * s
    r[0, 1] = torch.nextafter(r[0, 1], r[0, 0])
    s.requires_grad_(), r.requires_grad_()
    for gradient in torch.autograd.grad(BINARY[name](s, r, torch.tensor(1.0)).sum(), (s, r)):
        assert gradient.abs().max() < 10


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_empty_text_passes_through_the_hot_path_with_finite_gradients(dtype):
    texts, brains = space(1, 6, dtype), space(2, 6, dtype)
    texts[0] = 0
    brains[0] = 0
    brains[1] = texts[1]
    texts.requires_grad_(), brains.requires_grad_()
    c = torch.tensor(1.0, dtype=dtype, requires_grad=True)
    angles = g.pairwise_exterior_angle(g.exp_map0(texts, c), g.exp_map0(brains, c), c)
    loss = torch.nn.functional.cross_entropy(-10 * angles, torch.arange(6))
    for gradient in torch.autograd.grad(loss, (texts, brains, c)):
        assert gradient.isfinite().all()
        assert gradient.abs().max() < 1e3
    assert loss.isfinite()
