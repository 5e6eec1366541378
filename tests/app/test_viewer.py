"""The interactive viewer shows what is high, where it is high."""

import io
import json
import re
import shutil
import subprocess
from base64 import b64decode

import nibabel
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("starlette")

from sklearn_mnm.app._shown import Shown
from sklearn_mnm.app._viewer import viewer_page
from sklearn_mnm.brain import cluster_table, name_coordinates
from sklearn_mnm.brain.anatomical_labels import label_lookup
from sklearn_mnm.brain.atlas import load_mask

# What the script of the frame finds around it: the page of nilearn, and the page that asks.
AROUND = """
const [map, script, asked, origin] = JSON.parse(require("fs").readFileSync(0, "utf8"));
const here = { textContent: "" }, told = [], listeners = [];
globalThis.document = { getElementById: (id) => (id === "map" ? { textContent: map } : here) };
globalThis.parent = { postMessage: (message) => told.push(message) };
globalThis.window = { addEventListener: (_, listener) => listeners.push(listener) };
const slices = { numSlice: {}, coordinatesSlice: {}, nbSlice: { X: 99, Y: 117, Z: 95 } };
slices.drawAll = () => {};
slices.init = () => ["X", "Y", "Z"].forEach((axis, row) => {
  const { affine, numSlice } = slices;
  slices.coordinatesSlice[axis] = affine[row][row] * (numSlice[axis] + 1) + affine[row][3];
});
window.brainsprite = (options) => Object.assign(slices, options);
eval(script);
const affine = [[2, 0, 0, origin[0]], [0, 2, 0, origin[1]], [0, 0, 2, origin[2]], [0, 0, 0, 1]];
window.brainsprite({ affine, numSlice: { X: 0, Y: 0, Z: 0 } });
const ask = () => {
  if (!here.textContent.includes(" mm: ")) return setTimeout(ask, 20);
  const said = [here.textContent];
  for (const place of asked) {
    listeners[0]({ source: parent, data: { place } });
    const { X, Y, Z } = slices.coordinatesSlice;
    const drawn = [slices.numSlice.X, slices.numSlice.Y, slices.numSlice.Z];
    said.push([here.textContent, told.at(-1).place, [X, Y, Z], drawn]);
  }
  slices.numSlice = { X: 56, Y: 73, Z: 34 };
  slices.init();
  slices.onclick();
  said.push([here.textContent, told.at(-1).moved]);
  console.log(JSON.stringify(said));
};
ask();
"""


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


def cut_of(page):
    """Slices that are drawn; the script of the viewer adds what earlier nilearns lack."""
    numbers = json.loads(re.search(r'"numSlice": ({[^}]*})', page)[1])
    origin = np.array(json.loads(re.search(r'"affine": (\[\[.*?\]\])', page)[1]))[:3, 3]
    added = np.allclose(origin, load_mask(resolution=2).affine[:3, 3])
    return {axis: number + added for axis, number in numbers.items()}


def test_the_slices_cross_at_first_where_the_map_is_highest(grid, high):
    values = high.copy()
    values[30, 31, 22] = 4

    def cut(place):
        return cut_of(viewer_page(shown(grid, values), "z", place))

    at_peak = tuple((grid.affine @ [30, 31, 22, 1])[:3])
    assert cut(None) == cut(at_peak) != cut((0, 0, 0))


def test_of_a_flat_map_they_cross_where_its_cluster_has_its_peak():
    grid = load_mask(resolution=2)
    values = np.zeros(grid.shape)
    values[40:47, 60:67, 40:45] = 3.5
    flat = shown(grid, values)
    peak = cluster_table(flat.image, flat.threshold).loc[0, ["x", "y", "z"]]
    assert cut_of(viewer_page(flat, "z")) == cut_of(viewer_page(flat, "z", tuple(peak)))


def overlay(page):
    """Opacity of what is painted over the brain, and the colours of the scale."""

    def picture(name):
        content = re.search(f'id="{name}[^"]*"[^>]*?base64,([^"]*)"', page, re.DOTALL)[1]
        return np.array(Image.open(io.BytesIO(b64decode(content))).convert("RGBA"))

    painted = picture("overlayImg")[..., 3]
    # Of ten rows of ten sagittal slices the last one is not used.
    painted[-95:, -117:] = 0
    return painted, picture("colorMap")[..., :3]


def test_a_map_of_which_nothing_reaches_the_threshold_opens_at_its_maximum_and_says_so(recwarn):
    grid = load_mask(resolution=2)
    values = -2.5 * np.asarray(grid.dataobj)
    values[60, 80, 40] = 1.5
    page = viewer_page(shown(grid, values), "z")
    words = "z: nothing reaches 2; highest value 1.5 at MNI (22, 26, 8) mm, "
    assert re.search("<body>\\s*<p>(.*?)</p>", page)[1].startswith(words)
    assert page.index(words) < page.index("<canvas")
    assert page.count("highest value") == 1
    assert cut_of(page) == {"X": 60, "Y": 80, "Z": 40}
    painted, scale = overlay(page)
    assert not painted.any()
    assert (scale == scale[0, 0, 0]).all()
    assert re.search(r'"colorMap": {[^}]*"min": 0(\.0)?, "max": 1\.5', page)
    # At a threshold that is reached it is painted.
    painted, scale = overlay(viewer_page(shown(grid, values)._replace(threshold=1.0), "z"))
    assert (painted > 0).sum() == 1
    assert np.ptp(scale[0, 0].astype(int)) > 50
    assert not [warning for warning in recwarn if warning.category is UserWarning]


