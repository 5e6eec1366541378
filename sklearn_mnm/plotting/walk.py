"""The way from a text up to the general, with words and maps."""

from textwrap import fill
from typing import Any

import nibabel
import numpy as np

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.model.walks import IN_TEXT
from sklearn_mnm.plotting._brain_panels import Scale, draw_map, make_places, quoted
from sklearn_mnm.plotting._figure import COLOURS, figure_or_new

# Of each map, values are shown in percent of its highest, above this.
_SCALE = Scale(25.0, 100.0)
# Views of each map, from the right and from above, and rows of the figure in inches.
_DIRECTIONS = ("x", "z")
_HEIGHTS = (1.2, 1.3, 1.5)


def plot_walk(
    encoder: Any,
    text: str,
    *,
    n_steps: int = 6,
    unit: str = "peaks/cm³",
    figure: Any = None,
) -> Any:
    """Draw the walk from a text up to the general: its terms, with the map of each.

    Parameters
    ----------
    encoder : MNMEncoder
        Fitted to peaks or images.
    text : str
        A query, or the text of a study.
    n_steps : int, default=6
        Steps at most, as for :meth:`MNMEncoder.walk`.
    unit : str, default="peaks/cm³"
        Of the maps; the default is right for an encoder fitted to peaks.
    figure : matplotlib.figure.Figure, SubFigure or None, default=None
        If None, a new figure is made.

    Returns
    -------
    figure : matplotlib.figure.Figure
        A column for the text and for each step of its walk: the activation predicted of the text
        or term, on a glass brain from the side and from above, in percent of its highest value;
        that value; and the term, with its distance from the root, the number of studies that hold
        it, by itself or in a longer term, and the probability that a study with the words of the
        text does, or that it is in the text itself.

    Raises
    ------
    InvalidInputError
        If nothing is known of the text, `n_steps` is not an integer in range, or the encoder was
        fitted to arrays or knows no hierarchy of terms.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> from sklearn_mnm import load_pretrained
    >>> from sklearn_mnm.plotting import plot_walk
    >>> figure = plot_walk(load_pretrained().encoder, "reward anticipation", n_steps=3)
    """
    walk = encoder.walk(text, n_steps=n_steps)
    if encoder.regions_ is None:
        raise InvalidInputError(
            "Maps need to know where regions are, but they were given to fit as arrays. Fit to "
            "peaks or images, or use encoder.walk()."
        )
    images, highest = _maps(encoder, list(walk["term"]))
    with figure_or_new(figure, (1.75 * max(len(walk), 2) + 1, sum(_HEIGHTS) + 0.7)) as place:
        place.suptitle(f"From {quoted(text)} to the general", fontsize="large")
        axes = place.subplots(len(_HEIGHTS), len(walk), height_ratios=_HEIGHTS, squeeze=False)
        _SCALE.colour_bar(axes[:2], "% of the highest", fraction=0.02, pad=0.01, shrink=0.8)
        for column, row in enumerate(walk.itertuples(index=False)):
            name = "the text" if column == 0 else row.term
            details = f"radius {row.radius:.2f}\nmax. {highest[column]:.2g} {unit}\n"
            details += f"{row.n_studies:,} studies" if row.n_studies else "no study has it all"
            if column:
                details += f"\n{_share(row.probability)}"
            last = column == len(walk) - 1
            _draw_step(axes[2, column], name, details, first=column == 0, last=last)
        make_places(axes.ravel(), ours=figure is None)
        for image, column in zip(images, axes[:2].T, strict=True):
            for ax, direction in zip(column, _DIRECTIONS, strict=True):
                draw_map(ax, image, "glass", _SCALE, display_mode=direction)
    return place


def _share(probability: float) -> str:
    """Probability in words; what the text itself has is no matter of counting."""
    if probability == 1:
        return IN_TEXT
    return f"probability {100 * probability:.0f} %" if probability < 0.995 else "probability > 99 %"


def _maps(encoder: Any, texts: list[str]) -> tuple[list[Any], np.ndarray]:
    """Activation predicted of texts, as images in percent of the highest, and the latter."""
    image = encoder.regions_.inverse_transform(encoder.predict(texts))
    values = np.maximum(image.get_fdata(), 0).reshape(*image.shape[:3], len(texts))
    highest = values.max(axis=(0, 1, 2))
    percent = 100 * values / np.where(highest > 0, highest, 1)
    return [nibabel.Nifti1Image(step, image.affine) for step in np.moveaxis(percent, 3, 0)], highest


def _draw_step(ax: Any, name: str, details: str, *, first: bool, last: bool) -> None:
    """Piece of the way, which begins and ends in the middle of a column."""
    # Beyond the axes, to meet the next piece.
    start, end = 0.5 if first else -0.2, 0.5 if last else 1.2
    (line,) = ax.plot([start, end], [0.92, 0.92], color=COLOURS[0], linewidth=2, clip_on=False)
    line.set_in_layout(False)
    ax.plot(0.5, 0.92, "o", color=COLOURS[0], markersize=7)
    wrapped = fill(name, 18)
    ax.text(0.5, 0.81, wrapped, ha="center", va="top", fontsize="small", weight="bold")
    below = 0.81 - 0.12 * (wrapped.count("\n") + 1)
    ax.text(0.5, below, details, ha="center", va="top", fontsize="small", color="0.3")
    ax.set(xlim=(0, 1), ylim=(0, 1))
