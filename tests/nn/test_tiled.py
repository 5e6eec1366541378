"""Tiles give the losses and gradients of the whole matrix, and never hold the matrix."""

import subprocess
import sys

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sklearn_mnm.geometry import exp_map0, pairwise_exterior_angle
from sklearn_mnm.nn.losses import brain_apex_loss
from sklearn_mnm.nn.objective import (
    Alignment,
    BrainApex,
    Drift,
    Extent,
    Network,
    Objective,
    TextAboveBrain,
)
from sklearn_mnm.nn.similarity import SIMILARITIES
from sklearn_mnm.nn.tiled import contrastive_loss, order_violation
from sklearn_mnm.nn.towers import BrainTextModel, LiftTower

EVERY_SIMILARITY = pytest.mark.parametrize("name", [*SIMILARITIES, "brain apex"])


def _similarity(name):
    return pairwise_exterior_angle if name == "brain apex" else SIMILARITIES[name]


def _whole_matrix(similarity, x, y, scale, curvature):
    matrix = scale * similarity(x, y, curvature)
    own = torch.arange(len(matrix))
    return (functional.cross_entropy(matrix, own) + functional.cross_entropy(matrix.T, own)) / 2


def _problem(
    n,
    *,
    seed=0,
    d=3,
    scale=7.0,
    curvature=1.0,
    n_repeated=0,
    n_origin=0,
    n_coincident=0,
    dtype=torch.float64,
):
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.randn(2, n, d, generator=generator, dtype=torch.float64)
    for tangent in (x, y):
        tangent[1 : 1 + n_repeated] = tangent[0]
        tangent[n - n_origin :] = 0
    y[:n_coincident] = x[:n_coincident]
    c = torch.tensor(curvature, dtype=torch.float64)
    inputs = (exp_map0(x, c), exp_map0(y, c), torch.tensor(scale, dtype=torch.float64), c)
    return [value.to(dtype).requires_grad_() for value in inputs]


def _loss_and_gradients(loss, inputs):
    value = loss(*inputs)
    # Of the cosine no gradient of the curvature is left.
    gradients = torch.autograd.grad(value, inputs, allow_unused=True, materialize_grads=True)
    return value.detach(), gradients


def _assert_same(name, inputs, tile, tolerance):
    """Compare with the whole matrix, by the norm of each gradient.

    Gradients that are zero (of the curvature under the cosine, of everything for one pair) are
    sums of terms of the order of the scale.
    """
    similarity = _similarity(name)
    loss, gradients = _loss_and_gradients(
        lambda *inputs: contrastive_loss(similarity, *inputs, tile=tile), inputs
    )
    expected, expected_gradients = _loss_and_gradients(
        lambda *inputs: _whole_matrix(similarity, *inputs), inputs
    )
    scale = float(inputs[2].detach())
    torch.testing.assert_close(loss, expected, rtol=tolerance, atol=tolerance * scale)
    for gradient, other in zip(gradients, expected_gradients, strict=True):
        assert gradient.dtype == other.dtype
        assert (gradient - other).norm() <= tolerance * (other.norm() + scale)


@EVERY_SIMILARITY
@settings(max_examples=40)
@given(
    n=st.integers(1, 40),
    tile=st.integers(1, 48),
    seed=st.integers(0, 2**31),
    n_repeated=st.integers(0, 40),
    n_origin=st.integers(0, 40),
    scale=st.floats(1e-3, 1e4),
    curvature=st.floats(0.1, 10),
)
@example(n=1, tile=1, seed=0, n_repeated=0, n_origin=0, scale=7.0, curvature=1.0)
@example(n=2, tile=1, seed=0, n_repeated=0, n_origin=0, scale=7.0, curvature=1.0)
@example(n=37, tile=8, seed=0, n_repeated=0, n_origin=0, scale=7.0, curvature=1.0)
def test_tiles_give_the_loss_and_gradients_of_the_whole_matrix(
    name, n, tile, seed, n_repeated, n_origin, scale, curvature
):
    inputs = _problem(
        n,
        seed=seed,
        scale=scale,
        curvature=curvature,
        n_repeated=min(n_repeated, n - 1),
        n_origin=min(n_origin, n),
        # The distance has a kink there: rounding decides on its gradient.
        n_coincident=0 if name == "distance" else n // 3,
    )
    _assert_same(name, inputs, tile, 1e-10)


