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

import torch
from torch import Tensor

from sklearn_mnm.geometry._polar import (
    as_curvature,
    at_least_single,
    gap,
    norm,
    pairwise_gap,
    safe_sqrt,
)


@at_least_single
def radius_from_information(information: Tensor, curvature: float | Tensor) -> Tensor:
    """Radius of concepts with the given information, ``I / (2 sqrt(c))``.

    Parameters
    ----------
    information : Tensor of shape (...)
        ``-ln P`` in nats, not negative.
    curvature : float or 0-d Tensor
        ``c > 0``.

    Returns
    -------
    radius : Tensor of shape (...)

    Raises
    ------
    InvalidInputError
        If `curvature` is a float that is not positive.
    """
    return information / (2 * as_curvature(curvature, information).sqrt())


@at_least_single
def information_from_radius(radius: Tensor, curvature: float | Tensor) -> Tensor:
    """Information of concepts at the given radius, ``2 sqrt(c) rho``.

    Parameters
    ----------
    radius : Tensor of shape (...)
        Distance to the root, as `sklearn_mnm.geometry.radius` gives it.
    curvature : float or 0-d Tensor

    Returns
    -------
    information : Tensor of shape (...)
        ``-ln P`` in nats.
    """
    return 2 * as_curvature(curvature, radius).sqrt() * radius


@at_least_single
def gromov_product(x: Tensor, y: Tensor, curvature: float | Tensor) -> Tensor:
    """Gromov product at the root, ``(rho_x + rho_y - d(x, y)) / 2``.

    In a tree it is the length that the ways from the root to both points share. Times
    ``2 sqrt(c)`` it is the pointwise mutual information in nats.

    With ``p = (a + b) / 2`` of the rapidities a and b and ``D = sqrt(c) d`` it is computed as
    ``asinh(sinh(a) sinh(b) (1 + cos(theta)) / 2 / (sinh(p) cosh(D/2) + cosh(p) sinh(D/2)))``,
    which keeps its digits where the sum cancels, between nearly opposite directions.

    The gradient at coincident points, where the distance has a kink, is that of the radii alone.

    Parameters
    ----------
    x, y : Tensor of shape (..., d + 1)
        Shapes are broadcast.
    curvature : float or 0-d Tensor

    Returns
    -------
    product : Tensor of shape (...)
        Not negative, and at most the smaller of the two radii.
    """
    c = as_curvature(curvature, x)
    (scaled_x, norm_x), (scaled_y, norm_y) = _scaled(x, c), _scaled(y, c)
    apart = gap(scaled_x, scaled_y, norm_x, norm_y)
    together = gap(scaled_x, -scaled_y, norm_x, norm_y)
    return _scaled_gromov(torch.asinh(norm_x), torch.asinh(norm_y), apart, together) / c.sqrt()


@at_least_single
def pairwise_gromov_product(x: Tensor, y: Tensor, curvature: float | Tensor) -> Tensor:
    """Gromov products of all pairs, in the form of `gromov_product`.

    Parameters
    ----------
    x : Tensor of shape (n, d + 1)
    y : Tensor of shape (m, d + 1)
    curvature : float or 0-d Tensor

    Returns
    -------
    products : Tensor of shape (n, m)
    """
    c = as_curvature(curvature, x)
    (scaled_x, norm_x), (scaled_y, norm_y) = _scaled(x, c), _scaled(y, c)
    apart = pairwise_gap(scaled_x, scaled_y, norm_x, norm_y)
    together = pairwise_gap(scaled_x, -scaled_y, norm_x, norm_y)
    a, b = torch.asinh(norm_x)[:, None], torch.asinh(norm_y)[None, :]
    return _scaled_gromov(a, b, apart, together) / c.sqrt()


@at_least_single
def detour(ancestor: Tensor, x: Tensor, curvature: float | Tensor) -> Tensor:
    """By how much the way from the root to `x` is longer through `ancestor`.

    ``rho_a + d(a, x) - rho_x``, computed as `polar_detour` does. It is 0 if the ancestor lies on
    the segment from the root to `x`, and ``2 rho_a`` if the two are joined through the root.

    The gradient at coincident points, where the distance has a kink, is that of the radii alone.

    Parameters
    ----------
    ancestor, x : Tensor of shape (..., d + 1)
        Shapes are broadcast.
    curvature : float or 0-d Tensor

    Returns
    -------
    detour : Tensor of shape (...)
        Not negative.
    """
    c = as_curvature(curvature, x)
    (scaled_a, norm_a), (scaled_x, norm_x) = _scaled(ancestor, c), _scaled(x, c)
    apart = gap(scaled_a, scaled_x, norm_a, norm_x)
    return _scaled_detour(torch.asinh(norm_a), torch.asinh(norm_x), apart) / c.sqrt()


@at_least_single
def pairwise_detour(ancestors: Tensor, x: Tensor, curvature: float | Tensor) -> Tensor:
    """Detours of all pairs, ancestors in rows, in the form of `detour`.

    Parameters
    ----------
    ancestors : Tensor of shape (n, d + 1)
    x : Tensor of shape (m, d + 1)
    curvature : float or 0-d Tensor

    Returns
    -------
    detours : Tensor of shape (n, m)
    """
    c = as_curvature(curvature, x)
    (scaled_a, norm_a), (scaled_x, norm_x) = _scaled(ancestors, c), _scaled(x, c)
    apart = pairwise_gap(scaled_a, scaled_x, norm_a, norm_x)
    a, b = torch.asinh(norm_a)[:, None], torch.asinh(norm_x)[None, :]
    return _scaled_detour(a, b, apart) / c.sqrt()


