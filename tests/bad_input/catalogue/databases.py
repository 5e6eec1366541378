"""Folders of databases, images and models: archives, bombs and pickles among them."""

# ruff: noqa: E501  # rows of a table stay on one line
from __future__ import annotations

import gzip
import io
import os
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from catalogue.case import Case
from catalogue.hardship import as_nobody
from catalogue.workshop import Workshop
from sklearn_mnm import datasets, load_model, load_pretrained, model_card
from sklearn_mnm.exceptions import (
    DataFormatError,
    DataWarning,
    DownloadError,
    InvalidInputError,
    ModelFormatError,
)
from sklearn_mnm.persistence import read_description

_RELEASE = "data-toy_version-1_"
_FEATURES = f"{_RELEASE}vocab-words_source-title_type-count_features.npz"


def release(w: Workshop, **files: bytes | str) -> Path:
    """Write a release of two studies, some of whose files are replaced."""
    features = io.BytesIO()
    sparse.save_npz(features, sparse.csr_matrix(np.eye(2)))
    content: dict[str, bytes | str] = {
        f"{_RELEASE}metadata.tsv.gz": gzip.compress(b"id\ttitle\n1\tpain\n2\tmemory\n"),
        f"{_RELEASE}coordinates.tsv.gz": gzip.compress(b"id\tx\ty\tz\n1\t0\t0\t0\n2\t1\t1\t1\n"),
        f"{_RELEASE}vocab-words_vocabulary.txt": "pain\nmemory\n",
        _FEATURES: features.getvalue(),
    }
    for name, replaced in files.items():
        (full,) = (known for known in content if name in known)
        content[full] = replaced
    for name, value in content.items():
        w.file(f"release/{name}", value)
    return w.folder / "release"


def archive(**members: np.ndarray | bytes) -> bytes:
    """Make an npz archive."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as target:
        for name, value in members.items():
            with target.open(f"{name}.npy", "w") as stream:
                if isinstance(value, bytes):
                    stream.write(value)
                else:
                    np.lib.format.write_array(stream, value, allow_pickle=True)
    return content.getvalue()


def csr_archive(**changes: np.ndarray | bytes) -> bytes:
    """Make an archive of a sparse matrix, some of whose parts are replaced."""
    parts: dict[str, np.ndarray | bytes] = {
        "format": np.array(b"csr"),
        "shape": np.array([2, 2]),
        "data": np.ones(2),
        "indices": np.array([0, 1], np.int32),
        "indptr": np.array([0, 1, 2], np.int32),
    }
    return archive(**{**parts, **changes})


class _Trap:
    """What would make a folder if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def _npy_claiming(n_values: int) -> bytes:
    """Header of an array of so many values, without them."""
    content = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (n_values,)}
    np.lib.format.write_array_header_1_0(content, header)
    return content.getvalue()


