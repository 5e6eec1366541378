"""Points of several kinds, such as texts and maps, that one figure shows."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.geometry import radius
from sklearn_mnm.geometry.arrays import check_curvature, check_points, float64_of
from sklearn_mnm.plotting._figure import COLOURS


def check_kinds(points: Mapping[str, ArrayLike], curvature: float) -> dict[str, np.ndarray]:
    """Return points by kind, float64, if they lie on one hyperboloid.

    Parameters
    ----------
    points : mapping of str to array-like of shape (n, d + 1)
    curvature : float

    Returns
    -------
    points : dict of str to ndarray of shape (n, d + 1)

    Raises
    ------
    InvalidInputError
        If there are no kinds or more than colours, a kind has no points, they are not on the
        hyperboloid of `curvature`, or kinds differ in dimension.
    """
    curvature = check_curvature(curvature)
    if not isinstance(points, Mapping) or not 1 <= len(points) <= len(COLOURS):
        size = f" of {len(points)}" if isinstance(points, Mapping) else ""
        raise InvalidInputError(
            f"points is a {type(points).__name__}{size}; give a dict of 1 to {len(COLOURS)} kinds "
            "by name, such as {'texts': encoder.transform(texts)}."
        )
    checked: dict[str, np.ndarray] = {}
    for kind, values in points.items():
        name = f"points[{kind!r}]"
        array = float64_of(name, values)
        checked[str(kind)] = check_points(name, array, curvature)
        if len(array) == 0:
            raise InvalidInputError(f"{name} has no points; leave the kind out.")
    widths = {kind: array.shape[1] for kind, array in checked.items()}
    if len(set(widths.values())) > 1:
        raise InvalidInputError(
            f"points have different numbers of coordinates, {widths}: embed all with one model."
        )
    return checked


def radii_of(points: np.ndarray, curvature: float) -> np.ndarray:
    """Distances of points from the origin, shape (n,)."""
    radii: np.ndarray = radius(np.asarray(points, dtype=np.float64), curvature)
    return radii
