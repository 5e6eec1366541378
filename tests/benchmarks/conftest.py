import os

import pytest


@pytest.fixture(scope="session")
def corpus():
    if not os.environ.get("SKLEARN_MNM_DATA"):
        pytest.skip("SKLEARN_MNM_DATA is not set: the corpus of the protocol is not there")
    from benchmarks.common.protocol import load_corpus

    return load_corpus()
