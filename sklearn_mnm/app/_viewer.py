"""The interactive viewer: a page of nilearn's, which stands alone and is shown in a frame."""

import gzip
import html
import json
import math
import re
from base64 import b64encode
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from nibabel.affines import apply_affine

from sklearn_mnm.app._shown import Shown
from sklearn_mnm.brain.anatomical_labels import EQUAL, NEAR, label_lookup
from sklearn_mnm.brain.atlas import load_mask
from sklearn_mnm.brain.clusters import highest_value

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
    "p, output { display: block; margin: .4rem .8rem; color: #e6e6e6; "
    "font: .875rem/1.4 system-ui, sans-serif; } output { min-height: 1.4em; }</style>"
)
# Of all calls of view_img.
_ALIKE: dict[str, Any] = {"resampling_interpolation": "nearest", "black_bg": True}
# The picture of the brain in nilearn's page, and what stands before it.
_BACKGROUND = re.compile('(id="spriteImg[^"]*"[^>]*?base64,)([^"]*)')
# Of values that the page holds: 0 is outside the brain.
_N_LEVELS = 255


def viewer_page(shown: Shown, title: str, place: tuple[float, float, float] | None = None) -> str:
    """Make the page that shows a map on the MNI152 template that comes with nilearn.

    Parameters
    ----------
    shown : Shown
    title : str
        Says what is shown.
    place : (float, float, float) or None
        Where the slices cross at first, in mm: in the nearest voxel of 2 mm, whose value is told,
        with the name of the place itself. If None, they cross where the map is highest.

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
    values = np.asarray(image.dataobj)
    highest, peak = highest_value(image, threshold)
    if place is None:
        place = (float(peak[0]), float(peak[1]), float(peak[2]))
    voxel = np.rint(apply_affine(np.linalg.inv(grid.affine), place))
    background = _background()
    # Thresholds of nilearn are of both signs, and what is equal to them is not shown.
    painted = np.where((values > 0) & (values.astype(np.float64) >= threshold), values, 0)
    is_empty = not painted.any()
    # The scale of an empty map has no colour, as the map has none.
    colours = colormaps["gray" if is_empty else _COLOUR_MAP]
    shades = np.full(256, 0.5) if is_empty else np.linspace(_FIRST_COLOUR, 1, 256)
    view = view_img(
        Nifti1Image(painted, image.affine),
        threshold=0,
        vmin=0 if is_empty else threshold,
        vmax=highest if highest > 0 else 1,
        cmap=ListedColormap(colours(shades)),
        colorbar=highest > 0,
        symmetric_cmap=False,
        cut_coords=apply_affine(grid.affine, voxel),
        # Encoding it takes longer than the map: it is put in below, where its place is known.
        bg_img="MNI152" if background is None else False,
        **_ALIKE,
    )
    known = _known(values, grid, shown.unit, place)
    words = f"<p>{html.escape(shown.words)}</p>"
    # That there is nothing to see is said where it would be looked for.
    above, below = (words, "") if is_empty else ("", words)
    # Of one version the title is another, and an icon is linked to that is elsewhere.
    page = re.sub(r"<link[^>]*https?:[^>]*>", "", view.html)
    if background is not None:
        page = _BACKGROUND.sub(lambda found: f"{found[1]}{background}", page, count=1)
    titled = f"<title>{html.escape(title)}</title>"
    page = re.sub("<title>.*?</title>", lambda _: titled, page, count=1, flags=re.DOTALL)
    page = page.replace("</head>", f"{_STYLE}</head>", 1).replace("<body>", f"<body>{above}", 1)
    return page.replace("</body>", f'<output id="here"></output>{below}{known}</body>', 1)


def _known(values: np.ndarray, grid: Any, unit: str, place: tuple[float, float, float]) -> str:
    """Write what is known of each voxel, and the script that tells it where the slices cross."""
    inside = np.asarray(grid.dataobj) != 0
    values = values.astype(np.float64)
    lowest, highest = values[inside].min(), values[inside].max()
    step = (highest - lowest) / (_N_LEVELS - 1) or 1.0
    levels = np.where(inside, np.rint((values - lowest) / step) + 1, 0)
    # Differences of neighbours, modulo 256, are small numbers.
    levels = np.diff(np.clip(levels, 0, _N_LEVELS).astype(np.uint8).ravel(), prepend=np.uint8(0))
    known = {
        "place": place,
        "shape": inside.shape,
        "origin": grid.affine[:3, 3].tolist(),
        "size": float(grid.affine[0, 0]),
        "unit": unit,
        "lowest": float(lowest),
        "step": float(step),
        # As many as a step has a say in.
        "decimals": min(max(0, math.ceil(-math.log10(step))), 20),
        "values": _packed(levels.tobytes()),
        **_names(),
    }
    script = (files("sklearn_mnm.app") / "static" / "viewer.js").read_text(encoding="utf-8")
    data = json.dumps(known).replace("<", "\\u003c")
    return f'<script type="application/json" id="map">{data}</script><script>{script}</script>'


@cache
def _background() -> str | None:
    """Picture of the MNI152 template, as nilearn puts it into pages; None if it is not found."""
    from nibabel import Nifti1Image
    from nilearn.plotting import view_img

    grid = load_mask(resolution=2)
    # On any map.
    image = Nifti1Image(np.asarray(grid.dataobj, dtype=np.float32), grid.affine)
    view = view_img(image, threshold=0.5, symmetric_cmap=False, cut_coords=(0, 0, 0), **_ALIKE)
    found = _BACKGROUND.search(view.html)
    return None if found is None else found[2]


@cache
def _names() -> dict[str, Any]:
    """Labels of the voxels, which lie on the grid, and the rule by which places get their names."""
    labels = label_lookup()
    return {
        "labels": _packed(labels.values.astype(np.uint8).tobytes()),
        "names": labels.table["name"].tolist(),
        "isFront": labels.is_front.tolist(),
        "near": NEAR,
        "equal": EQUAL,
    }


def _packed(content: bytes) -> str:
    return b64encode(gzip.compress(content, compresslevel=3, mtime=0)).decode()
