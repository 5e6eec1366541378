"""Levels over regions: conserved totals, idempotent and nested averages, networks from images."""

import pickle
import re
import socket

import nibabel
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.utils import Bunch

from sklearn_mnm.brain import BrainHierarchy, PeaksToRegions
from sklearn_mnm.exceptions import DataWarning, InvalidInputError

STRATEGIES = ("sum", "mean")


@pytest.fixture(scope="module")
def ward(synthetic_peaks):
    return PeaksToRegions(n_regions=60, resolution=8, random_state=0).fit(synthetic_peaks)


@pytest.fixture(scope="module")
def nested(ward):
    return BrainHierarchy.from_tree(ward.children_, sizes=ward.region_volumes_)


@pytest.fixture(scope="module")
def slabs(brain_mask):
    """Atlas of 8 regions: octants of the brain around the origin of MNI152."""
    inside = np.asarray(brain_mask.dataobj) != 0
    values = np.zeros(inside.shape, np.int16)
    values[inside] = 1 + (positions(brain_mask) > 0) @ [4, 2, 1]
    image = nibabel.Nifti1Image(values, brain_mask.affine)
    return PeaksToRegions(image, mask_img=brain_mask).fit()


def positions(mask_img):
    voxels = np.argwhere(np.asarray(mask_img.dataobj) != 0)
    return voxels @ mask_img.affine[:3, :3].T + mask_img.affine[:3, 3]


def image_of(function, mask_img):
    """Label image of a function of the position in mm, on the grid of a mask."""
    values = np.zeros(mask_img.shape, np.int16)
    values[np.asarray(mask_img.dataobj) != 0] = function(positions(mask_img))
    return nibabel.Nifti1Image(values, mask_img.affine)


@st.composite
def hierarchies(draw, partition):
    """Hierarchy of two levels, partitions that nest or any memberships, and three maps."""
    n_regions = draw(st.integers(4, 20))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_fine = draw(st.integers(2, n_regions))
    n_coarse = draw(st.integers(1, n_fine - 1))

    def random_levels(n_rows, n_columns):
        numbers = random.permutation(np.r_[np.arange(n_columns), np.zeros(n_rows, int)][:n_rows])
        if partition:
            return numbers
        shares = random.random((n_rows, n_columns)) * (random.random((n_rows, n_columns)) < 0.5)
        shares[np.arange(n_rows), numbers] += 0.1
        return shares

    fine = random_levels(n_regions, n_fine)
    coarse = (
        random_levels(n_fine, n_coarse)[fine] if partition else random_levels(n_regions, n_coarse)
    )
    hierarchy = BrainHierarchy(
        {"coarse": coarse, "fine": fine},
        sizes=10 ** random.uniform(-2, 2, n_regions),
        strategy=draw(st.sampled_from(STRATEGIES)),
    )
    # Maps of both signs: z maps are as welcome as peaks.
    return hierarchy, random.standard_normal((3, n_regions))


def integral(hierarchy, maps):
    return maps.sum(axis=-1) if hierarchy.strategy == "sum" else maps @ hierarchy.sizes


def weights(hierarchy, sizes):
    """Weights of the inner product of activations: of densities by volume."""
    return 1 / sizes if hierarchy.strategy == "sum" else sizes


any_kind = st.booleans().flatmap(hierarchies)


@settings(max_examples=60)
@given(any_kind)
def test_totals_are_conserved_at_every_level(drawn):
    hierarchy, maps = drawn
    expected = integral(hierarchy, maps)
    tolerance = 1e-10 * integral(hierarchy, np.abs(maps)).max()
    for level in hierarchy.levels:
        values = hierarchy.aggregate(maps, level)
        sizes = hierarchy.network_sizes(level)
        total = values.sum(axis=1) if hierarchy.strategy == "sum" else values @ sizes
        np.testing.assert_allclose(total, expected, atol=tolerance)
        smooth = hierarchy.smooth(maps, level)
        np.testing.assert_allclose(integral(hierarchy, smooth), expected, atol=tolerance)
        np.testing.assert_allclose(sizes.sum(), hierarchy.sizes.sum())


