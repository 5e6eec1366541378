"""Points, scores and other numbers, given to what computes with them and draws them."""

# ruff: noqa: E501  # rows of a table stay on one line
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

from catalogue.case import Case
from catalogue.faults import IMAGES, Fault, case, finite
from catalogue.workshop import Workshop
from sklearn_mnm import (
    HyperbolicBrainTextEmbedder,
    MNMObjective,
    Towers,
    geometry,
    get_scorer,
    metrics,
    plotting,
    recall_scorer,
    walk_to_root,
)
from sklearn_mnm.exceptions import DataFormatError, DataWarning, InvalidInputError
from sklearn_mnm.search.index import PointIndex


def of_points(change: Callable[[np.ndarray], Any]) -> Callable[[Workshop], Any]:
    """Make a fault of a change of good points."""
    return lambda w: change(w.points)


#: Points of the hyperboloid.
POINTS = (
    Fault("wrong shape", "3D array", of_points(lambda p: p[None]), InvalidInputError, (r"{x}(\['texts'\])? has shape", "it must be .*time coordinate first")),
    Fault("wrong shape", "points of no dimension", of_points(lambda p: p[:, :1]), InvalidInputError, (r"{x}(\['texts'\])? has shape", "it must be .*time coordinate first")),
    Fault("wrong dtype", "words", of_points(lambda p: np.full(p.shape, "a")), InvalidInputError, (r"{x}(\['texts'\])? (must hold real numbers|has dtype)",)),
    Fault("object array", "objects", of_points(lambda p: np.full(p.shape, {}, object)), InvalidInputError, (r"{x}(\['texts'\])? (must hold real numbers|has dtype)",)),
    Fault("NaN", "NaN", of_points(lambda p: p * np.nan), InvalidInputError, (r"{x}(\['texts'\])? row 0 .*not on the hyperboloid", "exp_map0")),
    Fault("infinity", "infinity", of_points(lambda p: p + np.inf), InvalidInputError, (r"{x}(\['texts'\])? row 0 .*not on the hyperboloid", "exp_map0")),
    Fault("huge values", "points off the hyperboloid", of_points(lambda p: p * 1e200), InvalidInputError, (r"{x}(\['texts'\])? row 0 .*not on the hyperboloid", "exp_map0")),
    Fault("negative values", "points of the other sheet", of_points(np.negative), InvalidInputError, (r"{x}(\['texts'\])? row 0 .*not on the hyperboloid", "exp_map0")),
)  # fmt: skip

#: Square matrices of scores.
SCORES = (
    Fault("wrong shape", "a vector", lambda w: np.ones(4), InvalidInputError, (r"{x}: expected a .*matrix.*, got shape \(4,\)",)),
    Fault("wrong shape", "a matrix that is not square", lambda w: np.ones((3, 4)), InvalidInputError, ("{x}: expected a square matrix", "same order")),
    Fault("wrong dtype", "words", lambda w: np.full((3, 3), "a"), InvalidInputError, ("{x}: must hold real numbers",)),
    Fault("wrong dtype", "complex numbers", lambda w: np.eye(3) + 1j, InvalidInputError, ("{x}: must hold real numbers",)),
    Fault("object array", "objects", lambda w: np.full((3, 3), {}, object), InvalidInputError, ("{x}: must hold real numbers",)),
    Fault("NaN", "NaN", lambda w: np.full((3, 3), np.nan), InvalidInputError, ("{x}: 9 entries are NaN or infinite", "leave out these rows")),
    Fault("infinity", "infinity", lambda w: np.full((3, 3), np.inf), InvalidInputError, ("{x}: 9 entries are NaN or infinite", "leave out these rows")),
    Fault("empty", "no rows", lambda w: np.empty((0, 0)), InvalidInputError, ("{x}: expected a non-empty matrix",)),
)  # fmt: skip


