"""Threads in which a model is asked, as many as there are cores for and no more."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")


class TooBusy(Exception):
    """More is asked than can be answered soon."""


class Workers:
    """A pool of threads that takes a limited number of tasks.

    Parameters
    ----------
    n_threads : int
        How many tasks run at a time.
    max_waiting : int
        How many may wait for their turn.
    """

    def __init__(self, n_threads: int, max_waiting: int) -> None:
        self._pool = ThreadPoolExecutor(n_threads, thread_name_prefix="mnm-app")
        self._free = n_threads + max_waiting

    async def run(self, function: Callable[..., Result], *args: Any) -> Result:
        """Call a function in a thread and wait for its result.

        Raises
        ------
        TooBusy
            If too many tasks wait.
        """
        if self._free == 0:
            raise TooBusy
        self._free -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, function, *args)
        finally:
            self._free += 1

    def close(self) -> None:
        """Drop what waits, and end what runs; Python would wait for it anyway."""
        self._pool.shutdown(wait=True, cancel_futures=True)
