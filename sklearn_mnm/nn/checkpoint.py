"""The state of an unfinished training in one file, without code in it."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
from torch import Tensor

from sklearn_mnm._tools.files import read_checked, write_checked

_RECORD = "record"


class Snapshot(NamedTuple):
    """What training needs to go on as if it had not stopped.

    Attributes
    ----------
    tensors : dict of str to Tensor
        Weights, state of the optimizer and of the generators of random numbers.
    record : dict
        Everything else, as JSON can hold it.
    """

    tensors: dict[str, Tensor]
    record: dict[str, Any]


def save_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Replace the snapshot in a file at once; readers see the old or the new one.

    Parameters
    ----------
    path : Path
    snapshot : Snapshot
    """
    # Copies, as towers share their start.
    tensors = {name: tensor.detach().cpu().clone() for name, tensor in snapshot.tensors.items()}
    metadata = {_RECORD: json.dumps(snapshot.record)}
    write_checked(path, safetensors.torch.save(tensors, metadata))


def load_snapshot(path: Path) -> Snapshot | None:
    """Read a snapshot.

    Parameters
    ----------
    path : Path

    Returns
    -------
    snapshot : Snapshot or None
        With tensors on the CPU; None if there is no file.

    Raises
    ------
    ValueError
        If the file is damaged.
    """
    try:
        content = read_checked(path)
    except FileNotFoundError:
        return None
    # safetensors reads metadata from files only; they are JSON behind a size of eight bytes.
    size = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + size])["__metadata__"]
    return Snapshot(safetensors.torch.load(content), json.loads(metadata[_RECORD]))