def _metrics_cases() -> Iterator[Case]:
    calls: dict[str, Callable[[Any], Any]] = {
        "retrieval_ranks": metrics.retrieval_ranks,
        "recall_at_k": lambda scores: metrics.recall_at_k(scores, 1),
        "mix_and_match": metrics.mix_and_match,
        "retrieval_report": metrics.retrieval_report,
        "correct_hubness": metrics.correct_hubness,
    }
    for name, call in calls.items():
        for fault in SCORES:
            if name != "correct_hubness" or "square" not in fault.given:
                yield case(fault, name, lambda w, s, call=call: call(s), "scores")
        yield Case(
            name, "huge values", "scores: up to 1e300",
            lambda w, call=call: call(np.eye(3) * 1e300), "a finite result",
            holds=lambda result: finite(_numbers(result)),
        )  # fmt: skip
        small = (np.arange(9).reshape(3, 3) * 97 % 251).astype(np.uint8)
        yield Case(
            name, "wrong dtype", "scores: small unsigned integers",
            lambda w, call=call, s=small: (call(s), call(s.astype(float))), "what the numbers give as floats",
            holds=lambda both: np.array_equal(*map(_numbers, both)),
        )  # fmt: skip
        if name != "correct_hubness":
            yield Case(
                name, "huge values", "scores: up to 1.7e308", lambda w, call=call: call(np.eye(3) * 1.7e308),
                "a finite result", holds=lambda result: finite(_numbers(result)),
            )  # fmt: skip
    for dtype, size in ((np.float64, 1.7e308), (np.float32, 3e38)):
        yield Case(
            "correct_hubness", "huge values", f"scores: up to {size:g} in {dtype.__name__}",
            lambda w, t=dtype, s=size: metrics.correct_hubness((np.eye(3) * s).astype(t)),
            InvalidInputError, (f"scores: of up to {size:g}".replace("+", r"\+"), "Divide all by"),
        )  # fmt: skip
    yield Case(
        "correct_hubness", "huge values", "scores: up to 60,000 in float16",
        lambda w: metrics.correct_hubness((np.eye(3) * 60_000).astype(np.float16)), "finite scores", holds=finite,
    )  # fmt: skip
    for name in ("mix_and_match", "retrieval_report"):
        yield Case(
            name, "one sample", "scores: of one pair", lambda w, n=name: getattr(metrics, n)([[1.0]]),
            InvalidInputError, ("scores: .*there is only one candidate", "give at least two pairs"),
        )  # fmt: skip
    for k in (0, -1, 1.5, "1", True):
        yield Case(
            "recall_at_k", "unknown choice", f"k: {k!r}",
            lambda w, k=k: metrics.recall_at_k(np.eye(3), k), InvalidInputError, (f"k={k!r} must be an integer of at least 1",),
        )  # fmt: skip
    for name in ("map_correlation", "dice_top"):

        def compare(predicted: Any, observed: Any = None, name: str = name) -> Any:
            observed = np.eye(3, 6) if observed is None else observed
            return getattr(metrics, name)(predicted, observed)

        for fault in SCORES:
            if "square" not in fault.given:
                yield case(
                    fault, name, lambda w, maps, f=compare: f(maps), "predicted",
                )  # fmt: skip
        yield Case(
            name, "unaligned parts", "predicted: fewer maps than observed",
            lambda w, f=compare: f(np.eye(2, 6)), InvalidInputError, ("predicted", "shape"),
        )  # fmt: skip
        yield Case(
            name, "all-zero map", "observed: of zeros", lambda w, f=compare: f(np.eye(3, 6), np.zeros((3, 6))),
            DataWarning, ("observed", "0"), holds=lambda scores: not scores.any(),
        )  # fmt: skip
        for size in (1e300, 1.7e308):
            yield Case(
                name, "huge values", f"predicted: up to {size:g}",
                lambda w, f=compare, s=size: f(s - np.eye(3, 6) * s, 1 - np.eye(3, 6)),
                "scores of 1", holds=lambda scores: np.allclose(scores, 1),
            )  # fmt: skip
        small = (np.arange(18).reshape(3, 6) * 97 % 251).astype(np.uint8)
        yield Case(
            name, "wrong dtype", "predicted and observed: small unsigned integers",
            lambda w, f=compare, m=small: (f(m, m[::-1]), f(m * 1.0, m[::-1] * 1.0)), "what the numbers give as floats",
            holds=lambda both: np.array_equal(*both),
        )  # fmt: skip
    yield Case(
        "dice_top", "negative values", "fraction: -1",
        lambda w: metrics.dice_top(np.eye(3, 6), np.eye(3, 6), -1), InvalidInputError, ("fraction", "above 0|between"),
    )  # fmt: skip
    yield Case(
        "get_scorer", "unknown choice", "scoring: a word", lambda w: get_scorer("accuracy"),
        InvalidInputError, ("accuracy", "one of|recall"),
    )  # fmt: skip
    yield Case(
        "recall_scorer", "unknown choice", "k: 0", lambda w: recall_scorer(0),
        InvalidInputError, ("k=0", "at least"),
    )  # fmt: skip
    yield Case(
        "recall_scorer", "all-zero map", "y: maps of zeros",
        lambda w: recall_scorer(1)(w.placeless, w.texts, 0 * w.maps),
        InvalidInputError, ("All 40 maps are zero", "nothing"),
    )  # fmt: skip
    yield Case(
        "get_scorer", "NaN", "y: maps with NaN",
        lambda w: get_scorer("recall_at_10")(w.placeless, w.texts, w.maps * np.nan),
        InvalidInputError, ("y: Input .*NaN", "of finite numbers"),
    )  # fmt: skip


