"""Files that are whole or not there, and whose damage is noticed."""

import ctypes
import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

#: Bytes of the checksum that checked files begin with.
DIGEST_SIZE = 32
# Names of files are taken relative to the working directory (AT_FDCWD), and swapped.
_HERE, _EXCHANGE = -100, 2
_TRIES = 3


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a name to write under; the file gets its own when the context ends without an error.

    Parameters
    ----------
    path : Path
        Of the file, new or to be replaced, in a folder that exists.

    Yields
    ------
    temporary : Path
        Beside it, and gone afterwards, except if the process is killed: then a file whose name
        starts with ``tmp-`` may stay, of no use to anybody.
    """
    # Not by tempfile, whose files nobody else may read.
    temporary = path.with_name(f"tmp-{uuid4().hex}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_checked(path: Path, content: bytes) -> None:
    """Write a file with a checksum; it appears, or replaces the old one, when it is complete.

    Parameters
    ----------
    path : Path
        The folder above is made if needed.
    content : bytes
    """
    for tries_left in reversed(range(_TRIES)):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with replacing(path) as temporary:
                temporary.write_bytes(hashlib.sha256(content).digest() + content)
            return
        except FileNotFoundError:
            # Another process, done with the same work, has removed the folder meanwhile.
            if not tries_left:
                raise


def read_checked(path: Path) -> bytes:
    """Read what :func:`write_checked` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it was damaged or changed.
    """
    stored = path.read_bytes()
    checksum, content = stored[:DIGEST_SIZE], stored[DIGEST_SIZE:]
    if hashlib.sha256(content).digest() != checksum:
        raise ValueError(f"{path} was damaged or changed.")
    return content


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process is in this context with the same folder.

    Threads of one process wait for each other, too. The system lets the next one in also when this
    process is killed; where it has no locks of folders (Windows, some file systems of networks)
    nobody waits.
    """
    with ExitStack() as stack:
        # Who cannot make, open or lock the folder does without.
        with suppress(AttributeError, OSError):
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def exchange(first: Path, second: Path) -> bool:
    """Swap the names of two files or folders at once, so that neither is ever missing.

    Returns
    -------
    done : bool
        False, with nothing changed, where the system cannot.
    """
    names = os.fsencode(first), os.fsencode(second)
    with suppress(AttributeError, OSError, TypeError):
        library = ctypes.CDLL(None)
        if sys.platform == "darwin":
            return library.renamex_np(*names, _EXCHANGE) == 0
        return library.renameat2(_HERE, names[0], _HERE, names[1], _EXCHANGE) == 0
    return False
