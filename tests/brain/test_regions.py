"""PeaksToRegions: equal to smoothing then averaging, and back to images."""

import importlib.util
import warnings
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
from nilearn.image import resample_to_img, smooth_img
from nilearn.maskers import NiftiLabelsMasker, NiftiMapsMasker
from sklearn.base import clone
from sklearn.utils import Bunch

from sklearn_mnm.brain import PeaksToRegions
from sklearn_mnm.brain.atlas import image_from_voxels, load_mask
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.exceptions import DataWarning, InvalidInputError


@pytest.fixture(scope="module")
def ward(synthetic_peaks):
    return PeaksToRegions(n_regions=40, resolution=8, random_state=0).fit(synthetic_peaks)


@pytest.fixture(scope="module")
def label_img(brain_mask):
    """Labels 2, 5 and 9 in slabs along the third axis, on the grid of the mask."""
    inside = np.asarray(brain_mask.dataobj)
    bands = np.array([2, 5, 9])[np.arange(inside.shape[2]) * 3 // inside.shape[2]]
    return nibabel.Nifti1Image((inside * bands).astype(np.int16), brain_mask.affine)


@pytest.fixture(scope="module")
def maps_img(brain_mask):
    """Two overlapping maps that vary over the brain."""
    inside = np.asarray(brain_mask.dataobj)
    ramp = np.linspace(0, 1, inside.shape[1])[:, np.newaxis] * inside
    return nibabel.Nifti1Image(np.stack([ramp, inside - ramp], -1), brain_mask.affine)


def harvard_oxford():
    package = importlib.util.find_spec("nimare")
    if package is None:
        pytest.skip("needs the atlas of the NiMARE package")
    return (
        Path(package.origin).parent
        / "resources"
        / "atlases"
        / "HarvardOxford-cort-maxprob-thr25-2mm.nii.gz"
    )


def test_one_product_equals_smoothing_then_averaging(neuroquery_peaks, label_img, brain_mask):
    some = neuroquery_peaks[neuroquery_peaks["id"].isin(neuroquery_peaks["id"].unique()[:20])]
    peaks_to_regions = PeaksToRegions(label_img, resolution=8, max_distance=200.0, strategy="mean")
    activations = peaks_to_regions.fit_transform(some)
    unsmoothed = PeaksToRegions(label_img, resolution=8, max_distance=200.0, fwhm=0).fit()
    smoothed = smooth_img(image_from_voxels(unsmoothed.transform_voxels(some), brain_mask), 9.0)
    expected = NiftiLabelsMasker(label_img).fit().transform(smoothed)
    np.testing.assert_allclose(activations, expected, atol=1e-6)
    assert activations.max() > 1e-3


def test_activations_are_averages_of_the_voxel_maps(ward, synthetic_peaks):
    maps = ward.transform_voxels(synthetic_peaks)
    averages = (
        NiftiLabelsMasker(ward.labels_img_).fit().transform(image_from_voxels(maps, ward.mask_img_))
    )
    sums = averages * ward.region_volumes_
    np.testing.assert_allclose(ward.transform(synthetic_peaks), sums, atol=1e-4)
    mean = clone(ward).set_params(strategy="mean").fit(synthetic_peaks)
    np.testing.assert_allclose(mean.transform(synthetic_peaks), averages, atol=1e-5)


def test_activations_are_linear_in_the_peaks(ward, synthetic_peaks):
    activations = ward.transform(synthetic_peaks)
    merged = [np.concatenate([synthetic_peaks[i], synthetic_peaks[i + 1]]) for i in range(0, 60, 2)]
    np.testing.assert_allclose(
        ward.transform(merged), activations[::2] + activations[1::2], rtol=1e-5, atol=1e-6
    )


def test_activations_follow_the_order_of_studies(ward, synthetic_peaks):
    order = np.random.default_rng(0).permutation(len(synthetic_peaks))
    np.testing.assert_allclose(
        ward.transform([synthetic_peaks[i] for i in order]),
        ward.transform(synthetic_peaks)[order],
        rtol=1e-6,
    )


def test_activations_are_finite_not_negative_and_zero_without_peaks(ward, synthetic_peaks):
    activations = ward.transform(synthetic_peaks)
    assert np.isfinite(activations).all()
    assert activations.min() >= 0
    np.testing.assert_array_equal(activations.any(axis=1), [len(p) > 0 for p in synthetic_peaks])


def test_the_number_of_peaks_is_the_integral_of_the_map(box_mask):
    labels = nibabel.Nifti1Image(np.asarray(box_mask.dataobj).copy(), box_mask.affine)
    peaks_to_regions = PeaksToRegions(labels, mask_img=box_mask, fwhm=6.0).fit()
    # Peaks at the centre: less than 1e-3 of a 6 mm kernel leaves the box.
    activation = peaks_to_regions.transform([np.zeros((3, 3)), np.zeros((5, 3))])
    np.testing.assert_allclose(activation[:, 0], [3, 5], rtol=1e-3)


def test_activations_hardly_depend_on_the_resolution():
    # 4 and 2 mm; a cube of 40 mm around the peaks is the only region.
    random = np.random.default_rng(0)
    peaks = [random.uniform(-15, 15, size=(40, 3)) + np.array([0, -20, 18]) for _ in range(5)]
    affine = np.diag([4.0, 4, 4, 1])
    affine[:3, 3] = [-22.0, -42, -4]
    labels = nibabel.Nifti1Image(np.pad(np.ones((10, 10, 10), np.int16), 1), affine)
    coarse, fine = (PeaksToRegions(labels, resolution=mm).fit().transform(peaks) for mm in (4, 2))
    np.testing.assert_allclose(coarse, fine, rtol=0.05)


def test_a_peak_far_from_the_head_is_reported_once_in_fit_transform(synthetic_peaks):
    far = [*synthetic_peaks, np.array([[0.0, 0, 500]])]
    peaks_to_regions = PeaksToRegions(n_regions=10, resolution=8, random_state=0)
    with pytest.warns(DataWarning, match="^1 of ") as caught:
        activations = peaks_to_regions.fit_transform(far)
    assert len(caught) == 1
    assert peaks_to_regions.peak_tally_.n_dropped == 1
    assert not activations[-1].any()


def test_studies_without_peaks_keep_their_rows(ward):
    table = pd.DataFrame({"id": ["c", "a"], "x": [0.0, 10], "y": [0.0, 10], "z": [0.0, 10]})
    activations = ward.transform(Studies(ids=["a", "b", "c"], peaks=table))
    assert activations.any(axis=1).tolist() == [True, False, True]
    np.testing.assert_array_equal(activations[[2, 0]], ward.transform(table))


def test_pandas_output_is_indexed_by_study_and_named_by_region(ward):
    table = pd.DataFrame(
        {"id": ["c", "a", "c"], "x": [0.0, 10, 3], "y": [0.0, 10, 3], "z": [0.0, 10, 3]}
    )
    with_pandas = clone(ward).set_output(transform="pandas")
    for activations in (with_pandas.fit_transform(table), with_pandas.transform(table)):
        assert activations.index.tolist() == ["c", "a"]
        assert activations.columns.tolist() == with_pandas.get_feature_names_out().tolist()
    assert activations.columns[0] == "ward_001"


def test_fit_transform_equals_fit_then_transform(ward, synthetic_peaks):
    np.testing.assert_array_equal(
        clone(ward).fit_transform(synthetic_peaks), ward.transform(synthetic_peaks)
    )


def test_regions_to_image_to_regions_is_the_identity(ward, label_img):
    random = np.random.default_rng(0)
    for peaks_to_regions in (ward, PeaksToRegions(label_img, resolution=8).fit()):
        values = random.standard_normal((3, peaks_to_regions.n_regions_))
        image = peaks_to_regions.inverse_transform(values, interpolation="nearest")
        assert image.shape == (*peaks_to_regions.mask_img_.shape, 3)
        np.testing.assert_allclose(
            peaks_to_regions.regions_from_img(image), values, rtol=1e-5, atol=1e-6
        )


def test_an_image_survives_the_disk(ward, tmp_path):
    values = np.random.default_rng(0).standard_normal(40)
    image = ward.inverse_transform(values, interpolation="nearest")
    assert image.ndim == 3
    nibabel.save(image, tmp_path / "map.nii.gz")
    back = ward.regions_from_img([tmp_path / "map.nii.gz", image])
    np.testing.assert_allclose(back, [values, values], rtol=1e-5, atol=1e-6)


def test_images_on_another_grid_are_resampled(ward):
    fine = load_mask(resolution=3)
    height = np.broadcast_to(np.arange(fine.shape[2]), fine.shape) * 3 + fine.affine[2, 3]
    mean_height = ward.regions_from_img(nibabel.Nifti1Image(height * 1.0, fine.affine))[0]
    mean_height = mean_height / ward.region_volumes_
    inside = np.argwhere(np.asarray(ward.mask_img_.dataobj))
    z = inside[:, 2] * 8 + ward.mask_img_.affine[2, 3]
    labels = np.asarray(ward.labels_img_.dataobj)[tuple(inside.T)]
    expected = [z[labels == region].mean() for region in range(1, 41)]
    # Away from the edge of the fine image, where interpolation reads zeros beyond it.
    middle = np.abs(np.array(expected) - 10) < 40
    assert middle.sum() > 20
    np.testing.assert_allclose(mean_height[middle], np.array(expected)[middle], atol=1.0)


def test_what_stands_out_is_the_excess_over_the_95th_percentile(ward):
    n_voxels = ward.membership_.shape[0]
    maps = np.random.default_rng(0).gamma(2.0, size=(3, n_voxels))
    found = ward.regions_from_voxels(maps, prominent=True)
    for row, values in zip(found, maps, strict=True):
        least = np.sort(values)[int(np.ceil(0.95 * (n_voxels - 1)))]
        below = np.sort(values)[int(np.floor(0.95 * (n_voxels - 1)))]
        cut = below + (0.95 * (n_voxels - 1) % 1) * (least - below)
        expected = ward.regions_from_voxels(np.where(values > cut, values - cut, 0)[np.newaxis])
        np.testing.assert_allclose(row, expected[0], rtol=1e-5, atol=1e-6)
    # Neither the unit nor a constant below all that stands out matters for the pattern.
    np.testing.assert_allclose(
        ward.regions_from_voxels(7 * maps + 100, prominent=True), 7 * found, rtol=1e-3, atol=1e-3
    )


def test_of_a_map_thresholded_before_all_that_is_left_counts(ward):
    n_voxels = ward.membership_.shape[0]
    values = np.zeros(n_voxels)
    values[: n_voxels // 25] = np.linspace(3.1, 6, n_voxels // 25)
    negative = np.where(values > 0, values, -1)
    for given in (values, negative):
        found = ward.regions_from_voxels(given[np.newaxis], prominent=True)
        np.testing.assert_array_equal(found, ward.regions_from_voxels(values[np.newaxis]))
    even = np.ones((1, n_voxels))
    found = ward.regions_from_voxels(even, prominent=True)
    np.testing.assert_array_equal(found, ward.regions_from_voxels(even))


def test_values_that_are_not_finite_count_as_zero(ward):
    volume = np.ones(ward.mask_img_.shape)
    volume[::2] = np.nan
    values = ward.regions_from_img(nibabel.Nifti1Image(volume, ward.mask_img_.affine))
    assert np.isfinite(values).all()
    assert 0.2 < (values / ward.region_volumes_).mean() < 0.8


def test_harvard_oxford_works_with_an_image_on_another_grid(neuroquery_peaks):
    path = harvard_oxford()
    peaks_to_regions = PeaksToRegions(str(path), max_distance=200.0)
    activations = peaks_to_regions.fit_transform(neuroquery_peaks)
    assert activations.shape == (1000, 48)
    assert peaks_to_regions.region_names_[0] == "region_1"
    assert (activations.sum(axis=0) > 0).all()
    on_mask = resample_to_img(
        nibabel.load(path),
        peaks_to_regions.mask_img_,
        interpolation="nearest",
        force_resample=True,
        copy_header=True,
    )
    inside = np.asarray(peaks_to_regions.mask_img_.dataobj)
    np.testing.assert_array_equal(
        np.asarray(peaks_to_regions.labels_img_.dataobj), np.asarray(on_mask.dataobj) * inside
    )


@pytest.mark.parametrize("fitted", [False, True])
def test_maskers_and_fetched_atlases_are_taken_for_their_image(
    label_img, maps_img, synthetic_peaks, fitted
):
    pairs = [
        (NiftiLabelsMasker(label_img), label_img),
        (NiftiMapsMasker(maps_img), maps_img),
        (Bunch(maps=label_img, labels=["Background", "low", "middle", "high"]), label_img),
    ]
    for atlas, image in pairs:
        if fitted and hasattr(atlas, "fit"):
            atlas.fit()
        from_atlas = PeaksToRegions(atlas, resolution=8).fit()
        from_image = PeaksToRegions(image, resolution=8).fit()
        np.testing.assert_array_equal(
            from_atlas.transform(synthetic_peaks), from_image.transform(synthetic_peaks)
        )
    assert from_atlas.region_names_ == ["low", "middle", "high"]
    assert from_image.region_names_ == ["region_2", "region_5", "region_9"]


def test_maps_average_with_their_weights(maps_img, synthetic_peaks):
    peaks_to_regions = PeaksToRegions(maps_img, resolution=8, fwhm=20.0, strategy="mean").fit()
    maps = peaks_to_regions.transform_voxels(synthetic_peaks)
    inside = np.asarray(peaks_to_regions.mask_img_.dataobj) != 0
    weights = np.asarray(maps_img.dataobj)[inside]
    np.testing.assert_allclose(
        peaks_to_regions.transform(synthetic_peaks),
        maps @ weights / weights.sum(axis=0),
        rtol=1e-3,
        atol=1e-6,
    )
    painted = peaks_to_regions.inverse_transform([1.0, 3.0], interpolation="nearest").get_fdata()[
        inside
    ]
    np.testing.assert_allclose(painted, weights @ [1.0, 3.0], rtol=1e-5)
    assert peaks_to_regions.labels_img_ is None


def test_a_region_outside_the_mask_keeps_its_column_and_is_named(label_img, synthetic_peaks):
    volume = np.asarray(label_img.dataobj).copy()
    volume[0, 0, 0] = 4
    atlas = nibabel.Nifti1Image(volume, label_img.affine)
    peaks_to_regions = PeaksToRegions(
        atlas,
        resolution=8,
        fwhm=30.0,
        strategy="mean",
        region_names=["low", "corner", "middle", "high"],
    )
    with pytest.warns(DataWarning, match="1 of 4 regions .*: corner"):
        peaks_to_regions.fit()
    activations = peaks_to_regions.transform(synthetic_peaks)
    np.testing.assert_array_equal(activations.any(axis=0), [True, False, True, True])
    image = peaks_to_regions.inverse_transform([0.5, 1.5, 2.5, 3.5], interpolation="nearest")
    assert set(np.unique(image.get_fdata())) == {0, 0.5, 2.5, 3.5}
    assert np.isfinite(peaks_to_regions.regions_from_img(image)).all()


def test_regions_of_an_atlas_do_not_depend_on_the_studies(label_img, synthetic_peaks):
    one = PeaksToRegions(label_img, resolution=8).fit()
    two = PeaksToRegions(label_img, resolution=8).fit(synthetic_peaks)
    assert one.operator_ is two.operator_
    wider = PeaksToRegions(label_img, resolution=8, fwhm=20.0).fit()
    assert not np.allclose(one.operator_.toarray(), wider.operator_.toarray())
    assert not one.operator_.data.flags.writeable


def test_refitting_with_an_atlas_forgets_the_tree(ward, label_img):
    refitted = clone(ward).fit([[[0, 0, 0]], [[10, 10, 10]]])
    assert refitted.cut_tree(7).max() == 6
    refitted.set_params(atlas=label_img).fit()
    with pytest.raises(InvalidInputError, match="no tree"):
        refitted.cut_tree(7)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"atlas": "ward"}, "Check that coordinates are in mm"),
        ({"region_names": ["only one"]}, "1 region names for 3 regions"),
    ],
)
def test_what_cannot_be_fitted_is_explained(label_img, parameters, message):
    parameters = {"atlas": label_img, "resolution": 8} | parameters
    with pytest.raises(InvalidInputError, match=message):
        PeaksToRegions(**parameters).fit([[]])


