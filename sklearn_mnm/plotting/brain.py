"""Brain maps: one, or one text at several levels."""

from collections.abc import Sequence
from typing import Any

import nibabel
import numpy as np
from scipy.special import ndtri

from sklearn_mnm.brain.image_files import image_values, open_image
from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.plotting._brain_panels import Scale, described, draw_map, make_places, quoted
from sklearn_mnm.plotting._figure import axes_or_new, figure_or_new

# Height of each view in inches, if it is 9 wide.
_HEIGHTS = {"glass": 1.9, "slices": 1.5, "surface": 1.9}
_VIEWS = tuple(_HEIGHTS)
# Without a threshold, values from this share of the highest are shown.
SHOWN_SHARE = 1 / 8
# Of texts that are unrelated to a region, one in forty has a z above this there.
SHOWN_Z = float(-ndtri(1 / 40))
# Voxel size in mm of the maps that are drawn.
_RESOLUTION = 2


def plot_map(
    image: Any,
    *,
    view: str = "glass",
    threshold: float | None = None,
    vmax: float | None = None,
    title: str | None = None,
    label: str | None = None,
    ax: Any = None,
) -> Any:
    """Draw one brain map.

    Parameters
    ----------
    image : Nifti1Image or path
        3D, MNI152 space, such as ``encoder.predict_img(["fear"], kind="z", resolution=2)``. Values
        that are not finite count as 0.
    view : {"glass", "slices", "surface"}, default="glass"
        Glass brain with the highest value along each line of sight; axial slices, MNI z in mm, on
        the MNI152 template; or both hemispheres on the inflated fsaverage5 surface, which shows
        the cortex only.
    threshold : float or None, default=None
        Values below it, and all negative ones, are not shown; at least 0. If None, use an
        eighth of `vmax`.
    vmax : float or None, default=None
        Value of the darkest colour. If None, use the highest of the image. Give the same to maps
        that are to be compared.
    title : str or None, default=None
        Above the map, on the left.
    label : str or None, default=None
        What the colours mean, with the unit, e.g. ``"peaks per cm³"``.
    ax : matplotlib.axes.Axes or None, default=None
        Place for the map: it becomes invisible, and nilearn's axes take its place. If None, make a
        new figure.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    InvalidInputError
        If the image is not 3D, `view` is none of the three, `threshold` is negative, or `vmax` is
        not above it.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> from nilearn.datasets import load_sample_motor_activation_image
    >>> from sklearn_mnm.plotting import plot_map
    >>> figure = plot_map(load_sample_motor_activation_image(), threshold=3, label="z")
    """
    image = _checked_image(image)
    if view not in _VIEWS:
        raise InvalidInputError(f"view={view!r} is none of {_VIEWS}.")
    scale = _scale(float(image.get_fdata().max()), threshold, vmax)
    with axes_or_new(ax, (9, _HEIGHTS[view] + (0.3 if title else 0))) as place:
        scale.colour_bar(place, label, fraction=0.03, pad=0.01, shrink=0.9)
        if title is not None:
            place.set_title(title, loc="left", fontsize="medium")
        make_places([place], ours=ax is None)
        draw_map(place, image, view, scale)
    return place.figure


def plot_levels(
    encoder: Any,
    text: str,
    *,
    levels: Sequence[str] | None = None,
    views: Sequence[str] = ("glass",),
    threshold: float = SHOWN_Z,
    figure: Any = None,
) -> Any:
    """Draw the z map that a text predicts at several levels, from regions to broad networks.

    z tells how far a region, or a network as a whole, stands out from what texts unrelated to it
    get: it compares between levels, which activations, of regions of different size, do not.

    Parameters
    ----------
    encoder : MNMEncoder
        Fitted to peaks or images.
    text : str
    levels : sequence of str or None, default=None
        Of ``encoder.hierarchy_``, a row each; None takes all but the whole brain: ``"region"``,
        ``"ward17"`` and ``"ward7"``, or those of Yeo et al. 2011.
    views : sequence of {"glass", "slices", "surface"}, default=("glass",)
        A column each; see :func:`plot_map`.
    threshold : float, default=1.96
        z below it is not shown; one unrelated text in forty has 1.96 or more.
    figure : matplotlib.figure.Figure, SubFigure or None, default=None
        If None, make a new figure.

    Returns
    -------
    figure : matplotlib.figure.Figure
        One colour scale for all panels.

    Raises
    ------
    InvalidInputError
        If there is no such level or view, `text` is no text with known words, or the encoder was
        fitted to arrays.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> from sklearn_mnm import load_pretrained
    >>> from sklearn_mnm.plotting import plot_levels
    >>> figure = plot_levels(load_pretrained().encoder, "reward anticipation")
    """
    levels = encoder.hierarchy_.levels[:-1] if levels is None else levels
    for name, values, known in (
        ("levels", levels, encoder.hierarchy_.levels),
        ("views", views, _VIEWS),
    ):
        if isinstance(values, str) or not len(values) or set(values) - set(known):
            raise InvalidInputError(f"{name}={values!r}: give a sequence of some of {known}.")
    images = [
        _checked_image(encoder.predict_img([text], kind="z", level=level, resolution=_RESOLUTION))
        for level in levels
    ]
    scale = _scale(max(float(image.get_fdata().max()) for image in images), threshold, None)
    height = max(_HEIGHTS[view] for view in views) + 0.3
    with figure_or_new(figure, (8.2 * len(views) + 0.8, height * len(levels) + 0.4)) as place:
        axes = place.subplots(len(levels), len(views), squeeze=False)
        place.suptitle(quoted(text), fontsize="large")
        label = f"z (shown from {threshold:.4g})"
        scale.colour_bar(axes, label, fraction=0.03 / len(views), pad=0.01, shrink=0.7)
        for row, level in zip(axes, levels, strict=True):
            row[0].set_title(described(encoder, level), loc="left", fontsize="medium")
        make_places(axes.ravel(), ours=figure is None)
        for row, image in zip(axes, images, strict=True):
            for ax, view in zip(row, views, strict=True):
                draw_map(ax, image, view, scale)
    return place


def _checked_image(image: Any) -> Any:
    """Load a 3D image; values are finite and nowhere negative."""
    image = open_image(image)
    data = image_values(image).astype(np.float64)
    if data.ndim == 4 and data.shape[3] == 1:
        data = data[..., 0]
    if data.ndim != 3:
        raise InvalidInputError(
            f"image has shape {data.shape}; give one 3D map, such as "
            "nilearn.image.index_img(image, 0)."
        )
    # nilearn shows negative values beyond the threshold too, on a glass brain as if positive.
    return nibabel.Nifti1Image(np.maximum(data, 0.0), image.affine)


def _scale(highest: float, threshold: float | None, vmax: float | None) -> Scale:
    if threshold is not None and not 0 <= threshold < np.inf:
        raise InvalidInputError(f"threshold={threshold!r} must be at least 0 and finite.")
    if vmax is None:
        # Above the threshold also where the image is nowhere, and then drawn empty.
        vmax = highest if highest > (threshold or 0) else 2 * (threshold or 0.5)
    threshold = SHOWN_SHARE * vmax if threshold is None else threshold
    if not threshold < vmax < np.inf:
        raise InvalidInputError(f"vmax={vmax!r} must be above threshold={threshold!r} and finite.")
    # Zero, the background, is never shown.
    return Scale(max(float(threshold), 1e-9 * vmax), float(vmax))
