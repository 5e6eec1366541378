"""Files of studies, given to all that reads them."""

# ruff: noqa: E501  # rows of a table stay on one line
from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from catalogue.case import Case
from catalogue.hardship import as_nobody
from catalogue.workshop import Workshop
from sklearn_mnm import datasets
from sklearn_mnm.exceptions import (
    DataFormatError,
    DataWarning,
    InvalidInputError,
)

TABLE = "id,x,y,z,title\n7,-44,22,30,n-back\n8,36,-48,44,flanker\n"
SLEUTH = "// Reference=MNI\n// Smith, 2010: n-back\n// Subjects=12\n-44 22 30\n"
STUDYSET: dict[str, Any] = {
    "id": "s",
    "name": "s",
    "studies": [
        {
            "id": "7",
            "name": "n-back",
            "analyses": [
                {
                    "id": "1",
                    "name": "2 > 0",
                    "points": [{"coordinates": [-44, 22, 30], "space": "MNI"}],
                }
            ],
        }
    ],
}
LOADERS: dict[str, Callable[..., Any]] = {
    "load_table": datasets.load_table,
    "load_sleuth": datasets.load_sleuth,
    "load_studyset": datasets.load_studyset,
    "load_studies": datasets.load_studies,
}
_GOOD = {
    "load_table": ("peaks.csv", TABLE),
    "load_sleuth": ("foci.txt", SLEUTH),
    "load_studyset": ("studyset.json", json.dumps(STUDYSET)),
    "load_studies": ("peaks.csv", TABLE),
}


def _changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


def _studyset(**changes: Any) -> str:
    """A studyset with other entries in its one point, contrast or study."""
    document = json.loads(json.dumps(STUDYSET))
    study = document["studies"][0]
    for name, value in changes.items():
        place = {"points": study["analyses"][0], "analyses": study, "studies": document}
        place.get(name, study["analyses"][0]["points"][0])[name] = value
    return json.dumps(document)


def _loader_cases() -> Iterator[Case]:
    for name, load in LOADERS.items():
        file, content = _GOOD[name]

        def given(
            kind: str, what: str, text: bytes | str | Callable[[Workshop], Any], tells: tuple[str, ...],
            *, name: str = name, load: Any = load, file: str = file,
        ) -> Case:  # fmt: skip
            def call(w: Workshop) -> Any:
                if callable(text):
                    return load(text(w))
                return load(w.file(file, text))

            return Case(name, kind, f"path: {what}", call, DataFormatError, tells)

        yield given(
            "missing or foreign file",
            "nothing there",
            lambda w, f=file: w.folder / f"absent-{f}",
            (f"absent-{file}", "Check|Give|Save"),
        )
        yield given(
            "control characters",
            "a name with a null character",
            lambda w, f=file: Path(f"a\0{f}"),
            (rf"a.{{1,4}}{re.escape(file)}", "no file can have this name|Check the name"),
        )
        yield given(
            "wrong dtype",
            "a picture",
            b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4,
            (file, "UTF-8|utf-8"),
        )

        def unreadable(
            w: Workshop, load: Any = load, file: str = file, content: str = content
        ) -> Any:
            path = w.file(file, content)
            with as_nobody(path):
                return load(path)

        yield Case(
            name,
            "no permission",
            "path: a file of somebody else",
            unreadable,
            DataFormatError,
            (file, "Permission denied"),
        )

        def locked(w: Workshop, load: Any = load, file: str = file, content: str = content) -> Any:
            path = w.file(f"locked/{file}", content)
            with as_nobody(path.parent):
                return load(path)

        yield Case(
            name,
            "no permission",
            "path: a file in a locked folder",
            locked,
            DataFormatError,
            (file, "Permission denied"),
        )
        if name != "load_studies":
            yield given("empty", "an empty file", "", (file, "is empty|no experiment|JSON"))
    yield from _table_cases()
    yield from _sleuth_cases()
    yield from _json_cases()
    for value, argument in (("brainmap", "format"), ("paper", "level")):
        yield Case(
            "load_studies", "unknown choice", f"{argument}: a word",
            lambda w, a=argument, v=value: datasets.load_studies(w.file("foci.txt", SLEUTH), **{a: v}),
            InvalidInputError, (f"{argument}='{value}'", "choose"),
        )  # fmt: skip
    yield Case(
        "load_studies", "missing or foreign file", "path: a file of no known form",
        lambda w: datasets.load_studies(w.file("notes.docx", "hello")),
        DataFormatError, ("notes.docx", "format="),
    )  # fmt: skip
    yield Case(
        "load_studies", "unknown choice", "points: a word",
        lambda w: datasets.load_studies(w.file("peaks.csv", TABLE), points="peaks"),
        InvalidInputError, ("points='peaks'", "choose"),
    )  # fmt: skip
    yield Case(
        "load_studies", "empty", "path: no path", lambda w: datasets.load_studies([]),
        InvalidInputError, ("path: holds no path", "at least one"),
    )  # fmt: skip
    yield Case(
        "load_studies", "duplicated studies", "path: a file twice",
        lambda w: datasets.load_studies([w.file("foci.txt", SLEUTH)] * 2),
        DataWarning, ("1 ids occur in several sources",), holds=lambda studies: len(set(studies.ids)) == 2,
    )  # fmt: skip
    yield Case(
        "load_studies", "empty", "path: an empty folder",
        lambda w: datasets.load_studies(w.folder), DataFormatError, ("not recognised", "format="),
    )  # fmt: skip


