"""Probabilities as detours: the laws of probability, digits near the ray, finite gradients."""

import math

import mpmath
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sklearn_mnm import geometry as g
from tests.geometry.draws import CURVATURES, DIMS, DTYPES, PROPERTY, SEEDS

# Of nats of order 10, computed in a few steps.
TOLERANCE = {torch.float32: 2e-5, torch.float64: 3e-14}


def directions(seed, n, dim):
    generator = torch.Generator().manual_seed(seed)
    u = torch.randn(n, dim, dtype=torch.float64, generator=generator)
    return u / u.norm(dim=1, keepdim=True)


def informations(seed, n, largest=16.0):
    generator = torch.Generator().manual_seed(seed)
    return largest * torch.rand(n, dtype=torch.float64, generator=generator)


def concepts(information, direction, curvature, dtype=torch.float64):
    radius = g.radius_from_information(information, curvature)
    return g.exp_map0(radius[:, None] * direction, curvature).to(dtype)


def random_concepts(seed, n, dim, curvature, dtype=torch.float64):
    information = informations(seed, n)
    return information, concepts(information, directions(seed + 1, n, dim), curvature, dtype)


def near(found, expected, dtype):
    tolerance = TOLERANCE[dtype]
    torch.testing.assert_close(found.double(), expected.double(), rtol=tolerance, atol=tolerance)


def exact_sides(x, y, curvature):
    """Radii and distance of points with the given space coordinates, in 80 digits."""
    c = mpmath.mpf(curvature)
    s, r = ([mpmath.mpf(v) for v in point[1:].double().tolist()] for point in (x, y))
    t, u = (mpmath.sqrt(1 + c * mpmath.fdot(v, v)) for v in (s, r))
    distance = mpmath.acosh(t * u - c * mpmath.fdot(s, r))
    return tuple(side / mpmath.sqrt(c) for side in (mpmath.acosh(t), mpmath.acosh(u), distance))


def exact_detour(ancestor, x, curvature):
    with mpmath.workdps(80):
        radius_a, radius_x, distance = exact_sides(ancestor, x, curvature)
        return float(radius_a + distance - radius_x)


def exact_gromov(x, y, curvature):
    with mpmath.workdps(80):
        radius_x, radius_y, distance = exact_sides(x, y, curvature)
        return float((radius_x + radius_y - distance) / 2)


def many_digits(exact, x, y, curvature):
    values = [exact(*pair, curvature) for pair in zip(x, y, strict=True)]
    return torch.tensor(values, dtype=torch.float64)


def turned(direction, angle, seed=5):
    """Directions at the given angle from those given."""
    across = directions(seed, *direction.shape)
    across = across - (across * direction).sum(dim=1, keepdim=True) * direction
    across = across / across.norm(dim=1, keepdim=True)
    return math.cos(angle) * direction + math.sin(angle) * across


@PROPERTY
@given(SEEDS, DIMS, CURVATURES, DTYPES)
def test_radius_is_half_the_information_and_back(seed, dim, curvature, dtype):
    information, x = random_concepts(seed, 7, dim, curvature, dtype)
    near(g.information_from_radius(g.radius(x, curvature), curvature), information, dtype)
    near(2 * curvature**0.5 * g.radius_from_information(information, curvature), information, dtype)


@PROPERTY
@given(SEEDS, DIMS, CURVATURES, DTYPES)
def test_bayes_rule_holds(seed, dim, curvature, dtype):
    information_a, a = random_concepts(seed, 7, dim, curvature, dtype)
    information_b, b = random_concepts(seed + 7, 7, dim, curvature, dtype)
    difference = g.log_conditional(a, b, curvature) - g.log_conditional(b, a, curvature)
    near(difference, information_b - information_a, dtype)


@PROPERTY
@given(SEEDS, DIMS, CURVATURES, DTYPES)
def test_gromov_product_is_half_the_pointwise_mutual_information(seed, dim, curvature, dtype):
    information_a, a = random_concepts(seed, 7, dim, curvature, dtype)
    _, b = random_concepts(seed + 7, 7, dim, curvature, dtype)
    pointwise = g.log_conditional(a, b, curvature) + information_a
    product = g.gromov_product(a, b, curvature)
    near(2 * curvature**0.5 * product, pointwise, dtype)
    near(product, g.gromov_product(b, a, curvature), dtype)
    assert (product >= 0).all()


@PROPERTY
@given(SEEDS, DIMS, CURVATURES)
def test_distance_is_minus_the_logarithm_of_the_ochiai_coefficient(seed, dim, curvature):
    information_a, a = random_concepts(seed, 7, dim, curvature)
    information_b, b = random_concepts(seed + 7, 7, dim, curvature)
    joint = (g.log_conditional(a, b, curvature) - information_b).exp()
    ochiai = joint / ((-information_a).exp() * (-information_b).exp()).sqrt()
    near(curvature**0.5 * g.distance(a, b, curvature), -ochiai.log(), torch.float64)


