"""Where an unfinished fit is kept: files without code in them, checked before they are used."""

import shutil
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from scipy import sparse

import sklearn_mnm
from sklearn_mnm.exceptions import DataWarning, InvalidInputError
from sklearn_mnm.model.ridge import RidgeStatistics
from sklearn_mnm.model.text_regression import TextRegression
from sklearn_mnm.nn.checkpoint import Snapshot, load_snapshot, save_snapshot
from sklearn_mnm.nn.fitted_towers import FittedTowers

# These change no result.
_ASIDE = {"callbacks", "checkpoint", "device", "memory", "verbose"}
# Their parameters tell them apart.
_PARTS = {"objective", "towers"}
_PRECISIONS = (np.float32, np.float64)


class FitCheckpoint:
    """A folder of its own for each fit, named by all that its result depends on.

    Parameters
    ----------
    folder : Path or None
        If None, keep nothing.

    Attributes
    ----------
    folder : Path or None
    regression : Path or None
        File for the closed form.
    training : Path or None
        File for the state of training.
    """

    def __init__(self, folder: Path | None):
        self.folder = folder
        self.regression = None if folder is None else folder / "regression.safetensors"
        self.training = None if folder is None else folder / "training.safetensors"

    @classmethod
    def of(cls, params: dict[str, Any], data: tuple, start: FittedTowers | None) -> "FitCheckpoint":
        """Find the folder of a fit.

        Parameters
        ----------
        params : dict of str to object
            Of the embedder, with those of its parts.
        data : tuple
            All that is given to the fit.
        start : FittedTowers or None
            Towers to go on from.

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
        versions = (sklearn_mnm.__version__, torch.__version__)
        name = joblib.hash((tuple(map(_content, data)), params, start, versions))
        return cls(Path(folder) / str(name))

    def closed_form(
        self, X: Any, brain: np.ndarray, *studies: Any, **options: Any
    ) -> TextRegression:
        """Fit the regression, or read it if this fit got as far before.

        Raises
        ------
        StorageError
            If the file cannot be read or written.

        Warns
        -----
        DataWarning
            If what was kept is damaged; it is computed anew, and replaced.
        """
        if self.regression is None:
            return TextRegression.fit(X, brain, *studies, **options)
        told = {name: _plain(value) for name, value in options.items()}
        try:
            kept = load_snapshot(self.regression)
            # Another way to fit the same: statistics are kept or not.
            if kept is not None and kept.record.get("options") == told:
                return _regression_of(kept, X.shape[0], X.shape[1], brain.shape[1])
        except ValueError as error:
            warnings.warn(
                f"The closed form kept in {self.regression} was damaged or changed ({error}); it "
                "is computed anew.",
                DataWarning,
                stacklevel=5,
            )
        regression = TextRegression.fit(X, brain, *studies, **options)
        save_snapshot(self.regression, _snapshot_of(regression, told))
        return regression

    def remove(self) -> None:
        """Forget a fit that ended."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def _content(value: Any) -> Any:
    """Arrays of a sparse matrix, which itself also notes what was found out about it so far."""
    is_sparse: bool = sparse.issparse(value)
    return (value.shape, value.indptr, value.indices, value.data) if is_sparse else value


def _snapshot_of(regression: TextRegression, options: dict[str, Any]) -> Snapshot:
    """Arrays and numbers of a regression; the order of an array in memory decides on last bits."""
    parts = _parts_of(regression)
    arrays = {name: part for name, part in parts.items() if isinstance(part, np.ndarray)}
    by_columns = [name for name, array in arrays.items() if not array.flags.c_contiguous]
    record = {
        "options": options,
        "by_columns": by_columns,
        "numbers": {n: _plain(part) for n, part in parts.items() if n not in arrays},
        "scores": list(map(list, regression.scores.items())),
    }
    tensors = {
        name: torch.from_numpy(np.ascontiguousarray(array.T if name in by_columns else array))
        for name, array in arrays.items()
    }
    return Snapshot(tensors, record)


def _plain(value: Any) -> Any:
    """Return a number of Python for one of numpy."""
    return value.item() if isinstance(value, np.generic) else value


def _parts_of(regression: TextRegression) -> dict[str, Any]:
    parts = regression._asdict()
    del parts["scores"]
    statistics = parts.pop("statistics")
    return parts | ({} if statistics is None else statistics._asdict())


def _regression_of(
    snapshot: Snapshot, n_studies: int, n_features: int, n_regions: int
) -> TextRegression:
    """Make the regression again; ValueError if the file holds anything else."""
    shapes = {
        "weights": (n_features,),
        "coef": (n_features, n_regions),
        "short_coef": (n_features, n_regions),
        "left_out": (n_studies, n_regions),
        "gram": (n_features, n_features),
        "moment": (n_features, n_regions),
    }
    try:
        by_columns, numbers = snapshot.record["by_columns"], dict(snapshot.record["numbers"])
        scores = {float(alpha): float(score) for alpha, score in snapshot.record["scores"]}
        parts: dict[str, Any] = {}
        for name, tensor in snapshot.tensors.items():
            parts[name] = tensor.numpy().T if name in by_columns else tensor.numpy()
            if parts[name].shape != shapes[name] or parts[name].dtype not in _PRECISIONS:
                raise ValueError(f"{name} is {tensor.dtype} of shape {parts[name].shape}")
        if parts.keys() & numbers.keys():
            raise ValueError("it holds a part twice")
        parts.update(numbers)
        statistics = None
        if "gram" in parts:
            kept = {name: parts.pop(name) for name in RidgeStatistics._fields}
            statistics = RidgeStatistics(**kept)
            _check_numbers(energy=statistics.energy, n_samples=statistics.n_samples)
        regression = TextRegression(scores=scores, statistics=statistics, **parts)
        _check_numbers(alpha=regression.alpha, mean_terms=regression.mean_terms)
        arrays = (regression.weights, regression.coef, regression.left_out)
        if not all(isinstance(array, np.ndarray) for array in arrays):
            raise ValueError("an array is missing")
        if not isinstance(regression.short_coef, np.ndarray | type(None)):
            raise ValueError("short_coef is no array")
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is no closed form: {error!r}") from error
    return regression


def _check_numbers(**numbers: Any) -> None:
    for name, number in numbers.items():
        if type(number) not in (int, float) or not 0 <= number < float("inf"):
            raise ValueError(f"{name} is {number!r:.80}")
