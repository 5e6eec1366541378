"""Load a table of peaks that somebody made by hand or with a spreadsheet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from sklearn_mnm.datasets import _tables
from sklearn_mnm.datasets._texts import joined_texts
from sklearn_mnm.datasets._warnings import warn_of_data
from sklearn_mnm.datasets.spaces import standardise_space
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.exceptions import DataFormatError

_COORDINATES = ["x", "y", "z"]
# Of studies: all rows of one must agree.
_OF_STUDIES = ("title", "text", "abstract", "study_id", "sample_size")
# Of peaks, even where all rows of each study agree.
_OF_PEAKS = ("space", "statistic", "z_stat", "t_stat", "p")


def load_table(path: str | Path) -> Studies:
    r"""Load a CSV or TSV file with one row per peak.

    Parameters
    ----------
    path : str or pathlib.Path
        UTF-8, gzipped if its name ends in ``.gz``; columns separated by tabs, commas or
        semicolons, with their names, in any case, in the first line:

        - ``id`` of the study, ``x``, ``y``, ``z`` in mm. A row without any coordinate is a study
          without peaks.
        - ``title``, ``text`` or ``abstract``, ``sample_size``, and ``study_id``, the paper of a
          study that is a contrast: the same, or empty, in all other rows of a study.
        - ``space`` (MNI, Talairach) and statistics of the peak (``z_stat``, ``t_stat``, ``p``,
          ``statistic``).

    Returns
    -------
    studies : Studies
        In order of first appearance. `texts` are the column ``text``, else title and abstract;
        None without any of these. Other columns go to `metadata` if all rows of each study agree,
        else to `peaks`. Peaks are in mm; with a column ``space`` Talairach peaks are converted to
        MNI152, without one they are taken as MNI152.

    Raises
    ------
    DataFormatError
        If the file cannot be read, a column is missing, a coordinate is not a finite number, or
        rows of a study disagree on what is one for all. The message names the line.

    Warns
    -----
    DataWarning
        Once, with counts and the file: peaks converted from Talairach or of unknown space,
        studies without peaks or text (which are kept).

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_mnm.datasets import load_table
    >>> path = Path(tempfile.mkdtemp()) / "peaks.csv"
    >>> _ = path.write_text("id,x,y,z,title\n7,-44,22,30,n-back\n7,36,-48,44,\n")
    >>> studies = load_table(path)
    >>> studies, studies.titles.tolist()
    (Studies(1 studies, 2 peaks, texts), ['n-back'])
    """
    path = Path(path)
    table = _tables.read_table(path, required=["id", *_COORDINATES], any_case=True)
    located = table[_COORDINATES].notna().any(axis=1)
    # Rows keep their numbers, by which a line at fault is found.
    _tables.check_coordinates(table, path, rows=np.flatnonzero(located))
    table = table.assign(**{axis: _tables.as_numbers(table[axis]) for axis in _COORDINATES})

    by_study = table.groupby("id", sort=False)
    agreed = by_study.nunique() <= 1
    _check_agreement(table, agreed, path)
    other = [name for name in table.columns if name not in ("id", *_COORDINATES, *_OF_PEAKS)]
    of_studies = [name for name in other if agreed[name].all()]
    metadata = by_study[of_studies].first().reset_index()
    peaks = table.loc[located].drop(columns=of_studies)
    notes: list[str] = []
    if "space" in peaks.columns:
        peaks, notes = standardise_space(peaks)
    studies = Studies(
        ids=metadata["id"].to_numpy(),
        metadata=metadata,
        peaks=peaks,
        texts=_texts(metadata),
        groups=_groups(metadata),
    )
    warn_of_data(path, notes, studies)
    return studies


def _check_agreement(table: pd.DataFrame, agreed: pd.DataFrame, path: Path) -> None:
    for name in _OF_STUDIES:
        if name not in table.columns or agreed[name].all():
            continue
        study = agreed.index[~agreed[name]][0]
        rows = np.flatnonzero((table["id"] == study) & table[name].notna())
        values = table[name].iloc[rows]
        other = int(rows[np.flatnonzero(values != values.iloc[0])[0]])
        lines = [_tables.line_number(path, int(row)) for row in (rows[0], other)]
        raise DataFormatError(
            f"{path}: lines {lines[0]} and {lines[1]} give study {study} different values in the "
            f"column {name} ({int((~agreed[name]).sum())} such studies); write the same in all "
            "rows of a study, or in one of them only."
        )


def _texts(metadata: pd.DataFrame) -> np.ndarray | None:
    names = ["text"] if "text" in metadata.columns else ["title", "abstract"]
    names = [name for name in names if name in metadata.columns]
    return joined_texts(metadata, names) if names else None


def _groups(metadata: pd.DataFrame) -> np.ndarray | None:
    if "study_id" not in metadata.columns:
        return None
    return metadata["study_id"].where(metadata["study_id"].notna(), metadata["id"]).to_numpy()
