import json
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_mnm.datasets import bundled, load_nback_flanker, load_studyset, talairach_to_mni152
from sklearn_mnm.datasets.nimare_export import sample_sizes
from sklearn_mnm.exceptions import (
    DataFormatError,
    DataWarning,
    InvalidInputError,
    MissingDependencyError,
)

NBACK_FLANKER = "nback_vs_flanker_studyset_2026-07"


def point(x, space="MNI", **other):
    return {"coordinates": [x, 0.0, 0.0], "space": space, **other}


@pytest.fixture
def studyset():
    return {
        "id": "toy",
        "studies": [
            {
                "id": "p1",
                "name": "Pain and heat",
                "description": "It hurts.",
                "year": 2001,
                "metadata": None,
                "analyses": [
                    {
                        "id": "a",
                        "name": "heat > warm",
                        "metadata": {"n": 12, "hand": "left"},
                        "points": [point(1.0, values=[{"kind": "z", "value": 4.5}]), point(2.0)],
                    },
                    {
                        "id": "b",
                        "name": "warm > heat",
                        "metadata": {"n": 12, "hand": "right"},
                        "points": [point(3.0)],
                    },
                ],
            },
            {
                "id": "p2",
                "name": "Memory",
                "description": None,
                "analyses": [{"id": "a", "name": "2-back", "points": [point(4.0)]}],
            },
        ],
    }


@pytest.fixture
def load_toy(tmp_path):
    def load(studyset, **arguments):
        path = tmp_path / "studyset.json"
        path.write_text(json.dumps(studyset))
        return load_studyset(path, **arguments)

    return load


