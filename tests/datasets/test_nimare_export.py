import importlib
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_mnm.datasets import (
    Studies,
    from_nimare,
    load_database,
    load_nback_flanker,
    load_studyset,
    to_nimare,
)
from sklearn_mnm.exceptions import DataWarning, InvalidInputError, MissingDependencyError

# Approximate centres, in mm MNI152, of the regions that meta-analyses of the n-back task name
# (Owen et al., 2005, doi:10.1002/hbm.20131): parietal, lateral and medial premotor, dorsolateral
# prefrontal cortex, anterior insula. Balls of 15 mm around them fill less than a tenth of a brain.
WORKING_MEMORY = np.array(
    [
        [-36, -50, 44],
        [36, -48, 44],
        [-26, 0, 54],
        [30, 2, 54],
        [0, 14, 46],
        [-44, 22, 30],
        [44, 34, 30],
        [-32, 22, 2],
        [34, 22, 2],
    ]
)


@pytest.fixture(scope="module")
def nback():
    """The first forty n-back contrasts with peaks in the database's order."""
    pytest.importorskip("nimare")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        studies = load_nback_flanker(level="contrast")
    rows = (studies.metadata["task"] == "n-back") & (studies.peak_counts >= 5)
    return studies[np.flatnonzero(rows)[:40]]


@pytest.fixture(scope="module")
def studyset(nback):
    with pytest.warns(DataWarning, match="have no sample size: 20 is taken"):
        return to_nimare(nback, sample_size=20)


@pytest.fixture
def toy():
    pytest.importorskip("nimare")
    peaks = pd.DataFrame(
        {"id": ["p1-a", "p1-a", "p2"], "x": [2.0, 4.0, 6.0], "y": 0.0, "z": [1.0, 2.0, 3.0]}
    )
    metadata = pd.DataFrame(
        {
            "title": ["Pain", "Memory", "Silent"],
            "abstract": ["It hurts.", None, None],
            "sample_sizes": [[12, 13], None, None],
            "sample_size": [99, 14, np.nan],
            "year": [2001, 2002, 2003],
            "hand": ["left", None, None],
        }
    )
    return Studies(
        ids=["p1-a", "p2", "p3"], metadata=metadata, peaks=peaks, groups=["p1", "p2", "p3"]
    )


def test_no_study_and_no_peak_is_lost(nback, studyset):
    assert len(studyset) == len(nback) == 40
    assert len(studyset.study_ids) == len(set(nback.groups))
    assert sorted(studyset.ids) == sorted(nback.ids)
    assert len(studyset.coordinates) == len(nback.peaks)
    for study_id, found in studyset.coordinates.groupby("id"):
        given = nback.peaks[nback.peaks["id"] == study_id]
        np.testing.assert_array_equal(found[["x", "y", "z"]], given[["x", "y", "z"]])


def test_studies_come_back_from_a_written_studyset(nback, studyset, tmp_path):
    path = tmp_path / "studyset.json"
    studyset.to_nimads(str(path))
    back = load_studyset(path, level="contrast").select(ids=nback.ids)
    np.testing.assert_array_equal(back.ids, nback.ids)
    np.testing.assert_array_equal(back.groups, nback.groups)
    np.testing.assert_array_equal(back.titles, nback.titles)
    np.testing.assert_array_equal(back.peak_counts, nback.peak_counts)
    np.testing.assert_array_equal(back.peaks[["x", "y", "z"]], nback.peaks[["x", "y", "z"]])
    assert back.texts.tolist() == nback.texts.tolist()


