r"""Points, maps and distances of the Lorentz (hyperboloid) model of hyperbolic space.

The hyperboloid of curvature ``-c`` is the set of ``x = (t, s)``, time coordinate first, with
``<x, x>_L = |s|^2 - t^2 = -1/c`` and ``t > 0``. Everything here is a plain function of arrays of
any floating dtype and leading shape. They are of NumPy or of torch, on any device, as are the
results; half precision is computed, and returned, in single. `curvature` is ``c > 0``, a float or
a 0-d tensor through which gradients flow. Formulas follow Nickel and Kiela [1]_ and Desai et al.
[2]_ unless a docstring says otherwise.

Functions of points read the space coordinates only (`inner`, `pairwise_inner` and
`constraint_violation` excepted) because ``t`` is determined by ``s`` and rounding in ``t`` is
what spoils textbook formulas far from the origin. The gradient with respect to ``t`` is therefore
zero; projected on the tangent space it gives the same Riemannian gradient as any other
extension of the function off the hyperboloid.

Values and gradients are finite for points up to a rapidity ``sqrt(c) r`` of 28 at radius r in
single precision and 220 in double precision, beyond which products of coordinates overflow.

Call these functions outside ``torch.autocast``: half precision cannot hold the differences that
they take care to keep.

References
----------
.. [1] Nickel, M. and Kiela, D. (2018). Learning continuous hierarchies in the Lorentz model of
   hyperbolic geometry. ICML. https://arxiv.org/abs/1806.03417
.. [2] Desai, K. et al. (2023). Hyperbolic image-text representations. ICML.
   https://arxiv.org/abs/2304.09172
"""

from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from sklearn_mnm.geometry._backend import Array, array_function, as_curvature
from sklearn_mnm.geometry._polar import (
    asinh_ratio,
    gap,
    norm,
    pairwise_gap,
    polar,
    safe_sqrt,
    sinh_ratio,
)


@array_function
def inner(x: Array, y: Array, *, keepdim: bool = False) -> Array:
    """Lorentzian inner product ``<x, y>_L = s.s' - t t'``.

    Parameters
    ----------
    x, y : array of shape (..., d + 1)
        Vectors of the ambient space, time coordinate first; shapes are broadcast.
    keepdim : bool, default=False
        Keep the reduced dimension with length 1.

    Returns
    -------
    product : array of shape (...) or (..., 1)
    """
    products = x * y
    product = array_namespace(x).sum(products[..., 1:], axis=-1, keepdims=keepdim)
    return product - (products[..., :1] if keepdim else products[..., 0])


@array_function
def pairwise_inner(x: Array, y: Array) -> Array:
    """Lorentzian inner products of all pairs.

    Parameters
    ----------
    x : array of shape (n, d + 1)
    y : array of shape (m, d + 1)

    Returns
    -------
    products : array of shape (n, m)
    """
    return x[:, 1:] @ y[:, 1:].T - x[:, :1] * y[:, 0]


@array_function
def from_space(space: Array, curvature: float | Array) -> Array:
    """Put points on the hyperboloid by adding the time coordinate ``sqrt(1/c + |s|^2)``.

    Parameters
    ----------
    space : array of shape (..., d)
    curvature : float or 0-d array
        ``c > 0``.

    Returns
    -------
    x : array of shape (..., d + 1)

    Raises
    ------
    InvalidInputError
        If `curvature` is a float that is not positive.
    """
    xp = array_namespace(space)
    c = as_curvature(curvature, space)
    time = xp.sqrt(1 / c + xp.sum(space * space, axis=-1, keepdims=True))
    return xp.concat([time, space], axis=-1)


@array_function
def project(x: Array, curvature: float | Array) -> Array:
    """Put points back on the hyperboloid by recomputing their time coordinate.

    Parameters
    ----------
    x : array of shape (..., d + 1)
    curvature : float or 0-d array

    Returns
    -------
    x : array of shape (..., d + 1)
    """
    return from_space(x[..., 1:], curvature)


@array_function
def origin(
    dim: int,
    curvature: float | Array,
    dtype: Any = None,
    device: Any = None,
) -> Array:
    """Return the origin ``(1 / sqrt(c), 0, ..., 0)`` of the hyperboloid.

    Parameters
    ----------
    dim : int
        Dimension d of the hyperbolic space.
    curvature : float or 0-d array
    dtype : numpy or torch dtype, default=None
        Of NumPy's an array is made, of torch's a tensor. If None, it is torch's default.
    device : torch.device or str, default=None
        Of a tensor. If None, it is torch's default.

    Returns
    -------
    x : array of shape (dim + 1,)
    """
    if isinstance(dtype, type | np.dtype):
        return from_space(np.zeros(dim, dtype), curvature)
    import torch

    return from_space(torch.zeros(dim, dtype=dtype, device=device), curvature)


