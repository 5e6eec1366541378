"""What metrics take: vectors and matrices of finite numbers."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from sklearn_mnm.exceptions import DataWarning, InvalidInputError


def finite(
    name: str, values: ArrayLike, n_dimensions: int, *, keep_single: bool = False
) -> np.ndarray:
    """Return a vector or matrix in double precision, or refuse it by name.

    Numbers in single precision stay so, to save memory, if `keep_single`.
    """
    is_single = keep_single and getattr(values, "dtype", None) == np.float32
    array = np.asarray(values) if is_single else real_numbers(name, values)
    if array.ndim != n_dimensions or array.size == 0:
        kind = ("vector", "matrix")[n_dimensions - 1]
        raise InvalidInputError(f"{name}: expected a non-empty {kind}, got shape {array.shape}.")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        raise InvalidInputError(
            f"{name}: {len(bad)} entries are NaN or infinite, the first in row {bad[0, 0]} (from "
            "0); such entries cannot be ranked or compared. Mend or leave out these rows."
        )
    return array


def real_numbers(name: str, values: Any) -> np.ndarray:
    """Numbers in double precision, in which differences of unsigned integers do not wrap."""
    if sparse.issparse(values):
        raise InvalidInputError(f"{name}: must hold real numbers, densely; pass {name}.toarray().")
    try:
        array = np.asarray(values)
        # Numbers among objects are taken; words, dates and complex numbers are none.
        return array.astype(
            np.float64, casting="unsafe" if array.dtype.kind == "O" else "same_kind"
        )
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"{name}: must hold real numbers ({error}).") from error


def warn_if_constant(**vectors: np.ndarray) -> bool:
    """Tell which vectors have one value only, so that they correlate with nothing."""
    constant = [name for name, values in vectors.items() if values.min() == values.max()]
    if constant:
        warnings.warn(
            f"{' and '.join(constant)}: all values are equal, so their correlation does not exist "
            "and counts as 0.",
            DataWarning,
            stacklevel=3,
        )
    return bool(constant)
