"""The exterior angle with a gradient written by hand, for torch."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from sklearn_mnm.geometry._fused import fused


class AngleFromPolar(torch.autograd.Function):
    """Exterior angle from rapidities a, b and ``versine = 1 - cos(theta)``; shapes are broadcast.

    The backward pass is written out because it is a fraction of what automatic differentiation
    of the forward pass costs, and this is the inner loop of training: with the distance d of the
    points, ``d angle / d a = sinh(b) sin(theta) cosh(d) / sinh(d)^2``,
    ``d angle / d b = -sinh(a) sin(theta) / sinh(d)^2`` and ``d angle / d versine =
    sinh(b) (sinh(b - a) + sinh(a) cosh(b) versine) / (sin(theta) sinh(d)^2)``.

    Both arguments of atan2 are divided by ``cosh(b)``, which keeps their squares, of sum
    ``(sinh(d) / cosh(b))^2``, within the range of the dtype.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, versine: Tensor, apex_at_origin: Tensor) -> Tensor:
        angle, *terms = _angle_and_terms(a, b, versine, apex_at_origin)
        ctx.save_for_backward(a, b, versine, *terms)
        return angle

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        return *_angle_gradients(grad, *ctx.saved_tensors), None


@fused
def _angle_and_terms(
    a: Tensor, b: Tensor, versine: Tensor, apex_at_origin: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Angle, sine of theta, second argument of atan2, and where the angle is undefined."""
    eps = torch.finfo(versine.dtype).eps
    sine = (2 - versine).mul_(versine)
    # Directions are unit vectors rounded to eps: a smaller sine is noise, and so would be its
    # slope of 1 / sin(theta).
    sine = sine.masked_fill_(sine <= (eps / 4) ** 2, 0.0).sqrt_()
    tanh_b = torch.tanh(b)
    adjacent = torch.sinh(b - a).div_(torch.cosh(b))
    adjacent = adjacent.addcmul_(torch.cosh(a) * tanh_b, versine, value=-1)
    margin = 4 * eps * tanh_b
    undefined = (sine <= 4 * eps).logical_and_(adjacent.abs() <= margin)
    undefined = undefined.logical_or_(apex_at_origin)
    convention = math.pi / 2 * apex_at_origin.to(versine.dtype)
    angle = torch.where(undefined, convention, torch.atan2(tanh_b * sine, adjacent))
    return angle, sine, adjacent, undefined


@fused
def _angle_gradients(
    grad: Tensor,
    a: Tensor,
    b: Tensor,
    versine: Tensor,
    sine: Tensor,
    adjacent: Tensor,
    undefined: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients by a, b and versine."""
    tanh_b, sech_b, sinh_a = torch.tanh(b), 1 / torch.cosh(b), torch.sinh(a)
    squared = (tanh_b * sine).square_().addcmul_(adjacent, adjacent)
    grad = (grad / squared.masked_fill(undefined, 1.0)).masked_fill_(undefined, 0.0)
    along = grad * sine
    grad_b = (along * sinh_a).sum_to_size(b.shape) * -(sech_b**2)
    grad_a = squared.add_(sech_b**2).sqrt_().mul_(along).mul_(tanh_b).sum_to_size(a.shape)
    # sinh(b - a) / cosh(b) = adjacent + cosh(a) tanh(b) versine
    slope = torch.addcmul(adjacent, torch.cosh(a) * tanh_b + sinh_a, versine)
    aligned = sine == 0
    slope = slope.mul_(grad).mul_(tanh_b).div_(sine.masked_fill(aligned, 1.0))
    return grad_a, grad_b, slope.masked_fill_(aligned, 0.0)
