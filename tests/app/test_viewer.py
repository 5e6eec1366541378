"""The interactive viewer shows what is high, where it is high."""

import json
import re
import shutil
import subprocess

import nibabel
import numpy as np
import pytest

pytest.importorskip("starlette")

from sklearn_mnm.app._shown import Shown
from sklearn_mnm.app._viewer import viewer_page
from sklearn_mnm.brain import cluster_table, name_coordinates
from sklearn_mnm.brain.anatomical_labels import label_lookup
from sklearn_mnm.brain.atlas import load_mask

# What the script of the frame finds around it: the page of nilearn, and the page that asks.
AROUND = """
const [alike, map, script, asked, origin] = JSON.parse(require("fs").readFileSync(0, "utf8"));
const here = { textContent: "" }, words = { textContent: "as given" };
const posted = [], listeners = [], size = { width: 10 * 117, height: 10 * 95 };
const elements = { here, words, alike: { textContent: alike }, map: { textContent: map } };
elements.sprite = size;
elements.overlay = { id: "overlay", replaceWith: (canvas) => (elements.overlay = canvas) };
let painted;
const context = {
  createImageData: (width, height) => ({ width, data: new Uint8ClampedArray(4 * width * height) }),
  putImageData: (picture) => (painted = picture),
};
const createElement = () => ({ getContext: () => context });
globalThis.document = { getElementById: (id) => elements[id], createElement };
globalThis.location = { search: "?q=pain" };
globalThis.parent = { postMessage: (message) => posted.push(message) };
globalThis.window = { addEventListener: (_, listener) => listeners.push(listener) };
const slices = { numSlice: {}, coordinatesSlice: {}, nbCol: 10 };
slices.drawAll = () => {};
slices.init = () => ["X", "Y", "Z"].forEach((axis, row) => {
  const { affine, numSlice } = slices;
  slices.coordinatesSlice[axis] = affine[row][row] * (numSlice[axis] + 1) + affine[row][3];
});
// Shades that tell their number.
const shades = Uint8ClampedArray.from({ length: 4 * 256 }, (_, at) => [at >> 2, 0, 0, 255][at % 4]);
window.brainsprite = (options) => {
  const scale = { canvas: { width: 256 }, context: { getImageData: () => ({ data: shades }) } };
  const overlay = { sprite: elements[options.overlay.sprite] };
  const colorMap = { ...options.colorMap, ...scale };
  return Object.assign(slices, options, { overlay, colorMap });
};
eval(script);
const affine = [[2, 0, 0, origin[0]], [0, 2, 0, origin[1]], [0, 0, 2, origin[2]], [0, 0, 0, 1]];
window.brainsprite({
  affine, numSlice: { X: 0, Y: 0, Z: 0 }, nbSlice: { X: 99, Y: 117, Z: 95 },
  sprite: "sprite", overlay: { sprite: "overlay" }, colorMap: { min: 0, max: 1 },
});
const first = { ...slices.numSlice };
// Shade of each voxel, -1 where nothing is painted.
const seen = () => Array.from({ length: 99 * 117 * 95 }, (_, voxel) => {
  const [x, y, z] = [Math.floor(voxel / (117 * 95)), Math.floor(voxel / 95) % 117, voxel % 95];
  const row = Math.floor(x / 10) * 95 + 94 - z;
  const pixel = 4 * (row * size.width + (x % 10) * 117 + y);
  return painted.data[pixel + 3] ? painted.data[pixel] : -1;
});
const state = () => {
  const { min, max, hide } = slices.colorMap;
  const shown = seen();
  const voxels = shown.map((shade, voxel) => [voxel, shade]).filter(([, shade]) => shade >= 0);
  const ends = [min, max].map((end) => window.displayFloat(end, 3));
  return { words: words.textContent, scale: [min, max, hide], ends, voxels };
};
const ask = () => {
  if (!here.textContent.includes(" mm: ")) return setTimeout(ask, 20);
  const said = [[here.textContent, first, state()]];
  for (const { threshold, ...data } of asked) {
    listeners[0]({ source: parent, data: { ...data, threshold } });
    const { X, Y, Z } = slices.coordinatesSlice;
    const drawn = [slices.numSlice.X, slices.numSlice.Y, slices.numSlice.Z];
    said.push([here.textContent, posted.at(-1).place, [X, Y, Z], drawn]);
    if (threshold !== undefined) said.at(-1).push(state());
  }
  slices.numSlice = { X: 56, Y: 73, Z: 34 };
  slices.init();
  slices.onclick();
  said.push([here.textContent, posted.at(-1).moved]);
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


def said_of(page, asked=(), origin=(-100, -136, -74)):
    """Run the script of the viewer, ask it for places, and click on the last slices.

    Brainsprite reads the coordinates of a slice as those of the next one. Nilearn moves the origin
    of the grid from 0.14.1 on, so that both fit; before, it does not.
    """
    if shutil.which("node") is None:
        pytest.skip("there is no node to run the script of the viewer")
    scripts = re.findall("<script[^>]*>(.*?)</script>", page, re.DOTALL)[-4:-1]
    given = json.dumps([*scripts, [*asked], origin])
    ran = subprocess.run(
        ["node", "-e", AROUND], input=given, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def painted(state):
    """Shade of each voxel, -1 where nothing is painted."""
    shades = np.full(99 * 117 * 95, -1)
    if state["voxels"]:
        voxels, found = np.transpose(state["voxels"])
        shades[voxels] = found
    return shades.reshape(99, 117, 95)


def first_of(page):
    """Slices that are drawn at first, and what is seen then."""
    _, cut, state = said_of(page)[0]
    return cut, painted(state), state["scale"], state["words"]


@pytest.mark.parametrize("threshold", [2.0, 0.3, 3.4999, 3.5])
def test_what_reaches_the_threshold_is_painted_to_the_voxel(threshold):
    grid = load_mask(resolution=2)
    # Rounded, so that many are equal to thresholds.
    values = np.random.default_rng(0).normal(0, 1.5, grid.shape).clip(-6, 3.5).round(1)
    given = shown(grid, values)._replace(threshold=threshold)
    _, shades, scale, _ = first_of(viewer_page(given, "z"))
    expected = np.asarray(given.image.dataobj) >= threshold
    np.testing.assert_array_equal(shades >= 0, expected)
    assert scale == [threshold, 3.5, False]
    # In their order and from end to end of the scale.
    if threshold < 3:
        shares = (values[expected] - threshold) / (3.5 - threshold)
        np.testing.assert_allclose(shades[expected], 255 * shares, atol=4)


def test_what_is_negative_is_not_painted(grid, high):
    values = high.copy()
    values[10:16, 30:40, 15:25] = -6.0
    alone, both = (first_of(viewer_page(shown(grid, each), "z"))[1] for each in (high, values))
    assert (alone >= 0).any()
    np.testing.assert_array_equal(both >= 0, alone >= 0)


def cut_of(page):
    return first_of(page)[0]


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


def test_a_map_of_which_nothing_reaches_the_threshold_opens_at_its_maximum_and_says_so(recwarn):
    grid = load_mask(resolution=2)
    values = -2.5 * np.asarray(grid.dataobj)
    values[60, 80, 40] = 1.5
    page = viewer_page(shown(grid, values), "z")
    words = "z: nothing reaches 2; highest value 1.5 at MNI (22, 26, 8) mm, "
    assert re.search('<p id="words">(.*?)</p>', page)[1].startswith(words)
    assert page.index(words) < page.index("<canvas")
    cut, shades, scale, _ = first_of(page)
    assert cut == {"X": 60, "Y": 80, "Z": 40}
    assert (shades < 0).all()
    assert scale[2]  # hidden
    # At a threshold that is reached it is painted.
    _, shades, scale, _ = first_of(viewer_page(shown(grid, values)._replace(threshold=1.0), "z"))
    assert np.argwhere(shades >= 0).tolist() == [[60, 80, 40]]
    assert scale == [1, 1.5, False]
    assert not [warning for warning in recwarn if warning.category is UserWarning]


def test_a_map_without_anything_positive_has_a_place_and_no_scale():
    grid = load_mask(resolution=2)
    values = -2.5 * np.asarray(grid.dataobj)
    values[60, 80, 40] = -1.5
    page = viewer_page(shown(grid, values), "z")
    assert '<p id="words">z: nothing reaches 2; highest value -1.5 at MNI (22, 26, 8) mm, ' in page
    cut, shades, scale, _ = first_of(page)
    assert cut == {"X": 60, "Y": 80, "Z": 40}
    assert (shades < 0).all()
    assert scale[2]


def test_values_are_told_to_the_digits_that_are_shown():
    grid = load_mask(resolution=2)
    random = np.random.default_rng(0)
    values = random.normal(0, 1.5, grid.shape)
    values[50, 60, 40] = 180  # far above all others
    voxels = random.integers((20, 20, 20), (80, 100, 70), (50, 3))
    places = nibabel.affines.apply_affine(grid.affine, voxels).tolist()
    page = viewer_page(shown(grid, values), "z")
    _, *said, _ = said_of(page, [{"place": place} for place in places])
    inside = np.asarray(grid.dataobj) != 0
    for voxel, (text, *_) in zip(map(tuple, voxels), said, strict=True):
        if inside[voxel]:
            assert float(re.search(": z (\\S+),", text)[1]) == pytest.approx(
                values[voxel], abs=0.06
            )
    flat = viewer_page(shown(grid, np.full(grid.shape, 3.3)), "z")
    assert ": z 3.30, " in said_of(flat)[0][0]


def test_ends_of_the_range_are_told_exactly():
    grid = load_mask(resolution=2)
    values = np.zeros(grid.shape)
    values[50:60, 60:70, 40:50] = np.linspace(0.01, 4.321, 1000).reshape(10, 10, 10)
    page = viewer_page(shown(grid, values), "z")
    places = nibabel.affines.apply_affine(grid.affine, [(40, 60, 40), (59, 69, 49)]).tolist()
    _, nothing, peak, _ = said_of(page, [{"place": place} for place in places])
    assert ": z 0.00, " in nothing[0]
    assert ": z 4.32, " in peak[0]


def test_another_threshold_is_painted_and_told_without_asking_the_server(uneven):
    page = viewer_page(uneven, "z")
    place = [14, 10, -4]
    (_, _, first), *asked, _ = said_of(
        page, [{"place": place, "threshold": least} for least in (90.5, 500, None, 1)]
    )
    higher, none, usual, same = (state for *_, state in asked)
    values = np.asarray(uneven.image.dataobj)
    np.testing.assert_array_equal(painted(higher) >= 0, values >= 90.5)
    where = re.search("highest value .*? mm, [^;]*", uneven.words)[0]
    # As the server says it.
    assert higher["words"] == uneven._replace(threshold=90.5).words
    assert higher["scale"] == [90.5, 116, False]
    assert higher["ends"] == ["90.5", "116"]
    assert (none["words"], none["voxels"]) == (f"z: nothing reaches 500; {where}", [])
    assert none["scale"][2]
    assert usual == same == first
    assert first["words"] == "as given"


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


@pytest.mark.parametrize("origin", [(-98, -134, -72), (-100, -136, -74)], ids=["before", "since"])
def test_names_are_those_of_the_very_place_and_values_of_the_nearest_voxel(uneven, origin):
    rng = np.random.default_rng(0)
    whole = rng.integers((-75, -110, -60), (76, 80, 85), (2000, 3))
    parts = rng.uniform((-75, -110, -60), (76, 80, 85), (500, 3)).round(2)
    places = [[14, 11, -4], *whole.tolist(), *parts.tolist()]
    page = viewer_page(uneven, "z", (14.0, 11.0, -4.0))
    _, *said, clicked = said_of(page, [{"place": place} for place in places], origin)
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
    assert clicked == ["(14, 12, -4) mm: z 73.0, near right caudate nucleus", True]


def test_the_place_of_an_address_is_told_as_it_was_asked_for(uneven):
    first, cut, _ = said_of(viewer_page(uneven, "z", (14.0, 11.0, -4.0)))[0]
    assert first.startswith("(14, 11, -4) mm: z ")
    assert first.endswith(" in the voxel of (14, 10, -4), near right putamen")
    assert cut == {"X": 56, "Y": 72, "Z": 34}


def test_labels_lie_on_the_grid_of_the_viewer():
    grid, labels = load_mask(resolution=2), label_lookup()
    assert labels.values.shape == grid.shape
    np.testing.assert_allclose(labels.to_voxel, np.linalg.inv(grid.affine))