def test_ale_and_mkda_peak_in_the_working_memory_network(nback, studyset):
    from nimare.meta.cbma import ALE, MKDADensity

    peaks = {}
    for name, estimator in (
        ("ale of sample sizes", ALE(null_method="approximate")),
        ("ale of one width", ALE(null_method="approximate", kernel__fwhm=10)),
        ("mkda", MKDADensity(null_method="approximate")),
    ):
        results = estimator.fit(studyset)
        image = results.get_map("stat")
        values = image.get_fdata()
        voxel = np.unravel_index(np.argmax(values), values.shape)
        peaks[name] = image.affine[:3, :3] @ voxel + image.affine[:3, 3]
        assert results.get_map("z").get_fdata()[voxel] > 3, name
        # All experiments take part, also those whose size was filled.
        assert len(estimator.inputs_["id"]) == 40, name
    for name, peak in peaks.items():
        distance = np.linalg.norm(WORKING_MEMORY - peak, axis=1).min()
        assert distance < 15, f"{name}: peak {peak} is {distance:.0f} mm from the network"
        gaps = np.linalg.norm(nback.peaks[["x", "y", "z"]].to_numpy() - peak, axis=1)
        n_near = len(set(nback.study_index[gaps < 12].tolist()))
        assert n_near >= 10, f"{name}: {n_near} of 40 contrasts report a peak near {peak}"


def test_reward_studies_of_neuroquery_peak_in_the_ventral_striatum(real_data):
    cbma = pytest.importorskip("nimare.meta.cbma")
    studies = load_database(real_data / "neuroquery")
    rewards = studies.counts[:, list(studies.vocabulary).index("reward")].toarray().ravel()
    some = studies[np.flatnonzero((rewards >= 5) & (studies.peak_counts >= 5))[:30]]
    with pytest.warns(DataWarning, match="30 of 30 studies with peaks have no sample size: 20 is"):
        studyset = to_nimare(some, sample_size=20)
    for estimator in (cbma.MKDADensity(), cbma.ALE()):
        image = estimator.fit(studyset).get_map("z")
        values = image.get_fdata()
        peak = image.affine @ [*np.unravel_index(np.argmax(values), values.shape), 1]
        assert values.max() > 5
        # Left and right nucleus accumbens, in mm MNI152.
        distances = np.linalg.norm(np.array([[-10, 10, -6], [10, 10, -6]]) - peak[:3], axis=1)
        assert distances.min() < 12
        assert len(estimator.inputs_["id"]) == 30


def test_metadata_sizes_and_texts_are_where_nimare_looks(toy):
    with pytest.warns(DataWarning, match="1 of 3 studies have no peaks and are left out"):
        studyset = to_nimare(toy)
    assert studyset.ids.tolist() == ["p1-a", "p2-1"]
    # The list of groups goes before the single number; NiMARE's kernel takes their mean.
    assert studyset.sample_sizes().tolist() == [12.5, 14.0]
    assert studyset.metadata["hand"].tolist()[0] == "left"
    first = studyset.studies[0]
    assert (first.name, first.year, first.description) == ("Pain", 2001, "It hurts.")
    assert studyset.texts["abstract"].tolist()[0] == "It hurts."


def test_missing_sizes_are_filled_or_reported(toy):
    silent = Studies(ids=toy.ids, peaks=toy.peaks)
    with pytest.warns(DataWarning, match="2 of 2 studies with peaks have no sample size: ALE"):
        studyset = to_nimare(silent)
    assert np.isnan(studyset.sample_sizes()).all()
    with pytest.warns(DataWarning, match="no sample size: 30 is taken"):
        studyset = to_nimare(silent, sample_size=30)
    assert studyset.sample_sizes().tolist() == [30, 30]


def test_complete_studies_pass_without_a_warning(toy):
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        assert len(to_nimare(toy[[0, 1]])) == 2