@PROPERTY
@given(SEEDS, DIMS, CURVATURES, DTYPES)
def test_no_detour_is_negative_and_none_longer_than_through_the_root(seed, dim, curvature, dtype):
    _, a = random_concepts(seed, 9, dim, curvature, dtype)
    _, x = random_concepts(seed + 7, 9, dim, curvature, dtype)
    x = torch.cat([x, a, g.exp_map0(1.1 * g.log_map0(a, curvature), curvature)])
    detours = g.pairwise_detour(a, x, curvature)
    assert (detours >= 0).all()
    limit = 2 * g.radius(a, curvature)[:, None]
    assert (detours <= limit * (1 + TOLERANCE[dtype])).all()
    assert (g.pairwise_log_conditional(a, x, curvature) <= 0).all()


@PROPERTY
@given(SEEDS, DIMS, CURVATURES, DTYPES, st.floats(0.0, 1.0))
def test_what_lies_on_the_way_from_the_root_is_certain(seed, dim, curvature, dtype, position):
    information, x = random_concepts(seed, 7, dim, curvature)
    root = g.origin(dim, curvature, dtype=torch.float64)
    ancestor = g.geodesic(root, x, position, curvature).to(dtype)
    x = x.to(dtype)
    near(g.log_conditional(ancestor, x, curvature), torch.zeros(7), dtype)
    # A subset given its superset: exp(I_superset - I_subset).
    near(g.log_conditional(x, ancestor, curvature), (position - 1) * information, dtype)


@PROPERTY
@given(SEEDS, DIMS, CURVATURES, st.floats(0.02, 3.1), st.floats(1.05, 8.0))
def test_what_lies_off_the_way_from_the_root_is_not_certain(seed, dim, curvature, angle, factor):
    u = directions(seed, 7, dim)
    information = 0.1 + informations(seed, 7, 10.0)
    x = concepts(information, u, curvature)
    aside = concepts(information / factor, turned(u, angle), curvature)
    behind = concepts(information * factor, u, curvature)
    for ancestor in (aside, behind):
        assert (g.detour(ancestor, x, curvature) > 1e-7).all()


@PROPERTY
@given(SEEDS, DIMS, CURVATURES, DTYPES)
def test_concepts_joined_through_the_root_are_independent(seed, dim, curvature, dtype):
    information, other = informations(seed, 7), informations(seed + 7, 7)
    u = directions(seed + 1, 7, dim)
    a, x = (concepts(i, v, curvature, dtype) for i, v in ((information, u), (other, -u)))
    near(g.log_conditional(a, x, curvature), -information, dtype)
    near(g.log_conditional(x, a, curvature), -other, dtype)
    near(g.gromov_product(a, x, curvature), torch.zeros(7), dtype)


@PROPERTY
@given(SEEDS, DIMS, CURVATURES, DTYPES)
def test_the_root_is_certain_and_says_nothing(seed, dim, curvature, dtype):
    information, x = random_concepts(seed, 7, dim, curvature, dtype)
    root = g.origin(dim, curvature, dtype=dtype)
    assert (g.log_conditional(root, x, curvature) == 0).all()
    near(g.log_conditional(x, root, curvature), -information, dtype)
    assert (g.gromov_product(root, x, curvature) == 0).all()


@PROPERTY
@given(SEEDS, DIMS, CURVATURES, CURVATURES)
def test_curvature_does_not_change_the_probabilities_of_given_informations(seed, dim, one, other):
    probabilities = [
        g.pairwise_log_conditional(
            random_concepts(seed, 5, dim, c)[1], random_concepts(seed + 7, 6, dim, c)[1], c
        )
        for c in (one, other)
    ]
    near(*probabilities, torch.float64)


@PROPERTY
@given(SEEDS, DIMS, CURVATURES, DTYPES)
def test_pairwise_forms_are_the_elementwise_forms_of_all_pairs(seed, dim, curvature, dtype):
    _, x = random_concepts(seed, 5, dim, curvature, dtype)
    _, y = random_concepts(seed + 7, 4, dim, curvature, dtype)
    y = torch.cat([y, x[:2], g.exp_map0(-g.log_map0(x[2:3], curvature), curvature)])
    for name in ("detour", "log_conditional", "gromov_product"):
        elementwise = getattr(g, name)(x[:, None], y[None, :], curvature)
        near(getattr(g, f"pairwise_{name}")(x, y, curvature), elementwise, dtype)


