"""Everything that may stand for texts or for brain maps, brought to one form."""

from collections.abc import Iterator
from numbers import Number
from os import PathLike
from typing import Any

import nibabel
import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_array

from sklearn_mnm._frames import is_frame
from sklearn_mnm.brain.regions import PeaksToRegions
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.exceptions import InvalidInputError

_FORMS = (
    "an array of shape (n_maps, n_regions), images or paths of images, a Studies, a table of peaks "
    "with columns id, x, y, z, or a list with one array of peaks (n_peaks, 3) per study"
)


def text_input(X: Any) -> Any:
    """Give what a vectorizer takes: counts or documents of a Studies, anything else as it is.

    Parameters
    ----------
    X : Studies, iterable of str, or array
        A Studies gives its counts if it has some, else its texts; an iterator a list.

    Returns
    -------
    documents : sequence of str or array of shape (n_texts, n_terms)

    Raises
    ------
    InvalidInputError
        If `X` is one string, or a Studies with neither counts nor texts.
    """
    if isinstance(X, str):
        raise InvalidInputError(f"X: expected several texts, got one string; write [{X[:40]!r}].")
    if not isinstance(X, Studies):
        return list(X) if isinstance(X, Iterator) else X
    if X.counts is not None:
        return X.counts
    if X.texts is not None:
        return X.texts
    raise InvalidInputError(f"X: {X!r} has neither term counts nor texts.")


def target_columns(values: Any) -> Any:
    """Take one number per study for one column, as scikit-learn does with targets."""
    if isinstance(values, Studies) or is_frame(values) or sparse.issparse(values):
        return values
    if hasattr(values, "__array__") or isinstance(values, list | tuple):
        first = next(iter(np.asarray(values) if hasattr(values, "__array__") else values), None)
        if isinstance(first, Number):
            return np.asarray(values, dtype=np.float64)[:, np.newaxis]
    return values


def are_peaks(maps: Any) -> bool:
    """Whether `maps` are peaks: a Studies, a table, or one array of peaks per study."""
    if is_frame(maps):
        return not {"id", "x", "y", "z"}.isdisjoint(maps.columns)  # else of region activations
    if isinstance(maps, Studies):
        return True
    if not isinstance(maps, list | tuple):
        return False
    shapes = [np.shape(element) for element in maps if not _is_image(element)]
    if len(shapes) < len(maps):
        return False
    # Only empty ones: studies that report no peaks.
    return all(0 in shape or (len(shape) == 2 and shape[1] == 3) for shape in shapes)


def are_images(maps: Any) -> bool:
    """Whether `maps` is an image or the path of one, or a list of these."""
    if isinstance(maps, list | tuple):
        return len(maps) > 0 and all(_is_image(element) for element in maps)
    return _is_image(maps)


def region_activations(
    maps: Any,
    regions: PeaksToRegions | None,
    n_regions: int | None = None,
    *,
    name: str = "X",
    owner: str = "the model",
) -> np.ndarray:
    """Bring brain maps of any form to activations of regions.

    Parameters
    ----------
    maps : array of shape (n_maps, n_regions), image, path, list of these, Studies, data frame \
            or list of arrays of shape (n_peaks_i, 3)
        Images are 3D or 4D in MNI152 space on any grid; their negative values count as 0, as
        peaks report activations. Peaks are in mm, MNI152.
    regions : PeaksToRegions or None
        Fitted; None if only arrays can be taken.
    n_regions : int, optional
        Number of columns that an array must have.
    name, owner : str
        Of the argument and of the estimator that it is given to, for messages.

    Returns
    -------
    activations : ndarray of shape (n_maps, n_regions)
        float32 if `maps` is an array of float32, otherwise float64.

    Raises
    ------
    InvalidInputError
        If `maps` has none of these forms or another number of regions, or is of peaks or images
        and `regions` is None.
    """
    peaks = are_peaks(maps)
    if peaks or are_images(maps):
        if regions is None:
            raise InvalidInputError(
                f"{name} are {'peaks' if peaks else 'images'}, but the model was fitted to arrays "
                "of region activations and does not know where the regions are. Give arrays, or "
                "fit with regions=PeaksToRegions(atlas=...) of the same regions."
            )
        if peaks:
            activations = regions.transform(maps)
        else:
            maps = list(maps) if isinstance(maps, tuple) else maps
            activations = regions.regions_from_img(maps, positive=True)
        # In double precision, as the points of these maps are to be: they have none of their own.
        return np.asarray(activations, dtype=np.float64)
    is_array = hasattr(maps, "__array__") or sparse.issparse(maps)
    if not is_array and not isinstance(maps, list | tuple):
        raise InvalidInputError(f"{name} must be {_FORMS}; got {type(maps).__name__}.")
    array = check_array(maps, dtype=[np.float64, np.float32], input_name=name)
    if n_regions is not None and array.shape[1] != n_regions:
        hint = " For the peaks of one study give [peaks]." if array.shape[1] == 3 else ""
        raise InvalidInputError(
            f"{name} has {array.shape[1]} features, but {owner} is expecting {n_regions} features "
            f"as input, the activations of its regions.{hint} {name} may be {_FORMS}."
        )
    return array


def _is_image(value: Any) -> bool:
    return isinstance(value, str | PathLike | nibabel.spatialimages.SpatialImage)
