"""Read and write Sleuth text files, which GingerALE and NiMARE take, too."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_mnm._files import replacing
from sklearn_mnm._storage import reading, storing
from sklearn_mnm.datasets._studyset_tables import contrast_keys, empty_rows, tables_from_rows
from sklearn_mnm.datasets._warnings import warn_of_data
from sklearn_mnm.datasets.nimare_export import check_sample_size, contrast_id_of, sample_sizes
from sklearn_mnm.datasets.spaces import standardise_space
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.datasets.studyset import ROW_NAMES, Level, check_level, studies_from_tables
from sklearn_mnm.exceptions import DataFormatError, DataWarning, InvalidInputError

_FIELD = re.compile(
    r"(reference|subjects|doi|pubmedid|pmid|year|authors|publication)\s*=(.*)", re.I
)
_COLUMNS = {"pubmedid": "pmid"}
# A separator after a year, as in "Smith et al., 2010: n-back", rather than one in a title.
_YEAR = re.compile(r"(?:19|20)\d{2}")
_SEPARATOR = re.compile(r"[:;]")
# Of a number of subjects; Python refuses to read numbers of thousands of digits.
_DIGITS = 10
# Characters of a line that a message shows.
_SHOWN = 60
_RESERVED = re.compile(r"[:;=]")


def load_sleuth(path: str | Path, *, level: Level = "contrast") -> Studies:
    r"""Load a Sleuth text file, the format of BrainMap's Sleuth and GingerALE.

    The file starts with ``//Reference=MNI`` or ``//Reference=Talairach``. Each experiment has
    lines ``// Study: experiment`` and ``// Subjects=12``, then one line per peak with its three
    coordinates; a blank line may follow. A reference further down holds from there on, so files
    may be put together.

    Parameters
    ----------
    path : str or pathlib.Path
        Text file, UTF-8.
    level : {"contrast", "study"}, default="contrast"
        What a row is: one experiment, or a paper with the peaks of all its experiments.

    Returns
    -------
    studies : Studies
        `ids` are ``<study>-<experiment>``, or the names of the studies, which are the `groups`.
        `texts` hold these names. `metadata` has ``title``, ``contrast`` and, where the file tells,
        ``sample_size``, ``doi``, ``pmid``, ``year``, ``authors`` and ``publication``. Peaks are in
        mm, MNI152: Talairach peaks are converted.

    Raises
    ------
    DataFormatError
        If the file cannot be read as text, a line is not understood, peaks come before their
        experiment, or the reference space is unknown. The message names the line.
    InvalidInputError
        If `level` is neither of the two.

    Warns
    -----
    DataWarning
        Once, with counts and the file: peaks converted from Talairach or of no stated space
        (taken as MNI152), experiments without peaks or without number of subjects (kept).

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
    path = Path(path)
    rows, n_unsized = _read(path)
    studies, notes = studies_from_tables(tables_from_rows(rows, path), level)
    if n_unsized:
        n_rows = len(rows["analyses"])
        notes.append(f"{n_unsized} of {n_rows} experiments do not tell their number of subjects")
    warn_of_data(path, notes, studies, rows=ROW_NAMES[level])
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
        Once, with counts: studies without peaks (left out), peaks brought to MNI152 or of a space
        that the format does not know.

    Examples
    --------
    >>> save_sleuth(studies, "foci.txt", sample_size=20)  # doctest: +SKIP
    """
    check_sample_size(sample_size)
    reported = studies[studies.peak_counts > 0]
    if not len(reported):
        raise InvalidInputError(f"studies: none of the {len(studies)} has peaks to write.")
    sizes = [min(size) if size else sample_size for size in sample_sizes(reported.metadata)]
    n_unsized = sum(size is None for size in sizes)
    if n_unsized:
        raise InvalidInputError(
            f"{n_unsized} of {len(reported)} studies with peaks have no sample size, which the "
            "format needs. Give sample_size=... for these."
        )
    peaks = reported.peaks
    peaks, notes = standardise_space(peaks if "space" in peaks else peaks.assign(space="MNI152"))
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
        if name in taken:
            name = f"{name} ({_plain(row_id)})"
        taken.add(name)
        experiments.append(name)
    return experiments


def _plain(text: str) -> str:
    """Put a name on one line and leave out what has a meaning in the format."""
    encodable = str(text).encode("utf-8", "replace").decode()
    return " ".join(_RESERVED.sub(",", encodable).split())


def _read(path: Path) -> tuple[dict[str, list[dict[str, Any]]], int]:
    """Return the rows of the tables of a studyset and the number of experiments without size."""
    try:
        with reading(path):
            lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataFormatError(
            f"{path}: cannot be read as UTF-8 text ({error}). Save it as UTF-8."
        ) from error
    reader = _Reader(path)
    for number, line in enumerate(lines, start=1):
        line = line.strip()
        if line.startswith("//"):
            reader.read_header(number, line.removeprefix("//").strip())
        elif line:
            reader.read_peak(number, line)
        else:
            reader.read_blank()
    reader.end_experiment()
    if not reader.rows["analyses"]:
        raise DataFormatError(
            f"{path}: holds no experiment; expected lines '// Study: experiment', "
            "'// Subjects=12' and then coordinates."
        )
    return reader.rows, reader.n_unsized


class _Reader:
    """What is known at a line of a Sleuth file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = empty_rows()
        self.n_unsized = 0
        self._space = ""
        self._names: list[str] = []
        self._fields: dict[str, Any] = {}
        self._peaks: list[tuple[float, ...]] = []
        self._studies: dict[str, dict[str, Any]] = {}
        self._taken: set[str] = set()
        self._after_blank = False

    def read_blank(self) -> None:
        # The number of subjects ends a header: a name after a blank line then is the next one.
        self._after_blank = "sample_size" in self._fields

    def read_header(self, number: int, content: str) -> None:
        if self._peaks or self._after_blank:
            self.end_experiment()
        field = _FIELD.fullmatch(content)
        if field is None:
            if content:
                self._names.append(content)
            return
        key, value = field[1].lower(), field[2].strip()
        if key == "reference":
            self.end_experiment()
            if not value.upper().startswith(("MNI", "TAL", "ICBM")):
                raise DataFormatError(
                    f"{self.path}: line {number}: the reference space {value[:_SHOWN]!r} is "
                    "unknown; write MNI or Talairach."
                )
            self._space = value
        elif key == "subjects":
            if not (value.isdecimal() and len(value) < _DIGITS and int(value) > 0):
                raise DataFormatError(
                    f"{self.path}: line {number}: {value[:_SHOWN]!r} is no number of subjects; "
                    "write for example '// Subjects=12'."
                )
            self._fields["sample_size"] = int(value)
        else:
            self._fields[_COLUMNS.get(key, key)] = value

    def read_peak(self, number: int, line: str) -> None:
        if not self._names:
            raise DataFormatError(
                f"{self.path}: line {number}: {line[:_SHOWN]!r} comes before the name of its "
                "experiment, a line such as '// Study: experiment'."
            )
        try:
            peak = tuple(float(value) for value in line.split())
        except ValueError:
            peak = ()
        if len(peak) != 3 or not np.isfinite(peak).all():
            raise DataFormatError(
                f"{self.path}: line {number}: {line[:_SHOWN]!r} is no peak; expected three finite "
                "numbers in mm, or a line that starts with //."
            )
        self._peaks.append(peak)

    def end_experiment(self) -> None:
        """Turn what was read since the last experiment into rows."""
        if not self._names:
            return
        study, contrast = _split(self._names)
        size = self._fields.pop("sample_size", None)
        self.n_unsized += size is None
        if study not in self._studies:
            self._studies[study] = {"study_id": study, "name": study}
            self.rows["studies"].append(self._studies[study])
        self._studies[study].update(self._fields)
        contrast = self._distinct(study, contrast)
        keys = contrast_keys(study, contrast)
        self.rows["analyses"].append({**keys, "name": contrast})
        self.rows["metadata"].append({**keys, "sample_size": size})
        self.rows["coordinates"].extend(
            {**keys, **dict(zip("xyz", peak, strict=True)), "space": self._space}
            for peak in self._peaks
        )
        self._names, self._fields, self._peaks, self._after_blank = [], {}, [], False

    def _distinct(self, study: str, contrast: str) -> str:
        """Return a name that no experiment has yet: those that share one are all kept."""
        name, number = contrast, 1
        while f"{study}-{name}" in self._taken:
            number += 1
            name = f"{contrast} ({number})"
        self._taken.add(f"{study}-{name}")
        return name


def _split(names: list[str]) -> tuple[str, str]:
    """Return study and experiment of the lines of a header, most often a single one."""
    parts = [_split_line(name) for name in names]
    study = parts[0][0]
    # Further lines name more experiments of the study, or go on with its name.
    contrasts = [contrast if name == study else f"{name} {contrast}" for name, contrast in parts]
    return study, "; ".join(contrast.strip() for contrast in contrasts if contrast.strip()) or "1"


def _split_line(name: str) -> tuple[str, str]:
    year = _YEAR.search(name)
    separator = (_SEPARATOR.search(name, year.end()) if year else None) or _SEPARATOR.search(name)
    if separator is None:
        return name, ""
    study, contrast = name[: separator.start()].strip(), name[separator.end() :].strip()
    return study or name, contrast
