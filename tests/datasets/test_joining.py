import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_mnm import MNMEncoder
from sklearn_mnm.datasets import Studies, load_sleuth, load_studies, load_table, make_literature
from sklearn_mnm.exceptions import DataWarning, InvalidInputError


def studies(ids, *, offset=0.0, **parts):
    """One peak for each study; its x is the number of the row and an offset."""
    peaks = pd.DataFrame({"id": ids, "x": np.arange(len(ids)) + float(offset), "y": 0.0, "z": 0.0})
    return Studies(ids, peaks=peaks, **parts)


def test_rows_of_one_follow_those_of_the_other():
    one = studies(["a", "b"], texts=["pain", "memory"], metadata=pd.DataFrame({"year": [1, 2]}))
    two = studies(["c"], offset=5, texts=["fear"], metadata=pd.DataFrame({"title": ["Fear"]}))
    both = one + two
    assert both.ids.tolist() == both.groups.tolist() == ["a", "b", "c"]
    assert both.texts.tolist() == ["pain", "memory", "fear"]
    assert both.peaks["x"].tolist() == [0, 1, 5]
    assert both.titles.tolist() == ["", "", "Fear"]
    # What was one stays so.
    for part, rows in ((one, [0, 1]), (two, [2])):
        assert both[rows].peaks[["x", "y", "z"]].equals(part.peaks[["x", "y", "z"]])


def test_ids_of_both_are_told_apart_and_counted():
    with pytest.warns(DataWarning, match="^1 ids occur in several sources and are told apart"):
        both = studies(["a", "b"]) + studies(["b", "c"], offset=5)
    assert both.ids.tolist() == ["a", "b", "b (2)", "c"]
    assert both.peaks["x"].tolist() == [0, 1, 5, 6]
    assert both.peaks["id"].tolist() == both.ids.tolist()


def test_one_paper_stays_one_unless_its_titles_differ():
    def paper(title, row):
        return studies([row], groups=["p"], metadata=pd.DataFrame({"title": [title]}))

    assert (paper("Pain", "p-1") + paper("Pain", "p-2")).groups.tolist() == ["p", "p"]
    assert (paper("Pain", "p-1") + paper("", "p-2")).groups.tolist() == ["p", "p"]
    assert (paper("Pain", "p-1") + paper("Fear", "p-2")).groups.tolist() == ["p", "p (2)"]


def test_studies_that_are_there_twice_are_counted_by_what_is_known_of_them():
    one = studies(["a", "b"], metadata=pd.DataFrame({"pmid": [17, 18], "doi": [None, "10.1/B"]}))
    known = pd.DataFrame({"pmid": ["17", "x", ""], "doi": ["", "10.1/b", ""]})
    two = studies(["c", "d", "e"], metadata=known)
    with pytest.warns(DataWarning, match="^2 studies have the pmid, pmcid or doi of one of anoth"):
        assert len(one + two) == 5


def test_counts_are_put_together_by_term():
    one = studies(["a"], counts=[[1, 2]], vocabulary=["pain", "memory"])
    two = studies(["b"], counts=[[3, 4]], vocabulary=["fear", "pain"])
    with pytest.warns(DataWarning, match="2 of 3 terms are in the vocabulary of some sources only"):
        both = one + two
    assert both.vocabulary.tolist() == ["pain", "memory", "fear"]
    assert both.counts.toarray().tolist() == [[1, 2, 0], [4, 0, 3]]
    same = one + studies(["b"], counts=[[3, 4]], vocabulary=["pain", "memory"])
    assert same.counts.toarray().tolist() == [[1, 2], [3, 4]]


def test_counts_of_one_are_left_out_where_both_have_texts():
    one = studies(["a"], counts=[[1]], vocabulary=["pain"], texts=["pain"])
    with pytest.warns(DataWarning, match="counts of 1 studies are left out, as others have texts"):
        both = one + studies(["b"], texts=["fear"])
    assert both.counts is None
    assert both.texts.tolist() == ["pain", "fear"]


def test_counts_and_texts_alone_cannot_be_put_together():
    counted = studies(["a"], counts=[[1]], vocabulary=["pain"])
    with pytest.raises(InvalidInputError, match="counts but no texts, others texts but no term"):
        counted + studies(["b"], texts=["fear"])
    with pytest.raises(InvalidInputError, match="neither counts nor texts"):
        counted + studies(["b"])
    with pytest.raises(InvalidInputError, match=r"have \[1, 2\] columns, not all of them named"):
        counted + studies(["b"], counts=[[1, 2]])
    with pytest.raises(TypeError):
        counted + 1


def test_peaks_without_a_space_are_of_mni152_beside_others():
    spaced = studies(["a"])
    spaced = Studies(["a"], peaks=spaced.peaks.assign(space="UNC"))
    assert (spaced + studies(["b"])).peaks["space"].tolist() == ["UNC", "MNI152"]


@pytest.fixture
def files(tmp_path):
    (tmp_path / "foci.txt").write_text("// Reference=MNI\n// A: b\n// Subjects=2\n1 2 3\n")
    (tmp_path / "more.txt").write_text("// Reference=MNI\n// A: b\n// Subjects=2\n4 5 6\n")
    (tmp_path / "peaks.csv").write_text("id,x,y,z,title\n1,7,8,9,Pain\n")
    return tmp_path


def test_several_files_make_one_corpus(files):
    with pytest.warns(DataWarning, match=r"^1 ids occur in .*\(read from .*foci.*more.*peaks"):
        read = load_studies([files / "foci.txt", str(files / "more.txt"), files / "peaks.csv"])
    assert read.ids.tolist() == ["A-b", "A-b (more)", "1"]
    assert read.groups.tolist() == ["A", "A", "1"]
    assert read.peaks["x"].tolist() == [1, 4, 7]
    assert read.texts.tolist() == ["A\nb", "A\nb", "Pain"]


def test_what_is_no_path_is_refused(files):
    with pytest.raises(InvalidInputError, match="holds no path"):
        load_studies([])
    with pytest.raises(InvalidInputError, match=r"expected the path of one file .* got int"):
        load_studies([3])
    for load in (load_sleuth, load_table):
        with pytest.raises(InvalidInputError, match="load_studies takes a list of paths"):
            load([files / "foci.txt"])


def test_papers_beside_contrasts_are_told_of(files):
    (files / "set.json").write_text(
        '{"studies": [{"id": "p", "name": "n", "analyses": [{"id": "a", "name": "c", "points": '
        '[{"coordinates": [1, 2, 3], "space": "MNI"}]}]}]}'
    )
    both = [files / "foci.txt", files / "set.json"]
    with pytest.warns(DataWarning, match="rows are papers in some sources and contrasts in others"):
        load_studies(both)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        assert load_studies(both, level="contrast").ids.tolist() == ["A-b", "p-a"]


def test_halves_put_together_are_the_whole():
    whole = make_literature(60, n_terms=300, random_state=0).studies
    both = whole[:25] + whole[25:]
    assert both.ids.tolist() == whole.ids.tolist()
    assert (both.counts != whole.counts).nnz == 0
    assert both.vocabulary.tolist() == whole.vocabulary.tolist()
    assert both.peaks[["x", "y", "z"]].equals(whole.peaks[["x", "y", "z"]])
    assert type(MNMEncoder()._make_vectorizer(both)) is type(MNMEncoder()._make_vectorizer(whole))
