"""Weights of studies."""

from typing import Any

import numpy as np
from sklearn.utils.validation import _check_sample_weight

from sklearn_mnm._tools.arrays import clear_errors
from sklearn_mnm.exceptions import InvalidInputError

_LARGEST = 1e30


def checked_weights(sample_weight: Any, X: Any) -> np.ndarray:
    """Weights, none of them negative and one at least positive.

    Parameters
    ----------
    sample_weight : array-like of shape (n_studies,)
    X : {ndarray, sparse matrix} of shape (n_studies, n_features)
        What the weights belong to.

    Returns
    -------
    sample_weight : ndarray of float64 of shape (n_studies,)

    Raises
    ------
    InvalidInputError
        If they are of another shape or not finite, a weight is negative, or none is positive, or
        the largest is not between 1e-30 and 1e30.
    """
    with clear_errors("sample_weight", "Give one finite number per study."):
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64)
    if weights.min() < 0:
        raise InvalidInputError(
            f"sample_weight holds {weights.min():g} (study {weights.argmin()}); weights cannot be "
            "negative. Give 0 to leave a study out."
        )
    if not weights.any():
        raise InvalidInputError(
            "sample_weight is 0 for all studies. Give at least one a positive weight."
        )
    if not 1 / _LARGEST <= weights.max() <= _LARGEST:
        raise InvalidInputError(
            f"sample_weight holds values of up to {weights.max():g}, and must stay within single "
            f"precision. Divide all by {weights.max():g}."
        )
    return weights
