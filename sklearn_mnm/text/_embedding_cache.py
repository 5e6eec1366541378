"""Embeddings on disk, one small file a text, found by the content of text and model."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from sklearn_mnm._tools.files import read_checked, write_checked
from sklearn_mnm._tools.storage import reading, storing
from sklearn_mnm.exceptions import StorageError

_DIGEST_SIZE = 16
_FLOAT32 = np.dtype("<f4")


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_SIZE).digest()


class EmbeddingCache:
    """Vectors of texts under one model.

    A file holds a checksum and the float32 values; readers and parallel writers never see half an
    entry.

    Parameters
    ----------
    folder : str or pathlib.Path
        Root of the cache; made if needed.
    model_identity : str
        What tells this model from others; goes into every file name.
    """

    def __init__(self, folder: str | Path, model_identity: str) -> None:
        self.folder = Path(folder) / _digest(model_identity.encode()).hex()

    def path(self, text: str) -> Path:
        """Return the file for `text`; 256 subfolders keep folders small."""
        name = _digest(text.encode("utf-8", "surrogatepass")).hex()
        return self.folder / name[:2] / name[2:]

    def read(self, text: str) -> np.ndarray | None:
        """Return the vector of `text`, None if it is not there.

        Raises
        ------
        ValueError
            If the entry is damaged.
        StorageError
            If the system does not let it be read.
        """
        path = self.path(text)
        with reading(path, StorageError):
            try:
                values = read_checked(path)
            except FileNotFoundError:
                return None
        return np.frombuffer(values, dtype=_FLOAT32)

    def write(self, text: str, vector: np.ndarray) -> None:
        """Store the vector of `text`, replacing any earlier entry.

        Raises
        ------
        StorageError
            If it cannot be written.
        """
        path = self.path(text)
        values = np.ascontiguousarray(vector, dtype=_FLOAT32).tobytes()
        with storing(path):
            write_checked(path, values)
