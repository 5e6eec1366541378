import json
import shutil
import warnings

import pytest

from sklearn_mnm.datasets import load_studies
from sklearn_mnm.exceptions import DataFormatError, DataWarning, InvalidInputError

PEAK = {"coordinates": [1.0, 2.0, 3.0], "space": "MNI"}


@pytest.fixture
def corpora(tmp_path, toy_release):
    """The same two peaks in every form that is a file of its own."""
    folder = tmp_path / "corpora"
    folder.mkdir()
    (folder / "foci.txt").write_text("// Reference=MNI\n// A: b\n// Subjects=2\n1 2 3\n1 2 3\n")
    (folder / "peaks.csv").write_text("id,x,y,z,title\nA,1,2,3,A\nA,1,2,3,A\n")
    (folder / "peaks.tsv").write_text("id\tx\ty\tz\ttitle\nA\t1\t2\t3\tA\nA\t1\t2\t3\tA\n")
    study = {"id": "A", "name": "A", "analyses": [{"id": "b", "name": "b", "points": 2 * [PEAK]}]}
    (folder / "studyset.json").write_text(json.dumps({"studies": [study]}))
    return folder


@pytest.mark.parametrize("name", ["foci.txt", "peaks.csv", "peaks.tsv", "studyset.json"])
def test_files_are_told_by_their_looks(corpora, name):
    studies = load_studies(corpora / name)
    assert studies.peaks[["x", "y", "z"]].to_numpy().tolist() == [[1, 2, 3], [1, 2, 3]]
    assert studies.titles.tolist() == ["A"]


def test_folders_are_told_by_their_looks(toy_release, nimare_resources, tmp_path):
    assert load_studies(toy_release).vocabulary.tolist() == ["pain", "memory"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        assert len(load_studies(nimare_resources / "neurostore_parquet_studyset")) == 4
    pubget = tmp_path / "query" / "subset_allArticles_extractedData"
    pubget.mkdir(parents=True)
    with pytest.raises(DataFormatError, match="not found; pubget writes it"):
        load_studies(pubget.parent)


@pytest.mark.parametrize("name", ["foci.txt", "studyset.json"])
def test_levels_reach_the_forms_that_have_them(corpora, name):
    assert load_studies(corpora / name, level="contrast").ids.tolist() == ["A-b"]
    assert load_studies(corpora / name, level="study").ids.tolist() == ["A"]


def test_levels_and_forms_that_are_not_there_are_refused(corpora):
    with pytest.raises(InvalidInputError, match="rows are what they are"):
        load_studies(corpora / "peaks.csv", level="study")
    with pytest.raises(InvalidInputError, match="level='paper'"):
        load_studies(corpora / "foci.txt", level="paper")
    with pytest.raises(InvalidInputError, match=r"points='all': .* does not mark deactivations"):
        load_studies(corpora / "foci.txt", points="all")
    assert len(load_studies(corpora / "peaks.csv", points="all").peaks) == 2
    with pytest.raises(InvalidInputError, match="format='word'"):
        load_studies(corpora / "foci.txt", format="word")


def test_a_form_can_be_named_where_looks_deceive(corpora):
    shutil.move(corpora / "foci.txt", corpora / "foci.sleuth")
    with pytest.raises(DataFormatError, match=r"foci\.sleuth: its form is not recognised"):
        load_studies(corpora / "foci.sleuth")
    assert len(load_studies(corpora / "foci.sleuth", format="sleuth").peaks) == 2


def test_the_case_of_a_name_does_not_matter(corpora):
    for name in ("peaks.csv", "peaks.tsv", "studyset.json", "foci.txt"):
        upper = corpora / name.upper()
        shutil.copy(corpora / name, upper)
        assert len(load_studies(upper).peaks) == 2


def test_a_text_file_with_column_names_is_a_table(corpora):
    path = corpora / "database.txt"
    path.write_text((corpora / "peaks.tsv").read_text())
    assert load_studies(path).ids.tolist() == ["A"]
    path.write_text("some notes\n")
    with pytest.raises(DataFormatError, match=r"line 1: .*In a table of peaks line 1 names"):
        load_studies(path)


def test_files_of_spreadsheet_programs_are_to_be_saved_as_csv(tmp_path):
    path = tmp_path / "peaks.xlsx"
    path.write_bytes(b"PK")
    with pytest.raises(DataFormatError, match=r"peaks\.xlsx: .*Save its sheet as CSV"):
        load_studies(path)
