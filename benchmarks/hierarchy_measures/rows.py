"""What is measured: radii and conditional probabilities of one model on one fold."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.spatial.distance import cdist

from sklearn_mnm import Studies

# Rows of a matrix against all terms that are held at once.
BLOCK = 512

TermFunction = Callable[[np.ndarray], np.ndarray]
StudiesFunction = Callable[[Studies], np.ndarray]
ArrayFunction = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Row:
    """One row of the tables: a model fitted on a fold, seen through the numbers it gives.

    Whatever is None is not measured.

    Parameters
    ----------
    title : str
        Name in the tables.
    terms : sequence of str
        The terms that the model places; `align` picks and orders those of the protocol.
    radius : ndarray of shape (n_terms,)
        Distance of each term from the root, at least 0, in any unit: only its order counts, and
        its ratios for the bands of a walk.
    log_p_terms : callable
        ``log_p_terms(positions)``: ln P(a | b) for terms b at `positions` in `terms` against all
        terms a, of shape (n_positions, n_terms); -inf is allowed. A model without probabilities may
        give any score that is higher for likelier ancestors; it is then not calibrated.
    beta : float, default=0.5
        Ancestors are ranked by ln P(a | x) + beta I_a.
    log_p_texts : callable, optional
        ``log_p_texts(studies)``: the same for the texts of studies, (n_studies, n_terms).
    log_p_maps : callable, optional
        ``log_p_maps(activations)``: the same for maps, (n_maps, n_terms).
    text_radius : callable, optional
        ``text_radius(studies)``: of shape (n_studies,), NaN for a text without a known term.
    activations : callable, optional
        ``activations(studies)``: of regions, from the peaks of studies, (n_studies, n_regions).
    map_radius : callable, optional
        ``map_radius(activations)``: of shape (n_maps,).
    broaden : callable, optional
        ``broaden(activations)``: the maps averaged over networks, of the same shape, such as
        ``BrainHierarchy.smooth`` at a level.
    similarity : callable, optional
        ``similarity(studies)``: texts in rows, maps in columns, higher is closer.
    walks : callable, optional
        ``walks(studies)``: the model's own walks from the texts of studies, the terms of each from
        the text up, as strings out of the terms of the protocol. They are measured beside those by
        the rule that is the same for all rows.
    has_probabilities : bool, default=True
        Whether P(a | x) is to be calibrated.
    chosen : mapping of str to float, optional
        What was chosen beside beta, for the table.
    """

    title: str
    terms: Sequence[str]
    radius: np.ndarray
    log_p_terms: TermFunction
    beta: float = 0.5
    log_p_texts: StudiesFunction | None = None
    log_p_maps: ArrayFunction | None = None
    text_radius: StudiesFunction | None = None
    activations: StudiesFunction | None = None
    map_radius: ArrayFunction | None = None
    broaden: ArrayFunction | None = None
    similarity: StudiesFunction | None = None
    walks: Callable[[Studies], list[list[str]]] | None = None
    has_probabilities: bool = True
    chosen: Mapping[str, float] = field(default_factory=dict)

    def align(self, terms: Sequence[str]) -> "Row":
        """Return the same row with other terms, matched by name.

        Parameters
        ----------
        terms : sequence of str

        Returns
        -------
        row : Row

        Raises
        ------
        ValueError
            If the row lacks one of the terms, or the radius of one is negative or not finite.
        """
        place = {term: position for position, term in enumerate(self.terms)}
        missing = [term for term in terms if term not in place]
        if missing:
            raise ValueError(
                f"{self.title}: {len(missing)} of {len(terms)} terms are not placed, e.g. "
                f"{missing[0]!r}; all rows are compared on the same terms."
            )
        chosen = np.array([place[term] for term in terms])
        radius = np.asarray(self.radius, dtype=np.float64)[chosen]
        wrong = np.flatnonzero(~(np.isfinite(radius) & (radius >= 0)))
        if len(wrong):
            raise ValueError(
                f"{self.title}: the radius of {terms[wrong[0]]!r} is {radius[wrong[0]]}; give a "
                "distance from the root, such as a depth less the smallest depth."
            )
        return replace(
            self,
            terms=list(terms),
            radius=radius,
            log_p_terms=lambda positions: self.log_p_terms(chosen[positions])[:, chosen],
            log_p_texts=_columns(self.log_p_texts, chosen),
            log_p_maps=_columns(self.log_p_maps, chosen),
        )


def _columns(function: Callable | None, chosen: np.ndarray) -> Callable | None:
    """Make a function give these columns only."""
    return None if function is None else lambda given: function(given)[:, chosen]


def detour_log_p(
    distance: np.ndarray, radius_x: np.ndarray, radius_terms: np.ndarray
) -> np.ndarray:
    """Give ln P(a | x) = rho_x - rho_a - d(a, x), minus the detour to x by way of a.

    Parameters
    ----------
    distance : ndarray of shape (n, n_terms)
    radius_x : ndarray of shape (n,)
    radius_terms : ndarray of shape (n_terms,)

    Returns
    -------
    log_p : ndarray of shape (n, n_terms)
    """
    return radius_x[:, None] - radius_terms - distance


def hyperbolic_distance(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Distances of all pairs of points of the hyperboloid of curvature -1, in float64."""
    from sklearn_mnm.geometry import pairwise_distance

    return pairwise_distance(*_float64(x, y), 1.0).numpy()


