"""NumPy arrays and torch tensors alike: what the functions of geometry have in common."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any, ParamSpec, TypeAlias

import numpy as np
from array_api_compat import array_namespace, device, is_array_api_obj, is_torch_array

from sklearn_mnm.exceptions import InvalidInputError

#: A NumPy array or a torch tensor; the results are of the same kind, dtype and device.
Array: TypeAlias = Any

_P = ParamSpec("_P")


def array_function(function: Callable[_P, Array]) -> Callable[_P, Array]:
    """Let a function take half precision and integers, and compute without warnings of overflow.

    Half precision has three digits, and float16 ends at 65,504, which squares reach at radius 6:
    what it would return is rounding or no number at all. It is computed, and returned, in single.
    Integers, which have no curvature of 0.5, are computed in double precision.
    """
    plain: Callable[..., Array] = function

    @wraps(function)
    def widened(*args: _P.args, **kwargs: _P.kwargs) -> Array:
        given = [_widened(value) for value in args]
        named = {name: _widened(value) for name, value in kwargs.items()}
        # As torch does, which says nothing of infinities.
        with np.errstate(all="ignore"):
            result = plain(*given, **named)
        # NumPy before 2 computes single numbers in double precision.
        if isinstance(result, np.ndarray | np.floating) and result.dtype == np.float64:
            arrays = [a for a in (*given, *named.values()) if isinstance(a, np.ndarray)]
            if arrays and all(array.dtype == np.float32 for array in arrays):
                return result.astype(np.float32)
        return result

    return widened


def _widened(value: Any) -> Any:
    name = str(getattr(value, "dtype", "")).removeprefix("torch.")
    if isinstance(value, type) or not is_array_api_obj(value):
        return value
    xp = array_namespace(value)
    if name in ("float16", "bfloat16"):
        return xp.astype(value, xp.float32)
    return xp.astype(value, xp.float64) if name.startswith(("int", "uint")) else value


def as_curvature(curvature: float | Array, like: Array) -> Array:
    """Return the curvature as a 0-d array of the dtype and device of `like`.

    A float is checked to be positive. An array is not: looking at its value would make the
    processor wait for the accelerator at each call.
    """
    if is_torch_array(curvature):
        return curvature.to(dtype=like.dtype, device=like.device)
    if not curvature > 0:
        raise InvalidInputError(
            f"curvature={curvature!r} must be positive: it is c of the hyperboloid <x, x> = -1/c."
        )
    return array_namespace(like).asarray(curvature, dtype=like.dtype, device=device(like))


def without_gradient(array: Array) -> AbstractContextManager[Any]:
    """Context in which no gradients of such arrays are kept."""
    if is_torch_array(array):
        import torch

        return torch.no_grad()
    return nullcontext()
