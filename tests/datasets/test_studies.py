import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from sklearn_mnm.datasets import Studies
from sklearn_mnm.exceptions import DataFormatError, InvalidInputError


def make_studies(peak_counts):
    """Studies whose every part carries the number of the study; peaks shuffled."""
    n = len(peak_counts)
    ids = np.array([f"s{i}" for i in range(n)], dtype=str)
    owner = np.random.default_rng(0).permutation(np.repeat(np.arange(n), peak_counts))
    peaks = pd.DataFrame(
        {"id": ids[owner], "x": owner.astype(float), "y": 0.0, "z": np.arange(len(owner)) * 1.0}
    )
    return Studies(
        ids,
        metadata=pd.DataFrame({"title": [f"title {i}" for i in range(n)]}, index=ids),
        peaks=peaks,
        counts=sparse.csr_matrix(np.arange(n, dtype=float)[:, None] + 1),
        vocabulary=["number"],
        texts=[f"text {i}" for i in range(n)],
        groups=[f"paper {i // 2}" for i in range(n)],
    )


def check_aligned(selected, expected_rows, peak_counts, original):
    assert selected.ids.tolist() == [f"s{i}" for i in expected_rows]
    assert selected.titles.tolist() == [f"title {i}" for i in expected_rows]
    assert selected.texts.tolist() == [f"text {i}" for i in expected_rows]
    assert selected.groups.tolist() == [f"paper {i // 2}" for i in expected_rows]
    assert selected.counts.toarray().ravel().tolist() == [i + 1 for i in expected_rows]
    assert selected.peak_counts.tolist() == [peak_counts[i] for i in expected_rows]
    assert selected.metadata.index.tolist() == list(range(len(expected_rows)))
    assert len(selected) == selected.n_studies == len(expected_rows)
    for row, study in enumerate(expected_rows):
        own = selected.peaks[selected.study_index == row]
        before = original.peaks[original.study_index == study]
        assert (own["x"] == study).all()
        assert own["z"].tolist() == before["z"].tolist()


peak_counts_of_studies = st.lists(st.integers(0, 4), min_size=1, max_size=12)


@given(peak_counts=peak_counts_of_studies, data=st.data())
def test_selection_keeps_each_study_with_its_own_parts(peak_counts, data):
    studies = make_studies(peak_counts)
    n = len(peak_counts)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    check_aligned(studies[mask], np.flatnonzero(mask).tolist(), peak_counts, studies)
    order = data.draw(st.permutations(range(n)))[: data.draw(st.integers(0, n))]
    check_aligned(studies[order], order, peak_counts, studies)
    check_aligned(studies.select(ids=[f"s{i}" for i in order]), order, peak_counts, studies)
    part = data.draw(st.slices(n))
    check_aligned(studies[part], list(range(n))[part], peak_counts, studies)


@given(peak_counts=peak_counts_of_studies, data=st.data())
def test_selecting_twice_is_selecting_once(peak_counts, data):
    studies = make_studies(peak_counts)
    first = np.array(data.draw(st.permutations(range(len(peak_counts)))))
    second = np.array(data.draw(st.permutations(range(len(peak_counts)))))
    twice, once = studies[first][second], studies[first[second]]
    assert twice.ids.tolist() == once.ids.tolist()
    pd.testing.assert_frame_equal(twice.peaks, once.peaks)


def test_peaks_are_ordered_by_study_and_keep_their_order_within():
    peaks = pd.DataFrame({"id": ["b", "a", "b"], "x": [1.0, 2.0, 3.0], "y": 0.0, "z": 0.0})
    studies = Studies(["a", "b"], peaks=peaks)
    assert studies.peaks["x"].tolist() == [2.0, 1.0, 3.0]
    assert studies.study_index.tolist() == [0, 1, 1]


def test_negative_positions_count_from_the_end():
    assert make_studies([1, 2, 3])[[-1, 0]].ids.tolist() == ["s2", "s0"]


