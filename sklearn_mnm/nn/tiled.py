"""Losses over all pairs of a batch, in memory linear in its size.

The pairs are gone through in square tiles. What is kept between tiles is of the size of the batch,
and gradients are exact: nothing is sampled and nothing approximated.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from sklearn_mnm.geometry._fused import fused

# Rows and columns computed at once. On a processor the dozen buffers of a tile in float32 are
# 50 MB: smaller tiles repeat the work that is done per point, larger ones leave the cache. On a
# GPU they are 3 GB, so large that starting each step takes no time (benchmarks/RESULTS.md).
TILE, TILE_ON_GPU = 1024, 8192


def contrastive_loss(
    similarity: Callable[[Tensor, Tensor, Tensor], Tensor],
    x: Tensor,
    y: Tensor,
    scale: Tensor,
    curvature: Tensor,
    *,
    pair_weights: Tensor | None = None,
    tile: int | None = None,
) -> Tensor:
    """Contrast each pair against all others of the batch, in both directions (InfoNCE).

    ``A_ij = scale * similarity(x_i, y_j)``; the loss is the mean of the cross-entropies over
    rows (which y belongs to this x) and over columns (which x belongs to this y). The forward
    pass keeps the logarithm of the sum of exponentials of each row and column; with these the
    backward pass computes each tile again, knows the weight of each of its pairs and carries the
    weights back through it. Memory is of order ``n d + tile^2`` where the matrix takes ``n^2``.
    Differentiable once.

    With texts as x, brains as y and minus the exterior angle of y at x this is the alignment of
    MNM (arXiv 2511.21092).

    Parameters
    ----------
    similarity : callable
        Takes points (n_x, d + 1), points (n_y, d + 1) and the curvature and returns all
        similarities (n_x, n_y), each a function of its own two points; see
        :mod:`sklearn_mnm.nn.similarity`.
    x, y : Tensor of shape (n, d + 1)
        Points on the hyperboloid, row i of one belongs to row i of the other.
    scale : Tensor of shape ()
        Inverse temperature.
    curvature : Tensor of shape ()
        c of the space.
    pair_weights : Tensor of shape (n,) or None, default=None
        Positive weights of the pairs in the mean; as candidates all count alike.
    tile : int or None, default=None
        Rows and columns computed at once. If None, 1,024, and 8,192 on a GPU.

    Returns
    -------
    loss : Tensor of shape ()
    """
    shares = x.new_full((len(x),), 1 / len(x))
    if pair_weights is not None:
        shares = (pair_weights / pair_weights.sum()).to(x)
    return _Contrast.apply(similarity, x, y, scale, curvature, shares, tile or _tile_on(x))


def order_violation(
    values: Tensor, levels: Tensor, *, min_difference: float, tile: int | None = None
) -> Tensor:
    """Mean amount by which values rise with their levels, where they should fall.

    ``relu(values_i - values_j)``, averaged over the pairs with ``levels_i - levels_j >
    min_difference``. The sum is linear in the values: each counts once for every pair that it
    violates from above and once, negatively, for every pair that it violates from below, so
    only these counts are taken from the pairs.

    Parameters
    ----------
    values : Tensor of shape (n,)
    levels : Tensor of shape (n,)
    min_difference : float
        Pairs whose levels differ by less are not compared.
    tile : int or None, default=None
        Rows and columns computed at once. If None, 1,024, and 8,192 on a GPU.

    Returns
    -------
    violation : Tensor of shape ()
        Zero if no pair is compared.
    """
    # Differences of unsigned integers would wrap around.
    levels = levels if levels.is_floating_point() else levels.to(values)
    counts = torch.zeros_like(levels, dtype=torch.int64)
    n_compared, fixed = counts.new_zeros(()), values.detach()
    for rows, columns in _tiles(len(values), tile or _tile_on(values)):
        differences = levels[rows, None] - levels[None, columns]
        compared, from_above, from_below = _violations(
            differences, min_difference, fixed[rows, None], fixed[None, columns]
        )
        n_compared += compared
        counts[rows] += from_above
        counts[columns] -= from_below
    # The counts sum to zero: a shift of the values changes nothing, but less is lost in the sum.
    return (counts * (values - fixed.mean())).sum() / n_compared.clamp(min=1)


@fused
def _violations(
    differences: Tensor, min_difference: float, row_values: Tensor, column_values: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Count the pairs compared, and those that violate the order by row and by column."""
    compared = differences > min_difference
    violated = compared & (row_values > column_values)
    return compared.sum(), violated.sum(1), violated.sum(0)


