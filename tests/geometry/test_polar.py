"""What all functions of points share: dtype, device, and the refinement of near pairs."""

import mpmath
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sklearn_mnm import geometry
from sklearn_mnm.geometry._backend import as_curvature

HALF = [torch.float16, torch.bfloat16]

# Of points x and y and the curvature.
FUNCTIONS = {
    "distance": geometry.distance,
    "pairwise_distance": geometry.pairwise_distance,
    "exterior_angle": geometry.exterior_angle,
    "pairwise_exterior_angle": geometry.pairwise_exterior_angle,
    "log_map": geometry.log_map,
    "geodesic": lambda x, y, c: geometry.geodesic(x, y, 0.3, c),
    "half_aperture": lambda x, y, c: geometry.half_aperture(x, c),
    "radius": lambda x, y, c: geometry.radius(x, c),
    "project": lambda x, y, c: geometry.project(x, c),
    "lorentz_centroid": lambda x, y, c: geometry.lorentz_centroid(torch.stack([x, y], -2), c),
}


def two(n=5, dim=3, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return geometry.exp_map0(torch.randn(2, n, dim, generator=generator).to(dtype), 1.0)


class LargestTensor(TorchDispatchMode):
    """The number of elements of the largest tensor that any operation returns."""

    n_elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        sizes = [each.numel() for each in tree_leaves(result) if isinstance(each, torch.Tensor)]
        self.n_elements = max([self.n_elements, *sizes])
        return result


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_half_precision_is_computed_and_returned_in_single(name, dtype):
    x, y = (each.to(dtype) for each in two(dtype=torch.float32))
    found = FUNCTIONS[name](x, y, 0.7)
    assert found.dtype == torch.float32
    assert torch.equal(found, FUNCTIONS[name](x.float(), y.float(), 0.7))


@pytest.mark.parametrize("dtype", HALF)
def test_half_precision_is_widened_in_arguments_given_by_name(dtype):
    x, y = (each.to(dtype) for each in two(dtype=torch.float32))
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0], dtype=dtype)
    found = geometry.einstein_midpoint(x, curvature=0.7, weights=weights)
    assert torch.equal(found, geometry.einstein_midpoint(x.float(), 0.7, weights.float()))
    assert geometry.distance(x=x, y=y, curvature=0.7).dtype == torch.float32


@pytest.mark.parametrize("curvature", [0.7, torch.tensor(0.7, dtype=torch.float64)])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_dtype_is_that_of_the_points_whatever_the_curvature_is(name, curvature):
    x, y = two(dtype=torch.float32)
    found = FUNCTIONS[name](x, y, curvature)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, FUNCTIONS[name](x, y, torch.tensor(0.7)))


@pytest.mark.parametrize("curvature", [0.7, torch.tensor(0.7, dtype=torch.float64)])
def test_the_curvature_gets_the_dtype_and_device_of_the_points(curvature):
    # The device "meta" stands for an accelerator: its tensors have a shape and no values.
    c = as_curvature(curvature, torch.empty(2, dtype=torch.float32, device="meta"))
    assert (c.dtype, c.device.type, c.shape) == (torch.float32, "meta", ())


def test_results_are_on_the_device_of_the_points():
    x, y = two().to("meta")
    for position in (0.5, torch.full((5,), 0.5)):
        assert geometry.geodesic(x, y, position, 1.0).device.type == "meta"
    assert geometry.exterior_angle(x, y, 1.0).device.type == "meta"
    assert geometry.origin(3, 1.0, device="meta").device.type == "meta"


def test_a_single_near_pair_among_others_keeps_its_digits():
    x = geometry.exp_map0(torch.tensor([[7.0, 0.0], [0.0, 7.0]]), 1.0)
    y = geometry.exp_map0(torch.tensor([[7.0, 2e-4], [-7.0, 1.0]]), 1.0)
    s, r = ([mpmath.mpf(v) for v in point[0, 1:].double().tolist()] for point in (x, y))
    with mpmath.workdps(60):
        times = mpmath.sqrt((1 + mpmath.fdot(s, s)) * (1 + mpmath.fdot(r, r)))
        exact = float(mpmath.acosh(times - mpmath.fdot(s, r)))
    found = geometry.pairwise_distance(x, y, 1.0)
    assert float(found[0, 0]) == pytest.approx(exact, rel=1e-4)
    torch.testing.assert_close(found, geometry.distance(x[:, None], y, 1.0), rtol=1e-4, atol=0)


@pytest.mark.parametrize("pairwise", [geometry.pairwise_distance, geometry.pairwise_exterior_angle])
def test_pairs_that_are_not_near_take_no_more_memory_than_their_matrix(pairwise):
    x, y = two(n=100, dim=50)
    with LargestTensor() as largest:
        pairwise(x, y, 1.0)
    assert largest.n_elements == 100 * 100


def test_near_pairs_are_refined_in_blocks_of_some_megabytes():
    generator = torch.Generator().manual_seed(0)
    x = geometry.exp_map0(1 + 1e-3 * torch.randn(150, 64, generator=generator), 1.0)
    with LargestTensor() as largest:
        geometry.pairwise_distance(x, x, 1.0)
    assert 150**2 < largest.n_elements <= 2**19
