"""Exterior angles and entailment cones on the hyperboloid.

A cone at the apex x opens away from the origin; y is entailed by x when the exterior angle of y
at x does not exceed the half-aperture of the cone. Definitions of Ganea et al. [1]_, in the
Lorentz form of Le et al. [2]_ and MERU [3]_.

References
----------
.. [1] Ganea, O., Bécigneul, G. and Hofmann, T. (2018). Hyperbolic entailment cones for learning
   hierarchical embeddings. ICML. https://arxiv.org/abs/1804.01882
.. [2] Le, M. et al. (2019). Inferring concept hierarchies from text corpora via hyperbolic
   embeddings. ACL. https://arxiv.org/abs/1902.00913
.. [3] Desai, K. et al. (2023). Hyperbolic image-text representations. ICML.
   https://arxiv.org/abs/2304.09172
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from sklearn_mnm.geometry._fused import fused
from sklearn_mnm.geometry._polar import (
    as_curvature,
    at_least_single,
    gap,
    norm,
    pairwise_gap,
    polar,
)


@at_least_single
def exterior_angle(x: Tensor, y: Tensor, curvature: float | Tensor) -> Tensor:
    """Angle at the apex `x` between the ray leaving the origin through `x` and the geodesic to `y`.

    0 when y lies behind x on its ray, pi when y lies between the origin and x. With the
    rapidities a of x and b of y and the angle theta between their space coordinates it is
    ``atan2(sinh(b) sin(theta), sinh(b - a) - cosh(a) sinh(b) (1 - cos(theta)))``, equal to
    ``acos((t_y + t_x k) / (|s_x| sqrt(k^2 - 1)))``, ``k = c <x, y>_L``, where that can be
    computed. The first form follows from dividing out ``sinh(a)``; it cancels nowhere, except
    that for nearly opposite directions the error is the square root of the machine epsilon.

    Where the angle is undefined its value is a convention and its gradient zero:

    - coincident points: 0, so that each point lies in its own cone and a perfect match scores best;
    - apex at the origin: pi/2, the mean over the directions, so that an empty input is neither
      near nor far from anything, and still within the half-aperture pi/2 of the origin.

    Differentiable once.

    Parameters
    ----------
    x : Tensor of shape (..., d + 1)
        Apexes.
    y : Tensor of shape (..., d + 1)
        Shapes are broadcast.
    curvature : float or 0-d Tensor
        ``c > 0``.

    Returns
    -------
    angle : Tensor of shape (...)
        In [0, pi].
    """
    c = as_curvature(curvature, x)
    a, direction_x, apex_at_origin = polar(x, c)
    b, direction_y, _ = polar(y, c)
    ones_x, ones_y = torch.ones_like(a), torch.ones_like(b)
    versine = gap(direction_x, direction_y, ones_x, ones_y)
    return _AngleFromPolar.apply(a, b, versine, apex_at_origin)


@at_least_single
def pairwise_exterior_angle(x: Tensor, y: Tensor, curvature: float | Tensor) -> Tensor:
    """Exterior angles of all pairs, apexes in rows.

    The form and the conventions of `exterior_angle`. The angle between directions comes from one
    matrix product; pairs closer than 3.6 degrees are recomputed from the difference of their
    directions, so that near pairs far from the origin keep their digits. Differentiable once.

    Parameters
    ----------
    x : Tensor of shape (n, d + 1)
        Apexes.
    y : Tensor of shape (m, d + 1)
    curvature : float or 0-d Tensor

    Returns
    -------
    angles : Tensor of shape (n, m)
        In [0, pi].
    """
    c = as_curvature(curvature, x)
    a, direction_x, apex_at_origin = polar(x, c)
    b, direction_y, _ = polar(y, c)
    versine = pairwise_gap(direction_x, direction_y, torch.ones_like(a), torch.ones_like(b))
    return _AngleFromPolar.apply(a[:, None], b[None, :], versine, apex_at_origin[:, None])


@at_least_single
def half_aperture(x: Tensor, curvature: float | Tensor, *, min_radius: float = 0.1) -> Tensor:
    """Half-aperture of the entailment cone at `x`.

    ``asin(2 K / (sqrt(c) |s|))`` with ``K = min_radius`` [1]_, and pi/2, with zero gradient,
    nearer to the origin than ``sqrt(c) |s| = 2 K``, where the cone is a half-space.

    Parameters
    ----------
    x : Tensor of shape (..., d + 1)
        Apexes.
    curvature : float or 0-d Tensor
    min_radius : float, default=0.1
        K; a larger value widens all cones.

    Returns
    -------
    aperture : Tensor of shape (...)
        In (0, pi/2].

    References
    ----------
    .. [1] Desai, K. et al. (2023). Hyperbolic image-text representations. ICML.
       https://arxiv.org/abs/2304.09172
    """
    c = as_curvature(curvature, x)
    scaled = c.sqrt() * norm(x[..., 1:])
    outside = scaled > 2 * min_radius
    sine = 2 * min_radius / torch.where(outside, scaled, torch.ones_like(scaled))
    # asin has an infinite slope at 1, which rounding can reach just outside the limit radius.
    outside = outside & (sine < 1)
    aperture = torch.asin(torch.where(outside, sine, torch.zeros_like(sine)))
    return torch.where(outside, aperture, torch.full_like(aperture, math.pi / 2))


@at_least_single
def entailment_violation(
    parent: Tensor, child: Tensor, curvature: float | Tensor, *, min_radius: float = 0.1
) -> Tensor:
    """Angle by which `child` lies outside the entailment cone of `parent`.

    ``relu(exterior_angle(parent, child) - half_aperture(parent))``, the entailment loss of
    MERU before averaging.

    Parameters
    ----------
    parent, child : Tensor of shape (..., d + 1)
        Shapes are broadcast.
    curvature : float or 0-d Tensor
    min_radius : float, default=0.1
        See `half_aperture`.

    Returns
    -------
    violation : Tensor of shape (...)
        In [0, pi); zero inside the cone.
    """
    aperture = half_aperture(parent, curvature, min_radius=min_radius)
    return torch.relu(exterior_angle(parent, child, curvature) - aperture)


@at_least_single
def is_entailed(
    parent: Tensor, child: Tensor, curvature: float | Tensor, *, min_radius: float = 0.1
) -> Tensor:
    """Whether `child` lies in the entailment cone of `parent`, boundary included.

    Parameters
    ----------
    parent, child : Tensor of shape (..., d + 1)
        Shapes are broadcast.
    curvature : float or 0-d Tensor
    min_radius : float, default=0.1
        See `half_aperture`.

    Returns
    -------
    entailed : bool Tensor of shape (...)
    """
    aperture = half_aperture(parent, curvature, min_radius=min_radius)
    return exterior_angle(parent, child, curvature) <= aperture


class _AngleFromPolar(torch.autograd.Function):
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
