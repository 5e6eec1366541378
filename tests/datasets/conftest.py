import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

PREFIX = "data-toy_version-1_"
FEATURES = PREFIX + "vocab-words_source-{}_type-count_features.npz"


@pytest.fixture(scope="session")
def nimare_resources():
    """Resources inside the installed NiMARE package."""
    spec = importlib.util.find_spec("nimare")
    if spec is None:
        pytest.skip("NiMARE is not installed")
    return Path(spec.submodule_search_locations[0]) / "resources"


@pytest.fixture
def toy_release(tmp_path):
    """A release of three studies; one title spans two lines, peaks are not in study order."""
    metadata = pd.DataFrame({"id": ["11", "22", "33"], "title": ["pain\nheat", "memory", "NA"]})
    metadata.to_csv(tmp_path / (PREFIX + "metadata.tsv.gz"), sep="\t", index=False)
    peaks = pd.DataFrame(
        {
            "id": ["33", "11", "22", "11"],
            "x": [3.0, 1.0, 2.0, 1.5],
            "y": 0.0,
            "z": 0.0,
            "table_id": ["T3", "T1", "T2", "T1"],
        }
    )
    peaks.to_csv(tmp_path / (PREFIX + "coordinates.tsv.gz"), sep="\t", index=False)
    (tmp_path / (PREFIX + "vocab-words_vocabulary.txt")).write_text("pain\nmemory\n")
    for source, factor in (("title", 1.0), ("abstract", 3.0)):
        counts = sparse.csr_matrix(factor * np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
        sparse.save_npz(tmp_path / FEATURES.format(source), counts)
    return tmp_path
