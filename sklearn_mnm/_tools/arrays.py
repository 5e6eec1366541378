"""Arrays that callers give: scikit-learn's checks, with errors that say what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_array

from sklearn_mnm.exceptions import InvalidInputError, MNMError

_REMEDY = "Give finite numbers, one row per sample."
# Of activations, whose squares are summed.
_LARGEST = 1e100
# Of coordinates, whose products are summed.
_FARTHEST = 1e147


@contextmanager
def clear_errors(name: str, remedy: str = _REMEDY) -> Iterator[None]:
    """Turn errors of scikit-learn's and numpy's checks into errors of this package.

    Raises
    ------
    InvalidInputError
        Instead of a ValueError or TypeError; of its message what says what is wrong is kept.
    """
    try:
        yield
    except (MNMError, NotFittedError):
        raise
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"{name}: {_problem(error)} {remedy}") from error


def check_count(
    value: Any, name: str, least: int = 1, most: int | None = None, of_most: str = ""
) -> int:
    """Return an integer of at least `least`, and of at most as many as there are.

    Parameters
    ----------
    value : object
    name : str
        Of the argument.
    least : int, default=1
    most : int or None, default=None
        If None, there is no limit.
    of_most : str, default=""
        What `most` is the number of.

    Raises
    ------
    InvalidInputError
        If it is none.
    """
    is_integer = isinstance(value, Integral) and not isinstance(value, bool)
    if is_integer and least <= int(value) and (most is None or int(value) <= most):
        return int(value)
    range_ = f"of at least {least}" if most is None else f"from {least} to {most}, {of_most}"
    raise InvalidInputError(f"{name}={value!r} must be an integer {range_}.")


def check_share(value: Any, name: str) -> None:
    """Refuse what is no number from 0 to 1."""
    if not isinstance(value, Real) or not 0 <= float(value) <= 1:
        raise InvalidInputError(f"{name}={value!r} must be a number from 0 to 1.")


def _problem(error: Exception) -> str:
    text = str(error) or type(error).__name__
    if text.startswith("The feature names"):
        return text  # with a list of those at fault
    # Further lines show the array and name other estimators.
    first, *rest = text.splitlines()
    advice = [line for line in rest if line.startswith("Reshape your data")]
    return " ".join(f"{line.rstrip(':.')}." for line in (first, *advice))


def checked_array(values: Any, name: str, remedy: str = _REMEDY, **options: Any) -> np.ndarray:
    """Check an array of float64 or float32 as scikit-learn does.

    Parameters
    ----------
    values : array-like
    name : str
        Of the argument.
    remedy : str
        What to give instead of what cannot be taken.
    **options
        Of :func:`sklearn.utils.check_array`.

    Returns
    -------
    array : ndarray
        float32 if `values` is, else float64.
    """
    refuse_dates(values, name, remedy)
    with clear_errors(name, remedy):
        return check_array(values, dtype=[np.float64, np.float32], input_name=name, **options)


def refuse_dates(values: Any, name: str, remedy: str = _REMEDY) -> None:
    """Refuse dates and times, which numpy would count in units of their own."""
    if getattr(getattr(values, "dtype", None), "kind", "f") in "mM":
        raise InvalidInputError(f"{name} has dtype {values.dtype}, which are dates. {remedy}")


def check_reach(points: np.ndarray, name: str) -> None:
    """Refuse points of a hyperboloid so far out that their inner products would overflow."""
    farthest = float(np.abs(points).max())
    if farthest > _FARTHEST:
        raise InvalidInputError(
            f"{name} has coordinates of up to {farthest:g}, whose products overflow. Give "
            "points within 340 radii of curvature of the origin, as transform returns them."
        )


def check_magnitude(activations: np.ndarray, name: str) -> None:
    """Refuse activations whose squares would overflow."""
    largest = float(np.abs(activations).max(initial=0.0))
    if largest > _LARGEST:
        raise InvalidInputError(
            f"{name} holds values up to {largest:.3g}; give activations in a unit in which they "
            f"stay below {_LARGEST:g}."
        )