@array_function
def exp_map0(v: Array, curvature: float | Array) -> Array:
    """Exponential map at the origin.

    ``s = sinh(sqrt(c) |v|) / (sqrt(c) |v|) v``, smooth at ``v = 0``. The square of the time
    coordinate overflows for ``sqrt(c) |v|`` beyond 44 in float32 and 354 in float64.

    Parameters
    ----------
    v : array of shape (..., d)
        Space coordinates of tangent vectors at the origin (their time coordinate is zero).
    curvature : float or 0-d array

    Returns
    -------
    x : array of shape (..., d + 1)
    """
    xp = array_namespace(v)
    c = as_curvature(curvature, v)
    squared = c * xp.sum(v * v, axis=-1, keepdims=True)
    return from_space(sinh_ratio(squared) * v, c)


@array_function
def log_map0(x: Array, curvature: float | Array) -> Array:
    """Logarithmic map at the origin, the inverse of `exp_map0`.

    ``v = asinh(sqrt(c) |s|) / (sqrt(c) |s|) s``.

    Parameters
    ----------
    x : array of shape (..., d + 1)
    curvature : float or 0-d array

    Returns
    -------
    v : array of shape (..., d)
        Space coordinates of tangent vectors at the origin.
    """
    xp = array_namespace(x)
    c = as_curvature(curvature, x)
    space = x[..., 1:]
    return asinh_ratio(c * xp.sum(space * space, axis=-1, keepdims=True)) * space


@array_function
def exp_map(x: Array, u: Array, curvature: float | Array) -> Array:
    """Exponential map at `x`.

    ``cosh(z) x + sinh(z)/z u`` with ``z = sqrt(c) |u|_L``. The Lorentzian norm is taken as
    ``|u_perp|^2 + u_par^2 / (c t^2)``, the parts of the space coordinates of `u` across and
    along ``s``: a sum of squares, where ``|u_s|^2 - u_t^2`` cancels far from the origin.

    Parameters
    ----------
    x : array of shape (..., d + 1)
        Points.
    u : array of shape (..., d + 1)
        Tangent vectors at `x`, ``<x, u>_L = 0``; their time coordinate is implied and not read.
    curvature : float or 0-d array

    Returns
    -------
    y : array of shape (..., d + 1)
    """
    xp = array_namespace(x)
    c = as_curvature(curvature, x)
    space, step = x[..., 1:], u[..., 1:]
    _, direction, _ = polar(x, c)
    along = xp.sum(direction * step, axis=-1, keepdims=True)
    across = step - along * direction
    time_squared = 1 + c * xp.sum(space * space, axis=-1, keepdims=True)
    squared = c * (xp.sum(across * across, axis=-1, keepdims=True) + along * along / time_squared)
    # cosh(z) = 1 + 2 sinh(z/2)^2 keeps the value smooth in z^2, hence differentiable at u = 0.
    cosh = 1 + squared / 2 * sinh_ratio(squared / 4) ** 2
    return from_space(cosh * space + sinh_ratio(squared) * step, c)


@array_function
def log_map(x: Array, y: Array, curvature: float | Array) -> Array:
    """Logarithmic map: the tangent vector at `x` whose geodesic reaches `y` at time one.

    ``u = z / sinh(z) (y - cosh(z) x)`` with ``z = sqrt(c) d(x, y)``, written as
    ``(y - x) - 2 sinh(z/2)^2 x`` so that near points keep their digits.

    Parameters
    ----------
    x, y : array of shape (..., d + 1)
    curvature : float or 0-d array

    Returns
    -------
    u : array of shape (..., d + 1)
        ``<x, u>_L = 0`` and ``<u, u>_L = d(x, y)^2``.
    """
    xp = array_namespace(x)
    c = as_curvature(curvature, x)
    q = _half_sinh_squared(x, y, c)[..., None]
    space = x[..., 1:]
    step = asinh_ratio(q) / xp.sqrt(1 + q) * (y[..., 1:] - space - 2 * q * space)
    time = xp.sqrt(1 / c + xp.sum(space * space, axis=-1, keepdims=True))
    return xp.concat([xp.sum(space * step, axis=-1, keepdims=True) / time, step], axis=-1)


@array_function
def distance(x: Array, y: Array, curvature: float | Array) -> Array:
    """Geodesic distance.

    With the rapidities a, b and the angle theta between the space coordinates,
    ``sinh(sqrt(c) d / 2)^2 = sinh((a - b)/2)^2 + sinh(a) sinh(b) (1 - cos(theta)) / 2``, the
    hyperbolic law of cosines in half angles: a sum of two non-negative terms. The usual
    ``arccosh(-c <x, y>_L)`` has no correct digit in float32 for points 0.1 apart at radius 7,
    and ``|s - s'|^2 - (t - t')^2`` is off by per cents there for points on one ray.

    The gradient at coincident points, where the distance has a kink, is zero.

    Parameters
    ----------
    x, y : array of shape (..., d + 1)
        Shapes are broadcast.
    curvature : float or 0-d array

    Returns
    -------
    distance : array of shape (...)
    """
    xp = array_namespace(x)
    c = as_curvature(curvature, x)
    return 2 * xp.asinh(safe_sqrt(_half_sinh_squared(x, y, c))) / xp.sqrt(c)


