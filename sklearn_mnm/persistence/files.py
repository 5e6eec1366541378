"""Save fitted models and load them again without executing anything from the files.

A model is a folder of two files: ``model.json`` says what the model is made of, and
``weights.safetensors`` holds its arrays. Neither can carry code, unlike pickles and what joblib
and torch write; only classes of this package are made from them.
"""

import errno
import hashlib
import importlib.metadata
import json
import os
import platform
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import safetensors
import safetensors.numpy
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

import sklearn_mnm
from sklearn_mnm._tools.files import exchange
from sklearn_mnm._tools.storage import reading, storing
from sklearn_mnm._tools.tensor_files import check_size
from sklearn_mnm.exceptions import InvalidInputError, ModelFormatError
from sklearn_mnm.persistence import plain_json
from sklearn_mnm.persistence.objects import UnknownPartError
from sklearn_mnm.persistence.schema import SAVED, class_name
from sklearn_mnm.persistence.state import StateReader, StateWriter

_DESCRIPTION, _WEIGHTS = "model.json", "weights.safetensors"
MODEL_FILES = (_DESCRIPTION, _WEIGHTS)
_FORMAT = "sklearn-mnm model"
# Raise it when older versions of the package would misread what is written.
_FORMAT_VERSION = 1
# What systems say of a rename to a name that something has.
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)
_DAMAGED = "The file was damaged or changed; fetch it or save the model again."
_MIXED = "It was damaged, or the two are of different models. Fetch both again."


def save_model(
    model: Any, folder: str | os.PathLike, *, precision: str = "full", overwrite: bool = False
) -> None:
    """Save a fitted model.

    Parameters
    ----------
    model : estimator or other object
        Fitted :class:`~sklearn_mnm.MNMEncoder`, :class:`~sklearn_mnm.MNMDecoder`,
        :class:`~sklearn_mnm.HyperbolicBrainTextEmbedder`, :class:`~sklearn_mnm.TermVectorizer` or
        :class:`~sklearn_mnm.PeaksToRegions`; also a BrainHierarchy, TermHead, MapUncertainty and
        other parts of these.
    folder : str or path
        Folder to make; those above it are made, too.
    precision : {"full", "compact"}, default="full"
        ``"full"`` keeps every bit. ``"compact"`` takes about a quarter of the space: of float
        arrays of more than 10,000 entries, those of two dimensions are rounded to 127 steps
        between 0 and the largest entry of their row or of their column, whichever loses less,
        others to half precision. Whole numbers, labels and smaller arrays are exact in both.
        Maps that a compact encoder of 11,000 studies predicted correlated by 0.9999 or more with
        those of the full one, for whole texts and for each of its 4,600 terms alone.
    overwrite : bool, default=False
        Replace the model that `folder` holds. It stays as it is until the new one is complete.

    Raises
    ------
    InvalidInputError
        If `folder` is in use, also by another process that saved there meanwhile (one of them
        wins), `precision` is unknown, or the model or a part of it is none of the
        classes above, a number, string, array, csr_matrix or NIfTI image.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.
    StorageError
        If the files cannot be written.

    See Also
    --------
    load_model : Load it again.

    Notes
    -----
    Not kept: a `random_state` that is not an int, `memory`, `checkpoint` and `callbacks` (all are
    None after loading), in compact files what `partial_fit` goes on from, metadata requests, and
    the headers of images but for the affine. An atlas that was given as a masker or as what a
    fetcher returned comes back as its image and names. Paths are kept as they are. Vectorizers of
    other packages, and :class:`~sklearn_mnm.SentenceTransformerVectorizer`, cannot be saved.

    Pickle and joblib keep everything, vectorizers of other packages included, and joblib's
    ``mmap_mode="r"`` shares the arrays of a large model, if not compressed, between processes. Use
    them for caches and workers of your own, between the same versions of all packages. Save with
    this function what is kept for later or given to others: loading a pickle runs whatever code
    its author put into it, so never load one from somebody else.

    The model is written to a hidden folder next to `folder`, read back, and only then given its
    name, in exchange for the old one where the system can do this at once (Linux, macOS). If
    writing fails, nothing of it stays; if the process is killed or the machine stops meanwhile,
    hidden folders may stay, and on other systems the old model may be in one.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_mnm.persistence.files import load_model, save_model
    >>> from sklearn_mnm.text import TermVectorizer
    >>> vectorizer = TermVectorizer(["pain", "memory"], min_df=1).fit([[1, 0], [0, 2]])
    >>> folder = Path(tempfile.mkdtemp()) / "terms"
    >>> save_model(vectorizer, folder)
    >>> load_model(folder).transform(["memory of pain"]).toarray().round(2)
    array([[0.71, 0.71]])
    """
    if precision not in ("full", "compact"):
        raise InvalidInputError(f"precision={precision!r} must be 'full' or 'compact'.")
    if class_name(model) is None:
        raise InvalidInputError(
            f"model is a {type(model).__name__}, but only these can be saved: {', '.join(SAVED)}."
        )
    if isinstance(model, BaseEstimator):
        check_is_fitted(model)
    with storing(folder):
        # A link keeps leading to the model.
        folder = Path(os.path.realpath(_folder(folder)))
        _check_target(folder, overwrite)
    writer = StateWriter(compact=precision == "compact")
    tree = writer.encode(model, "")
    weights = safetensors.numpy.save(writer.arrays)
    description = json.dumps(_description(model, precision, weights, tree), allow_nan=False)
    new = _sibling(folder, "new")
    try:
        with storing(folder):
            new.mkdir(parents=True)
            _write(new / _WEIGHTS, weights)
            _write(new / _DESCRIPTION, description.encode())
            _sync_folder(new)
            _check_readable(new)
            _move(new, folder, overwrite)
    finally:
        # Gone after success.
        shutil.rmtree(new, ignore_errors=True)