@PROPERTY
@given(SEEDS, DIMS, CURVATURES, DTYPES)
def test_polar_forms_are_those_of_the_points(seed, dim, curvature, dtype):
    u, v = directions(seed, 5, dim), directions(seed + 1, 6, dim)
    r = g.radius_from_information(informations(seed, 5), curvature)
    s = g.radius_from_information(informations(seed + 1, 6), curvature)
    x = g.exp_map0(r[:, None] * u, curvature).to(dtype)
    y = g.exp_map0(s[:, None] * v, curvature).to(dtype)
    versine = g.pairwise_versine(u.to(dtype), v.to(dtype))
    sides = r.to(dtype)[:, None], s.to(dtype), versine, curvature
    assert (versine >= 0).all()
    near(g.polar_distance(*sides), g.pairwise_distance(x, y, curvature), dtype)
    near(g.polar_detour(*sides), g.pairwise_detour(x, y, curvature), dtype)


@PROPERTY
@given(SEEDS, DIMS, CURVATURES)
def test_polar_distance_is_a_metric(seed, dim, curvature):
    u = [directions(seed + i, 8, dim) for i in range(3)]
    r = [g.radius_from_information(informations(seed + i, 8), curvature) for i in range(3)]

    def distance(i, j):
        return g.polar_distance(r[i][:, None], r[j], g.pairwise_versine(u[i], u[j]), curvature)

    d = distance(0, 1)
    torch.testing.assert_close(d, distance(1, 0).T, rtol=1e-12, atol=1e-12)
    assert (d > 0).all()
    assert (distance(0, 0).diagonal() == 0).all()
    through = distance(0, 2)[:, :, None] + distance(2, 1)[None]
    assert (d[:, None] <= through * (1 + 1e-12)).all()


@pytest.mark.parametrize("curvature", [0.3, 1.0])
@pytest.mark.parametrize("pairwise", [False, True])
@pytest.mark.parametrize(
    ("dtype", "angle", "tolerance"),
    [
        # The angle itself has a relative error of the machine epsilon over the angle.
        (torch.float32, 1e-2, 1e-4),
        (torch.float32, 1e-3, 1e-3),
        (torch.float32, 1e-4, 1e-2),
        (torch.float64, 1e-2, 1e-12),
        (torch.float64, 1e-4, 1e-11),
        (torch.float64, 1e-7, 1e-8),
    ],
)
def test_detours_near_the_ray_keep_their_digits(dtype, angle, tolerance, pairwise, curvature):
    u = directions(1, 6, 8)
    shares = torch.linspace(0.1, 0.9, 6, dtype=torch.float64)
    ancestor = concepts(10 * shares, turned(u, angle), curvature, dtype)
    x = concepts(torch.full((6,), 10.0, dtype=torch.float64), u, curvature, dtype)
    exact = many_digits(exact_detour, ancestor, x, curvature)
    if pairwise:
        found = g.pairwise_detour(ancestor, x, curvature).diagonal()
    else:
        found = g.detour(ancestor, x, curvature)
    torch.testing.assert_close(found.double(), exact, rtol=tolerance, atol=0)


@pytest.mark.parametrize(("dtype", "angle"), [(torch.float32, 1e-3), (torch.float64, 1e-7)])
def test_the_plain_sum_fails_where_ours_is_tested(dtype, angle):
    u = directions(1, 6, 8)
    shares = torch.linspace(0.1, 0.9, 6, dtype=torch.float64)
    ancestor = concepts(10 * shares, turned(u, angle), 1.0, dtype)
    x = concepts(torch.full((6,), 10.0, dtype=torch.float64), u, 1.0, dtype)
    exact = many_digits(exact_detour, ancestor, x, 1.0)
    plain = g.radius(ancestor, 1.0) + g.distance(ancestor, x, 1.0) - g.radius(x, 1.0)
    assert ((plain - exact) / exact).abs().max() > 0.02


@PROPERTY
@given(SEEDS, DIMS, CURVATURES, DTYPES)
def test_detours_and_gromov_products_agree_with_many_digits(seed, dim, curvature, dtype):
    _, a = random_concepts(seed, 3, dim, curvature, dtype)
    _, x = random_concepts(seed + 7, 3, dim, curvature, dtype)
    for function, exact in ((g.detour, exact_detour), (g.gromov_product, exact_gromov)):
        expected = many_digits(exact, a, x, curvature)
        tolerance = {torch.float32: 1e-4, torch.float64: 1e-12}[dtype]
        torch.testing.assert_close(
            function(a, x, curvature).double(), expected, rtol=tolerance, atol=0
        )


@pytest.mark.parametrize("pairwise", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-3), (torch.float64, 1e-12)])
def test_gromov_products_of_nearly_opposite_directions_keep_their_digits(
    dtype, tolerance, pairwise
):
    u = directions(2, 6, 8)
    x = concepts(torch.linspace(0.5, 12, 6, dtype=torch.float64), u, 1.0, dtype)
    y = concepts(torch.full((6,), 6.0, dtype=torch.float64), turned(-u, 1e-3), 1.0, dtype)
    exact = many_digits(exact_gromov, x, y, 1.0)
    if pairwise:
        found = g.pairwise_gromov_product(x, y, 1.0).diagonal()
    else:
        found = g.gromov_product(x, y, 1.0)
    torch.testing.assert_close(found.double(), exact, rtol=tolerance, atol=0)


