"""Results kept by joblib, whose damage is noticed.

What joblib stores bears no checksum: a file with a changed number is read as if nothing had
happened.
"""

import hashlib
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import sklearn_mnm
from sklearn_mnm.exceptions import DataWarning


def recall(memory: Any, function: Callable, *args: Any, **kwargs: Any) -> Any:
    """Call a function, or read what it returned before.

    Parameters
    ----------
    memory : joblib.Memory
        Or anything that caches functions by a method of that name. Without a location nothing is
        kept.
    function : callable
        Of a module. It returns numbers, arrays and None, or tuples and mappings of these.
    *args, **kwargs
        What it is called with, and told apart by.

    Warns
    -----
    DataWarning
        If what was kept is damaged; it is computed anew, and replaced.
    """
    if getattr(memory, "location", "") is None:
        return function(*args, **kwargs)
    stored = memory.cache(_with_digest)
    call = (function, args, kwargs, sklearn_mnm.__version__)
    try:
        result, expected = stored(*call)
        if digest(result) == expected:
            return result
        damage: Any = "its checksum is another"
    # Whatever a changed pickle leads to.
    except (AttributeError, TypeError, ValueError) as error:
        damage = error
    warnings.warn(
        f"A result of {function.__qualname__} kept in {getattr(memory, 'location', memory)} was "
        f"damaged or changed ({damage}); it is computed anew.",
        DataWarning,
        stacklevel=5,
    )
    if not hasattr(stored, "call_and_shelve"):
        return function(*args, **kwargs)
    # Before the call, which may change what sparse matrices note about themselves, and so the name
    # of the file.
    stored.call_and_shelve(*call).clear()
    return stored(*call)[0]


def _with_digest(
    function: Callable, args: tuple, kwargs: dict[str, Any], version: str
) -> tuple[Any, str]:
    result = function(*args, **kwargs)
    return result, digest(result)


def digest(value: Any) -> str:
    """SHA-256 of numbers and arrays, whatever the layout of these in memory."""
    content = hashlib.sha256()
    _add(content, value)
    return content.hexdigest()


def _add(content: Any, value: Any) -> None:
    if isinstance(value, np.ndarray):
        content.update(f"{value.dtype.str}{value.shape}".encode())
        content.update(np.ascontiguousarray(value))
    elif isinstance(value, tuple | Mapping):
        content.update(f"{type(value).__name__}{len(value)}".encode())
        for part in value.items() if isinstance(value, Mapping) else value:
            _add(content, part)
    else:
        content.update(repr(value).encode())
