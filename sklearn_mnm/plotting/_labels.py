"""Names beside points, out of each other's way."""

from collections.abc import Sequence
from typing import Any

import numpy as np

# Distances from the point, in points of 1/72 inch, and directions that are tried.
_DISTANCES = (6, 16, 28, 42)
_DIRECTIONS = np.exp(1j * np.pi * np.arange(0, 2, 1 / 8))
# What is to be avoided: another name more than a point, a point more than a long way.
_OVERLAP, _POINT, _OUTSIDE = 50.0, 4.0, 20.0


def place_labels(
    ax: Any, positions: np.ndarray, texts: Sequence[str], obstacles: np.ndarray
) -> list[Any]:
    """Write texts beside points, where they cover as little as possible.

    Greedy, in the given order: of several places around its point each text takes the best that the
    texts before it left. Places are compared in the figure as it is: set limits and size before.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    positions : ndarray of shape (n, 2)
        In data coordinates.
    texts : sequence of str
    obstacles : ndarray of shape (m, 2)
        All points drawn, in data coordinates.
    """
    from matplotlib.patheffects import withStroke
    from matplotlib.text import Text

    root = ax.figure.figure
    root.draw_without_rendering()
    unit = root.dpi / 72
    anchors = ax.transData.transform(positions)
    points = ax.transData.transform(obstacles)
    frame = ax.get_window_extent()
    taken = np.empty((0, 4))
    annotations = []
    for position, anchor, text in zip(positions, anchors, texts, strict=True):
        annotation = ax.annotate(
            text,
            position,
            xytext=(0, 0),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize="small",
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
            arrowprops={"arrowstyle": "-", "color": "0.6", "linewidth": 0.6, "shrinkB": 3},
            annotation_clip=False,
            zorder=5,
        )
        size = Text.get_window_extent(annotation)  # of the text without its line
        half = np.array([size.width, size.height]) / 2 / unit
        offsets = _offsets(half)
        centres = anchor + unit * offsets
        boxes = np.hstack([centres - unit * half, centres + unit * half])
        cost = np.repeat(np.array(_DISTANCES) / 10, len(_DIRECTIONS))
        cost += _OVERLAP * _overlaps(boxes, taken).sum(axis=1)
        cost += _POINT * _inside(boxes, points).sum(axis=1)
        cost += _OUTSIDE * ((boxes[:, :2] < frame.min) | (boxes[:, 2:] > frame.max)).any(axis=1)
        best = int(cost.argmin())
        annotation.set_position(offsets[best])
        if best < len(_DIRECTIONS):  # so near that no line is needed
            annotation.arrow_patch.set_visible(False)
        taken = np.vstack([taken, boxes[best]])
        annotations.append(annotation)
    return annotations


def _offsets(half: np.ndarray) -> np.ndarray:
    """Centres of a text around its point, nearest first, such that the text does not cover it."""
    directions = np.stack([_DIRECTIONS.real, _DIRECTIONS.imag], axis=1)
    return np.concatenate([distance * directions + half * directions for distance in _DISTANCES])


def _overlaps(boxes: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Whether each box meets each of those taken; boxes are left, bottom, right, top."""
    apart = (boxes[:, np.newaxis, :2] > taken[:, 2:]) | (boxes[:, np.newaxis, 2:] < taken[:, :2])
    return np.logical_not(np.any(apart, axis=2))


def _inside(boxes: np.ndarray, points: np.ndarray) -> np.ndarray:
    above = points > boxes[:, np.newaxis, :2]
    return np.asarray((above & (points < boxes[:, np.newaxis, 2:])).all(axis=2))
