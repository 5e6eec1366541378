"""Rows in files and in memory, read batch by batch, and what is made of them."""

# ruff: noqa: E501  # rows of a table stay on one line
from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import sparse

from catalogue.case import Case
from catalogue.faults import Fault, case, finite
from catalogue.hardship import as_nobody
from catalogue.points import POINTS
from catalogue.workshop import Workshop
from sklearn_mnm.exceptions import DataFormatError, InvalidInputError, StorageError
from sklearn_mnm.model.out_of_core import batches, count_rows, fit_in_batches, transform_to_file
from sklearn_mnm.nn.distributed import shared_batches, shared_training
from sklearn_mnm.nn.towers import trainable_towers
from sklearn_mnm.search.inner_product import inner_product_vectors

_ROWS = np.arange(1.0, 4001.0).reshape(1000, 4)


def _npy(change: Callable[[np.ndarray], Any]) -> Callable[[Workshop], Path]:
    def make(w: Workshop) -> Path:
        np.save(w.folder / "rows.npy", change(_ROWS), allow_pickle=True)
        return w.folder / "rows.npy"

    return make


def _parquet(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Workshop], Path]:
    def make(w: Workshop) -> Path:
        import pyarrow
        from pyarrow import parquet

        columns = {f"c{i}": column for i, column in enumerate(_ROWS.T)}
        parquet.write_table(pyarrow.table(change(columns)), w.folder / "rows.parquet")
        return w.folder / "rows.parquet"

    return make


def _zarr(w: Workshop, values: np.ndarray = _ROWS) -> Path:
    import zarr

    path = w.folder / "rows.zarr"
    zarr.save_array(str(path), values)
    return path


def _whole(ending: str) -> Callable[[Workshop], Path]:
    """A good file, to be spoilt."""
    return {"npy": _npy(np.copy), "parquet": _parquet(dict), "zarr": _zarr}[ending]


def _spoilt(ending: str, change: Callable[[bytes], bytes]) -> Callable[[Workshop], Path]:
    """Make a source with other bytes: the file, or the file of a chunk."""

    def make(w: Workshop) -> Path:
        source = _whole(ending)(w)
        path = source
        if source.is_dir():
            path = max(source.rglob("*"), key=lambda p: p.stat().st_size if p.is_file() else 0)
        path.write_bytes(change(path.read_bytes()))
        return source

    return make


def _zarr_header(**changes: Any) -> Callable[[Workshop], Path]:
    def make(w: Workshop) -> Path:
        path = _zarr(w)
        (header,) = path.glob("*zarr*")
        header.write_text(json.dumps({**json.loads(header.read_text()), **changes}))
        return path

    return make


def _npy_header(text: str, version: bytes = b"\1\0") -> Callable[[Workshop], Path]:
    size = len(text).to_bytes(2, "little")
    return lambda w: w.file("rows.npy", b"\x93NUMPY" + version + size + text.encode() + bytes(64))


def _header(**changes: Any) -> Callable[[Workshop], Path]:
    return _npy_header(repr({"descr": "<f8", "fortran_order": False, "shape": (1, 2), **changes}))


def _in_memory(change: Callable[[np.ndarray], Any]) -> Callable[[Workshop], Any]:
    return lambda w: change(_ROWS)