def _table_cases() -> Iterator[Case]:
    load = datasets.load_table
    for kind, what, text, tells in (
        ("NaN", "NaN for a coordinate", _changed(TABLE, "-44", "nan"), ("peaks.csv: line 2", "finite numbers in mm")),
        ("infinity", "infinity for a coordinate", _changed(TABLE, "-44", "inf"), ("peaks.csv: line 2", "finite numbers in mm")),
        ("wrong dtype", "a word for a coordinate", _changed(TABLE, "-44", "left"), ("peaks.csv: line 2", "finite numbers in mm")),
        ("wrong shape", "no column y", _changed(TABLE, ",y,", ",v,"), ("peaks.csv: missing column", "it has")),
        ("wrong shape", "more fields than columns", _changed(TABLE, "n-back", "a,b,c"), ("peaks.csv: line 2 has", "quotation marks")),
        ("wrong shape", "two lines of column names, as SPM writes them", "set,peak,,,\n" + TABLE, ("peaks.csv: line 2 names the columns", "Remove the first")),
        ("wrong shape", "coordinates in voxels", _changed(TABLE, "x,y,z", "x (vox),y (vox),z (vox)"), ("numbers of voxels", "apply_affine")),
        ("huge values", "an id that a spreadsheet shortened", _changed(TABLE, "\n8,", "\n2.9E+07,"), ("peaks.csv: line 3", "as text")),
        ("duplicated studies", "a column twice", _changed(TABLE, "title", "x"), ("peaks.csv: line 1", "twice")),
        ("duplicated studies", "two titles of one study", _changed(TABLE, "8,", "7,"), ("lines 2 and 3", "write the same")),
        ("unaligned parts", "a row of no study", _changed(TABLE, "\n8,", "\n,"), ("peaks.csv: line 3 has no id",)),
    ):  # fmt: skip
        yield Case(
            "load_table", kind, f"path: {what}",
            lambda w, t=text: load(w.file("peaks.csv", t)), DataFormatError, tells,
        )  # fmt: skip
    yield Case(
        "load_table", "truncated gzip", "path: a gzipped table cut off",
        lambda w: load(w.file("peaks.csv.gz", gzip.compress(TABLE.encode() * 50)[:60])),
        DataFormatError, ("peaks.csv.gz", "download it again"),
    )  # fmt: skip
    yield Case(
        "load_table", "bomb", "path: a gzipped table that unpacks to a thousand times its size",
        lambda w: load(w.file("peaks.csv.gz", gzip.compress(b"0" * 2**27, compresslevel=1))),
        DataFormatError, ("peaks.csv.gz: unpacks to", "by hand"),
    )  # fmt: skip
    yield Case(
        "load_table", "control characters", "path: a title with control characters",
        lambda w: load(w.file("peaks.csv", _changed(TABLE, "n-back", "n\x1b[31mback\x07"))),
        "studies with that title", holds=lambda studies: studies.titles[0] == "n\x1b[31mback\x07",
    )  # fmt: skip
    yield Case(
        "load_table", "wrong space", "path: peaks in Talairach space",
        lambda w: load(w.file("peaks.csv", "id,x,y,z,space\n7,-44,22,30,TAL\n")),
        DataWarning, ("1 peaks converted from Talairach", "peaks.csv"),
        holds=lambda studies: studies.peaks["x"].iloc[0] != -44,
    )  # fmt: skip
    yield Case(
        "load_table", "wrong space", "path: peaks in the space of a scanner",
        lambda w: load(w.file("peaks.csv", "id,x,y,z,space\n7,-44,22,30,native\n")),
        DataWarning, (r"1 peaks kept as they are in other spaces \['native'\]", "peaks.csv"),
        holds=lambda studies: studies.peaks["x"].iloc[0] == -44,
    )  # fmt: skip
    yield Case(
        "load_table", "all-zero map", "path: a study without peaks",
        lambda w: load(w.file("peaks.csv", "id,x,y,z,title\n7,,,,n-back\n")),
        DataWarning, ("1 of 1 studies have no peaks",), holds=lambda studies: len(studies) == 1,
    )  # fmt: skip