def _release_cases() -> Iterator[Case]:
    load = datasets.load_database
    name = "load_database"

    def trapped(w: Workshop) -> Any:
        trap = w.folder / "executed"
        folder = release(w, features=csr_archive(data=np.array([_Trap(trap)], dtype=object)))
        try:
            return load(folder)
        finally:
            assert not trap.exists(), "the archive was executed"

    yield Case(
        name, "pickled objects", "folder: features that hold pickled objects", trapped,
        DataFormatError, ("features.npz", "pickled objects are refused"),
    )  # fmt: skip

    def pickled(w: Workshop) -> Any:
        trap = w.folder / "executed"
        folder = release(w, features=pickle.dumps(_Trap(trap)))
        try:
            return load(folder)
        finally:
            assert not trap.exists(), "the file was executed"

    yield Case(
        name, "pickled objects", "folder: a pickle with the name of features", pickled,
        DataFormatError, ("features.npz", "pickled objects are refused"),
    )  # fmt: skip

    def outside(w: Workshop) -> Any:
        content = archive(**{"../../outside": np.ones(2), "/tmp/outside": np.ones(2)})
        folder = release(w, features=content)
        before = sorted(w.folder.rglob("*"))
        try:
            return load(folder)
        finally:
            assert sorted(w.folder.rglob("*")) == before, "the archive was unpacked"

    yield Case(
        name, "path out of the folder", "folder: an archive with members ../../outside and /tmp/outside",
        outside, DataFormatError, ("features.npz", "refused"),
    )  # fmt: skip
    for kind, what, content, tells in (
        ("truncated gzip", "features cut off", csr_archive()[:200], ("features.npz", "damaged")),
        ("bomb", "features that unpack to a thousand times their size", csr_archive(data=np.zeros(2**24)), ("features.npz: unpacks to", "by hand")),
        ("bomb", "features that claim 10^15 values", csr_archive(data=_npy_claiming(10**15)), ("features.npz", "damaged")),
        ("bomb", "features of 10^12 empty rows", csr_archive(format=np.array(b"csc"), shape=np.array([10**12, 2]), data=np.ones(1), indices=np.zeros(1, np.int64), indptr=np.array([0, 1, 1])), ("features.npz", "no corpus")),
        ("NaN", "NaN among the features", csr_archive(data=np.array([1, np.nan])), ("features.npz: row 1", "finite")),
        ("wrong shape", "features of other studies", csr_archive(shape=np.array([2, 3])), ("features.npz", "same release")),
        ("huge values", "features whose columns are out of range", csr_archive(indices=np.array([0, 99], np.int32)), ("features.npz", "damaged")),
    ):  # fmt: skip
        yield Case(
            name, kind, f"folder: {what}", lambda w, c=content: load(release(w, features=c)),
            DataFormatError, tells,
        )  # fmt: skip
    for kind, what, file, content, tells in (
        ("truncated gzip", "coordinates cut off", "coordinates", gzip.compress(b"id\tx\ty\tz\n" + b"1\t0\t0\t0\n" * 99)[:-9], ("coordinates.tsv.gz", "download it again")),
        ("bomb", "metadata that unpack to a thousand times their size", "metadata", gzip.compress(b"\n" * 2**27, compresslevel=1), ("metadata.tsv.gz: unpacks to", "by hand")),
        ("duplicated studies", "a study twice", "metadata", gzip.compress(b"id\ttitle\n1\ta\n1\tb\n"), ("metadata.tsv.gz: id 1", "unique")),
        ("unaligned parts", "peaks of a study that is not listed", "coordinates", gzip.compress(b"id\tx\ty\tz\n9\t0\t0\t0\n"), ("coordinates.tsv.gz: line 2", "does not list")),
        ("NaN", "a peak with an empty coordinate", "coordinates", gzip.compress(b"id\tx\ty\tz\n1\t\t0\t0\n"), ("coordinates.tsv.gz: line 2", "finite")),
        ("empty", "an empty vocabulary", "vocabulary", "", ("features.npz", "same release")),
        ("control characters", "a vocabulary of other bytes", "vocabulary", b"\xff\xfe\x00", ("vocabulary.txt", "UTF-8")),
    ):  # fmt: skip
        yield Case(
            name, kind, f"folder: {what}", lambda w, f=file, c=content: load(release(w, **{f: c})),
            DataFormatError, tells,
        )  # fmt: skip
    yield Case(
        name, "missing or foreign file", "folder: not there", lambda w: load(w.folder / "absent"),
        DataFormatError, ("absent", "is not a folder"),
    )  # fmt: skip
    yield Case(
        name, "empty", "folder: an empty one", lambda w: load(w.folder),
        DataFormatError, ("holds no release file", "expected names"),
    )  # fmt: skip
    yield Case(
        name, "unknown choice", "sources: a word", lambda w: load(release(w), sources="body"),
        InvalidInputError, ("sources=", "title"),
    )  # fmt: skip
    yield Case(
        name, "negative values", "sources: a negative weight",
        lambda w: load(release(w), sources={"title": -1}), InvalidInputError, ("sources: the weight of 'title' is -1", ">= 0"),
    )  # fmt: skip

    def locked(w: Workshop) -> Any:
        folder = release(w)
        with as_nobody(folder):
            return load(folder)

    yield Case(
        name, "no permission", "folder: of somebody else", locked, DataFormatError, ("release", "Permission denied"),
    )  # fmt: skip
    for fetch, word in (("fetch_neuroquery", "sources"), ("fetch_neurosynth", "vocabulary")):
        function = getattr(datasets, fetch)
        yield Case(
            fetch, "missing or foreign file", "mirror: a folder without the files",
            lambda w, f=function: f(w.folder / "data", mirror=w.folder.as_uri()),
            DownloadError, ("could not be had", "mirror"),
        )  # fmt: skip
        yield Case(
            fetch, "wrong dtype", "mirror: no address",
            lambda w, f=function: f(w.folder / "data", mirror="ftp://x"),
            InvalidInputError, ("mirror='ftp://x'", "http://"),
        )  # fmt: skip
        yield Case(
            fetch, "unknown choice", f"{word}: a word",
            lambda w, f=function, a=word: f(w.folder / "data", **{a: "sonnets"}),
            InvalidInputError, (f"{word}='sonnets'", "choose"),
        )  # fmt: skip
        yield Case(
            fetch, "broken header", "mirror: files of other content",
            lambda w, f=function: (
                [w.file(f"mirror/{name}", b"not a gzip file") for name in _names_of(f)],
                f(w.folder / "data", mirror=(w.folder / "mirror").as_uri()),
            ),
            DownloadError, ("could not be had", "mirror"),
        )  # fmt: skip


