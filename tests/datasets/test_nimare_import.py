import json
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_mnm.datasets import Studies, from_nimare, load_studies, load_studyset, to_nimare
from sklearn_mnm.exceptions import DataFormatError, DataWarning, InvalidInputError


@pytest.fixture
def dataset(nimare_resources):
    """A Dataset of NiMARE, and the file it is made of."""
    module = pytest.importorskip("nimare.dataset")
    path = nimare_resources / "nidm_pain_dset.json"
    with pytest.warns(FutureWarning, match="Dataset is deprecated"):
        return module.Dataset(str(path)), path


def test_studies_come_back_from_nimare_as_they_went():
    pytest.importorskip("nimare")
    peaks = pd.DataFrame({"id": ["p-1", "p-2", "p-2"], "x": [1.0, 2, 3], "y": 4.0, "z": 5.0})
    metadata = pd.DataFrame({"title": "Pain", "abstract": "It hurts.", "sample_size": [12, 14]})
    ids = ["p-1", "p-2"]
    studies = Studies(ids, metadata=metadata, peaks=peaks, groups=["p", "p"])
    back = from_nimare(to_nimare(studies), level="contrast").select(ids=ids)
    assert back.groups.tolist() == ["p", "p"]
    np.testing.assert_allclose(back.peaks[["x", "y", "z"]], studies.peaks[["x", "y", "z"]])
    assert [size[0] for size in back.metadata["sample_sizes"]] == [12, 14]
    assert all("It hurts." in text for text in back.texts)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_dataset_is_refused_with_how_to_convert_it(dataset, nimare_resources):
    old, _ = dataset
    with pytest.raises(
        InvalidInputError, match=r"nimare\.nimads\.Studyset\.from_dataset makes one"
    ):
        from_nimare(old)
    from nimare.nimads import Studyset

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        studies = from_nimare(Studyset.from_dataset(old))
        same = load_studyset(nimare_resources / "nidm_pain_studyset.json")
    assert studies.peak_counts.tolist() == same.select(ids=studies.ids).peak_counts.tolist()


@pytest.mark.parametrize("load", [load_studyset, load_studies])
def test_the_file_of_a_dataset_is_refused_with_how_to_convert_it(load, tmp_path):
    path = tmp_path / "dset.json"
    path.write_text(json.dumps({"p1": {"contrasts": {"1": {}}}}))
    with pytest.raises(DataFormatError, match=r"Studyset\.from_dataset\(nimare\.dataset\.Dataset"):
        load(path)


def test_a_bunch_holds_the_peaks_terms_and_papers_of_its_studyset():
    nimads = pytest.importorskip("nimare.nimads")
    points = [
        [{"coordinates": [x, -20.0, 50.0], "space": "MNI"}] * n for x, n in ((-40, 1), (38, 2))
    ]
    analyses = [
        {"id": f"a{row}", "name": "task", "points": of_row, "images": []}
        for row, of_row in enumerate(points)
    ]
    notes = [
        {"analysis": f"a{row}", "note": {"tfidf__pain": 0.5 * row, "tfidf__motor cortex": 1.0}}
        for row in range(2)
    ]
    studyset = nimads.Studyset(
        {
            "id": "s",
            "name": "",
            "studies": [{"id": "p", "name": "", "metadata": {"n": 9}, "analyses": analyses}],
            "annotations": [{"id": "t", "name": "", "notes": notes}],
        }
    )
    bunch = studyset.to_bunch(descriptor_fields=["tfidf__*", "n"])
    studies = from_nimare(bunch)
    whole = from_nimare(studyset, level="contrast")
    assert sorted(studies.peak_counts) == sorted(whole.peak_counts) == [1, 2]
    xyz = studies.peaks.sort_values("x")[["x", "y", "z"]].to_numpy()
    np.testing.assert_allclose(xyz, [[-40, -20, 50], [38, -20, 50], [38, -20, 50]], atol=1)
    assert studies.groups.tolist() == ["p", "p"]
    assert sorted(studies.vocabulary) == ["motor cortex", "pain"]
    pain = studies.counts.toarray()[:, list(studies.vocabulary).index("pain")]
    assert pain[np.argsort(studies.peak_counts)].tolist() == [0, 0.5]
    assert studies.metadata["n"].tolist() == [9, 9]
    without = from_nimare(studyset.to_bunch())
    assert without.counts is None
    assert without.ids.tolist() == studies.ids.tolist()


@pytest.mark.parametrize("thing", [{}, "path.json", pd.DataFrame()])
def test_other_things_are_refused(thing):
    with pytest.raises(InvalidInputError, match="expected a Studyset of NiMARE"):
        from_nimare(thing)


def test_levels_are_checked():
    with pytest.raises(InvalidInputError, match="level='paper'"):
        from_nimare(None, level="paper")


def test_importing_the_module_does_not_import_nimare():
    code = "import sys, sklearn_mnm.datasets.nimare_import; sys.exit('nimare' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
