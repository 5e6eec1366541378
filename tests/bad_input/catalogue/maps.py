"""Brain maps as arrays, peaks and images, given to all that takes maps."""

# ruff: noqa: E501  # rows of a table stay on one line
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from catalogue.case import Case
from catalogue.faults import (
    ARRAYS,
    DOUBTFUL_IMAGES,
    EMPTY_MAPS,
    IMAGES,
    PEAK_FORMS,
    PEAKS,
    case,
    rows_of,
)
from catalogue.workshop import N_REGIONS, Workshop
from sklearn_mnm.brain import z_from_p
from sklearn_mnm.exceptions import DataFormatError, DataWarning, InvalidInputError

_OPTIONS = {"predict_topk": {"k": 3}}


def _of(method: str) -> Callable[[Workshop, Any], Any]:
    return lambda w, maps: getattr(w.placeless.decoder(), method)(maps, **_OPTIONS.get(method, {}))


def _of_images(method: str) -> Callable[[Workshop, Any], Any]:
    return lambda w, maps: getattr(w.decoder, method)(maps)


_READERS = (
    "transform",
    "decision_function",
    "predict",
    "predict_proba",
    "predict_topk",
    "retrieve",
)


def _decoder_cases() -> Iterator[Case]:
    for method in _READERS:
        name = f"MNMDecoder.{method}"
        for fault in ARRAYS + EMPTY_MAPS:
            yield case(fault, name, _of(method))
        for fault in PEAKS + IMAGES + DOUBTFUL_IMAGES:
            yield case(fault, name, _of_images(method))
        yield Case(
            name, "4D for 3D", "X: an image of three maps",
            lambda w, method=method: getattr(w.decoder, method)(w.image(shape=(13, 15, 13, 3))),
            "a row of results for each of the three maps", holds=rows_of(3),
        )  # fmt: skip
        yield Case(
            name, "huge values", "X: peaks a million kilometres away",
            lambda w, method=method: getattr(w.decoder, method)([w.peaks[0] * 1e300]),
            InvalidInputError, ("zero everywhere", "outside the brain"),
        )  # fmt: skip
        yield Case(
            name, "empty", "X: no study",
            lambda w, method=method: getattr(w.decoder, method)([]),
            InvalidInputError, ("X is empty", "give at least one"),
        )  # fmt: skip
    for fault in (*ARRAYS, EMPTY_MAPS[0], EMPTY_MAPS[3]):
        yield case(fault, "MNMDecoder.walk", lambda w, maps: w.placeless.decoder().walk(maps))
    for fault in PEAKS + IMAGES + DOUBTFUL_IMAGES:
        yield case(fault, "MNMDecoder.walk", lambda w, maps: w.decoder.walk(maps))
    for fault in (*ARRAYS, EMPTY_MAPS[0], EMPTY_MAPS[3]):
        yield case(
            fault, "MNMDecoder.ancestors", lambda w, maps: w.placeless.decoder().ancestors(maps)
        )
    for k in (True, 0, 10_000):
        yield Case(
            "MNMDecoder.predict_topk", "unknown choice", f"k: {k}",
            lambda w, k=k: w.placeless.decoder().predict_topk(w.maps, k=k),
            InvalidInputError, (f"k={k} must be an integer from 1 to", "the terms"),
        )  # fmt: skip
    yield Case(
        "MNMDecoder.decision_function", "wrong shape", "terms: a name told by one string",
        lambda w: w.placeless.decoder().decision_function(w.maps, terms={"finger": "hand"}),
        InvalidInputError, (r"terms\['finger'\]: expected several strings", r"write \['hand'\]"),
    )  # fmt: skip
    yield Case(
        "MNMDecoder.ancestors", "unknown choice", "min_probability: 2",
        lambda w: w.placeless.decoder().ancestors(w.maps, min_probability=2),
        InvalidInputError, ("min_probability=2", "0 to 1"),
    )  # fmt: skip
    yield Case(
        "MNMDecoder.walk", "4D for 3D", "X: an image of three maps",
        lambda w: w.decoder.walk(w.image(shape=(13, 15, 13, 3))),
        InvalidInputError, ("X holds 3 maps", "one at a time"),
    )  # fmt: skip
    for fault in ARRAYS:
        yield case(
            fault, "MNMDecoder.score", lambda w, m: w.placeless.decoder().score(m, w.texts[:5])
        )
    for fault in EMPTY_MAPS[:4]:
        yield case(
            fault, "MNMDecoder.score", lambda w, m: w.placeless.decoder().score(m, w.texts[:5])
        )