def _neurovault_cases() -> Iterator[Case]:
    for kind, value in (("negative values", -1), ("unknown choice", 0), ("wrong dtype", "10426"), ("wrong dtype", None),
                        ("NaN", float("nan")), ("infinity", float("inf"))):  # fmt: skip
        yield Case(
            "fetch_neurovault_image", kind, f"image_id: {value!r}",
            lambda w, v=value: datasets.fetch_neurovault_image(v, w.folder), InvalidInputError, ("image_id=", "integer"),
        )  # fmt: skip


def _names_of(fetch: Callable[..., Any]) -> list[str]:
    """Files that a database consists of, as the message for missing ones names them."""
    import re
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        try:
            fetch(Path(folder) / "data", mirror=Path(folder).as_uri())
        except DownloadError as error:
            return re.findall(r"data-[\w.-]+", str(error))
    return []


def _pubget_cases() -> Iterator[Case]:
    load = datasets.load_pubget

    def pubget(w: Workshop, **files: str) -> Path:
        content = {
            "metadata.csv": "pmcid,title\n1,pain\n",
            "text.csv": "pmcid,title,keywords,abstract,body\n1,pain,,heat,\n",
            "coordinates.csv": "pmcid,x,y,z\n1,0,0,0\n",
        }
        for name, text in {**content, **{f"{k}.csv": v for k, v in files.items()}}.items():
            w.file(f"subset_extractedData/{name}", text)
        return w.folder / "subset_extractedData"

    for kind, what, files, tells in (
        ("duplicated studies", "an article twice", {"metadata": "pmcid,title\n1,a\n1,b\n"}, ("metadata.csv: id 1", "unique")),
        ("NaN", "a peak with NaN", {"coordinates": "pmcid,x,y,z\n1,nan,0,0\n"}, ("coordinates.csv: line 2", "finite")),
        ("wrong shape", "metadata without titles", {"metadata": "pmcid\n1\n"}, ("metadata.csv: missing column",)),
        ("wrong dtype", "a word for a coordinate", {"coordinates": "pmcid,x,y,z\n1,left,0,0\n"}, ("coordinates.csv: line 2", "finite")),
    ):  # fmt: skip
        yield Case(
            "load_pubget", kind, f"folder: {what}", lambda w, f=files: load(pubget(w, **f)),
            DataFormatError, tells,
        )  # fmt: skip
    yield Case(
        "load_pubget", "unaligned parts", "folder: peaks of an article that is not listed",
        lambda w: load(pubget(w, coordinates="pmcid,x,y,z\n9,0,0,0\n")),
        DataWarning, ("1 peaks of articles without metadata left out",), holds=lambda s: len(s) == 1,
    )  # fmt: skip
    yield Case(
        "load_pubget", "missing or foreign file", "folder: another one", lambda w: load(w.folder),
        DataFormatError, ("holds no folder", "give the folder"),
    )  # fmt: skip
    yield Case(
        "load_pubget", "unknown choice", "parts: a word", lambda w: load(w.folder, parts="poems"),
        InvalidInputError, ("parts='poems'", "choose"),
    )  # fmt: skip

    def locked(w: Workshop) -> Any:
        folder = pubget(w)
        with as_nobody(folder):
            return load(folder)

    yield Case(
        "load_pubget", "no permission", "folder: of somebody else", locked, DataFormatError, ("subset_extractedData", "Permission denied", "who may read"),
    )  # fmt: skip