def test_a_study_holds_the_peaks_of_all_its_contrasts(studyset, load_toy):
    studies = load_toy(studyset)
    assert studies.ids.tolist() == ["p1", "p2"]
    assert studies.groups.tolist() == ["p1", "p2"]
    assert studies.texts.tolist() == ["Pain and heat\nIt hurts.", "Memory"]
    assert studies.peak_counts.tolist() == [3, 1]
    assert studies.peaks["x"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert studies.peaks["contrast_id"].tolist() == ["a", "a", "b", "a"]
    assert studies.peaks["value_z"][0] == 4.5
    # Contrasts agree on the number of participants but not on the hand.
    assert studies.metadata["n"][0] == 12
    assert "hand" not in studies.metadata.columns


def test_contrasts_are_grouped_by_paper(studyset, load_toy):
    studies = load_toy(studyset, level="contrast")
    assert studies.ids.tolist() == ["p1-a", "p1-b", "p2-a"]
    assert studies.groups.tolist() == ["p1", "p1", "p2"]
    assert studies.titles.tolist() == ["Pain and heat", "Pain and heat", "Memory"]
    assert studies.texts.tolist() == [
        "Pain and heat\nheat > warm\nIt hurts.",
        "Pain and heat\nwarm > heat\nIt hurts.",
        "Memory\n2-back",
    ]
    assert studies.peak_counts.tolist() == [2, 1, 1]
    assert studies.metadata["hand"].tolist()[:2] == ["left", "right"]


def test_spaces_are_converted_or_kept_and_counted_once(studyset, load_toy, tmp_path):
    points = studyset["studies"][0]["analyses"][0]["points"]
    points[:] = [
        *(point(float(i), space) for i, space in enumerate(["TAL", "Talairach", "mni152"])),
        *(point(9.0, space) for space in ["UNKNOWN", None, "OTHER"]),
    ]
    with pytest.warns(DataWarning) as record:
        studies = load_toy(studyset, level="contrast")
    assert [str(warning.message) for warning in record] == [
        "2 peaks converted from Talairach to MNI152; 2 peaks of unknown space taken as MNI152; "
        "1 peaks kept as they are in other spaces ['OTHER'] "
        f"(read from {tmp_path / 'studyset.json'})."
    ]
    peaks = studies.peaks[studies.study_index == 0]
    xyz = peaks[["x", "y", "z"]].to_numpy()
    expected = talairach_to_mni152(np.array([[0.0, 0, 0], [1.0, 0, 0]]))
    np.testing.assert_allclose(xyz[:2], expected)
    assert xyz[2:, 0].tolist() == [2.0, 9.0, 9.0, 9.0]
    assert peaks["space"].tolist() == ["MNI152"] * 5 + ["OTHER"]
    assert peaks["reported_space"].tolist()[:2] == ["TAL", "Talairach"]


def test_studies_without_peaks_or_contrasts_are_kept_and_counted(studyset, load_toy):
    studyset["studies"][1]["analyses"] = []
    studyset["studies"].append({"id": "p3", "name": "", "analyses": []})
    with pytest.warns(DataWarning, match="2 of 3 studies have no peaks and 1 have no text"):
        studies = load_toy(studyset)
    assert studies.peak_counts.tolist() == [3, 0, 0]
    assert len(load_toy({**studyset, "studies": studyset["studies"][:1]}, level="contrast")) == 2


def test_unknown_levels_are_refused(studyset, load_toy):
    with pytest.raises(InvalidInputError, match="level='paper'"):
        load_toy(studyset, level="paper")


def test_studies_may_come_without_the_studyset(studyset, load_toy):
    expected = load_toy(studyset)
    assert load_toy(studyset["studies"]).ids.tolist() == expected.ids.tolist()
    assert load_toy(studyset["studies"][1]).peaks["x"].tolist() == [4.0]
    with pytest.raises(DataFormatError, match=r"page of answers of NeuroStore; save one of its"):
        load_toy({"results": [studyset], "metadata": {}})


def test_coordinates_may_be_strings(studyset, load_toy):
    numbers = ["-44", "22.5", "\N{MINUS SIGN}30"]
    studyset["studies"][1]["analyses"][0]["points"] = [{"coordinates": numbers, "space": "MNI"}]
    peaks = load_toy(studyset).peaks
    assert peaks[["x", "y", "z"]].to_numpy()[-1].tolist() == [-44, 22.5, -30]


def sizes_of(studies):
    """Numbers of participants as they go to NiMARE."""
    return sample_sizes(studies.metadata)


def one(study_id, size=None, *contrast_sizes, key="sample_size"):
    """A study with a size of its own, and contrasts with theirs."""
    analyses = [
        {"id": str(n), "name": "x", "points": [point(1.0)], "metadata": {key: s} if s else {}}
        for n, s in enumerate(contrast_sizes)
    ]
    metadata = {"sample_size": size} if size else {}
    return {"id": study_id, "name": study_id, "metadata": metadata, "analyses": analyses}


def test_the_size_of_a_contrast_goes_before_that_of_its_study(load_toy):
    lists = one("c", 9, [5, 6], key="sample_sizes")
    document = {"studies": [one("a", 30, 12, None), one("b", None, 14), lists]}
    contrasts = load_toy(document, level="contrast")
    assert sizes_of(contrasts) == [[12], [30], [14], [5, 6]]
    papers = load_toy(document)
    assert sizes_of(papers) == [[12], [14], [5, 6]]
    lists = one("d", None, 10)
    lists["metadata"] = {"sample_sizes": [20, 20]}
    assert sizes_of(load_toy({"studies": [lists]}, level="contrast")) == [[10]]


def test_contrasts_that_differ_in_size_take_no_other_size_away(load_toy):
    document = {"studies": [one("a", None, 12, 14), one("b", None, 20, 20), one("c", 40, 1, 2)]}
    with pytest.warns(DataWarning, match="contrasts of 2 of 3 papers differ in their number of"):
        studies = load_toy(document)
    assert sizes_of(studies) == [None, [20], [40]]


def test_contrasts_of_one_study_keep_their_own_columns_apart(studyset, load_toy):
    analysis = {"id": "a", "name": "x", "metadata": {"hand": "left"}, "points": [point(1.0)]}
    studyset["studies"].append({"id": "p3", "name": "c", "analyses": [analysis]})
    hand = load_toy(studyset).metadata["hand"]
    assert hand.isna().tolist() == [True, True, False]
    assert hand[2] == "left"


def test_points_without_coordinates_are_left_out_and_counted(studyset, load_toy):
    points = studyset["studies"][1]["analyses"][0]["points"]
    points += [{"coordinates": [None, None, None], "space": "MNI"}, {"coordinates": None}, {}]
    with pytest.warns(DataWarning, match="3 of 7 points have no coordinates and are left out"):
        studies = load_toy(studyset)
    assert studies.peak_counts.tolist() == [3, 1]


@pytest.mark.parametrize("what", ["studies", "analyses", "points"])
def test_ids_in_place_of_what_they_stand_for_are_refused(studyset, load_toy, what):
    if what == "studies":
        studyset["studies"] = ["p1", "p2"]
    elif what == "analyses":
        studyset["studies"][0]["analyses"] = ["a", "b"]
    else:
        studyset["studies"][0]["analyses"][0]["points"] = ["q"]
    with pytest.raises(DataFormatError, match=r"is '[paq]\d?', its id only.*nested=true"):
        load_toy(studyset)


def test_papers_without_contrasts_are_counted_among_contrasts(studyset, load_toy):
    studyset["studies"] += [{"id": "p3", "name": "c", "analyses": []}, {"id": "p4", "name": "d"}]
    with pytest.warns(DataWarning, match="2 of 4 papers have no contrast and are not among these"):
        assert load_toy(studyset, level="contrast").ids.tolist() == ["p1-a", "p1-b", "p2-a"]


def test_the_description_of_a_contrast_is_part_of_its_text(studyset, load_toy):
    studyset["studies"][1]["analyses"][0]["description"] = "More active with two letters back."
    contrasts = load_toy(studyset, level="contrast")
    assert contrasts.texts[2] == "Memory\n2-back\nMore active with two letters back."
    described = contrasts.metadata["contrast_description"]
    assert described[2] == "More active with two letters back."
    assert described.isna().tolist() == [True, True, False]


def test_deactivations_and_seeds_are_no_peaks_unless_asked_for(studyset, load_toy):
    studyset["studies"][0]["analyses"][0]["points"] = [
        point(1.0, deactivation=False),
        point(2.0, deactivation=True, values=[{"kind": "Z", "value": -4.0}]),
        point(3.0, is_seed=True, kind="center of mass", cluster_size=20.0),
    ]
    with pytest.warns(DataWarning, match="1 deactivations and 1 seeds among 5 points left out; po"):
        studies = load_toy(studyset)
    assert studies.peaks["x"].tolist() == [1.0, 3.0, 4.0]
    every = load_toy(studyset, points="all")
    assert every.peaks["x"].tolist() == [1.0, 2.0, 3.0, 3.0, 4.0]
    assert every.peaks["deactivation"].tolist() == [False, True, False, False, False]
    assert every.peaks["is_seed"].tolist() == [False, False, True, False, False]
    assert every.peaks["z_stat"][1] == -4.0
    assert (every.peaks["kind"][2], every.peaks["cluster_size"][2]) == ("center of mass", 20)
    with pytest.raises(InvalidInputError, match="points='peaks'"):
        load_toy(studyset, points="peaks")


def duplicate_study(studies):
    studies[1]["id"] = "p1"


def duplicate_contrast(studies):
    studies[0]["analyses"][1]["id"] = "a"


def no_id(studies):
    del studies[1]["id"]


def two_coordinates(studies):
    studies[1]["analyses"][0]["points"][0]["coordinates"] = [1.0, 2.0]


def missing_coordinate(studies):
    studies[1]["analyses"][0]["points"][0]["coordinates"] = [1.0, 2.0, None]


def text_coordinate(studies):
    studies[1]["analyses"][0]["points"][0]["coordinates"] = [1.0, "left", 2.0]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (duplicate_study, r"studies rows \[0, 1\] share the study_id 'p1'"),
        (duplicate_contrast, r"analyses rows \[0, 1\] share the id 'p1-a'"),
        (no_id, r"study 2 \(from 1\).*KeyError: 'id'"),
        (two_coordinates, r"p2-a has a point with coordinates \[1.0, 2.0\]"),
        (missing_coordinate, r"coordinates row 3 \(contrast p2-a\)"),
        (text_coordinate, r"coordinates row 3 \(contrast p2-a\) is .*left"),
    ],
)
def test_faults_in_json_say_where(studyset, load_toy, fault, message):
    fault(studyset["studies"])
    with pytest.raises(DataFormatError, match=message):
        load_toy(studyset)