@settings(max_examples=60)
@given(any_kind)
def test_aggregate_and_expand_are_adjoint(drawn):
    hierarchy, maps = drawn
    for level in hierarchy.levels:
        values = np.random.default_rng(1).standard_normal((2, hierarchy.n_networks(level)))
        of_networks = weights(hierarchy, hierarchy.network_sizes(level))
        of_regions = weights(hierarchy, hierarchy.sizes)
        left = (hierarchy.aggregate(maps, level) * of_networks) @ values.T
        right = (maps * of_regions) @ hierarchy.expand(values, level).T
        np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-9 * np.abs(left).max())


@settings(max_examples=60)
@given(any_kind)
def test_nonnegative_maps_stay_so_and_negated_maps_are_negated(drawn):
    hierarchy, maps = drawn
    for level in hierarchy.levels:
        assert hierarchy.smooth(np.abs(maps), level).min() >= 0
        np.testing.assert_allclose(
            hierarchy.smooth(-maps, level), -hierarchy.smooth(maps, level), rtol=1e-12
        )


@settings(max_examples=60)
@given(any_kind)
def test_levels_go_from_many_networks_to_one(drawn):
    hierarchy, _ = drawn
    assert hierarchy.levels == ("region", "fine", "coarse", "brain")
    counts = [hierarchy.n_networks(level) for level in hierarchy.levels]
    assert counts == sorted(counts, reverse=True)
    assert (counts[0], counts[-1]) == (hierarchy.n_regions, 1)


@settings(max_examples=60)
@given(any_kind)
def test_parents_are_smoothed_at_each_broader_level(drawn):
    hierarchy, maps = drawn
    for parent, level in zip(hierarchy.parents(maps), hierarchy.levels[1:], strict=True):
        np.testing.assert_array_equal(parent, hierarchy.smooth(maps, level))


@settings(max_examples=60)
@given(hierarchies(partition=True))
def test_partitions_give_back_what_is_expanded_and_smooth_once(drawn):
    hierarchy, maps = drawn
    for level in hierarchy.levels:
        assert hierarchy.is_partition(level)
        values = hierarchy.aggregate(maps, level)
        expanded = hierarchy.expand(values, level)
        close = {"rtol": 1e-9, "atol": 1e-9 * np.abs(values).max()}
        np.testing.assert_allclose(hierarchy.aggregate(expanded, level), values, **close)
        np.testing.assert_allclose(hierarchy.smooth(expanded, level), expanded, **close)


@settings(max_examples=60)
@given(hierarchies(partition=True))
def test_smoothing_at_nested_levels_is_smoothing_at_the_broadest(drawn):
    hierarchy, maps = drawn
    fine = hierarchy.smooth(maps, "fine")
    for level in ("coarse", "brain"):
        expected = hierarchy.smooth(maps, level)
        np.testing.assert_allclose(
            hierarchy.smooth(fine, level), expected, rtol=1e-9, atol=1e-9 * np.abs(maps).max()
        )


@settings(max_examples=60)
@given(any_kind)
def test_both_strategies_describe_the_same_map(drawn):
    hierarchy, maps = drawn
    levels = {level: hierarchy.memberships(level) for level in hierarchy.levels[1:-1]}
    sums, means = (
        BrainHierarchy(levels, sizes=hierarchy.sizes, strategy=strategy) for strategy in STRATEGIES
    )
    for level in sums.levels:
        np.testing.assert_allclose(
            sums.smooth(maps * sums.sizes, level),
            means.smooth(maps, level) * sums.sizes,
            rtol=1e-9,
            atol=1e-9 * np.abs(maps * sums.sizes).max(),
        )
        np.testing.assert_allclose(means.smooth(np.ones(means.n_regions), level), 1.0)


def test_density_is_uniform_within_a_network(nested, ward):
    random = np.random.default_rng(0)
    density = nested.smooth(random.random(60), "ward7") / ward.region_volumes_
    networks = ward.cut_tree(7)
    assert len(np.unique(density.round(10))) == 7
    for network in range(7):
        np.testing.assert_allclose(np.ptp(density[networks == network]), 0.0, atol=1e-12)


