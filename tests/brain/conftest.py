"""Peaks for the brain room: a synthetic corpus and a part of NeuroQuery."""

import nibabel
import numpy as np
import pandas as pd
import pytest

from sklearn_mnm.brain.atlas import load_mask


@pytest.fixture(scope="session")
def brain_mask():
    """MNI152 brain mask at 8 mm."""
    return load_mask(resolution=8)


@pytest.fixture(scope="session")
def box_mask():
    """A box of ones well inside a grid of 3 mm voxels, so that edges can be kept away from."""
    inside = np.zeros((20, 22, 24), np.uint8)
    inside[2:-2, 2:-2, 2:-2] = 1
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] = [-30.0, -33.0, -36.0]
    return nibabel.Nifti1Image(inside, affine)


@pytest.fixture(scope="session")
def synthetic_peaks():
    """60 studies with 0 to 29 peaks each, all within the brain."""
    random = np.random.default_rng(0)
    sizes = random.integers(1, 30, size=60)
    sizes[7] = 0
    return [random.uniform([-40, -60, -10], [40, 30, 40], size=(n, 3)) for n in sizes]


@pytest.fixture(scope="session")
def neuroquery_peaks(real_data):
    """Table of the peaks of the first 1,000 NeuroQuery studies."""
    name = "data-neuroquery_version-1_coordinates.tsv.gz"
    table = pd.read_csv(real_data / "neuroquery" / name, sep="\t")
    return table[table["id"].isin(table["id"].unique()[:1000])]
