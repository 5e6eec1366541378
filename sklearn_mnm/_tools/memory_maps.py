"""Memory maps whose pages are given back after reading."""

import mmap

import numpy as np


def release_pages(array: object) -> None:
    """Let go of the pages of a file that reading `array` has brought into this process.

    They stay in the cache of the system, which keeps them as long as nothing else wants the
    memory; but as long as they are mapped they count as memory of the process.

    Parameters
    ----------
    array : object
        A memory map, or a view of one. Anything else, and maps whose changes are not written to
        the file, are left alone.
    """
    shared = False
    while isinstance(array, np.ndarray):
        shared |= isinstance(array, np.memmap) and array.mode != "c"
        array = array.base
    if shared and isinstance(array, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        array.madvise(mmap.MADV_DONTNEED)


def is_mapped(array: object) -> bool:
    """Whether an array is a memory map, or a view of one."""
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return True
        array = array.base
    return False
