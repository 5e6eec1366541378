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