def _numbers(result: Any) -> Any:
    return list(result.values()) if isinstance(result, dict) else result


def _embedder_cases() -> Iterator[Case]:
    """Checks are those of scikit-learn, with the argument and what to give instead."""
    changes = {
        "wrong shape": ("a vector", lambda m: m[0], ": Expected 2D array"),
        "wrong dtype": ("words", lambda m: np.full(m.shape, "a"), ": could not convert string"),
        "NaN": ("NaN", lambda m: m * np.nan, ": Input .* contains NaN"),
        "infinity": ("infinity", lambda m: m + np.inf, ": Input .* contains infinity"),
        "empty": ("no rows", lambda m: m[:0], ": Found array with 0 sample"),
    }
    name = "HyperbolicBrainTextEmbedder"
    for kind, (given, change, told) in changes.items():
        for method in ("fit", "partial_fit", "score"):
            yield Case(
                f"{name}.{method}", kind, f"X: {given}",
                lambda w, m=method, c=change: getattr(w.embedder_for(m), m)(c(w.counts), w.maps),
                InvalidInputError, (f"X{told}", "Give finite numbers, one row"),
            )  # fmt: skip
            if given != "a vector":
                yield Case(
                    f"{name}.{method}", kind, f"y: {given}",
                    lambda w, m=method, c=change: getattr(w.embedder_for(m), m)(w.counts, c(w.maps)),
                    InvalidInputError, (f"y{told}", "Give finite numbers, one row"),
                )  # fmt: skip
        for method in ("transform", "predict"):
            yield Case(
                f"{name}.{method}", kind, f"X: {given}",
                lambda w, m=method, c=change: getattr(w.embedder, m)(c(w.counts)), InvalidInputError, (f"X{told}", "Give finite numbers, one row"),
            )  # fmt: skip
        for method in ("transform_brain", "ancestors"):
            yield Case(
                f"{name}.{method}", kind, f"Y: {given}",
                lambda w, m=method, c=change: getattr(w.embedder, m)(c(w.maps)), InvalidInputError, (f"Y{told}", "Give finite numbers, one row"),
            )  # fmt: skip
        yield Case(
            f"{name}.inverse_transform", kind, f"text_points: {given}",
            lambda w, c=change: w.embedder.inverse_transform(c(w.embedder.transform(w.counts))), InvalidInputError, (f"text_points{told}", "Give points as transform"),
        )  # fmt: skip
        for method in ("similarity", "pair_log_odds"):
            yield Case(
                f"{name}.{method}", kind, f"text_points: {given}",
                lambda w, m=method, c=change: getattr(w.embedder, m)(
                    c(w.embedder.transform(w.counts)), w.embedder.transform_brain(w.maps)
                ), InvalidInputError, (f"text_points{told}", "Give points as transform"),
            )  # fmt: skip
    yield Case(
        f"{name}.inverse_transform", "huge values", "text_points: off the hyperboloid",
        lambda w: w.embedder.inverse_transform(2 * w.embedder.transform(w.counts)),
        InvalidInputError, ("text_points row 0 .* not on the hyperboloid", "exp_map0"),
    )  # fmt: skip
    for method in ("fit", "partial_fit", "score"):
        yield Case(
            f"{name}.{method}", "unaligned parts", "y: fewer rows than X",
            lambda w, m=method: getattr(w.embedder_for(m), m)(w.counts, w.maps[1:]), InvalidInputError,
            ("X, y and groups: .*inconsistent numbers of samples", "one row of each per study"),
        )  # fmt: skip
    yield Case(
        f"{name}.fit", "one region", "y: one region for four dimensions",
        lambda w: w.unfitted.embedder.fit(w.counts, w.maps[:, :1]),
        InvalidInputError, ("n_components=4", "fewer components"),
    )  # fmt: skip
    yield Case(
        f"{name}.transform_brain", "one region", "Y: one region of twelve",
        lambda w: w.embedder.transform_brain(w.maps[:, :1]), InvalidInputError, ("Y has 1 columns", "12"),
    )  # fmt: skip
    yield Case(
        f"{name}.transform", "all-zero text", "X: counts of zeros",
        lambda w: w.embedder.transform(0 * w.counts), "the origin", holds=lambda p: np.allclose(p[:, 1:], 0),
    )  # fmt: skip
    yield Case(
        f"{name}.transform_brain", "all-zero map", "Y: maps of zeros",
        lambda w: w.embedder.transform_brain(0 * w.maps), "the origin", holds=lambda p: np.allclose(p[:, 1:], 0),
    )  # fmt: skip
    yield Case(
        f"{name}.transform_brain", "huge values", "Y: up to 1e300",
        lambda w: w.embedder.transform_brain(w.maps * 1e300), InvalidInputError, ("Y holds values", "unit"),
    )  # fmt: skip
    yield Case(
        name, "negative values", "curvature: -1",
        lambda w: HyperbolicBrainTextEmbedder(curvature=-1).fit(w.counts, w.maps),
        InvalidParameterError, ("'curvature'", "range"),
    )  # fmt: skip
    yield Case(
        name, "wrong shape", "term_parts: of one term",
        lambda w: HyperbolicBrainTextEmbedder(term_parts=[[1]]).fit(w.counts, w.maps),
        InvalidInputError, ("term_parts has shape", "contiguous_parts"),
    )  # fmt: skip
    yield Case(
        f"{name}.term_points", "wrong dtype", "fitted to features of both signs",
        lambda w: w.unfitted.embedder.fit(w.counts - 1, w.maps).term_points(),
        InvalidInputError, ("no weights of terms", "TF-IDF"),
    )  # fmt: skip
    yield Case(
        "MNMObjective", "negative values", "extent_weight: -1",
        lambda w: HyperbolicBrainTextEmbedder(objective=MNMObjective(extent_weight=-1)).fit(w.counts, w.maps),
        InvalidParameterError, ("'extent_weight'", "range"),
    )  # fmt: skip
    yield Case(
        "Towers", "wrong dtype", "n_hidden: half a unit",
        lambda w: HyperbolicBrainTextEmbedder(towers=Towers(n_hidden=0.5)).fit(w.counts, w.maps),
        InvalidParameterError, ("'n_hidden'", "range"),
    )  # fmt: skip
    yield Case(
        name, "not fitted", "transform before fit",
        lambda w: HyperbolicBrainTextEmbedder().transform(w.counts), NotFittedError, ("not fitted",),
    )  # fmt: skip