@at_least_single
def log_conditional(ancestor: Tensor, x: Tensor, curvature: float | Tensor) -> Tensor:
    """Logarithm of the probability of `ancestor` given `x`, ``-sqrt(c) detour``.

    Parameters
    ----------
    ancestor, x : Tensor of shape (..., d + 1)
        Shapes are broadcast.
    curvature : float or 0-d Tensor

    Returns
    -------
    log_probability : Tensor of shape (...)
        ``ln P(ancestor | x)`` in nats, at most 0.
    """
    return -as_curvature(curvature, x).sqrt() * detour(ancestor, x, curvature)


@at_least_single
def pairwise_log_conditional(ancestors: Tensor, x: Tensor, curvature: float | Tensor) -> Tensor:
    """Logarithms of conditional probabilities of all pairs, ancestors in rows.

    Parameters
    ----------
    ancestors : Tensor of shape (n, d + 1)
    x : Tensor of shape (m, d + 1)
    curvature : float or 0-d Tensor

    Returns
    -------
    log_probabilities : Tensor of shape (n, m)
        ``ln P(ancestor | x)`` in nats, at most 0.
    """
    return -as_curvature(curvature, x).sqrt() * pairwise_detour(ancestors, x, curvature)


@at_least_single
def pairwise_versine(directions_x: Tensor, directions_y: Tensor) -> Tensor:
    """``1 - cos(theta)`` of all pairs of directions, with the digits of small angles.

    Parameters
    ----------
    directions_x : Tensor of shape (n, d)
        Unit vectors.
    directions_y : Tensor of shape (m, d)

    Returns
    -------
    versines : Tensor of shape (n, m)
        In [0, 2].
    """
    return pairwise_gap(directions_x, directions_y, norm(directions_x), norm(directions_y))


@at_least_single
def polar_distance(
    radius_x: Tensor, radius_y: Tensor, versine: Tensor, curvature: float | Tensor
) -> Tensor:
    """Distance from radii and the angle at the root, without coordinates.

    The law of cosines in half angles that `sklearn_mnm.geometry.distance` uses. Where radii are
    known, it saves building points, and the angle may come from several blocks of coordinates.

    Parameters
    ----------
    radius_x, radius_y : Tensor of shape (...)
        Distances to the root. Shapes are broadcast with that of `versine`.
    versine : Tensor of shape (...)
        ``1 - cos(theta)``, as `pairwise_versine` gives it.
    curvature : float or 0-d Tensor

    Returns
    -------
    distance : Tensor of shape (...)
    """
    c = as_curvature(curvature, versine)
    a, b = c.sqrt() * radius_x, c.sqrt() * radius_y
    q = torch.sinh((a - b) / 2).square() + torch.sinh(a) * torch.sinh(b) * versine / 2
    return 2 * torch.asinh(safe_sqrt(q)) / c.sqrt()


@at_least_single
def polar_detour(
    radius_ancestor: Tensor, radius_x: Tensor, versine: Tensor, curvature: float | Tensor
) -> Tensor:
    """Detour through an ancestor from radii and the angle at the root, without coordinates.

    With the rapidities a of the ancestor and b of x, ``h = (a - b) / 2`` and ``D = sqrt(c) d``,
    the detour e in units of ``1 / sqrt(c)`` is ``2 h + D``, a sum of two terms that are not
    negative if the ancestor is the farther from the root. If it is the nearer,
    ``sinh(D/2)^2 - sinh(h)^2 = w = sinh(a) sinh(b) (1 - cos(theta)) / 2`` gives
    ``sinh(e/2) = w / (sinh(D/2) cosh(h) + cosh(D/2) |sinh(h)|)``. Neither cancels.

    Parameters
    ----------
    radius_ancestor, radius_x : Tensor of shape (...)
        Distances to the root. Shapes are broadcast with that of `versine`.
    versine : Tensor of shape (...)
        ``1 - cos(theta)``, as `pairwise_versine` gives it.
    curvature : float or 0-d Tensor

    Returns
    -------
    detour : Tensor of shape (...)
        Not negative.
    """
    c = as_curvature(curvature, versine)
    a, b = c.sqrt() * radius_ancestor, c.sqrt() * radius_x
    return _scaled_detour(a, b, torch.sinh(a) * torch.sinh(b) * versine) / c.sqrt()


def _scaled(points: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """Space coordinates at curvature -1, and their lengths."""
    scaled = c.sqrt() * points[..., 1:]
    return scaled, norm(scaled)


def _scaled_detour(a: Tensor, b: Tensor, apart: Tensor) -> Tensor:
    """Compute ``a + D - b`` from rapidities and ``apart = sinh(a) sinh(b) (1 - cos(theta))``."""
    # Rounding makes a versine that callers took as 1 - cos(theta) negative.
    w = apart.clamp(min=0) / 2
    h = (a - b) / 2
    sinh = torch.sinh(h)
    squared = sinh.square()
    q = squared + w
    root = safe_sqrt(q)
    denominator = root * (1 + squared).sqrt() + (1 + q).sqrt() * sinh.abs()
    nearer = h < 0
    quotient = w / torch.where(nearer, denominator, torch.ones_like(denominator))
    return 2 * torch.asinh(torch.where(nearer, quotient, root)) + 2 * h.clamp(min=0)


def _scaled_gromov(a: Tensor, b: Tensor, apart: Tensor, together: Tensor) -> Tensor:
    """Compute ``(a + b - D) / 2``; ``together = sinh(a) sinh(b) (1 + cos(theta))``."""
    p = (a + b) / 2
    q = torch.sinh((a - b) / 2).square() + apart / 2
    denominator = torch.sinh(p) * (1 + q).sqrt() + torch.cosh(p) * safe_sqrt(q)
    at_root = denominator <= 0
    return torch.asinh(together / 2 / torch.where(at_root, torch.ones_like(q), denominator))