def _fit_cases() -> Iterator[Case]:
    """Maps given to what learns from them."""
    calls: dict[str, tuple[Callable[[Workshop, Any], Any], str]] = {
        "MNMEncoder.fit": (lambda w, m: clone(w.placeless).fit(w.texts[:1] * 5, m), "maps"),
        "MNMDecoder.fit": (
            lambda w, m: clone(w.placeless.decoder()).fit(m, w.texts[:1] * 5),
            "maps",
        ),
        "MNMEncoder.score": (lambda w, m: w.placeless.score(w.texts[:5], m), "X"),
    }
    for name, (call, x) in calls.items():
        for fault in ARRAYS:
            # A first fit takes any number of regions.
            any_number = fault.kind == "one region" or "11 instead" in fault.given
            # A vector is one region.
            if fault.given != "a vector" and not (any_number and name.endswith("fit")):
                yield case(fault, name, call, x)
    for name in ("MNMEncoder.fit", "MNMDecoder.fit"):
        maps_first = name.startswith("MNMDecoder")

        def fit(w: Workshop, maps: Any, texts: Any = None, maps_first: bool = maps_first) -> Any:
            model = clone(w.placeless.decoder() if maps_first else w.placeless)
            texts = w.texts if texts is None else texts
            return model.fit(maps, texts) if maps_first else model.fit(texts, maps)

        yield Case(
            name, "all-zero map", "maps: all of zeros", lambda w, fit=fit: fit(w, 0 * w.maps),
            InvalidInputError, ("0 of 40 studies", "at least 2 are needed"),
        )  # fmt: skip
        yield Case(
            name, "all-zero map", "maps: one of zeros",
            lambda w, fit=fit: fit(w, w.maps * (np.arange(40) > 0)[:, None]),
            DataWarning, ("1 of 40 studies are left out", "no activation"),
            holds=lambda model: len(model.neighbours_.ids) == 39,
        )  # fmt: skip
        yield Case(
            name, "huge values", "maps: values of 1e300", lambda w, fit=fit: fit(w, w.maps * 1e300),
            InvalidInputError, ("maps holds values up to", "unit"),
        )  # fmt: skip
        yield Case(
            name, "unaligned parts", "maps: fewer than texts", lambda w, fit=fit: fit(w, w.maps[:-1]),
            InvalidInputError, ("40 texts but 39 maps", "one map per text"),
        )  # fmt: skip
        yield Case(
            name, "unaligned parts", "texts and maps of other studies",
            lambda w, fit=fit: fit(w, w.studies[:20], w.studies[20:40]),
            InvalidInputError, ("different ids", "select"),
        )  # fmt: skip
        yield Case(
            name, "one sample", "one study", lambda w, fit=fit: fit(w, w.maps[:1], w.texts[:1]),
            InvalidInputError, ("min_df=3", "more documents"),
        )  # fmt: skip
        yield Case(
            name, "one region", "maps: one region for four dimensions",
            lambda w, fit=fit: fit(w, w.maps[:, :1]),
            InvalidInputError, ("n_components=4", "Ask for fewer"),
        )  # fmt: skip
        yield Case(
            name, "constant map", "maps: all of ones", lambda w, fit=fit: fit(w, np.ones_like(w.maps)),
            "a model that predicts ones", holds=lambda model: model.n_regions_ == N_REGIONS,
        )  # fmt: skip
        yield Case(
            name, "negative values", "maps: negative activations", lambda w, fit=fit: fit(w, -w.maps),
            "a model of deactivations", holds=lambda model: model.n_regions_ == N_REGIONS,
        )  # fmt: skip
        yield Case(
            name, "missing or foreign file", "maps: images without an atlas",
            lambda w, fit=fit: fit(w, [w.image()] * 40),
            InvalidInputError, ("regions=None", "atlas"),
        )  # fmt: skip
        yield Case(
            name, "negative values", "sample_weight: negative",
            lambda w, name=name: (
                clone(w.placeless).fit(w.texts, w.maps, sample_weight=-np.ones(40))
                if name.startswith("MNMEncoder")
                else clone(w.placeless.decoder()).fit(w.maps, w.texts, sample_weight=-np.ones(40))
            ),
            InvalidInputError, ("sample_weight holds -1", "Give 0"),
        )  # fmt: skip
    for name in ("MNMEncoder.partial_fit", "MNMDecoder.partial_fit"):
        maps_first = name.startswith("MNMDecoder")

        def more(w: Workshop, maps: Any, maps_first: bool = maps_first) -> Any:
            model = w.learning.decoder() if maps_first else w.learning
            texts = w.texts[: np.shape(maps)[0]]
            return model.partial_fit(maps, texts) if maps_first else model.partial_fit(texts, maps)

        for fault in ARRAYS:
            if fault.given != "a vector":
                yield case(fault, name, more)
        yield Case(
            name, "all-zero map", "X: all of zeros", lambda w, more=more: more(w, 0 * w.maps),
            InvalidInputError, ("0 of 40 studies", "at least 1 is needed"),
        )  # fmt: skip
        yield Case(
            name, "duplicated studies", "studies learnt before",
            lambda w, maps_first=maps_first: (
                w.learning_studies.decoder() if maps_first else w.learning_studies
            ).partial_fit(w.studies[:20]),
            DataWarning, ("20 of 20 studies have the id", "count twice"),
            holds=lambda model: len(model.neighbours_.ids) == 60,
        )  # fmt: skip
    yield Case(
        "MNMEncoder.score", "all-zero map", "y: all of zeros",
        lambda w: w.placeless.score(w.texts, 0 * w.maps),
        InvalidInputError, ("y: all 40 maps are zero", "Give maps"),
    )  # fmt: skip
    yield Case(
        "MNMEncoder.score", "constant map", "y: all of ones",
        lambda w: w.placeless.score(w.texts, np.ones_like(w.maps)),
        DataWarning, ("40 observed maps of 40 are constant", "counts as 0"),
        holds=lambda score: score == 0,
    )  # fmt: skip
    yield Case(
        "MNMEncoder.score", "unaligned parts", "y: one map for forty texts",
        lambda w: w.placeless.score(w.texts, w.maps[:1]),
        InvalidInputError, ("40 texts but 1 maps", "one map per text"),
    )  # fmt: skip
    yield Case(
        "MNMDecoder.score", "unaligned parts", "y: one text for forty maps",
        lambda w: w.placeless.decoder().score(w.maps, w.texts[:1]),
        InvalidInputError, ("1 texts but 40 maps", "one map per text"),
    )  # fmt: skip
    yield Case(
        "MNMDecoder.score", "all-zero text", "y: texts of unknown words",
        lambda w: w.placeless.decoder().score(w.maps, ["qwxzzy"] * 40),
        InvalidInputError, ("y: none of the 40 texts", "known term"),
    )  # fmt: skip


