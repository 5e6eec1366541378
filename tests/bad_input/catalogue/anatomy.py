"""Places, regions and maps given to what names them."""

# ruff: noqa: E501  # rows of a table stay on one line
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import nibabel
import numpy as np
import pandas as pd
from sklearn.exceptions import NotFittedError

from catalogue.case import Case
from catalogue.commands import CommandError, run
from catalogue.faults import DOUBTFUL_IMAGES, IMAGES, case
from catalogue.workshop import Workshop
from sklearn_mnm import PeaksToRegions
from sklearn_mnm.brain import cluster_table, name_coordinates, name_regions
from sklearn_mnm.exceptions import DataFormatError, InvalidInputError

_MNI = ("coordinates", "x, y, z in mm")
_NUMBERS = ["x", "y", "z", "value", "volume"]


def _coordinates() -> Iterator[Case]:
    for kind, given, value, tells in (
        ("wrong shape", "two columns", [(1, 2)], _MNI),
        ("wrong shape", "two dimensions too many", np.zeros((2, 3, 1, 1)), ("coordinates", "x, y, z in mm|shape")),
        ("wrong dtype", "words", [("a", "b", "c")], _MNI),
        ("wrong dtype", "dates", np.zeros((2, 3), "datetime64[D]"), _MNI),
        ("NaN", "NaN", [(0, np.nan, 0)], _MNI),
        ("infinity", "infinity", [(0, np.inf, 0)], _MNI),
        ("object array", "an array of objects", np.array([({}, 1, 2)], dtype=object), _MNI),
        ("unaligned parts", "a data frame without z", pd.DataFrame({"x": [1], "y": [2]}), ("columns", "x, y and z")),
    ):  # fmt: skip
        yield Case(
            "name_coordinates", kind, f"coordinates: {given}",
            lambda w, v=value: name_coordinates(v), InvalidInputError, tells,
        )  # fmt: skip
        yield Case(
            "MNMEncoder.terms_at", kind, f"places: {given}",
            lambda w, v=value: w.encoder.terms_at(v), InvalidInputError, tuple(t.replace("coordinates", "places") for t in tells),
        )  # fmt: skip
    yield Case(
        "MNMEncoder.terms_at", "huge values", "places: a million kilometres away",
        lambda w: w.encoder.terms_at([(0, 0, 0), (1e12, 0, 0)], k=1),
        InvalidInputError, (r"No region of the model is at \(1e\+12, 0, 0\) mm", "within the brain"),
    )  # fmt: skip
    yield Case(
        "MNMEncoder.terms_at", "unknown choice", "k: 0",
        lambda w: w.encoder.terms_at((0, 0, 0), k=0), InvalidInputError, ("k=0", "terms"),
    )  # fmt: skip
    yield Case(
        "MNMEncoder.terms_at", "unknown choice", "a model that knows no places",
        lambda w: w.placeless.terms_at((0, 0, 0)), InvalidInputError, ("A place needs to know", "Fit to peaks"),
    )  # fmt: skip
    for kind, given, place, tells in (
        ("wrong dtype", "a word", ("left", 0, 0), ("Invalid value for .[xX].",)),
        ("NaN", "NaN", ("nan", 0, 0), ("x, y, z in mm",)),
        ("huge values", "outside the brain", (0, 0, -1e12), ("No region of the model is at", "within the brain")),
    ):  # fmt: skip
        yield Case(
            "mnm place", kind, f"place: {given}",
            lambda w, p=place: run(w, "place", *p), CommandError, tells,
        )  # fmt: skip
    yield Case(
        "name_coordinates", "empty", "coordinates: none",
        lambda w: name_coordinates([]), "a table without rows", holds=lambda table: len(table) == 0,
    )  # fmt: skip
    yield Case(
        "name_coordinates", "huge values", "coordinates: a million kilometres away",
        lambda w: name_coordinates([(1e12, 0, 0)]), '"no label"',
        holds=lambda table: table["name"].tolist() == ["no label"],
    )  # fmt: skip
    for name, call in (
        ("name_coordinates", lambda w, d: name_coordinates((0, 0, 0), max_distance=d)),
        ("name_regions", lambda w, d: name_regions(w.encoder.regions_, max_distance=d)),
        ("cluster_table", lambda w, d: cluster_table(w.image(), 1, max_distance=d)),
    ):
        for kind, value in (("negative values", -1), ("NaN", np.nan), ("wrong dtype", "near")):
            yield Case(
                name, kind, f"max_distance: {value}",
                lambda w, c=call, v=value: c(w, v), InvalidInputError, ("max_distance=", "at least 0"),
            )  # fmt: skip


