# ruff: noqa: E501  # rows of a table stay on one line
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
from sklearn_mnm.exceptions import DataFormatError, DataWarning, InvalidInputError


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
        ("x,y,z\n1,1,2\n", r"missing column\(s\) \['id'\] in line 1"),
        ('id,x,y,z,t\n1,1,2,3,"a\nb"\n1,1,2,dog,c\n', r"line 4 \(id 1\) has 'dog' as coordinate z"),
        ("id,x,y,z\n1,1,,3\n", r"line 2 \(id 1\) has an empty field as coordinate y"),
        ("id,x,y,z,ID\n1,1,2,3,1\n", "line 1 names a column twice"),
    ],
)
def test_faults_name_file_and_line(load, text, message):
    with pytest.raises(DataFormatError, match=rf"peaks\.csv: {message}"):
        load(text)


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


ROWS = "id,title,x,y,z\n1,reward,-44,22,30\n2,pain,36,-48,44\n"


def read(load, text, name="peaks.csv"):
    """Studies of a table, and what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        studies = load(text, name)
    return studies, " ".join(str(warning.message) for warning in caught)


def places(studies):
    return studies.peaks[["x", "y", "z"]].to_numpy().tolist()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("a line that names the separator", "sep=;\n" + ROWS.replace(",", ";")),
        ("a quoted one", '"sep=,"\n' + ROWS),
        ("blank lines above", "\n\n" + ROWS),
        ("blank rows and columns", "id,title,x,y,z,,\n1,reward,-44,22,30,,\n,,,,,,\n2,pain,36,-48,44,,\n,,,,,,\n"),
        ("separators at the end of rows", ROWS.replace("30", "30,").replace("44\n", "44,\n")),
        ("line ends of old computers", ROWS.replace("\n", "\r")),
        ("minus signs of typesetters", ROWS.replace("-", "\N{MINUS SIGN}")),
        ("decimal commas", ROWS.replace(",", ";").replace("30", "30,0").replace("44", "44,0")),
        ("spaces around", ROWS.replace(",", " , ")),
        ("row numbers of pandas", ",id,title,x,y,z\n0,1,reward,-44,22,30\n1,2,pain,36,-48,44\n"),
        ("row numbers of R", '"","id","title","x","y","z"\n"1","1","reward",-44,22,30\n"2","2","pain",36,-48,44\n'),
        ("other names", ROWS.replace("x,y,z", "X (mm),Y (mm),Z {mm}")),
        ("names of peaks", ROWS.replace("x,y,z", "peak_x,peak_y,peak_z")),
    ],
)  # fmt: skip
def test_tables_of_all_programs_are_read(load, given, text):
    studies, told = read(load, text)
    assert places(studies) == [[-44, 22, 30], [36, -48, 44]]
    assert studies.ids.tolist() == ["1", "2"]
    assert studies.texts.tolist() == ["reward", "pain"]
    assert ("row numbers without a name is left out" in told) == given.startswith("row numbers")


def test_unicode_text_of_spreadsheets_is_read(tmp_path):
    path = tmp_path / "peaks.txt"
    path.write_text(ROWS.replace(",", "\t"), encoding="utf-16")
    assert places(load_table(path)) == [[-44, 22, 30], [36, -48, 44]]


@pytest.mark.parametrize("nothing", ["NA", "NaN", "NULL", "#N/A"])
def test_words_for_nothing_are_none(load, nothing):
    text = "id,study_id,title,x,y,z,sample_size\na,p,reward,1,2,3,12\nb,NA,NA,NA,NA,NA,NA\n"
    studies, told = read(load, text.replace("NA", nothing))
    assert studies.peak_counts.tolist() == [1, 0]
    assert studies.texts.tolist() == ["reward", ""]
    assert studies.groups.tolist() == ["p", "b"]
    assert studies.metadata["sample_size"].tolist()[0] == 12
    assert "1 of 2 studies have no peaks and 1 have no text" in told


def test_a_title_that_is_a_word_for_nothing_stays_where_numbers_are_whole(load):
    assert load("id,title,x,y,z\n1,NA,1,2,3\n").titles.tolist() == ["NA"]


def test_a_coordinate_that_is_missing_beside_others_is_refused(load):
    with pytest.raises(DataFormatError, match=r"line 2 \(id a\) has 'NA' as coordinate y"):
        load("id,title,x,y,z\na,t,1,NA,3\n")


def test_papers_are_the_same_whether_or_not_rows_name_them(load):
    studies = load(
        "id,study_id,title,x,y,z\n29123456,,a,1,2,3\n29123456-2,29123456,b,1,2,3\n30000001,,c,1,2,3\n"
    )
    assert studies.groups.tolist() == ["29123456", "29123456", "30000001"]
    floats = load("id,study_id,title,x,y,z\n29.0,29,a,1,2,3\n30.0,,b,1,2,3\n")
    assert (floats.ids.tolist(), floats.groups.tolist()) == (["29", "30"], ["29", "30"])


@pytest.mark.parametrize(
    ("header", "statistic"), [("id,title,x,y,z,Z", "z_stat"), ("id,title,X,Y,Z,z", "z_stat"), ("id,title,x,y,z,T-value", "t_stat")]
)  # fmt: skip
def test_a_statistic_is_told_from_a_coordinate(load, header, statistic):
    studies = load(f"{header}\na,n-back,-44,22,30,5.1\na,,36,-48,44,4.4\n")
    assert places(studies) == [[-44, 22, 30], [36, -48, 44]]
    assert studies.peaks[statistic].tolist() == [5.1, 4.4]


FSL = "Cluster Index\tVoxels\tP\tZ-MAX\tZ-MAX X ({0})\tZ-MAX Y ({0})\tZ-MAX Z ({0})\tZ-COG X ({0})\tZ-COG Y ({0})\tZ-COG Z ({0})\n"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Cluster ID,X,Y,Z,Peak Stat,Cluster Size (mm3)\n1,-44,22,30,9.3,4256\n1a,36,-48,44,6.1,\n", "x.csv"),
        ("cluster_id,peak_x,peak_y,peak_z,peak_value,aal\n1,-44,22,30,9.3,A\n2,36,-48,44,7,B\n", "x.csv"),
        ("Cluster Index\tZ\tx\ty\tz\t\n2\t5.1\t-44\t22\t30\t\n1\t4\t36\t-48\t44\t\n", "x.tsv"),
        (FSL.format("mm") + "2\t300\t.001\t5\t-44\t22\t30\t1\t2\t3\n1\t3\t.01\t4\t36\t-48\t44\t1\t2\t3\n", "x.tsv"),
    ],
)  # fmt: skip
def test_a_table_of_clusters_is_one_study(load, text, name):
    studies, told = read(load, text, name)
    assert studies.ids.tolist() == ["x"]
    assert places(studies) == [[-44, 22, 30], [36, -48, 44]]
    assert "no column 'id': all 2 peaks are taken for those of one study" in told


def test_names_of_columns_tell_the_space(load):
    studies, told = read(load, "id,title,tal_x,tal_y,tal_z\na,t,10,-20,30\n")
    np.testing.assert_allclose(places(studies), [[12.1, -17.3, 30.7]], atol=0.05)
    assert "1 peaks converted from Talairach" in told
    _, told = read(load, "id,title,x,y,z,space\na,t,1,2,3,MNI converted to Talairach\n")
    assert "1 peaks kept as they are in other spaces" in told


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Table 1\n\n" + ROWS, "line 3 names the columns.*line 1 above it, 'Table 1'.*Remove"),
        ("Study,x,y,z\nAde,1,2,3\n", r"missing column\(s\) \['id'\].*maybe 'Study'"),
        ("id,title,coordinates\na,t,1 2 3\n", "missing column.*Call the coordinates in mm x, y and z"),
        ("id,x,y,z,X,Y,Z\n1,1,2,3,4,5,6\n", "line 1 has several columns that may be coordinates"),
        ("id,title,x,y,z,Title\n1,a,1,2,3,b\n", "names a column twice, if capitals do not count"),
        ("id,title,x,y,z,\n1,a,1,2,3,left\n", "column 6 has no name in line 1 but holds 'left' in line 2"),
        ("id,title,x,y,z\n1,a,1,2,3\n\n,,,,\n2,b,1,dog,3\n", r"line 5 \(id 2\) has 'dog'"),
        ("id,title,x,y,z\nNA,a,1,2,3\n", "line 2 has no id"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_refused_with_its_line_or_column(load, text, message):
    with pytest.raises(DataFormatError, match=rf"peaks\.csv: .*{message}"):
        load(text)


def test_the_line_in_another_encoding_is_named(tmp_path):
    path = tmp_path / "peaks.csv"
    path.write_bytes((ROWS + "3,Dockès,1,2,3\n").encode("latin-1"))
    with pytest.raises(
        DataFormatError, match=r"Line 4 is in another encoding\. Save it as CSV UTF-8"
    ):
        load_table(path)


def test_deactivations_are_no_peaks_unless_asked_for(tmp_path):
    path = tmp_path / "peaks.csv"
    path.write_text("id,title,x,y,z,Deactivation\na,t,1,2,3,FALSE\na,,4,5,6,TRUE\nb,u,7,8,9,\n")
    with pytest.warns(DataWarning, match="1 deactivations among 3 points left out"):
        assert load_table(path).peaks["x"].tolist() == [1, 7]
    every = load_table(path, points="all")
    assert every.peaks["deactivation"].tolist() == [False, True, False]
    path.write_text("id,title,x,y,z,deactivation\na,t,1,2,3,maybe\n")
    with pytest.raises(InvalidInputError, match="'deactivation' holds 'maybe'"):
        load_table(path)


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