def _images_cases() -> Iterator[Case]:
    load = datasets.load_images

    def folder(w: Workshop, table: str) -> Path:
        w.saved_image("maps/one.nii.gz")
        w.file("maps/two.nii.gz", b"not an image")
        w.file("maps/metadata.csv", table)
        return w.folder / "maps"

    yield Case(
        "load_images", "broken header", "folder: one file that is no image",
        lambda w: load(folder(w, "file,title\none.nii.gz,pain\ntwo.nii.gz,pain\n")),
        DataWarning, ("1 of 2 images cannot be read: left out",), holds=lambda maps: len(maps) == 1,
    )  # fmt: skip
    yield Case(
        "load_images", "missing or foreign file", "folder: a table of absent images",
        lambda w: load(folder(w, "file,title\nthree.nii.gz,pain\n")),
        DataFormatError, ("no image can be used", "1 of 1 images are missing"),
    )  # fmt: skip
    for path in ("../../../etc/hostname", "/etc/hostname"):
        yield Case(
            "load_images", "path out of the folder", f"folder: a table that names {path}",
            lambda w, p=path: load(folder(w, f"file,title\n{p},pain\n")),
            DataFormatError, ("metadata.csv: line 2", "not in the folder. Copy"),
        )  # fmt: skip
    yield Case(
        "load_images", "all-zero text", "folder: an image without text",
        lambda w: load(folder(w, "file,title\none.nii.gz,\n")),
        DataWarning, ("1 of 1 images have no text",), holds=lambda maps: len(maps) == 1,
    )  # fmt: skip
    yield Case(
        "load_images", "missing or foreign file", "folder: a table of addresses",
        lambda w: load(folder(w, "file,title\nhttps://neurovault.org/three.nii.gz,pain\n")),
        DataFormatError, ("no image can be used", "addresses of images that are not in the folder"),
    )  # fmt: skip
    yield Case(
        "load_images", "duplicated studies", "folder: a table that names an image twice",
        lambda w: load(folder(w, "file,title\none.nii.gz,pain\none.nii.gz,fear\n")),
        DataFormatError, ("line 2 and line 3", "Keep images of the same name"),
    )  # fmt: skip
    yield Case(
        "load_images", "unknown choice", "folder: a table of a map of p values",
        lambda w: load(folder(w, "file,title,map_type\none.nii.gz,pain,P map (given null hypothesis)\n")),
        DataFormatError, ("1 of 1 images are maps of p values", "kinds='all'"),
    )  # fmt: skip
    yield Case(
        "load_images", "unknown choice", "kinds: a word", lambda w: load(w.folder, kinds="z"),
        InvalidInputError, ("kinds='z'", "choose"),
    )  # fmt: skip
    yield Case(
        "load_images", "empty", "folder: an empty one", lambda w: load(w.folder),
        DataFormatError, ("holds no metadata", "expected metadata.csv"),
    )  # fmt: skip
    yield Case(
        "load_images", "wrong space", "folder: an image that NeuroVault does not have in MNI space",
        lambda w: (
            w.saved_image("c/image_1.nii.gz"), w.file("c/image_1_metadata.json", '{"not_mni": true}'),
            load(w.folder),
        ),
        DataFormatError, ("1 of 1 images are not in MNI space",),
    )  # fmt: skip
    yield Case(
        "load_images", "bomb", "folder: metadata with brackets 100,000 deep",
        lambda w: (w.file("c/image_1_metadata.json", "[" * 100_000), load(w.folder)),
        DataFormatError, ("image_1_metadata.json", "Check the file"),
    )  # fmt: skip


