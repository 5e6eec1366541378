"""What all figures share: the caller's axes or new ones, and colours."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sklearn_mnm._tools.dependencies import import_optional
from sklearn_mnm.exceptions import InvalidInputError

# Okabe and Ito (2008), without the yellow that is too light for lines on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
SOFT = "0.55"  # grey of what is only there to compare with


def import_pyplot() -> Any:
    """Import matplotlib.pyplot, or say how to install it."""
    return import_optional("matplotlib.pyplot", extra="plot", purpose="A figure")


@contextmanager
def axes_or_new(ax: Any, size: tuple[float, float]) -> Iterator[Any]:
    """Give the axes of the caller, or those of a new figure, closed again if drawing fails.

    Parameters
    ----------
    ax : matplotlib.axes.Axes or None
    size : (float, float)
        Width and height of the new figure in inches.

    Raises
    ------
    InvalidInputError
        If `ax` is anything else.
    """
    pyplot = import_pyplot()
    if ax is not None:
        if not isinstance(ax, pyplot.Axes):
            raise InvalidInputError(
                f"ax is of type {type(ax).__name__}; give Axes of matplotlib, such as "
                "figure.add_subplot(), or None for a new figure."
            )
        yield ax
        return
    with figure_or_new(None, size) as figure:
        yield figure.add_subplot()


@contextmanager
def figure_or_new(figure: Any, size: tuple[float, float]) -> Iterator[Any]:
    """Give the figure of the caller, or a new one, closed again if drawing fails.

    Parameters
    ----------
    figure : matplotlib.figure.Figure, SubFigure or None
    size : (float, float)
        Width and height of the new figure in inches.

    Raises
    ------
    InvalidInputError
        If `figure` is anything else.
    """
    pyplot = import_pyplot()
    if figure is not None:
        from matplotlib.figure import FigureBase

        if not isinstance(figure, FigureBase):
            raise InvalidInputError(
                f"figure is of type {type(figure).__name__}; give a Figure or SubFigure of "
                "matplotlib, or None for a new figure."
            )
        yield figure
        return
    figure = pyplot.figure(figsize=size, layout="constrained")
    try:
        yield figure
    except BaseException:
        pyplot.close(figure)
        raise