def _sleuth_cases() -> Iterator[Case]:
    load = datasets.load_sleuth
    for kind, what, text, tells in (
        ("NaN", "NaN for a coordinate", _changed(SLEUTH, "-44", "nan"), ("foci.txt: line 4", "three finite")),
        ("infinity", "infinity for a coordinate", _changed(SLEUTH, "-44", "inf"), ("foci.txt: line 4", "three finite")),
        ("wrong dtype", "a word for a coordinate", _changed(SLEUTH, "-44", "left"), ("foci.txt: line 4", "three finite")),
        ("wrong shape", "a peak of two coordinates", _changed(SLEUTH, "22 30", "22"), ("foci.txt: line 4", "three finite")),
        ("wrong space", "an unknown space", _changed(SLEUTH, "MNI", "native"), ("foci.txt: line 1", "write MNI or Talairach")),
        ("negative values", "a negative number of subjects", _changed(SLEUTH, "12", "-1"), ("foci.txt: line 3", "Subjects=12")),
        ("huge values", "a number of subjects of 5,000 digits", _changed(SLEUTH, "12", "9" * 5000), ("foci.txt: line 3", "Subjects=12")),
        ("unaligned parts", "peaks before their study", "1 2 3\n" + SLEUTH, ("foci.txt: line 1", "experiment")),
    ):  # fmt: skip
        yield Case(
            "load_sleuth", kind, f"path: {what}",
            lambda w, t=text: load(w.file("foci.txt", t)), DataFormatError, tells,
        )  # fmt: skip
    yield Case(
        "load_sleuth", "wrong space", "path: peaks in Talairach space",
        lambda w: load(w.file("foci.txt", _changed(SLEUTH, "MNI", "Talairach"))),
        DataWarning, ("1 peaks converted from Talairach", "foci.txt"),
        holds=lambda studies: studies.peaks["x"].iloc[0] != -44,
    )  # fmt: skip
    yield Case(
        "load_sleuth", "duplicated studies", "path: the same experiment twice",
        lambda w: load(w.file("foci.txt", SLEUTH + "\n" + SLEUTH)), "two experiments, told apart",
        holds=lambda studies: len(set(studies.ids)) == 2,
    )  # fmt: skip
    for kind, what, text, tells in (
        ("unaligned parts", "a header of two studies", "// A: b\n// C: d\n1 2 3\n", ("foci.txt: line 2", "blank line between experiments")),
        ("unaligned parts", "a remark between peaks", SLEUTH + "// left side\n1 2 3\n", ("foci.txt: line 5", "take it out")),
        ("duplicated studies", "two numbers of subjects", _changed(SLEUTH, "12", "12\n// N=14"), ("foci.txt: line 4", "second sample size")),
    ):  # fmt: skip
        yield Case(
            "load_sleuth", kind, f"path: {what}",
            lambda w, t=text: load(w.file("foci.txt", t)), DataFormatError, tells,
        )  # fmt: skip
    yield Case(
        "load_sleuth", "unknown choice", "level: a word",
        lambda w: load(w.file("foci.txt", SLEUTH), level="paper"),
        InvalidInputError, ("level='paper'", "choose"),
    )  # fmt: skip