@pytest.mark.parametrize("content", ["{", "[]", '{"studies": 3}', "\x00"])
def test_files_that_are_no_studyset_are_refused(tmp_path, content):
    path = tmp_path / "file.json"
    path.write_text(content)
    with pytest.raises(DataFormatError, match=r"file\.json"):
        load_studyset(path)
    with pytest.raises(DataFormatError, match=r"absent\.json"):
        load_studyset(tmp_path / "absent.json")


def test_talairach_conversion_is_that_of_nimare():
    utils = pytest.importorskip("nimare.utils")
    coordinates = np.random.default_rng(0).uniform(-100, 100, size=(50, 3))
    expected = utils.tal2mni(coordinates)
    np.testing.assert_allclose(talairach_to_mni152(coordinates), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "n_studies", "n_peaks"),
    [("nidm_pain_studyset.json", 21, 267), ("neurosynth_laird_studyset.json", 17, 1117)],
)
@pytest.mark.parametrize("level", ["study", "contrast"])
def test_json_studysets_of_nimare_load(nimare_resources, name, n_studies, n_peaks, level):
    studies = load_studyset(nimare_resources / name, level=level)
    assert (len(studies), len(studies.peaks)) == (n_studies, n_peaks)


def test_abstracts_kept_with_contrasts_reach_the_text(nimare_resources):
    studies = load_studyset(nimare_resources / "neurosynth_laird_studyset.json")
    assert min(map(len, studies.texts)) > 300
    assert studies.metadata["year"][0] == 2006


