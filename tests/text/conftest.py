"""Published ontologies, beside the corpora."""

import pytest


@pytest.fixture(scope="session")
def atlas_folder(real_data):
    """Folder of the release of the Cognitive Atlas as tables."""
    return _there(real_data / "cognitive_atlas")


@pytest.fixture(scope="session")
def mesh_tree(real_data):
    """Table of tree numbers and headings of MeSH."""
    return _there(real_data / "mesh" / "tree.tsv")


def _there(path):
    if not path.exists():
        pytest.skip(f"SKLEARN_MNM_DATA names a folder without {path.parent.name}/{path.name}")
    return path
