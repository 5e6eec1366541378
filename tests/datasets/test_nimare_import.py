import json
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_mnm.datasets import (
    Studies,
    from_nimare,
    load_nimare_dataset,
    load_studyset,
    talairach_to_mni152,
    to_nimare,
)
from sklearn_mnm.exceptions import DataFormatError, DataWarning, InvalidInputError


@pytest.fixture
def dataset():
    """A Dataset as NiMARE writes it: two papers, one with two contrasts."""
    return {
        "p1": {
            "title": "Pain",
            "year": 2001,
            "contrasts": {
                "1": {
                    "coords": {"space": "MNI", "x": [1.0, 2], "y": [0, 0], "z": [0, 0]},
                    "metadata": {"sample_sizes": [12], "hand": "left"},
                    "text": {"abstract": "It hurts."},
                },
                "warm": {
                    "coords": {"space": "TAL", "x": [3.0], "y": [0], "z": [0], "z_stat": [4.5]},
                    "metadata": {"sample_sizes": [12], "hand": "right"},
                },
            },
        },
        "p2": {"contrasts": {"1": {"metadata": {"title": "Memory"}, "images": {"z": "z.nii.gz"}}}},
    }


@pytest.fixture
def load(tmp_path):
    def load_document(document, **arguments):
        path = tmp_path / "dset.json"
        path.write_text(json.dumps(document))
        return load_nimare_dataset(path, **arguments)

    return load_document


def test_papers_hold_the_peaks_of_their_contrasts(dataset, load):
    with pytest.warns(
        DataWarning,
        match=r"^1 peaks converted from Talairach to MNI152; 1 of 2 studies have no peaks and 0 "
        r"have no text; all are kept \(read from .*dset\.json\)\.$",
    ):
        studies = load(dataset)
    assert studies.ids.tolist() == ["p1", "p2"]
    assert studies.titles.tolist() == ["Pain", "Memory"]
    assert studies.texts.tolist() == ["Pain\nIt hurts.", "Memory"]
    assert studies.metadata["year"][0] == 2001
    expected = talairach_to_mni152(np.array([[3.0, 0, 0]]))[0]
    np.testing.assert_allclose(studies.peaks[["x", "y", "z"]].to_numpy()[2], expected)
    assert studies.peaks["z_stat"][2] == 4.5


def test_contrasts_are_rows_of_their_papers(dataset, load):
    with pytest.warns(DataWarning, match="1 of 3 contrasts have no peaks"):
        contrasts = load(dataset, level="contrast")
    assert contrasts.ids.tolist() == ["p1-1", "p1-warm", "p2-1"]
    assert contrasts.groups.tolist() == ["p1", "p1", "p2"]
    # A name that is only a number is no text.
    assert contrasts.texts.tolist() == ["Pain\nIt hurts.", "Pain\nwarm\nIt hurts.", "Memory"]
    assert contrasts.metadata["hand"].tolist()[:2] == ["left", "right"]
    assert contrasts.metadata["sample_sizes"][0] == [12]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["p1"]["contrasts"]["1"]["coords"]["x"].pop(), "paper 'p1' does not have"),
        (lambda d: d["p1"].update(contrasts=[1]), "paper 'p1' does not have"),
        (lambda d: d["p1"]["contrasts"]["1"]["coords"].pop("z"), "coordinates row 0"),
        (lambda d: d.update(p3={}), "is not a NiMARE Dataset"),
        (lambda d: d.clear(), "is not a NiMARE Dataset"),
    ],
)
def test_faults_say_where(dataset, load, change, message):
    change(dataset)
    with pytest.raises(DataFormatError, match=message):
        load(dataset)


@pytest.mark.parametrize(
    ("name", "n_papers", "n_peaks"),
    [("nidm_pain_dset.json", 21, 267), ("neurosynth_laird_studies.json", 17, 1117)],
)
def test_datasets_of_nimare_hold_what_its_studysets_do(nimare_resources, name, n_papers, n_peaks):
    studyset = name.replace("dset", "studyset").replace("studies", "studyset")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        studies = load_nimare_dataset(nimare_resources / name)
        same = load_studyset(nimare_resources / studyset).select(ids=studies.ids)
    assert (len(studies), len(studies.peaks)) == (n_papers, n_peaks)
    assert studies.peak_counts.tolist() == same.peak_counts.tolist()


def test_an_object_is_read_as_its_file_is(nimare_resources):
    dataset_module = pytest.importorskip("nimare.dataset")
    path = nimare_resources / "neurosynth_laird_studies.json"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NiMARE deprecates its Datasets
        ours = load_nimare_dataset(path)
        theirs = from_nimare(dataset_module.Dataset(str(path)))
    ours = ours.select(ids=theirs.ids)
    assert theirs.texts.tolist() == ours.texts.tolist()
    # With older versions of pandas NiMARE turns the peaks of a study round.
    axes = ["x", "y", "z"]
    theirs, ours = (s.peaks.round(6).sort_values(["id", *axes])[axes] for s in (theirs, ours))
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=2e-6)


@pytest.mark.parametrize("kind", ["studyset", "dataset"])
def test_studies_come_back_from_nimare_as_they_went(kind):
    pytest.importorskip("nimare")
    peaks = pd.DataFrame({"id": ["p-1", "p-2", "p-2"], "x": [1.0, 2, 3], "y": 4.0, "z": 5.0})
    metadata = pd.DataFrame({"title": "Pain", "abstract": "It hurts.", "sample_size": [12, 14]})
    ids = ["p-1", "p-2"]
    studies = Studies(ids, metadata=metadata, peaks=peaks, groups=["p", "p"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        collection = to_nimare(studies, kind=kind)
    back = from_nimare(collection, level="contrast").select(ids=ids)
    assert back.groups.tolist() == ["p", "p"]
    np.testing.assert_allclose(back.peaks[["x", "y", "z"]], studies.peaks[["x", "y", "z"]])
    assert [size[0] for size in back.metadata["sample_sizes"]] == [12, 14]
    assert all("It hurts." in text for text in back.texts)


@pytest.mark.parametrize("thing", [{}, "path.json", pd.DataFrame()])
def test_other_things_are_refused(thing):
    with pytest.raises(InvalidInputError, match="expected a Studyset or a Dataset"):
        from_nimare(thing)


def test_levels_are_checked(dataset, load):
    with pytest.raises(InvalidInputError, match="level='paper'"):
        load(dataset, level="paper")
    with pytest.raises(InvalidInputError, match="level='paper'"):
        from_nimare(None, level="paper")


def test_importing_the_module_does_not_import_nimare():
    code = "import sys, sklearn_mnm.datasets.nimare_import; sys.exit('nimare' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
