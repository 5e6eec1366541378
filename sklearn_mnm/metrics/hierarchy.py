"""Whether an embedding has the hierarchy that it is meant to have.

Plain functions on arrays. Shares are in percent, as in :mod:`sklearn_mnm.metrics`. Points lie on
the Lorentz hyperboloid, time coordinate first, as the embedder returns them.
"""

from numbers import Real

import numpy as np
from numpy.typing import ArrayLike

from sklearn_mnm._tools.arrays import check_reach
from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.metrics._vectors import finite, warn_if_constant

_BLOCK = 512  # rows of the matrix of pairs held at once


def radial_order(inner: ArrayLike, outer: ArrayLike) -> float:
    """Share of pairs whose first point is nearer to the origin than the second.

    Texts should come before their brain maps, concepts before their children.

    Parameters
    ----------
    inner, outer : array-like of shape (n, d + 1)
        Points of one hyperboloid, paired row by row.

    Returns
    -------
    share : float
        In percent. Equal radii count against the order; independent ones give 50 by chance.

    Raises
    ------
    InvalidInputError
        If the points are not matrices of one shape with time coordinates ``t > |s|``.

    Examples
    --------
    >>> from sklearn_mnm.metrics import radial_order
    >>> radial_order([[1.0, 0.0], [1.25, 0.75]], [[1.25, 0.75], [1.25, -0.75]])
    50.0
    """
    inner, outer = _paired_points(inner=inner, outer=outer)
    # The radius grows with |s|; so does t, which near the origin rounds to sqrt(1/c).
    ordered = np.linalg.norm(inner[:, 1:], axis=1) < np.linalg.norm(outer[:, 1:], axis=1)
    return 100 * float(ordered.mean())


def extent_order(radii: ArrayLike, n_active: ArrayLike, min_difference: float) -> float:
    """Share of pairs of clearly different extent whose broader map is nearer to the origin.

    Counted over all ordered pairs with ``n_active[i] - n_active[j] > min_difference``. Exact;
    time grows with the square of n, memory linearly.

    Parameters
    ----------
    radii : array-like of shape (n,)
        Radius of each brain map, see :func:`sklearn_mnm.geometry.radius`; any increasing function
        of it does as well.
    n_active : array-like of shape (n,)
        Number, or share, of active regions of each map.
    min_difference : float
        Difference in extent beyond which a pair counts, at least 0, in the unit of `n_active`.

    Returns
    -------
    share : float
        In percent. Equal radii count against the order; independent ones give 50 by chance.

    Raises
    ------
    InvalidInputError
        If the arrays are not finite and of one length, or no pair differs by `min_difference`.

    Examples
    --------
    >>> from sklearn_mnm.metrics import extent_order
    >>> extent_order([0.5, 1.0, 2.0, 1.5], [40, 20, 19, 5], min_difference=10)
    80.0
    """
    radii, n_active = _paired_vectors(radii, n_active)
    if not isinstance(min_difference, Real) or not min_difference >= 0:
        raise InvalidInputError(
            f"min_difference={min_difference!r}: must be a number of at least 0."
        )
    n_pairs, n_ordered = 0, 0
    for start in range(0, len(radii), _BLOCK):
        rows = slice(start, start + _BLOCK)
        with np.errstate(over="ignore"):  # infinity is more than any difference, too
            broader = n_active[rows, np.newaxis] - n_active > min_difference
        n_pairs += int(broader.sum())
        n_ordered += int((broader & (radii[rows, np.newaxis] < radii)).sum())
    if n_pairs == 0:
        raise InvalidInputError(
            f"min_difference={min_difference!r}: no two of the {len(radii)} maps differ by more "
            f"active regions (n_active spans {n_active.min():g} to {n_active.max():g}). Lower it."
        )
    return 100 * n_ordered / n_pairs


