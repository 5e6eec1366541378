"""The Poincaré disk: texts, maps and networks around the root of the space."""

import html
from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sklearn_mnm._tools.dependencies import import_optional
from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.plotting._disk_geometry import disk_positions, geodesic_arcs
from sklearn_mnm.plotting._figure import COLOURS, MARKERS, SOFT, axes_or_new
from sklearn_mnm.plotting._kinds import check_kinds, radii_of
from sklearn_mnm.plotting._labels import place_labels

# Width and height of a new figure in inches, the latter with room for the legend.
_SIZE = (7.0, 7.5)
# Margin around the outermost circle.
_MARGIN = 0.06
# Number of circles of equal radius to aim at.
_N_CIRCLES = 6
# Circles nearer to the one before than this share of the disk have no number.
_LEAST_GAP = 0.05
# Characters in a line under the pointer.
_HOVER_WIDTH = 60
# More names than this cannot be read.
_MAX_LABELS = 60


class _Disk(NamedTuple):
    """What a figure of the disk shows: complex positions, radii and names by kind, and edges.

    `circles` are the sizes in the disk of the circles of some radii, the last beyond all points.
    """

    positions: dict[str, np.ndarray]
    radii: dict[str, np.ndarray]
    labels: dict[str, list[str]]
    arcs: list[np.ndarray]
    circles: dict[float, float]

    @property
    def reach(self) -> float:
        """How far the axes go from the centre."""
        return (1 + _MARGIN) * max(self.circles.values())


def plot_poincare_disk(
    points: Mapping[str, ArrayLike],
    *,
    curvature: float = 1.0,
    edges: Sequence[tuple[str, str]] = (),
    labels: Mapping[str, Sequence[str]] | None = None,
    ax: Any = None,
) -> Any:
    r"""Draw points of several kinds, and the hierarchy between them, in the Poincaré disk.

    Of a point of d dimensions the radius is shown exactly: at the distance r from the root it lies
    :math:`\tanh(\sqrt{c}\, r / 2)` from the centre of the disk, whose rim, at 1, is infinitely far.
    The disk is shown as far out as points lie, with circles of equal radius. The direction of a
    point from the root cannot be shown exactly in two dimensions: shown is its angle in the plane
    of the two leading principal components of the directions (unit tangent vectors at the root) of
    all points. Hence distances around the root are a hint only. A turn is free, and the mean
    direction points up. Angles depend on all points that are shown together: do not compare them
    between figures. By default maps lie at radii of about 6 and more, where the disk has no room
    for them: leave them out, or use :func:`plot_radii`.

    Parameters
    ----------
    points : dict of str to array-like of shape (n, d + 1)
        Points of the hyperboloid by kind, time coordinate first, of 1 to 7 kinds. E.g.
        ``{"texts": encoder.transform(texts), **encoder.embedder_.ancestors(Y)}``.
    curvature : float, default=1.0
        ``c`` of the model that made the points, ``encoder.embedder_.curvature_``.
    edges : sequence of (str, str), default=()
        Pairs of kinds, parent and child, e.g. ``("ward7", "ward17")``: joined row by row by
        geodesics of the disk, arcs that would meet the rim at right angles.
    labels : dict of str to sequence of str or None, default=None
        For some of the kinds a name for each point, written beside it; empty ones are left out. At
        most 60 names, for more use :func:`view_poincare_disk`.
    ax : matplotlib.axes.Axes or None, default=None
        If None, make a new figure.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    InvalidInputError
        If points are not on the hyperboloid of `curvature`, or kinds of `edges` or `labels` are not
        among them or differ in number.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> from sklearn_mnm import load_pretrained
    >>> from sklearn_mnm.plotting import plot_poincare_disk
    >>> encoder, _ = load_pretrained()
    >>> queries = ["reward anticipation", "working memory", "fear of spiders"]
    >>> ends = [encoder.walk(query)["term"].iloc[-1] for query in queries]
    >>> figure = plot_poincare_disk(
    ...     {"texts": encoder.transform(queries), "ends of walks": encoder.transform(ends)},
    ...     edges=[("ends of walks", "texts")],
    ...     labels={"texts": queries, "ends of walks": ends},
    ... )
    """
    disk = _disk(points, curvature, edges, labels)
    named = sum(name != "" for names in disk.labels.values() for name in names)
    if named > _MAX_LABELS:
        raise InvalidInputError(
            f"labels hold {named} names, of which at most {_MAX_LABELS} can be read; leave some "
            "empty, or use view_poincare_disk."
        )
    everything = _plane(np.concatenate(list(disk.positions.values())))
    with axes_or_new(ax, _SIZE) as ax:
        limits = -disk.reach, disk.reach
        ax.set(xlim=limits, ylim=limits, aspect="equal", xticks=[], yticks=[])
        _draw_background(ax, disk)
        _draw_arcs(ax, disk.arcs)
        for (kind, positions), colour, marker in zip(
            disk.positions.items(), COLOURS, MARKERS, strict=False
        ):
            n_points = len(everything)
            ax.scatter(
                positions.real,
                positions.imag,
                s=36 if n_points < 300 else 14,
                color=colour,
                marker=marker,
                edgecolor="white",
                linewidth=0.5,
                alpha=1.0 if n_points < 300 else 0.7,
                label=f"{kind} ({len(positions):,})",
                zorder=3,
            )
        ax.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, 0),
            ncols=3,
            columnspacing=1.2,
            handletextpad=0.3,
            fontsize="small",
            frameon=False,
        )
        anchors, texts = [], []
        for kind, names in disk.labels.items():
            for position, name in zip(_plane(disk.positions[kind]), names, strict=True):
                if name != "":
                    anchors.append(position)
                    texts.append(name)
        if texts:
            place_labels(ax, np.array(anchors), texts, everything)
    return ax.figure


