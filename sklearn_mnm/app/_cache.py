"""What was made is kept, up to a number of bytes."""

import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock

# Bytes that a dictionary with an order takes for an entry, about.
_PLACE = 100


class BodyCache:
    """Bodies of answers by key; those asked for longest ago are dropped when there are too many.

    Several threads may ask for the same body at a time; it is made once.

    Parameters
    ----------
    max_bytes : int
        Of all bodies and their keys together. One that is larger by itself is not kept.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.n_bytes = 0
        self._bodies: OrderedDict[Hashable, bytes] = OrderedDict()
        self._pending: dict[Hashable, Future[bytes]] = {}
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """Return the body of a key.

        Parameters
        ----------
        key : hashable
        make : callable
            Makes the body. What it raises goes to all who wait for the body.

        Returns
        -------
        body : bytes
        """
        with self._lock:
            if key in self._bodies:
                self._bodies.move_to_end(key)
                return self._bodies[key]
            pending = self._pending.get(key)
            if pending is None:
                ours = self._pending[key] = Future()
        if pending is not None:
            return pending.result()
        try:
            body = make()
        except BaseException as error:
            with self._lock:
                del self._pending[key]
            ours.set_exception(error)
            raise
        with self._lock:
            del self._pending[key]
            self._keep(key, body)
        ours.set_result(body)
        return body

    def _keep(self, key: Hashable, body: bytes) -> None:
        n_bytes = _size(key) + sys.getsizeof(body)
        if n_bytes > self.max_bytes:
            return
        self._bodies[key] = body
        self.n_bytes += n_bytes
        while self.n_bytes > self.max_bytes:
            old, dropped = self._bodies.popitem(last=False)
            self.n_bytes -= _size(old) + sys.getsizeof(dropped)


def _size(key: Hashable) -> int:
    """Bytes of a key and of its place among the others."""
    parts = sum(_size(part) for part in key) if isinstance(key, tuple) else _PLACE
    return sys.getsizeof(key) + parts