def test_groups_are_the_ids_by_default_and_titles_empty_when_unknown():
    studies = Studies(["a", "b"])
    assert studies.groups.tolist() == ["a", "b"]
    assert studies.titles.tolist() == ["", ""]
    assert studies.peak_counts.tolist() == [0, 0]


def test_repr_is_short_and_counts():
    assert repr(make_studies([1, 2])) == "Studies(2 studies, 1 papers, 3 peaks, 1 terms, texts)"


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ([True, False], "2 entries for 3 studies"),
        ([0, 3], "position 3 is outside the 3"),
        ([-4], "position -4 is outside"),
        ([1, 1], "position 1 is given more than once"),
        ([2, -1], "position 2 is given more than once"),
        ([0.0], "float64"),
        (["s1"], "select by id"),
        (1, r"studies\[\[i\]\]"),
    ],
)
def test_wrong_selections_say_why(selection, message):
    with pytest.raises(InvalidInputError, match=message):
        make_studies([1, 1, 1])[selection]


def test_unknown_ids_are_named():
    with pytest.raises(InvalidInputError, match=r"2 of 3 .* 'other', 'another'"):
        make_studies([1, 1]).select(ids=["other", "s0", "another"])


PEAK = pd.DataFrame({"id": ["a"], "x": [0.0], "y": [0.0], "z": [0.0]})


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"counts": np.ones((3, 1))}, "counts has 3 rows but there are 2 ids"),
        ({"counts": np.array([[1.0], [np.nan]])}, "counts: row 1"),
    ],
)
def test_parts_that_disagree_are_refused(parts, message):
    with pytest.raises(DataFormatError, match=message):
        Studies(**{"ids": ["a", "b"], **parts})


def test_parts_that_carry_ids_come_in_the_order_of_the_ids():
    metadata = pd.DataFrame({"id": ["c", "a", "b"], "title": ["C", "A", "B"]})
    texts = pd.Series(["text c", "text a", "text b"], index=["c", "a", "b"])
    groups = pd.Series([3, 1, 2], index=pd.Index(["c", "a", "b"], name="id"))
    counts = pd.DataFrame({"pain": [30, 10, 20], "fear": [3, 1, 2]}, index=["c", "a", "b"])
    studies = Studies(["a", "b", "c"], metadata=metadata, texts=texts, groups=groups, counts=counts)
    assert studies.titles.tolist() == ["A", "B", "C"]
    assert studies.texts.tolist() == ["text a", "text b", "text c"]
    assert studies.groups.tolist() == ["1", "2", "3"]
    assert studies.counts.toarray().tolist() == [[10, 1], [20, 2], [30, 3]]
    assert studies.vocabulary.tolist() == ["pain", "fear"]
    swapped = Studies(["a", "b", "c"], counts=counts, vocabulary=["fear", "pain"])
    assert swapped.counts.toarray().tolist() == [[1, 10], [2, 20], [3, 30]]


def test_ids_of_other_studies_are_refused_and_other_names_are_none():
    metadata = pd.DataFrame({"id": ["a", "x"], "title": ["A", "X"]})
    with pytest.raises(
        DataFormatError, match=r"metadata: its ids are not those of the 2 studies.*'x'"
    ):
        Studies(["a", "b"], metadata=metadata)
    with pytest.raises(DataFormatError, match="texts: its ids are not those of the 2 studies"):
        Studies(["a", "b"], texts=pd.Series(["t"], index=["a"]))
    counts = pd.DataFrame({"pain": [1, 2]})
    with pytest.raises(DataFormatError, match="1 of 1 terms are no columns of counts"):
        Studies(["a", "b"], counts=counts, vocabulary=["fear"])
    renamed = Studies(["y", "z"], metadata=metadata)
    assert renamed.titles.tolist() == ["A", "X"]
    by_paper = pd.Series(["t", "u"], index=["p", "p"])
    assert Studies(["a", "b"], texts=by_paper).texts.tolist() == ["t", "u"]