def _index_cases() -> Iterator[Case]:
    for fault in POINTS:
        yield case(fault, "PointIndex", lambda w, p: PointIndex(p), "points")
        yield case(
            fault, "PointIndex.search", lambda w, p: PointIndex(w.points).search(p, 1), "queries"
        )
    yield Case(
        "PointIndex", "empty", "points: none", lambda w: PointIndex(w.points[:0]),
        InvalidInputError, ("points has no rows", "at least one"),
    )  # fmt: skip
    yield Case(
        "PointIndex", "duplicated studies", "ids: the same twice",
        lambda w: PointIndex(w.points, ["a", "a", "b", "c", "d"]), InvalidInputError, ("ids has 1 repeated names, among them 'a'", "needs its own"),
    )  # fmt: skip
    yield Case(
        "PointIndex", "unaligned parts", "ids: fewer than points",
        lambda w: PointIndex(w.points, ["a"]), InvalidInputError, ("ids", "5"),
    )  # fmt: skip
    yield Case(
        "PointIndex", "negative values", "curvature: -1",
        lambda w: PointIndex(w.points, curvature=-1), InvalidInputError, ("curvature=-1", "positive"),
    )  # fmt: skip
    yield Case(
        "PointIndex", "unknown choice", "similarity: a word",
        lambda w: PointIndex(w.points, similarity="near"), InvalidInputError, ("similarity='near'",),
    )  # fmt: skip
    for k in (0, 6, 1.5):
        yield Case(
            "PointIndex.search", "unknown choice", f"k: {k} of 5 points",
            lambda w, k=k: PointIndex(w.points).search(w.points, k), InvalidInputError, (f"k={k}", "1 to 5"),
        )  # fmt: skip


