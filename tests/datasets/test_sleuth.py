import re
import string
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sklearn_mnm.datasets import (
    Studies,
    from_nimare,
    load_nback_flanker,
    load_sleuth,
    save_sleuth,
    talairach_to_mni152,
)
from sklearn_mnm.exceptions import DataFormatError, DataWarning, InvalidInputError

TWO_PAPERS = """// Reference = MNI
// Smith et al., 2010: n-back > rest
// Subjects = 12
-44 22 30
36\t-48\t44

// Smith et al., 2010: flanker
// Subjects=14
//DOI=10.1/x
0 14 46.5
// Jones; Stroop: incongruent
// Subjects = 9
-4.5e1 1 2
"""


@pytest.fixture
def load(tmp_path):
    def load_text(text, **arguments):
        path = tmp_path / "foci.txt"
        path.write_text(text, encoding="utf-8")
        return load_sleuth(path, **arguments)

    return load_text


def test_each_experiment_is_a_row_of_its_paper(load):
    studies = load(TWO_PAPERS)
    assert studies.metadata["title"].tolist() == ["Smith et al., 2010"] * 2 + ["Jones"]
    assert studies.metadata["contrast"].tolist() == [
        "n-back > rest",
        "flanker",
        "Stroop: incongruent",
    ]
    assert studies.metadata["sample_size"].tolist() == [12, 14, 9]
    assert studies.groups.tolist() == studies.metadata["title"].tolist()
    assert studies.texts[0] == "Smith et al., 2010\nn-back > rest"
    assert studies.peak_counts.tolist() == [2, 1, 1]
    np.testing.assert_array_equal(
        studies.peaks[["x", "y", "z"]], [[-44, 22, 30], [36, -48, 44], [0, 14, 46.5], [-45, 1, 2]]
    )
    assert studies.metadata["doi"].tolist()[:2] == ["10.1/x"] * 2


def test_a_paper_holds_the_peaks_of_its_experiments(load):
    with pytest.warns(DataWarning, match="1 of 2 papers differ in their number of participants"):
        papers = load(TWO_PAPERS, level="study")
    assert papers.ids.tolist() == ["Smith et al., 2010", "Jones"]
    assert papers.peak_counts.tolist() == [3, 1]


def test_a_colon_before_the_year_is_part_of_the_study(load):
    studies = load("// Reference=MNI\n// Pain: a study, 2010; hot\n// Subjects=3\n1 2 3\n")
    assert studies.groups.tolist() == ["Pain: a study, 2010"]
    assert studies.metadata["contrast"].tolist() == ["hot"]


def test_talairach_peaks_are_converted_from_the_line_that_says_so(load):
    text = TWO_PAPERS + "// Reference=Talairach\n// Brown: pain\n// Subjects=5\n10 20 30\n"
    with pytest.warns(DataWarning, match=r"1 peaks converted from Talairach.*foci\.txt"):
        studies = load(text)
    found = studies.peaks[["x", "y", "z"]].to_numpy()
    np.testing.assert_allclose(found[-1], talairach_to_mni152(np.array([[10.0, 20, 30]]))[0])
    np.testing.assert_array_equal(found[0], [-44, 22, 30])


def test_what_is_missing_is_counted_with_the_name_of_the_file(load):
    text = "// A: one\n// Subjects=3\n\n// B: two\n1 2 3\n"
    with pytest.warns(DataWarning) as record:
        studies = load(text)
    (warning,) = record
    assert re.fullmatch(
        r"1 peaks of unknown space taken as MNI152; 1 of 2 experiments do not tell their number of "
        r"subjects; 1 of 2 contrasts have no peaks and 0 have no text; all are kept "
        r"\(read from .*foci\.txt\)\.",
        str(warning.message),
    )
    assert studies.peak_counts.tolist() == [0, 1]


def test_blank_lines_within_an_experiment_mean_nothing(load):
    spaced = re.sub(r"\n(?=-|3|0)", "\n\n", TWO_PAPERS)
    assert spaced != TWO_PAPERS
    assert load(spaced).peaks.equals(load(TWO_PAPERS).peaks)


