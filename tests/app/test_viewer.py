"""The interactive viewer shows what is high, where it is high."""

import json
import re

import nibabel
import numpy as np
import pytest

pytest.importorskip("starlette")

from sklearn_mnm.app._shown import Shown
from sklearn_mnm.app._viewer import viewer_page
from sklearn_mnm.brain.atlas import load_mask


@pytest.fixture(scope="module")
def grid():
    return load_mask(resolution=4)


def shown(grid, values):
    return Shown(nibabel.Nifti1Image(values.astype(np.float32), grid.affine), 2.0, "z")


@pytest.fixture(scope="module")
def high(grid):
    """3.5 in a cube on the right, 0 elsewhere."""
    values = np.zeros(grid.shape)
    values[28:32, 30:34, 20:24] = 3.5
    return values


def test_what_is_negative_is_not_painted(grid, high):
    values = high.copy()
    values[10:16, 30:40, 15:25] = -6.0
    pictures, expected = (
        re.findall(r"data:image/png;base64,[^\"']+", viewer_page(shown(grid, each), "z"))
        for each in (values, high)
    )
    assert pictures
    assert pictures == expected


def test_the_slices_cross_at_first_where_the_map_is_highest(grid, high):
    def cut(place):
        page = viewer_page(shown(grid, high), "z", place)
        return json.loads(re.search(r'"numSlice": ({[^}]*})', page).group(1))

    peak = np.argwhere(high == high.max())[0]
    at_peak = tuple((grid.affine @ [*peak, 1])[:3])
    assert cut(None) == cut(at_peak) != cut((0, 0, 0))


def test_a_map_with_nothing_above_the_threshold_says_so(grid, high):
    page = viewer_page(shown(grid, -high), "z")
    assert "brainsprite(" in page


def test_the_brain_beneath_is_the_template_that_nilearn_shows(grid, high):
    from nilearn.plotting import view_img

    def picture(page):
        return re.search('id="spriteImg[^"]*"[^>]*base64,([^"]+)"', page)[1]

    usual = view_img(
        shown(grid, high).image, threshold=1, resampling_interpolation="nearest", black_bg=True
    )
    assert picture(viewer_page(shown(grid, high), "map")) == picture(usual.html)
