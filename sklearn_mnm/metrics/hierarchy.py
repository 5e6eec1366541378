"""Whether an embedding has the hierarchy that it is meant to have.

Plain functions on arrays. Shares are in percent, as in :mod:`sklearn_mnm.metrics`. Points lie on
the Lorentz hyperboloid, time coordinate first, as the embedder returns them.
"""

import warnings
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.stats import pearsonr, spearmanr

from sklearn_mnm._tools.arrays import check_reach
from sklearn_mnm.exceptions import DataWarning, InvalidInputError

_BLOCK = 512  # rows of the matrix of pairs held at once


class TreeRecovery(NamedTuple):
    """How well distances of an embedding follow the path lengths of a tree.

    Attributes
    ----------
    rank_correlation, correlation : float
        Spearman and Pearson correlation over all pairs.
    average_distortion : float
        Mean relative error of the distances at the best scale; 0 is perfect.
    """

    rank_correlation: float
    correlation: float
    average_distortion: float


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
    >>> from sklearn_mnm.metrics.hierarchy import radial_order
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
    >>> from sklearn_mnm.metrics.hierarchy import extent_order
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
    >>> from sklearn_mnm.metrics.hierarchy import extent_correlation
    >>> round(extent_correlation([0.5, 1.0, 2.0, 1.5], [40, 20, 19, 5]), 3)
    -0.8
    """
    radii, n_active = _paired_vectors(radii, n_active)
    if len(radii) < 2:
        raise InvalidInputError("radii has 1 entry; a correlation needs at least two maps.")
    if _warn_if_constant(radii=radii, n_active=n_active):
        return 0.0
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
    >>> from sklearn_mnm.metrics.hierarchy import cone_containment
    >>> parents = [[1.25, 0.75, 0.0], [1.25, 0.75, 0.0]]
    >>> cone_containment(parents, [[3.0, 8.0**0.5, 0.0], [3.0, -(8.0**0.5), 0.0]], curvature=1.0)
    50.0
    """
    import torch

    from sklearn_mnm.geometry import is_entailed

    parents, children = _paired_points(parents=parents, children=children)
    for name, value in (("curvature", curvature), ("min_radius", min_radius)):
        if not isinstance(value, Real) or not 0 < value < np.inf:
            raise InvalidInputError(f"{name}={value!r}: must be positive and finite.")
    inside = is_entailed(
        torch.from_numpy(parents), torch.from_numpy(children), curvature, min_radius=min_radius
    )
    return 100 * float(inside.double().mean())


def tree_distances(parents: ArrayLike) -> np.ndarray:
    """Path lengths between all nodes of a tree.

    Parameters
    ----------
    parents : array-like of int of shape (n_nodes,)
        Parent of each node; -1 for a root. Several roots hang, one edge each, from a common root
        that is not among the nodes. Parents may come before or after their children.

    Returns
    -------
    distances : ndarray of int of shape (n_nodes, n_nodes)
        Number of edges between each two nodes.

    Raises
    ------
    InvalidInputError
        If `parents` is not a vector of nodes and -1, or holds a cycle.

    Examples
    --------
    >>> from sklearn_mnm.metrics.hierarchy import tree_distances
    >>> tree_distances([-1, 0, 0, 1])
    array([[0, 1, 1, 2],
           [1, 0, 2, 1],
           [1, 2, 0, 3],
           [2, 1, 3, 0]])
    """
    try:
        parents = np.asarray(parents)
    except ValueError as error:  # lists of different lengths
        raise InvalidInputError(f"parents: expected a vector of integers ({error}).") from error
    n_nodes = parents.size
    if parents.ndim != 1 or n_nodes == 0 or parents.dtype.kind not in "iu":
        got = f"shape {parents.shape} of dtype {parents.dtype}"
        raise InvalidInputError(f"parents: expected a non-empty vector of integers, got {got}.")
    outside = np.flatnonzero((parents < -1) | (parents >= n_nodes))
    if len(outside):
        raise InvalidInputError(
            f"parents: entry {outside[0]} is {parents[outside[0]]}; must be a node, 0 to "
            f"{n_nodes - 1}, or -1 for a root."
        )
    # Row i marks node i and its ancestors; all nodes climb one edge per round.
    on_path = np.zeros((n_nodes, n_nodes), dtype=np.float32)
    climbing, position = np.arange(n_nodes), np.arange(n_nodes)
    while len(climbing):
        if on_path[climbing, position].any():
            node = position[on_path[climbing, position] > 0][0]
            raise InvalidInputError(f"parents: node {node} is among its own ancestors.")
        on_path[climbing, position] = 1
        position = parents[position]
        climbing, position = climbing[position >= 0], position[position >= 0]
    # Two paths to the root share the nodes from the lowest common ancestor on.
    shared = (on_path @ on_path.T).astype(np.intp)
    lengths = np.diag(shared)
    return lengths[:, np.newaxis] + lengths - 2 * shared


