"""Load studysets of NeuroStore and NiMARE (NiMADS)."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from sklearn_mnm.datasets._studyset_tables import StudysetTables, read_studyset
from sklearn_mnm.datasets.spaces import standardise_space
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.exceptions import DataWarning, InvalidInputError


def load_studyset(path: str | Path, *, level: Literal["study", "contrast"] = "study") -> Studies:
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
        Once, with counts: peaks by space, rows without peaks or without text (which are kept).

    Examples
    --------
    >>> studies = load_studyset("my_studyset.json", level="contrast")  # doctest: +SKIP
    """
    if level not in ("study", "contrast"):
        raise InvalidInputError(f"level={level!r}: choose 'study' or 'contrast'.")
    tables = read_studyset(Path(path))
    peaks = tables.coordinates
    if "space" not in peaks.columns:
        peaks = peaks.assign(space="")
    peaks = peaks.assign(**{axis: peaks[axis].astype(float) for axis in "xyz"})
    peaks, notes = standardise_space(peaks)

    metadata = _metadata(tables, level)
    text_columns = (
        ["title", "contrast", "abstract"] if level == "contrast" else ["title", "abstract"]
    )
    parts = metadata[text_columns].astype(object).fillna("").astype(str)
    if level == "study":
        contrasts = tables.analyses.set_index("id")["study_id"]
        peaks = peaks.assign(id=peaks["id"].map(contrasts))
    peaks = peaks.drop(columns="study_id", errors="ignore")
    studies = Studies(
        ids=metadata["id"].to_numpy(),
        metadata=metadata,
        peaks=peaks,
        texts=parts.agg("\n".join, axis=1).str.strip().to_numpy(),
        groups=metadata["study_id"].to_numpy(),
    )
    _warn(studies, notes, level)
    return studies


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


def _warn(studies: Studies, notes: list[str], level: str) -> None:
    n_silent = int((studies.peak_counts == 0).sum())
    n_textless = int(np.count_nonzero(studies.texts == ""))
    if n_silent or n_textless:
        rows = "studies" if level == "study" else "contrasts"
        notes = [
            *notes,
            f"{n_silent} of {len(studies)} {rows} have no peaks and {n_textless} have no text; "
            "all are kept",
        ]
    if notes:
        warnings.warn("; ".join(notes) + ".", DataWarning, stacklevel=3)
