"""Trained towers as values of a file, and back."""

from typing import Any

import numpy as np

from sklearn_mnm.nn.fitted_towers import WEIGHTS, FittedTower, FittedTowers
from sklearn_mnm.persistence.schema import check_value


def towers_state(fitted: FittedTowers) -> dict[str, Any]:
    """Give the values of towers by their names in files."""
    weights = {
        name: np.asarray(getattr(fitted, name), np.float32)
        for name in ("log_curvature", "log_scale")
    }
    towers = {"text_tower": fitted.text_tower, "brain_tower": fitted.brain_tower}
    for tower, arrays in towers.items():
        named = zip(WEIGHTS, arrays[:-1], strict=True)
        weights.update({f"{tower}.{name}": array for name, array in named})
    return {
        "weights": weights,
        "dropout": [tower.dropout for tower in towers.values()],
        "learn_curvature": fitted.learn_curvature,
    }


def angle_towers(
    made_by: Any, weights: dict[str, np.ndarray], dropout: list[float], learn_curvature: bool
) -> FittedTowers:
    """Make towers whose pairs are ranked by the angle at the root."""
    return _restored(weights, dropout, learn_curvature, by_angle=True)


def lift_towers(
    made_by: Any, weights: dict[str, np.ndarray], dropout: list[float], learn_curvature: bool
) -> FittedTowers:
    """Make towers whose radii were learnt."""
    return _restored(weights, dropout, learn_curvature, by_angle=False)


def _restored(
    weights: dict[str, np.ndarray], dropout: list[float], learn_curvature: bool, *, by_angle: bool
) -> FittedTowers:
    check_value("learn_curvature", learn_curvature, bool, {})
    weights = {name: np.asarray(array, dtype=np.float32) for name, array in weights.items()}
    if not all(np.isfinite(array).all() for array in weights.values()):
        raise ValueError("weights of the towers are not finite")
    towers = []
    for tower, share in zip(("text_tower", "brain_tower"), dropout, strict=True):
        check_value("dropout", share, float, {})
        if not 0 <= share < 1:
            raise ValueError(f"dropout of {tower} is {share}, not from 0 to below 1")
        arrays = [weights.pop(f"{tower}.{name}") for name in WEIGHTS]
        sizes: dict[str, int] = {}
        shapes: list[tuple] = [("r", "d"), ("r", "d"), ("d",), ("h", "r+1"), ("h",), (1, "h"), (1,)]
        for name, array, shape in zip(WEIGHTS, arrays, shapes, strict=True):
            check_value(f"{tower}.{name}", array, shape, sizes)
        towers.append(FittedTower._make((*arrays, share)))
    scalars = [weights.pop(name) for name in ("log_curvature", "log_scale")]
    if weights:
        raise ValueError(f"towers have no {', '.join(sorted(weights))}")
    for scalar in scalars:
        check_value("log_curvature and log_scale", scalar, (), {})
    return FittedTowers._make((*towers, *map(float, scalars), learn_curvature, by_angle))