def test_images_that_are_no_atlas_or_mask_are_refused(brain_mask, maps_img):
    inside = np.asarray(brain_mask.dataobj)
    for volume, message in [
        (inside * 0.5, "not integers"),
        (inside * 0, "only background"),
        (np.asarray(maps_img.dataobj) - 0.5, "negative"),
    ]:
        image = nibabel.Nifti1Image(volume.astype(np.float32), brain_mask.affine)
        with pytest.raises(InvalidInputError, match=message):
            PeaksToRegions(image, resolution=8).fit()
    with pytest.raises(InvalidInputError, match="no voxel inside"):
        PeaksToRegions(mask_img=nibabel.Nifti1Image(inside * 0, brain_mask.affine)).fit([[]])
    with pytest.raises(InvalidInputError, match="3D"):
        PeaksToRegions(mask_img=maps_img).fit([[]])


def test_a_wrong_number_of_region_values_is_refused(ward):
    with pytest.raises(InvalidInputError, match="3 columns, but there are 40"):
        ward.inverse_transform([[1.0, 2.0, 3.0]])


def test_ward_on_real_studies_splits_the_cortex_where_peaks_are_reported(neuroquery_peaks):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        peaks_to_regions = PeaksToRegions(n_regions=256, resolution=6, random_state=0)
        activations = peaks_to_regions.fit_transform(neuroquery_peaks)
        again = clone(peaks_to_regions).fit(neuroquery_peaks)
    np.testing.assert_array_equal(
        np.asarray(peaks_to_regions.labels_img_.dataobj), np.asarray(again.labels_img_.dataobj)
    )
    # No region is silent, and none swallows the brain.
    assert (activations.sum(axis=0) > 0).all()
    sizes = np.asarray(peaks_to_regions.membership_.sum(axis=0)).ravel()
    assert sizes.max() < 0.05 * sizes.sum()


