"""Polar coordinates of hyperboloid points, and differences that do not cancel.

A point ``x = (t, s)`` of the hyperboloid of curvature ``-c`` has the rapidity
``a = asinh(sqrt(c) |s|)``, its distance to the origin in units of ``1 / sqrt(c)``, and the
direction ``s / |s|``. Distances and angles written in these terms need one delicate quantity
only, ``1 - cos(theta)`` between two directions, which this module provides.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import torch
from torch import Tensor

from sklearn_mnm.exceptions import InvalidInputError

_P = ParamSpec("_P")

# Below this value of 1 - cos(theta) (an angle of 3.6 degrees) the matrix product has lost too many
# digits, and the difference of the two directions is taken instead.
NEAR = 2e-3
# Elements gathered at once while refining near pairs: a few megabytes, which stay in the cache.
_BLOCK_ELEMENTS = 2**19


def at_least_single(function: Callable[_P, Tensor]) -> Callable[_P, Tensor]:
    """Let a function take tensors of half precision, and compute in single precision.

    Half precision has three digits, and float16 ends at 65,504, which squares reach at radius 6:
    what it would return is rounding or no number at all.
    """

    @wraps(function)
    def widened(*args: _P.args, **kwargs: _P.kwargs) -> Tensor:
        return function(
            *map(_widened, args), **{name: _widened(value) for name, value in kwargs.items()}
        )

    return widened


def _widened(value: Any) -> Any:
    is_half = isinstance(value, Tensor) and value.dtype in (torch.float16, torch.bfloat16)
    return value.float() if is_half else value


def as_curvature(curvature: float | Tensor, like: Tensor) -> Tensor:
    """Return the curvature as a 0-d tensor of the dtype and device of `like`.

    A float is checked to be positive. A tensor is not: looking at its value would make the
    processor wait for the accelerator at each call.
    """
    if isinstance(curvature, Tensor):
        return curvature.to(dtype=like.dtype, device=like.device)
    if not curvature > 0:
        raise InvalidInputError(
            f"curvature={curvature!r} must be positive: it is c of the hyperboloid <x, x> = -1/c."
        )
    return torch.as_tensor(curvature, dtype=like.dtype, device=like.device)


def norm(vectors: Tensor) -> Tensor:
    """Euclidean norm over the last dimension; its gradient at the zero vector is zero."""
    return torch.linalg.vector_norm(vectors, dim=-1)


def polar(x: Tensor, curvature: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Split points into rapidity, direction and a flag for the origin.

    Only the space coordinates are read: the time coordinate of a point follows from them and is
    the less accurate of the two.

    Parameters
    ----------
    x : Tensor of shape (..., d + 1)
    curvature : 0-d Tensor

    Returns
    -------
    rapidity : Tensor of shape (...)
        ``asinh(sqrt(c) |s|)``.
    direction : Tensor of shape (..., d)
        ``s / |s|``; zero, with zero gradient, at the origin.
    at_origin : bool Tensor of shape (...)
        Whether ``sqrt(c) |s|`` is below the machine epsilon. The gradient of a direction is
        ``1 / |s|``, so this margin also bounds it.
    """
    space = x[..., 1:]
    length = norm(space)
    scaled = curvature.sqrt() * length
    at_origin = scaled.detach() <= torch.finfo(x.dtype).eps
    safe_length = torch.where(at_origin, torch.ones_like(length), length)
    direction = torch.where(
        at_origin[..., None], torch.zeros_like(space), space / safe_length[..., None]
    )
    return torch.asinh(scaled), direction, at_origin


def gap(x: Tensor, y: Tensor, x_norm: Tensor, y_norm: Tensor) -> Tensor:
    """Compute ``|x| |y| - x.y = |x| |y| (1 - cos(theta))`` without cancellation.

    The value of nearly parallel pairs comes from ``|x/|x| - y/|y||^2 / 2``, the gradient always
    from ``|x| |y| - x.y``, because this one is right at zero vectors too, where the direction
    has no derivative but the gap has.

    Parameters
    ----------
    x, y : Tensor of shape (..., d)
    x_norm, y_norm : Tensor of shape (...)
        Their norms.

    Returns
    -------
    gap : Tensor of shape (...)
    """
    product = x_norm * y_norm
    expanded = product - (x * y).sum(dim=-1)
    with torch.no_grad():
        near = expanded < NEAR * product
        chord = _unit(x, x_norm) - _unit(y, y_norm)
        exact = product * chord.square().sum(dim=-1) / 2
        correction = torch.where(near, exact - expanded, torch.zeros_like(expanded))
    return expanded + correction


def pairwise_gap(x: Tensor, y: Tensor, x_norm: Tensor, y_norm: Tensor) -> Tensor:
    """All-pairs form of `gap`: one matrix product, and direct differences for near pairs only.

    Parameters
    ----------
    x : Tensor of shape (n, d)
    y : Tensor of shape (m, d)
    x_norm : Tensor of shape (n,)
    y_norm : Tensor of shape (m,)

    Returns
    -------
    gap : Tensor of shape (n, m)
    """
    product = x_norm[:, None] * y_norm[None, :]
    expanded = torch.addmm(product, x, y.T, alpha=-1)
    with torch.no_grad():
        rows, columns = (expanded < NEAR * product).nonzero(as_tuple=True)
        if len(rows) == 0:
            return expanded
        unit_x, unit_y = _unit(x, x_norm), _unit(y, y_norm)
        block = max(1, _BLOCK_ELEMENTS // x.shape[1])
        exact = torch.cat(
            [
                (unit_x[i] - unit_y[j]).square_().sum(dim=-1)
                for i, j in zip(rows.split(block), columns.split(block), strict=True)
            ]
        )
        correction = exact * product[rows, columns] / 2 - expanded[rows, columns]
    return expanded.index_put_((rows, columns), correction, accumulate=True)


def _unit(vectors: Tensor, norms: Tensor) -> Tensor:
    """Divide vectors of shape (..., d) by their norms; zero stays zero."""
    return vectors / norms.clamp(min=torch.finfo(vectors.dtype).tiny)[..., None]


def safe_sqrt(values: Tensor, margin: float = 0.0) -> Tensor:
    """Square root that is zero, with zero gradient, where ``values <= margin``; NaN stays NaN."""
    positive = ~(values <= margin)
    root = torch.where(positive, values, torch.ones_like(values)).sqrt()
    return torch.where(positive, root, torch.zeros_like(root))


def sinh_ratio(squared: Tensor) -> Tensor:
    """``sinh(z) / z`` as a smooth function of ``z**2 >= 0``."""
    small = squared < 1e-5
    root = torch.where(small, torch.ones_like(squared), squared).sqrt()
    series = 1 + squared / 6 * (1 + squared / 20)
    return torch.where(small, series, torch.sinh(root) / root)


def asinh_ratio(squared: Tensor) -> Tensor:
    """``asinh(z) / z`` as a smooth function of ``z**2 >= 0``."""
    small = squared < 1e-5
    root = torch.where(small, torch.ones_like(squared), squared).sqrt()
    series = 1 - squared / 6 * (1 - squared * (9 / 20))
    return torch.where(small, series, torch.asinh(root) / root)
