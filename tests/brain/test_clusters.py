"""The table of clusters: nilearn's, with names."""

import warnings

import nibabel
import numpy as np
import pandas as pd
import pytest
from nibabel.affines import apply_affine
from nilearn.datasets import load_sample_motor_activation_image
from nilearn.reporting import get_clusters_table
from scipy import ndimage

from sklearn_mnm import load_pretrained
from sklearn_mnm.brain import cluster_table, name_coordinates
from sklearn_mnm.brain.clusters import LEAST_VOLUME, highest_value, shown_clusters
from sklearn_mnm.exceptions import DataWarning, InvalidInputError

AFFINE = np.array([[-4.0, 0, 0, 74], [0, 4, 0, -108], [0, 0, 4, -66], [0, 0, 0, 1]])
SHAPE = (38, 46, 38)


def smooth_noise(seed, fwhm=12):
    values = np.random.default_rng(seed).standard_normal(SHAPE)
    values = ndimage.gaussian_filter(values, fwhm / 2.355 / 4)
    return nibabel.Nifti1Image(values / values.std(), AFFINE)


def of_nilearn(image, threshold, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        table = get_clusters_table(image, threshold, **options)
    volume = pd.to_numeric(table["Cluster Size (mm3)"], errors="coerce") / 1000
    return table.assign(volume=volume)


@pytest.mark.parametrize("seed", range(2))
def test_clusters_and_peaks_are_those_of_nilearn(seed):
    image = smooth_noise(seed)
    expected = of_nilearn(image, 2.0)
    found = cluster_table(image, 2.0, subpeaks=True)
    assert len(found) == len(expected) > 10
    np.testing.assert_allclose(found[["x", "y", "z"]], expected[["X", "Y", "Z"]])
    np.testing.assert_allclose(found["value"], expected["Peak Stat"])
    np.testing.assert_allclose(found["volume"], expected["volume"], atol=0.001)
    assert found["cluster"].tolist() == expected["Cluster ID"].astype(str).tolist()


def test_both_tails_are_those_of_nilearn():
    image = smooth_noise(5)
    expected = of_nilearn(image, 2.2, two_sided=True)
    found = cluster_table(image, 2.2, two_sided=True, subpeaks=True)
    np.testing.assert_allclose(found[["x", "y", "z"]], expected[["X", "Y", "Z"]])
    np.testing.assert_allclose(found["value"], expected["Peak Stat"])
    assert (found["value"] < 0).any()
    assert (cluster_table(image, 2.2)["value"] > 0).all()


def test_a_real_map_has_the_clusters_of_nilearn():
    """Its highest values are equal over many voxels, of which the middle one may be another."""
    image = load_sample_motor_activation_image()
    expected = of_nilearn(image, 3.1, two_sided=True)
    found = cluster_table(image, 3.1, two_sided=True)
    expected = expected[expected["volume"].notna()].reset_index(drop=True)
    np.testing.assert_allclose(np.sort(found["volume"]), np.sort(expected["volume"]), atol=0.001)
    np.testing.assert_allclose(found["value"], expected["Peak Stat"])


def test_the_motor_map_is_named_as_the_task_was():
    """Left against right hand: the right motor cortex and the left cerebellum."""
    found = cluster_table(load_sample_motor_activation_image(), 6, two_sided=True, min_volume=1)
    names = found.set_index("peak_name")["value"]
    assert names["right precentral gyrus"] > 0 > names["left postcentral gyrus"]
    assert names["left cerebellum"] > 0 > names["right cerebellum"]


def test_names_are_those_of_the_peak_and_of_most_of_the_cluster():
    image = smooth_noise(1)
    found = cluster_table(image, 2.0, max_distance=4)
    peaks = name_coordinates(found, max_distance=4)
    assert found["peak_name"].tolist() == peaks["name"].tolist()
    pd.testing.assert_series_equal(found["peak_distance"], peaks["distance"], check_names=False)
    labels, _ = ndimage.label(np.asarray(image.dataobj) >= 2.0)
    for row in found.itertuples(index=False):
        voxel = np.rint(apply_affine(np.linalg.inv(AFFINE), (row.x, row.y, row.z))).astype(int)
        places = apply_affine(AFFINE, np.argwhere(labels == labels[tuple(voxel)]))
        shares = name_coordinates(places, max_distance=4)["name"].value_counts(normalize=True)
        labelled = shares.drop("no label", errors="ignore")
        if len(labelled):
            assert row.cluster_share == pytest.approx(labelled.max())
            assert shares[row.cluster_name] == pytest.approx(labelled.max())
        else:
            assert (row.cluster_name, row.cluster_share) == ("no label", 1)


def plateaus(seed):
    """A map of few values, the highest of which many voxels have."""
    values = np.asarray(smooth_noise(seed).dataobj)
    return nibabel.Nifti1Image(np.clip(np.round(2 * values), -9, 3) / 2, AFFINE)


@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0, 1.5])
@pytest.mark.parametrize("seed", range(4))
def test_the_highest_value_is_where_the_first_cluster_has_its_peak(seed, threshold):
    image = plateaus(seed)
    first = cluster_table(image, threshold).loc[0]
    highest, place = highest_value(image, threshold)
    assert highest == first["value"] == 1.5
    assert (np.asarray(image.dataobj) == 1.5).sum() > 20
    np.testing.assert_array_equal(place, first[["x", "y", "z"]].astype(float))