def test_shared_regions_leak_which_the_class_says():
    shared = BrainHierarchy({"two": np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])})
    assert not shared.is_partition("two")
    once = shared.smooth([1.0, 0.0, 0.0], "two")
    np.testing.assert_allclose(once, [2 / 3, 1 / 3, 0.0])
    assert not np.allclose(shared.smooth(once, "two"), once)


def test_cuts_of_the_ward_tree_are_the_levels(nested, ward):
    assert nested.levels == ("region", "ward17", "ward7", "brain")
    for level, n_networks in (("ward17", 17), ("ward7", 7)):
        membership = nested.memberships(level)
        np.testing.assert_array_equal(membership.argmax(axis=1), ward.cut_tree(n_networks))
        np.testing.assert_array_equal(membership.sum(axis=1), 1.0)
    assert nested.network_names("ward17")[:2] == ["ward17_01", "ward17_02"]
    assert nested.network_names("brain") == ["brain"]
    assert repr(nested).startswith("BrainHierarchy(region: 60, ward17: 17, ward7: 7, brain: 1")


def test_precision_and_dimensions_follow_the_maps(nested):
    single = np.ones((2, 60), np.float32)
    assert nested.smooth(single, "ward7").dtype == np.float32
    assert nested.smooth(single.astype(int), "ward7").dtype == np.float64
    assert nested.aggregate(single[0], "ward7").shape == (7,)
    assert nested.aggregate(single[:0], "ward7").shape == (0, 7)
    np.testing.assert_array_equal(nested.smooth(single, "region"), single)


def test_pickling_keeps_everything(nested):
    copy = pickle.loads(pickle.dumps(nested))
    assert copy.levels == nested.levels
    assert copy.network_names("ward7") == nested.network_names("ward7")
    for level in nested.levels:
        single = np.eye(nested.n_regions)
        np.testing.assert_array_equal(copy.smooth(single, level), nested.smooth(single, level))


def test_networks_of_empty_regions_expand_to_zero():
    hierarchy = BrainHierarchy({"two": [0, 0, 1]}, sizes=[1.0, 2.0, 0.0])
    np.testing.assert_allclose(hierarchy.expand([3.0, 5.0], "two"), [1.0, 2.0, 0.0])


def test_regions_are_shared_by_their_voxels_in_each_network(slabs, brain_mask):
    # Left and right split between regions; the border at z = 20 goes through four of them.
    sides = image_of(lambda mm: np.where(mm[:, 0] > 0, 2, 1), brain_mask)
    heights = image_of(lambda mm: np.where(mm[:, 2] > 20, 7, 3), brain_mask)
    hierarchy = BrainHierarchy.from_labels(
        {"sides": Bunch(maps=sides, labels=["left", "right"]), "heights": heights}, slabs
    )
    assert hierarchy.network_names("sides") == ["left", "right"]
    assert hierarchy.network_names("region") == slabs.region_names_
    assert hierarchy.is_partition("sides")
    assert not hierarchy.is_partition("heights")
    regions = (positions(brain_mask) > 0) @ [4, 2, 1]
    high = positions(brain_mask)[:, 2] > 20
    expected = [high[regions == region].mean() for region in range(8)]
    np.testing.assert_allclose(hierarchy.memberships("heights")[:, 1], expected, rtol=1e-6)
    np.testing.assert_array_equal(hierarchy.sizes, slabs.region_volumes_)
    whole = BrainHierarchy.from_labels({"heights": heights}, slabs, shares=False)
    assert whole.is_partition("heights")
    winners = np.array(expected) > 0.5
    np.testing.assert_array_equal(whole.memberships("heights")[:, 1], winners)