def load_model(folder: str | os.PathLike) -> Any:
    """Load a model that :func:`save_model` wrote.

    Safe for files of any origin: nothing of them is executed, and what does not make a whole model
    of this package is refused. Whether its predictions are any good is another matter.

    Parameters
    ----------
    folder : str or path

    Returns
    -------
    model : object
        Of the class that was saved; an estimator can be used and fitted again. Parameters that
        the version which saved it did not have take their defaults.

    Raises
    ------
    InvalidInputError
        If `folder` is no name of one.
    ModelFormatError
        If files are missing, damaged or changed, or hold what only a newer version of the package
        knows, or the files cannot be read.

    See Also
    --------
    save_model : What is kept and what is not.
    """
    folder = _folder(folder)
    path = folder / _DESCRIPTION
    description = read_description(folder)
    weights = _read_weights(folder / _WEIGHTS, description)
    try:
        model = StateReader(weights).decode(description["model"], "")
    except UnknownPartError as error:
        raise ModelFormatError(
            f"{path}: {error} in this version of sklearn-mnm ({sklearn_mnm.__version__}). "
            "Upgrade sklearn-mnm if a newer version wrote the model."
        ) from error
    except ModelFormatError as error:
        raise ModelFormatError(f"{path}: {error}. {_DAMAGED}") from error
    if class_name(model) is None:
        raise ModelFormatError(f"{path}: it holds a {type(model).__name__}, no model. {_DAMAGED}")
    return model


def _description(model: Any, precision: str, weights: bytes, tree: Any) -> dict[str, Any]:
    packages = ("numpy", "scikit-learn", "torch")
    return {
        "format": _FORMAT,
        "format_version": _FORMAT_VERSION,
        "class": class_name(model),
        "precision": precision,
        # For people; loading does not look at them.
        "versions": {
            "sklearn-mnm": sklearn_mnm.__version__,
            "python": platform.python_version(),
            **{package: importlib.metadata.version(package) for package in packages},
        },
        "weights_bytes": len(weights),
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "model": tree,
    }


def read_description(folder: str | os.PathLike) -> dict[str, Any]:
    """Read what the files of a model say about it, without making the model.

    Parameters
    ----------
    folder : str or path
        As :func:`save_model` wrote it.

    Returns
    -------
    description : dict
        ``class``, ``precision``, ``versions`` of the packages that wrote it, ``format_version``,
        ``weights_sha256`` and ``model``, its state. Only the last two are sure to be there.

    Raises
    ------
    InvalidInputError
        If `folder` is no name of one.
    ModelFormatError
        If the description is missing or damaged, comes from a newer version, or cannot be read.
    """
    path = _folder(folder) / _DESCRIPTION
    content = _read(path, "Give a folder written by save_model.", plain_json.LARGEST)
    try:
        description = plain_json.parse(content)
    except (ValueError, RecursionError) as error:
        raise ModelFormatError(f"{path}: it is not valid JSON ({error}). {_DAMAGED}") from error
    if not isinstance(description, dict) or description.get("format") != _FORMAT:
        raise ModelFormatError(
            f"{path}: it does not describe a model. Give a folder written by save_model."
        )
    version = description.get("format_version")
    if type(version) is not int or version < 1:
        raise ModelFormatError(f"{path}: format_version is {version!r}. {_DAMAGED}")
    if version > _FORMAT_VERSION:
        raise ModelFormatError(
            f"{path}: format_version is {version}, but this version of sklearn-mnm "
            f"({sklearn_mnm.__version__}) reads up to {_FORMAT_VERSION}. Upgrade sklearn-mnm."
        )
    for key in ("weights_sha256", "model"):
        if key not in description:
            raise ModelFormatError(f"{path}: the key {key!r} is missing. {_DAMAGED}")
    return description


