"""Turn the lines of a Sleuth file into the rows of a studyset."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from sklearn_mnm.datasets._sleuth_lines import (
    is_space,
    parse_header,
    parse_peak,
    split_name,
    uncovered,
)
from sklearn_mnm.datasets._studyset_tables import contrast_keys, empty_rows
from sklearn_mnm.datasets._text_files import as_sample_size, read_lines
from sklearn_mnm.exceptions import DataFormatError

# Characters of a line that a message shows.
_SHOWN = 60
_SIZE_AT_END = re.compile(r"(.*\S)\s*[\s,;(\[]n\s*=\s*([1-9]\d{0,8})[)\]]?", re.IGNORECASE)
_IDENTITIES = ("doi", "pmid")


class SleuthRows(NamedTuple):
    """What a Sleuth file holds.

    Attributes
    ----------
    tables : dict of str to list of dict
        Rows of the tables of a studyset.
    notes : list of str
        What was left out or is missing, with counts, for the loader's warning.
    """

    tables: dict[str, list[dict[str, Any]]]
    notes: list[str]


def read_sleuth(path: Path) -> SleuthRows:
    """Read a file; DataFormatError names the line that is not understood."""
    reader = _Reader(path)
    for number, line in enumerate(read_lines(path), start=1):
        line = uncovered(line)
        if line.startswith("//"):
            reader.read_header(number, line)
        elif line:
            reader.read_peak(number, line)
        else:
            reader.read_blank(number)
    reader.end_experiment()
    if not reader.rows["analyses"]:
        raise DataFormatError(
            f"{path}: holds no experiment; expected lines '// Study: experiment', "
            "'// Subjects=12' and then coordinates."
        )
    return SleuthRows(reader.rows, reader.notes())


class _Reader:
    """What is known at a line of a Sleuth file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = empty_rows()
        self._n_unsized = 0
        self._left_out: dict[int, str] = {}
        self._two_papers: set[str] = set()
        self._empty: list[tuple[int, str]] = []
        self._space = self._last_study = ""
        self._any_separated = False
        self._studies: dict[str, dict[str, Any]] = {}
        self._taken: set[str] = set()
        self._start_experiment()

    def _start_experiment(self) -> None:
        self._names: dict[int, str] = {}
        self._fields: dict[str, tuple[int, str]] = {}
        self._peaks: list[tuple[float, float, float]] = []
        # After a blank line or the number of subjects a name is that of the next experiment.
        self._is_named = False
        self._blank = 0

    def read_blank(self, number: int) -> None:
        self._is_named = bool(self._names)
        self._blank = number

    def read_header(self, number: int, line: str) -> None:
        header = parse_header(line)
        if header.kind == "remark":
            self._left_out[number] = line
        elif header.kind == "name":
            if self._is_remark(header.value):
                self._left_out[number] = line
                return
            if self._peaks or self._is_named:
                # Fields since a blank line stand above the name to which they belong.
                later = {k: v for k, v in self._fields.items() if 0 < self._blank < v[0]}
                later = {} if self._peaks else later
                self._fields = {k: v for k, v in self._fields.items() if k not in later}
                self.end_experiment()
                self._fields = later
            self._check_same_study(number, header.value)
            self._names[number] = header.value
        elif header.kind == "field":
            if self._peaks and header.key == "sample_size" and "sample_size" not in self._fields:
                raise self._fault(
                    number,
                    "the number of subjects stands after peaks of an experiment that has none; "
                    "write it below the name of its experiment, before the peaks.",
                )
            if self._peaks:
                self.end_experiment()
            self._read_field(number, header.key, header.value)

    def _is_remark(self, name: str) -> bool:
        """Whether a line without separator stands in the header of a name that has one."""
        is_open = self._names and not self._peaks and not self._blank
        return bool(is_open and _is_separated(self._names.values()) and not split_name(name)[1])

    def _read_field(self, number: int, key: str, value: str) -> None:
        if key == "reference":
            if not is_space(value):
                raise self._fault(
                    number,
                    f"the reference space {value[:_SHOWN]!r} is unknown; write MNI or Talairach.",
                )
            self._space = value
            return
        if key == "study" and (self._names or "study" in self._fields or self._is_named):
            self.end_experiment()
        if key in self._fields and self._names and self._blank > self._fields[key][0]:
            self.end_experiment()
        if key in self._fields and self._fields[key][1] != value:
            raise self._fault(
                number,
                f"{value[:_SHOWN]!r} is a second {key.replace('_', ' ')} of the experiment, after "
                f"line {self._fields[key][0]}; start each experiment with '// Study: experiment'.",
            )
        if key == "sample_size":
            if as_sample_size(value) is None:
                raise self._fault(
                    number,
                    f"{value[:_SHOWN]!r} is no number of subjects; write for example "
                    "'// Subjects=12'.",
                )
            self._is_named = bool(self._names)
        self._fields[key] = number, value

    def read_peak(self, number: int, line: str) -> None:
        if not self._names and not {"study", "contrast"} & set(self._fields):
            raise self._fault(
                number,
                f"{line[:_SHOWN]!r} comes before the name of its experiment, a line such as "
                "'// Study: experiment'. In a table of peaks line 1 names the columns, id, x, y "
                "and z, with tabs, commas or semicolons between them.",
            )
        peak = parse_peak(line)
        if isinstance(peak, str):
            raise self._fault(number, f"{line[:_SHOWN]!r} is no peak; {peak}.")
        self._peaks.append(peak)

    def end_experiment(self) -> None:
        """Turn what was read since the last experiment into rows."""
        names, fields = self._names, {key: value for key, (_, value) in self._fields.items()}
        size = as_sample_size(fields.pop("sample_size", ""))
        if size is None:
            names, size = _size_in_names(names)
        study, contrast = fields.pop("study", ""), fields.pop("contrast", "")
        separated = {n: name for n, name in names.items() if split_name(name)[1]}
        if not study and not contrast and not separated and not (names and (self._peaks or size)):
            # Nothing but remarks.
            self._left_out.update(names)
            self._left_out.update({number: value for number, value in self._fields.values()})
            self._start_experiment()
            return
        if separated:
            # Beside names of the usual form others are remarks.
            self._left_out.update({n: name for n, name in names.items() if n not in separated})
            names = separated
        elif names and not study and not contrast and size is None and self._any_separated:
            number, name = next(iter(names.items()))
            raise self._fault(
                number,
                f"{name[:_SHOWN]!r} is neither a field such as '// Subjects=12' nor the name of an "
                "experiment, '// Study: experiment', as those before. Write it so, or take it out.",
            )
        self._any_separated |= bool(separated)
        if names and not study:
            study, named = _named(list(names.values()))
            contrast = "; ".join(filter(None, (named, contrast)))
        elif names:
            contrast = "; ".join(filter(None, (contrast, *names.values())))
        if size is None and not self._peaks and names:
            self._empty.append(next(iter(names.items())))
        self._last_study = study or self._last_study
        self._add(study or self._last_study or contrast, contrast or "1", size, fields)
        self._start_experiment()

    def _add(self, study: str, contrast: str, size: int | None, fields: dict[str, str]) -> None:
        self._n_unsized += size is None
        if study not in self._studies:
            self._studies[study] = {"study_id": study, "name": study}
            self.rows["studies"].append(self._studies[study])
        known = self._studies[study]
        if any(known.get(key, fields[key]) != fields[key] for key in _IDENTITIES if key in fields):
            self._two_papers.add(study)
        known.update(fields)
        keys = contrast_keys(study, self._distinct(study, contrast))
        self.rows["analyses"].append({**keys, "name": keys["contrast_id"]})
        self.rows["metadata"].append({**keys, "sample_size": size})
        self.rows["coordinates"].extend(
            {**keys, **dict(zip("xyz", peak, strict=True)), "space": self._space}
            for peak in self._peaks
        )

    def notes(self) -> list[str]:
        """Say what was left out or is missing, with counts."""
        notes = []
        if self._left_out:
            number, line = min(self._left_out.items())
            notes.append(
                f"{len(self._left_out)} lines are neither fields nor names of experiments and are "
                f"left out, the first in line {number}: {line[:_SHOWN]!r}"
            )
        if self._empty:
            number, name = self._empty[0]
            notes.append(
                f"{len(self._empty)} experiments have neither peaks nor a number of subjects and "
                f"are taken for findings of nothing, the first in line {number}: {name[:_SHOWN]!r}"
            )
        if self._two_papers:
            notes.append(
                f"{len(self._two_papers)} names stand for papers of different doi or pmid, which "
                f"are taken as one, e.g. {min(self._two_papers)[:_SHOWN]!r}"
            )
        if self._n_unsized:
            notes.append(
                f"{self._n_unsized} of {len(self.rows['analyses'])} experiments do not tell their "
                "number of subjects"
            )
        return notes

    def _check_same_study(self, number: int, name: str) -> None:
        """Refuse names of two studies in one header: the first may be a finding without peaks."""
        study, contrast = split_name(name)
        for other_number, other in self._names.items():
            other_study, other_contrast = split_name(other)
            if contrast and other_contrast and study != other_study:
                raise self._fault(
                    number,
                    f"{study[:_SHOWN]!r} is another study than {other_study[:_SHOWN]!r} of line "
                    f"{other_number}. Leave a blank line between experiments, also after one "
                    "without peaks; take out a line that names none.",
                )

    def _distinct(self, study: str, contrast: str) -> str:
        """Return a name that no experiment has yet: those that share one are all kept."""
        name, number = contrast, 1
        while f"{study}-{name}" in self._taken:
            number += 1
            name = f"{contrast} ({number})"
        self._taken.add(f"{study}-{name}")
        return name

    def _fault(self, number: int, problem: str) -> DataFormatError:
        return DataFormatError(f"{self.path}: line {number}: {problem}")


def _is_separated(names: Iterable[str]) -> bool:
    return any(split_name(name)[1] for name in names)


def _size_in_names(names: dict[int, str]) -> tuple[dict[int, str], int | None]:
    """Take a number of subjects off the end of a name, such as "n-back (N=12)"."""
    found = [_SIZE_AT_END.fullmatch(name) for name in names.values()]
    sizes = {int(match[2]) for match in found if match}
    if len(sizes) != 1:
        return names, None
    plain = {n: m[1] if m else name for (n, name), m in zip(names.items(), found, strict=True)}
    return plain, sizes.pop()


def _named(names: list[str]) -> tuple[str, str]:
    """Return study and experiment of the lines of a header, most often a single one."""
    parts = [split_name(name) for name in names]
    study = parts[0][0]
    # Further lines name more experiments of the study.
    contrasts = [contrast if name == study else f"{name} {contrast}" for name, contrast in parts]
    return study, "; ".join(contrast.strip() for contrast in contrasts if contrast.strip())