def _regions() -> Iterator[Case]:
    for fault in IMAGES:
        yield case(fault, "name_regions", lambda w, image: name_regions(image), "atlas")
    yield Case(
        "name_regions", "not fitted", "regions: PeaksToRegions()",
        lambda w: name_regions(PeaksToRegions()), NotFittedError, ("PeaksToRegions", "fit"),
    )  # fmt: skip
    yield Case(
        "name_regions", "empty", "regions: an image of background alone",
        lambda w: name_regions(w.image(lambda v: (0 * v).astype(np.int16))),
        InvalidInputError, ("only background",),
    )  # fmt: skip
    yield Case(
        "name_regions", "wrong dtype", "regions: a map of z",
        lambda w: name_regions(w.image()), InvalidInputError, ("not integers", "Pass an image of labels"),
    )  # fmt: skip


def _clusters() -> Iterator[Case]:
    def call(w: Workshop, image: Any) -> Any:
        return cluster_table(image, 1)[_NUMBERS]

    for fault in IMAGES + DOUBTFUL_IMAGES[3:]:
        yield case(fault, "cluster_table", call, "image")
    yield Case(
        "cluster_table", "all-zero map", "image: zeros",
        lambda w: cluster_table(w.image(lambda v: 0 * v), 1), InvalidInputError, ("0 everywhere", "Give a map"),
    )  # fmt: skip
    yield Case(
        "cluster_table", "NaN", "image: NaN",
        lambda w: cluster_table(w.image(lambda v: v * np.nan), 1), DataFormatError, ("NaN or infinite", "make it again"),
    )  # fmt: skip
    yield Case(
        "cluster_table", "4D for 3D", "image: of three maps",
        lambda w: cluster_table(w.image(shape=(13, 15, 13, 3)), 1), InvalidInputError, ("3 maps", "one at a time"),
    )  # fmt: skip
    yield Case(
        "cluster_table", "empty", "threshold: above all values",
        lambda w: cluster_table(w.image(), 1e6), "a table without rows", holds=lambda table: len(table) == 0,
    )  # fmt: skip
    for name, value, kind, tells in (
        ("threshold", -1.0, "negative values", ("threshold=", "at least 0")),
        ("threshold", np.nan, "NaN", ("threshold=", "at least 0")),
        ("threshold", np.inf, "infinity", ("threshold=", "finite")),
        ("threshold", "3", "wrong dtype", ("threshold=", "number")),
        ("min_volume", -1.0, "negative values", ("min_volume=", "at least 0")),
        ("min_distance", 0, "unknown choice", ("min_distance=0", "above 0")),
        ("k", 0, "unknown choice", ("k=0", "at least 1")),
    ):  # fmt: skip
        yield Case(
            "cluster_table", kind, f"{name}: {value}",
            lambda w, n=name, v=value: cluster_table(w.image(), **{"threshold": 1, n: v}), InvalidInputError, tells,
        )  # fmt: skip


def _command() -> Iterator[Case]:
    def call(w: Workshop, fault: Any) -> Any:
        image = fault.make(w)
        path = image
        if isinstance(image, nibabel.Nifti1Image):
            path = w.folder / "map.nii"
            image.to_filename(path)
        return run(w, "clusters", path, "--threshold", 1)

    for fault in IMAGES:
        yield Case(
            "mnm clusters", fault.kind, f"map: {fault.given}",
            lambda w, f=fault: call(w, f), CommandError,
            tuple(part.replace("{x}", "image") for part in fault.tells),
        )  # fmt: skip
    for value, kind in (("nan", "NaN"), ("inf", "infinity"), ("-1", "negative values")):
        yield Case(
            "mnm clusters", kind, f"--threshold {value}",
            lambda w, v=value: run(w, "clusters", w.saved_image(), "--threshold", v),
            CommandError, ("threshold=", "at least 0"),
        )  # fmt: skip
    yield Case(
        "mnm clusters", "4D for 3D", "map: an image of three maps",
        lambda w: run(w, "clusters", w.saved_image(shape=(13, 15, 13, 3)), "--threshold", 1),
        CommandError, ("3 maps", "one at a time"),
    )  # fmt: skip
    yield Case(
        "mnm clusters", "unknown choice", "no threshold",
        lambda w: run(w, "clusters", w.saved_image()), CommandError, ("--threshold",),
    )  # fmt: skip


def cases() -> Iterator[Case]:
    """Yield the cases of names."""
    yield from _coordinates()
    yield from _regions()
    yield from _clusters()
    yield from _command()
