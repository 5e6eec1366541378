"""Take the studies of a NiMARE object."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from nibabel.affines import apply_affine

from sklearn_mnm.brain._deactivations import Points, check_points
from sklearn_mnm.datasets._studyset_tables import tables_from_nimads
from sklearn_mnm.datasets._warnings import warn_of_data
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.datasets.studyset import ROW_NAMES, Level, check_level, studies_from_tables
from sklearn_mnm.exceptions import InvalidInputError

# In NiMARE's names of labels, between that of the annotation and that of the label.
_BEFORE_TERM = "__"


def from_nimare(
    collection: Any, *, level: Level = "study", points: Points = "activations"
) -> Studies:
    """Take the studies of a NiMARE object, the opposite of :func:`to_nimare`.

    Parameters
    ----------
    collection : nimare.nimads.Studyset, or Bunch of ``Studyset.to_bunch``
        Of the older Dataset, which NiMARE deprecates, ``Studyset.from_dataset`` makes one.
    level : {"study", "contrast"}, default="study"
        What a row is: a paper with the peaks of all its contrasts, or one contrast. A row of a
        Bunch is a contrast.
    points : {"activations", "all"}, default="activations"
        Which points of a Studyset become peaks; see :func:`load_studyset`.

    Returns
    -------
    studies : Studies
        Of a Studyset as :func:`load_studyset` describes it; images and annotations are not taken.
        Of a Bunch, peaks are the centres of voxels, without those that NiMARE left out as beyond
        its grid, ``counts`` the descriptors that are labels of annotations, such as
        ``"Neurosynth_TFIDF__pain"``, under the name after ``"__"``, and ``metadata`` the others.

    Raises
    ------
    InvalidInputError
        If `collection` is none of these, or `level` or `points` none of theirs.
    DataFormatError
        If ids repeat or a coordinate is not a finite number.

    Warns
    -----
    DataWarning
        Once, with counts: peaks by space, rows without peaks or without text (which are kept).

    Examples
    --------
    >>> from nimare.io import convert_sleuth_to_studyset  # doctest: +SKIP
    >>> studies = from_nimare(convert_sleuth_to_studyset("foci.txt"))  # doctest: +SKIP
    """
    check_level(level)
    check_points(points)
    if is_bunch(collection):
        return _from_bunch(collection)
    source = f"a {type(collection).__name__} of NiMARE"
    if not hasattr(collection, "to_nimads"):
        advice = (
            "nimare.nimads.Studyset.from_dataset makes one of a Dataset"
            if type(collection).__name__ == "Dataset"
            else "load_studyset reads files"
        )
        raise InvalidInputError(
            f"collection: expected a Studyset of NiMARE, got {type(collection).__name__}; {advice}."
        )
    tables = tables_from_nimads(collection.to_dict(), source)
    studies, notes = studies_from_tables(tables, level, points)
    warn_of_data(source, notes, studies, rows=ROW_NAMES[level])
    return studies


def is_bunch(value: Any) -> bool:
    """Whether a value is what ``Studyset.to_bunch`` of NiMARE returns."""
    return hasattr(value, "voxel_columns") and hasattr(value, "descriptor_columns")


def _from_bunch(bunch: Any) -> Studies:
    """Take peaks, groups and descriptors of the rows of a Bunch."""
    grid = bunch.masker.mask_img
    n_peaks = bunch.data[:, bunch.voxel_columns].tocoo()
    rows, columns = (np.repeat(axis, n_peaks.data.astype(int)) for axis in n_peaks.coords)
    voxels = np.stack(np.unravel_index(columns, grid.shape), axis=1)
    peaks = pd.DataFrame(apply_affine(grid.affine, voxels), columns=["x", "y", "z"])
    peaks.insert(0, "id", np.asarray(bunch.ids)[rows].astype(str))
    names = [str(name) for name in bunch.descriptor_names]
    descriptors = bunch.data[:, bunch.descriptor_columns].tocsc()
    is_term = np.array([_BEFORE_TERM in name for name in names], dtype=bool)
    table = pd.DataFrame({"id": bunch.ids})
    for column in np.flatnonzero(~is_term):
        table[names[column]] = descriptors[:, [column]].toarray().ravel()
    terms = [name.split(_BEFORE_TERM, 1)[1] for name in np.array(names, dtype=object)[is_term]]
    return Studies(
        bunch.ids,
        metadata=table,
        peaks=peaks,
        counts=descriptors[:, is_term] if terms else None,
        vocabulary=terms or None,
        groups=bunch.groups,
    )