def tree_recovery(embedding_distances: ArrayLike, tree_distances: ArrayLike) -> TreeRecovery:
    """Compare distances of an embedding with path lengths of the true tree.

    The average distortion of Sala et al. [1]_, up to the scale of the embedding, since an edge of
    the tree has no length of its own: the minimum over s > 0 of the mean over pairs of
    ``|s d_emb - d_tree| / d_tree``. With the ratios ``r = d_emb / d_tree`` this is
    ``mean |s r - 1|``, which the weighted median of ``1 / r`` with weights r minimises exactly.

    Parameters
    ----------
    embedding_distances : array-like of shape (n, n)
        E.g. :func:`sklearn_mnm.geometry.pairwise_distance`. Only the part above the diagonal is
        read of both matrices.
    tree_distances : array-like of shape (n, n)
        Path lengths from :func:`tree_distances`, at least three nodes, each given once: studies of
        one concept need to be averaged first.

    Returns
    -------
    recovery : TreeRecovery
        Path lengths tie, distances seldom do, so a good embedding has a rank correlation below 1.
        Where correlations do not exist, because all distances are equal, they are 0.

    Raises
    ------
    InvalidInputError
        If the matrices are not finite, square, non-negative and of one shape from three rows on,
        or two nodes have the path length 0.

    Warns
    -----
    DataWarning
        If all distances are equal.

    References
    ----------
    .. [1] Sala, F., De Sa, C., Gu, A. and Ré, C. (2018). Representation tradeoffs for hyperbolic
       embeddings. ICML. https://arxiv.org/abs/1804.03329

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_mnm.metrics.hierarchy import tree_distances, tree_recovery
    >>> paths = tree_distances([-1, 0, 0, 1])
    >>> tree_recovery(2.5 * paths, paths).average_distortion
    0.0
    """
    embedded = _upper_part("embedding_distances", embedding_distances)
    paths = _upper_part("tree_distances", tree_distances)
    if len(embedded) != len(paths):
        shapes = f"{np.shape(embedding_distances)} and {np.shape(tree_distances)}"
        raise InvalidInputError(
            f"embedding_distances and tree_distances have the shapes {shapes}; give the same nodes."
        )
    if (paths == 0).any():
        raise InvalidInputError(
            f"tree_distances: {int((paths == 0).sum())} pairs of rows have the path length 0, so "
            "they are one node; give one row per node, e.g. the midpoint of its studies."
        )
    distortion = _distortion_at_best_scale(embedded / paths)
    if _warn_if_constant(embedding_distances=embedded, tree_distances=paths):
        return TreeRecovery(0.0, 0.0, distortion)
    rank_correlation = float(spearmanr(embedded, paths).statistic)
    return TreeRecovery(rank_correlation, float(pearsonr(embedded, paths).statistic), distortion)


def _distortion_at_best_scale(ratios: np.ndarray) -> float:
    """Minimum over s of ``mean |s r - 1|``: s is the weighted median of 1/r with weights r."""
    if ratios.max() == 0:
        return 1.0  # no scale helps where all points coincide
    descending = np.sort(ratios / ratios.max())[::-1]
    cumulated = np.cumsum(descending)
    median = descending[np.searchsorted(cumulated, cumulated[-1] / 2)]
    return float(np.abs(descending / median - 1).mean())


def _finite(name: str, values: ArrayLike, n_dimensions: int) -> np.ndarray:
    array = _real(name, values)
    if array.ndim != n_dimensions or array.size == 0:
        kind = ("vector", "matrix")[n_dimensions - 1]
        raise InvalidInputError(f"{name}: expected a non-empty {kind}, got shape {array.shape}.")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        where = f"the first in row {bad[0, 0]}"
        raise InvalidInputError(f"{name}: {len(bad)} entries are NaN or infinite, {where}.")
    return array


def _real(name: str, values: Any) -> np.ndarray:
    """Numbers in double precision, in which differences of unsigned integers do not wrap."""
    if sparse.issparse(values):
        raise InvalidInputError(f"{name}: must hold real numbers, densely; pass {name}.toarray().")
    try:
        array = np.asarray(values)
        # Numbers among objects are taken; words, dates and complex numbers are none.
        return array.astype(
            np.float64, casting="unsafe" if array.dtype.kind == "O" else "same_kind"
        )
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"{name}: must hold real numbers ({error}).") from error


def _paired_points(**named: ArrayLike) -> list[np.ndarray]:
    pair = [_points(name, values) for name, values in named.items()]
    if pair[0].shape != pair[1].shape:
        shapes = [f"{name} has shape {each.shape}" for name, each in zip(named, pair, strict=True)]
        raise InvalidInputError(f"{' and '.join(shapes)}; give pairs of points, row by row.")
    return pair


def _points(name: str, values: ArrayLike) -> np.ndarray:
    points = _finite(name, values, 2)
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
    radii, n_active = _finite("radii", radii, 1), _finite("n_active", n_active, 1)
    if len(radii) != len(n_active):
        lengths = f"radii has {len(radii)} entries and n_active {len(n_active)}"
        raise InvalidInputError(f"{lengths}; give one each per map.")
    return radii, n_active


def _upper_part(name: str, values: ArrayLike) -> np.ndarray:
    """Entries above the diagonal of a matrix of distances, as a vector."""
    matrix = _finite(name, values, 2)
    if matrix.shape[0] != matrix.shape[1] or len(matrix) < 3:
        shape = f"got shape {matrix.shape}"
        raise InvalidInputError(
            f"{name}: expected a square matrix of at least three rows, {shape}."
        )
    if (matrix < 0).any():
        raise InvalidInputError(f"{name}: {int((matrix < 0).sum())} distances are negative.")
    upper = matrix[np.triu_indices(len(matrix), k=1)]
    # Their unit does not matter: by a power of two, which rounds nothing, sums do not overflow.
    return np.ldexp(upper, -np.frexp(upper.max())[1])


def _warn_if_constant(**vectors: np.ndarray) -> bool:
    constant = [name for name, values in vectors.items() if values.min() == values.max()]
    if constant:
        warnings.warn(
            f"{' and '.join(constant)}: all values are equal, so their correlation does not exist "
            "and counts as 0.",
            DataWarning,
            stacklevel=3,
        )
    return bool(constant)
