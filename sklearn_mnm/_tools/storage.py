"""Failures of reading and writing, told with the file and what to do."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sklearn_mnm.exceptions import DataFormatError, InvalidInputError, MNMError, StorageError

#: What the system says of a disk that takes no more.
FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))
_REMEDIES = {
    "Free some space, or choose a folder on another disk.": FULL,
    "Choose a folder that you may write to.": (errno.EACCES, errno.EPERM, errno.EROFS),
    "Make the folder first.": (errno.ENOENT,),
    "Choose another name; a file stands where a folder should be, or the reverse.": (
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EEXIST,
    ),
    "Choose a shorter name.": (errno.ENAMETOOLONG,),
}


@contextmanager
def storing(path: str | os.PathLike) -> Iterator[None]:
    """Turn errors of the operating system into errors that name the file and the remedy.

    Parameters
    ----------
    path : str or path
        What is written; the system does not tell when a disk is full.

    Raises
    ------
    StorageError
        Instead of an OSError, with its `errno`.
    """
    try:
        yield
    except MNMError:
        raise
    except ValueError as error:
        if "null" not in str(error):
            raise
        raise StorageError(f"{str(path)!r}: no file can have this name ({error}).") from error
    except OSError as error:
        remedy = next(
            (text for text, codes in _REMEDIES.items() if error.errno in codes),
            "Try again, or choose another folder.",
        )
        told = StorageError(f"{path}: could not be written ({error.strerror or error}). {remedy}")
        told.errno = error.errno
        raise told from error


@contextmanager
def reading(path: str | os.PathLike, failure: type[MNMError] = DataFormatError) -> Iterator[None]:
    """Turn errors of the operating system into errors that name the file and the remedy.

    Raises
    ------
    DataFormatError
        Or another `failure`, instead of an OSError or of that of a name that no file can have.
    """
    try:
        yield
    except MNMError:
        raise
    except OSError as error:
        raise failure(
            f"{path}: cannot be read ({error.strerror or error}). Check the name, and who may read "
            "the file and its folder."
        ) from error
    except ValueError as error:
        if "null" not in str(error):
            raise
        raise failure(f"{str(path)!r}: no file can have this name ({error}).") from error


def as_path(value: Any, name: str) -> Path:
    """Return one path; InvalidInputError if something else is given."""
    if isinstance(value, str | os.PathLike):
        return Path(value)
    raise InvalidInputError(
        f"{name}: expected the path of one file or folder, got {type(value).__name__}; "
        "load_studies takes a list of paths."
    )
