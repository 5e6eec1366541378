import os
import sys
from pathlib import Path

import pytest

# The benchmark scripts import each other as scripts do: from their own folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))


@pytest.fixture(scope="session")
def corpus():
    if not os.environ.get("SKLEARN_MNM_DATA"):
        pytest.skip("SKLEARN_MNM_DATA is not set: the corpus of the protocol is not there")
    from protocol import load_corpus

    return load_corpus()
