"""Models, reports and files that are to be written where they cannot be, or from what is none."""

# ruff: noqa: E501  # rows of a table stay on one line
from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError

from catalogue.case import Case
from catalogue.hardship import as_nobody, full_disk
from catalogue.workshop import Workshop
from sklearn_mnm import MNMEncoder, load_from_hub, push_to_hub, save_model
from sklearn_mnm.datasets import Studies, save_sleuth
from sklearn_mnm.exceptions import DataWarning, HubError, InvalidInputError, StorageError
from sklearn_mnm.model.out_of_core import transform_to_file
from sklearn_mnm.report import HTMLReport, model_report, query_report


def _save_model(w: Workshop, path: Path) -> None:
    save_model(w.vectorizer, path)


def _save_sleuth(w: Workshop, path: Path) -> None:
    save_sleuth(w.studies, path, sample_size=20)


def _save_report(w: Workshop, path: Path) -> None:
    HTMLReport("<p>" * 1000, "a page").save(path)


def _cache_sentences(w: Workshop, path: Path) -> Any:
    w.sentences.set_params(cache_dir=path)
    try:
        return w.sentences.transform(["pain in the dark"])
    finally:
        w.sentences.set_params(cache_dir=None)


def _transform(w: Workshop, path: Path) -> None:
    transform_to_file(np.negative, np.ones((100, 4)), path)


#: What writes, and how many bytes of it fit on the full disk.
WRITERS: dict[str, tuple[Callable[[Workshop, Path], Any], int]] = {
    "save_model": (_save_model, 100),
    "save_sleuth": (_save_sleuth, 100),
    "HTMLReport.save": (_save_report, 100),
    "transform_to_file": (_transform, 100),
    "SentenceTransformerVectorizer.transform": (_cache_sentences, 100),
}


def _nothing_left(w: Workshop) -> None:
    left = [path for path in w.folder.rglob("*") if path.is_file()]
    assert left == [], f"half-written files stay: {left}"


def _hardship_cases() -> Iterator[Case]:
    for name, (write, size) in WRITERS.items():

        def full(w: Workshop, write: Any = write, size: int = size) -> Any:
            w.encoder, w.vectorizer, w.sentences  # noqa: B018  # made while there is space
            try:
                with full_disk(size):
                    return write(w, w.folder / "target")
            finally:
                _nothing_left(w)

        def locked(w: Workshop, write: Any = write) -> None:
            w.studies, w.vectorizer, w.sentences  # noqa: B018
            try:
                with as_nobody(w.folder):
                    write(w, w.folder / "target")
            finally:
                _nothing_left(w)

        what = "cache_dir" if name.startswith("Sentence") else "path"
        yield Case(
            name,
            "full disk",
            f"{what}: on a full disk",
            full,
            # What was computed is not lost.
            DataWarning if name.startswith("Sentence") else StorageError,
            ("target", "Free some space"),
            holds=(lambda found: bool(found.any())) if name.startswith("Sentence") else None,
        )
        yield Case(
            name,
            "no permission",
            f"{what}: in a folder of somebody else",
            locked,
            StorageError,
            ("target", "may write to|who may read"),
        )
        yield Case(
            name, "missing or foreign file", f"{what}: below a file",
            lambda w, write=write: write(w, w.file("taken", "") / "target"),
            StorageError, ("target|taken", "Choose another name|Check the name"),
        )  # fmt: skip
        yield Case(
            name, "control characters", f"{what}: a name with a null character",
            lambda w, write=write: write(w, Path("a\0b")), StorageError, ("no file can have this name",),
        )  # fmt: skip
    for name, write in (
        ("save_sleuth", _save_sleuth), ("HTMLReport.save", _save_report), ("transform_to_file", _transform),
    ):  # fmt: skip
        yield Case(
            name, "missing or foreign file", "path: in a folder that is not there",
            lambda w, write=write: write(w, w.folder / "absent" / "target"),
            StorageError, ("absent/target", "Make the folder first"),
        )  # fmt: skip
    yield Case(
        "HTMLReport.save", "control characters", "a title with half a surrogate pair",
        lambda w: (HTMLReport("\ud800", "x").save(w.folder / "p"), (w.folder / "p").read_text())[1],
        "a page that can be read", holds=lambda text: text == "&#55296;",
    )  # fmt: skip