@array_function
def pairwise_distance(x: Array, y: Array, curvature: float | Array) -> Array:
    """Geodesic distances of all pairs.

    The form of `distance`. ``1 - cos(theta)`` comes from one matrix product; pairs closer than
    3.6 degrees, whose digits the product has lost, are recomputed from the difference of their
    directions. For points 0.1 apart at radius 7 the relative error is below 1e-3 in float32
    and below 1e-12 in float64, where the matrix product alone leaves 100 % and 2e-8. The
    cost grows with the number of near pairs, up to (n, m, d) operations.

    Parameters
    ----------
    x : array of shape (n, d + 1)
    y : array of shape (m, d + 1)
    curvature : float or 0-d array

    Returns
    -------
    distances : array of shape (n, m)
    """
    xp = array_namespace(x)
    c = as_curvature(curvature, x)
    scaled_x, scaled_y = xp.sqrt(c) * x[:, 1:], xp.sqrt(c) * y[:, 1:]
    norm_x, norm_y = norm(scaled_x), norm(scaled_y)
    radial = xp.sinh((xp.asinh(norm_x)[:, None] - xp.asinh(norm_y)) / 2) ** 2
    q = radial + pairwise_gap(scaled_x, scaled_y, norm_x, norm_y) / 2
    return 2 * xp.asinh(safe_sqrt(q)) / xp.sqrt(c)


@array_function
def radius(x: Array, curvature: float | Array) -> Array:
    """Distance to the origin, ``asinh(sqrt(c) |s|) / sqrt(c)``.

    Its gradient at the origin, where it has a kink, is zero.

    Parameters
    ----------
    x : array of shape (..., d + 1)
    curvature : float or 0-d array

    Returns
    -------
    radius : array of shape (...)
    """
    xp = array_namespace(x)
    c = as_curvature(curvature, x)
    return xp.asinh(xp.sqrt(c) * norm(x[..., 1:])) / xp.sqrt(c)


@array_function
def geodesic(x: Array, y: Array, position: float | Array, curvature: float | Array) -> Array:
    """Point of the geodesic from `x` to `y`.

    ``(sinh((1 - p) z) x + sinh(p z) y) / sinh(z)`` with ``z = sqrt(c) d(x, y)``: between the
    ends both weights are positive and nothing cancels.

    Parameters
    ----------
    x, y : array of shape (..., d + 1)
    position : float or array of shape (...)
        0 at `x`, 1 at `y`, proportional to the distance in between; broadcast with the leading
        dimensions of the points.
    curvature : float or 0-d array

    Returns
    -------
    point : array of shape (..., d + 1)
    """
    xp = array_namespace(x)
    c = as_curvature(curvature, x)
    p = xp.asarray(position, dtype=x.dtype, device=device(x))[..., None]
    q = _half_sinh_squared(x, y, c)[..., None]
    squared = 4 * q * asinh_ratio(q) ** 2
    denominator = sinh_ratio(squared)
    weight_x = (1 - p) * sinh_ratio((1 - p) ** 2 * squared) / denominator
    weight_y = p * sinh_ratio(p**2 * squared) / denominator
    return from_space(weight_x * x[..., 1:] + weight_y * y[..., 1:], c)


@array_function
def constraint_violation(x: Array, curvature: float | Array) -> Array:
    """Relative distance of vectors from the hyperboloid.

    ``|c <x, x>_L + 1| / (1 + c |s|^2)``: the residual relative to the largest of the terms that
    must cancel, ``c t^2`` on the hyperboloid. Not relative to 1, since rounding ``t`` alone makes
    a residual of ``c t^2`` times the machine epsilon, however exact the point.

    Parameters
    ----------
    x : array of shape (..., d + 1)
    curvature : float or 0-d array

    Returns
    -------
    violation : array of shape (...)
    """
    xp = array_namespace(x)
    c = as_curvature(curvature, x)
    expected = 1 + c * xp.sum(x[..., 1:] * x[..., 1:], axis=-1)
    return xp.abs(expected - c * x[..., 0] ** 2) / expected


def _half_sinh_squared(x: Array, y: Array, c: Array) -> Array:
    """``sinh(sqrt(c) d / 2)^2``, a smooth function of both points, shape (...)."""
    xp = array_namespace(x)
    scaled_x, scaled_y = xp.sqrt(c) * x[..., 1:], xp.sqrt(c) * y[..., 1:]
    norm_x, norm_y = norm(scaled_x), norm(scaled_y)
    radial = xp.sinh((xp.asinh(norm_x) - xp.asinh(norm_y)) / 2) ** 2
    return radial + gap(scaled_x, scaled_y, norm_x, norm_y) / 2
