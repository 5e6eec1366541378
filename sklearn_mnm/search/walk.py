"""Geodesics from a point of the hyperboloid to its root: which points are near on the way.

What is nearest to the steps of the geodesic from an embedding to the root, from first to last, are
the traversals of MERU [1]_. They tell how a model generalises the point if near the root lies what
is general. :meth:`MNMEncoder.walk <sklearn_mnm.MNMEncoder.walk>` goes another way: it takes the
terms that hold for a text by their probabilities.

References
----------
.. [1] Desai, K. et al. (2023). Hyperbolic image-text representations. ICML.
   https://arxiv.org/abs/2304.09172
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_mnm._tools.arrays import check_count
from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.geometry import (
    geodesic,
    half_aperture,
    origin,
    pairwise_distance,
    pairwise_exterior_angle,
    radius,
)
from sklearn_mnm.geometry.arrays import check_curvature, check_points, float64_of

# K of the entailment cones, as in MERU and everywhere else in this package.
_MIN_RADIUS = 0.1


@dataclass(frozen=True, eq=False)
class Walk:
    """What :func:`walk_to_root` met on its way.

    Attributes
    ----------
    points : ndarray of shape (n_steps, d + 1)
        Steps from the start to the root, time coordinate first.
    radii : ndarray of shape (n_steps,)
        Distance of each step from the root, falling linearly to 0.
    nearest : dict of str to int64 ndarray of shape (n_steps, k)
        For each kind of candidates the rows of the most similar ones at each step, the best first,
        ties by row number; -1 where fewer than k candidates qualify.
    similarities : dict of str to float64 ndarray of shape (n_steps, k)
        Their similarities, higher is closer; NaN where `nearest` is -1.
    """

    points: np.ndarray
    radii: np.ndarray
    nearest: dict[str, np.ndarray]
    similarities: dict[str, np.ndarray]

    def to_frame(self, labels: Mapping[str, Iterable[Any]]) -> pd.DataFrame:
        """Tidy table of the walk, one row for each candidate met.

        Parameters
        ----------
        labels : dict of str to sequence
            For each kind of candidates a label for each of its points. Kinds that the walk does
            not have are not read.

        Returns
        -------
        frame : DataFrame
            Columns ``step`` (0 is the start), ``radius``, ``kind``, ``rank`` (1 is the nearest),
            ``label`` and ``similarity``, sorted by step, kind in the order of the candidates, and
            rank. Steps that fewer than k candidates qualify for have fewer rows.

        Raises
        ------
        InvalidInputError
            If the labels of a kind are missing, a single string, or fewer than its candidates.
        """
        parts = []
        for order, (kind, indices) in enumerate(self.nearest.items()):
            names = _check_labels(labels, kind, needed=int(indices.max(initial=-1)) + 1)
            steps, ranks = np.nonzero(indices >= 0)
            columns = {
                "step": steps,
                "radius": self.radii[steps],
                "kind": kind,
                "rank": ranks + 1,
                "label": [names[index] for index in indices[steps, ranks]],
                "similarity": self.similarities[kind][steps, ranks],
                "order": order,
            }
            parts.append(pd.DataFrame(columns))
        frame = pd.concat(parts, ignore_index=True)
        frame = frame.sort_values(["step", "order", "rank"], ignore_index=True)
        return frame.drop(columns="order")


def geodesic_to_root(point: ArrayLike, *, curvature: float = 1.0, n_steps: int = 10) -> np.ndarray:
    """Points of the geodesic from a point of the hyperboloid to the root, its origin.

    Parameters
    ----------
    point : array-like of shape (d + 1,)
        Start, time coordinate first.
    curvature : float, default=1.0
        ``c > 0`` of the hyperboloid ``<x, x> = -1/c``.
    n_steps : int, default=10
        At least 2: the start and the root.

    Returns
    -------
    points : float64 ndarray of shape (n_steps, d + 1)
        From the start, in the first row, to the root, in the last, with equal distances between
        neighbours. If the start is the root, all rows are.

    Raises
    ------
    InvalidInputError
        If `point` is not one point of the hyperboloid, `curvature` is not positive and finite, or
        `n_steps` is not an integer of at least 2.

    Examples
    --------
    >>> from sklearn_mnm.search.walk import geodesic_to_root
    >>> geodesic_to_root([1.25, 0.75, 0.0], n_steps=2).tolist()
    [[1.25, 0.75, 0.0], [1.0, 0.0, 0.0]]
    """
    curvature = check_curvature(curvature)
    n_steps = check_count(n_steps, "n_steps", least=2)
    start = check_points("point", float64_of("point", point), curvature, n_dimensions=1)
    root = origin(len(start) - 1, curvature, dtype=np.float64)
    positions = np.linspace(0, 1, n_steps)
    points: np.ndarray = geodesic(start[None], root, positions, curvature)
    return points


def walk_to_root(
    point: ArrayLike,
    candidates: Mapping[str, ArrayLike],
    *,
    curvature: float = 1.0,
    n_steps: int = 10,
    k: int = 3,
    similarity: Callable[[np.ndarray, np.ndarray], ArrayLike] | None = None,
    entailing: bool = False,
) -> Walk:
    """Walk from a point of the hyperboloid to the root and note the nearest candidates.

    Parameters
    ----------
    point : array-like of shape (d + 1,)
        Start, time coordinate first, e.g. one row of what the embedder's ``transform`` gives.
    candidates : dict of str to array-like of shape (n, d + 1)
        Points of the same hyperboloid to compare the steps with, by kind, e.g.
        ``{"texts": ..., "maps": ...}``. Kinds are ranked separately.
    curvature : float, default=1.0
        ``c > 0`` of the hyperboloid ``<x, x> = -1/c``.
    n_steps : int, default=10
        At least 2: the start and the root.
    k : int, default=3
        How many candidates of each kind to note at each step.
    similarity : callable, optional
        ``similarity(steps, points)`` gives the finite similarities, of shape (n_steps, n), of
        float64 arrays of shapes (n_steps, d + 1) and (n, d + 1); higher is closer. Default: minus
        the geodesic distance.
    entailing : bool, default=False
        Whether to note at each step only candidates that entail it, those whose cone contains
        the step: generalisations of the step, as in the traversals of MERU [1]_. Each candidate's
        cone has the half-aperture of :func:`sklearn_mnm.geometry.half_aperture` with
        ``min_radius=0.1``. No cone is wider than a half-space, hence a candidate that entails a
        step is never farther from the root. The root is entailed by the root only; add it to the
        candidates if every step is to have an answer.

    Returns
    -------
    walk : Walk

    Raises
    ------
    InvalidInputError
        If `point` is not one point, or the candidates of a kind are not points, of the same
        hyperboloid; if there are no kinds; if `curvature` is not positive and finite, `n_steps`
        is not an integer of at least 2 or `k` not one of at least 1; or if `similarity` gives
        values of another shape, or values that are not finite.

    References
    ----------
    .. [1] Desai, K. et al. (2023). Hyperbolic image-text representations. ICML.
       https://arxiv.org/abs/2304.09172

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_mnm.geometry import exp_map0
    >>> from sklearn_mnm.search.walk import walk_to_root
    >>> concepts = exp_map0(np.array([[1.9, 0.1], [1.1, 0.0], [0.0, 0.0]]), 1.0)
    >>> study = exp_map0(np.array([2.0, 0.0]), 1.0)
    >>> walk = walk_to_root(study, {"concepts": concepts}, n_steps=3, k=1)
    >>> walk.to_frame({"concepts": ["n-back", "memory", "[root]"]})["label"].tolist()
    ['n-back', 'memory', '[root]']
    """
    curvature = check_curvature(curvature)
    k = check_count(k, "k")
    steps = geodesic_to_root(point, curvature=curvature, n_steps=n_steps)
    if not isinstance(candidates, Mapping) or len(candidates) == 0:
        raise InvalidInputError(
            f"candidates is of type {type(candidates).__name__} and names no arrays of points; "
            "give a dict with at least one, such as {'texts': embeddings}."
        )
    nearest, similarities = {}, {}
    for kind, values in candidates.items():
        name = f"candidates[{kind!r}]"
        points = check_points(name, float64_of(name, values), curvature)
        if points.shape[1] != steps.shape[1]:
            raise InvalidInputError(
                f"{name} has {points.shape[1]} columns and point has {steps.shape[1]}: embed both "
                "with the same model."
            )
        # Vectorised arithmetic may round copies of a point differently, depending on their place;
        # each distinct point is computed once, so that copies (such as empty texts) do tie.
        distinct, copy_of = np.unique(points, axis=0, return_inverse=True)
        copy_of = copy_of.reshape(-1)  # NumPy 2.0 gives it a second dimension
        if similarity is None:
            matrix = -pairwise_distance(steps, distinct, curvature)[:, copy_of]
        else:
            matrix = _check_similarities(similarity(steps, points), len(steps), len(points), name)
        qualifies = np.ones(matrix.shape, dtype=bool)
        if entailing:
            qualifies = _entails(distinct, steps, curvature)[copy_of].T
        nearest[kind], similarities[kind] = _best(matrix, qualifies, k)
    radii = radius(steps, curvature)
    return Walk(steps, radii, nearest, similarities)


def _check_similarities(values: ArrayLike, n_steps: int, n_points: int, name: str) -> np.ndarray:
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.shape != (n_steps, n_points):
        raise InvalidInputError(
            f"similarity gave an array of shape {matrix.shape} for {n_steps} steps and "
            f"{n_points} points of {name}; it must be ({n_steps}, {n_points})."
        )
    n_bad = int((~np.isfinite(matrix)).sum())
    if n_bad:
        raise InvalidInputError(
            f"similarity gave {n_bad} NaN or infinite values for {name}; they cannot be ranked. "
            "Return finite numbers."
        )
    return matrix


def _entails(points: np.ndarray, steps: np.ndarray, curvature: float) -> np.ndarray:
    """Whether the cone of each point contains each step, shape (n, n_steps)."""
    angles = pairwise_exterior_angle(points, steps, curvature)
    entails: np.ndarray = (
        angles <= half_aperture(points, curvature, min_radius=_MIN_RADIUS)[:, None]
    )
    return entails


def _best(matrix: np.ndarray, qualifies: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns and values of the k largest qualifying entries of each row, padded."""
    order = np.argsort(np.where(qualifies, -matrix, np.inf), axis=1, kind="stable")[:, :k]
    found = np.take_along_axis(qualifies, order, axis=1)
    indices = np.full((len(matrix), k), -1, dtype=np.int64)
    values = np.full((len(matrix), k), np.nan)
    indices[:, : order.shape[1]] = np.where(found, order, -1)
    values[:, : order.shape[1]] = np.where(found, np.take_along_axis(matrix, order, axis=1), np.nan)
    return indices, values


def _check_labels(labels: Mapping[str, Iterable[Any]], kind: str, *, needed: int) -> list[Any]:
    if kind not in labels:
        raise InvalidInputError(
            f"labels has no {kind!r}, only {sorted(labels)}; give labels for each kind of "
            "candidates."
        )
    if isinstance(labels[kind], str):
        raise InvalidInputError(
            f"labels[{kind!r}]={labels[kind]!r} is a single string; give a sequence with a label "
            "for each candidate."
        )
    names = list(labels[kind])
    if len(names) < needed:
        raise InvalidInputError(
            f"labels[{kind!r}] has {len(names)} labels and the walk met candidate {needed - 1}; "
            "give a label for each candidate, in their order."
        )
    return names
