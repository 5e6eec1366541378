r"""Probabilities as detours: radius and distance in nats.

Let a concept of probability ``P`` lie at the radius ``I / (2 sqrt(c))``, half its information
``I = -ln P``, and let the way from the root to x lengthen by ``-ln P(a|x) / sqrt(c)`` when it
leads through a: ``P(a|x) = exp(-sqrt(c) (rho_a + d(a, x) - rho_x))``. Then, whatever the points,

- Bayes' rule holds: ``ln P(a|b) - ln P(b|a) = I_b - I_a``;
- a concept on the segment from the root to x is certain given x, and x given it has probability
  ``exp(I_a - I_x)``: a subset lies on the ray of its superset;
- concepts in opposite directions, joined through the root, are independent, ``P(a|x) = P(a)``;
- ``sqrt(c)`` times the Gromov product [1]_ at the root is half the pointwise mutual
  information [2]_;
- the distance is minus the logarithm of the Ochiai coefficient [3]_,
  ``sqrt(c) d(a, b) = -ln(P(a, b) / sqrt(P(a) P(b)))``.

They follow from the definition by inserting it. What the space adds is which sets of
probabilities have points; none with ``P(a, b) < P(a) P(b)`` do, because ``d <= rho_a + rho_b``.

All is computed from the rapidities ``a = sqrt(c) rho`` and the angle theta between directions by
half-angle forms without cancellation (see `polar_detour`), and never from the sums above, in which
a detour near 0 has no correct digit. The remarks of `sklearn_mnm.geometry.lorentz` on the range of
coordinates, on time coordinates and on autocast hold here, too.

References
----------
.. [1] Bridson, M. and Haefliger, A. (1999). Metric spaces of non-positive curvature. Springer.
   https://doi.org/10.1007/978-3-662-12494-9
.. [2] Church, K. and Hanks, P. (1990). Word association norms, mutual information, and
   lexicography. Computational Linguistics 16(1). https://aclanthology.org/J90-1003/
.. [3] Ochiai, A. (1957). Zoogeographical studies on the soleoid fishes found in Japan and its
   neighbouring regions. https://doi.org/10.2331/suisan.22.526
"""

from array_api_compat import array_namespace

from sklearn_mnm.geometry._backend import Array, array_function, as_curvature
from sklearn_mnm.geometry._polar import gap, norm, pairwise_gap, safe_sqrt


@array_function
def radius_from_information(information: Array, curvature: float | Array) -> Array:
    """Radius of concepts with the given information, ``I / (2 sqrt(c))``.

    Parameters
    ----------
    information : array of shape (...)
        ``-ln P`` in nats, not negative.
    curvature : float or 0-d array
        ``c > 0``.

    Returns
    -------
    radius : array of shape (...)

    Raises
    ------
    InvalidInputError
        If `curvature` is a float that is not positive.
    """
    return information / (2 * as_curvature(curvature, information) ** 0.5)


@array_function
def information_from_radius(radius: Array, curvature: float | Array) -> Array:
    """Information of concepts at the given radius, ``2 sqrt(c) rho``.

    Parameters
    ----------
    radius : array of shape (...)
        Distance to the root, as `sklearn_mnm.geometry.radius` gives it.
    curvature : float or 0-d array

    Returns
    -------
    information : array of shape (...)
        ``-ln P`` in nats.
    """
    return 2 * as_curvature(curvature, radius) ** 0.5 * radius


@array_function
def gromov_product(x: Array, y: Array, curvature: float | Array) -> Array:
    """Gromov product at the root, ``(rho_x + rho_y - d(x, y)) / 2``.

    In a tree it is the length that the ways from the root to both points share. Times
    ``2 sqrt(c)`` it is the pointwise mutual information in nats.

    With ``p = (a + b) / 2`` of the rapidities a and b and ``D = sqrt(c) d`` it is computed as
    ``asinh(sinh(a) sinh(b) (1 + cos(theta)) / 2 / (sinh(p) cosh(D/2) + cosh(p) sinh(D/2)))``,
    which keeps its digits where the sum cancels, between nearly opposite directions.

    The gradient at coincident points, where the distance has a kink, is that of the radii alone.

    Parameters
    ----------
    x, y : array of shape (..., d + 1)
        Shapes are broadcast.
    curvature : float or 0-d array

    Returns
    -------
    product : array of shape (...)
        Not negative, and at most the smaller of the two radii.
    """
    xp = array_namespace(x)
    c = as_curvature(curvature, x)
    (scaled_x, norm_x), (scaled_y, norm_y) = _scaled(x, c), _scaled(y, c)
    apart = gap(scaled_x, scaled_y, norm_x, norm_y)
    together = gap(scaled_x, -scaled_y, norm_x, norm_y)
    return _scaled_gromov(xp.asinh(norm_x), xp.asinh(norm_y), apart, together) / xp.sqrt(c)


