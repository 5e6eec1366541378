"""Fixtures that several rooms use."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data():
    """Folder of the NeuroQuery and Neurosynth releases."""
    folder = os.environ.get("SKLEARN_MNM_DATA")
    if not folder:
        pytest.skip("SKLEARN_MNM_DATA does not name a folder with the real corpora")
    return Path(folder)