#: What cannot be read at all.
SOURCES = (
    Fault("wrong shape", "a list", _in_memory(np.ndarray.tolist), InvalidInputError, ("source is of type list", "give a matrix")),
    Fault("wrong shape", "a vector", _in_memory(lambda r: r[0]), InvalidInputError, ("source is of type ndarray and shape", "give a matrix")),
    Fault("wrong shape", "3D array", _in_memory(lambda r: r[None]), InvalidInputError, ("source is of type ndarray and shape", "give a matrix")),
    Fault("wrong shape", "a file of a vector", _npy(lambda r: r[0]), InvalidInputError, ("rows.npy", "shape", "matrix")),
    Fault("wrong dtype", "a number", lambda w: 3, InvalidInputError, ("source is of type int", "give a matrix")),
    Fault("wrong dtype", "words", _in_memory(lambda r: r.astype(str)), InvalidInputError, ("source has dtype <U", "numbers")),
    Fault("wrong dtype", "complex numbers", _in_memory(lambda r: r + 1j), InvalidInputError, ("source has dtype complex128", "numbers")),
    Fault("wrong dtype", "a sparse matrix of complex numbers", _in_memory(lambda r: sparse.csr_matrix(r + 1j)), InvalidInputError, ("source has dtype complex128", "numbers")),
    Fault("wrong dtype", "dates", _in_memory(lambda r: r.astype("M8[s]")), InvalidInputError, ("source has dtype datetime64", "numbers")),
    Fault("wrong dtype", "a file of words", _npy(lambda r: r.astype("U8")), InvalidInputError, ("rows.npy", "dtype <U8", "numbers")),
    Fault("wrong dtype", "a file with a column of words", _parquet(lambda c: {**c, "id": ["a"] * len(_ROWS)}), InvalidInputError, ("rows.parquet", "not numbers: 'id'", "file of their own")),
    Fault("wrong dtype", "a picture named .npy", lambda w: w.file("rows.npy", b"\x89PNG\xff\xfe" * 30), DataFormatError, ("rows.npy", "cannot be read", "again")),
    Fault("wrong dtype", "a picture named .parquet", lambda w: w.file("rows.parquet", b"\x89PNG\xff\xfe" * 30), DataFormatError, ("rows.parquet", "cannot be read", "again")),
    Fault("object array", "objects", _in_memory(lambda r: np.full(r.shape, {}, object)), InvalidInputError, ("source has dtype object", "numbers")),
    Fault("pickled objects", "a .npy file of pickled objects", _npy(lambda r: np.full(r.shape, {}, object)), DataFormatError, ("rows.npy", "cannot be read", "again")),
    Fault("pickled objects", "a .npz file named .npy", lambda w: (np.savez(w.folder / "r.npz", _ROWS), (w.folder / "r.npz").rename(w.folder / "rows.npy"))[1], DataFormatError, ("rows.npy", "cannot be read", "again")),
    Fault("empty", "an empty file", lambda w: w.file("rows.npy"), DataFormatError, ("rows.npy", "cannot be read", "again")),
    Fault("empty", "an empty file named .parquet", lambda w: w.file("rows.parquet"), DataFormatError, ("rows.parquet", "cannot be read", "again")),
    Fault("empty", "a .parquet file without columns", _parquet(lambda c: {}), InvalidInputError, ("rows.parquet", "no columns")),
    Fault("empty", "an empty folder named .zarr", lambda w: (w.folder / "rows.zarr").mkdir() or w.folder / "rows.zarr", DataFormatError, ("rows.zarr", "cannot be read", "again")),
    Fault("truncated gzip", "a .npy file cut off", _spoilt("npy", lambda b: b[:-1000]), DataFormatError, ("rows.npy", "cannot be read", "again")),
    Fault("truncated gzip", "a .npy header cut off", _spoilt("npy", lambda b: b[:40]), DataFormatError, ("rows.npy", "cannot be read", "again")),
    Fault("truncated gzip", "a .parquet file cut off", _spoilt("parquet", lambda b: b[:-1000]), DataFormatError, ("rows.parquet", "cannot be read", "again")),
    Fault("broken header", "a .npy header that is no dictionary", _npy_header("[1, 2"), DataFormatError, ("rows.npy", "cannot be read", "again")),
    Fault("broken header", "a .npy header of an unknown version", _npy_header("{}", b"\x09\0"), DataFormatError, ("rows.npy", "cannot be read", "again")),
    Fault("broken header", "a .npy header with a type that is none", _header(descr="q99"), DataFormatError, ("rows.npy", "cannot be read", "again")),
    Fault("negative values", "a .npy header with a negative shape", _header(shape=(-5, 2)), DataFormatError, ("rows.npy", "cannot be read", "again")),
    Fault("bomb", "a .npy header that claims 10\N{SUPERSCRIPT ONE}\N{SUPERSCRIPT FIVE} rows", _header(shape=(10**15, 2)), DataFormatError, ("rows.npy", "cannot be read", "again")),
    Fault("bomb", "a .npy header that claims more than fits an address", _header(shape=(10**18, 10**18)), DataFormatError, ("rows.npy", "cannot be read", "again")),
    Fault("bomb", "a .npy header with brackets 10,000 deep", _npy_header("(" * 9_000), DataFormatError, ("rows.npy", "cannot be read", "again")),
    Fault("broken header", "a .zarr array whose description is no JSON", lambda w: (w.file("rows.zarr/zarr.json", "{"), w.folder / "rows.zarr")[1], DataFormatError, ("rows.zarr", "cannot be read", "again")),
    Fault("broken header", "a .zarr array of an unknown format", _zarr_header(zarr_format=99), DataFormatError, ("rows.zarr", "cannot be read", "again")),
    Fault("negative values", "a .zarr array with a negative shape", _zarr_header(shape=[-5, 4]), DataFormatError, ("rows.zarr", "cannot be read", "again")),
    Fault("missing or foreign file", "a file of another kind", lambda w: w.file("rows.csv", "1,2"), InvalidInputError, ("rows.csv", "no known ending", ".npy")),
    *(Fault("missing or foreign file", f"a {ending} file that is not there", lambda w, e=ending: w.folder / f"absent{e}", DataFormatError, (f"absent{ending}", "Check the name")) for ending in (".npy", ".parquet", ".zarr")),
    *(Fault("control characters", f"a {ending} name with a null character", lambda w, e=ending: f"a\0b{e}", DataFormatError, ("no file can have this name",)) for ending in (".npy", ".parquet", ".zarr")),
)  # fmt: skip

