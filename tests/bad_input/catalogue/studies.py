"""Studies made by hand or drawn at random, and handed to NiMARE."""

# ruff: noqa: E501  # rows of a table stay on one line
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from catalogue.case import Case
from catalogue.workshop import Workshop
from sklearn_mnm import datasets
from sklearn_mnm.datasets import Studies
from sklearn_mnm.exceptions import (
    DataFormatError,
    InvalidInputError,
)


def cases() -> Iterator[Case]:
    """Yield all cases of studies."""
    peaks = pd.DataFrame({"id": ["a", "b"], "x": [0.0, 1], "y": 0.0, "z": 0.0})

    def made(**parts: Any) -> Callable[[Workshop], Any]:
        return lambda w: Studies(**{"ids": ["a", "b"], "peaks": peaks, **parts})

    for kind, given, parts, tells in (
        ("duplicated studies", "ids: the same twice", {"ids": ["a", "a"]}, ("ids: a occurs", "unique")),
        ("NaN", "ids: None", {"ids": ["a", None]}, ("ids: row 1 is missing",)),
        ("wrong shape", "ids: a matrix", {"ids": [["a", "b"]]}, ("ids: expected one dimension",)),
        ("unaligned parts", "peaks: of another study", {"peaks": peaks.assign(id="c")}, ("peaks: row 0 belongs to study 'c'",)),
        ("unaligned parts", "texts: fewer than ids", {"texts": ["pain"]}, ("texts has 1 rows", "same order")),
        ("unaligned parts", "metadata: more rows than ids", {"metadata": pd.DataFrame({"title": list("abc")})}, ("metadata has 3 rows", "same order")),
        ("unaligned parts", "metadata: ids of which one is another", {"metadata": pd.DataFrame({"id": ["a", "x"]})}, ("metadata: its ids", "a row for each study")),
        ("unaligned parts", "counts: a table of other terms", {"counts": pd.DataFrame({"pain": [1, 2]}), "vocabulary": ["fear"]}, ("no columns of counts", "their names")),
        ("unaligned parts", "groups: fewer than ids", {"groups": ["p"]}, ("groups has 1 rows", "same order")),
        ("unaligned parts", "vocabulary: fewer than columns", {"counts": np.eye(2), "vocabulary": ["pain"]}, ("vocabulary", "2")),
        ("unaligned parts", "vocabulary: without counts", {"vocabulary": ["pain"]}, ("vocabulary: given without the counts",)),
        ("NaN", "peaks: NaN", {"peaks": peaks.assign(x=np.nan)}, ("peaks: row 0", "finite numbers in mm")),
        ("infinity", "peaks: infinity", {"peaks": peaks.assign(x=np.inf)}, ("peaks: row 0", "finite numbers in mm")),
        ("wrong dtype", "peaks: words", {"peaks": peaks.assign(x="left")}, ("peaks: x, y, z", "numbers in mm")),
        ("wrong shape", "peaks: no column z", {"peaks": peaks.drop(columns="z")}, ("peaks: missing column",)),
        ("wrong dtype", "peaks: an array", {"peaks": np.zeros((2, 3))}, ("peaks: expected a data frame",)),
        ("wrong dtype", "metadata: a list", {"metadata": ["a", "b"]}, ("metadata: expected a data frame",)),
        ("object array", "texts: None", {"texts": ["pain", None]}, ("texts: row 1", "empty string")),
        ("NaN", "counts: NaN", {"counts": np.full((2, 2), np.nan)}, ("counts: row 0", "not finite")),
        ("wrong dtype", "counts: words", {"counts": np.full((2, 2), "a")}, ("counts", "numbers")),
        ("object array", "counts: objects", {"counts": np.full((2, 2), {}, object)}, ("counts", "numbers")),
        ("wrong shape", "counts: 3D array", {"counts": np.ones((2, 2, 2))}, ("counts: expected numbers of shape",)),
    ):  # fmt: skip
        yield Case("Studies", kind, given, made(**parts), DataFormatError, tells)
    yield Case(
        "Studies", "empty", "ids: none", lambda w: Studies([]), "no studies", holds=lambda s: len(s) == 0,
    )  # fmt: skip
    yield Case(
        "Studies", "control characters", "ids: control characters", lambda w: Studies(["a\x00", "b\x1b"]),
        "two studies", holds=lambda s: len(s) == 2,
    )  # fmt: skip
    yield Case(
        "Studies.select", "unknown choice", "ids: of no study", lambda w: w.studies.select(ids=["x"]),
        InvalidInputError, ("ids: 1 of 1", "Compare with studies.ids"),
    )  # fmt: skip
    yield Case(
        "Studies.select", "duplicated studies", "ids: the same twice",
        lambda w: w.studies.select(ids=[w.studies.ids[0]] * 2), InvalidInputError, ("given more than once",),
    )  # fmt: skip
    for parameter, value in (
        ("n_studies", 0), ("n_studies", -1), ("n_studies", 2.5), ("n_terms", 3), ("peaks_per_study", 0),
        ("noise", 2), ("noise", float("nan")), ("n_domains", "six"), ("peaks_per_study", float("inf")),
    ):  # fmt: skip
        kind = {"nan": "NaN", "inf": "infinity"}.get(str(value), "unknown choice")
        yield Case(
            "make_literature", kind, f"{parameter}: {value!r}",
            lambda w, p=parameter, v=value: datasets.make_literature(**{p: v}),
            InvalidInputError, (f"{parameter}={value!r}", "must be"),
        )  # fmt: skip
    for kind, given, coordinates in (
        ("wrong shape", "two columns", [[1.0, 2.0]]), ("wrong dtype", "words", [["a", "b", "c"]]),
        ("wrong shape", "a number", 3.0), ("object array", "objects", np.full((1, 3), {}, object)),
        ("wrong dtype", "complex numbers", [[1j, 0, 0]]),
    ):  # fmt: skip
        yield Case(
            "talairach_to_mni152", kind, f"coordinates: {given}",
            lambda w, c=coordinates: datasets.talairach_to_mni152(c),
            InvalidInputError, ("coordinates", r"shape \(n_peaks, 3\)"),
        )  # fmt: skip
    yield Case(
        "talairach_to_mni152", "NaN", "coordinates: NaN",
        lambda w: datasets.talairach_to_mni152(np.full((1, 3), np.nan)),
        "NaN, which stays what it is", holds=lambda c: np.isnan(c).all(),
    )  # fmt: skip
    for kind, given, call, tells in (
        ("wrong dtype", "studies: a list", lambda w: datasets.to_nimare([1]), ("studies: expected Studies",)),
        ("negative values", "sample_size: -1", lambda w: datasets.to_nimare(w.studies, sample_size=-1), ("sample_size=-1 must be an integer of at least 1",)),
        ("empty", "studies: without peaks", lambda w: datasets.to_nimare(Studies(["a"])), ("none of the 1 has peaks",)),
    ):  # fmt: skip
        yield Case("to_nimare", kind, given, call, InvalidInputError, tells)
    yield Case(
        "format_references", "wrong dtype", "studies: a list of ids",
        lambda w: datasets.format_references(["1"]), InvalidInputError, ("a table with a column 'id', got list", "what retrieve returns"),
    )  # fmt: skip
    yield Case(
        "format_references", "unknown choice", "style: endnote",
        lambda w: datasets.format_references(pd.DataFrame({"id": ["1"]}), "endnote"), InvalidInputError, ("style='endnote'", "choose one"),
    )  # fmt: skip