def _model_cases() -> Iterator[Case]:
    for kind, given, call, comes, tells in (
        ("wrong dtype", "folder: a number", lambda w: save_model(w.vectorizer, 3), InvalidInputError, ("folder=3", "Give a string or a path")),
        ("wrong dtype", "model: a number", lambda w: save_model(3, w.folder / "m"), InvalidInputError, ("model is a int", "only these can be saved")),
        ("not fitted", "model: not fitted", lambda w: save_model(MNMEncoder(), w.folder / "m"), NotFittedError, ("not fitted",)),
        ("unknown choice", "precision: a word", lambda w: save_model(w.vectorizer, w.folder / "m", precision="half"), InvalidInputError, ("precision='half'", "compact")),
        ("missing or foreign file", "folder: one that holds other files", lambda w: (w.file("m/notes.txt", "x"), save_model(w.vectorizer, w.folder / "m", overwrite=True)), InvalidInputError, ("notes.txt", "Move them")),
        ("missing or foreign file", "folder: a file", lambda w: save_model(w.vectorizer, w.file("m", "x")), InvalidInputError, ("is a file", "another name")),
        ("duplicated studies", "folder: one that holds a model", lambda w: (save_model(w.vectorizer, w.folder / "m"), save_model(w.vectorizer, w.folder / "m")), InvalidInputError, ("exists", "overwrite=True")),
    ):  # fmt: skip
        yield Case("save_model", kind, given, call, comes, tells)
    for kind, given, call, tells in (
        ("empty", "studies: without peaks", lambda w: save_sleuth(Studies(["a"]), w.folder / "f"), ("none of the 1 has peaks",)),
        ("unaligned parts", "studies: without sample sizes", lambda w: save_sleuth(w.studies, w.folder / "f"), ("no sample size", "Give sample_size")),
        ("negative values", "sample_size: -1", lambda w: save_sleuth(w.studies, w.folder / "f", sample_size=-1), ("sample_size=-1 must be an integer of at least 1",)),
    ):  # fmt: skip
        yield Case("save_sleuth", kind, given, call, InvalidInputError, tells)
    yield Case(
        "push_to_hub", "unknown choice", "repo_id: without an owner",
        lambda w: push_to_hub(w.vectorizer, "name", license="mit"), InvalidInputError, ("repo_id='name'", "Give 'owner/name'"),
    )  # fmt: skip
    yield Case(
        "push_to_hub", "empty", "license: empty",
        lambda w: push_to_hub(w.vectorizer, "me/name", license=""), InvalidInputError, ("license is empty", "Name one"),
    )  # fmt: skip
    yield Case(
        "push_to_hub", "not fitted", "model: not fitted",
        lambda w: push_to_hub(MNMEncoder(), "me/name", license="mit"), NotFittedError, ("not fitted",),
    )  # fmt: skip
    for value in ("a b c", "../../etc", ""):
        yield Case(
            "load_from_hub", "path out of the folder" if ".." in value else "unknown choice", f"repo_id: {value!r}",
            lambda w, v=value: load_from_hub(v, cache_dir=w.folder), InvalidInputError, ("repo_id=", "Give 'owner/name'"),
        )  # fmt: skip
    for value in (3, None):
        yield Case(
            "load_from_hub", "wrong dtype", f"repo_id: {value!r}",
            lambda w, v=value: load_from_hub(v, cache_dir=w.folder), InvalidInputError, (f"repo_id={value!r}", "Give 'owner/name'"),
        )  # fmt: skip
        yield Case(
            "push_to_hub", "wrong dtype", f"repo_id: {value!r}",
            lambda w, v=value: push_to_hub(w.vectorizer, v, license="mit"), InvalidInputError, (f"repo_id={value!r}", "Give 'owner/name'"),
        )  # fmt: skip
    for value in ("a b/c", "me/na\x1bme", "../../etc", "/me/name"):
        yield Case(
            "push_to_hub", {"../../etc": "path out of the folder"}.get(value, "control characters"), f"repo_id: {value!r}",
            lambda w, v=value: push_to_hub(w.vectorizer, v, license="mit"), InvalidInputError, ("repo_id=", "Give 'owner/name'"),
        )  # fmt: skip
    for kind, parameter, value, tells in (
        ("wrong dtype", "license", 3, ("license=3", "Name one")),
        ("wrong dtype", "description", 3, ("description=3", "string")),
        ("wrong dtype", "token", 3, ("token is a int", "string")),
        ("unknown choice", "precision", "half", ("precision='half'", "compact")),
    ):  # fmt: skip
        yield Case(
            "push_to_hub", kind, f"{parameter}: {value!r}",
            lambda w, p=parameter, v=value: push_to_hub(w.vectorizer, "me/name", **{"license": "mit", p: v}),
            InvalidInputError, tells,
        )  # fmt: skip
    yield Case(
        "push_to_hub", "wrong dtype", "model: a number", lambda w: push_to_hub(3, "me/name", license="mit"),
        InvalidInputError, ("model is a int", "only these can be saved"),
    )  # fmt: skip
    yield Case(
        "push_to_hub", "missing or foreign file", "repo_id: without a network",
        lambda w: push_to_hub(w.vectorizer, "me/name", license="mit"), HubError, ("me/name", "Connect to the network"),
    )  # fmt: skip
    for kind, value in (
        ("control characters", "a\0b"),
        ("path out of the folder", "../../main"),
        ("empty", ""),
        ("wrong dtype", 3),
    ):
        yield Case(
            "load_from_hub", kind, f"revision: {value!r}",
            lambda w, v=value: load_from_hub("me/name", revision=v, cache_dir=w.folder), (InvalidInputError if value == 3 else HubError),
            ("revision=3|me/name", "Connect to the network|commit, tag or branch"),
        )  # fmt: skip
    yield Case(
        "load_from_hub", "wrong dtype", "token: 3", lambda w: load_from_hub("me/name", token=3, cache_dir=w.folder),
        InvalidInputError, ("token is a int", "string"),
    )  # fmt: skip
    yield Case(
        "load_from_hub", "wrong dtype", "cache_dir: 3", lambda w: load_from_hub("me/name", cache_dir=3),
        InvalidInputError, ("cache_dir=3", "folder"),
    )  # fmt: skip
    yield Case(
        "load_from_hub", "missing or foreign file", "repo_id: without a network",
        lambda w: load_from_hub("me/name", cache_dir=w.folder), HubError, ("me/name", "Connect to the network"),
    )  # fmt: skip


