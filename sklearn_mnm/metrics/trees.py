"""Trees, and how well an embedding recovers one."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.metrics._vectors import finite, warn_if_constant


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
    >>> from sklearn_mnm.metrics import tree_distances
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
    >>> from sklearn_mnm.metrics import tree_distances, tree_recovery
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
    if warn_if_constant(embedding_distances=embedded, tree_distances=paths):
        return TreeRecovery(0.0, 0.0, distortion)
    # Imported late: loading a model imports this module, and a command need not wait for it.
    from scipy.stats import pearsonr, spearmanr

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


def _upper_part(name: str, values: ArrayLike) -> np.ndarray:
    """Entries above the diagonal of a matrix of distances, as a vector."""
    matrix = finite(name, values, 2)
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
