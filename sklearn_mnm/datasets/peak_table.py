"""Load a table of peaks that somebody made by hand or with a spreadsheet."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from sklearn_mnm._tools.storage import as_path
from sklearn_mnm.brain._deactivations import FLAGS, Points, check_points, chosen_points
from sklearn_mnm.brain._peak_columns import (
    Triple,
    coordinate_triples,
    identities,
    is_of_clusters,
    statistic_name,
)
from sklearn_mnm.brain.spaces import standardise_space
from sklearn_mnm.datasets._spreadsheets import (
    MISSING,
    Sheet,
    find_layout,
    numbers_of,
    read_spreadsheet,
    without_missing,
)
from sklearn_mnm.datasets._tables import with_coordinates
from sklearn_mnm.datasets._texts import joined_texts
from sklearn_mnm.datasets._warnings import warn_of_data
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.exceptions import DataFormatError

_COORDINATES = ["x", "y", "z"]
_PLACES = ("id", *_COORDINATES)
# Of studies: all rows of one must agree.
_OF_STUDIES = ("title", "text", "abstract", "study_id", "sample_size")
# Of peaks, even where all rows of each study agree.
_OF_PEAKS = (*FLAGS, "space", "statistic", "z_stat", "t_stat", "p")
_SHORTENED = re.compile(r"\d[.,]\d+e\+\d+", re.IGNORECASE)
# Columns of ids, which may look like numbers and be empty in some rows.
_TEXT = dict.fromkeys(("id", "study_id", "pmid", "pmcid", "doi"), str)


def load_table(path: str | Path, *, points: Points = "activations") -> Studies:
    r"""Load a CSV or TSV file with one row per peak.

    Parameters
    ----------
    path : str or pathlib.Path
        UTF-8, or UTF-16 with its mark, gzipped if its name ends in ``.gz``; columns separated by
        tabs, commas or semicolons, with their names, in any case, in the first line:

        - ``id`` of the study, ``x``, ``y``, ``z`` in mm, also called ``peak_x``, ``MNI x`` and the
          like. A row without any coordinate is a study without peaks; ``NA`` stands for none. A
          table of the clusters of one map, as nilearn, atlasreader and FSL write it, needs no
          ``id``: it is one study.
        - ``title``, ``text`` or ``abstract``, ``sample_size``, and ``study_id``, the paper of a
          study that is a contrast: the same, or empty, in all other rows of a study.
        - ``space`` (MNI, Talairach) and statistics of the peak (``z_stat``, ``t_stat``, ``p``,
          ``statistic``; also called ``Z``, ``T value`` and the like).

        - ``deactivation`` and ``is_seed``, true or false.

        Rows and columns without anything are skipped, as is a first line ``sep=;``. Signs may be
        those of typesetters, and decimals have commas.
    points : {"activations", "all"}, default="activations"
        Which rows become peaks: all, or all that are not marked as a ``deactivation`` or as the
        seed of an analysis (``is_seed``).

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
        If the file cannot be read, a column is missing or may be one of several, a coordinate is
        not a finite number, or rows of a study disagree on what is one for all. The message names
        the line.

    Warns
    -----
    DataWarning
        Once, with counts and the file: peaks converted from Talairach or of unknown space,
        studies without peaks or text (which are kept), row numbers, deactivations and seeds left
        out, a table of clusters taken for one study.

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
    check_points(points)
    path = as_path(path, "path")
    sheet = read_spreadsheet(path, lambda names: bool(coordinate_triples(names)), **_TEXT)
    table, notes = _named(sheet)
    located = table[_COORDINATES].notna().any(axis=1).to_numpy()
    table = with_coordinates(table, sheet, located)

    by_study = table.groupby("id", sort=False)
    agreed = by_study[[name for name in table.columns if name not in _PLACES]].nunique() <= 1
    _check_agreement(table, agreed, sheet)
    other = [name for name in agreed.columns if name not in _OF_PEAKS]
    of_studies = [name for name in other if agreed[name].all()]
    metadata = by_study[of_studies].first().reset_index()
    peaks = table.loc[located].drop(columns=of_studies)
    peaks, left_out = chosen_points(peaks, points)
    notes = [*left_out, *notes]
    if "space" in peaks.columns:
        peaks, of_spaces = standardise_space(peaks)
        notes = [*of_spaces, *notes]
    studies = Studies(
        ids=metadata["id"].to_numpy(),
        metadata=metadata,
        peaks=peaks,
        texts=_texts(metadata),
        groups=_groups(metadata),
    )
    warn_of_data(path, notes, studies)
    return studies


def is_peak_table(path: Path) -> bool:
    """Whether a text file has a line of column names with coordinates at its top."""
    try:
        layout = find_layout(path, lambda names: bool(coordinate_triples(names)))
    except (DataFormatError, UnicodeError):
        return False
    return bool(coordinate_triples(layout.header))