@array_function
def pairwise_gromov_product(x: Array, y: Array, curvature: float | Array) -> Array:
    """Gromov products of all pairs, in the form of `gromov_product`.

    Parameters
    ----------
    x : array of shape (n, d + 1)
    y : array of shape (m, d + 1)
    curvature : float or 0-d array

    Returns
    -------
    products : array of shape (n, m)
    """
    xp = array_namespace(x)
    c = as_curvature(curvature, x)
    (scaled_x, norm_x), (scaled_y, norm_y) = _scaled(x, c), _scaled(y, c)
    apart = pairwise_gap(scaled_x, scaled_y, norm_x, norm_y)
    together = pairwise_gap(scaled_x, -scaled_y, norm_x, norm_y)
    a, b = xp.asinh(norm_x)[:, None], xp.asinh(norm_y)[None, :]
    return _scaled_gromov(a, b, apart, together) / xp.sqrt(c)


@array_function
def detour(ancestor: Array, x: Array, curvature: float | Array) -> Array:
    """By how much the way from the root to `x` is longer through `ancestor`.

    ``rho_a + d(a, x) - rho_x``, computed as `polar_detour` does. It is 0 if the ancestor lies on
    the segment from the root to `x`, and ``2 rho_a`` if the two are joined through the root.

    The gradient at coincident points, where the distance has a kink, is that of the radii alone.

    Parameters
    ----------
    ancestor, x : array of shape (..., d + 1)
        Shapes are broadcast.
    curvature : float or 0-d array

    Returns
    -------
    detour : array of shape (...)
        Not negative.
    """
    xp = array_namespace(ancestor)
    c = as_curvature(curvature, x)
    (scaled_a, norm_a), (scaled_x, norm_x) = _scaled(ancestor, c), _scaled(x, c)
    apart = gap(scaled_a, scaled_x, norm_a, norm_x)
    return _scaled_detour(xp.asinh(norm_a), xp.asinh(norm_x), apart) / xp.sqrt(c)


@array_function
def pairwise_detour(ancestors: Array, x: Array, curvature: float | Array) -> Array:
    """Detours of all pairs, ancestors in rows, in the form of `detour`.

    Parameters
    ----------
    ancestors : array of shape (n, d + 1)
    x : array of shape (m, d + 1)
    curvature : float or 0-d array

    Returns
    -------
    detours : array of shape (n, m)
    """
    xp = array_namespace(ancestors)
    c = as_curvature(curvature, x)
    (scaled_a, norm_a), (scaled_x, norm_x) = _scaled(ancestors, c), _scaled(x, c)
    apart = pairwise_gap(scaled_a, scaled_x, norm_a, norm_x)
    a, b = xp.asinh(norm_a)[:, None], xp.asinh(norm_x)[None, :]
    return _scaled_detour(a, b, apart) / xp.sqrt(c)


@array_function
def log_conditional(ancestor: Array, x: Array, curvature: float | Array) -> Array:
    """Logarithm of the probability of `ancestor` given `x`, ``-sqrt(c) detour``.

    Parameters
    ----------
    ancestor, x : array of shape (..., d + 1)
        Shapes are broadcast.
    curvature : float or 0-d array

    Returns
    -------
    log_probability : array of shape (...)
        ``ln P(ancestor | x)`` in nats, at most 0.
    """
    return -(as_curvature(curvature, x) ** 0.5) * detour(ancestor, x, curvature)


@array_function
def pairwise_log_conditional(ancestors: Array, x: Array, curvature: float | Array) -> Array:
    """Logarithms of conditional probabilities of all pairs, ancestors in rows.

    Parameters
    ----------
    ancestors : array of shape (n, d + 1)
    x : array of shape (m, d + 1)
    curvature : float or 0-d array

    Returns
    -------
    log_probabilities : array of shape (n, m)
        ``ln P(ancestor | x)`` in nats, at most 0.
    """
    return -(as_curvature(curvature, x) ** 0.5) * pairwise_detour(ancestors, x, curvature)


