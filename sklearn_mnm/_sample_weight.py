"""Weights of studies."""

from typing import Any

import numpy as np
from sklearn.utils.validation import _check_sample_weight

from sklearn_mnm.exceptions import InvalidInputError


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
        If a weight is negative, or none is positive.
    ValueError
        If they are of another shape or not finite.
    """
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
    return weights
