import numpy as np
import pytest
from scipy import sparse

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.model.salience import salient_terms


def test_salient_terms_are_above_the_percentile_of_their_own_study():
    terms = sparse.csr_matrix(
        [[1, 2, 3, 4, 5, 0.0], [0, 0, 0, 7, 0, 0], [0] * 6, [2, 2, 0, 0, 0, 3]]
    )
    salient = salient_terms(terms)
    assert salient.dtype == bool
    expected = [[0, 0, 0, 0, 1, 0], [0, 0, 0, 1, 0, 0], [0] * 6, [0, 0, 0, 0, 0, 1]]
    np.testing.assert_array_equal(salient.toarray(), np.array(expected, dtype=bool))
    assert salient.nnz == 3


def test_terms_of_equal_weight_are_all_salient():
    terms = sparse.csr_matrix([[2.0, 2, 0, 2]])
    np.testing.assert_array_equal(salient_terms(terms).toarray(), terms.toarray() > 0)


def test_salient_terms_leave_their_input_as_it_is():
    terms = sparse.csr_matrix(np.random.default_rng(0).random((5, 20)))
    before = terms.toarray()
    salient_terms(terms)
    np.testing.assert_array_equal(terms.toarray(), before)


@pytest.mark.parametrize("weight", [-1.0, np.nan])
def test_weights_that_are_no_weights_are_refused(weight):
    with pytest.raises(InvalidInputError, match="negative or not finite"):
        salient_terms(sparse.csr_matrix([[weight, 1.0]]))