@array_function
def pairwise_versine(directions_x: Array, directions_y: Array) -> Array:
    """``1 - cos(theta)`` of all pairs of directions, with the digits of small angles.

    Parameters
    ----------
    directions_x : array of shape (n, d)
        Unit vectors.
    directions_y : array of shape (m, d)

    Returns
    -------
    versines : array of shape (n, m)
        In [0, 2].
    """
    return pairwise_gap(directions_x, directions_y, norm(directions_x), norm(directions_y))


@array_function
def polar_distance(
    radius_x: Array, radius_y: Array, versine: Array, curvature: float | Array
) -> Array:
    """Distance from radii and the angle at the root, without coordinates.

    The law of cosines in half angles that `sklearn_mnm.geometry.distance` uses. Where radii are
    known, it saves building points, and the angle may come from several blocks of coordinates.

    Parameters
    ----------
    radius_x, radius_y : array of shape (...)
        Distances to the root. Shapes are broadcast with that of `versine`.
    versine : array of shape (...)
        ``1 - cos(theta)``, as `pairwise_versine` gives it.
    curvature : float or 0-d array

    Returns
    -------
    distance : array of shape (...)
    """
    xp = array_namespace(radius_x)
    c = as_curvature(curvature, versine)
    a, b = xp.sqrt(c) * radius_x, xp.sqrt(c) * radius_y
    q = xp.sinh((a - b) / 2) ** 2 + xp.sinh(a) * xp.sinh(b) * versine / 2
    return 2 * xp.asinh(safe_sqrt(q)) / xp.sqrt(c)


@array_function
def polar_detour(
    radius_ancestor: Array, radius_x: Array, versine: Array, curvature: float | Array
) -> Array:
    """Detour through an ancestor from radii and the angle at the root, without coordinates.

    With the rapidities a of the ancestor and b of x, ``h = (a - b) / 2`` and ``D = sqrt(c) d``,
    the detour e in units of ``1 / sqrt(c)`` is ``2 h + D``, a sum of two terms that are not
    negative if the ancestor is the farther from the root. If it is the nearer,
    ``sinh(D/2)^2 - sinh(h)^2 = w = sinh(a) sinh(b) (1 - cos(theta)) / 2`` gives
    ``sinh(e/2) = w / (sinh(D/2) cosh(h) + cosh(D/2) |sinh(h)|)``. Neither cancels.

    Parameters
    ----------
    radius_ancestor, radius_x : array of shape (...)
        Distances to the root. Shapes are broadcast with that of `versine`.
    versine : array of shape (...)
        ``1 - cos(theta)``, as `pairwise_versine` gives it.
    curvature : float or 0-d array

    Returns
    -------
    detour : array of shape (...)
        Not negative.
    """
    xp = array_namespace(radius_ancestor)
    c = as_curvature(curvature, versine)
    a, b = xp.sqrt(c) * radius_ancestor, xp.sqrt(c) * radius_x
    return _scaled_detour(a, b, xp.sinh(a) * xp.sinh(b) * versine) / xp.sqrt(c)


def _scaled(points: Array, c: Array) -> tuple[Array, Array]:
    """Space coordinates at curvature -1, and their lengths."""
    xp = array_namespace(points)
    scaled = xp.sqrt(c) * points[..., 1:]
    return scaled, norm(scaled)


def _scaled_detour(a: Array, b: Array, apart: Array) -> Array:
    """Compute ``a + D - b`` from rapidities and ``apart = sinh(a) sinh(b) (1 - cos(theta))``."""
    # Rounding makes a versine that callers took as 1 - cos(theta) negative.
    xp = array_namespace(a)
    w = xp.clip(apart, min=0) / 2
    h = (a - b) / 2
    sinh = xp.sinh(h)
    squared = sinh**2
    q = squared + w
    root = safe_sqrt(q)
    denominator = root * xp.sqrt(1 + squared) + xp.sqrt(1 + q) * xp.abs(sinh)
    nearer = h < 0
    quotient = w / xp.where(nearer, denominator, xp.ones_like(denominator))
    return 2 * xp.asinh(xp.where(nearer, quotient, root)) + 2 * xp.clip(h, min=0)


def _scaled_gromov(a: Array, b: Array, apart: Array, together: Array) -> Array:
    """Compute ``(a + b - D) / 2``; ``together = sinh(a) sinh(b) (1 + cos(theta))``."""
    xp = array_namespace(a)
    p = (a + b) / 2
    q = xp.sinh((a - b) / 2) ** 2 + apart / 2
    denominator = xp.sinh(p) * xp.sqrt(1 + q) + xp.cosh(p) * safe_sqrt(q)
    at_root = denominator <= 0
    return xp.asinh(together / 2 / xp.where(at_root, xp.ones_like(q), denominator))