def test_label_images_on_another_grid_are_resampled_to_the_nearest(slabs, brain_mask):
    sides = image_of(lambda mm: np.where(mm[:, 0] > 0, 2, 1), brain_mask)
    # Thirds of voxels: the middle one of each three has the centre of the whole.
    thirds = np.diag([1 / 3, 1 / 3, 1 / 3, 1.0])
    thirds[:3, 3] = -1 / 3
    values = np.kron(np.asarray(sides.dataobj), np.ones((3, 3, 3), np.int16))
    fine = nibabel.Nifti1Image(values, sides.affine @ thirds)
    one, two = (BrainHierarchy.from_labels({"sides": img}, slabs) for img in (sides, fine))
    np.testing.assert_array_equal(one.memberships("sides"), two.memberships("sides"))


def test_regions_outside_all_networks_form_their_own(slabs, brain_mask):
    front = image_of(lambda mm: np.where(mm[:, 1] > 0, 1 + (mm[:, 0] > 0), 0), brain_mask)
    with pytest.warns(DataWarning, match=r"'front': 4 of 8 regions .* less than 10% .*'outside'"):
        hierarchy = BrainHierarchy.from_labels({"front": front}, slabs)
    assert hierarchy.network_names("front") == ["region_1", "region_2", "outside"]
    back = (np.arange(8) & 2) == 0
    np.testing.assert_array_equal(hierarchy.memberships("front")[:, 2], back)


def test_the_least_overlap_decides_what_is_outside(slabs, brain_mask):
    # A sheet at the back of the four frontal regions, a part of each.
    sheet = image_of(lambda mm: (mm[:, 1] > 0) & (mm[:, 1] < 18), brain_mask)
    covered = np.asarray(
        (slabs.membership_.T @ (np.asarray(sheet.dataobj)[np.asarray(brain_mask.dataobj) != 0]))
        / slabs.membership_.sum(axis=0)
    ).ravel()
    threshold = np.sort(covered)[-2:].mean()
    with pytest.warns(DataWarning, match="7 of 8 regions"):
        hierarchy = BrainHierarchy.from_labels({"s": sheet}, slabs, min_overlap=threshold)
    assert hierarchy.memberships("s")[:, 0].argmax() == covered.argmax()


def test_networks_without_regions_are_left_out_and_named(slabs, brain_mask):
    sides = image_of(lambda mm: np.where(mm[:, 0] > 0, 2, 1), brain_mask)
    values = np.asarray(sides.dataobj).copy()
    values[0, 0, 0] = 3  # a corner of the grid, outside the brain
    image = nibabel.Nifti1Image(values, sides.affine)
    bunch = Bunch(maps=image, labels=["left", "right", "elsewhere"])
    with pytest.warns(DataWarning, match="1 of 3 networks have no region: elsewhere") as caught:
        hierarchy = BrainHierarchy.from_labels({"sides": bunch}, slabs)
    assert len(caught) == 1
    assert hierarchy.network_names("sides") == ["left", "right"]


def test_regions_take_the_network_of_most_of_their_nearest_rois(slabs):
    centres = pd.DataFrame({"x": [-30, 30, 34], "y": [0, 0, 2], "z": [10, 10, 12]})
    hierarchy = BrainHierarchy.from_rois(
        slabs, centres, ["sinister", "dexter", "dexter"], "sides", max_distance=100
    )
    assert hierarchy.network_names("sides") == ["dexter", "sinister"]
    assert hierarchy.is_partition("sides")
    np.testing.assert_array_equal(hierarchy.memberships("sides")[:, 0], np.arange(8) >= 4)
    with pytest.warns(DataWarning, match=r"8 of 8 regions are on average more than 5 mm"):
        BrainHierarchy.from_rois(slabs, centres, ["s", "d", "d"], "sides", max_distance=5)