def test_smooth_maps_are_closer_to_the_true_maps_than_painted_ones(neuroquery_peaks):
    some = neuroquery_peaks[neuroquery_peaks["id"].isin(neuroquery_peaks["id"].unique()[:60])]
    converter = PeaksToRegions(n_regions=200, resolution=6, max_distance=200.0, random_state=0)
    regions = converter.fit(neuroquery_peaks).transform(some)
    true = converter.transform_voxels(some)

    def correlation(interpolation):
        maps = converter.voxels_from_regions(regions, interpolation=interpolation)
        assert maps.min() >= 0
        return np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(maps, true, strict=True)])

    assert correlation("smooth") > correlation("nearest") + 0.05


def test_smooth_maps_have_the_averages_that_they_were_made_from(ward):
    # A smooth image is reproduced; white noise on regions is not, as no smoothed map has it.
    peaks = [np.array([[10.0, -20.0, 30.0], [-30.0, 10.0, 10.0]])]
    regions = ward.transform(peaks)
    back = ward.regions_from_img(ward.inverse_transform(regions))
    assert np.corrcoef(back[0], regions[0])[0, 1] > 0.95


def test_an_unknown_interpolation_is_refused(ward):
    with pytest.raises(InvalidInputError, match=r"interpolation must be .*'cubic'"):
        ward.inverse_transform(np.ones(40), interpolation="cubic")