def _walk_cases() -> Iterator[Case]:
    for fault in POINTS[1:]:
        yield case(
            fault, "walk_to_root",
            lambda w, p: walk_to_root(w.points[0], {"texts": p}), "candidates",
        )  # fmt: skip
    yield Case(
        "walk_to_root", "wrong shape", "point: several", lambda w: walk_to_root(w.points, {"a": w.points}),
        InvalidInputError, ("point has shape", "single point"),
    )  # fmt: skip
    yield Case(
        "walk_to_root", "empty", "candidates: none", lambda w: walk_to_root(w.points[0], {}),
        InvalidInputError, ("candidates", "give|at least"),
    )  # fmt: skip
    yield Case(
        "walk_to_root", "NaN", "similarity: one that gives NaN",
        lambda w: walk_to_root(w.points[0], {"a": w.points}, similarity=lambda x, y: np.full((len(x), len(y)), np.nan)),
        InvalidInputError, ("similarity gave", "Return finite"),
    )  # fmt: skip


def _geometry_cases() -> Iterator[Case]:
    points = torch.tensor([[1.0, 0, 0], [2**0.5, 1, 0]], dtype=torch.float64)
    two = ("distance", "exterior_angle", "pairwise_distance", "pairwise_exterior_angle",
           "entailment_violation", "is_entailed", "log_map", "exp_map", "detour", "gromov_product",
           "log_conditional", "pairwise_detour", "pairwise_gromov_product",
           "pairwise_log_conditional")  # fmt: skip
    one = ("constraint_violation", "half_aperture", "log_map0", "project", "radius",
           "einstein_midpoint", "lorentz_centroid")  # fmt: skip
    calls: dict[str, Callable[[Any, float], Any]] = {
        **{name: lambda x, c, n=name: getattr(geometry, n)(x, points, c) for name in two},
        **{name: lambda x, c, n=name: getattr(geometry, n)(x, c) for name in one},
        **{
            name: lambda x, c, n=name: getattr(geometry, n)(x[:, 1], c)
            for name in ("radius_from_information", "information_from_radius")
        },
        **{
            name: lambda x, c, n=name: getattr(geometry, n)(x[:, 1], x[:, 0], x[:, 1], c)
            for name in ("polar_detour", "polar_distance")
        },
        "geodesic": lambda x, c: geometry.geodesic(x, points, 0.5, c),
        "exp_map0": lambda x, c: geometry.exp_map0(x[:, 1:], c),
        "from_space": lambda x, c: geometry.from_space(x[:, 1:], c),
        "origin": lambda x, c: geometry.origin(2, c),
    }
    for name, call in calls.items():
        for c in (-1.0, 0.0, float("nan")):
            yield Case(
                name, "NaN" if c != c else "negative values", f"curvature: {c:g}",
                lambda w, call=call, c=c: call(points, c), InvalidInputError, ("curvature", "positive"),
            )  # fmt: skip
    for name in (
        *two[:4],
        "log_map",
        "exp_map",
        "radius",
        "constraint_violation",
        "exp_map0",
        "from_space",
    ):
        yield Case(
            name, "NaN", "x: NaN", lambda w, call=calls[name]: call(points * torch.nan, 1.0),
            "NaN, which stays what it is", holds=lambda result: bool(result.isnan().any()),
        )  # fmt: skip
        yield Case(
            name, "empty", "x: no points",
            lambda w, n=name, call=calls[name]: (
                getattr(geometry, n)(points[:0], points[:0], 1.0) if n in two else call(points[:0], 1.0)
            ),
            "no results", holds=lambda result: result.numel() == 0,
        )  # fmt: skip
    for name in ("inner", "pairwise_inner", "pairwise_versine"):
        yield Case(
            name, "NaN", "x: NaN", lambda w, n=name: getattr(geometry, n)(points * torch.nan, points),
            "NaN, which stays what it is", holds=lambda result: bool(result.isnan().all()),
        )  # fmt: skip


