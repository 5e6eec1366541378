"""Files that are whole or not there, and whose damage is noticed."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

_DIGEST_SIZE = 32


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
        Beside it, and gone afterwards.
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
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_bytes(hashlib.sha256(content).digest() + content)


def read_checked(path: Path) -> bytes:
    """Read what :func:`write_checked` wrote.

    Parameters
    ----------
    path : Path

    Returns
    -------
    content : bytes

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it was damaged or changed.
    """
    stored = path.read_bytes()
    checksum, content = stored[:_DIGEST_SIZE], stored[_DIGEST_SIZE:]
    if hashlib.sha256(content).digest() != checksum:
        raise ValueError(f"{path} was damaged or changed.")
    return content
