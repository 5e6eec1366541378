"""One brain map in one rectangle of a figure, drawn by nilearn."""

import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import shorten
from typing import Any, NamedTuple

import numpy as np

# Light to dark, so that the strongest stand out on white; even in lightness, so that it reads in
# grey and with colour blindness.
_COLOUR_MAP = "magma_r"
# Axial slices, MNI z in mm: from the amygdala through striatum and language areas to the hand area.
SLICES = (-20, -8, 4, 16, 30, 44, 56)
_HEMISPHERES = (("left", "lateral"), ("left", "medial"), ("right", "medial"), ("right", "lateral"))

# Characters of a text that a title shows.
_TITLE_LENGTH = 90
# Of surfaces, which matplotlib draws with wide margins.
_ZOOM = 1.5


class Scale(NamedTuple):
    """What is shown of a map.

    Attributes
    ----------
    threshold : float
        Values below it are not shown; the lightest colour.
    top : float
        Value of the darkest colour.
    """

    threshold: float
    top: float

    def options(self) -> dict[str, Any]:
        """Options of nilearn's functions, which draw no bar: there is one for all panels."""
        return {
            # Nilearn hides what is equal to it, in single precision.
            "threshold": float(np.nextafter(np.float32(self.threshold), np.float32(0))),
            "vmin": self.threshold,
            "vmax": self.top,
            "cmap": _COLOUR_MAP,
            "colorbar": False,
        }

    def colour_bar(self, axes: Any, label: str | None, **layout: Any) -> Any:
        """Draw a colour bar beside one or several axes."""
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize
        from matplotlib.ticker import MaxNLocator

        mappable = ScalarMappable(Normalize(*self), _COLOUR_MAP)
        figure = np.ravel(axes)[0].figure
        bar = figure.colorbar(mappable, ax=axes, label=label, ticks=MaxNLocator(5), **layout)
        bar.outline.set_visible(False)
        return bar


def draw_map(ax: Any, image: Any, view: str, scale: Scale, **options: Any) -> None:
    """Draw a map in the place of axes; see :func:`make_places`.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    image : nibabel.nifti1.Nifti1Image
        3D, MNI152.
    view : {"glass", "slices", "surface"}
    scale : Scale
    **options
        Of nilearn's function.
    """
    root, rectangle = _place(ax)
    with _nothing_to_collect():
        if view == "surface":
            _draw_surface(root, rectangle, image, scale)
        else:
            _draw_volume(root, rectangle, image, view, scale, options)


def _draw_volume(
    root: Any,
    rectangle: tuple[float, ...],
    image: Any,
    view: str,
    scale: Scale,
    options: dict[str, Any],
) -> None:
    from nilearn.plotting import plot_glass_brain, plot_stat_map

    if view == "glass":
        draw = plot_glass_brain
        # Around an empty map nilearn would draw the brain smaller than around others.
        image = image if (image.get_fdata() >= scale.threshold).any() else None
        options = {"display_mode": "lyrz", **options}
    else:
        draw = plot_stat_map
        options = {"display_mode": "z", "cut_coords": SLICES, "draw_cross": False, **options}
    with warnings.catch_warnings():
        # That nothing reaches the threshold is something to see.
        warnings.filterwarnings("ignore", "empty mask", UserWarning)
        display = draw(
            image,
            figure=root,
            axes=rectangle,
            **scale.options(),
            annotate=False,
            black_bg=False,
            **options,
        )
    display.annotate(size=9, positions=view == "slices", left_right=True)


def _draw_surface(root: Any, rectangle: tuple[float, ...], image: Any, scale: Scale) -> None:
    """Both hemispheres from the side and the middle, on the inflated fsaverage5 surface."""
    from nilearn.datasets import load_fsaverage, load_fsaverage_data
    from nilearn.plotting import plot_surf_stat_map
    from nilearn.surface import SurfaceImage

    meshes = load_fsaverage("fsaverage5")  # comes with nilearn
    folds = load_fsaverage_data("fsaverage5", data_type="sulcal")
    values = SurfaceImage.from_volume(meshes["pial"], image, inner_mesh=meshes["white_matter"])
    left, bottom, width, height = rectangle
    for column, (hemisphere, view) in enumerate(_HEMISPHERES):
        place = (left + column * width / 4, bottom, width / 4, height)
        ax = root.add_axes(place, projection="3d")
        plot_surf_stat_map(
            meshes["inflated"],
            values,
            hemi=hemisphere,
            view=view,
            bg_map=folds,
            axes=ax,
            figure=root,
            **scale.options(),
        )
        ax.set_box_aspect(None, zoom=_ZOOM)
        side = f"{hemisphere[0].upper()} {view}"
        ax.text2D(0.5, 0, side, transform=ax.transAxes, ha="center", va="bottom", fontsize=8)


@contextmanager
def _nothing_to_collect() -> Iterator[None]:
    """Keep the garbage collector from all that exists: nilearn calls it four times a map.

    With a model in memory each call takes a good part of a second, most of the time of a figure.
    """
    if gc.get_freeze_count():  # by the caller, who may need it to stay so
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def make_places(axes: Any, *, ours: bool) -> None:
    """Make axes invisible and put them where the layout wants them, for maps to take their places.

    In a figure of our own they stay there: a layout that looks at all that nilearn draws takes
    seconds, each time.
    """
    for ax in axes:
        ax.set_axis_off()
    root = axes[0].figure.figure
    if root.get_layout_engine() is not None:
        root.draw_without_rendering()
        if ours:
            root.set_layout_engine("none")


def _place(ax: Any) -> tuple[Any, tuple[float, ...]]:
    """Whole figure that holds axes, and their rectangle in it: nilearn knows no subfigures."""
    root = ax.figure.figure
    box = ax.get_position().transformed(ax.figure.transSubfigure)
    return root, box.transformed(root.transSubfigure.inverted()).bounds


def described(encoder: Any, level: str) -> str:
    """Name a level by what it consists of."""
    finest, *_, broadest = encoder.hierarchy_.levels
    if level == broadest:
        return "whole brain"
    number = encoder.hierarchy_.n_networks(level)
    return f"{number:,} regions" if level == finest else f"{number:,} networks ({level})"


def quoted(text: str) -> str:
    """Put a text, or its beginning, in quotation marks, for titles."""
    shown = f"“{shorten(text, _TITLE_LENGTH, placeholder=' …')}”"
    # Between dollars, matplotlib would read formulas.
    return shown.replace("$", r"\$")