@EVERY_SIMILARITY
def test_weights_count_in_the_mean_and_not_among_candidates(name):
    weights = torch.rand(23, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.1
    inputs, similarity = _problem(23), _similarity(name)
    found = _loss_and_gradients(
        lambda *inputs: contrastive_loss(similarity, *inputs, pair_weights=weights, tile=7), inputs
    )

    def whole(x, y, scale, curvature):
        matrix = scale * similarity(x, y, curvature)
        own = torch.arange(len(matrix))
        losses = [functional.cross_entropy(m, own, reduction="none") for m in (matrix, matrix.T)]
        return (weights * sum(losses)).sum() / (2 * weights.sum())

    torch.testing.assert_close(found, _loss_and_gradients(whole, inputs), rtol=1e-10, atol=1e-12)
    doubled = contrastive_loss(similarity, *inputs, pair_weights=2 * weights, tile=7)
    torch.testing.assert_close(doubled.detach(), found[0])


@pytest.mark.parametrize("dtype", [torch.float64, torch.int64])
def test_weights_of_another_dtype_leave_the_loss_in_that_of_the_points(dtype):
    weights = torch.arange(1, 10).to(dtype)
    inputs = _problem(9, dtype=torch.float32)
    similarity = SIMILARITIES["exterior_angle"]
    loss = contrastive_loss(similarity, *inputs, pair_weights=weights)
    assert loss.dtype == torch.float32
    expected = contrastive_loss(similarity, *inputs, pair_weights=weights.float())
    torch.testing.assert_close(loss, expected)


@EVERY_SIMILARITY
def test_single_precision_costs_rounding_only(name):
    _assert_same(name, _problem(300, d=16, dtype=torch.float32), 64, 1e-5)


@EVERY_SIMILARITY
def test_gradients_are_those_of_finite_differences(name):
    similarity = _similarity(name)
    inputs = _problem(5)
    assert torch.autograd.gradcheck(
        lambda *inputs: contrastive_loss(similarity, *inputs, tile=2), inputs
    )


@EVERY_SIMILARITY
def test_logits_beyond_the_range_of_the_exponential_stay_finite(name):
    inputs = _problem(50, scale=1e6, dtype=torch.float32)
    loss, gradients = _loss_and_gradients(
        lambda *inputs: contrastive_loss(_similarity(name), *inputs, tile=16), inputs
    )
    assert all(torch.isfinite(value).all() for value in (loss, *gradients))


def test_a_point_that_is_not_a_number_shows_in_the_loss():
    x, y, scale, curvature = (value.detach() for value in _problem(9))
    x[5] = torch.nan
    assert contrastive_loss(SIMILARITIES["exterior_angle"], x, y, scale, curvature, tile=2).isnan()
    assert order_violation(x[:, 0], torch.arange(9), min_difference=1, tile=2).isnan()


def test_the_brain_apex_contrasts_texts_in_rows_with_brains_in_columns():
    text, brain, scale, curvature = _problem(20)

    def angle(text, brain, curvature):
        return pairwise_exterior_angle(brain, text, curvature).T

    expected = _whole_matrix(angle, text, brain, scale, curvature)
    torch.testing.assert_close(brain_apex_loss(text, brain, scale, curvature), expected)


@settings(max_examples=100)
@given(
    n=st.integers(1, 40),
    tile=st.integers(1, 48),
    seed=st.integers(0, 2**31),
    n_levels=st.integers(1, 60),
    n_values=st.integers(1, 60),
    min_difference=st.integers(0, 10),
)
def test_tiles_give_the_order_violation_of_the_whole_matrix(
    n, tile, seed, n_levels, n_values, min_difference
):
    generator = torch.Generator().manual_seed(seed)
    # Few levels and few values: ties in both.
    levels = torch.randint(n_levels, (n,), generator=generator)
    values = torch.randint(n_values, (n,), generator=generator).double().log1p().requires_grad_()
    compared = levels[:, None] - levels[None, :] > min_difference
    excess = functional.relu(values[:, None] - values[None, :]) * compared
    expected = excess.sum() / compared.sum().clamp(min=1)
    loss = order_violation(values, levels, min_difference=min_difference, tile=tile)
    torch.testing.assert_close(loss, expected, rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(
        torch.autograd.grad(loss, values),
        torch.autograd.grad(expected, values),
        rtol=1e-10,
        atol=1e-15,
    )


def test_pairs_are_counted_beyond_the_range_of_the_levels():
    levels = (torch.arange(400) >= 200).to(torch.int8)
    values = torch.linspace(0, 1, 400, dtype=torch.float64)
    expected = (values[200:, None] - values[:200]).mean()
    torch.testing.assert_close(order_violation(values, levels, min_difference=0), expected)


def test_the_mean_over_a_single_pair_is_its_violation():
    values = torch.tensor([0.5, 2.0], dtype=torch.float64)
    assert order_violation(values, torch.tensor([3, 1]), min_difference=1) == 0
    assert order_violation(values, torch.tensor([1, 3]), min_difference=1) == 1.5
    narrow = torch.tensor([3, 1], dtype=torch.uint8)
    assert order_violation(values, narrow, min_difference=1) == 0


def test_order_violation_of_values_that_differ_by_little_keeps_its_digits():
    levels = torch.arange(2000)
    values = (7 + 1e-6 * torch.rand(2000, generator=torch.Generator().manual_seed(0))).float()
    compared = levels[:, None] - levels[None, :] > 3
    excess = functional.relu(values[:, None] - values[None, :]).double() * compared
    loss = order_violation(values, levels, min_difference=3, tile=300)
    assert float(loss) == pytest.approx(float(excess.sum() / compared.sum()), rel=1e-4)


class _LargestTensor(TorchDispatchMode):
    """Elements of the largest tensor that any operation returned."""

    n_elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                self.n_elements = max(self.n_elements, tensor.numel())
        return result


@EVERY_SIMILARITY
def test_no_tensor_is_larger_than_the_points_or_a_tile(name):
    inputs = _problem(512, d=4)
    with _LargestTensor() as largest:
        _loss_and_gradients(
            lambda *inputs: contrastive_loss(_similarity(name), *inputs, tile=64), inputs
        )
        order_violation(inputs[0][:, 0], torch.arange(512), min_difference=5, tile=64)
    assert largest.n_elements <= max(512 * 5, 2 * 64**2)


def _objective(n, similarity="exterior_angle", form="hinge"):
    """An objective of all parts, its model and the features of a batch."""
    generator = torch.Generator().manual_seed(0)
    text, brain, broad = torch.randn(3, n, 6, generator=generator)
    towers = [LiftTower(torch.eye(6), radius=r, n_hidden=4, dropout=0.0) for r in (0.4, 1.8)]
    model = BrainTextModel(*towers, curvature=1.0, learn_curvature=True, inverse_temperature=12.0)
    parts = (
        Alignment(2.0, SIMILARITIES[similarity]),
        BrainApex(1.0),
        TextAboveBrain(1.0, form, 0.4, 1.8),
        Extent(1.0, torch.rand(n, generator=generator), 0.1),
        Network(1.0, (broad,)),
        Drift(1.0),
    )
    return Objective(parts), model, text, brain


@pytest.mark.parametrize("form", ["hinge", "centroid"])
def test_no_part_of_the_objective_makes_a_matrix_of_all_pairs(form):
    n = 2000
    objective, model, text, brain = _objective(n, form=form)
    with _LargestTensor() as largest:
        parts = objective(model, model(text, brain), torch.arange(n))
        torch.stack(list(parts.values())).sum().backward()
    assert list(parts) == [
        "alignment",
        "brain_apex",
        "text_above_brain",
        "extent",
        "network",
        "drift",
    ]
    assert largest.n_elements < n**2 / 3


@pytest.mark.parametrize("name", SIMILARITIES)
def test_the_objective_contrasts_by_the_similarity_that_it_names(name):
    objective, model, text, brain = _objective(30, name)
    points = model(text, brain)
    expected = _whole_matrix(SIMILARITIES[name], *points, model.log_scale.exp(), model.curvature)
    loss = objective(model, points, torch.arange(30))["alignment"]
    torch.testing.assert_close(loss, 2 * expected)


PEAK_MEMORY = """
import torch
from sklearn_mnm.geometry import exp_map0
from sklearn_mnm.nn.similarity import SIMILARITIES
from sklearn_mnm.nn.tiled import contrastive_loss, order_violation

def peak(n):
    text, brain = (exp_map0(torch.randn(n, 8), 1.0).requires_grad_() for _ in range(2))
    scale, curvature, extent = torch.tensor(7.0), torch.tensor(1.0), torch.rand(n)
    similarity = SIMILARITIES["exterior_angle"]
    loss = contrastive_loss(similarity, text, brain, scale, curvature, tile=256)
    loss = loss + order_violation(brain[:, 0], extent, min_difference=0.1, tile=256)
    loss.backward()
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

first = peak(1024)
print(peak(4096) - first)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_four_times_the_batch_takes_hardly_more_memory():
    done = subprocess.run(
        [sys.executable, "-c", PEAK_MEMORY], capture_output=True, text=True, check=True
    )
    one_matrix = 4096**2 * 4 / 1024  # kB; the points are 0.1 MB
    assert int(done.stdout) < one_matrix / 4