def test_statistics_and_spaces_of_peaks_are_kept(toy):
    peaks = toy.peaks.assign(
        space=["MNI152", "TAL", "UNC"], z_stat=[3.5, np.nan, 2.5], value_r=[np.nan, 0.4, np.nan]
    )
    spaced = Studies(ids=toy.ids[:2], metadata=toy.metadata[:2], peaks=peaks)
    with pytest.warns(DataWarning, match="1 peaks are in spaces that NiMARE takes for MNI152"):
        studyset = to_nimare(spaced)
    coordinates = studyset.coordinates
    assert coordinates["z_stat"].tolist()[::2] == [3.5, 2.5]
    assert coordinates["value_r"].tolist()[1] == 0.4
    assert coordinates["x"].tolist()[::2] == [2.0, 6.0]
    assert coordinates["x"].tolist()[1] != 4.0  # converted from Talairach by NiMARE


def test_what_is_known_of_points_survives_the_way_through_nimare(toy):
    peaks = toy.peaks.assign(
        z_stat=[3.5, np.nan, 2.5],
        t_stat=[np.nan, 1.5, np.nan],
        p=[0.001, np.nan, np.nan],
        beta=[np.nan, 7.0, np.nan],
        value_r=[np.nan, 0.4, np.nan],
        kind=["peak", None, "center of mass"],
        deactivation=[False, True, False],
        cluster_size=[np.nan, 12.0, np.nan],
    )
    studies = Studies(ids=toy.ids[:2], metadata=toy.metadata[:2], peaks=peaks)
    with pytest.warns(DataWarning, match="NiMARE counts 1 deactivations and seeds as activations"):
        studyset = to_nimare(studies)
    back = from_nimare(studyset, level="contrast", points="all").select(ids=["p1-a-1", "p2-1"])
    for name in peaks.columns.difference(["id"]):
        pd.testing.assert_series_equal(
            back.peaks[name], studies.peaks[name], check_dtype=False, obj=name
        )
    with pytest.warns(DataWarning, match="1 deactivations among 3 points left out"):
        assert len(from_nimare(studyset).peaks) == 2


def test_sizes_in_words_are_read_or_told_of(toy):
    metadata = toy.metadata.assign(sample_sizes=None, sample_size=["24 (12 F)", "n=30", 18])
    peaks = pd.concat([toy.peaks, pd.DataFrame({"id": ["p3"], "x": [1.0], "y": [0.0], "z": [0.0]})])
    studies = Studies(ids=toy.ids, metadata=metadata, peaks=peaks)
    assert sorted(to_nimare(studies, sample_size=20).sample_sizes()) == [18, 24, 30]
    unclear = Studies(
        ids=toy.ids, metadata=metadata.assign(sample_size=["20-24", None, 18]), peaks=peaks
    )
    with pytest.warns(
        DataWarning,
        match="1 sample sizes cannot be read, e.g. '20-24'; 2 of 3 studies with peaks have no "
        "sample size that can be read: 20 is taken",
    ):
        to_nimare(unclear, sample_size=20)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sample_size": 0}, "sample_size=0"),
        ({"sample_size": 12.5}, "sample_size=12.5"),
        ({"sample_size": True}, "sample_size=True"),
    ],
)
def test_wrong_arguments_are_named(toy, arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        to_nimare(toy, **arguments)


def test_what_cannot_be_exported_is_said(toy):
    with pytest.raises(InvalidInputError, match="none of the 1 has peaks"):
        to_nimare(toy[[2]])
    with pytest.raises(InvalidInputError, match="expected Studies, got DataFrame"):
        to_nimare(toy.peaks)
    peaks = pd.DataFrame({"id": ["p-1", "p"], "x": 0.0, "y": 0.0, "z": 0.0})
    clash = Studies(ids=["p", "p-1"], peaks=peaks, groups=["p", "p"])
    with pytest.raises(InvalidInputError, match="both become the contrast '1'"):
        to_nimare(clash)


def test_missing_nimare_says_which_extra(toy, monkeypatch):
    def fail(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(MissingDependencyError, match=r"sklearn-mnm\[nimare\]"):
        to_nimare(toy)


def test_importing_the_module_does_not_import_nimare():
    code = "import sys, sklearn_mnm.datasets.nimare_export; sys.exit('nimare' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
