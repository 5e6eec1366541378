"""How far from the root each kind of points lies."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_mnm.plotting._figure import COLOURS, axes_or_new
from sklearn_mnm.plotting._kinds import check_kinds, radii_of

_N_BINS = 60
# Height of the tallest bar; rows are 1 apart.
_HEIGHT = 0.75


def plot_radii(points: Mapping[str, ArrayLike], *, curvature: float = 1.0, ax: Any = None) -> Any:
    """Histogram of the distances from the root, one row a kind.

    By default the radius of a term or text is half its information in nats, and a map lies the
    farther out the less of the brain it activates; other similarities learn radii.

    Parameters
    ----------
    points : dict of str to array-like of shape (n, d + 1)
        Points of the hyperboloid by kind, time coordinate first; drawn from bottom to top. E.g.
        ``{"texts": encoder.transform(texts), **encoder.embedder_.ancestors(Y)}``.
    curvature : float, default=1.0
        ``c`` of the model that made the points, ``encoder.embedder_.curvature_``.
    ax : matplotlib.axes.Axes or None, default=None
        If None, make a new figure.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Bins are the same for all kinds; bars are scaled to the tallest of the kind, and a line
        with its value marks the median.

    Raises
    ------
    InvalidInputError
        If points are not on the hyperboloid of `curvature` or differ in dimension.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_mnm.geometry import exp_map0
    >>> from sklearn_mnm.plotting import plot_radii
    >>> random = np.random.default_rng(0)
    >>> tangents = random.normal(size=(200, 3))
    >>> points = {"texts": exp_map0(tangents / 4, 1.0), "maps": exp_map0(tangents, 1.0)}
    >>> figure = plot_radii(points)
    """
    points = check_kinds(points, curvature)
    radii = {kind: radii_of(values, curvature) for kind, values in points.items()}
    edges = np.linspace(0, max(values.max() for values in radii.values()) * 1.02 or 1, _N_BINS + 1)
    with axes_or_new(ax, (7, 1.2 + 0.75 * len(radii))) as ax:
        for row, (values, colour) in enumerate(zip(radii.values(), COLOURS, strict=False)):
            counts = np.histogram(values, edges)[0]
            ax.stairs(
                row + _HEIGHT * counts / counts.max(),
                edges,
                baseline=row,
                fill=True,
                color=colour,
                alpha=0.55,
            )
            ax.axhline(row, color=colour, linewidth=0.8)
            median = np.median(values)
            ax.plot([median, median], [row, row + _HEIGHT], color=colour, linewidth=2)
            ax.annotate(
                f"{median:.2f}",
                (median, row + _HEIGHT),
                xytext=(0, 1),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize="small",
            )
        ax.set_yticks(
            np.arange(len(radii)) + _HEIGHT / 2,
            [f"{kind}\nn = {len(values):,}" for kind, values in radii.items()],
        )
        ax.tick_params(axis="y", length=0)
        ax.set(
            xlim=(0, edges[-1]),
            ylim=(-0.05, len(radii)),
            xlabel="distance from the root (radius); the line marks the median",
        )
        ax.spines[["left", "top", "right"]].set_visible(False)
    return ax.figure
