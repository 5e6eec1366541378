"""Errors and warnings of the package.

Each error also derives from the built-in type that callers expect (``ValueError``,
``ImportError``, ``OSError``), so generic handlers keep working.
"""

from typing import Any


class MNMError(Exception):
    """Base class of all errors raised on purpose by this package."""


class DataFormatError(MNMError, ValueError):
    """A file or table does not have the form that its reader needs."""


class DownloadError(MNMError, OSError):
    """Files could not be fetched, or are not what they should be."""


class HubError(MNMError, OSError):
    """The Hugging Face hub could not be reached, or refused."""


class InvalidInputError(MNMError, ValueError, TypeError):
    """An argument has a value, or a type, that the function cannot work with."""


class MissingDependencyError(MNMError, ImportError):
    """An optional package is needed for this feature and is not installed."""


class ModelFormatError(MNMError, ValueError):
    """A saved model is damaged, was changed, or comes from a newer version."""


class StorageError(MNMError, OSError):
    """A file or folder could not be written: no space, no permission, no such folder."""


class TrainingDivergedError(MNMError, RuntimeError):
    """The loss became NaN or infinite while training, or the weights grew without bound.

    Attributes
    ----------
    result : TrainingResult or None
        What training had done up to the last epoch before, whose weights, or better ones of
        earlier epochs, the model holds.
    """

    result: Any = None


class MNMWarning(UserWarning):
    """Base class of all warnings issued by this package."""


class DataWarning(MNMWarning):
    """Something in the data was set aside, replaced or counted as empty."""


class InterruptedFitWarning(MNMWarning):
    """Training stopped before its end; the estimator holds the best weights so far."""


class UnknownQueryWarning(MNMWarning):
    """A query holds no term that the text vectorizer knows."""
