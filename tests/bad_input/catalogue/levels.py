"""Levels of brain networks, and maps given to them."""

# ruff: noqa: E501  # rows of a table stay on one line
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from catalogue.case import Case
from catalogue.faults import ARRAYS, Fault, case
from catalogue.workshop import N_REGIONS, Workshop
from sklearn_mnm.brain import BrainHierarchy
from sklearn_mnm.exceptions import InvalidInputError


def _told(fault: Fault) -> tuple[str, ...]:
    """What is told of a fault of `ARRAYS`."""
    if fault.given == "sparse matrix":
        return ("{x} is sparse", "toarray")
    if fault.kind in ("wrong shape", "one region", "empty"):
        return (r"{x} of shape \(.*\) must have \d+ columns", "one for each of")
    return ("{x} must hold finite numbers",)


def cases() -> Iterator[Case]:
    """Yield all cases of levels."""
    for method, x in (("aggregate", "Y"), ("smooth", "Y"), ("expand", "V")):

        def call(w: Workshop, maps: Any, method: str = method) -> Any:
            columns = w.hierarchy.n_networks("lobe") if method == "expand" else None
            if columns and getattr(maps, "ndim", 0) == 2 and maps.shape[1] == N_REGIONS:
                maps = maps[:, :columns]
            return getattr(w.hierarchy, method)(maps, "lobe")

        for fault in ARRAYS:
            # A vector is one map here, and no rows no maps.
            if fault.given not in ("a vector", "no rows", "dates"):
                told = fault._replace(tells=_told(fault))
                yield case(told, f"BrainHierarchy.{method}", call, x)
    for fault in ARRAYS:
        if fault.given not in ("a vector", "no rows", "dates"):
            yield case(
                fault._replace(tells=_told(fault)), "BrainHierarchy.parents",
                lambda w, maps: w.hierarchy.parents(maps), "Y",
            )  # fmt: skip
    for method in ("aggregate", "smooth", "parents"):
        of = {"aggregate": ("lobe",), "smooth": ("lobe",), "parents": ()}[method]
        for dtype, size in ((np.float32, 3e38), (np.float64, 1.7e308)):
            yield Case(
                f"BrainHierarchy.{method}", "huge values", f"Y: up to {size:g} in {dtype.__name__}",
                lambda w, m=method, o=of, t=dtype, s=size: getattr(w.hierarchy, m)(np.full((2, N_REGIONS), s, t), *o),
                InvalidInputError, ("Y holds values up to", "unit"),
            )  # fmt: skip
        yield Case(
            f"BrainHierarchy.{method}", "wrong dtype", "Y: small unsigned integers",
            lambda w, m=method, o=of: [
                getattr(w.hierarchy, m)(np.full((2, N_REGIONS), 200, t), *o) for t in (np.uint8, float)
            ],
            "what the numbers give as floats", holds=lambda both: np.array_equal(*both),
        )  # fmt: skip
    yield Case(
        "BrainHierarchy", "wrong dtype", "levels and sizes: small unsigned integers",
        lambda w: BrainHierarchy({"lobe": np.arange(200, dtype=np.uint8)}, sizes=np.full(200, 200, np.uint8)),
        "a hierarchy of their numbers", holds=lambda h: h.n_networks("lobe") == 200 and h.network_sizes("brain")[0] == 40_000,
    )  # fmt: skip
    for method in ("aggregate", "smooth", "expand", "memberships", "n_networks", "network_names",
                   "network_sizes", "is_partition"):  # fmt: skip
        yield Case(
            f"BrainHierarchy.{method}", "unknown choice", "level: one that is not there",
            lambda w, m=method: (
                getattr(w.hierarchy, m)(w.maps, "cell")
                if m in ("aggregate", "smooth", "expand")
                else getattr(w.hierarchy, m)("cell")
            ),
            InvalidInputError, ("cell", "lobe"),
        )  # fmt: skip
    for kind, given, levels, tells in (
        ("empty", "no level and no sizes", {}, ("levels and sizes", "one row per region")),
        ("negative values", "a negative network", {"lobe": [-1, 0, 1]}, ("'lobe'", "numbered from 0")),
        ("NaN", "memberships of NaN", {"lobe": np.full((3, 2), np.nan)}, ("'lobe'", "column of their own")),
        ("infinity", "infinite memberships", {"lobe": np.full((3, 2), np.inf)}, ("'lobe'", "column of their own")),
        ("wrong dtype", "words", {"lobe": ["a", "b", "c"]}, ("'lobe'", "must be integers")),
        ("object array", "objects", {"lobe": np.array([{}, {}, {}], object)}, ("'lobe'", "must be integers")),
        ("wrong shape", "3D array", {"lobe": np.ones((3, 2, 2))}, ("'lobe'", "must be integers")),
        ("unaligned parts", "levels of different regions", {"a": [0, 1], "b": [0, 1, 1]}, ("one row per region",)),
        ("huge values", "a network number of a billion", {"lobe": [0, 1, 10**9]}, ("'lobe'", "without gaps|at most")),
        ("one region", "one region", {"lobe": [0]}, None),
    ):  # fmt: skip
        yield Case(
            "BrainHierarchy", kind, f"levels: {given}", lambda w, v=levels: BrainHierarchy(v),
            InvalidInputError if tells else "a hierarchy of that region", tells or (),
            holds=lambda hierarchy: hierarchy.n_regions == 1,
        )  # fmt: skip
    for kind, given, sizes in (("NaN", "NaN", np.nan), ("negative values", "negative", -1.0),
                               ("infinity", "infinity", np.inf), ("all-zero map", "zeros", 0.0)):  # fmt: skip
        yield Case(
            "BrainHierarchy", kind, f"sizes: {given}",
            lambda w, s=sizes: BrainHierarchy({"lobe": [0, 1, 1]}, sizes=np.full(3, s)),
            InvalidInputError, ("sizes must be finite", "not negative"),
        )  # fmt: skip
    for kind, given, children in (
        ("wrong shape", "a vector", [0, 1]), ("wrong dtype", "words", [["a", "b"]]),
        ("huge values", "nodes that are not there", [[0, 99]]), ("NaN", "NaN", [[0.0, np.nan]]),
    ):  # fmt: skip
        yield Case(
            "BrainHierarchy.from_tree", kind, f"children: {given}",
            lambda w, c=children: BrainHierarchy.from_tree(np.array(c), {"two": 2}),
            InvalidInputError, ("children", "tree|shape|must"),
        )  # fmt: skip
    yield Case(
        "BrainHierarchy.from_tree", "unknown choice", "cuts: more networks than regions",
        lambda w: BrainHierarchy.from_tree(w.regions.children_, {"many": 99}),
        InvalidInputError, ("many|99", "12"),
    )  # fmt: skip
    for kind, given, rois, labels, tells in (
        ("NaN", "coordinates: NaN", [[np.nan, 0, 0]], ["a"], ("coordinates must be finite numbers in mm", "with 1 not finite")),
        ("wrong shape", "coordinates: two columns", [[0, 0]], ["a"], (r"of shape \(n_rois, 3\); got shape \(1, 2\)",)),
        ("unaligned parts", "labels: fewer than coordinates", [[0, 0, 0], [9, 9, 9]], ["a"], ("labels", "2")),
        ("empty", "coordinates: none", np.empty((0, 3)), [], ("got 0 labels for 0 coordinates",)),
        ("wrong dtype", "coordinates: words", [["a", "b", "c"]], ["a"], ("coordinates: could not convert string", "Give numbers in mm")),
    ):  # fmt: skip
        yield Case(
            "BrainHierarchy.from_rois", kind, given,
            lambda w, r=rois, names=labels: BrainHierarchy.from_rois(w.regions, r, names, "net"),
            InvalidInputError, tells,
        )  # fmt: skip
    yield Case(
        "BrainHierarchy.from_labels", "4D for 3D", "labels_imgs: a statistical map",
        lambda w: BrainHierarchy.from_labels({"net": w.image()}, w.regions),
        InvalidInputError, ("not an image of labels|not integers", "labels"),
    )  # fmt: skip
    yield Case(
        "BrainHierarchy.from_labels", "all-zero map", "labels_imgs: zeros",
        lambda w: BrainHierarchy.from_labels({"net": w.image(lambda v: 0 * v)}, w.regions),
        InvalidInputError, ("only background",),
    )  # fmt: skip
