"""p values become z on request."""

import nibabel
import numpy as np
import pytest
from scipy.stats import norm

from sklearn_mnm.brain import z_from_p
from sklearn_mnm.exceptions import InvalidInputError

Z = np.random.default_rng(0).normal(scale=2, size=(8, 9, 10))
AFFINE = np.diag([4.0, 4, 4, 1])


def image(values):
    return nibabel.Nifti1Image(values, AFFINE)


def test_one_sided_p_give_z_and_two_sided_ones_with_their_signs():
    np.testing.assert_allclose(z_from_p(image(norm.sf(Z))).get_fdata(), Z, atol=1e-3)
    two_sided = image(2 * norm.sf(np.abs(Z)))
    z = z_from_p(two_sided, sign_img=image(np.sign(Z) * 3))
    np.testing.assert_allclose(z.get_fdata(), Z, atol=1e-3)


def test_the_converted_map_no_longer_says_that_it_holds_p():
    given = image(norm.sf(Z))
    given.header.set_intent("p value")
    assert z_from_p(given).header.get_intent()[0] == "none"


def test_zeros_up_to_the_edge_are_outside_and_others_are_the_strongest():
    p = np.zeros((8, 9, 10, 2))
    p[2:6, 2:6, 2:6] = norm.sf(Z[2:6, 2:6, 2:6])[..., None]
    p[3, 3, 3] = 0
    z = z_from_p(image(p)).get_fdata()
    assert not z[0].any()
    assert z[3, 3, 3, 0] == z.max() == pytest.approx(norm.isf(p[p > 0].min()), rel=1e-5)


def test_what_are_no_p_values_is_refused():
    with pytest.raises(InvalidInputError, match="p values lie between 0 and 1"):
        z_from_p(image(Z))
    with pytest.raises(InvalidInputError, match="another grid"):
        z_from_p(image(norm.sf(Z)), sign_img=image(Z[:4]))
