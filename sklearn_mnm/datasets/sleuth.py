"""Read and write Sleuth text files, which GingerALE and NiMARE take, too."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_mnm._tools.files import replacing
from sklearn_mnm._tools.storage import as_path, storing
from sklearn_mnm.brain._deactivations import chosen_points
from sklearn_mnm.brain.spaces import standardise_space
from sklearn_mnm.datasets._sleuth_lines import parse_header
from sklearn_mnm.datasets._sleuth_reader import read_sleuth
from sklearn_mnm.datasets._studyset_tables import tables_from_rows
from sklearn_mnm.datasets._warnings import warn_of_data
from sklearn_mnm.datasets.nimare_export import (
    check_sample_size,
    contrast_id_of,
    sample_sizes,
    unread_sizes,
)
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.datasets.studyset import ROW_NAMES, Level, check_level, studies_from_tables
from sklearn_mnm.exceptions import DataWarning, InvalidInputError

_RESERVED = re.compile(r"[:;=]")


def load_sleuth(path: str | Path, *, level: Level = "contrast") -> Studies:
    r"""Load a Sleuth text file, the format of BrainMap's Sleuth and GingerALE.

    The file starts with ``//Reference=MNI`` or ``//Reference=Talairach``. Each experiment has
    lines ``// Study: experiment`` and ``// Subjects=12``, then one line per peak with its three
    coordinates; a blank line may follow, and must where an experiment has no peaks. A reference
    further down holds from there on, so files may be put together. Fields may have a colon for
    the equals sign, and be called otherwise (``N=12``, ``Participants: 12``, ``DOI: ...``,
    ``Affiliations=...``, ``Year``, ``Authors``, ``Journal``, ``PMID``). Quotation marks and commas
    that a spreadsheet put around lines are taken off.

    Parameters
    ----------
    path : str or pathlib.Path
        Text file, UTF-8, or UTF-16 with a byte order mark.
    level : {"contrast", "study"}, default="contrast"
        What a row is: one experiment, or a paper with the peaks of all its experiments.

    Returns
    -------
    studies : Studies
        `ids` are ``<study>-<experiment>``, or the names of the studies, which are the `groups`.
        `texts` hold these names. `metadata` has ``title``, ``contrast`` and, where the file tells,
        ``sample_size``, ``doi``, ``pmid``, ``year``, ``authors``, ``publication`` and
        ``affiliations``. Peaks are in mm, MNI152: Talairach peaks are converted.

    Raises
    ------
    DataFormatError
        If the file cannot be read as text, a line is not understood, peaks come before their
        experiment, a header names two studies or two numbers of subjects, or the reference space
        is unknown. The message names the line.
    InvalidInputError
        If `level` is neither of the two.

    Warns
    -----
    DataWarning
        Once, with counts and the file: peaks converted from Talairach or of no stated space
        (taken as MNI152), experiments without peaks or without number of subjects (kept), lines
        that are neither fields nor names, such as remarks (left out).

    Examples
    --------
    >>> from pathlib import Path
    >>> import tempfile
    >>> from sklearn_mnm.datasets import load_sleuth
    >>> path = Path(tempfile.mkdtemp()) / "foci.txt"
    >>> lines = ["// Reference = MNI", "// Smith, 2010: n-back", "// Subjects = 12", "-44 22 30"]
    >>> _ = path.write_text("\n".join(lines))
    >>> load_sleuth(path).ids.tolist()
    ['Smith, 2010-n-back']
    """
    check_level(level)
    path = as_path(path, "path")
    rows, notes = read_sleuth(path)
    studies, of_spaces = studies_from_tables(tables_from_rows(rows, path), level)
    warn_of_data(path, [*of_spaces, *notes], studies, rows=ROW_NAMES[level])
    return studies


def save_sleuth(studies: Studies, path: str | Path, *, sample_size: int | None = None) -> None:
    """Write studies to a Sleuth text file, for GingerALE or NiMARE's ``convert_sleuth_*``.

    Parameters
    ----------
    studies : Studies
        Each row becomes an experiment of the paper named in ``studies.groups``. Papers are called
        by their title, experiments by the metadata column ``contrast`` or by what the id of the
        row adds to that of the paper; colons, semicolons and equals signs in these, which the
        format uses itself, become commas.
    path : str or pathlib.Path
        File to write; one that is there is replaced.
    sample_size : int, default=None
        Number of participants of studies whose metadata have neither ``sample_sizes`` nor
        ``sample_size``; the format needs it. Of several groups the smallest is written.

    Raises
    ------
    InvalidInputError
        If no study has peaks, a number of participants is missing and `sample_size` is None, or
        `sample_size` is not a positive integer.
    StorageError
        If the file cannot be written.

    Warns
    -----
    DataWarning
        Once, with counts: studies without peaks, deactivations and seeds (left out), peaks brought
        to MNI152 or of a space that the format does not know.

    Examples
    --------
    >>> save_sleuth(studies, "foci.txt", sample_size=20)  # doctest: +SKIP
    """
    check_sample_size(sample_size)
    activations, left_out = chosen_points(studies.peaks, "activations")
    if left_out:
        studies = Studies(
            studies.ids, metadata=studies.metadata, peaks=activations, groups=studies.groups
        )
    reported = studies[studies.peak_counts > 0]
    if not len(reported):
        raise InvalidInputError(f"studies: none of the {len(studies)} has peaks to write.")
    sizes = [min(size) if size else sample_size for size in sample_sizes(reported.metadata)]
    n_unsized = sum(size is None for size in sizes)
    if n_unsized:
        unread = unread_sizes(reported.metadata, sample_sizes(reported.metadata))
        example = f" that can be read (e.g. not {unread[0]!r})" if unread else ""
        raise InvalidInputError(
            f"{n_unsized} of {len(reported)} studies with peaks have no sample size{example}, "
            "which the format needs. Give sample_size=... for these."
        )
    peaks = reported.peaks
    peaks, notes = standardise_space(peaks if "space" in peaks else peaks.assign(space="MNI152"))
    notes += [note.split(";")[0] for note in left_out]
    n_silent = len(studies) - len(reported)
    if n_silent:
        notes.append(f"{n_silent} of {len(studies)} studies have no peaks and are left out")

    lines = ["// Reference=MNI"]
    ends = np.cumsum(reported.peak_counts)
    coordinates = np.split(peaks[["x", "y", "z"]].to_numpy(dtype=float), ends[:-1])
    for name, size, rows in zip(_experiments(reported), sizes, coordinates, strict=True):
        lines += [f"// {name}", f"// Subjects={size}"]
        lines += ["\t".join(str(value) for value in row) for row in rows.tolist()]
        lines.append("")
    with storing(path), replacing(Path(path)) as temporary:
        temporary.write_text("\n".join(lines), encoding="utf-8")
    if notes:
        warnings.warn(f"{'; '.join(notes)}.", DataWarning, stacklevel=2)


def _experiments(studies: Studies) -> list[str]:
    """Return ``study: experiment`` for each row, all different, with one separator each."""
    titles = dict(zip(studies.groups, studies.titles, strict=True))
    names = {group: _plain(title) or _plain(group) or "study" for group, title in titles.items()}
    n_named = Counter(names.values())
    contrasts: Any = studies.metadata.get("contrast", [None] * len(studies))
    taken: set[str] = set()
    experiments = []
    for row_id, group, contrast in zip(studies.ids, studies.groups, contrasts, strict=True):
        study = names[group] if n_named[names[group]] == 1 else f"{names[group]} ({_plain(group)})"
        named = isinstance(contrast, str) and _plain(contrast)
        experiment = named or _plain(contrast_id_of(str(row_id), str(group)))
        name = f"{study}: {experiment}"
        if parse_header(name).kind != "name":  # a paper called "Year" or "N"
            name = f"study {name}"
        if name in taken:
            name = f"{name} ({_plain(row_id)})"
        taken.add(name)
        experiments.append(name)
    return experiments


def _plain(text: str) -> str:
    """Put a name on one line and leave out what has a meaning in the format."""
    encodable = str(text).encode("utf-8", "replace").decode()
    return " ".join(_RESERVED.sub(",", encodable).split())