def _named(sheet: Sheet) -> tuple[pd.DataFrame, list[str]]:
    """Give columns their usual names, lower-case, and tell missing values from text."""
    written = [str(name) for name in sheet.table.columns]
    triples = coordinate_triples(written)
    _check_columns(sheet, written, triples)
    triple, notes = triples[0], list(sheet.notes)
    names = dict(zip(triple.columns, _COORDINATES, strict=True))
    for number, name in enumerate(written):
        names.setdefault(number, statistic_name(name) or name.strip().lower())
    found = list(names.values())
    doubled = sorted({name for name in found if found.count(name) > 1})
    # A statistic may be there under its usual name, too.
    for number, name in enumerate(written):
        if names[number] in doubled and number not in triple.columns:
            names[number] = name.strip().lower()
    found = [names[number] for number in range(len(written))]
    if len(set(found)) < len(found):
        raise DataFormatError(
            f"{sheet.path}: line {sheet.layout.n_skipped + 1} names a column twice, if capitals do "
            f"not count: {written}. Give each a name of its own."
        )
    table = sheet.table.set_axis(found, axis=1)
    if "id" not in found:
        notes.append(
            f"there is no column 'id': all {len(table)} peaks are taken for those of one study"
        )
        table = table.assign(id=sheet.path.name.split(".")[0])
    if triple.space is not None and "space" not in found:
        table = table.assign(space=triple.space)
    table = without_missing(table, [*_COORDINATES, *_OF_PEAKS, "sample_size"])
    for name in ("id", "study_id"):
        if name in table.columns:
            table[name] = _plain_ids(table[name], name, sheet)
    if table["id"].isna().any():
        row = int(np.flatnonzero(table["id"].isna())[0])
        raise DataFormatError(f"{sheet.path}: line {sheet.line(row)} has no id.")
    statistics = [name for name in ("z_stat", "t_stat", "p", "statistic") if name in table.columns]
    return table.assign(**{name: numbers_of(table[name]) for name in statistics}), notes


def _check_columns(sheet: Sheet, written: list[str], triples: list[Triple]) -> None:
    """Refuse tables without coordinates in mm, or without what tells studies apart."""
    line = sheet.layout.n_skipped + 1
    known = {name.strip().lower() for name in written}
    missing = [name for name in ("id", *_COORDINATES) if name not in known]
    if not triples:
        raise DataFormatError(
            f"{sheet.path}: missing column(s) {missing} in line {line}; it has {written}. Call "
            "the coordinates in mm x, y and z, and the column that tells studies apart id."
        )
    if len(triples) > 1:
        several = [[written[column] for column in triple.columns] for triple in triples]
        raise DataFormatError(
            f"{sheet.path}: line {line} has several columns that may be coordinates, {several}. "
            "Call those in mm x, y and z, and the others otherwise."
        )
    if triples[0].are_voxels:
        names = [written[column] for column in triples[0].columns]
        raise DataFormatError(
            f"{sheet.path}: the columns {names} are numbers of voxels. Convert them to mm with the "
            "affine of the image: nibabel.affines.apply_affine(image.affine, voxels)."
        )
    if "id" not in known and not is_of_clusters(written):
        likely = identities(written)
        advice = (
            f"Call the column that tells studies apart id, maybe {likely[0]!r}."
            if likely
            else "Add one with a name for each study."
        )
        raise DataFormatError(
            f"{sheet.path}: missing column(s) ['id'] in line {line}; it has {written}. {advice}"
        )


def _plain_ids(column: pd.Series, name: str, sheet: Sheet) -> pd.Series:
    """Undo what programs do to ids that are whole numbers; refuse those that are lost."""
    # Each id once, as most are there many times.
    codes, distinct = pd.factorize(column)
    written = pd.Series(distinct, dtype=object)
    ids = written.str.strip()
    shortened = ids.str.fullmatch(_SHORTENED).fillna(False).to_numpy(dtype=bool)
    if shortened.any():
        first = int(np.flatnonzero(shortened)[0])
        row = int(np.flatnonzero(codes == first)[0])
        raise DataFormatError(
            f"{sheet.path}: line {sheet.line(row)} has the {name} {ids[first]!r}, a number that "
            "a spreadsheet shortened. Format the column as text and save the table again."
        )
    ids = ids.mask(ids.isin(MISSING))
    if ids.notna().any() and ids.dropna().str.fullmatch(r"\d+\.0+").all():
        ids = ids.str.split(".").str[0]
    if ids.equals(written):
        return column
    # The last stands for those that are missing, which have the code -1.
    return pd.Series(np.append(ids.to_numpy(dtype=object), np.nan)[codes], index=column.index)


def _check_agreement(table: pd.DataFrame, agreed: pd.DataFrame, sheet: Sheet) -> None:
    for name in _OF_STUDIES:
        if name not in table.columns or agreed[name].all():
            continue
        study = agreed.index[~agreed[name]][0]
        rows = np.flatnonzero((table["id"] == study) & table[name].notna())
        values = table[name].iloc[rows]
        other = int(rows[np.flatnonzero(values != values.iloc[0])[0]])
        lines = [sheet.line(int(row)) for row in (rows[0], other)]
        raise DataFormatError(
            f"{sheet.path}: lines {lines[0]} and {lines[1]} give study {study} different values in "
            f"the column {name} ({int((~agreed[name]).sum())} such studies); write the same in all "
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