def test_the_highest_value_of_several_side_by_side_is_the_middle_one():
    data = np.zeros(SHAPE)
    data[10:13, 20, 20] = 2
    image = nibabel.Nifti1Image(data, AFFINE)
    for threshold in (0, 2, 3):
        highest, place = highest_value(image, threshold)
        assert highest == 2
        np.testing.assert_allclose(place, apply_affine(AFFINE, (11, 20, 20)))


def test_a_map_without_anything_positive_has_a_highest_value_too():
    data = np.full(SHAPE, -3.0)
    data[10:13, 20, 20] = -2
    highest, place = highest_value(nibabel.Nifti1Image(data, AFFINE), 1.96)
    assert highest == -2
    np.testing.assert_allclose(place, apply_affine(AFFINE, (11, 20, 20)))


def spots(*values, background=0.0):
    """A map with one voxel for each value, far from each other."""
    data = np.full(SHAPE, background)
    places = [(15, 25, 25), (25, 25, 25), (15, 35, 25), (25, 15, 15)]
    for place, value in zip(places, values, strict=False):
        data[place] = value
    return nibabel.Nifti1Image(data, AFFINE)


def test_what_is_equal_to_the_threshold_counts():
    image = spots(3.0, 2.9999, -3.0)
    assert cluster_table(image, 3.0)["value"].tolist() == [3.0]
    assert cluster_table(image, 3.0, two_sided=True)["value"].tolist() == [3.0, -3.0]


def test_zero_is_never_a_cluster():
    assert cluster_table(spots(1.0, -1.0), 0)["value"].tolist() == [1.0]
    assert cluster_table(spots(1.0, -1.0), 0, two_sided=True)["value"].tolist() == [1.0, -1.0]


def test_volumes_are_voxels_times_their_size_and_small_ones_can_be_left_out():
    data = np.zeros(SHAPE)
    data[20:24, 30:33, 30:32] = 5
    data[35, 40, 35] = 9
    image = nibabel.Nifti1Image(data, AFFINE)
    found = cluster_table(image, 3)
    assert found["volume"].tolist() == pytest.approx([0.064, 24 * 0.064])
    large = cluster_table(image, 3, min_volume=0.1)
    assert large["cluster"].tolist() == ["1"]
    assert large["volume"].tolist() == pytest.approx([24 * 0.064])
    # A box of one value: its middle.
    np.testing.assert_allclose(
        large[["x", "y", "z"]].to_numpy()[0],
        apply_affine(AFFINE, (22, 31, 30)),
        atol=4,
    )


def test_pages_and_commands_leave_out_what_is_small_and_count_it():
    image = smooth_noise(4, fwhm=8)
    every = cluster_table(image, 1.5)
    shown = shown_clusters(image, 1.5, k=5)
    expected = cluster_table(image, 1.5, min_volume=LEAST_VOLUME, k=5)
    pd.testing.assert_frame_equal(shown.table, expected)
    assert shown.n_left_out == (every["volume"] < LEAST_VOLUME).sum() > 10
    assert len(shown.table) == 5 < len(every) - shown.n_left_out
    assert shown_clusters(spots(5.0, 4.0, -3.0), 3, k=5).n_left_out == 2
    assert shown_clusters(spots(5.0), 6, k=5).n_left_out == 0


