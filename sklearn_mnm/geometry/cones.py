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

from array_api_compat import array_namespace, is_torch_array

from sklearn_mnm.geometry._backend import Array, array_function, as_curvature
from sklearn_mnm.geometry._polar import gap, norm, pairwise_gap, polar


@array_function
def exterior_angle(x: Array, y: Array, curvature: float | Array) -> Array:
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
    x : array of shape (..., d + 1)
        Apexes.
    y : array of shape (..., d + 1)
        Shapes are broadcast.
    curvature : float or 0-d array
        ``c > 0``.

    Returns
    -------
    angle : array of shape (...)
        In [0, pi].
    """
    xp = array_namespace(x)
    c = as_curvature(curvature, x)
    a, direction_x, apex_at_origin = polar(x, c)
    b, direction_y, _ = polar(y, c)
    ones_x, ones_y = xp.ones_like(a), xp.ones_like(b)
    versine = gap(direction_x, direction_y, ones_x, ones_y)
    return _angle_from_polar(a, b, versine, apex_at_origin)


@array_function
def pairwise_exterior_angle(x: Array, y: Array, curvature: float | Array) -> Array:
    """Exterior angles of all pairs, apexes in rows.

    The form and the conventions of `exterior_angle`. The angle between directions comes from one
    matrix product; pairs closer than 3.6 degrees are recomputed from the difference of their
    directions, so that near pairs far from the origin keep their digits. Differentiable once.

    Parameters
    ----------
    x : array of shape (n, d + 1)
        Apexes.
    y : array of shape (m, d + 1)
    curvature : float or 0-d array

    Returns
    -------
    angles : array of shape (n, m)
        In [0, pi].
    """
    xp = array_namespace(x)
    c = as_curvature(curvature, x)
    a, direction_x, apex_at_origin = polar(x, c)
    b, direction_y, _ = polar(y, c)
    versine = pairwise_gap(direction_x, direction_y, xp.ones_like(a), xp.ones_like(b))
    return _angle_from_polar(a[:, None], b[None, :], versine, apex_at_origin[:, None])


@array_function
def half_aperture(x: Array, curvature: float | Array, *, min_radius: float = 0.1) -> Array:
    """Half-aperture of the entailment cone at `x`.

    ``asin(2 K / (sqrt(c) |s|))`` with ``K = min_radius`` [1]_, and pi/2, with zero gradient,
    nearer to the origin than ``sqrt(c) |s| = 2 K``, where the cone is a half-space.

    Parameters
    ----------
    x : array of shape (..., d + 1)
        Apexes.
    curvature : float or 0-d array
    min_radius : float, default=0.1
        K; a larger value widens all cones.

    Returns
    -------
    aperture : array of shape (...)
        In (0, pi/2].

    References
    ----------
    .. [1] Desai, K. et al. (2023). Hyperbolic image-text representations. ICML.
       https://arxiv.org/abs/2304.09172
    """
    xp = array_namespace(x)
    c = as_curvature(curvature, x)
    scaled = xp.sqrt(c) * norm(x[..., 1:])
    outside = scaled > 2 * min_radius
    sine = 2 * min_radius / xp.where(outside, scaled, xp.ones_like(scaled))
    # asin has an infinite slope at 1, which rounding can reach just outside the limit radius.
    outside = outside & (sine < 1)
    aperture = xp.asin(xp.where(outside, sine, xp.zeros_like(sine)))
    return xp.where(outside, aperture, xp.full_like(aperture, math.pi / 2))


@array_function
def entailment_violation(
    parent: Array, child: Array, curvature: float | Array, *, min_radius: float = 0.1
) -> Array:
    """Angle by which `child` lies outside the entailment cone of `parent`.

    ``relu(exterior_angle(parent, child) - half_aperture(parent))``, the entailment loss of
    MERU before averaging.

    Parameters
    ----------
    parent, child : array of shape (..., d + 1)
        Shapes are broadcast.
    curvature : float or 0-d array
    min_radius : float, default=0.1
        See `half_aperture`.

    Returns
    -------
    violation : array of shape (...)
        In [0, pi); zero inside the cone.
    """
    xp = array_namespace(parent)
    aperture = half_aperture(parent, curvature, min_radius=min_radius)
    return xp.clip(exterior_angle(parent, child, curvature) - aperture, min=0)


@array_function
def is_entailed(
    parent: Array, child: Array, curvature: float | Array, *, min_radius: float = 0.1
) -> Array:
    """Whether `child` lies in the entailment cone of `parent`, boundary included.

    Parameters
    ----------
    parent, child : array of shape (..., d + 1)
        Shapes are broadcast.
    curvature : float or 0-d array
    min_radius : float, default=0.1
        See `half_aperture`.

    Returns
    -------
    entailed : bool array of shape (...)
    """
    aperture = half_aperture(parent, curvature, min_radius=min_radius)
    return exterior_angle(parent, child, curvature) <= aperture


def _angle_from_polar(a: Array, b: Array, versine: Array, apex_at_origin: Array) -> Array:
    """Exterior angle from rapidities and ``1 - cos(theta)``; shapes are broadcast."""
    # Its gradient is written by hand for torch, which NumPy's arrays can lend themselves to.
    import torch

    from sklearn_mnm.geometry._angle_gradient import AngleFromPolar

    if is_torch_array(versine):
        return AngleFromPolar.apply(a, b, versine, apex_at_origin)
    terms = (torch.as_tensor(term) for term in (a, b, versine, apex_at_origin))
    return AngleFromPolar.apply(*terms).numpy()
