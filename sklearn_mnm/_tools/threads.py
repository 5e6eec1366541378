"""How many threads a computation is worth."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from typing import Any

from threadpoolctl import ThreadpoolController

# Entries of the largest matrix up to which one thread is enough: 2,000 x 2,000.
_SMALL = 4_000_000


@contextmanager
def one_thread_if_small(n_entries: int) -> Iterator[None]:
    """Hold BLAS and torch at one thread while matrices are small.

    Threads wait for each other after every operation. Where other processes want the same
    cores, each wait can last as long as the system lets one of those run, and small
    computations, which consist of many short operations, take a multiple of the time that one
    thread takes. On idle cores several threads save little of them.

    Parameters
    ----------
    n_entries : int
        Number of entries of the largest matrix at work; beyond 4,000,000 nothing is changed.
    """
    with ExitStack() as stack:
        if n_entries <= _SMALL:
            blas = _libraries(len(sys.modules))
            # What is at one already stays: if another Python thread holds it there, that one
            # also gives it back, and giving back one thread after it would be for good.
            if any(pool["num_threads"] > 1 for pool in blas.info()):
                stack.enter_context(blas.limit(limits=1))
            # Where nothing has imported it, none of its threads are at work.
            torch: Any = sys.modules.get("torch")
            if not hasattr(torch, "set_num_threads"):  # or another thread is about to
                torch = None
            n_threads = 1 if torch is None else torch.get_num_threads()
            if n_threads > 1:
                stack.callback(torch.set_num_threads, n_threads)
                torch.set_num_threads(1)
        yield


@lru_cache(maxsize=1)
def _libraries(n_modules: int) -> Any:
    """Libraries of linear algebra, looked for again when imports may have brought others."""
    return ThreadpoolController().select(user_api="blas")
