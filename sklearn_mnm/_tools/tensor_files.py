"""Files of safetensors looked at before any memory is taken for them."""

import json
import os
from pathlib import Path
from typing import Any

# As the library itself allows.
_LARGEST_HEADER = 100_000_000
# Bytes of JSON in which any array has its name, type, shape and place, and more arrays than any
# file of this package has.
_MOST_ARRAYS = 100_000


def check_size(path: Path, start: int = 0) -> None:
    """Compare the size of a file with what its header says, and with the memory of the machine.

    A file may claim any size and take no space on the disk. Of this one only the header is read.

    Parameters
    ----------
    path : Path
    start : int, default=0
        Bytes before the part in safetensors format.

    Raises
    ------
    ValueError
        If the file is shorter or longer than its header says, cannot have such a header, or is
        larger than the memory.
    OSError
        If it cannot be read.
    """
    size = os.stat(path).st_size
    with path.open("rb") as file:
        file.seek(start)
        n_header = int.from_bytes(file.read(8), "little")
        begin = start + 8 + n_header
        if n_header > _LARGEST_HEADER or begin > size:
            raise ValueError(f"a header of {n_header} bytes in a file of {size}")
        header = file.read(n_header)
    if header.count(b"{") > _MOST_ARRAYS:
        raise ValueError(f"a header of more than {_MOST_ARRAYS} arrays")
    expected = begin + _last_byte(header)
    if size != expected:
        raise ValueError(f"the file has {size} bytes, and its header tells of {expected}")
    if size > (memory := memory_bytes()):
        raise ValueError(
            f"the file has {size / 2**30:.1f} GiB, and this machine {memory / 2**30:.1f} GiB of "
            "memory"
        )


def _last_byte(header: bytes) -> int:
    """Return where the last array ends, counted from the end of the header."""
    try:
        arrays: dict[str, Any] = json.loads(header)
        ends = [entry["data_offsets"][1] for name, entry in arrays.items() if name[:2] != "__"]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"its header is no list of arrays ({error!r})") from error
    if not all(type(end) is int and end >= 0 for end in ends):
        raise ValueError("its header has arrays that end nowhere")
    return max(ends, default=0)


def memory_bytes() -> float:
    """Return the bytes of memory of this machine, infinity where the system does not tell."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):  # on Windows
        return float("inf")
