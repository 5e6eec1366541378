"""The interactive viewer: a page of nilearn's, which stands alone and is shown in a frame."""

import html
import re

import numpy as np

from sklearn_mnm.app._questions import Shown
from sklearn_mnm.brain.atlas import load_mask
from sklearn_mnm.brain.resampled_images import highest_value

# Nothing is loaded, and what runs cannot reach the page around it: the frame has no origin.
VIEWER_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; base-uri 'none'; "
    "form-action 'none'"
)
# The darkest colours would not be seen on the brain.
_COLOUR_MAP, _FIRST_COLOUR = "inferno", 0.35
_STYLE = (
    "<style>html, body { margin: 0; background: #000; } canvas { display: block; } "
    "p { margin: .4rem .8rem; color: #e6e6e6; font: .875rem/1.4 system-ui, sans-serif; }</style>"
)


def viewer_page(shown: Shown, title: str, place: tuple[float, float, float] | None = None) -> str:
    """Make the page that shows a map on the MNI152 template that comes with nilearn.

    Parameters
    ----------
    shown : Shown
    title : str
        Says what is shown.
    place : (float, float, float) or None
        Where the slices cross at first, in mm. If None, they do so where the map is highest.

    Returns
    -------
    page : str
    """
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap
    from nibabel import Nifti1Image
    from nilearn.image import resample_to_img
    from nilearn.plotting import view_img

    threshold = shown.threshold
    # To the grid of nilearn's template here, as its versions disagree on how view_img may do it.
    # There, nearest voxels are the same ones. Most maps are on it.
    image, grid = shown.image, load_mask(resolution=2)
    if image.shape != grid.shape or not np.array_equal(image.affine, grid.affine):
        image = resample_to_img(
            image, grid, interpolation="linear", force_resample=True, copy_header=True
        )
    # Nilearn takes a threshold for both signs, and would paint what is negative as barely positive.
    image = Nifti1Image(np.maximum(np.asarray(image.dataobj), 0), image.affine)
    highest, peak = highest_value(image)
    empty = highest <= threshold
    if place is None:
        place = (0.0, 0.0, 0.0) if empty else (float(peak[0]), float(peak[1]), float(peak[2]))
    view = view_img(
        image,
        threshold=threshold,
        vmin=threshold,
        # Of a map without anything to show the scale says where it would begin.
        vmax=2 * threshold if empty else highest,
        cmap=ListedColormap(colormaps[_COLOUR_MAP](np.linspace(_FIRST_COLOUR, 1, 256))),
        symmetric_cmap=False,
        cut_coords=place,
        resampling_interpolation="nearest",
        black_bg=True,
    )
    words = f"<p>{html.escape(shown.words)}</p>"
    # Of one version the title is another, and an icon is linked to that is elsewhere.
    page = re.sub(r"<link[^>]*https?:[^>]*>", "", view.html)
    titled = f"<title>{html.escape(title)}</title>"
    page = re.sub("<title>.*?</title>", lambda _: titled, page, count=1, flags=re.DOTALL)
    return page.replace("</head>", f"{_STYLE}</head>", 1).replace("</body>", f"{words}</body>", 1)
