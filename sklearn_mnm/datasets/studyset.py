"""Load studysets of NeuroStore and NiMARE (NiMADS)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pandas as pd

from sklearn_mnm.datasets._studyset_tables import StudysetTables, read_studyset
from sklearn_mnm.datasets._texts import joined_texts
from sklearn_mnm.datasets._warnings import warn_of_data
from sklearn_mnm.datasets.spaces import standardise_space
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.exceptions import InvalidInputError

Level = Literal["study", "contrast"]
#: What a row is called in messages.
ROW_NAMES = {"study": "studies", "contrast": "contrasts"}


def load_studyset(path: str | Path, *, level: Level = "study") -> Studies:
    """Load a NiMADS studyset, the format of NeuroStore and NiMARE.

    Parameters
    ----------
    path : str or pathlib.Path
        A folder of Parquet files (``studies.parquet``, ``analyses.parquet``,
        ``coordinates.parquet``, and where there ``metadata.parquet`` and ``texts.parquet``) or
        a JSON file. Annotations and images are not read.
    level : {"study", "contrast"}, default="study"
        What a row is: a paper with the peaks of all its contrasts, or one contrast.

    Returns
    -------
    studies : Studies
        `ids` are the study ids, or ``<study id>-<contrast id>``; `groups` the study ids.
        `texts` hold title and abstract; for a contrast its name stands between them, since
        sentence models cut long documents at the end. `metadata` has the columns ``title``,
        ``abstract``, those of the study, and those of the contrasts (at the study level only
        where all contrasts of every study agree). Peaks are in mm, MNI152: Talairach peaks are
        converted, unknown space is taken as MNI152; peaks in any other space are kept and say so
        in the column ``space``. ``reported_space``, ``contrast_id`` and statistics are kept.

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
        Once, with counts and the file: peaks by space, rows without peaks or without text (which
        are kept).

    Examples
    --------
    >>> studies = load_studyset("my_studyset.json", level="contrast")  # doctest: +SKIP
    """
    check_level(level)
    studies, notes = studies_from_tables(read_studyset(Path(path)), level)
    warn_of_data(path, notes, studies, rows=ROW_NAMES[level])
    return studies


def check_level(level: str) -> None:
    """Raise InvalidInputError unless `level` says what a row is."""
    if level not in ROW_NAMES:
        raise InvalidInputError(f"level={level!r}: choose 'study' or 'contrast'.")


def studies_from_tables(tables: StudysetTables, level: Level) -> tuple[Studies, list[str]]:
    """Bring a studyset to the container of this package.

    Parameters
    ----------
    tables : StudysetTables
        Checked.
    level : {"study", "contrast"}
        What a row is; see :func:`load_studyset`.

    Returns
    -------
    studies : Studies
        As :func:`load_studyset` describes it.
    notes : list of str
        What was done about spaces, with counts, for the caller's warning.
    """
    peaks = tables.coordinates
    if "space" not in peaks.columns:
        peaks = peaks.assign(space="")
    peaks = peaks.assign(**{axis: peaks[axis].astype(float) for axis in "xyz"})
    peaks, notes = standardise_space(peaks)

    metadata = _metadata(tables, level)
    text_columns = (
        ["title", "contrast", "abstract"] if level == "contrast" else ["title", "abstract"]
    )
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


def _metadata(tables: StudysetTables, level: str) -> pd.DataFrame:
    """Return one row per study or contrast with id, study_id, title, abstract and the rest."""
    studies = tables.studies.drop(columns="id", errors="ignore")
    studies = studies.rename(columns={"name": "title", "description": "abstract"})
    if "abstract" not in studies.columns:
        studies = studies.assign(abstract=None)
    if "abstract" in tables.texts.columns:
        # NiMARE keeps abstracts with the contrasts; all contrasts of a paper carry the same.
        from_contrasts = tables.texts.groupby("study_id")["abstract"].first()
        abstracts = studies["abstract"].replace("", None)
        studies = studies.assign(abstract=abstracts.fillna(studies["study_id"].map(from_contrasts)))
    contrasts = tables.analyses.rename(columns={"name": "contrast"}).merge(
        tables.metadata.drop(columns=["study_id", "contrast_id"], errors="ignore"),
        on="id",
        how="left",
        suffixes=("", "_of_contrast"),
    )
    if level == "contrast":
        new = [name for name in contrasts.columns if name not in studies.columns]
        merged = contrasts[[*new, "study_id"]].merge(studies, on="study_id", how="left")
        first = ["id", "study_id", "title", "contrast", "abstract"]
    else:
        new = [name for name in contrasts.columns if name not in ("id", *studies.columns)]
        by_study = contrasts.set_index("study_id")[new]
        # As strings, because cells may hold lists, which cannot be compared by hash.
        n_values = by_study.astype(str).groupby(level=0).nunique()
        agreed = by_study.columns[(n_values <= 1).all()]
        one_row = by_study[agreed][~by_study.index.duplicated()]
        merged = studies.merge(one_row, left_on="study_id", right_index=True, how="left")
        merged = merged.assign(id=merged["study_id"])
        first = ["id", "study_id", "title", "abstract"]
    return merged[[*first, *(name for name in merged.columns if name not in first)]]
