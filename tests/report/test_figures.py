"""Captions say what figures show: highest value, where it is, and how much there is from where."""

import nibabel
import numpy as np
import pytest

from sklearn_mnm.brain.atlas import load_mask
from sklearn_mnm.report.figures import described


@pytest.fixture
def grid():
    return load_mask(resolution=2)


def of_value(grid, place, value, background=0.0):
    """A map with one value at a place in mm."""
    values = np.full(grid.shape, background)
    values[tuple(np.rint(np.add(place, (98, 134, 72)) / 2).astype(int))] = value
    return nibabel.Nifti1Image(values, grid.affine)


@pytest.mark.parametrize(
    ("place", "name"),
    [((-22, -6, -16), "left amygdala"), ((14, 10, -4), "near right putamen")],
)
def test_a_place_that_is_not_within_its_label_is_near_it(grid, place, name):
    where = ", ".join(map(str, place))
    assert described(of_value(grid, place, 2.5), 2) == (
        f"highest value 2.5 at MNI ({where}) mm, {name}; 0.008 cm³ of at least 2"
    )


@pytest.mark.parametrize(
    ("threshold", "told"), [(1.959964, "1.96"), (2.576, "2.576"), (3.09, "3.09"), (3, "3")]
)
def test_thresholds_are_told_as_they_are(grid, threshold, told):
    assert described(of_value(grid, (14, 10, -4), 4.0), threshold).endswith(f" of at least {told}")


def test_what_is_equal_to_the_threshold_counts_and_zero_does_not(grid):
    image = of_value(grid, (14, 10, -4), 2.0)
    assert described(image, 2).endswith("; 0.008 cm³ of at least 2")
    assert described(image, 0).endswith("; 0.008 cm³ of at least 0")
    many = np.zeros(grid.shape)
    many[40:60, 60:80, 40:60] = 2
    assert described(nibabel.Nifti1Image(many, grid.affine), 2).endswith("; 64 cm³ of at least 2")


@pytest.mark.parametrize(("value", "background"), [(1.958, 0.0), (-1.5, -2.0)])
def test_it_is_said_that_nothing_reaches_the_threshold(grid, value, background):
    image = of_value(grid, (-22, -6, -16), value, background)
    assert described(image, 1.959964) == (
        f"nothing reaches 1.96; highest value {value} at MNI (-22, -6, -16) mm, left amygdala"
    )