def atlas_with(background, brain_mask):
    """Labels 0, 1 and 2 in cubes, on a background of another value."""
    labels = np.full(brain_mask.shape, background, np.int16)
    labels[9:12, 9:12, 9:12], labels[13:16, 9:12, 9:12], labels[9:12, 13:16, 9:12] = 0, 1, 2
    return nibabel.Nifti1Image(labels, brain_mask.affine)


@pytest.mark.parametrize("background", [-1, 255, 32767])
def test_a_background_that_is_not_0_is_seen_at_the_edge_and_told(background, brain_mask):
    atlas = atlas_with(background, brain_mask)
    regions = PeaksToRegions(atlas, resolution=8, region_names=["ACC", "IFG", "V1"])
    with pytest.warns(DataWarning, match=rf"{background} is taken for the background"):
        regions.fit()
    assert regions.region_names_ == ["ACC", "IFG", "V1"]
    np.testing.assert_allclose(regions.region_volumes_, 27 * 0.512)
    # Told by a masker, there is nothing to guess.
    told = NiftiLabelsMasker(atlas, background_label=background)
    again = PeaksToRegions(told, resolution=8).fit()
    assert again.region_names_ == ["region_0", "region_1", "region_2"]


def test_what_is_no_number_is_background_and_told_if_0_is_one_too(brain_mask):
    atlas = atlas_with(-1, brain_mask)
    labels = np.asarray(atlas.dataobj, dtype=np.float32)
    labels[labels == -1] = np.nan
    atlas = nibabel.Nifti1Image(labels, atlas.affine)
    with pytest.warns(DataWarning, match=r"0 and what is no number \(NaN\) both count"):
        assert PeaksToRegions(atlas, resolution=8).fit().region_names_ == ["region_1", "region_2"]
    told = NiftiLabelsMasker(atlas, background_label=-1)
    regions = PeaksToRegions(told, resolution=8).fit()
    np.testing.assert_allclose(regions.region_volumes_, [27 * 0.512] * 3)