def test_experiments_of_the_same_name_stay_apart(load):
    block = "// A: one\n// Subjects=3\n1 2 3\n"
    studies = load("// Reference=MNI\n" + 3 * block)
    assert studies.metadata["contrast"].tolist() == ["one", "one (2)", "one (3)"]
    assert studies.peak_counts.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("// Reference=MNI\n// A: b\n// Subjects=2\n1 2 3 4\n", "line 4: '1 2 3 4' is no peak"),
        ("// Reference=MNI\n// A: b\n// Subjects=many\n1 2 3\n", "line 3: 'many' is no number"),
        ("// Reference=MNI\n// A: b\n// Subjects=0\n1 2 3\n", "line 3: '0' is no number"),
        ("// Reference=MNI\n", "holds no experiment"),
    ],
)
def test_faults_name_file_and_line(load, text, message):
    with pytest.raises(DataFormatError, match=rf"foci\.txt: {message}"):
        load(text)


@pytest.mark.parametrize("number", ["", "2"])
def test_the_peaks_are_those_that_nimare_reads(nimare_resources, number):
    nimare_io = pytest.importorskip("nimare.io")
    path = nimare_resources.parent / "tests" / "data" / f"test_sleuth_file{number}.txt"
    if not path.is_file():
        pytest.skip("this build of NiMARE comes without its test data")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        ours = load_sleuth(path, level="study")
        theirs = from_nimare(nimare_io.convert_sleuth_to_studyset(str(path), target="mni152_2mm"))
    assert sorted(ours.ids) == sorted(theirs.ids)
    np.testing.assert_allclose(
        ours.select(ids=theirs.ids).peaks[["x", "y", "z"]], theirs.peaks[["x", "y", "z"]]
    )


def test_nimare_reads_what_is_written_of_real_studies(nimare_resources, tmp_path):
    nimare_io = pytest.importorskip("nimare.io")
    path = tmp_path / "foci.txt"
    with pytest.warns(DataWarning, match="1159 peaks converted"):
        studies = load_nback_flanker()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # of peaks in other spaces
        save_sleuth(studies, path, sample_size=20)
    own = load_sleuth(path)
    assert (len(own), len(set(own.groups)), len(own.peaks)) == (906, 320, 9492)
    np.testing.assert_array_equal(own.peaks[["x", "y", "z"]], studies.peaks[["x", "y", "z"]])
    theirs = from_nimare(
        nimare_io.convert_sleuth_to_studyset(str(path), target="mni152_2mm"), level="contrast"
    )
    assert (len(theirs), len(set(theirs.groups)), len(theirs.peaks)) == (906, 320, 9492)


ADE = "// Ade, 2010: n-back\n"


