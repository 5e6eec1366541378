"""Weighted midpoints of hyperboloid points.

The Einstein midpoint and the Lorentzian centroid are **the same point** for the same weights:
the Lorentz factor of a point is ``gamma = sqrt(c) t``, so the Klein average
``sum(w gamma k) / sum(w gamma)`` with ``k = s / t`` is ``sum(w s) / sum(w t)``, which is the Klein
coordinate of ``sum(w x)``, and the centroid is ``sum(w x)`` scaled back to the hyperboloid. They
differ only from averages that leave out gamma. Neither is the Fréchet mean, which minimises
squared geodesic distances; the centroid minimises the squared Lorentzian distances
``-2/c - 2 <x, y>_L`` [1]_. For two points with equal weights all three coincide.

References
----------
.. [1] Law, M. et al. (2019). Lorentzian distance learning for hyperbolic representations. ICML.
   https://proceedings.mlr.press/v97/law19a.html
"""

from array_api_compat import array_namespace

from sklearn_mnm.geometry._backend import Array, array_function, as_curvature, without_gradient
from sklearn_mnm.geometry._polar import gap, norm
from sklearn_mnm.geometry.lorentz import from_space


@array_function
def einstein_midpoint(x: Array, curvature: float | Array, weights: Array | None = None) -> Array:
    """Einstein midpoint, computed in Klein coordinates.

    With ``k = s / t`` in the unit ball and ``gamma = 1 / sqrt(1 - |k|^2) = sqrt(c) t``, the
    midpoint has the Klein coordinate ``m = sum(w gamma k) / sum(w gamma)`` (Ungar [1]_; Gulcehre
    et al. [2]_) and the space coordinates ``m / sqrt(c (1 - |m|^2))``. ``k`` has no unit: in the
    Klein ball of radius ``1 / sqrt(c)`` the coordinate is ``k / sqrt(c)`` and
    ``gamma = 1 / sqrt(1 - c |k / sqrt(c)|^2)``, the same number. Equal to `lorentz_centroid`.

    Parameters
    ----------
    x : array of shape (..., n, d + 1)
    curvature : float or 0-d array
        ``c > 0``.
    weights : array of shape (..., n), optional
        Non-negative with a positive sum, of any scale. Default: all equal.

    Returns
    -------
    midpoint : array of shape (..., d + 1)

    References
    ----------
    .. [1] Ungar, A. A. (2008). Analytic hyperbolic geometry and Albert Einstein's special theory
       of relativity. World Scientific. https://doi.org/10.1142/6625
    .. [2] Gulcehre, C. et al. (2019). Hyperbolic attention networks. ICLR.
       https://arxiv.org/abs/1805.09786
    """
    xp = array_namespace(x)
    c = as_curvature(curvature, x)
    time, length = _time_and_length(x, c)
    klein = x[..., 1:] / time[..., None]
    gamma = xp.sqrt(c) * time
    shares = gamma if weights is None else weights * gamma
    shares = shares / xp.sum(shares, axis=-1, keepdims=True)
    midpoint = xp.sum(shares[..., None] * klein, axis=-2)
    # 1 - |k| of a point, and of the midpoint; subtracting |m| from 1 would cancel far out.
    depth = 1 / (c * time * (time + length))
    depth = _complement(klein, length / time, depth, midpoint, shares)
    # The curvature apart: the derivative of the root far out is near the end of single precision.
    scale = (depth * (1 + norm(midpoint))) ** -0.5 * c**-0.5
    return from_space(scale[..., None] * midpoint, c)


@array_function
def lorentz_centroid(x: Array, curvature: float | Array, weights: Array | None = None) -> Array:
    """Lorentzian centroid ``sum(w x) / (sqrt(c) sqrt(-<sum(w x), sum(w x)>_L))``.

    Law et al. [1]_, Theorem 3.3. Equal to `einstein_midpoint`.

    Parameters
    ----------
    x : array of shape (..., n, d + 1)
    curvature : float or 0-d array
        ``c > 0``.
    weights : array of shape (..., n), optional
        Non-negative with a positive sum, of any scale. Default: all equal.

    Returns
    -------
    centroid : array of shape (..., d + 1)

    References
    ----------
    .. [1] Law, M. et al. (2019). Lorentzian distance learning for hyperbolic representations.
       ICML. https://proceedings.mlr.press/v97/law19a.html
    """
    xp = array_namespace(x)
    c = as_curvature(curvature, x)
    time, length = _time_and_length(x, c)
    shares = xp.ones_like(time) if weights is None else xp.broadcast_to(weights, time.shape)
    shares = shares / xp.sum(shares, axis=-1, keepdims=True)
    space_sum = xp.sum(shares[..., None] * x[..., 1:], axis=-2)
    time_sum = xp.sum(shares * time, axis=-1)
    # -<m, m>_L = (T - |S|) (T + |S|), the first factor without cancellation.
    depth = _complement(x[..., 1:], length, 1 / (c * (time + length)), space_sum, shares)
    scale = (c * depth * (time_sum + norm(space_sum))) ** -0.5
    return from_space(scale[..., None] * space_sum, c)


def _time_and_length(x: Array, c: Array) -> tuple[Array, Array]:
    """Time coordinate recomputed from the space coordinates, and norm of the latter; (..., n)."""
    length = norm(x[..., 1:])
    return (1 / c + length**2) ** 0.5, length


def _complement(
    vectors: Array, lengths: Array, complements: Array, mean: Array, shares: Array
) -> Array:
    """``sum(share height) - |mean|`` as a sum of non-negative terms, shape (...).

    `complements` holds ``height - length`` for each vector. With the unit vector e along the
    mean, ``height - e.vector = (height - length) + length (1 - cos(vector, e))``. The direction e
    is held constant in the backward pass: it maximises ``e.mean``, so its derivative is zero.
    """
    xp = array_namespace(vectors)
    with without_gradient(mean):
        size = norm(mean)[..., None]
        tiny = xp.finfo(mean.dtype).smallest_normal
        along = xp.where(size > tiny, mean / xp.clip(size, min=tiny), xp.zeros_like(mean))
    along = xp.broadcast_to(along[..., None, :], vectors.shape)
    tilt = gap(vectors, along, lengths, xp.ones_like(lengths))
    return xp.sum(shares * (complements + tilt), axis=-1)