def _report_cases() -> Iterator[Case]:
    for kind, given, texts, tells in (
        ("wrong shape", "one string", "fear", ("texts: expected several", "write")),
        ("empty", "none", [], ("texts is empty", "at least one")),
        ("empty", "an empty string", [""], ("texts: row 0", "at least one word")),
        ("wrong dtype", "a number", [3], ("texts: row 0", "empty string")),
        ("NaN", "NaN", [float("nan")], ("texts: row 0", "empty string")),
    ):  # fmt: skip
        yield Case(
            "query_report", kind, f"texts: {given}", lambda w, t=texts: query_report(w.encoder, t),
            InvalidInputError, tells,
        )  # fmt: skip
    yield Case(
        "query_report", "all-zero text", "texts: an unknown word",
        lambda w: query_report(w.encoder, ["qwxzzy"]), "a page that says so",
        holds=lambda page: "qwxzzy" in page.html,
    )  # fmt: skip
    yield Case(
        "query_report", "control characters", "texts: tags, control characters and half a surrogate pair",
        lambda w: query_report(w.encoder, ["<script>\x1b[31m\ud800"]), "a page in which nothing runs",
        holds=lambda page: "<script>\x1b" not in page.html,
    )  # fmt: skip
    for name, call in (("query_report", lambda w: query_report(w.encoder, ["fear"], k=0)),):
        yield Case(name, "unknown choice", "k: 0", call, InvalidInputError, ("k=0", "at least 1"))
    yield Case(
        "query_report", "unknown choice", "encoder: one that knows no places",
        lambda w: query_report(w.placeless, ["finger"]), InvalidInputError, ("where regions are", "Fit it"),
    )  # fmt: skip
    yield Case(
        "model_report", "not fitted", "encoder: not fitted", lambda w: model_report(MNMEncoder()),
        NotFittedError, ("not fitted",),
    )  # fmt: skip
    yield Case(
        "model_report", "wrong dtype", "studies: an array", lambda w: model_report(w.encoder, np.eye(3)),
        InvalidInputError, ("studies", "Studies"),
    )  # fmt: skip
    yield Case(
        "model_report", "one sample", "studies: one", lambda w: model_report(w.encoder, w.studies[:1]),
        InvalidInputError, ("studies: 1 with known terms", "two or more"),
    )  # fmt: skip


def cases() -> Iterator[Case]:
    """Yield all cases of writing."""
    yield from _hardship_cases()
    yield from _model_cases()
    yield from _report_cases()