def _regions_cases() -> Iterator[Case]:
    for method in ("fit", "fit_transform", "transform", "transform_voxels"):

        def call(w: Workshop, peaks: Any, method: str = method) -> Any:
            regions = w.regions if method.startswith("transform") else w.unfitted.regions
            return getattr(regions, method)(peaks)

        name = f"PeaksToRegions.{method}"
        for fault in PEAKS + PEAK_FORMS:
            yield case(fault, name, call)
        if method.startswith("transform"):
            yield Case(
                name, "empty", "X: no study", lambda w, call=call: call(w, []),
                "an array without rows", holds=lambda maps: maps.shape[0] == 0,
            )  # fmt: skip
            yield Case(
                name, "all-zero map", "X: a study without peaks",
                lambda w, call=call: call(w, [np.empty((0, 3))]),
                "a row of zeros", holds=lambda maps: maps.shape[0] == 1 and not maps.any(),
            )  # fmt: skip
            yield Case(
                name, "huge values", "X: peaks a million kilometres away",
                lambda w, call=call: call(w, [w.peaks[0] * 1e300]),
                DataWarning, ("2 of 2 peaks", "Raise max_distance"), holds=lambda maps: not maps.any(),
            )  # fmt: skip
        else:
            yield Case(
                name, "empty", "X: no study", lambda w, call=call: call(w, []),
                InvalidInputError, ("none lies in the mask", "pass an atlas"),
            )  # fmt: skip
            yield Case(
                name, "one region", "n_regions: more than voxels",
                lambda w, m=method: getattr(w.unfitted.regions.set_params(n_regions=99999), m)(w.studies),
                InvalidInputError, ("n_regions", "fewer|finer|at most|more"),
            )  # fmt: skip
    for parameter in ("atlas", "mask_img"):
        for fault in IMAGES:
            yield case(
                fault, "PeaksToRegions.fit",
                lambda w, image, p=parameter: w.unfitted.regions.set_params(**{p: image}).fit(w.studies),
                parameter,
            )  # fmt: skip
    yield Case(
        "PeaksToRegions.fit", "4D for 3D", "mask_img: an image of three maps",
        lambda w: w.unfitted.regions.set_params(mask_img=w.image(shape=(13, 15, 13, 3))).fit(w.studies),
        InvalidInputError, ("mask_img must be a 3D image",),
    )  # fmt: skip
    yield Case(
        "PeaksToRegions.fit", "all-zero map", "mask_img: an image of zeros",
        lambda w: w.unfitted.regions.set_params(mask_img=w.image(lambda v: 0 * v)).fit(w.studies),
        InvalidInputError, ("mask_img has no voxel inside",),
    )  # fmt: skip
    yield Case(
        "PeaksToRegions.fit", "4D for 3D", "atlas: a statistical map instead of labels",
        lambda w: w.unfitted.regions.set_params(atlas=w.image()).fit(),
        InvalidInputError, ("atlas is a 3D image", "Pass an image of labels"),
    )  # fmt: skip
    yield Case(
        "PeaksToRegions.fit", "negative values", "atlas: maps with negative weights",
        lambda w: w.unfitted.regions.set_params(atlas=w.image(np.negative, shape=(13, 15, 13, 3))).fit(),
        InvalidInputError, ("maps of the atlas have negative", "Set negative values to 0"),
    )  # fmt: skip
    for method in ("inverse_transform", "voxels_from_regions", "blend"):
        for fault in ARRAYS:
            if fault.given != "a vector":
                yield case(
                    fault, f"PeaksToRegions.{method}",
                    lambda w, maps, m=method: getattr(w.regions, m)(maps), "Y",
                )  # fmt: skip
        yield Case(
            f"PeaksToRegions.{method}", "wrong shape", "Y: a number",
            lambda w, m=method: getattr(w.regions, m)(3.0), InvalidInputError, ("Y: expected an array",),
        )  # fmt: skip
    for fault in IMAGES:
        yield case(
            fault, "PeaksToRegions.regions_from_img",
            lambda w, image: w.regions.regions_from_img(image), "images",
        )  # fmt: skip
    for fault in DOUBTFUL_IMAGES[3:]:
        yield case(
            fault, "PeaksToRegions.regions_from_img",
            lambda w, image: w.regions.regions_from_img(image), "images",
        )  # fmt: skip
    yield Case(
        "PeaksToRegions.regions_from_img", "empty", "images: none",
        lambda w: w.regions.regions_from_img([]), InvalidInputError, ("images is empty", "at least one"),
    )  # fmt: skip
    yield Case(
        "PeaksToRegions.regions_from_img", "NaN", "images: one of NaN",
        lambda w: w.regions.regions_from_img(w.image(lambda v: v * np.nan)),
        DataFormatError, ("are NaN or infinite", "make it again"),
    )  # fmt: skip
    for kind, given, change, tells in (
        ("wrong shape", "a voxel too few", lambda v: v[:, 1:], ("maps has", "as transform_voxels")),
        ("wrong shape", "a vector", lambda v: v[0], ("maps", "voxels of the mask")),
        ("NaN", "a voxel of NaN", lambda v: np.where(np.arange(v.shape[1]) == 3, np.nan, v), ("maps: Input .*NaN", "Give finite values on the voxels")),
    ):  # fmt: skip
        yield Case(
            "PeaksToRegions.regions_from_voxels", kind, f"maps: {given}",
            lambda w, c=change: w.regions.regions_from_voxels(c(w.regions.transform_voxels(w.studies))),
            InvalidInputError, tells,
        )  # fmt: skip
    for fault in IMAGES:
        yield case(fault, "z_from_p", lambda w, image: z_from_p(image), "image")
    yield Case(
        "z_from_p", "negative values", "image: a map of z",
        lambda w: z_from_p(w.image(np.negative)), InvalidInputError, ("lie between 0 and 1", "as it is"),
    )  # fmt: skip
    yield Case(
        "z_from_p", "unaligned parts", "sign_img: of another shape",
        lambda w: z_from_p(w.image(lambda v: v / 3), sign_img=w.image(shape=(13, 15, 12))),
        InvalidInputError, ("another grid", "one analysis"),
    )  # fmt: skip
    for given, names, tells in (
        (
            "four for three labels",
            ["a", "b", "c", "d"],
            ("4 region names for 3 regions", "by value"),
        ),
        (
            "a dict without one of the labels",
            {1: "a", 2: "b"},
            ("1 of 3 labels", "have no name: 4"),
        ),
        ("a dict of words", {"a": "b"}, ("no label values", "label value: name")),
        ("a table without names", pd.DataFrame({"a": [1], "b": [2]}), ("columns", "'name'")),
    ):
        yield Case(
            "PeaksToRegions.fit", "unaligned parts", f"region_names: {given}",
            lambda w, n=names: w.unfitted.regions.set_params(
                atlas=w.image(lambda v: np.array([0, 1, 2, 4], np.int16)[np.floor(1.333 * v).astype(int)]),
                region_names=n,
            ).fit(),
            InvalidInputError, tells,
        )  # fmt: skip
    for number in (0, 13):
        yield Case(
            "PeaksToRegions.cut_tree", "unknown choice", f"n_clusters: {number} of 12 regions",
            lambda w, n=number: w.regions.cut_tree(n), InvalidInputError, ("n_clusters", "1|12"),
        )  # fmt: skip


def cases() -> Iterator[Case]:
    """Yield all cases of maps."""
    yield from _decoder_cases()
    yield from _fit_cases()
    yield from _regions_cases()