def test_nback_flanker_holds_both_topics_at_both_levels(nimare_resources):
    with pytest.warns(DataWarning, match="1159 peaks converted from Talairach") as record:
        papers = load_nback_flanker(level="study")
    assert len(record) == 1
    with pytest.warns(DataWarning):
        contrasts = load_nback_flanker()
    assert papers.metadata["task"].value_counts().to_dict() == {"n-back": 205, "flanker": 115}
    assert contrasts.metadata["task"].value_counts().to_dict() == {"n-back": 500, "flanker": 406}
    assert len(papers.peaks) == len(contrasts.peaks) == 9492
    assert set(contrasts.groups) == set(papers.ids)
    assert papers.peaks["t_stat"].notna().sum() == 3747
    own = papers.select(ids=[papers.ids[5]])
    parts = contrasts[contrasts.groups == papers.ids[5]]
    assert sorted(own.peaks["x"]) == sorted(parts.peaks["x"])
    assert own.metadata["task"][0] == parts.metadata["task"][0]


def test_loading_the_bundled_studies_does_not_import_nimare(nimare_resources):
    code = (
        "import sys, warnings; warnings.simplefilter('ignore');"
        "from sklearn_mnm.datasets import load_nback_flanker; load_nback_flanker();"
        "assert 'nimare' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_nimare_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(bundled, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'sklearn-mnm\[nimare\]'"):
        load_nback_flanker()


@pytest.mark.parametrize("name", ["nimads_studyset.json", "sample_size_nimads_studyset.json"])
def test_studysets_of_neurostore_load_whatever_their_studies_lack(nimare_resources, name):
    path = nimare_resources.parent / "tests" / "data" / name
    if not path.is_file():
        pytest.skip("this build of NiMARE comes without its test data")
    document = json.loads(path.read_text(encoding="utf-8"))
    points = [
        point
        for study in document["studies"]
        for analysis in study["analyses"]
        for point in analysis["points"]
    ]
    with pytest.warns(DataWarning, match=rf"no peaks.*read from .*{name}"):
        studies = load_studyset(path)
    assert len(studies) == len(document["studies"])
    assert len(studies.peaks) == len(points)


@pytest.mark.parametrize("name", ["neurostore_parquet_studyset", "nidm_pain_studyset.json"])
def test_both_forms_that_nimare_writes_hold_the_same(nimare_resources, tmp_path, name):
    from nimare.nimads import Studyset

    studyset = Studyset(str(nimare_resources / name))
    studyset.to_nimads(str(tmp_path / "studyset.json"))
    studyset.to_parquet(str(tmp_path / "parquet"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        original, as_json, as_parquet = (
            load_studyset(path, level="contrast")
            for path in (nimare_resources / name, tmp_path / "studyset.json", tmp_path / "parquet")
        )
    for other in (as_json, as_parquet):
        other = other.select(ids=original.ids)
        assert other.texts.tolist() == original.texts.tolist()
        np.testing.assert_allclose(other.peaks[["x", "y", "z"]], original.peaks[["x", "y", "z"]])


@pytest.fixture
def parquet_folder(nimare_resources, tmp_path):
    folder = tmp_path / "studyset"
    shutil.copytree(nimare_resources / NBACK_FLANKER, folder)
    return folder


def alter(folder, name, change):
    path = folder / f"{name}.parquet"
    change(pd.read_parquet(path)).to_parquet(path)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("studies", lambda t: pd.concat([t, t.iloc[:1]]), "studies rows .* share the study_id"),
        ("studies", lambda t: t.iloc[1:], "analyses row 0 refers to study_id"),
        ("analyses", lambda t: t.iloc[1:], "coordinates row 0 refers to id .*such rows"),
        ("coordinates", lambda t: t.drop(columns="y"), r"coordinates.parquet: missing.*\['y'\]"),
        ("coordinates", lambda t: t.assign(z=np.inf), "coordinates row 0 .* finite"),
    ],
)
def test_faults_in_parquet_name_table_and_row(parquet_folder, name, change, message):
    alter(parquet_folder, name, change)
    with pytest.raises(DataFormatError, match=message):
        load_studyset(parquet_folder)


def test_damaged_or_missing_parquet_files_are_named(parquet_folder):
    path = parquet_folder / "coordinates.parquet"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DataFormatError, match=r"coordinates\.parquet: cannot be read"):
        load_studyset(parquet_folder)
    path.unlink()
    with pytest.raises(DataFormatError, match=r"coordinates\.parquet: cannot be read"):
        load_studyset(parquet_folder)
    (parquet_folder / "studies.parquet").unlink()
    with pytest.raises(DataFormatError, match=r"holds no studies\.parquet"):
        load_studyset(parquet_folder)


def test_metadata_and_texts_tables_are_optional(parquet_folder):
    for name in ("metadata", "texts"):
        (parquet_folder / f"{name}.parquet").unlink()
    with pytest.warns(DataWarning):
        studies = load_studyset(parquet_folder, level="contrast")
    assert len(studies) == 906