def extent_correlation(radii: ArrayLike, n_active: ArrayLike) -> float:
    """Spearman correlation of radius with the number of active regions.

    Parameters
    ----------
    radii, n_active : array-like of shape (n,)
        As for :func:`extent_order`.

    Returns
    -------
    correlation : float
        Between -1, where broad maps are nearer to the origin, and 1; 0 where it does not exist.

    Raises
    ------
    InvalidInputError
        If the arrays are not finite vectors of one length of at least 2.

    Warns
    -----
    DataWarning
        If all radii or all extents are equal.

    Examples
    --------
    >>> from sklearn_mnm.metrics import extent_correlation
    >>> round(extent_correlation([0.5, 1.0, 2.0, 1.5], [40, 20, 19, 5]), 3)
    -0.8
    """
    radii, n_active = _paired_vectors(radii, n_active)
    if len(radii) < 2:
        raise InvalidInputError("radii has 1 entry; a correlation needs at least two maps.")
    if warn_if_constant(radii=radii, n_active=n_active):
        return 0.0
    # Imported late: loading a model imports this module, and a command need not wait for it.
    from scipy.stats import spearmanr

    return float(spearmanr(radii, n_active).statistic)


def cone_containment(
    parents: ArrayLike, children: ArrayLike, curvature: float, *, min_radius: float = 0.1
) -> float:
    """Share of children that lie in the entailment cone of their parent.

    Parameters
    ----------
    parents, children : array-like of shape (n, d + 1)
        Points of one hyperboloid, paired row by row.
    curvature : float
        ``c > 0`` of the hyperboloid of curvature ``-c``.
    min_radius : float, default=0.1
        Width of the cones, see :func:`sklearn_mnm.geometry.half_aperture`.

    Returns
    -------
    share : float
        In percent. Cones include their boundary, and that of an apex at the origin holds all
        points: look at the radii as well.

    Raises
    ------
    InvalidInputError
        If the points are not matrices of one shape with time coordinates ``t > |s|``, or
        `curvature` or `min_radius` is not positive.

    Examples
    --------
    >>> from sklearn_mnm.metrics import cone_containment
    >>> parents = [[1.25, 0.75, 0.0], [1.25, 0.75, 0.0]]
    >>> cone_containment(parents, [[3.0, 8.0**0.5, 0.0], [3.0, -(8.0**0.5), 0.0]], curvature=1.0)
    50.0
    """
    from sklearn_mnm.geometry import is_entailed

    parents, children = _paired_points(parents=parents, children=children)
    for name, value in (("curvature", curvature), ("min_radius", min_radius)):
        if not isinstance(value, Real) or not 0 < value < np.inf:
            raise InvalidInputError(f"{name}={value!r}: must be positive and finite.")
    inside = is_entailed(parents, children, curvature, min_radius=min_radius)
    return 100 * float(inside.mean())


def _paired_points(**named: ArrayLike) -> list[np.ndarray]:
    pair = [_points(name, values) for name, values in named.items()]
    if pair[0].shape != pair[1].shape:
        shapes = [f"{name} has shape {each.shape}" for name, each in zip(named, pair, strict=True)]
        raise InvalidInputError(f"{' and '.join(shapes)}; give pairs of points, row by row.")
    return pair


def _points(name: str, values: ArrayLike) -> np.ndarray:
    points = finite(name, values, 2)
    if points.shape[1] < 2:
        raise InvalidInputError(f"{name}: points have a time and space coordinates; got 1 column.")
    check_reach(points, name)
    # Catches tangent vectors and bare space coordinates. Far out t rounds to |s|.
    sizes = np.linalg.norm(points[:, 1:], axis=1)
    spoilt = np.flatnonzero((points[:, 0] <= 0) | (points[:, 0] < (1 - 1e-6) * sizes))
    if len(spoilt):
        raise InvalidInputError(
            f"{name}: {len(spoilt)} rows are no points of a hyperboloid, as row {spoilt[0]} with "
            f"t = {points[spoilt[0], 0]:g}, |s| = {sizes[spoilt[0]]:g}; t > |s| must hold, time "
            "coordinate first. Apply sklearn_mnm.geometry.exp_map0 to tangent vectors."
        )
    return points


def _paired_vectors(radii: ArrayLike, n_active: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    radii, n_active = finite("radii", radii, 1), finite("n_active", n_active, 1)
    if len(radii) != len(n_active):
        lengths = f"radii has {len(radii)} entries and n_active {len(n_active)}"
        raise InvalidInputError(f"{lengths}; give one each per map.")
    return radii, n_active