def test_of_many_clusters_the_highest_can_be_had():
    image = smooth_noise(4, fwhm=8)
    every = cluster_table(image, 1.5, two_sided=True)
    some = cluster_table(image, 1.5, two_sided=True, k=3)
    assert len(every) > 50
    expected = [every[every["value"] > 0].head(3), every[every["value"] < 0].head(3)]
    pd.testing.assert_frame_equal(
        some.drop(columns="cluster"), pd.concat(expected, ignore_index=True).drop(columns="cluster")
    )
    assert some["cluster"].tolist() == list("123456")


def test_voxels_of_any_shape_and_direction_lie_where_the_affine_says():
    turned = np.array([[0, 0, 4.0, -100], [0, 2.0, 0, -120], [-3.0, 0, 0, 90], [0, 0, 0, 1]])
    data = np.zeros((60, 110, 50))
    data[22, 52, 30] = 4
    found = cluster_table(nibabel.Nifti1Image(data, turned), 3)
    np.testing.assert_allclose(
        found[["x", "y", "z"]].to_numpy()[0], apply_affine(turned, (22, 52, 30))
    )
    assert found["volume"].tolist() == pytest.approx([0.024])


def test_a_cluster_at_the_edge_of_the_image_is_found():
    data = np.zeros(SHAPE)
    data[0, 0, 0:3] = [4, 5, 4]
    found = cluster_table(nibabel.Nifti1Image(data, AFFINE), 3)
    np.testing.assert_allclose(
        found[["x", "y", "z"]].to_numpy()[0], apply_affine(AFFINE, (0, 0, 1))
    )
    assert found["peak_name"].tolist() == ["no label"]


def test_nothing_above_the_threshold_gives_no_rows_and_the_same_columns():
    empty = cluster_table(spots(1.0), 3)
    full = cluster_table(spots(5.0), 3)
    assert len(empty) == 0
    assert list(empty.columns) == list(full.columns)
    numbers = ["x", "y", "z", "value", "volume", "peak_distance", "cluster_share"]
    assert set(empty[numbers].dtypes.astype(str)) == {"float64"}


def test_what_is_not_finite_counts_as_zero():
    assert cluster_table(spots(5.0, np.nan, np.inf), 3)["value"].tolist() == [5.0]


@pytest.mark.parametrize(
    ("image", "threshold", "options", "told"),
    [
        (spots(), 3, {}, "0 everywhere"),
        (spots(background=np.nan), 3, {}, "0 everywhere|NaN or infinite"),
        (nibabel.Nifti1Image(np.ones((*SHAPE, 2)), AFFINE), 3, {}, "2 maps"),
        ("fear", 3, {}, "fear"),
        (3, 3, {}, "image"),
        (spots(5), -1, {}, "threshold"),
        (spots(5), np.nan, {}, "threshold"),
        (spots(5), "3", {}, "threshold"),
        (spots(5), 3, {"k": 0}, "k=0"),
        (spots(5), 3, {"min_volume": -1}, "min_volume"),
        (spots(5), 3, {"min_distance": 0}, "min_distance"),
        (spots(5), 3, {"max_distance": np.inf}, "max_distance"),
    ],
)
def test_what_cannot_be_a_table_is_refused(image, threshold, options, told):
    with pytest.raises(ValueError, match=told):  # all errors of input are
        cluster_table(image, threshold, **options)


def test_a_map_in_another_space_is_told():
    corner = np.zeros((20, 20, 20))
    corner[5:8, 5:8, 5:8] = 5
    with pytest.warns(DataWarning, match="covers"):
        cluster_table(nibabel.Nifti1Image(corner, np.diag([2.0, 2, 2, 1])), 3)


def test_a_single_map_may_have_a_fourth_axis():
    image = nibabel.Nifti1Image(np.asarray(spots(5.0).dataobj)[..., None], AFFINE)
    assert len(cluster_table(image, 3)) == 1


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("fear", {"left amygdala", "right amygdala"}),
        ("finger tapping", {"right cerebellum", "left postcentral gyrus", "left precentral gyrus"}),
        ("reading", {"left inferior temporal gyrus", "left fusiform gyrus"}),
    ],
)
def test_predicted_maps_have_the_names_that_the_literature_gives_them(text, names):
    image = load_pretrained().encoder.predict_img([text], kind="z", resolution=2)
    found = cluster_table(image, 1.96, min_volume=0.5)
    assert names & set(found["peak_name"])


def test_errors_are_errors_of_input():
    with pytest.raises(InvalidInputError, match="threshold"):
        cluster_table(spots(5), -1)