def test_a_mask_that_is_mostly_outside_the_brain_is_told(brain_mask):
    inside = np.asarray(brain_mask.dataobj)
    for values in (1 - inside, np.ones_like(inside)):
        with pytest.warns(DataWarning, match="lies in the brain of MNI152; it may be inverted"):
            load_mask(nibabel.Nifti1Image(values, brain_mask.affine))


def test_labels_that_fill_their_image_are_no_background(brain_mask):
    affine = np.diag([8.0, 8, 8, 1])
    affine[:3, 3] = -20, -40, 10
    for labels in (np.ones((4, 4, 4)), np.repeat([1, 2], 32).reshape(4, 4, 4)):
        atlas = nibabel.Nifti1Image(labels.astype(np.int16), affine)
        names = PeaksToRegions(atlas, resolution=8).fit().region_names_
        assert names == [f"region_{label:g}" for label in np.unique(labels)]


def test_a_region_smaller_than_the_voxels_gets_the_one_of_which_it_fills_most():
    labels = np.zeros((91, 109, 91), np.int16)
    affine = np.diag([-2.0, 2, 2, 1])
    affine[:3, 3] = 90, -126, -72
    labels[40:60, 40:70, 30:50] = 1
    for label, side in ((2, 35), (3, 55)):  # 8 cubic millimetres between centres of 4 mm voxels
        voxel = np.rint(np.linalg.inv(affine)[:3] @ [4 * (side - 45) + 1, -20, 9, 1]).astype(int)
        labels[tuple(voxel)] = label
    atlas = nibabel.Nifti1Image(labels, affine)
    with pytest.warns(DataWarning, match="2 of 3 regions are at no centre .*: region_2, region_3"):
        regions = PeaksToRegions(atlas).fit()
    np.testing.assert_allclose(regions.region_volumes_[1:], 0.064)
    peaks = [[[4.0 * (35 - 45) + 1, -20, 9]]]
    assert regions.transform(peaks)[0].argmax() in (0, 1)
    assert regions.transform(peaks)[0, 1] > regions.transform(peaks)[0, 2]