def _read_weights(path: Path, description: dict[str, Any]) -> dict[str, Any]:
    with reading(path, ModelFormatError):
        _check_file(path, _DAMAGED)
        size = path.stat().st_size
        # Files of earlier versions do not tell.
        told = description.get("weights_bytes", size)
        try:
            if told != size:
                raise ValueError(f"the file has {size} bytes, and {_DESCRIPTION} tells of {told!r}")
            check_size(path)
        except ValueError as error:
            raise ModelFormatError(f"{path}: {error}. {_MIXED}") from error
    content = _read(path, _DAMAGED, size)
    # Of the bytes that are used, rather than of a file that may change in between.
    if hashlib.sha256(content).hexdigest() != description["weights_sha256"]:
        raise ModelFormatError(f"{path}: its checksum is not that in {_DESCRIPTION}. {_MIXED}")
    try:
        return safetensors.numpy.load(content)
    # Types that numpy does not know are KeyErrors, sizes that it refuses ValueErrors.
    except (safetensors.SafetensorError, KeyError, ValueError, OverflowError) as error:
        raise ModelFormatError(f"{path}: it is not in safetensors format ({error}).") from error


def _check_file(path: Path, remedy: str) -> None:
    # No devices or pipes, which may never end.
    if not path.is_file():
        raise ModelFormatError(f"{path}: there is no such file. {remedy}")


def _read(path: Path, remedy: str, largest: int) -> bytes:
    with reading(path, ModelFormatError):
        _check_file(path, remedy)
        size = path.stat().st_size
        if size > largest:
            raise ModelFormatError(
                f"{path}: more than {largest} bytes are no description. {_DAMAGED}"
            )
        with path.open("rb") as file:
            return file.read(size)


def _folder(given: Any) -> Path:
    if not isinstance(given, str | os.PathLike):
        raise InvalidInputError(
            f"folder={given!r} is no name of a folder. Give a string or a path."
        )
    return Path(given)


def _check_target(folder: Path, overwrite: bool, called: str = "folder=") -> None:
    """Raise InvalidInputError, in whose message `called` stands before the folder, if it is taken.

    A folder that holds a model, and nothing else, is free with `overwrite`.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InvalidInputError(f"{called}{folder} is a file. Give another name.")
    files = {path.name for path in folder.iterdir()}
    if files and not overwrite:
        raise _in_use(folder, called)
    if others := files.difference(MODEL_FILES):
        raise InvalidInputError(
            f"{called}{folder} holds files that are no part of a model and would be lost: "
            f"{', '.join(sorted(others)[:5])}. Move them, or give another name."
        )


def _in_use(folder: Path, called: str) -> InvalidInputError:
    return InvalidInputError(
        f"{called}{folder} exists. Give another name, or overwrite=True to replace a model."
    )


def _check_readable(folder: Path) -> None:
    try:
        load_model(folder)
    except ModelFormatError as error:
        raise InvalidInputError(
            f"The model is in a state in which it could not be loaded: {error.__cause__ or error}. "
            "Fit it again, with valid parameters, before saving."
        ) from error


def _sibling(folder: Path, role: str) -> Path:
    return folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.{role}")


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    # So that names are on the disk, too. Windows has no way to ask for it, and no need.
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _move(new: Path, folder: Path, overwrite: bool) -> None:
    """Give the new model its name, and only then remove the old one."""
    try:
        _claim(new, folder)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
        if not overwrite:
            # Another process was faster: its model stays.
            raise _in_use(folder, "folder=") from error
        _replace(new, folder)
    _sync_folder(folder.parent)


def _claim(new: Path, folder: Path) -> None:
    """Rename, unless the name is taken by anything but an empty folder; of two, one is first.

    POSIX renames a folder over an empty one, and over nothing else; Windows over nothing at all.
    """
    if os.name != "posix":
        with suppress(OSError):
            folder.rmdir()  # only if it is empty
    os.rename(new, folder)


def _replace(new: Path, folder: Path) -> None:
    if exchange(new, folder):  # the caller removes the old one
        return
    old = _sibling(folder, "old")
    try:
        os.rename(folder, old)
        os.rename(new, folder)
    except BaseException:
        if old.exists() and not folder.exists():
            os.rename(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