def test_seitzman_rois_of_the_left_and_right_cortex_take_regions_there(ward):
    from nilearn.datasets import fetch_coords_seitzman_2018

    rois = fetch_coords_seitzman_2018()
    with pytest.warns(DataWarning, match="networks have no region: .*amygdala"):
        finer = BrainHierarchy.from_rois(ward, rois.rois, rois.regions, "anatomy")
    assert {"cerebellum", "cortexL", "cortexR"} <= set(finer.network_names("anatomy"))
    # Centres of mass of the left and right cortex lie on their sides.
    centre = np.asarray(ward.membership_.T @ positions(ward.mask_img_)[:, 0])
    centre = centre / np.asarray(ward.membership_.sum(axis=0)).ravel()
    shares = finer.memberships("anatomy")
    names = finer.network_names("anatomy")
    assert centre[shares[:, names.index("cortexL")] > 0].mean() < -15
    assert centre[shares[:, names.index("cortexR")] > 0].mean() > 15


def test_yeo_networks_are_read_from_the_folder_of_nilearn(brain_mask, tmp_path):
    # Files under the names that the fetcher stores, so that the real fetcher has no download.
    def slices(n_slices):
        def number(mm):
            return 1 + np.argsort(np.lexsort(mm.T)) * n_slices // len(mm)

        return image_of(number, brain_mask)

    def names_of(n_networks):
        return [f"{n_networks}Networks_{number + 1}" for number in range(n_networks)]

    folder = tmp_path / "yeo_2011" / "Yeo_JNeurophysiol11_MNI152"
    folder.mkdir(parents=True)
    for n_networks in (7, 17):
        stem = f"Yeo2011_{n_networks}Networks"
        names = names_of(n_networks)
        # The thin version, which must not be taken, has another content.
        for end, n_slices in (("", 1), ("_LiberalMask", n_networks)):
            image = folder / f"{stem}_MNI152_FreeSurferConformed1mm{end}.nii.gz"
            slices(n_slices).to_filename(image)
        rows = [f"{row + 1} {name} {row} 9 9 0" for row, name in enumerate(names)]
        (folder / f"{stem}_ColorLUT.txt").write_text("\n".join(["0 NONE 0 0 0 0", *rows]))
    brain_mask.to_filename(folder / "FSL_MNI152_FreeSurferConformed_1mm.nii.gz")
    thin = PeaksToRegions(slices(7 * 17), mask_img=brain_mask).fit()
    hierarchy = BrainHierarchy.from_yeo(thin, data_dir=tmp_path)
    assert hierarchy.levels == ("region", "yeo17", "yeo7", "brain")
    assert hierarchy.network_names("yeo7") == names_of(7)
    assert hierarchy.network_names("yeo17") == names_of(17)
    for level, width in (("yeo7", 17), ("yeo17", 7)):
        expected = np.arange(7 * 17) // width
        np.testing.assert_array_equal(hierarchy.memberships(level).argmax(axis=1), expected)


def test_yeo_networks_offline_say_what_to_do(slabs, tmp_path, monkeypatch):
    def unreachable(*_args, **_keywords):
        raise OSError("the network is unreachable")

    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    with pytest.raises(InvalidInputError, match=r"could not be downloaded.*from_rois") as caught:
        BrainHierarchy.from_yeo(slabs, data_dir=tmp_path)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("levels", "options", "message"),
    [
        ({"a": [0, -1, 1]}, {}, "Level 'a': region 1 has the network -1"),
        ({"a": [0, 2, 2]}, {}, "1 of 3 networks have no region, the first is network 1"),
        ({"a": [0, 10**9, 2]}, {}, "networks have no region"),
        ({"a": [[1, 0], [0, 0], [0, 1]]}, {}, "1 regions .* the first is region 1"),
        ({"a": [[1, 0], [1, -1], [0, 1]]}, {}, "negative .* region 1, with"),
        ({"a": [[1, 0], [1, np.nan], [0, 1]]}, {}, "not finite .* region 1, with"),
        ({"a": [[1, 0], [1, 0], [1, 0]]}, {}, "1 of 2 networks have no region"),
        ({"a": [0.0, 1.0, 1.0]}, {}, "must be integers of shape"),
        ({"a": [["x", "y"]]}, {}, "must be integers of shape"),
        ({"a": np.zeros((0, 2))}, {}, "must be integers of shape"),
        ({"a": [0, 1, 1], "b": [0, 1]}, {}, r"as many in each; got \{'a': 3, 'b': 2\}"),
        ({"a": [0, 1, 1]}, {"sizes": [1, 1]}, "'sizes': 2"),
        ({"a": [0, 1, 1]}, {"sizes": 3.0}, "as many in each"),
        ({"a": [0, 1, 1]}, {"sizes": [1, -1, 1]}, "they range from -1"),
        ({"a": [0, 1, 1]}, {"sizes": [0, 0, 0]}, "not all 0"),
        ({}, {}, "neither levels nor sizes"),
        ({"a": np.ones((3, 4))}, {}, "room for at most 3 networks"),
        ({"brain": [0, 0, 1]}, {}, "'region' and 'brain' are added anyway"),
        ({"a": [0, 1, 1]}, {"strategy": "max"}, "strategy must be"),
        ({"a": [0, 1, 1]}, {"names": {"a": ["one"]}}, "1 names for 2 networks"),
        ({"a": [0, 1, 1]}, {"names": {"b": ["one"]}}, r"names are given for \['b'\]"),
    ],
)
def test_levels_that_cannot_be_are_refused(levels, options, message):
    with pytest.raises(InvalidInputError, match=message):
        BrainHierarchy(levels, **options)


