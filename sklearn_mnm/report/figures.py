"""Figures as parts of a page, and in words."""

import base64
import io
import struct
from typing import Any, NamedTuple

import numpy as np

from sklearn_mnm.brain.anatomy import place_in_words
from sklearn_mnm.brain.clusters import highest_value
from sklearn_mnm.plotting._figure import import_pyplot

# Dots per inch: sharp at the width of the page.
_RESOLUTION = 130


class Picture(NamedTuple):
    """A picture in a page.

    Attributes
    ----------
    source : str
        PNG as a data URI.
    alt : str
        Says what is seen, for those who do not see it.
    width, height : int
        In pixels.
    """

    source: str
    alt: str
    width: int
    height: int


def picture(figure: Any, alt: str) -> Picture:
    """Turn a figure of matplotlib into a picture, and close it.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    alt : str
        Says what is seen.

    Returns
    -------
    picture : Picture
    """
    stream = io.BytesIO()
    try:
        figure.savefig(stream, format="png", dpi=_RESOLUTION)
    finally:
        import_pyplot().close(figure)
    png = stream.getvalue()
    # As its header says: settings of matplotlib can crop figures when they are saved.
    width, height = struct.unpack(">II", png[16:24])
    content = base64.b64encode(png).decode()
    return Picture(f"data:image/png;base64,{content}", alt, width, height)


def described(image: Any, threshold: float) -> str:
    """Say in words what a picture of a map shows.

    Parameters
    ----------
    image : nibabel.nifti1.Nifti1Image
        3D, MNI152.
    threshold : float
        Positive values of at least this are shown.

    Returns
    -------
    description : str
        Highest value, its place in mm and its anatomical name, and the volume of what is shown, or
        that there is nothing to show.
    """
    values = np.asarray(image.dataobj, dtype=np.float64)
    n_shown = np.sum((values >= threshold) & (values > 0))
    highest, alone = highest_in_words(image, threshold)
    if not n_shown:
        return f"nothing reaches {threshold:.4g}; {alone}"
    volume = n_shown * abs(np.linalg.det(image.affine[:3, :3])) / 1000
    size = f"{volume:.0f}" if volume >= 10 else f"{volume:.2g}"
    return f"{highest}; {size} cm³ of at least {threshold:.4g}"


def highest_in_words(image: Any, threshold: float) -> tuple[str, str]:
    """Say how high a map is, and where; see :func:`described`.

    Parameters
    ----------
    image : nibabel.nifti1.Nifti1Image
    threshold : float

    Returns
    -------
    beside, alone : str
        Beside what is shown of it; and where nothing is, with a digit more, so that it is not
        rounded to the threshold.
    """
    highest, place = highest_value(image, threshold)
    x, y, z = place
    where = f"at MNI ({x:.0f}, {y:.0f}, {z:.0f}) mm, {place_in_words(place)}"
    return f"highest value {highest:.3g} {where}", f"highest value {highest:.4g} {where}"
