"""Elementwise work on large matrices, in one pass on a GPU."""

import importlib.util
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

Function = TypeVar("Function", bound=Callable[..., Any])

# Compiling takes some seconds: it pays for matrices of 8,192 rows and columns, the tiles of large
# batches, and not for the 96 steps of a standard fit (benchmarks/RESULTS.md).
_SMALLEST = 2**26


def fused(function: Function) -> Function:
    """Let torch compile a function where it wins: for large matrices on a GPU.

    There each elementwise step reads and writes the whole matrix, and memory is what they wait
    for; compiled they are one pass. On processors, where the tiles stay in the cache, and without
    Triton, the function runs as it is.

    Parameters
    ----------
    function : callable
        Of tensors by position, the largest of them a matrix. It changes none of them.

    Returns
    -------
    function : callable
        With the same results, up to rounding.
    """

    @wraps(function)
    def call(*arguments: Any) -> Any:
        return (_compiled(function) if _pays(arguments) else function)(*arguments)

    return cast(Function, call)


def _pays(arguments: tuple[Any, ...]) -> bool:
    tensors = [part for part in arguments if isinstance(part, Tensor)]
    largest = max(tensors, key=Tensor.numel)
    return largest.is_cuda and largest.numel() >= _SMALLEST and _has_triton()


@lru_cache
def _has_triton() -> bool:
    return importlib.util.find_spec("triton") is not None


@lru_cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    return torch.compile(function)
