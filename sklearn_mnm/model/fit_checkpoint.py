"""Where an unfinished fit is kept."""

import shutil
from pathlib import Path
from typing import Any

import joblib
import torch
from scipy import sparse

import sklearn_mnm
from sklearn_mnm.exceptions import InvalidInputError

# These change no result.
_ASIDE = {"callbacks", "checkpoint", "device", "memory", "verbose"}
# Their parameters tell them apart.
_PARTS = {"objective", "towers"}


class FitCheckpoint:
    """A folder of its own for each fit, named by all that its result depends on.

    Parameters
    ----------
    folder : Path or None
        None keeps nothing.

    Attributes
    ----------
    folder : Path or None
    training : Path or None
        File for the state of training.
    """

    def __init__(self, folder: Path | None):
        self.folder = folder
        self.training = None if folder is None else folder / "training.safetensors"

    @classmethod
    def of(
        cls, params: dict[str, Any], data: tuple, start: torch.nn.Module | None
    ) -> "FitCheckpoint":
        """Find the folder of a fit.

        Parameters
        ----------
        params : dict of str to object
            Of the embedder, with those of its parts.
        data : tuple
            All that is given to the fit.
        start : Module or None
            Towers to go on from.

        Returns
        -------
        checkpoint : FitCheckpoint

        Raises
        ------
        InvalidInputError
            If there would be no way to find it again.
        """
        folder = params["checkpoint"]
        if folder is None:
            return cls(None)
        if params["random_state"] is None:
            raise InvalidInputError(
                f"checkpoint={str(folder)!r} needs a fit that can be repeated, but "
                "random_state is None. Give random_state=0 or any other int."
            )
        params = {
            name: _content(value)
            for name, value in sorted(params.items())
            if name not in _ASIDE | _PARTS
        }
        weights = None
        if start is not None:
            weights = {name: tensor.numpy() for name, tensor in start.state_dict().items()}
        versions = (sklearn_mnm.__version__, torch.__version__)
        name = joblib.hash((tuple(map(_content, data)), params, weights, versions))
        return cls(Path(folder) / str(name))

    def remove(self) -> None:
        """Forget a fit that ended."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def _content(value: Any) -> Any:
    """Arrays of a sparse matrix, which itself also notes what was found out about it so far."""
    is_sparse: bool = sparse.issparse(value)
    return (value.shape, value.indptr, value.indices, value.data) if is_sparse else value