def _json_cases() -> Iterator[Case]:
    load = datasets.load_studyset
    for kind, what, text, tells in (
        ("wrong shape", "a list instead of an object", "[]", ("studyset.json", "no list 'studies'")),
        ("wrong dtype", "studies that are numbers", _studyset(studies=[1, 2]), ("studyset.json: study 1", "NiMADS form")),
        ("wrong dtype", "contrasts that are a number", _studyset(analyses=5), ("studyset.json: study 1", "NiMADS form")),
        ("wrong shape", "a point of two coordinates", _studyset(coordinates=[1, 2]), ("studyset.json: study 1", "NiMADS form")),
        ("object array", "a coordinate that is an object", _studyset(coordinates=[{}, 1, 2]), ("studyset.json", "finite numbers in mm")),
        ("NaN", "NaN for a coordinate", _studyset(coordinates=[float("nan"), 1, 2]), ("studyset.json", "finite numbers in mm")),
        ("infinity", "infinity for a coordinate", _studyset(coordinates=[float("inf"), 1, 2]), ("studyset.json", "finite numbers in mm")),
        ("huge values", "a coordinate of 400 digits", _studyset(coordinates=[10**400, 1, 2]), ("studyset.json", "finite numbers in mm")),
        ("duplicated studies", "a study twice", json.dumps({"studies": STUDYSET["studies"] * 2}), ("studyset.json", "share the")),
        ("bomb", "brackets 100,000 deep", "[" * 100_000, ("studyset.json", "Check the file")),
        ("bomb", "a number of 100,000 digits", "9" * 100_000, ("studyset.json", "Check the file")),
    ):  # fmt: skip
        yield Case(
            "load_studyset", kind, f"path: {what}",
            lambda w, t=text: load(w.file("studyset.json", t)), DataFormatError, tells,
        )  # fmt: skip

    def sparse_file(w: Workshop) -> Any:
        path = w.file("studyset.json")
        os.truncate(path, 2**40)  # takes no space
        return load(path)

    yield Case(
        "load_studyset", "bomb", "path: a file of a terabyte", sparse_file,
        DataFormatError, ("studyset.json", "in parts"),
    )  # fmt: skip
    yield Case(
        "load_studyset", "missing or foreign file", "path: a folder without tables",
        lambda w: load(w.folder), DataFormatError, ("no studies.parquet",),
    )  # fmt: skip
    yield Case(
        "load_studyset", "broken header", "path: a damaged Parquet file",
        lambda w: (w.file("studies.parquet", b"PAR1 and no more"), load(w.folder)),
        DataFormatError, ("studies.parquet: cannot be read", "Fetch or write it again"),
    )  # fmt: skip
    yield Case(
        "load_studyset", "wrong space", "path: a point in Talairach space",
        lambda w: load(w.file("studyset.json", _studyset(space="TAL"))),
        DataWarning, ("1 peaks converted from Talairach", "studyset.json"), holds=lambda s: len(s) == 1,
    )  # fmt: skip
    yield Case(
        "load_studyset", "empty", "path: no study",
        lambda w: load(w.file("studyset.json", '{"studies": []}')),
        "no studies", holds=lambda studies: len(studies) == 0,
    )  # fmt: skip
    dataset = {
        "7": {"contrasts": {"1": {"coords": {"space": "MNI", "x": [1], "y": [1], "z": [1]}}}}
    }
    yield Case(
        "load_studyset", "missing or foreign file", "path: a Dataset of NiMARE",
        lambda w: load(w.file("dataset.json", json.dumps(dataset))),
        DataFormatError, ("dataset.json", "Studyset.from_dataset"),
    )  # fmt: skip
    yield Case(
        "from_nimare", "wrong dtype", "collection: a number", lambda w: datasets.from_nimare(3),
        InvalidInputError, ("collection: expected", "load_studyset"),
    )  # fmt: skip


def cases() -> Iterator[Case]:
    """Yield all cases of files."""
    yield from _loader_cases()