def view_poincare_disk(
    points: Mapping[str, ArrayLike],
    *,
    curvature: float = 1.0,
    edges: Sequence[tuple[str, str]] = (),
    labels: Mapping[str, Sequence[str]] | None = None,
) -> Any:
    """Interactive Poincaré disk: names of points are shown under the pointer.

    Parameters
    ----------
    points, curvature, edges
        See :func:`plot_poincare_disk`.
    labels : dict of str to sequence of str or None, default=None
        For some of the kinds a text for each point, e.g. ``{"texts": studies.titles}``.

    Returns
    -------
    figure : plotly.graph_objects.Figure
        ``figure.show()`` opens it, ``figure.write_html("disk.html")`` saves it.

    Raises
    ------
    InvalidInputError
        As :func:`plot_poincare_disk`.
    MissingDependencyError
        If plotly is not installed.
    """
    plotly = import_optional(
        "plotly.graph_objects", extra="plot", purpose="An interactive Poincaré disk"
    )
    disk = _disk(points, curvature, edges, labels)
    traces = []
    turn = np.exp(1j * np.linspace(0, 2 * np.pi, 181))
    for radius, size in disk.circles.items():
        traces.append(_line(plotly, [size * turn], "#dddddd", hover=f"radius {radius:g}"))
    traces.append(_line(plotly, [turn], "#888888", hover="rim, infinitely far"))
    if disk.arcs:
        traces.append(_line(plotly, [arc for arcs in disk.arcs for arc in arcs], "#bbbbbb"))
    symbols = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x")
    for (kind, positions), colour, symbol in zip(
        disk.positions.items(), COLOURS, symbols, strict=False
    ):
        names = disk.labels.get(kind, [""] * len(positions))
        traces.append(
            plotly.Scatter(
                x=positions.real,
                y=positions.imag,
                mode="markers",
                name=f"{kind} ({len(positions):,})",
                marker={"color": colour, "symbol": symbol, "size": 8, "opacity": 0.8},
                text=[_hover(name or f"row {row}") for row, name in enumerate(names)],
                customdata=disk.radii[kind],
                hovertemplate="<b>%{text}</b><br>"
                f"{kind}, radius %{{customdata:.3f}}<extra></extra>",
            )
        )
    axis = {"visible": False, "range": [-disk.reach, disk.reach]}
    return plotly.Figure(
        traces,
        layout={
            "template": "plotly_white",
            "xaxis": axis,
            "yaxis": {**axis, "scaleanchor": "x"},
            "legend": {"orientation": "h", "y": 0},
            "margin": {"l": 10, "r": 10, "t": 10, "b": 10},
        },
    )


def _disk(
    points: Mapping[str, ArrayLike],
    curvature: float,
    edges: Sequence[tuple[str, str]],
    labels: Mapping[str, Sequence[str]] | None,
) -> _Disk:
    """Check and place everything."""
    ticker = import_optional("matplotlib.ticker", extra="plot", purpose="A figure")
    checked = check_kinds(points, curvature)
    names = _checked_labels(labels or {}, checked)
    edges = _checked_edges(edges, checked)
    splits = np.cumsum([len(values) for values in checked.values()])[:-1]
    everything = disk_positions(np.concatenate(list(checked.values())), curvature)
    positions = dict(zip(checked, np.split(everything, splits), strict=True))
    radii = {kind: radii_of(values, curvature) for kind, values in checked.items()}
    arcs = [geodesic_arcs(positions[parent], positions[child]) for parent, child in edges]
    farthest = max(values.max() for values in radii.values())
    ticks = ticker.MaxNLocator(_N_CIRCLES).tick_values(0, farthest or 1.0)
    circles = {float(tick): float(np.tanh(np.sqrt(curvature) * tick / 2)) for tick in ticks[1:]}
    return _Disk(positions, radii, names, arcs, circles)