def read(load, text, **arguments):
    """Studies of a text in MNI space, and what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        studies = load("// Reference=MNI\n" + text, **arguments)
    return studies, " ".join(str(warning.message) for warning in caught)


def experiments(studies):
    return list(zip(studies.groups, studies.metadata["contrast"], studies.peak_counts, strict=True))


@pytest.mark.parametrize(
    "line",
    [
        "N=12",
        "n = 12",
        "Subjects: 12",
        "Participants=12",
        "Number of subjects: 12",
        "sample size = 12",
        "Subjects 12",
        "12 subjects",
        "Subjects=12 (6 F)",
    ],
)
def test_a_number_of_subjects_may_be_written_otherwise(load, line):
    studies = load(f"// Reference=MNI\n{ADE}// {line}\n1 2 3\n")
    assert experiments(studies) == [("Ade, 2010", "n-back", 1)]
    assert studies.metadata["sample_size"].tolist() == [12]


def test_a_number_of_subjects_may_end_the_name(load):
    studies = load("// Reference=MNI\n// Ade, 2010: n-back (N=12)\n1 2 3\n")
    assert experiments(studies) == [("Ade, 2010", "n-back", 1)]
    assert studies.metadata["sample_size"].tolist() == [12]


@pytest.mark.parametrize("number", ["12-14", "~12", "24 (2 excluded)", "12+14", "twelve"])
def test_a_number_of_subjects_that_is_unclear_is_refused(load, number):
    with pytest.raises(DataFormatError, match=r"foci\.txt: line 3: .* is no number of subjects"):
        load(f"// Reference=MNI\n{ADE}// Subjects={number}\n1 2 3\n")


def test_fields_beside_the_number_of_subjects_are_not_names(load):
    fields = (
        "// Affiliations=Dept. A; Institute B: C\n// https://doi.org/10.1016/j.x\n// PMID 17\n"
        "// Year: 2010\n// Authors: Ade, Bo\n// Journal: Brain\n"
    )
    studies = load(f"// Reference=MNI\n{ADE}{fields}// Subjects=12\n1 2 3\n")
    assert experiments(studies) == [("Ade, 2010", "n-back", 1)]
    assert studies.metadata.loc[0, ["affiliations", "doi", "pmid"]].tolist() == [
        "Dept. A; Institute B: C",
        "10.1016/j.x",
        "17",
    ]
    assert studies.metadata.loc[0, ["year", "authors", "publication"]].tolist() == [
        "2010",
        "Ade, Bo",
        "Brain",
    ]


@pytest.mark.parametrize(
    "reference",
    ["Reference: Talairach", "Reference Talairach", "Talairach", "Coordinate space = TAL"],
)
def test_a_reference_may_be_written_otherwise(load, reference):
    with pytest.warns(DataWarning, match="1 peaks converted from Talairach"):
        studies = load(f"// {reference}\n{ADE}// Subjects=12\n10 -20 30\n")
    np.testing.assert_allclose(studies.peaks[["x", "y", "z"]], [[12.1, -17.3, 30.7]], atol=0.05)


def test_a_reference_may_stand_in_a_header(load):
    with pytest.warns(DataWarning, match="1 peaks converted from Talairach"):
        studies = load(f"{ADE}// Reference=Talairach\n// Subjects=12\n10 -20 30\n")
    assert experiments(studies) == [("Ade, 2010", "n-back", 1)]


def test_a_reference_of_two_spaces_is_refused(load):
    with pytest.raises(DataFormatError, match=r"line 1: .*MNI converted to Talairach.* unknown"):
        load(f"// Reference=MNI converted to Talairach\n{ADE}// Subjects=12\n1 2 3\n")


def test_experiments_without_peaks_are_kept_apart(load):
    studies, told = read(
        load, "// Ade, 2001: pain\n\n// Bo, 2002: music\n1 2 3\n4 5 6\n\n// Cy, 2003: loss\n1 1 1\n"
    )
    assert experiments(studies) == [
        ("Ade, 2001", "pain", 0),
        ("Bo, 2002", "music", 2),
        ("Cy, 2003", "loss", 1),
    ]
    assert "findings of nothing, the first in line 2: 'Ade, 2001: pain'" in told
    sized, _ = read(load, "// Ade: a\n// Subjects=5\n// Bo: b\n// Subjects=6\n1 2 3\n")
    assert experiments(sized) == [("Ade", "a", 0), ("Bo", "b", 1)]
    assert sized.metadata["sample_size"].tolist() == [5, 6]


@pytest.mark.parametrize(
    "remark",
    [
        "Checked by hand in May",
        "Note: from Table 2",
        "https://brainmap.org",
        "Hemisphere=left",
        "Table 2: peaks",
    ],
)
@pytest.mark.parametrize(
    "place", ["top", "top, then a blank line", "header", "after subjects", "end"]
)
def test_remarks_are_left_out_and_counted(load, remark, place):
    line, after = f"// {remark}\n", "// Subjects=12\n1 2 3\n"
    text = {
        "top": line + ADE + after,
        "top, then a blank line": f"{line}\n{ADE}{after}",
        "header": ADE + line + after,
        "after subjects": f"{ADE}// Subjects=12\n{line}1 2 3\n",
        "end": ADE + after + line,
    }[place]
    studies, told = read(load, text)
    assert experiments(studies) == [("Ade, 2010", "n-back", 1)]
    assert studies.metadata["sample_size"].tolist() == [12]
    number = 1 + (f"// Reference=MNI\n{text}").split("\n").index(f"// {remark}")
    assert re.search(rf"1 lines are neither .* left out, the first in line {number}: ", told)
    assert remark in told


def test_fields_above_a_name_are_of_that_name(load):
    studies, _ = read(
        load,
        "// DOI: 10.1000/a\n// Ade: a\n// Subjects=5\n\n// DOI: 10.1000/b\n// Bo: b\n"
        "// Subjects=6\n1 2 3\n",
    )
    assert studies.metadata["doi"].tolist() == ["10.1000/a", "10.1000/b"]


def test_a_number_of_subjects_after_peaks_is_not_given_to_the_next_experiment(load):
    text = f"// Reference=MNI\n{ADE}1 2 3\n// Subjects=12\n// Bo: b\n4 5 6\n// Subjects=14\n"
    with pytest.raises(DataFormatError, match=r"line 4: the number of subjects stands after peaks"):
        load(text)


def test_studies_and_experiments_may_be_named_as_such(load):
    studies = load(
        "// Reference=MNI\n// Study: Ade 2010\n// Experiment: n-back\n// Subjects: 12\n1 2 3\n"
        "// Experiment: flanker\n// Subjects: 12\n1 2 3\n\n"
        "// Study: Bo 2011\n// Contrast: n-back\n// N: 15\n1 2 3\n"
    )
    assert experiments(studies) == [
        ("Ade 2010", "n-back", 1),
        ("Ade 2010", "flanker", 1),
        ("Bo 2011", "n-back", 1),
    ]


def test_papers_of_one_name_but_two_dois_are_told_of(load):
    block = "// Bo, 2002: {}\n// DOI=10.1000/{}\n// Subjects=5\n1 2 3\n\n"
    _, told = read(load, block.format("a", "a") + block.format("b", "b"))
    assert "1 names stand for papers of different doi or pmid" in told


def test_lines_may_come_from_a_spreadsheet(tmp_path):
    lines = [
        "// Reference=MNI\t\t",
        f'"{ADE.strip()}"\t\t',
        "// Subjects=12\t\t",
        "-44\t22\t30",
        "\t\t",
    ]
    lines += [
        '"// Bo, 2011: ""oddball"", a"\t\t',
        "// Subjects=14\t\t",
        "4\t\N{MINUS SIGN}22\t30,5",
    ]
    for separator, encoding in (("\t", "utf-8"), ("\t", "utf-16"), (";", "utf-8-sig")):
        path = tmp_path / "foci.txt"
        path.write_text("\r\n".join(lines).replace("\t", separator), encoding=encoding)
        studies = load_sleuth(path)
        assert experiments(studies) == [
            ("Ade, 2010", "n-back", 1),
            ("Bo, 2011", '"oddball", a', 1),
        ]
        assert studies.peaks[["x", "y", "z"]].to_numpy().tolist() == [[-44, 22, 30], [4, -22, 30.5]]


@pytest.mark.parametrize("line", ["-44, 22, 30", "-44,22,30", "-44;22;30", "-44.0\t22 30"])
def test_coordinates_may_be_separated_in_any_way(load, line):
    studies = load(f"// Reference=MNI\n{ADE}// Subjects=12\n{line}\n")
    assert studies.peaks[["x", "y", "z"]].to_numpy().tolist() == [[-44, 22, 30]]


@pytest.mark.parametrize("title", ["N", "Subjects", "Year", "Note", "Study", "https"])
def test_papers_called_like_a_field_are_written_as_names(tmp_path, title):
    peaks = pd.DataFrame({"id": ["a"], "x": [1.0], "y": [2.0], "z": [3.0]})
    metadata = pd.DataFrame({"title": [title], "contrast": ["12"]})
    save_sleuth(
        Studies(["a"], metadata=metadata, peaks=peaks), tmp_path / "foci.txt", sample_size=3
    )
    found = load_sleuth(tmp_path / "foci.txt")
    assert experiments(found) == [(f"study {title}", "12", 1)]


NAMES = st.text(
    string.ascii_letters + string.digits + " :;=/.,\"'\t\n-éß人", min_size=1, max_size=12
)
NUMBERS = st.floats(-150, 150)


@st.composite
def corpora(draw):
    """Studies with any names; rows of a group carry the same title, as those of loaders do."""
    n_rows = draw(st.integers(1, 5))
    groups = draw(st.lists(st.sampled_from("abc"), min_size=n_rows, max_size=n_rows))
    titles = {group: draw(NAMES) for group in "abc"}
    peaks = pd.DataFrame(
        [
            (f"{group}-{row}", *draw(st.tuples(NUMBERS, NUMBERS, NUMBERS)))
            for row, group in enumerate(groups)
            for _ in range(draw(st.integers(1, 3)))
        ],
        columns=["id", "x", "y", "z"],
    )
    metadata = pd.DataFrame(
        {
            "title": [titles[group] for group in groups],
            "contrast": [draw(NAMES) for _ in groups],
            "sample_size": [draw(st.integers(1, 99)) for _ in groups],
        }
    )
    ids = [f"{group}-{row}" for row, group in enumerate(groups)]
    return Studies(ids, metadata=metadata, peaks=peaks, groups=groups)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(studies=corpora())
def test_what_is_written_is_read_again_whatever_the_names(studies, tmp_path):
    path = Path(tmp_path) / "foci.txt"
    save_sleuth(studies, path)
    read = load_sleuth(path)
    np.testing.assert_array_equal(read.peaks[["x", "y", "z"]], studies.peaks[["x", "y", "z"]])
    assert read.peak_counts.tolist() == studies.peak_counts.tolist()
    assert read.metadata["sample_size"].tolist() == studies.metadata["sample_size"].tolist()
    # Rows are of one paper exactly where they were.
    same = studies.groups[:, np.newaxis] == studies.groups
    np.testing.assert_array_equal(read.groups[:, np.newaxis] == read.groups, same)


@pytest.mark.parametrize("title", ["Subjects=9", "reference = Dog", "DOI=1"])
def test_titles_that_look_like_fields_are_names(title, tmp_path):
    peaks = pd.DataFrame({"id": ["a"], "x": [1.0], "y": [2.0], "z": [3.0]})
    metadata = pd.DataFrame({"title": [title]})
    save_sleuth(
        Studies(["a"], metadata=metadata, peaks=peaks), tmp_path / "foci.txt", sample_size=3
    )
    read = load_sleuth(tmp_path / "foci.txt")
    assert read.titles.tolist() == [" ".join(title.replace("=", ",").split())]
    assert read.metadata["sample_size"].tolist() == [3]


LINES = st.one_of(
    st.sampled_from(
        [
            "// Reference=MNI",
            "//Reference = Talairach",
            "// A: b",
            "// Subjects=4",
            "// Subjects=",
            "1 2 3",
            "1 2",
            "",
            "//",
        ]
    ),
    st.text(max_size=12),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(LINES, max_size=12))
def test_any_text_is_read_or_refused_and_no_peak_is_lost(lines, tmp_path):
    path = Path(tmp_path) / "foci.txt"
    path.write_text("\n".join(lines), encoding="utf-8", errors="replace")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        try:
            studies = load_sleuth(path)
        except DataFormatError:
            return
    read = path.read_text(encoding="utf-8").splitlines()
    assert len(studies.peaks) == sum(
        not line.strip().startswith("//") and bool(line.strip(",;\t ")) for line in read
    )


def test_studies_without_peaks_are_left_out_and_counted(tmp_path):
    peaks = pd.DataFrame({"id": ["a"], "x": [1.0], "y": [2.0], "z": [3.0]})
    studies = Studies(["a", "b"], peaks=peaks)
    with pytest.warns(DataWarning, match=r"^1 of 2 studies have no peaks and are left out\.$"):
        save_sleuth(studies, tmp_path / "foci.txt", sample_size=3)
    assert load_sleuth(tmp_path / "foci.txt").metadata["title"].tolist() == ["a"]


def test_a_missing_sample_size_is_asked_for(tmp_path):
    peaks = pd.DataFrame({"id": ["a"], "x": [1.0], "y": [2.0], "z": [3.0]})
    with pytest.raises(InvalidInputError, match="1 of 1 studies with peaks have no sample size"):
        save_sleuth(Studies(["a"], peaks=peaks), tmp_path / "foci.txt")
    with pytest.raises(InvalidInputError, match="sample_size=0"):
        save_sleuth(Studies(["a"], peaks=peaks), tmp_path / "foci.txt", sample_size=0)
    with pytest.raises(InvalidInputError, match="none of the 1 has peaks"):
        save_sleuth(Studies(["a"]), tmp_path / "foci.txt", sample_size=3)
    assert list(tmp_path.iterdir()) == []


def test_deactivations_are_not_written(tmp_path):
    peaks = pd.DataFrame({"id": ["a", "a"], "x": [1.0, 2], "y": [1.0, 2], "z": [1.0, 2]})
    studies = Studies(["a"], peaks=peaks.assign(deactivation=[False, True]))
    with pytest.warns(DataWarning, match=r"^1 deactivations among 2 points left out\.$"):
        save_sleuth(studies, tmp_path / "foci.txt", sample_size=3)
    assert load_sleuth(tmp_path / "foci.txt").peaks["x"].tolist() == [1]
