"""Load studysets of NeuroStore and NiMARE (NiMADS)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from sklearn_mnm._tools.storage import as_path
from sklearn_mnm.brain._deactivations import Points, check_points, chosen_points
from sklearn_mnm.brain.spaces import standardise_space
from sklearn_mnm.datasets._studyset_metadata import study_rows
from sklearn_mnm.datasets._studyset_tables import StudysetTables, read_studyset
from sklearn_mnm.datasets._tables import as_numbers
from sklearn_mnm.datasets._texts import joined_texts
from sklearn_mnm.datasets._warnings import warn_of_data
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.exceptions import InvalidInputError

Level = Literal["study", "contrast"]
# Columns that the text of a contrast takes.
_OF_CONTRAST = ("contrast", "contrast_description")
#: What a row is called in messages.
ROW_NAMES = {"study": "studies", "contrast": "contrasts"}


def load_studyset(
    path: str | Path, *, level: Level = "study", points: Points = "activations"
) -> Studies:
    """Load a NiMADS studyset, the format of NeuroStore and NiMARE.

    Parameters
    ----------
    path : str or pathlib.Path
        A folder of Parquet files (``studies.parquet``, ``analyses.parquet``,
        ``coordinates.parquet``, and where there ``metadata.parquet`` and ``texts.parquet``) or
        a JSON file. Annotations and images are not read.
    level : {"study", "contrast"}, default="study"
        What a row is: a paper with the peaks of all its contrasts, or one contrast.
    points : {"activations", "all"}, default="activations"
        Which points become peaks: all, or all that are not marked as a ``deactivation`` or as the
        seed of an analysis (``is_seed``). The marks are columns of the peaks where there are any.

    Returns
    -------
    studies : Studies
        `ids` are the study ids, or ``<study id>-<contrast id>``; `groups` the study ids.
        `texts` hold title and abstract; for a contrast its name and description stand between
        them, since sentence models cut long documents at the end. `metadata` has the columns
        ``title``, ``abstract``, ``contrast_description``, those of the study, and those of the
        contrasts (at the study level where the contrasts of a study agree). The number of
        participants of a contrast goes before that of its study. Peaks are in mm, MNI152:
        Talairach peaks are converted, unknown space is taken as MNI152; peaks in any other space
        are kept and say so in the column ``space``. ``reported_space``, ``contrast_id``, ``kind``
        and what else is told of a point are kept; statistics have the names that NiMARE gives
        them (``z_stat``, ``t_stat``, ``p``), or ``value_<kind>``.

    Raises
    ------
    DataFormatError
        If a file is missing or damaged, ids repeat, rows refer to studies or contrasts that are
        not there, or a coordinate is not a finite number.
    InvalidInputError
        If `level` is neither of the two.
    MissingDependencyError
        If a Parquet studyset is given and pyarrow is not installed.

    Warns
    -----
    DataWarning
        Once, with counts and the file: peaks by space, points without coordinates, deactivations,
        seeds and, among contrasts, papers without any (left out), contrasts of one paper that
        differ in their number of participants, rows without peaks or without text (kept).

    Examples
    --------
    >>> studies = load_studyset("my_studyset.json", level="contrast")  # doctest: +SKIP
    """
    check_level(level)
    check_points(points)
    studies, notes = studies_from_tables(read_studyset(as_path(path, "path")), level, points)
    warn_of_data(path, notes, studies, rows=ROW_NAMES[level])
    return studies


def check_level(level: str) -> None:
    """Raise InvalidInputError unless `level` says what a row is."""
    if level not in ROW_NAMES:
        raise InvalidInputError(f"level={level!r}: choose 'study' or 'contrast'.")


def studies_from_tables(
    tables: StudysetTables, level: Level, points: Points = "activations"
) -> tuple[Studies, list[str]]:
    """Bring a studyset to the container of this package.

    Parameters
    ----------
    tables : StudysetTables
        Checked.
    level : {"study", "contrast"}
        What a row is; see :func:`load_studyset`.
    points : {"activations", "all"}, default="activations"
        Which points become peaks.

    Returns
    -------
    studies : Studies
        As :func:`load_studyset` describes it.
    notes : list of str
        What was done about spaces and left out, with counts, for the caller's warning.
    """
    peaks = tables.coordinates
    if "space" not in peaks.columns:
        peaks = peaks.assign(space="")
    peaks = peaks.assign(**{axis: as_numbers(peaks[axis]) for axis in "xyz"})
    peaks, left_out = chosen_points(peaks, points)
    peaks, notes = standardise_space(peaks)
    metadata, of_metadata = study_rows(tables, level)
    notes = [*notes, *tables.notes, *left_out, *of_metadata]
    of_contrast = [name for name in _OF_CONTRAST if name in metadata.columns]
    text_columns = ["title", *(of_contrast if level == "contrast" else ()), "abstract"]
    if level == "study":
        contrasts = tables.analyses.set_index("id")["study_id"]
        peaks = peaks.assign(id=peaks["id"].map(contrasts))
    peaks = peaks.drop(columns="study_id", errors="ignore")
    studies = Studies(
        ids=metadata["id"].to_numpy(),
        metadata=metadata,
        peaks=peaks,
        texts=joined_texts(metadata, text_columns),
        groups=metadata["study_id"].to_numpy(),
    )
    return studies, notes
