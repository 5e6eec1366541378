"""Tell documents from numbers, and check them."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from sklearn_mnm._tools.frames import is_frame
from sklearn_mnm.exceptions import InvalidInputError


def is_documents(X: Any) -> bool:
    """Whether `X` is a one-dimensional collection that holds at least one string."""
    if sparse.issparse(X) or is_frame(X) or getattr(X, "ndim", 1) != 1:
        return False
    return isinstance(X, str) or (
        hasattr(X, "__iter__") and any(isinstance(value, str) for value in X)
    )


def as_documents(X: Any, *, name: str = "X") -> list[str]:
    """Return documents as a list of strings.

    Parameters
    ----------
    X : sequence of str
        List, array or Series.
    name : str, default="X"
        Name of the argument in messages.

    Returns
    -------
    documents : list of str

    Raises
    ------
    InvalidInputError
        If `X` is one string, has no order, or an entry is not a string (None and NaN included).
    """
    if isinstance(X, str):
        raise InvalidInputError(f"{name}: expected several strings, got one; write [{X[:20]!r}].")
    # A dictionary would be read by its keys, and a set in any order.
    is_scalar = not hasattr(X, "__iter__") or (hasattr(X, "__array__") and np.ndim(X) == 0)
    if is_scalar or isinstance(X, bytes | dict | set | frozenset):
        raise InvalidInputError(f"{name}: expected a list of strings, got {type(X).__name__}.")
    documents = list(np.asarray(X, dtype=object)) if hasattr(X, "__array__") else list(X)
    for row, document in enumerate(documents):
        if not isinstance(document, str):
            raise InvalidInputError(
                f"{name}: row {row} is {document!r} ({type(document).__name__}), not a string; "
                "give an empty string where there is no text."
            )
    return documents
