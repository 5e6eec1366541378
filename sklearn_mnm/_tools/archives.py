"""Small files that would fill the memory when they are unpacked."""

import gzip
import zipfile
from pathlib import Path

from sklearn_mnm.exceptions import DataFormatError

# Tables and counts of all corpora that the package knows take less than 40 times their packed
# size; zeros take 1,000 times theirs.
_FREE, _MOST_TIMES = 2**26, 200
_CHUNK = 2**20
_LARGEST_JSON = 2**30


def check_gzip(path: Path) -> None:
    """Raise DataFormatError if a gzip file unpacks to far more than it should.

    Files that are damaged are left to whoever reads them.
    """
    allowed = max(_FREE, _MOST_TIMES * path.stat().st_size)
    unpacked = 0
    with gzip.open(path) as stream:
        while block := stream.read(_CHUNK):
            unpacked += len(block)
            if unpacked > allowed:
                raise _bomb(path, unpacked)


def check_zip(path: Path) -> None:
    """Raise DataFormatError if a zip archive says that it unpacks to far more than it should.

    No more than it says is ever read from it.
    """
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > max(_FREE, _MOST_TIMES * path.stat().st_size):
        raise _bomb(path, unpacked)


def check_json(path: Path) -> None:
    """Raise DataFormatError if a file is too large to be read as JSON."""
    size = path.stat().st_size
    if size > _LARGEST_JSON:
        raise DataFormatError(
            f"{path}: {size} bytes are more than the {_LARGEST_JSON} that are read as JSON. Give "
            "it in parts, or as Parquet."
        )


def _bomb(path: Path, unpacked: int) -> DataFormatError:
    return DataFormatError(
        f"{path}: unpacks to {unpacked} bytes or more, over {_MOST_TIMES} times its size, as no "
        "table does. Unpack it by hand if you trust it."
    )
