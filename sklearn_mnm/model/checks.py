"""What HyperbolicBrainTextEmbedder refuses, besides what scikit-learn's checks do."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import is_torch_array
from scipy import sparse
from sklearn.utils.validation import _get_feature_names

from sklearn_mnm._tools.arrays import check_magnitude, check_reach, checked_array
from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.geometry.arrays import check_points
from sklearn_mnm.model.objective import ANGLE, MNMObjective
from sklearn_mnm.nn.fitted_towers import CURVATURES, LARGEST_RAPIDITY, FittedTowers
from sklearn_mnm.text.subsumption import parts_of_names


def wide(values: Any) -> Any:
    """Numbers that numpy has: it has no bfloat16."""
    is_narrow = is_torch_array(values) and str(values.dtype) == "torch.bfloat16"
    return values.float() if is_narrow else values


def checked_activations(values: Any, name: str, n_regions: int | None = None) -> np.ndarray:
    """Region activations of maps.

    Parameters
    ----------
    values : array-like of shape (n_maps, n_regions)
        A vector is taken as maps of one region where `n_regions` is None.
    name : str
        Of the argument.
    n_regions : int or None
        How many regions the embedder was fitted with; None if it is now.

    Returns
    -------
    activations : ndarray of shape (n_maps, n_regions)
        float32 if `values` are, else float64.

    Raises
    ------
    InvalidInputError
        If they are no finite numbers of that shape, or so large that their squares overflow.
    """
    if values is None:
        raise InvalidInputError(
            f"The embedder requires y to be passed, but the target {name} is None. Give the region "
            "activations of the studies."
        )
    values = checked_array(wide(values), name, ensure_2d=n_regions is not None)
    values = values.reshape(len(values), -1)
    if n_regions not in (None, values.shape[1]):
        raise InvalidInputError(
            f"{name} has {values.shape[1]} columns, but the embedder was fitted with {n_regions} "
            "regions. Give maps of the same regions."
        )
    check_magnitude(values, name)
    return values


def checked_points(points: Any, name: str, n_components: int, curvature: float) -> np.ndarray:
    """Points as an array in single precision if they are, else double.

    Parameters
    ----------
    points : array-like of shape (n, n_components + 1)
    name : str
        Of the argument.
    n_components : int
        Dimension of the space.
    curvature : float
        Of the space.

    Returns
    -------
    points : ndarray of shape (n, n_components + 1)

    Raises
    ------
    InvalidInputError
        If they are no finite numbers of that shape, are not on the hyperboloid, or so large that
        their products overflow.
    """
    points = checked_array(wide(points), name, "Give points as transform returns them.")
    if points.shape[1] != n_components + 1:
        raise InvalidInputError(
            f"{name} has {points.shape[1]} columns; points of this model have {n_components + 1}, "
            "the time coordinate first."
        )
    check_reach(points, name)
    return check_points(name, points, curvature)


def term_parts_of(term_parts: Any, X: Any) -> Any:
    """Which terms hold which, as given or else by the names of the columns.

    Parameters
    ----------
    term_parts : sparse matrix of shape (n_features, n_features) or None
    X : {array-like, sparse matrix, DataFrame} of shape (n_studies, n_features)
        As given by the user.

    Returns
    -------
    parts : csr_matrix of shape (n_features, n_features) or None
        None if nothing is known of it.

    Raises
    ------
    InvalidInputError
        If `term_parts` has another shape.
    """
    if term_parts is None:
        names = _get_feature_names(X)
        return None if names is None else parts_of_names(names)
    parts = sparse.csr_matrix(term_parts)
    shape = X.shape if hasattr(X, "shape") else np.asarray(X).shape
    n_features = shape[1] if len(shape) == 2 else parts.shape[0]
    if parts.shape != (n_features, n_features):
        raise InvalidInputError(
            f"term_parts has shape {parts.shape}, but X has {n_features} columns. Give one row and "
            "one column for each, as contiguous_parts(vocabulary) does."
        )
    return parts


def checked_n_components(n_components: int | None, n_regions: int) -> int:
    """Give the number of components, by default that of the regions.

    Raises
    ------
    InvalidInputError
        If there are fewer regions.
    """
    if n_components is None:
        return n_regions
    if n_components > n_regions:
        raise InvalidInputError(
            f"n_components={n_components} is more than the {n_regions} regions of Y. Ask for fewer "
            "components or use more regions."
        )
    return n_components


def check_towers(towers: FittedTowers, n_components: int, n_regions: int) -> None:
    """Refuse to go on from towers of another shape.

    Parameters
    ----------
    towers : FittedTowers
        Of the previous fit.
    n_components, n_regions : int
        Of the fit to come.
    """
    before_regions, before_components = towers.text_tower.basis.shape
    if (before_components, before_regions) != (n_components, n_regions):
        raise InvalidInputError(
            f"warm_start=True goes on from towers of {before_regions} regions and "
            f"{before_components} components, but {n_regions} regions and {n_components} "
            "components are asked for. Give maps of the same regions, or clone the embedder."
        )


def check_callbacks(callbacks: Any) -> None:
    """Refuse a list that holds something else than functions."""
    for number, callback in enumerate(callbacks or ()):
        if not callable(callback):
            raise InvalidInputError(
                f"callbacks[{number}] is {callback!r}; give functions that take a dict."
            )


def check_objective(objective: MNMObjective, curvature: float, *, is_trained: bool) -> None:
    """Refuse parameters that contradict each other.

    Parameters
    ----------
    objective : MNMObjective
        Each of its parameters is in range.
    curvature : float
        Where the embedder starts.
    is_trained : bool
        Whether there are epochs.
    """
    if objective.similarity == ANGLE:
        if is_trained and not objective.alignment_weight:
            raise InvalidInputError(
                "alignment_weight is 0, so there is nothing to train. Give a positive weight, or "
                "set max_epochs=0 for the closed form alone."
            )
        return
    for name in ("text_radius", "brain_radius"):
        radius = getattr(objective, name)
        rapidity = radius * curvature**0.5
        if rapidity >= LARGEST_RAPIDITY:
            raise InvalidInputError(
                f"{name}={radius:g} is {rapidity:g} radii of curvature at curvature={curvature:g}, "
                f"but coordinates overflow from {LARGEST_RAPIDITY:g} on. Lower one of the two."
            )
    if objective.learn_curvature and not CURVATURES[0] <= curvature <= CURVATURES[1]:
        raise InvalidInputError(
            f"curvature={curvature:g} is outside of the range in which it can be learnt, "
            f"{CURVATURES[0]:g} to {CURVATURES[1]:g}. Start within, or set learn_curvature=False."
        )
    if objective.network_weight and objective.hierarchy is None:
        raise InvalidInputError(
            f"network_weight={objective.network_weight} has no effect without a hierarchy. Give "
            "hierarchy=BrainHierarchy... or leave network_weight at 0."
        )
    weights = [name for name in objective.get_params(deep=False) if name.endswith("_weight")]
    if is_trained and not any(getattr(objective, name) for name in weights):
        raise InvalidInputError(
            f"{', '.join(weights)} are all 0, so there is nothing to train. Give one of them "
            "a positive weight, or set max_epochs=0 for the closed form alone."
        )
