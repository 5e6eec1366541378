"""Files that are whole or not there, and whose damage is noticed."""

import hashlib
import os
import tempfile
from pathlib import Path

_DIGEST_SIZE = 32


def write_checked(path: Path, content: bytes) -> None:
    """Write a file with a checksum; it appears, or replaces the old one, when it is complete.

    Parameters
    ----------
    path : Path
        The folder above is made if needed.
    content : bytes
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix="tmp-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(hashlib.sha256(content).digest() + content)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


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