def _checked_edges(
    edges: Sequence[tuple[str, str]], points: Mapping[str, np.ndarray]
) -> list[tuple[str, str]]:
    checked = []
    for edge in edges:
        if isinstance(edge, str) or len(edge) != 2 or set(edge) - set(points):
            raise InvalidInputError(
                f"edges hold {edge!r}: give pairs (parent, child) of the kinds {list(points)}."
            )
        parent, child = edge
        if len(points[parent]) != len(points[child]):
            raise InvalidInputError(
                f"edges hold {edge!r}, of {len(points[parent])} and {len(points[child])} points; "
                "rows are joined one to one, so there must be as many."
            )
        checked.append((parent, child))
    return checked


def _checked_labels(
    labels: Mapping[str, Sequence[str]], points: Mapping[str, np.ndarray]
) -> dict[str, list[str]]:
    checked = {}
    for kind, names in labels.items():
        if kind not in points:
            raise InvalidInputError(
                f"labels are given for {kind!r}, which is none of the kinds {list(points)}."
            )
        if isinstance(names, str) or len(names) != len(points[kind]):
            raise InvalidInputError(
                f"labels[{kind!r}] has length {len(names)} and there are {len(points[kind])} "
                "points; give a sequence with a name for each, empty for those to leave out."
            )
        checked[kind] = [str(name) for name in names]
    return checked


def _plane(positions: np.ndarray) -> np.ndarray:
    """Complex positions as two coordinates."""
    return np.stack([positions.real, positions.imag], axis=-1)


def _draw_background(ax: Any, disk: _Disk) -> None:
    """Disk and rim, root, and circles of equal radius with their labels."""
    from matplotlib.patches import Circle

    ax.spines[:].set_visible(False)
    ax.add_patch(Circle((0, 0), 1, facecolor="white", edgecolor="0.3", linewidth=1.4, zorder=0))
    ax.plot([], [], color="0.75", linewidth=0.9, label="distance from the root")
    ax.plot(0, 0, "+", color="black", markersize=9, zorder=2)
    ax.annotate(
        "root", (0, 0), xytext=(5, -3), textcoords="offset points", va="top", fontsize="small"
    )
    direction = _free_direction(np.concatenate(list(disk.positions.values())))
    numbered = 0.0
    for radius, size in disk.circles.items():
        ax.add_patch(Circle((0, 0), size, fill=False, edgecolor="0.85", linewidth=0.9, zorder=0.5))
        if size - numbered < _LEAST_GAP * disk.reach:
            continue
        numbered = size
        place = size * direction
        ax.text(
            place.real,
            place.imag,
            f"{radius:g}",
            color=SOFT,
            fontsize="small",
            ha="center",
            va="center",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
            zorder=1,
        )


def _free_direction(positions: np.ndarray) -> complex:
    """Middle of the widest sector without points, as a unit number."""
    angles = np.sort(np.angle(positions))
    gaps = np.diff(angles, append=angles[0] + 2 * np.pi)
    widest = int(gaps.argmax())
    return complex(np.exp(1j * (angles[widest] + gaps[widest] / 2)))


def _draw_arcs(ax: Any, arcs: list[np.ndarray]) -> None:
    from matplotlib.collections import LineCollection

    for group in arcs:
        alpha = float(np.clip(40 / len(group), 0.08, 0.8))
        ax.add_collection(
            LineCollection(
                list(_plane(group)), colors="0.45", linewidths=0.9, alpha=alpha, zorder=2
            ),
            autolim=False,
        )


def _hover(name: str) -> str:
    """Name as plotly shows it: wrapped, and no part of it taken for a tag."""
    return "<br>".join(
        html.escape(line) for line in wrap(name, _HOVER_WIDTH, break_on_hyphens=False)
    )


def _line(plotly: Any, lines: list[np.ndarray], colour: str, hover: str | None = None) -> Any:
    """Trace of several lines, with gaps between them."""
    joined = np.concatenate([np.append(line, np.nan) for line in lines])
    return plotly.Scatter(
        x=joined.real,
        y=joined.imag,
        mode="lines",
        line={"color": colour, "width": 1},
        hoverinfo="skip" if hover is None else "text",
        text=hover,
        showlegend=False,
    )