def _float64(*arrays: np.ndarray) -> list:
    import torch

    return [torch.as_tensor(np.asarray(array, dtype=np.float64)) for array in arrays]


def hyperbolic_radius(points: np.ndarray) -> np.ndarray:
    """Distance from the root of points of the hyperboloid of curvature -1."""
    return np.arcsinh(np.linalg.norm(np.asarray(points, dtype=np.float64)[:, 1:], axis=1))


def flat_radius(points: np.ndarray) -> np.ndarray:
    """Distance of points of Euclidean space from the origin."""
    return np.linalg.norm(np.asarray(points, dtype=np.float64), axis=1)


def row_of_points(
    title: str,
    terms: Sequence[str],
    points: np.ndarray,
    *,
    is_flat: bool = False,
    text_points: StudiesFunction | None = None,
    activations: StudiesFunction | None = None,
    map_points: ArrayFunction | None = None,
    scale: float = 1.0,
    **others: object,
) -> Row:
    """Make a row of points that lie in one space and read probabilities from detours.

    Parameters
    ----------
    title, terms
        See `Row`.
    points : ndarray of shape (n_terms, d + 1), or (n_terms, d) if flat
        Of the terms; on the hyperboloid of curvature -1, time coordinate first.
    is_flat : bool, default=False
        Whether the space is Euclidean, with the norm as the radius.
    text_points : callable, optional
        Points of the texts of studies in the same space.
    activations, map_points : callable, optional
        What the model reads of maps, and the points of it in the same space.
    scale : float, default=1.0
        Factor of all radii and distances, an inverse temperature.
    **others
        Further fields of `Row`, such as ``similarity``.

    Returns
    -------
    row : Row
    """
    measure = flat_radius if is_flat else hyperbolic_radius
    distances = cdist if is_flat else hyperbolic_distance
    points = np.asarray(points, dtype=np.float64)
    radius = scale * measure(points)

    def log_p(of: np.ndarray) -> np.ndarray:
        blocks = [of[start : start + BLOCK] for start in range(0, len(of), BLOCK)]
        parts = [
            detour_log_p(scale * distances(block, points), scale * measure(block), radius)
            for block in blocks
        ]
        return np.vstack(parts) if parts else np.empty((0, len(points)))

    def of_texts(function: ArrayFunction) -> StudiesFunction | None:
        return None if text_points is None else lambda studies: function(text_points(studies))

    def of_maps(function: ArrayFunction) -> ArrayFunction | None:
        return None if map_points is None else lambda given: function(map_points(given))

    def radius_of(of: np.ndarray) -> np.ndarray:
        radii = scale * measure(of)
        # A text without a known term is at the root.
        return np.where(radii > 0, radii, np.nan)

    return Row(
        title=title,
        terms=terms,
        radius=radius,
        log_p_terms=lambda positions: log_p(points[positions]),
        log_p_texts=of_texts(log_p),
        log_p_maps=of_maps(log_p),
        text_radius=of_texts(radius_of),
        activations=activations,
        map_radius=of_maps(lambda of: scale * measure(of)),
        **others,  # type: ignore[arg-type]
    )


def ancestor_scores(row: Row, positions: np.ndarray, information: np.ndarray) -> np.ndarray:
    """Score all terms a as ancestors of terms b: ln P(a | b) + beta I_a.

    Parameters
    ----------
    row : Row
    positions : ndarray of int, shape (n,)
    information : ndarray of shape (n_terms,)
        In nats.

    Returns
    -------
    scores : ndarray of shape (n, n_terms)

    Raises
    ------
    ValueError
        If a score is NaN.
    """
    scores = np.asarray(row.log_p_terms(positions), dtype=np.float64) + row.beta * information
    if np.isnan(scores).any():
        raise ValueError(f"{row.title}: ln P(a | b) is not a number for some terms.")
    return scores


def pair_scores(
    row: Row, queries: np.ndarray, candidates: np.ndarray, information: np.ndarray
) -> np.ndarray:
    """Score candidates as ancestors, pair by pair.

    Parameters
    ----------
    row : Row
    queries, candidates : ndarray of int, shape (n_pairs,)
        Positions of b and a.
    information : ndarray of shape (n_terms,)

    Returns
    -------
    scores : ndarray of shape (n_pairs,)
    """
    unique, inverse = np.unique(queries, return_inverse=True)
    scores = np.empty(len(queries))
    for start in range(0, len(unique), BLOCK):
        block = ancestor_scores(row, unique[start : start + BLOCK], information)
        inside = (inverse >= start) & (inverse < start + BLOCK)
        scores[inside] = block[inverse[inside] - start, candidates[inside]]
    return scores
