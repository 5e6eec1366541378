"""NumPy arrays and torch tensors give the same, each its own kind."""

import inspect

import numpy as np
import pytest
import torch

from sklearn_mnm import geometry

_CURVATURE = 0.7
_MADE_OF_SIZES = {"origin"}


def _arguments(name):
    """Arrays for the parameters of a function, by what they are called."""
    random = np.random.default_rng(0)
    tangents = random.normal(size=(2, 6, 4)) * random.uniform(0, 4, size=(2, 6, 1))
    tangents[1, :2] = tangents[0, :2] * (1 + 1e-6)  # points that nearly coincide
    tangents[0, 2] = 0
    x, y = (geometry.exp_map0(torch.from_numpy(v), _CURVATURE).numpy() for v in tangents)
    unit = tangents / np.maximum(np.linalg.norm(tangents, axis=2, keepdims=True), 1e-9)
    known = {
        **{first: x for first in ("x", "ancestor", "ancestors", "parent")},
        **{second: y for second in ("y", "child")},
        "u": geometry.log_map(torch.from_numpy(x), torch.from_numpy(y), _CURVATURE).numpy(),
        "v": tangents[0],
        "space": tangents[0],
        "position": np.linspace(0, 1, 6),
        "information": random.uniform(0.1, 9, 6),
        "versine": random.uniform(0, 2, 6),
        "directions_x": unit[0],
        "directions_y": unit[1],
        "weights": random.uniform(0.1, 1, 6),
        **{radius: random.uniform(0, 4, 6) for radius in ("radius", "radius_x", "radius_y")},
        "radius_ancestor": random.uniform(0, 4, 6),
    }
    if name in ("detour", "pairwise_detour", "log_conditional", "pairwise_log_conditional"):
        known["x"] = y
    names = inspect.signature(getattr(geometry, name)).parameters
    return {key: known[key] for key in names if key in known}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", sorted(set(geometry.__all__) - _MADE_OF_SIZES))
def test_arrays_and_tensors_give_the_same(name, dtype):
    function = getattr(geometry, name)
    arrays = {key: value.astype(dtype) for key, value in _arguments(name).items()}
    curvature = {}
    if "curvature" in inspect.signature(function).parameters:
        curvature = {"curvature": _CURVATURE}
    found = function(**arrays, **curvature)
    expected = function(**{k: torch.from_numpy(v) for k, v in arrays.items()}, **curvature)
    assert isinstance(found, np.ndarray)
    assert isinstance(expected, torch.Tensor)
    assert found.dtype == expected.numpy().dtype
    rounding = 1e-11 if dtype == np.float64 else 2e-4
    np.testing.assert_allclose(found, expected.numpy(), rtol=rounding, atol=rounding)


def test_the_kind_of_the_origin_is_that_of_its_dtype():
    array, tensor = geometry.origin(3, 4.0, np.float32), geometry.origin(3, 4.0, torch.float64)
    assert array.dtype == np.float32
    assert tensor.dtype == torch.float64
    np.testing.assert_array_equal(array, [0.5, 0, 0, 0])
    np.testing.assert_array_equal(tensor.numpy(), array)
    assert isinstance(geometry.origin(3, 4.0), torch.Tensor)


@pytest.mark.parametrize("kind", [np.int64, np.uint8, torch.int64])
def test_integers_are_computed_in_double(kind):
    def made(values):
        as_numpy = np.array(values, float)
        if isinstance(kind, torch.dtype):
            return torch.tensor(values, dtype=kind), torch.tensor(as_numpy)
        return np.array(values, kind), as_numpy

    (x, exact_x), (y, exact_y) = made([[3, 1, 2], [4, 0, 3]]), made([[4, 0, 3], [2, 1, 1]])
    for function in (geometry.distance, geometry.exterior_angle, geometry.detour):
        found, expected = function(x, y, 0.5), function(exact_x, exact_y, 0.5)
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
    np.testing.assert_array_equal(
        np.asarray(geometry.exp_map0(x, 0.5)), np.asarray(geometry.exp_map0(exact_x, 0.5))
    )


def test_of_two_precisions_the_wider_is_returned():
    double = geometry.exp_map0(np.eye(3), 1.0)
    single = double.astype(np.float32)
    for pair in ((single, double), (double, single)):
        assert geometry.distance(*pair, 1.0).dtype == np.float64
    assert geometry.distance(single, single, 1.0).dtype == np.float32
    assert geometry.distance(single[0], single[1], 1.0).dtype == np.float32


def test_half_precision_is_computed_in_single():
    points = geometry.exp_map0(np.eye(3, dtype=np.float16), 1.0)
    assert points.dtype == np.float32
    np.testing.assert_allclose(geometry.radius(points, 1.0), 1, rtol=1e-6)


def test_overflow_is_not_warned_of():
    with np.errstate(all="raise"):
        beyond = geometry.exp_map0(np.array([[1e4, 0.0]]), 1.0)
    assert np.isinf(beyond).any()
