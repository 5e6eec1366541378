"""Ward parcellation: contiguous, nested, recovered where known, repeatable."""

from itertools import pairwise

import nibabel
import numpy as np
import pytest
from scipy import ndimage, sparse
from sklearn.cluster import FeatureAgglomeration
from sklearn.feature_extraction.image import grid_to_graph

from sklearn_mnm.brain.atlas import image_from_voxels
from sklearn_mnm.brain.peaks import as_peak_table, peak_counts
from sklearn_mnm.brain.smoothing import gaussian_smooth
from sklearn_mnm.brain.ward import cut_tree, voxel_profiles, ward_parcellation
from sklearn_mnm.exceptions import InvalidInputError


@pytest.fixture(scope="module")
def counts(synthetic_peaks, brain_mask):
    table = as_peak_table(synthetic_peaks)
    return peak_counts(table.coordinates, table.study_index, len(synthetic_peaks), brain_mask)[0]


@pytest.fixture(scope="module")
def profiles(counts, brain_mask):
    return voxel_profiles(counts, brain_mask, 12.0, random_state=0)


@pytest.fixture(scope="module")
def parcellation(profiles, brain_mask):
    return ward_parcellation(profiles, brain_mask, 40)


def n_pieces(labels, mask_img, region):
    volume = image_from_voxels((labels == region).astype(np.int16), mask_img)
    return ndimage.label(np.asarray(volume.dataobj))[1]


def test_profiles_keep_the_angles_between_voxels(counts, brain_mask, profiles):
    # 60 studies, so 60 components: the basis spans everything and nothing is approximated.
    maps = gaussian_smooth(counts.T.toarray(), brain_mask, 12.0)
    reached = np.linalg.norm(maps, axis=1) > 1e-4
    maps = maps[reached] / np.linalg.norm(maps[reached], axis=1, keepdims=True)
    np.testing.assert_allclose(profiles[reached] @ profiles[reached].T, maps @ maps.T, atol=1e-3)


def test_voxels_without_peaks_have_zero_profiles(counts, brain_mask):
    profiles = voxel_profiles(counts, brain_mask, 0.0, n_components=10, random_state=0)
    silent = np.asarray(counts.sum(axis=0)).ravel() == 0
    assert silent.any()
    assert not profiles[silent].any()
    assert np.isfinite(profiles).all()


@pytest.mark.parametrize("n_clusters", [40, 17, 7, 1])
def test_regions_at_every_level_are_contiguous(parcellation, brain_mask, n_clusters):
    labels = cut_tree(parcellation.children, n_clusters)[parcellation.labels]
    assert set(labels) == set(range(n_clusters))
    for region in range(n_clusters):
        assert n_pieces(labels, brain_mask, region) == 1


def test_cuts_nest(parcellation):
    cuts = {n: cut_tree(parcellation.children, n) for n in (40, 30, 17, 7, 2, 1)}
    levels = list(cuts)
    assert cuts[40].tolist() == list(range(40))
    for fine, coarse in pairwise(levels):
        pairs = set(zip(cuts[fine].tolist(), cuts[coarse].tolist(), strict=True))
        assert len(pairs) == fine


def test_labels_agree_with_feature_agglomeration(profiles, brain_mask, parcellation):
    inside = np.asarray(brain_mask.dataobj) != 0
    reference = FeatureAgglomeration(
        40, connectivity=grid_to_graph(*inside.shape, mask=inside)
    ).fit(profiles.T)
    pairs = set(zip(reference.labels_.tolist(), parcellation.labels.tolist(), strict=True))
    assert len(pairs) == 40


def test_known_regions_are_found(box_mask):
    inside = np.asarray(box_mask.dataobj) != 0
    octant = (np.argwhere(inside) >= [10, 11, 12]) @ [4, 2, 1]
    random = np.random.default_rng(0)
    features = random.standard_normal((8, 5))[octant]
    features = features + 0.05 * random.standard_normal(features.shape)
    labels = ward_parcellation(features, box_mask, 8).labels
    assert len(set(zip(labels.tolist(), octant.tolist(), strict=True))) == 8


def test_the_same_seed_gives_the_same_regions(counts, brain_mask):
    one, two = (
        ward_parcellation(voxel_profiles(counts, brain_mask, 12.0, random_state=3), brain_mask, 20)
        for _ in range(2)
    )
    np.testing.assert_array_equal(one.labels, two.labels)
    np.testing.assert_array_equal(one.children, two.children)


def test_a_mask_in_pieces_has_one_tree_and_pieces_apart_where_they_differ():
    inside = np.zeros((12, 6, 6), np.uint8)
    inside[:5] = 1
    inside[7:] = 1
    inside[6, 0, 0] = 1  # a speck that touches the second block
    inside[5, 5, 5] = 1  # a speck that touches the first block
    inside[6, 3, 3] = 0
    mask_img = nibabel.Nifti1Image(inside, np.diag([4.0, 4, 4, 1]))
    side = (np.argwhere(inside)[:, 0] >= 6).astype(float)
    noise = 0.1 * np.random.default_rng(0).standard_normal((len(side), 2))
    parcellation = ward_parcellation(np.c_[10 * side, 10 * side] + noise, mask_img, 12)
    assert parcellation.children.shape == (11, 2)
    two = cut_tree(parcellation.children, 2)[parcellation.labels]
    assert len(set(zip(two.tolist(), side.tolist(), strict=True))) == 2
    for region in range(12):
        assert n_pieces(parcellation.labels, mask_img, region) == 1


def test_more_regions_than_voxels_are_refused(box_mask):
    n_voxels = int(np.asarray(box_mask.dataobj).sum())
    with pytest.raises(InvalidInputError, match=f"{n_voxels} voxels"):
        ward_parcellation(np.zeros((n_voxels, 2)), box_mask, n_voxels + 1)


@pytest.mark.parametrize("n_clusters", [0, 41])
def test_cuts_out_of_range_are_refused(parcellation, n_clusters):
    with pytest.raises(InvalidInputError, match="between 1 and the number of regions, 40"):
        cut_tree(parcellation.children, n_clusters)


def test_one_study_is_enough_for_profiles(brain_mask):
    n_voxels = int(np.asarray(brain_mask.dataobj).sum())
    one = sparse.csr_matrix(([1.0], ([0], [100])), shape=(1, n_voxels), dtype=np.float32)
    assert voxel_profiles(one, brain_mask, 9.0, random_state=0).shape == (n_voxels, 1)


def test_pieces_are_linked_between_their_nearest_voxels():
    line = np.array([1, 1, 1, 0, 1, 1, 1], np.uint8).reshape(-1, 1, 1)
    features = np.array([0.0, 10, 20, 20, 30, 40]).reshape(-1, 1)
    labels = ward_parcellation(features, nibabel.Nifti1Image(line, np.eye(4)), 5).labels
    assert labels.tolist() == [0, 1, 2, 2, 3, 4]


def test_few_components_keep_what_is_common_to_many_studies(box_mask):
    # Two networks that many studies share, under peaks scattered by chance.
    n_voxels = int(np.asarray(box_mask.dataobj).sum())
    random = np.random.default_rng(0)
    network = random.integers(0, 2, n_voxels)
    rate = 0.02 + 0.06 * (network == np.repeat([0, 1], 200)[:, np.newaxis])
    counts = sparse.csr_matrix(random.poisson(rate).astype(np.float32))
    profiles = voxel_profiles(counts, box_mask, 0.0, n_components=5, random_state=0)
    cosine = profiles @ profiles.T
    same = network == network[:, np.newaxis]
    assert cosine[same].mean() > cosine[~same].mean() + 0.2