def test_weights_of_maps_are_averaged_over_voxels():
    # One of two maps in a cube of 2 mm, which the centres of the mask miss.
    maps = np.zeros((91, 109, 91, 2), np.float32)
    maps[50, 60, 50] = [1, 0]
    maps[30:40, 50:60, 40:50] = [0, 0.5]
    affine = np.diag([-2.0, 2, 2, 1])
    affine[:3, 3] = 90, -126, -72
    regions = PeaksToRegions(nibabel.Nifti1Image(maps, affine)).fit()
    np.testing.assert_allclose(regions.region_volumes_, [0.008, 4], rtol=1e-4)


def test_masks_have_two_values(brain_mask):
    inside = np.asarray(brain_mask.dataobj)

    def mask(values):
        return load_mask(nibabel.Nifti1Image(np.asarray(values, np.float32), brain_mask.affine))

    expected = np.asarray(brain_mask.dataobj)
    noise = np.random.default_rng(0).uniform(-1e-4, 1e-4, inside.shape)
    for values in (inside, 255 * inside, inside + noise, np.where(inside, 1, np.nan)):
        np.testing.assert_array_equal(np.asarray(mask(values).dataobj), expected)
    interpolated = np.where(inside, 1, np.abs(noise) * 1e3)
    labels = inside * (1 + np.arange(inside.shape[2]) % 3)
    for values in (interpolated, labels, -1.0 * inside):
        with pytest.raises(InvalidInputError, match=r"more than two values|no voxel inside"):
            mask(values)