#: What shows only when the rows are read.
ROWS = (
    Fault("truncated gzip", "a .parquet file with damaged columns", _spoilt("parquet", lambda b: b[:4] + bytes(len(b) // 2) + b[4 + len(b) // 2 :]), DataFormatError, ("rows.parquet", "cannot be read", "again")),
    Fault("truncated gzip", "a .zarr array with a chunk cut off", _spoilt("zarr", lambda b: b[: len(b) // 2]), DataFormatError, ("rows.zarr", "cannot be read", "again")),
)  # fmt: skip


def _read(source: Any) -> np.ndarray:
    return np.concatenate([np.asarray(batch) for batch in batches(source, 300)])


def _sources_cases() -> Iterator[Case]:
    readers: dict[str, Callable[[Workshop, Any], Any]] = {
        "batches": lambda w, source: _read(source),
        "count_rows": lambda w, source: count_rows(source),
        "transform_to_file": lambda w, source: transform_to_file(
            np.negative, source, w.folder / "made.npy", batch_size=300
        ),
        "fit_in_batches": lambda w, source: fit_in_batches(w.unfitted.embedder, source, w.maps),
    }
    for name, read in readers.items():
        faults = SOURCES if name in ("count_rows", "fit_in_batches") else SOURCES + ROWS
        argument = "X" if name == "fit_in_batches" else "source"
        for fault in faults:

            def call(w: Workshop, read: Any = read, make: Any = fault.make) -> Any:
                source = make(w)
                try:
                    return read(w, source)
                finally:
                    assert not (w.folder / "made.npy").exists()

            tells = tuple(part.replace("source", argument) for part in fault.tells)
            yield Case(
                name, fault.kind, f"{argument}: {fault.given}", call, fault.comes, tells,
                holds=finite,
            )  # fmt: skip
        for ending in ("npy", "parquet", "zarr"):

            def locked(w: Workshop, read: Any = read, ending: str = ending) -> Any:
                w.maps, w.encoder  # noqa: B018  # made while all may be read
                read(w, np.abs(np.resize(_ROWS, (40, 4))))  # with what it imports
                (w.folder / "made.npy").unlink(missing_ok=True)
                path = _whole(ending)(w)
                count_rows(path)
                with as_nobody(path):
                    return read(w, path)

            yield Case(
                name, "no permission", f"{argument}: a .{ending} file of somebody else", locked,
                DataFormatError, (f"rows.{ending}", "who may read"),
            )  # fmt: skip
    for name, argument, call in (
        ("batches", "size", lambda w, n: list(batches(_ROWS, n))),
        ("transform_to_file", "batch_size", lambda w, n: transform_to_file(np.negative, _ROWS, w.folder / "made.npy", batch_size=n)),
        ("fit_in_batches", "batch_size", lambda w, n: fit_in_batches(w.unfitted.embedder, w.counts, w.maps, batch_size=n)),
        ("fit_in_batches", "n_first", lambda w, n: fit_in_batches(w.unfitted.embedder, w.counts, w.maps, n_first=n)),
    ):  # fmt: skip
        for kind, value in (("negative values", -1), ("unknown choice", 2.5), ("wrong dtype", "many"),
                            ("NaN", float("nan")), ("infinity", float("inf")), ("wrong dtype", True)):  # fmt: skip
            yield Case(
                name, kind, f"{argument}: {value!r}", lambda w, c=call, v=value: c(w, v),
                InvalidInputError, (f"{argument}={value!r}", "integer"),
            )  # fmt: skip
    yield Case(
        "batches", "empty", "source: no rows", lambda w: list(batches(_ROWS[:0])), "no batches",
        holds=lambda found: found == [],
    )  # fmt: skip
    yield Case(
        "count_rows", "empty", "source: no rows", lambda w: count_rows(_ROWS[:0]), "0",
        holds=lambda n_rows: n_rows == 0,
    )  # fmt: skip
    yield Case(
        "batches", "one sample", "source: one row", lambda w: list(batches(_ROWS[:1])), "one batch of one row",
        holds=lambda found: [batch.shape for batch in found] == [(1, 4)],
    )  # fmt: skip
    yield Case(
        "batches", "NaN", "source: a .parquet file with entries that are missing",
        lambda w: _read(_parquet(lambda c: {**c, "c0": [None] + [1] * 999})(w)),
        "rows in which they are NaN", holds=lambda rows: np.isnan(rows).sum() == 1 and np.isnan(rows[0, 0]),
    )  # fmt: skip


def _fit_cases() -> Iterator[Case]:
    def fit(w: Workshop, X: Any, Y: Any, **options: Any) -> Any:
        return fit_in_batches(w.unfitted.embedder, X, Y, batch_size=20, n_first=20, **options)

    for kind, given, change, tells in (
        ("NaN", "NaN", lambda m: m * np.nan, ": Input . contains NaN"),
        ("infinity", "infinity", lambda m: m + np.inf, ": Input . contains infinity"),
        ("empty", "no columns", lambda m: m[:, :0], ": Found array with 0 feature"),
        ("NaN", "NaN in the last batch", lambda m: np.where(np.arange(len(m)) == len(m) - 1, np.nan, m.T).T, ": Input . contains NaN"),
        ("huge values", "up to 1e300", lambda m: m * 1e300, " has values of up to| holds values up to"),
    ):  # fmt: skip
        for name, call in (("X", lambda w, c: fit(w, c(w.counts * 1.0), w.maps)), ("Y", lambda w, c: fit(w, w.counts, c(w.maps)))):  # fmt: skip
            yield Case(
                "fit_in_batches", kind, f"{name}: {given}", lambda w, f=call, c=change: f(w, c),
                InvalidInputError, (f"^(?i:{name})({tells})", "Give finite numbers, one row|Divide X|give activations in a unit"),
            )  # fmt: skip
    yield Case(
        "fit_in_batches", "empty", "X and Y: no rows", lambda w: fit(w, w.counts[:0], w.maps[:0]),
        InvalidInputError, ("X has 0 rows", "at least one"),
    )  # fmt: skip
    yield Case(
        "fit_in_batches", "unaligned parts", "Y: fewer rows than X", lambda w: fit(w, w.counts, w.maps[1:]),
        InvalidInputError, ("X has 40 rows and Y has 39", "same order"),
    )  # fmt: skip
    yield Case(
        "fit_in_batches", "one sample", "X and Y: one row", lambda w: fit(w, w.counts[:1], w.maps[:1]).transform(w.counts),
        "an embedder whose points are finite", holds=finite,
    )  # fmt: skip
    yield Case(
        "fit_in_batches", "wrong shape", "X: other columns than those of the fit",
        lambda w: fit_in_batches(w.embedder, w.counts[:, 1:], w.maps), InvalidInputError, ("X has", "features|columns"),
    )  # fmt: skip
    yield Case(
        "fit_in_batches", "wrong dtype", "embedder: a number", lambda w: fit_in_batches(3, w.counts, w.maps),
        InvalidInputError, ("embedder is a int", "Give a HyperbolicBrainTextEmbedder"),
    )  # fmt: skip
    yield Case(
        "fit_in_batches", "unknown choice", "embedder: an encoder, which has no features of texts",
        lambda w: fit_in_batches(w.vectorizer, w.counts, w.maps),
        InvalidInputError, ("embedder is a TermVectorizer", "Give a HyperbolicBrainTextEmbedder"),
    )  # fmt: skip


def _transform_cases() -> Iterator[Case]:
    for kind, given, transform, tells in (
        ("wrong dtype", "a number", 3, ("transform is a int", "Give a method")),
        ("wrong shape", "one that leaves out rows", lambda rows: rows[1:], ("transform made an array of shape", "as many rows")),
        ("wrong shape", "one that gives a number for each row", lambda rows: rows[:, 0], ("transform made an array of shape", "as many rows")),
        ("unaligned parts", "one that gives other columns each time", lambda rows: rows[:, : int(rows[0, 0] % 3) + 1], ("transform made an array of shape", "same columns each time")),
        ("wrong dtype", "one that gives words", lambda rows: np.full(rows.shape, "a"), ("transform", "numbers")),
        ("wrong dtype", "one that gives complex numbers", lambda rows: rows + 1j, ("transform", "numbers")),
        ("wrong dtype", "one that gives nothing", lambda rows: None, ("transform", "numbers|rows")),
        ("object array", "one that gives objects", lambda rows: np.full(rows.shape, {}, object), ("transform", "numbers")),
        ("NaN", "one that gives NaN", lambda rows: rows * np.nan, ("transform.*row 0", "finite")),
        ("infinity", "one that gives infinity", lambda rows: rows + np.inf, ("transform.*row 0", "finite")),
        ("huge values", "one that gives more than single precision holds", lambda rows: rows * 1e300, ("transform.*row 0", "single precision")),
    ):  # fmt: skip
        yield Case(
            "transform_to_file", kind, f"transform: {given}",
            lambda w, t=transform: transform_to_file(t, _ROWS, w.folder / "made.npy", batch_size=100),
            InvalidInputError, tells,
        )  # fmt: skip
    yield Case(
        "transform_to_file", "NaN", "source: NaN",
        lambda w: transform_to_file(w.embedder.transform, w.counts * np.nan, w.folder / "made.npy"),
        InvalidInputError, ("X: Input X contains NaN", "Give finite numbers"),
    )  # fmt: skip
    yield Case(
        "transform_to_file", "empty", "source: no rows",
        lambda w: transform_to_file(np.negative, _ROWS[:0], w.folder / "made.npy"),
        InvalidInputError, ("source has no rows", "nothing to write"),
    )  # fmt: skip
    yield Case(
        "transform_to_file", "missing or foreign file", "path: a folder",
        lambda w: ((w.folder / "made.npy").mkdir(), transform_to_file(np.negative, _ROWS, w.folder / "made.npy")),
        StorageError, ("made.npy: could not be written", "another name"),
    )  # fmt: skip


def _vectors_cases() -> Iterator[Case]:
    def vectors(points: Any, role: Any = "brain", **options: Any) -> np.ndarray:
        return inner_product_vectors(points, role, **options)

    for fault in POINTS:
        yield case(fault, "inner_product_vectors", lambda w, p: vectors(p), "points")
    for kind, given, options, tells in (
        ("unknown choice", "role: a word", {"role": "map"}, ("role='map'", "brain, text")),
        ("wrong dtype", "role: a list", {"role": ["brain"]}, ("role=", "brain, text")),
        ("unknown choice", "similarity: a word", {"similarity": "near"}, ("similarity='near'", "exterior_angle, distance")),
        ("wrong dtype", "similarity: a list", {"similarity": ["distance"]}, ("similarity=", "exterior_angle, distance")),
        ("negative values", "curvature: -1", {"curvature": -1}, ("curvature=-1", "positive")),
        ("NaN", "curvature: NaN", {"curvature": np.nan}, ("curvature=nan", "positive")),
        ("infinity", "curvature: infinity", {"curvature": np.inf}, ("curvature=inf", "positive")),
    ):  # fmt: skip
        yield Case(
            "inner_product_vectors", kind, given, lambda w, o=options: vectors(w.points, **o),
            InvalidInputError, tells,
        )  # fmt: skip
    yield Case(
        "inner_product_vectors", "empty", "points: none", lambda w: vectors(w.points[:0]), "no vectors",
        holds=lambda found: len(found) == 0,
    )  # fmt: skip
    for similarity in ("exterior_angle", "distance", "cosine", "euclidean"):
        yield Case(
            "inner_product_vectors", "all-zero map", f"points: the origin, similarity: {similarity}",
            lambda w, s=similarity: vectors([[1.0, 0, 0, 0]], "text", similarity=s), "a finite vector",
            holds=finite,
        )  # fmt: skip


def _processes_cases() -> Iterator[Case]:
    for name, context in (
        ("shared_training", lambda w: shared_training()),
        ("shared_batches", lambda w: shared_batches(trainable_towers(w.embedder.model_))),
    ):

        def alone(w: Workshop, context: Any = context) -> None:
            with context(w):
                pass

        yield Case(
            name, "unknown choice", "none of a group of processes", alone,
            InvalidInputError, ("process group", "torchrun"),
        )  # fmt: skip

    def in_group(w: Workshop, model: Any) -> None:
        from torch import distributed

        distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
        try:
            with shared_batches(model):
                pass
        finally:
            distributed.destroy_process_group()

    for given, model in (
        ("a number", 3),
        ("an estimator", None),
        ("another module", torch.nn.Linear(2, 2)),
    ):
        yield Case(
            "shared_batches", "wrong dtype", f"model: {given}",
            lambda w, m=model: in_group(w, w.embedder if m is None else m),
            InvalidInputError, ("model is a", "Give the BrainTextModel"),
        )  # fmt: skip


def cases() -> Iterator[Case]:
    """Yield all cases of much data."""
    yield from _sources_cases()
    yield from _fit_cases()
    yield from _transform_cases()
    yield from _vectors_cases()
    yield from _processes_cases()