def _plot_cases() -> Iterator[Case]:
    for fault in IMAGES:
        yield case(fault, "plot_map", lambda w, image: plotting.plot_map(image), "image")
    yield Case(
        "plot_map", "4D for 3D", "image: of three maps",
        lambda w: plotting.plot_map(w.image(shape=(13, 15, 13, 3))), InvalidInputError, ("one 3D map", "index_img"),
    )  # fmt: skip
    yield Case(
        "plot_map", "all-zero map", "image: of zeros", lambda w: plotting.plot_map(w.image(lambda v: 0 * v)),
        "an empty brain", holds=lambda figure: len(figure.axes) > 0,
    )  # fmt: skip
    yield Case(
        "plot_map", "NaN", "image: of NaN", lambda w: plotting.plot_map(w.image(lambda v: v * np.nan)),
        DataFormatError, ("are NaN or infinite", "make it again"),
    )  # fmt: skip
    for kind, value in (("negative values", -1), ("NaN", float("nan")), ("infinity", float("inf"))):
        yield Case(
            "plot_map", kind, f"threshold: {value}", lambda w, v=value: plotting.plot_map(w.image(), threshold=v),
            InvalidInputError, ("threshold=", "at least 0 and finite"),
        )  # fmt: skip
    for name in ("plot_poincare_disk", "view_poincare_disk", "plot_radii"):
        for fault in POINTS:
            yield case(
                fault, name, lambda w, p, n=name: getattr(plotting, n)({"texts": p}), "points",
            )  # fmt: skip
        for kind, given, points in (
            ("empty", "no kind", {}), ("wrong dtype", "no dictionary", [[1.0, 0, 0]]),
        ):  # fmt: skip
            yield Case(
                name, kind, f"points: {given}", lambda w, n=name, p=points: getattr(plotting, n)(p),
                InvalidInputError, ("points", "dict"),
            )  # fmt: skip
        yield Case(
            name, "negative values", "curvature: -1",
            lambda w, n=name: getattr(plotting, n)({"a": w.points}, curvature=-1),
            InvalidInputError, ("curvature=-1", "positive"),
        )  # fmt: skip
    yield Case(
        "plot_poincare_disk", "unaligned parts", "labels: fewer than points",
        lambda w: plotting.plot_poincare_disk({"a": w.points}, labels={"a": ["x"]}),
        InvalidInputError, ("labels", "5"),
    )  # fmt: skip
    for fault in SCORES:
        yield case(
            fault, "plot_retrieval_curve",
            lambda w, s: plotting.plot_retrieval_curve({"model": s}), "scores",
        )  # fmt: skip
        if "square" not in fault.given:
            yield case(
                fault, "plot_similarity_matrix",
                lambda w, s: plotting.plot_similarity_matrix(s), "similarity",
            )  # fmt: skip
    for kind, given, history in (
        ("wrong dtype", "a number", 3), ("empty", "no epoch", []), ("wrong dtype", "words", [{"epoch": "a"}]),
    ):  # fmt: skip
        yield Case(
            "plot_history", kind, f"history: {given}", lambda w, h=history: plotting.plot_history(h),
            InvalidInputError, ("history",),
        )  # fmt: skip
    for method, call in (
        ("plot_levels", lambda w, t: plotting.plot_levels(w.encoder, t)),
        ("plot_walk", lambda w, t: plotting.plot_walk(w.encoder, t)),
    ):
        for kind, given, text, tells in (
            ("empty", "an empty string", "", ("X: entry 0 is ''", "at least one word")),
            ("all-zero text", "an unknown word", "qwxzzy", ("holds no known term", "Use other words")),
            ("wrong dtype", "a number", 3, ("X: Expected 2D array", "Give a list of strings")),
        ):  # fmt: skip
            yield Case(
                method, kind, f"text: {given}", lambda w, call=call, t=text: call(w, t),
                InvalidInputError, tells,
            )  # fmt: skip
        yield Case(
            method, "unknown choice", "encoder: one that knows no places",
            lambda w, call=call, m=method: getattr(plotting, m)(w.placeless, "finger"),
            InvalidInputError, ("arrays|where regions are", "Fit|predict"),
        )  # fmt: skip
    yield Case(
        "plot_calibration", "all-zero map", "y: maps of zeros",
        lambda w: plotting.plot_calibration(w.placeless, w.texts, 0 * w.maps), InvalidInputError, ("y: all 40 maps are zero everywhere", "Give maps with peaks"),
    )  # fmt: skip
    yield Case(
        "plot_calibration", "unaligned parts", "y: fewer maps than texts",
        lambda w: plotting.plot_calibration(w.placeless, w.texts, w.maps[1:]), InvalidInputError, ("40", "39"),
    )  # fmt: skip


def cases() -> Iterator[Case]:
    """Yield all cases of numbers."""
    yield from _metrics_cases()
    yield from _embedder_cases()
    yield from _index_cases()
    yield from _walk_cases()
    yield from _geometry_cases()
    yield from _plot_cases()
