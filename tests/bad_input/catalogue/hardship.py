"""A system that says no: files of somebody else, disks that are full, ports that are taken."""

import os
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_NOBODY = 65534


@contextmanager
def as_nobody(*paths: Path) -> Iterator[None]:
    """Take all rights to paths away, those of root included, for the time of the context."""
    modes = {path: path.stat().st_mode for path in paths}
    for path in paths:
        path.chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        for path, mode in modes.items():
            path.chmod(mode)


@contextmanager
def full_disk(bytes_left: int = 100) -> Iterator[None]:
    """Let no file grow beyond a few bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def taken_port() -> Iterator[int]:
    """Give a port of this computer at which nobody else can listen, the same one each time."""
    port = 47811
    with ExitStack() as stack:
        # Another process that runs these tests has it for a moment only; somebody else keeps it.
        for _ in range(100):
            with suppress(OSError):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
                break
            time.sleep(0.1)
        yield port
