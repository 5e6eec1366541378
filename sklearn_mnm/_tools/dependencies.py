"""The one place where optional packages are imported."""

import importlib
import importlib.metadata
from types import ModuleType

from sklearn_mnm.exceptions import MissingDependencyError


def installed_version(package: str) -> str | None:
    """Return the version of a package by its name for pip, None if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def import_optional(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import an optional package or say which extra brings it.

    Parameters
    ----------
    module : str
        Name as written after ``import``.
    extra : str
        Extra of this package that installs it, e.g. ``"text"``.
    purpose : str
        What needs it; starts the error message.

    Raises
    ------
    MissingDependencyError
        If the package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingDependencyError(
            f"{purpose} needs the package {module!r}, which could not be imported "
            f"({error}). Install it with: pip install 'sklearn-mnm[{extra}]'"
        ) from error