def _model_cases() -> Iterator[Case]:
    def changed(w: Workshop, name: str, content: bytes) -> Any:
        for path in w.model.iterdir():
            w.file(f"model/{path.name}", path.read_bytes())
        w.file(f"model/{name}", content)
        return load_model(w.folder / "model")

    def trapped(w: Workshop) -> Any:
        trap = w.folder / "executed"
        try:
            return changed(w, "weights.safetensors", pickle.dumps(_Trap(trap)))
        finally:
            assert not trap.exists(), "the model was executed"

    yield Case(
        "load_model", "pickled objects", "folder: weights that are a pickle", trapped,
        ModelFormatError, ("weights.safetensors", "Fetch both again"),
    )  # fmt: skip
    for kind, what, name, content, tells in (
        ("empty", "an empty description", "model.json", b"", ("model.json", "fetch it or save")),
        ("bomb", "a description with brackets 100,000 deep", "model.json", b"[" * 100_000, ("model.json", "fetch it or save")),
        ("wrong dtype", "a description that is a picture", "model.json", b"\x89PNG\xff", ("model.json", "fetch it or save")),
        ("wrong shape", "another JSON file", "model.json", b"{}", ("model.json", "written by save_model")),
        ("truncated gzip", "weights cut off", "weights.safetensors", b"\x10\0\0", ("weights.safetensors", "Fetch both again")),
        ("NaN", "NaN in the description", "model.json", b'{"format": NaN}', ("model.json", "fetch it or save")),
    ):  # fmt: skip
        yield Case(
            "load_model", kind, f"folder: {what}", lambda w, n=name, c=content: changed(w, n, c),
            ModelFormatError, tells,
        )  # fmt: skip

    def terabyte(w: Workshop) -> Any:
        os.truncate(w.file("model/model.json"), 2**40)
        return load_model(w.folder / "model")

    yield Case(
        "load_model", "bomb", "folder: a description of a terabyte", terabyte,
        ModelFormatError, ("model.json", "no description"),
    )  # fmt: skip
    yield Case(
        "load_model", "missing or foreign file", "folder: not there",
        lambda w: load_model(w.folder / "absent"), ModelFormatError, ("absent", "written by save_model"),
    )  # fmt: skip
    yield Case(
        "load_model", "control characters", "folder: a name with a null character",
        lambda w: load_model("a\0b"), ModelFormatError, ("model.json", "no such file|no file can have"),
    )  # fmt: skip

    for kind, what, make, tells in (
        ("missing or foreign file", "not there", lambda w: w.folder / "absent", ("absent", "written by save_model")),
        ("missing or foreign file", "a name of one that is not there", lambda w: str(w.folder / "absent"), ("absent", "written by save_model")),
        ("missing or foreign file", "a file", lambda w: w.file("model.json"), ("model.json", "no such file|cannot be read")),
        ("empty", "an empty description", lambda w: w.file("m/model.json").parent, ("model.json", "fetch it or save")),
        ("wrong shape", "another JSON file", lambda w: w.file("m/model.json", "[]").parent, ("model.json", "written by save_model")),
        ("bomb", "a description with brackets 100,000 deep", lambda w: w.file("m/model.json", b"[" * 100_000).parent, ("model.json", "fetch it or save")),
        ("huge values", "a version of 5,000 digits", lambda w: w.file("m/model.json", f'{{"format": "sklearn-mnm model", "format_version": {"9" * 5000}}}').parent, ("model.json", "fetch it or save|Upgrade")),
        ("negative values", "the version -1", lambda w: w.file("m/model.json", '{"format": "sklearn-mnm model", "format_version": -1}').parent, ("format_version is -1", "fetch it or save")),
        ("control characters", "a name with a null character", lambda w: "a\0b", ("model.json", "no such file|no file can have")),
    ):  # fmt: skip
        yield Case(
            "read_description", kind, f"folder: {what}", lambda w, m=make: read_description(m(w)),
            ModelFormatError, tells,
        )  # fmt: skip
    for name, call in (("read_description", read_description), ("load_model", load_model)):

        def locked(w: Workshop, call: Any = call) -> Any:
            folder = w.model
            with as_nobody(folder / "model.json"):
                return call(folder)

        yield Case(
            name, "no permission", "folder: a description of somebody else", locked,
            ModelFormatError, ("model.json: cannot be read", "who may read"),
        )  # fmt: skip
        for value in (3, None, b"\xff"):
            yield Case(
                name, "wrong dtype", f"folder: {value!r}", lambda w, c=call, v=value: c(v),
                InvalidInputError, ("folder=", "Give a string or a path"),
            )  # fmt: skip

    for name, call in (("load_pretrained", load_pretrained), ("model_card", model_card)):
        for value in ("brainmap", "../../etc", "", 3):
            yield Case(
                name, "path out of the folder" if ".." in str(value) else "unknown choice",
                f"name: {value!r}", lambda w, c=call, v=value: c(v),
                InvalidInputError, (f"name={value!r}", "load_model"),
            )  # fmt: skip


def cases() -> Iterator[Case]:
    """Yield all cases of folders."""
    yield from _release_cases()
    yield from _neurovault_cases()
    yield from _pubget_cases()
    yield from _images_cases()
    yield from _model_cases()
