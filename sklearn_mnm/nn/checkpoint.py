"""The state of unfinished work in one file, without code in it."""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor

import sklearn_mnm
from sklearn_mnm._tools.files import DIGEST_SIZE, read_checked, write_checked
from sklearn_mnm._tools.storage import reading, storing
from sklearn_mnm._tools.tensor_files import check_size
from sklearn_mnm.exceptions import StorageError

_RECORD, _VERSIONS = "record", "versions"
_CUDA = "random/cuda"


class Snapshot(NamedTuple):
    """What work needs to go on as if it had not stopped.

    Attributes
    ----------
    tensors : dict of str to Tensor
        For training: weights, state of the optimizer and of the generators of random numbers.
    record : dict
        Everything else, as JSON can hold it.
    """

    tensors: dict[str, Tensor]
    record: dict[str, Any]


def save_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Replace the snapshot in a file at once; readers see the old or the new one.

    Raises
    ------
    StorageError
        If it cannot be written; the old one stays.
    """
    # Copies, as towers share their start.
    tensors = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in snapshot.tensors.items()
    }
    metadata = {_RECORD: json.dumps(snapshot.record), _VERSIONS: json.dumps(_versions())}
    content = safetensors.torch.save(tensors, metadata)
    with storing(path):
        write_checked(path, content)


def load_snapshot(path: Path) -> Snapshot | None:
    """Read a snapshot.

    Nothing in the file is executed, whoever wrote it: it is safetensors, with JSON in its header.
    What it holds is for the caller to check.

    Returns
    -------
    snapshot : Snapshot or None
        With tensors on the CPU; None if there is no file.

    Raises
    ------
    ValueError
        If the file is damaged or no snapshot, or other versions wrote it.
    StorageError
        If the system does not let it be read.
    """
    if not os.path.lexists(path):
        return None
    with reading(path, StorageError):
        try:
            check_size(path, DIGEST_SIZE)
            content = read_checked(path)
        except FileNotFoundError:  # removed meanwhile
            return None
        except ValueError as error:
            raise ValueError(f"{path} was damaged or changed.") from error
    try:
        # safetensors reads metadata from files only; they are JSON behind a size of eight bytes.
        size = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + size])["__metadata__"]
        record, versions = json.loads(metadata[_RECORD]), json.loads(metadata[_VERSIONS])
        tensors = safetensors.torch.load(content)
    except (ValueError, KeyError, TypeError, RecursionError, safetensors.SafetensorError) as error:
        raise ValueError(f"{path} is no checkpoint ({error!r}).") from error
    if not isinstance(record, dict) or versions != _versions():
        raise ValueError(f"{path} was written by {versions}, not by {_versions()}.")
    return Snapshot(tensors, record)


def check_tensors(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """Check names, shapes and types of tensors of a file before any of them is used.

    Parameters
    ----------
    found : dict of str to Tensor
    expected : dict of str to Tensor
        Of the same names, shapes and types.
    """
    if odd := found.keys() ^ expected.keys():
        raise ValueError(f"it lacks, or should not hold, {', '.join(sorted(odd)[:3])}")
    for name, tensor in found.items():
        wanted = expected[name]
        if tensor.shape != wanted.shape or tensor.dtype != wanted.dtype:
            raise ValueError(
                f"{name} is {tensor.dtype} of shape {tuple(tensor.shape)}, not {wanted.dtype} of "
                f"{tuple(wanted.shape)}"
            )


def check_training(
    snapshot: Snapshot, start: Snapshot, parameters: list[Tensor], n_epochs: int
) -> None:
    """Check that a snapshot is one of a training, before any of it is used.

    Parameters
    ----------
    snapshot : Snapshot
        From a file. States of generators of a device that is not there are taken out of it.
    start : Snapshot
        Of the training before its first step, with a history of nothing.
    parameters : list of Tensor
        All that the optimizer has, in its order.
    n_epochs : int
        Most that the training may have made.
    """
    found, expected = snapshot.tensors, dict(start.tensors)
    if _CUDA not in expected:
        found.pop(_CUDA, None)
    elif _CUDA not in found:
        del expected[_CUDA]
    for number, parameter in enumerate(parameters):
        moments = ("exp_avg", "exp_avg_sq")
        own = {f"optimizer.{number}/{name}": parameter for name in moments}
        own[f"optimizer.{number}/step"] = torch.zeros((), dtype=torch.float32)
        # Before its first gradient a parameter has none of these.
        if found.keys() & own.keys():
            expected.update(own)
    check_tensors(found, expected)
    for name in ("random/order", "random/cpu"):
        try:
            torch.Generator().set_state(found[name])
        except RuntimeError as error:
            raise ValueError(f"{name} is no state of a generator ({error})") from error
    record = snapshot.record
    if record.keys() != start.record.keys():
        raise ValueError(f"it tells of {', '.join(sorted(record)[:5])}")
    history, best = record["history"], record["best_epoch"]
    if not isinstance(history, list) or not 0 < len(history) <= n_epochs + 1:
        raise ValueError("its history has more or less than the epochs of this training")
    for epoch, row in enumerate(history):
        is_row = isinstance(row, dict) and row.get("epoch") == epoch
        if not is_row or not all(type(value) in (int, float) for value in row.values()):
            raise ValueError(f"the history of epoch {epoch} is {row!r:.80}")
    if type(best) is not int or not 0 <= best < len(history):
        raise ValueError(f"best_epoch is {best!r:.80}")
    if type(record["stopped"]) is not bool or type(record["best_score"]) not in (
        float,
        type(None),
    ):
        raise ValueError("stopped is neither true nor false, or best_score no number")


def _versions() -> dict[str, str]:
    return {"sklearn-mnm": sklearn_mnm.__version__, "torch": str(torch.__version__)}