@pytest.mark.parametrize(
    ("maps", "level", "message"),
    [
        (np.ones((2, 60)), "yeo7", r"level='yeo7' is unknown; the levels are \('region'"),
        (np.ones((2, 59)), "ward7", "must have 60 columns"),
        (np.ones((2, 2, 60)), "ward7", "must have 60 columns"),
        (np.full((2, 60), np.nan), "ward7", "finite"),
        (np.full((2, 60), "x"), "ward7", "finite numbers"),
        (sparse.csr_matrix(np.ones((2, 60))), "ward7", "sparse; pass a dense array"),
    ],
)
def test_maps_that_do_not_fit_are_refused(nested, maps, level, message):
    with pytest.raises(InvalidInputError, match=message):
        nested.smooth(maps, level)


@pytest.mark.parametrize(
    ("children", "message"),
    [
        (None, "regions of an atlas have no tree"),
        ([[0, 1], [0, 2]], "is no tree"),
        ([[0, 4], [1, 2]], "is no tree"),
        ([[0.0, 1.0], [2.0, 3.0]], "is no tree"),
        ([0, 1], "is no tree"),
    ],
)
def test_children_that_are_no_tree_are_refused(children, message):
    with pytest.raises(InvalidInputError, match=message):
        BrainHierarchy.from_tree(children, {"two": 2})


def test_cuts_beyond_the_regions_are_refused(ward):
    with pytest.raises(InvalidInputError, match="between 1 and the number of regions, 60"):
        BrainHierarchy.from_tree(ward.children_, {"ward61": 61})


def test_images_and_rois_that_cannot_be_used_are_refused(slabs, brain_mask):
    sides = image_of(lambda mm: np.where(mm[:, 0] > 0, 2, 1), brain_mask)
    maps = nibabel.Nifti1Image(np.ones((*brain_mask.shape, 2)), brain_mask.affine)
    with pytest.raises(InvalidInputError, match=re.escape("labels_imgs['soft'] holds 4D maps")):
        BrainHierarchy.from_labels({"soft": maps}, slabs)
    with pytest.raises(InvalidInputError, match="min_overlap must be from 0 to 1"):
        BrainHierarchy.from_labels({"sides": sides}, slabs, min_overlap=10)
    with pytest.raises(InvalidInputError, match=r"got shape \(1, 2\)"):
        BrainHierarchy.from_rois(slabs, [[0, 0]], ["a"], "n")
    with pytest.raises(InvalidInputError, match="with 1 not finite"):
        BrainHierarchy.from_rois(slabs, [[0, 0, np.nan]], ["a"], "n")
    with pytest.raises(InvalidInputError, match="2 labels for 1 coordinates"):
        BrainHierarchy.from_rois(slabs, [[0, 0, 0]], ["a", "b"], "n")
    with pytest.raises(NotFittedError):
        BrainHierarchy.from_labels({"sides": sides}, PeaksToRegions())