def test_a_map_without_anything_positive_has_a_place_and_no_scale():
    grid = load_mask(resolution=2)
    values = -2.5 * np.asarray(grid.dataobj)
    values[60, 80, 40] = -1.5
    page = viewer_page(shown(grid, values), "z")
    assert "<p>z: nothing reaches 2; highest value -1.5 at MNI (22, 26, 8) mm, " in page
    assert cut_of(page) == {"X": 60, "Y": 80, "Z": 40}
    assert '"max"' not in page.partition("brainsprite({")[2].partition("})")[0]


def test_what_is_equal_to_the_threshold_is_painted(grid, high):
    equal = shown(grid, high)._replace(threshold=3.5)
    assert (overlay(viewer_page(equal, "z"))[0] > 0).sum() > 100
    assert " cm³ of at least 3.5" in equal.words


def test_the_brain_beneath_is_the_template_that_nilearn_shows(grid, high):
    from nilearn.plotting import view_img

    def picture(page):
        return re.search('id="spriteImg[^"]*"[^>]*base64,([^"]+)"', page)[1]

    usual = view_img(
        shown(grid, high).image, threshold=1, resampling_interpolation="nearest", black_bg=True
    )
    assert picture(viewer_page(shown(grid, high), "map")) == picture(usual.html)


@pytest.fixture(scope="module")
def uneven():
    """Another value in each voxel of the viewer's grid."""
    grid = load_mask(resolution=2)
    rows = np.arange(grid.shape[1], dtype=np.float32)[None, :, None]
    return Shown(nibabel.Nifti1Image(rows * np.ones(grid.shape, np.float32), grid.affine), 1.0, "z")


def said_of(shown, first, places, origin=(-100, -136, -74)):
    """Run the script of the viewer, ask it for places, and click on the last slices.

    Brainsprite reads the coordinates of a slice as those of the next one. Nilearn moves the origin
    of the grid from 0.14.1 on, so that both fit; before, it does not.
    """
    if shutil.which("node") is None:
        pytest.skip("there is no node to run the script of the viewer")
    page = viewer_page(shown, "z", first)
    known = re.search('<script type="application/json" id="map">(.*?)</script>', page)[1]
    script = re.search("</script><script>(// In the frame.*?)</script>", page, re.DOTALL)[1]
    given = json.dumps([known, script, places, origin])
    ran = subprocess.run(
        ["node", "-e", AROUND], input=given, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.parametrize("origin", [(-98, -134, -72), (-100, -136, -74)], ids=["before", "since"])
def test_names_are_those_of_the_very_place_and_values_of_the_nearest_voxel(uneven, origin):
    rng = np.random.default_rng(0)
    whole = rng.integers((-75, -110, -60), (76, 80, 85), (2000, 3))
    parts = rng.uniform((-75, -110, -60), (76, 80, 85), (500, 3)).round(2)
    places = [[14, 11, -4], *whole.tolist(), *parts.tolist()]
    _, *said, clicked = said_of(uneven, (14.0, 11.0, -4.0), places, origin)
    named = name_coordinates(places)
    inside = np.asarray(load_mask(resolution=2).dataobj) != 0
    n_outside = 0
    for place, name, distance, (text, told, slices, drawn) in zip(
        places, named["name"], named["distance"], said, strict=True
    ):
        expected = f"near {name}" if distance > 0 else name
        voxel = np.rint(np.add(place, (98, 134, 72)) / 2).astype(int)
        centre = np.subtract(2 * voxel, (98, 134, 72)).tolist()
        assert told == place
        assert slices == centre
        assert drawn == voxel.tolist()
        start = f"({', '.join(f'{mm:g}' for mm in place)}) mm: "
        if inside[tuple(voxel)]:
            value, where, found = re.fullmatch(
                r"z (\S+)( in the voxel of .*?\))?, (.*)", text[len(start) :]
            ).groups()
            assert float(value) == pytest.approx(voxel[1], abs=0.3)
            nearest = f" in the voxel of ({', '.join(map(str, centre))})"
            assert where == (None if centre == place else nearest)
        else:
            n_outside += 1
            found = (
                re.fullmatch("outside the brain(?:, (.*))?", text[len(start) :])[1] or "no label"
            )
        assert text.startswith(start)
        assert found == expected
    assert 100 < n_outside < 1500
    assert named["name"][0] == "right putamen"
    assert clicked == ["(14, 12, -4) mm: z 72.9, near right caudate nucleus", True]


def test_the_place_of_an_address_is_told_as_it_was_asked_for(uneven):
    first = said_of(uneven, (14.0, 11.0, -4.0), [])[0]
    assert first.startswith("(14, 11, -4) mm: z ")
    assert first.endswith(" in the voxel of (14, 10, -4), near right putamen")
    assert cut_of(viewer_page(uneven, "z", (14, 11, -4))) == {"X": 56, "Y": 72, "Z": 34}


def test_labels_lie_on_the_grid_of_the_viewer():
    grid, labels = load_mask(resolution=2), label_lookup()
    assert labels.values.shape == grid.shape
    np.testing.assert_allclose(labels.to_voxel, np.linalg.inv(grid.affine))
