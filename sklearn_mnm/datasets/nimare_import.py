"""Take the studies of a NiMARE object."""

from __future__ import annotations

from typing import Any

from sklearn_mnm.brain._deactivations import Points, check_points
from sklearn_mnm.datasets._studyset_tables import tables_from_nimads
from sklearn_mnm.datasets._warnings import warn_of_data
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.datasets.studyset import ROW_NAMES, Level, check_level, studies_from_tables
from sklearn_mnm.exceptions import InvalidInputError


def from_nimare(
    collection: Any, *, level: Level = "study", points: Points = "activations"
) -> Studies:
    """Take the studies of a NiMARE object, the opposite of :func:`to_nimare`.

    Parameters
    ----------
    collection : nimare.nimads.Studyset
        Of the older Dataset, which NiMARE deprecates, ``Studyset.from_dataset`` makes one.
    level : {"study", "contrast"}, default="study"
        What a row is: a paper with the peaks of all its contrasts, or one contrast.
    points : {"activations", "all"}, default="activations"
        Which points become peaks; see :func:`load_studyset`.

    Returns
    -------
    studies : Studies
        As :func:`load_studyset` describes it. Images and annotations are not taken.

    Raises
    ------
    InvalidInputError
        If `collection` is no Studyset, or `level` or `points` none of theirs.
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
