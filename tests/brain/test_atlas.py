"""Masks that come with the package are those of nilearn."""

from pathlib import Path

import numpy as np
import pytest
from nilearn.datasets import load_mni152_brain_mask

import sklearn_mnm
from sklearn_mnm.brain.atlas import OWN_MASKS, load_mask

FOLDER = Path(sklearn_mnm.__file__).parent / "brain" / "atlases"


@pytest.mark.parametrize("resolution", [2, 3, 4])
def test_masks_are_those_of_nilearn_whether_they_come_with_the_package_or_not(resolution):
    mask, expected = load_mask(resolution=resolution), load_mni152_brain_mask(resolution=resolution)
    np.testing.assert_array_equal(mask.affine, expected.affine)
    np.testing.assert_array_equal(np.asarray(mask.dataobj), np.asarray(expected.dataobj) != 0)
    assert mask.get_data_dtype() == np.uint8
    assert mask.header.get_zooms() == (resolution,) * 3


def test_who_changes_a_mask_changes_no_other():
    load_mask(resolution=4).dataobj[:] = 0
    assert np.asarray(load_mask(resolution=4).dataobj).any()


def test_the_licence_of_the_template_is_beside_the_masks():
    assert all((FOLDER / name).is_file() for name in OWN_MASKS.values())
    licence = (FOLDER / "mni152_mask.LICENSE").read_text(encoding="utf-8")
    assert "Copyright (C) 1993-2004 Louis Collins, McConnell Brain Imaging Centre" in licence
    assert "10.1016/j.neuroimage.2010.07.033" in (FOLDER / "mni152_mask.md").read_text()
