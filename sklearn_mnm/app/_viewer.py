"""The interactive viewer: a page of nilearn's, which stands alone and is shown in a frame."""

import gzip
import html
import json
import math
import re
from base64 import b64encode
from functools import cache
from importlib.resources import files
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

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
    "font: .875rem/1.4 system-ui, sans-serif; } output { min-height: 1.4em; } "
    # Of some versions there is a slider, for which small screens have no room.
    "@media (max-width: 30rem) { div:has(> [type=range]) { display: none !important; } }</style>"
)
# In the page that is alike, where something of a map is put.
_GAP = "\0"
# A picture of one pixel, as nilearn's page waits for all of its pictures.
_DOT = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
# Of values that the page holds: the last one is the highest value alone.
_N_LEVELS = 2**16 - 1
# A value is told in so many steps, at least, from the lowest to the highest.
_N_TOLD = 254
# Threads that ask at once wait for the first.
_MAKING = Lock()


class _Frame(NamedTuple):
    """What is alike in the pages of all maps, as the parts between which the rest is put."""

    before_title: str
    before_words: str
    before_map: str
    after_map: str


def viewer_page(shown: Shown, title: str, place: tuple[float, float, float] | None = None) -> str:
    """Make the page that shows a map on the MNI152 template that comes with nilearn.

    The page holds the values, each to some 0.001 % of their range, and its script paints them:
    other slices and other thresholds need no other page.

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
    from nilearn.image import resample_to_img

    # To the grid of nilearn's template here, as its versions disagree on how view_img may do it.
    # There, nearest voxels are the same ones. Most maps are on it.
    image, grid = shown.image, load_mask(resolution=2)
    if image.shape != grid.shape or not np.array_equal(image.affine, grid.affine):
        image = resample_to_img(
            image, grid, interpolation="linear", force_resample=True, copy_header=True
        )
    if place is None:
        _, peak = highest_value(image, shown.threshold)
        place = (float(peak[0]), float(peak[1]), float(peak[2]))
    known = {
        **_levels(np.asarray(image.dataobj, dtype=np.float64), shown.threshold),
        "place": place,
        "unit": shown.unit,
        "threshold": shown.threshold,
        "highestWords": shown.highest_words,
    }
    frame = _frame()
    parts = (
        *(frame.before_title, html.escape(title), frame.before_words, html.escape(shown.words)),
        *(frame.before_map, _as_json(known), frame.after_map),
    )
    return "".join(parts)


def _levels(values: np.ndarray, threshold: float) -> dict[str, Any]:
    """Divide values into levels of equal width, one of which begins at what is shown."""
    lowest, highest = float(values.min()), float(values.max())
    is_shown = (values > 0) & (values >= threshold)
    # Two to spare: for the highest value, and as the first level begins below the lowest.
    width = (highest - lowest) / (_N_LEVELS - 2) or 1.0
    n_below, start = 0, lowest
    if is_shown.any():
        edge = float(np.min(values, where=is_shown, initial=highest))
        n_below = math.ceil((edge - lowest) / width)
        start = edge - n_below * width
    levels = np.clip((values - start) / width, 0, _N_LEVELS - 2).astype(np.uint16)
    if n_below:  # also where the division is not exact
        np.copyto(levels, n_below, where=is_shown & (levels < n_below))
        np.copyto(levels, n_below - 1, where=~is_shown & (levels >= n_below))
    levels[values == highest] = _N_LEVELS - 1
    high = (levels >> 8).astype(np.uint8).ravel()
    told = (highest - lowest or abs(highest) or 1.0) / _N_TOLD
    return {
        "start": start,
        "width": width,
        "lowest": lowest,
        "highest": highest,
        "nBelow": n_below if is_shown.any() else _N_LEVELS,
        "decimals": min(max(0, math.ceil(-math.log10(told))), 20),
        # Differences of neighbours, modulo 256, are small numbers.
        "high": _packed(np.diff(high, prepend=np.uint8(0)).tobytes()),
        "low": _packed(levels.astype(np.uint8).tobytes()),
    }


def _frame() -> _Frame:
    """Give what is alike in all pages, made by the first thread that asks."""
    with _MAKING:
        return _made_frame()


@cache
def _made_frame() -> _Frame:
    """Make nilearn's page of a map that is painted over, once."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap
    from nibabel import Nifti1Image
    from nilearn.plotting import view_img

    grid = load_mask(resolution=2)
    view = view_img(
        Nifti1Image(np.asarray(grid.dataobj, dtype=np.float32), grid.affine),
        threshold=0,
        vmin=0,
        vmax=1,
        cmap=ListedColormap(colormaps[_COLOUR_MAP](np.linspace(_FIRST_COLOUR, 1, 256))),
        symmetric_cmap=False,
        cut_coords=(0, 0, 0),
        resampling_interpolation="nearest",
        black_bg=True,
    )
    alike = {
        "shape": grid.shape,
        "origin": grid.affine[:3, 3].tolist(),
        "size": float(grid.affine[0, 0]),
        "last": _N_LEVELS - 1,
        "inside": _packed(np.asarray(grid.dataobj, dtype=np.uint8).tobytes()),
        **_names(),
    }
    script = (files("sklearn_mnm.app") / "static" / "viewer.js").read_text(encoding="utf-8")
    # Of one version an icon is linked to that is elsewhere; what is painted here is not shown.
    page = re.sub(r"<link[^>]*https?:[^>]*>", "", view.html)
    page = re.sub('(id="overlayImg[^"]*"[^>]*?src=")[^"]*', rf"\1{_DOT}", page, count=1)
    page = re.sub("<title>.*?</title>", f"<title>{_GAP}</title>", page, count=1, flags=re.DOTALL)
    page = page.replace("</head>", f"{_STYLE}</head>", 1)
    page = page.replace("<body>", f'<body><p id="words">{_GAP}</p>', 1)
    data = '<script type="application/json" id='
    ours = (
        f'<output id="here"></output>{data}"alike">{_as_json(alike)}</script>'
        f'{data}"map">{_GAP}</script><script>{script}</script>'
    )
    # The last script is the one that begins to draw: some versions do so at once.
    before, tag, after = page.rpartition("<script")
    return _Frame(*f"{before}{ours}{tag}{after}".split(_GAP))


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


def _as_json(facts: dict[str, Any]) -> str:
    """Write facts into a script of a page, which no tag may end."""
    return json.dumps(facts).replace("<", "\\u003c")


def _packed(content: bytes) -> str:
    return b64encode(gzip.compress(content, compresslevel=1, mtime=0)).decode()