class _Contrast(torch.autograd.Function):
    """The loss of `contrastive_loss`; each of its passes goes through all tiles."""

    @staticmethod
    def forward(
        ctx: Any,
        similarity: Callable[[Tensor, Tensor, Tensor], Tensor],
        x: Tensor,
        y: Tensor,
        scale: Tensor,
        curvature: Tensor,
        shares: Tensor,
        tile: int,
    ) -> Tensor:
        # Logarithms of the sums of exponentials, so far.
        row_sums = x.new_full((len(x),), -torch.inf)
        column_sums = y.new_full((len(y),), -torch.inf)
        own = torch.zeros_like(row_sums)
        # A single tile is kept for the backward pass, not made again.
        ctx.graph = _graph(similarity, x, y, curvature) if len(x) <= tile else None
        for rows, columns in _tiles(len(x), tile):
            if ctx.graph is None:
                values = similarity(x[rows], y[columns], curvature)
            else:
                values = ctx.graph[0].detach()
            in_rows, in_columns = _log_sums(values, scale)
            row_sums[rows] = torch.logaddexp(row_sums[rows], in_rows)
            column_sums[columns] = torch.logaddexp(column_sums[columns], in_columns)
            if rows == columns:
                own[rows] = scale * values.diagonal()
        ctx.similarity, ctx.tile = similarity, tile
        ctx.save_for_backward(x, y, scale, curvature, shares, row_sums, column_sums)
        return (shares * (row_sums + column_sums - 2 * own)).sum() / 2

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, y, scale, curvature, shares, row_sums, column_sums = ctx.saved_tensors
        grad_x, grad_y = torch.zeros_like(x), torch.zeros_like(y)
        grad_scale, grad_curvature = torch.zeros_like(scale), torch.zeros_like(curvature)
        for rows, columns in _tiles(len(x), ctx.tile):
            parts = _tile_gradients(
                ctx.graph or _graph(ctx.similarity, x[rows], y[columns], curvature),
                scale,
                row_sums[rows],
                column_sums[columns],
                shares[rows],
                shares[columns],
                holds_true_pairs=rows == columns,
            )
            grad_x[rows] += parts[0]
            grad_y[columns] += parts[1]
            grad_scale = grad_scale + parts[2]
            grad_curvature += parts[3]
        gradients = (grad / 2 * part for part in (grad_x, grad_y, grad_scale, grad_curvature))
        return None, *gradients, None, None


def _graph(
    similarity: Callable[[Tensor, Tensor, Tensor], Tensor], x: Tensor, y: Tensor, curvature: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """Similarities of a tile, through which gradients flow, and what they flow to."""
    inputs = [part.detach().requires_grad_() for part in (x, y, curvature)]
    with torch.enable_grad():
        return similarity(*inputs), inputs


def _tile_gradients(
    graph: tuple[Tensor, list[Tensor]],
    scale: Tensor,
    row_sums: Tensor,
    column_sums: Tensor,
    row_shares: Tensor,
    column_shares: Tensor,
    *,
    holds_true_pairs: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients by x, y, scale and curvature of twice the part of a tile in the loss.

    A function of its own, so that the buffers of a tile are gone when the next is computed.
    """
    values, inputs = graph
    # The derivative by the logits: both softmaxes times the shares of row and column in the mean,
    # less twice the share for each true pair.
    weights = _softmaxes(
        values.detach(), scale, row_sums - row_shares.log(), column_sums - column_shares.log()
    )
    if holds_true_pairs:
        weights.diagonal().sub_(2 * row_shares)
    grad_scale = _inner_product(weights, values.detach())
    # A similarity of inner products knows no curvature.
    grad_x, grad_y, grad_curvature = torch.autograd.grad(
        values, inputs, weights.mul_(scale), allow_unused=True
    )
    if grad_curvature is None:
        grad_curvature = torch.zeros_like(inputs[2])
    return grad_x, grad_y, grad_scale, grad_curvature


@fused
def _log_sums(values: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Logarithms of the sums of exponentials of rows and of columns."""
    logits = scale * values
    return logits.logsumexp(1), logits.logsumexp(0)


@fused
def _softmaxes(values: Tensor, scale: Tensor, row_sums: Tensor, column_sums: Tensor) -> Tensor:
    """Exponentials relative to those sums, of rows plus of columns."""
    logits = scale * values
    weights = (logits - row_sums[:, None]).exp_()
    return weights.add_(logits.sub_(column_sums).exp_())


@fused
def _inner_product(x: Tensor, y: Tensor) -> Tensor:
    return (x * y).sum()


def _tile_on(points: Tensor) -> int:
    return TILE_ON_GPU if points.is_cuda else TILE


def _tiles(n: int, tile: int) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of the tiles of a matrix (n, n); equal on the diagonal only."""
    blocks = [slice(start, start + tile) for start in range(0, n, tile)]
    return ((rows, columns) for rows in blocks for columns in blocks)
