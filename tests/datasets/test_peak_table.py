import csv
import gzip
import math
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sklearn_mnm.datasets import load_nback_flanker, load_table, talairach_to_mni152
from sklearn_mnm.exceptions import DataFormatError, DataWarning


@pytest.fixture
def load(tmp_path):
    def load_text(text, name="peaks.csv", **arguments):
        path = tmp_path / name
        content = text.encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return load_table(path)

    return load_text


TABLE = """ID,x,Y,z,Title,abstract,sample_size,study_id,z_stat,table
007,-44,22,30,n-back,Memory.,12,p1,4.5,T1
007,36,-48,44,,,,,,T2
8,0,14,46.5,flanker,,14,p1,3.1,T1
"""


def test_rows_of_a_study_are_its_peaks(load):
    studies = load(TABLE)
    assert studies.ids.tolist() == ["007", "8"]
    assert studies.groups.tolist() == ["p1", "p1"]
    assert studies.titles.tolist() == ["n-back", "flanker"]
    assert studies.texts.tolist() == ["n-back\nMemory.", "flanker"]
    assert studies.metadata["sample_size"].tolist() == [12, 14]
    np.testing.assert_array_equal(
        studies.peaks[["x", "y", "z"]], [[-44, 22, 30], [36, -48, 44], [0, 14, 46.5]]
    )
    # What differs within a study is of its peaks.
    assert studies.peaks["table"].tolist() == ["T1", "T2", "T1"]
    assert "table" not in studies.metadata
    assert studies.peaks["z_stat"].tolist()[::2] == [4.5, 3.1]


@pytest.mark.parametrize(
    ("name", "separator", "start"),
    [
        ("peaks.tsv", "\t", ""),
        ("peaks.csv", ";", ""),
        ("peaks.csv", ",", "\ufeff"),
        ("peaks.csv.gz", ",", ""),
    ],
)
def test_spreadsheets_separate_and_begin_as_they_like(load, name, separator, start):
    studies = load(start + TABLE.replace(",", separator), name)
    expected = load(TABLE)
    assert studies.peaks.equals(expected.peaks)
    assert studies.metadata.equals(expected.metadata)


def test_a_column_text_is_the_text(load):
    studies = load("id,x,y,z,title,text\n1,1,2,3,A title,Some text.\n")
    assert studies.texts.tolist() == ["Some text."]
    assert studies.titles.tolist() == ["A title"]


def test_without_any_text_there_is_none(load):
    with pytest.warns(DataWarning, match=r"1 have no text.*peaks\.csv"):
        studies = load("id,x,y,z\n1,1,2,3\n")
    assert studies.texts is None


def test_talairach_peaks_are_converted_and_studies_without_peaks_kept(load):
    text = "id,x,y,z,title,space\n1,10,20,30,a,TAL\n1,1,2,3,,MNI\n2,,,,b,\n"
    with pytest.warns(
        DataWarning,
        match=r"^1 peaks converted from Talairach to MNI152; 1 of 2 studies have no peaks and 0 "
        r"have no text; all are kept \(read from .*peaks\.csv\)\.$",
    ):
        studies = load(text)
    found = studies.peaks[["x", "y", "z"]].to_numpy()
    np.testing.assert_allclose(found[0], talairach_to_mni152(np.array([[10.0, 20, 30]]))[0])
    np.testing.assert_array_equal(found[1], [1, 2, 3])
    assert studies.peak_counts.tolist() == [2, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,x,y\n1,1,2\n", r"missing column\(s\) \['z'\] in line 1"),
        ("x,y,z\n1,1,2\n", r"missing column\(s\) \['id'\] in line 1"),
        ("id,x,y,z\n1,1,2,3\n,1,2,3\n", "line 3 has no id"),
        ('id,x,y,z,t\n1,1,2,3,"a\nb"\n1,1,2,dog,c\n', r"line 4 \(id 1\) has 'dog' as coordinate z"),
        ("id,x,y,z\n1,1,,3\n", r"line 2 \(id 1\) has an empty field as coordinate y"),
        ("id,x,y,z\n1,1,inf,3\n", r"line 2 \(id 1\) has 'inf' as coordinate y"),
        ("id,x,y,z,ID\n1,1,2,3,1\n", "line 1 names a column twice"),
        ("id,x,y,z,title\n1,1,2,3,a\n2,1,2,3,b\n1,1,2,3,c\n", "lines 2 and 4 give study 1 diff"),
        ("id,x,y,z\n1,1,2,3,4\n", "is not a table"),
        ("", "is empty"),
    ],
)
def test_faults_name_file_and_line(load, text, message):
    with pytest.raises(DataFormatError, match=rf"peaks\.csv: {message}"):
        load(text)


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(DataFormatError, match=r"absent\.csv: cannot be read"):
        load_table(tmp_path / "absent.csv")
    path = tmp_path / "peaks.csv"
    path.write_bytes("id,x,y,z,title\n1,1,2,3,Dockès".encode("latin-1"))
    with pytest.raises(DataFormatError, match=r"peaks\.csv: is not a table in UTF-8"):
        load_table(path)
    path = tmp_path / "peaks.csv.gz"
    path.write_bytes(gzip.compress(TABLE.encode())[:-9])
    with pytest.raises(DataFormatError, match=r"peaks\.csv\.gz: cannot be decompressed"):
        load_table(path)


def test_real_studies_written_as_a_table_are_read_again(nimare_resources, tmp_path):
    with pytest.warns(DataWarning):
        studies = load_nback_flanker(level="study")
    peaks = studies.peaks[["id", "x", "y", "z"]]
    texts = studies.metadata[["id", "title", "abstract"]]
    path = tmp_path / "peaks.csv"
    # Left join: each study has peaks.
    peaks.merge(texts, on="id", how="left").to_csv(path, index=False)
    read = load_table(path).select(ids=studies.ids)
    assert read.texts.tolist() == studies.texts.tolist()
    # Versions of pandas before 3 round the last digit otherwise.
    np.testing.assert_allclose(
        read.peaks[["x", "y", "z"]], studies.peaks[["x", "y", "z"]], rtol=1e-14
    )


FIELDS = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=8)
NUMBERS = st.floats(-200, 200) | st.integers(-200, 200)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["1", "01", "a b", "x,y"]), NUMBERS, NUMBERS, NUMBERS, FIELDS),
        min_size=1,
        max_size=8,
    ),
    separator=st.sampled_from(",;\t"),
)
def test_any_table_keeps_its_numbers_and_fields(rows, separator, tmp_path):
    path = Path(tmp_path) / "peaks.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter=separator)
        writer.writerow(["id", "x", "y", "z", "note"])
        writer.writerows(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # there is no text
        studies = load_table(path)
    expected = pd.DataFrame(rows, columns=["id", "x", "y", "z", "note"])
    assert studies.ids.tolist() == list(dict.fromkeys(expected["id"]))
    for study, group in expected.groupby("id", sort=False):
        own = studies.peaks[studies.peaks["id"] == study]
        np.testing.assert_allclose(
            own[["x", "y", "z"]].astype(float), group[["x", "y", "z"]].astype(float), rtol=1e-14
        )
    assert all(math.isfinite(value) for value in studies.peaks["x"])
