"""Everything that may stand for texts or for brain maps, brought to one form."""

import warnings
from collections.abc import Iterator
from numbers import Number
from typing import Any

import numpy as np
from scipy import sparse

from sklearn_mnm._tools.arrays import check_magnitude, checked_array
from sklearn_mnm._tools.frames import is_frame
from sklearn_mnm._tools.sample_weight import checked_weights
from sklearn_mnm.brain._peak_frames import are_peaks_of_studies
from sklearn_mnm.brain.image_files import image_list, is_image
from sklearn_mnm.brain.peaks import as_peak_table
from sklearn_mnm.brain.regions import PeaksToRegions
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.exceptions import DataWarning, InvalidInputError
from sklearn_mnm.model.pairing import by_id
from sklearn_mnm.model.text_regression import count_terms

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
        return list(X) if isinstance(X, Iterator) else by_id(X)
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
        return are_peaks_of_studies(maps)  # else of region activations
    if isinstance(maps, Studies):
        return True
    if not isinstance(maps, list | tuple):
        return False
    if any(is_image(element) for element in maps):
        return False
    # Only empty ones: studies that report no peaks.
    shapes = [_shape(element) for element in maps]
    return all(0 in shape or (len(shape) == 2 and shape[1] == 3) for shape in shapes)


def are_images(maps: Any) -> bool:
    """Whether `maps` is an image or the path of one, or a list, array or Series of these."""
    maps = image_list(maps)
    if isinstance(maps, list | tuple):
        return len(maps) > 0 and all(is_image(element) for element in maps)
    return is_image(maps)


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
    maps : array of shape (n_maps, n_regions), image, path, list, array or Series of these, \
            ImageCollection, Studies, data frame or list of arrays of shape (n_peaks_i, 3)
        Images are 3D or 4D in MNI152 space on any grid; what counts of them is by how much they
        exceed their 95th percentile over the brain, as studies report what stands out. Peaks are
        in mm, MNI152.
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
        If `maps` has none of these forms, is empty, has another number of regions or numbers that
        are not finite, or is of peaks or images and `regions` is None.
    DataFormatError
        If an image is missing or damaged.
    """
    maps = image_list(list(maps) if isinstance(maps, Iterator) else maps)
    if isinstance(maps, list | tuple) and not maps:
        raise InvalidInputError(f"{name} is empty; give at least one map.")
    maps = by_id(maps)
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
            activations = regions.regions_from_img(maps, prominent=True)
        if not len(activations):
            raise InvalidInputError(f"{name} holds no study; give the peaks of at least one.")
        # In double precision, as the points of these maps are to be: they have none of their own.
        return np.asarray(activations, dtype=np.float64)
    is_array = hasattr(maps, "__array__") or sparse.issparse(maps)
    if not is_array and not isinstance(maps, list | tuple):
        raise InvalidInputError(f"{name} must be {_FORMS}; got {type(maps).__name__}.")
    array = checked_array(maps, name, f"{name} may be {_FORMS}; of finite numbers.")
    check_magnitude(array, name)
    if n_regions is not None and array.shape[1] != n_regions:
        hint = " For the peaks of one study give [peaks]." if array.shape[1] == 3 else ""
        raise InvalidInputError(
            f"{name} has {array.shape[1]} features, but {owner} is expecting {n_regions} features "
            f"as input, the activations of its regions.{hint} {name} may be {_FORMS}."
        )
    return array


def check_pairs(n_texts: int, n_maps: int) -> None:
    """Raise InvalidInputError unless there is one map per text."""
    if n_texts != n_maps:
        raise InvalidInputError(
            f"There are {n_texts} texts but {n_maps} maps. Give one map per text, in the same "
            "order; a Studies also holds those without peaks."
        )


def warn_of_empty_maps(activations: np.ndarray) -> None:
    """Tell of maps from which nothing can be read.

    Parameters
    ----------
    activations : ndarray of shape (n_maps, n_regions)

    Raises
    ------
    InvalidInputError
        If all maps are zero everywhere.

    Warns
    -----
    DataWarning
        If some are, or are the same everywhere in the brain.
    """
    n_maps = len(activations)
    empty = ~activations.any(axis=1)
    remedy = (
        "Peaks may lie outside the brain or be indices of voxels rather than mm, a threshold may "
        "be too high, or signs be swapped."
    )
    if empty.all():
        subject = "the map is" if n_maps == 1 else f"all {n_maps} maps are"
        raise InvalidInputError(
            f"X: {subject} zero everywhere in the brain, so there is nothing to go by. {remedy}"
        )
    notes = []
    if empty.any():
        notes.append(
            f"{empty.sum()} of {n_maps} maps are zero everywhere, the first in row "
            f"{int(np.argmax(empty))}, and get what holds for no map at all. {remedy}"
        )
    even = ~empty & (np.ptp(activations, axis=1) == 0) & (activations.shape[1] > 1)
    if even.any():
        notes.append(
            f"{even.sum()} of {n_maps} maps have one value everywhere, the first in row "
            f"{int(np.argmax(even))}, and tell of no place. Give maps that differ between regions."
        )
    if notes:
        warnings.warn(f"X: {' '.join(notes)}", DataWarning, stacklevel=4)


def feature_matrix(features: Any) -> Any:
    """Text features as CSR or an array, also where they come as a data frame."""
    return features.tocsr() if hasattr(features, "tocsr") else np.asarray(features)


def study_names(
    text: Any, maps: Any, groups: Any
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """Ids, titles and groups of the studies as far as texts or maps carry them."""
    sources = [value for value in (text, maps) if isinstance(value, Studies)]
    groups = None if groups is None else np.asarray(groups)
    if not sources:
        is_table = is_frame(maps) and are_peaks(maps)
        return as_peak_table(maps).study_ids.astype(str) if is_table else None, None, groups
    studies = sources[0]
    if groups is None and len(np.unique(studies.groups)) < len(studies):
        groups = studies.groups
    return studies.ids, studies.titles, groups


def usable_rows(
    X: Any, Y: np.ndarray, sample_weight: Any, *, least: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Rows with something known of both text and brain, and their weights.

    Rows of weight 0 are left out as asked; the others are counted in a warning.
    """
    check_pairs(X.shape[0], len(Y))
    weights = None if sample_weight is None else checked_weights(sample_weight, Y)
    asked = np.ones(len(Y), dtype=bool) if weights is None else weights > 0
    with_text = count_terms(X) > 0
    with_brain = np.any(Y, axis=1)
    kept = np.flatnonzero(with_text & with_brain & asked)
    if len(kept) < least:
        raise InvalidInputError(
            f"Only {len(kept)} of {len(Y)} studies have a text with known terms and a map that is "
            f"not zero everywhere; at least {least} {'are' if least > 1 else 'is'} needed."
        )
    if len(kept) < asked.sum():
        warnings.warn(
            f"{asked.sum() - len(kept)} of {asked.sum()} studies are left out: "
            f"{(asked & ~with_text).sum()} have no known term, {(asked & ~with_brain).sum()} no "
            "activation.",
            DataWarning,
            stacklevel=4,
        )
    return kept, None if weights is None else weights[kept]


def _shape(value: Any) -> tuple[int, ...]:
    try:
        return np.shape(value)
    except ValueError:  # rows of different length
        return ()
