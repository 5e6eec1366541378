"""The way from a text to the root of the space, with words and maps."""

from typing import Any

import nibabel
import numpy as np

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.plotting._brain_panels import Scale, draw_map, make_places, quoted
from sklearn_mnm.plotting._figure import COLOURS, figure_or_new
from sklearn_mnm.walk import geodesic_to_root

# Of each map, values are shown in percent of its highest, above this.
_SCALE = Scale(25.0, 100.0)
# Views of each map, from the right and from above, and rows of the figure in inches.
_DIRECTIONS = ("x", "z")
_HEIGHTS = (1.2, 1.3, 0.75)
_WORD_HEIGHT = 0.19


def plot_walk(
    encoder: Any,
    text: str,
    *,
    n_steps: int = 6,
    k: int = 5,
    unit: str = "peaks/cm³",
    figure: Any = None,
) -> Any:
    """Draw the walk from a text to the root: maps and words become more general on the way.

    Parameters
    ----------
    encoder : MNMEncoder
        Fitted to peaks or images.
    text : str
        A query, or the text of a study.
    n_steps : int, default=6
        Points on the geodesic, the text and the root included; a column each.
    k : int, default=5
        Terms at each, the nearest first, as :meth:`MNMEncoder.walk` gives them.
    unit : str, default="peaks/cm³"
        Of the maps; the default is right for an encoder fitted to peaks.
    figure : matplotlib.figure.Figure, SubFigure or None, default=None
        None makes a new figure.

    Returns
    -------
    figure : matplotlib.figure.Figure
        For each step the activation that is decoded from it, on a glass brain from the side and
        from above, in percent of its highest value; its distance from the root, and that value,
        which falls on the way; and the terms nearest to it. At the root is what all studies have
        in common.

    Raises
    ------
    InvalidInputError
        If nothing is known of the text, `n_steps` or `k` is not an integer in range, or the encoder
        was fitted to arrays.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> from sklearn_mnm import load_pretrained
    >>> from sklearn_mnm.plotting import plot_walk
    >>> figure = plot_walk(load_pretrained().encoder, "reward anticipation", n_steps=3)
    """
    walk = encoder.walk(text, n_steps=n_steps, k=k)
    if encoder.regions_ is None:
        raise InvalidInputError(
            "Maps need to know where regions are, but they were given to fit as arrays. Fit to "
            "peaks or images, or use encoder.walk()."
        )
    images, highest = _maps(encoder, text, n_steps)
    heights = [*_HEIGHTS, _WORD_HEIGHT * (k + 0.5)]
    with figure_or_new(figure, (1.75 * n_steps + 1, sum(heights) + 0.7)) as place:
        place.suptitle(f"From {quoted(text)} to the root", fontsize="large")
        axes = place.subplots(len(heights), n_steps, height_ratios=heights, squeeze=False)
        _SCALE.colour_bar(axes[:2], "% of the highest", fraction=0.02, pad=0.01, shrink=0.8)
        for column, (_, terms) in enumerate(walk.groupby("step")):
            name = "text" if column == 0 else "root" if column == n_steps - 1 else "step"
            radius = f"{name}, radius {terms['radius'].iloc[0]:.2f}"
            caption = f"{radius}\nmax. {highest[column]:.2g} {unit}"
            _draw_step(axes[2, column], caption, first=column == 0, last=column == n_steps - 1)
            _write_words(axes[3, column], list(terms["term"]))
        make_places(axes.ravel(), ours=figure is None)
        for image, column in zip(images, axes[:2].T, strict=True):
            for ax, direction in zip(column, _DIRECTIONS, strict=True):
                draw_map(ax, image, "glass", _SCALE, display_mode=direction)
    return place


def _maps(encoder: Any, text: str, n_steps: int) -> tuple[list[Any], np.ndarray]:
    """Activation decoded from each step, as images in percent of the highest, and the latter."""
    embedder = encoder.embedder_
    start = encoder.transform([text])[0]
    steps = geodesic_to_root(start, curvature=embedder.curvature_, n_steps=n_steps)
    image = encoder.regions_.inverse_transform(embedder.inverse_transform(steps))
    values = np.maximum(image.get_fdata(), 0)
    highest = values.max(axis=(0, 1, 2))
    percent = 100 * values / np.where(highest > 0, highest, 1)
    return [nibabel.Nifti1Image(step, image.affine) for step in np.moveaxis(percent, 3, 0)], highest


def _draw_step(ax: Any, caption: str, *, first: bool, last: bool) -> None:
    """Piece of the geodesic, which begins and ends in the middle of a column."""
    # Beyond the axes, to meet the next piece.
    start, end = 0.5 if first else -0.2, 0.5 if last else 1.2
    (line,) = ax.plot([start, end], [0.85, 0.85], color=COLOURS[0], linewidth=2, clip_on=False)
    line.set_in_layout(False)
    ax.plot(0.5, 0.85, "o", color=COLOURS[0], markersize=7)
    ax.text(0.5, 0.6, caption, ha="center", va="top", fontsize="small", color="0.3")
    ax.set(xlim=(0, 1), ylim=(0, 1))


def _write_words(ax: Any, terms: list[str]) -> None:
    ax.set(xlim=(0, 1), ylim=(len(terms) + 0.5, 0))
    for rank, term in enumerate(terms):
        weight = "bold" if rank == 0 else "normal"
        ax.text(0.5, rank + 0.5, term, ha="center", va="center", fontsize="small", weight=weight)
