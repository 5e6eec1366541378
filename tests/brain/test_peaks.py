"""Peaks: accepted forms, what is moved, what is left out."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_mnm.brain.peaks import as_peak_table, peak_counts
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.exceptions import DataFormatError, DataWarning, InvalidInputError


def centres(mask_img):
    inside = np.argwhere(np.asarray(mask_img.dataobj) != 0)
    return inside @ mask_img.affine[:3, :3].T + mask_img.affine[:3, 3]


def test_table_list_and_studies_give_the_same_peaks():
    table = pd.DataFrame(
        {"id": ["b", "a", "b"], "x": [1.0, 2, 3], "y": [4.0, 5, 6], "z": [7.0, 8, 9]},
        index=[10, 20, 30],
    )
    from_table = as_peak_table(table)
    assert from_table.study_ids.tolist() == ["b", "a"]
    assert from_table.study_index.tolist() == [0, 1, 0]
    from_list = as_peak_table([[[1, 4, 7], [3, 6, 9]], [[2, 5, 8]]])
    assert from_list.study_index.tolist() == [0, 0, 1]
    studies = Studies(ids=["a", "none", "b"], peaks=table)
    from_studies = as_peak_table(studies)
    assert from_studies.study_ids.tolist() == ["a", "none", "b"]
    for one in (from_list, from_studies):
        rows = {tuple(row) for row in one.coordinates}
        assert rows == {tuple(row) for row in from_table.coordinates}
    owner = {
        tuple(xyz): from_studies.study_ids[row]
        for xyz, row in zip(from_studies.coordinates, from_studies.study_index, strict=True)
    }
    assert owner == {(1, 4, 7): "b", (2, 5, 8): "a", (3, 6, 9): "b"}


@pytest.mark.parametrize(
    ("peaks", "error", "message"),
    [
        (None, InvalidInputError, "NoneType"),
        ("peaks.tsv", InvalidInputError, "str"),
        (np.zeros((4, 3)), InvalidInputError, "list with one array"),
        ([np.zeros((4, 2))], InvalidInputError, "element 0"),
        ([[["left", 0, 0]]], InvalidInputError, "element 0"),
        ([[[0, np.nan, 0]]], DataFormatError, "row 0"),
        (pd.DataFrame({"x": [0], "y": [0], "z": [0]}), DataFormatError, "'id'"),
        (pd.DataFrame({"id": [0], "x": [0], "y": [0]}), DataFormatError, "'z'"),
        (pd.DataFrame({"id": [0], "x": ["?"], "y": [0], "z": [0]}), DataFormatError, "numbers"),
        (
            pd.DataFrame({"id": ["a", None], "x": [0, 0], "y": [0, 0], "z": [0, 0]}),
            DataFormatError,
            "Row 1",
        ),
    ],
)
def test_what_cannot_be_read_as_peaks_is_named(peaks, error, message):
    with pytest.raises(error, match=message):
        as_peak_table(peaks)


def test_a_peak_counts_for_the_voxel_it_lies_in(brain_mask):
    where = centres(brain_mask)
    jitter = np.random.default_rng(0).uniform(-3.9, 3.9, size=where.shape)
    counts, tally = peak_counts(where + jitter, np.arange(len(where)), len(where), brain_mask)
    assert (counts != np.eye(len(where))).sum() == 0
    assert tally == (len(where), 0, 0)


def test_peaks_of_one_voxel_add_up(box_mask):
    where = np.repeat(centres(box_mask)[:2], 3, axis=0)
    counts, _ = peak_counts(where, np.array([0, 0, 1, 1, 1, 1]), 3, box_mask)
    np.testing.assert_array_equal(counts[:, :2].toarray(), [[2, 0], [1, 3], [0, 0]])


def test_peaks_outside_move_to_the_nearest_voxel_or_are_left_out_with_their_number(box_mask):
    # The outermost centre along the first axis is at -30 + 2 * 3 = -24 mm.
    peaks = np.array([[-25.0, 0, 0], [-29.0, 0, 0], [-34.0, 0, 0], [-34.1, 0, 0], [900, 0, 0]])
    with pytest.warns(DataWarning, match=r"^2 of 5 peaks .* 10 mm") as caught:
        counts, tally = peak_counts(peaks, np.arange(5), 5, box_mask, max_distance=10.0)
    assert len(caught) == 1
    assert tally == (5, 2, 2)
    assert counts.sum(axis=1).ravel().tolist() == [[1, 1, 1, 0, 0]]
    found = centres(box_mask)[counts[:3].indices]
    np.testing.assert_array_equal(found, [[-24.0, 0, 0]] * 3)


def test_nothing_is_said_when_nothing_is_left_out(box_mask):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, tally = peak_counts(np.array([[-30.0, 0, 0]]), np.array([0]), 1, box_mask)
    assert tally == (1, 1, 0)


@settings(derandomize=True, max_examples=50)
@given(
    peaks=st.lists(st.tuples(*[st.floats(-90, 90)] * 3), max_size=20),
    max_distance=st.floats(0, 60),
)
def test_moving_agrees_with_a_search_through_all_voxels(brain_mask, peaks, max_distance):
    coordinates = np.array(peaks).reshape(-1, 3)
    distances = np.linalg.norm(coordinates[:, np.newaxis] - centres(brain_mask), axis=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        counts, tally = peak_counts(
            coordinates,
            np.arange(len(coordinates)),
            len(coordinates),
            brain_mask,
            max_distance=max_distance,
        )
    # Inside its own voxel a peak is at most half a diagonal (4 sqrt 3 mm) from the centre.
    for row, distance in enumerate(distances):
        entries = counts[row].indices
        if len(entries):
            assert distance[entries[0]] <= distance.min() + 1e-9
        else:
            assert distance.min() > max_distance
    assert tally.n_dropped == len(coordinates) - counts.sum()


def test_real_peaks_are_all_accounted_for(neuroquery_peaks, brain_mask):
    table = as_peak_table(neuroquery_peaks)
    with pytest.warns(DataWarning, match="left out"):
        counts, tally = peak_counts(
            table.coordinates, table.study_index, len(table.study_ids), brain_mask
        )
    assert counts.shape[0] == 1000
    assert counts.sum() == tally.n_peaks - tally.n_dropped
    assert 0 < tally.n_dropped < 0.01 * tally.n_peaks


@pytest.mark.parametrize(
    "columns", [["Cluster ID", "X", "Y", "Z"], ["cluster_id", "peak_x", "peak_y", "peak_z"]]
)
def test_a_table_of_clusters_is_one_map(columns):
    table = pd.DataFrame([["1", -32.0, 20, -6], ["1a", 4, 5, 6]], columns=columns)
    with pytest.warns(DataWarning, match="no column 'id': all 2 peaks are taken for one study"):
        peaks = as_peak_table(table)
    assert peaks.coordinates.tolist() == [[-32, 20, -6], [4, 5, 6]]
    assert (len(peaks.study_ids), peaks.study_index.tolist()) == (1, [0, 0])


def test_tables_of_several_studies_need_their_names():
    table = pd.DataFrame({"Study": ["a"], "X": [1.0], "Y": [2.0], "Z": [3.0]})
    with pytest.raises(DataFormatError, match=r"no column 'id'.*maybe 'Study'"):
        as_peak_table(table)
    voxels = pd.DataFrame({"id": ["a"], "x (vox)": [1.0], "y (vox)": [2.0], "z (vox)": [3.0]})
    with pytest.raises(DataFormatError, match=r"numbers of voxels become mm by .*apply_affine"):
        as_peak_table(voxels)


def test_talairach_peaks_of_a_table_are_converted_and_deactivations_left_out():
    table = pd.DataFrame(
        {"id": ["a", "b", "a"], "x": [10.0, 1, 2], "y": [-20.0, 1, 2], "z": [30.0, 1, 2]}
    ).assign(space=["TAL", "MNI", "MNI"], deactivation=[False, True, False])
    with pytest.warns(DataWarning, match=r"1 deactivations .*; 1 peaks converted from Talairach"):
        peaks = as_peak_table(table)
    np.testing.assert_allclose(peaks.coordinates, [[12.1, -17.3, 30.7], [2, 2, 2]], atol=0.05)
    # A study without activations is one all the same.
    assert (peaks.study_ids.tolist(), peaks.study_index.tolist()) == (["a", "b"], [0, 0])


def test_indices_of_voxels_and_metres_are_suspected(brain_mask):
    voxels = np.array([[26.0, 52, 64], [64, 52, 64], [43, 62, 65]])
    with pytest.warns(DataWarning, match=r"3 of 3 peaks .* may be indices of voxels.*apply_affine"):
        peak_counts(voxels + 30, np.zeros(3, int), 1, brain_mask)
    with pytest.warns(DataWarning, match=r"multiply them by 1000"):
        peak_counts(np.array([[-44.0, 22, 30]] * 3) / 1000, np.zeros(3, int), 1, brain_mask)


def test_deactivations_of_studies_are_left_out_of_maps():
    peaks = pd.DataFrame({"id": ["a", "b", "a"], "x": [1.0, 2, 3], "y": 0.0, "z": 0.0})
    studies = Studies(["a", "b"], peaks=peaks.assign(deactivation=[True, True, False]))
    with pytest.warns(DataWarning, match=r"^2 deactivations among 3 points left out of maps\."):
        table = as_peak_table(studies)
    assert table.coordinates[:, 0].tolist() == [3]
    assert (table.study_index.tolist(), table.study_ids.tolist()) == ([0], ["a", "b"])