def of_space(function):
    return lambda s, r, c: function(g.from_space(s, c), g.from_space(r, c), c)


def of_radii(function):
    return lambda s, r, c: function(
        s[:, 0].abs().asinh(), r[:, 0].abs().asinh(), (s[:, 1] - r[:, 1]).square().clamp(max=2), c
    )


# As functions of two arrays of coordinates and the curvature.
FUNCTIONS = {
    "detour": of_space(g.detour),
    "pairwise_detour": of_space(g.pairwise_detour),
    "log_conditional": of_space(g.log_conditional),
    "pairwise_log_conditional": of_space(g.pairwise_log_conditional),
    "gromov_product": of_space(g.gromov_product),
    "pairwise_gromov_product": of_space(g.pairwise_gromov_product),
    "polar_distance": of_radii(g.polar_distance),
    "polar_detour": of_radii(g.polar_detour),
    "pairwise_versine": lambda s, r, c: g.pairwise_versine(s, r),
}


def space(seed, dtype=torch.float64):
    return torch.randn(3, 4, dtype=dtype, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("scale", [0.1, 1.0, 4.0])
def test_gradients_are_right(name, scale):
    s, r = (scale * space(1)).requires_grad_(), (scale * space(2)).requires_grad_()
    c = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(FUNCTIONS[name], (s, r, c))


def test_a_detour_is_smooth_where_the_ancestor_lies_on_the_ray():
    s, r = space(1), 2 * space(1)
    assert torch.autograd.gradcheck(
        lambda s, r: FUNCTIONS["detour"](s, r, 0.7), (s.requires_grad_(), r.requires_grad_())
    )
    gradients = torch.autograd.grad(FUNCTIONS["detour"](s, r, 0.7).sum(), (s, r))
    assert all((gradient.abs() < 1e-12).all() for gradient in gradients)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    "case",
    {
        "coincident": (1, 1),
        "one rounding apart": (1, None),
        "ancestor at the root": (0, 1),
        "x at the root": (1, 0),
        "both at the root": (0, 0),
        "ray, nearer": (0.5, 1),
        "ray, nearly coincident": (1 - 1e-5, 1),
        "ray, behind": (3, 1),
        "opposite": (-1, 1),
        "nearly at the root": (1e-20, 1),
        "both nearly at the root": (1e-20, 2e-20),
        "both hardly off the root": (1e-30, -1e-30),
        "far out, coincident": (1e4, 1e4),
        "far out, ray": (1e2, 1e4),
    }.values(),
    ids=str,
)
def test_values_and_gradients_of_degenerate_pairs_are_finite(case, name, dtype):
    one, other = case
    x = space(1, dtype)
    other = 1 + torch.finfo(dtype).eps if other is None else other
    s, r = (one * x).requires_grad_(), (other * x).requires_grad_()
    c = torch.tensor(0.7, dtype=dtype, requires_grad=True)
    values = FUNCTIONS[name](s, r, c)
    assert values.dtype == dtype
    assert values.isfinite().all()
    weights = 1 + torch.arange(values.numel(), dtype=dtype).reshape(values.shape)
    used = [v for v in (s, r, c) if name != "pairwise_versine" or v is not c]
    for gradient in torch.autograd.grad((weights * values).sum(), used):
        assert gradient.isfinite().all()
        assert gradient.abs().max() < 1e6


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_versine_that_rounding_made_negative_is_none(dtype):
    radius = torch.tensor([1.0, 2.0, 3.0], dtype=dtype)
    versine = torch.full((3,), -torch.finfo(dtype).eps, dtype=dtype)
    assert (g.polar_detour(radius, radius + 1, versine, 1.0) == 0).all()


def test_points_that_are_not_a_number_have_no_probability():
    points = torch.tensor([[1.0, 0.0, 0.0], [float("nan")] * 3], dtype=torch.float64)
    assert torch.isnan(g.pairwise_detour(points[1:], points, 1.0)).all()
    assert torch.isnan(g.gromov_product(points[1], points[0], 1.0))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ["detour", "gromov_product", "pairwise_log_conditional"])
def test_half_precision_is_computed_and_returned_in_single(name, dtype):
    _, x = random_concepts(3, 4, 3, 1.0, dtype)
    found = getattr(g, name)(x, x.flip(0), 1.0)
    assert found.dtype == torch.float32
    assert torch.equal(found, getattr(g, name)(x.float(), x.flip(0).float(), 1.0))
