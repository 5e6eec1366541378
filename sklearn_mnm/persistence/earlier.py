"""What files of earlier versions say, in the words of the present one."""

import warnings
from typing import Any

from sklearn_mnm.exceptions import DataWarning
from sklearn_mnm.persistence.schema import check_parameters, class_named

# Parameters of the embedder that became those of a part of it: part, former name, present name.
_MOVED = {
    "objective": (
        "MNMObjective",
        {
            "alignment": "similarity",
            **{
                name: name
                for name in (
                    "alignment_weight",
                    "brain_apex_weight",
                    "text_above_brain",
                    "text_above_brain_weight",
                    "extent_weight",
                    "min_extent_difference",
                    "network_weight",
                    "hierarchy",
                    "drift_weight",
                    "text_radius",
                    "brain_radius",
                    "learn_curvature",
                )
            },
        },
    ),
    "towers": (
        "Towers",
        {
            "n_hidden": "n_hidden",
            "dropout": "dropout",
            "weight_decay": "weight_decay",
            "scale": "inverse_temperature",
        },
    ),
}
# Parameters that were removed, and what a fit does now. What they did to a fitted model is in what
# it learnt, so that it predicts what it did.
_REMOVED = {
    "feature_weighting": 1.0,
    "term_dropout": 0.95,
    "activation_power": 0.5,
    "learning_rate_schedule": "constant",
    "patience": 4,
}
_COLUMNS = {
    "scale": "inverse_temperature",
    "radius_hinge": "text_above_brain",
    "centroid": "text_above_brain",
    "networks": "network",
}
_NO_COLUMNS = {"learning_rate"}


def present_params(params: dict[str, Any]) -> dict[str, Any]:
    """Parameters of an embedder, those that moved as parts.

    Parameters
    ----------
    params : dict of str to object
        As a file holds them.

    Raises
    ------
    ValueError
        If one of those that moved is none of what it may be.

    Warns
    -----
    DataWarning
        If another fit would differ because a parameter was removed.
    """
    if params.keys() & _MOVED.keys():
        return params
    params = dict(params)
    for part, (made_by, names) in _MOVED.items():
        given = {new: params.pop(old) for old, new in names.items() if old in params}
        if given:
            params[part] = class_named(made_by)(**given)
            check_parameters(params[part])
    values = {name: params.pop(name) for name in _REMOVED if name in params}
    other = [f"{name}={value!r}" for name, value in values.items() if value != _REMOVED[name]]
    if other:
        warnings.warn(
            f"The model was fitted with {', '.join(other)}, which are parameters no more. It "
            "predicts as it did; if it is fitted again, it is as by default.",
            DataWarning,
            stacklevel=2,
        )
    return params


def present_columns(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a history with the present names of their columns."""
    return [
        {_COLUMNS.get(name, name): value for name, value in row.items() if name not in _NO_COLUMNS}
        for row in history
    ]
