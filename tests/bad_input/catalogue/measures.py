"""Points, radii and trees, given to what measures a hierarchy, and scorers."""

# ruff: noqa: E501  # rows of a table stay on one line
from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge

from catalogue.case import Case
from catalogue.faults import Fault, case
from catalogue.points import of_points
from catalogue.workshop import Workshop
from sklearn_mnm import HyperbolicBrainTextEmbedder, get_scorer, hierarchy_metrics
from sklearn_mnm.exceptions import DataWarning, InvalidInputError
from sklearn_mnm.scorers import BrainTextScorer, RecallScorer
from sklearn_mnm.search.walk import Walk, geodesic_to_root, walk_to_root

_NOT_THERE = ("{x}: .* no points of a hyperboloid, as row", "exp_map0")
#: Points of a hyperboloid whose curvature is not said.
POINTS = (
    Fault("wrong shape", "a vector", of_points(lambda p: p[0]), InvalidInputError, ("{x}: expected a non-empty matrix",)),
    Fault("wrong shape", "3D array", of_points(lambda p: p[None]), InvalidInputError, ("{x}: expected a non-empty matrix",)),
    Fault("wrong shape", "points of no dimension", of_points(lambda p: p[:, :1]), InvalidInputError, ("{x}: points have a time and space coordinates",)),
    Fault("wrong dtype", "words", of_points(lambda p: p.astype(str)), InvalidInputError, ("{x}: must hold real numbers",)),
    Fault("wrong dtype", "complex numbers", of_points(lambda p: p + 1j), InvalidInputError, ("{x}: must hold real numbers",)),
    Fault("wrong dtype", "dates", of_points(lambda p: p.astype("M8[s]")), InvalidInputError, ("{x}: must hold real numbers",)),
    Fault("wrong dtype", "sparse matrix", of_points(sparse.csr_matrix), InvalidInputError, ("{x}: must hold real numbers", "toarray")),
    Fault("object array", "objects", of_points(lambda p: np.full(p.shape, {}, object)), InvalidInputError, ("{x}: must hold real numbers",)),
    Fault("NaN", "NaN", of_points(lambda p: p * np.nan), InvalidInputError, ("{x}: .* NaN or infinite", "row 0")),
    Fault("infinity", "infinity", of_points(lambda p: p + np.inf), InvalidInputError, ("{x}: .* NaN or infinite", "row 0")),
    Fault("empty", "no points", of_points(lambda p: p[:0]), InvalidInputError, ("{x}: expected a non-empty matrix",)),
    Fault("negative values", "points of the other sheet", of_points(np.negative), InvalidInputError, _NOT_THERE),
    Fault("wrong space", "tangent vectors", of_points(lambda p: np.column_stack([0 * p[:, 0], p[:, 1:]])), InvalidInputError, _NOT_THERE),
)  # fmt: skip

_VECTOR = np.array([40.0, 20, 10, 5])
#: Radii and extents of maps.
VECTORS = (
    Fault("wrong shape", "a matrix", lambda w: _VECTOR[None], InvalidInputError, ("{x}: expected a non-empty vector",)),
    Fault("wrong shape", "a number", lambda w: 3.0, InvalidInputError, ("{x}: expected a non-empty vector",)),
    Fault("wrong dtype", "words", lambda w: _VECTOR.astype(str), InvalidInputError, ("{x}: must hold real numbers",)),
    Fault("wrong dtype", "complex numbers", lambda w: _VECTOR + 1j, InvalidInputError, ("{x}: must hold real numbers",)),
    Fault("wrong dtype", "dates", lambda w: _VECTOR.astype("M8[s]"), InvalidInputError, ("{x}: must hold real numbers",)),
    Fault("object array", "objects", lambda w: [{}] * 4, InvalidInputError, ("{x}: must hold real numbers",)),
    Fault("NaN", "NaN", lambda w: _VECTOR * np.nan, InvalidInputError, ("{x}: .* NaN or infinite", "row 0")),
    Fault("infinity", "infinity", lambda w: _VECTOR + np.inf, InvalidInputError, ("{x}: .* NaN or infinite", "row 0")),
    Fault("empty", "none", lambda w: [], InvalidInputError, ("{x}: expected a non-empty vector",)),
    Fault("unaligned parts", "fewer than the others", lambda w: _VECTOR[1:], InvalidInputError, ("has 3 entries|n_active 3", "one each per map")),
)  # fmt: skip

_TREE = hierarchy_metrics.tree_distances([-1, 0, 0, 1]) * 1.0
#: Distances between nodes.
DISTANCES = (
    Fault("wrong shape", "a vector", lambda w: _TREE[0], InvalidInputError, ("{x}: expected a non-empty matrix",)),
    Fault("wrong shape", "a matrix that is not square", lambda w: _TREE[1:], InvalidInputError, ("{x}: expected a square matrix",)),
    Fault("unaligned parts", "of other nodes", lambda w: _TREE[:3, :3], InvalidInputError, (r"\(3, 3\)", "give the same nodes")),
    Fault("one sample", "of one node", lambda w: _TREE[:1, :1], InvalidInputError, ("{x}: expected a square matrix of at least three",)),
    Fault("wrong dtype", "words", lambda w: _TREE.astype(str), InvalidInputError, ("{x}: must hold real numbers",)),
    Fault("wrong dtype", "complex numbers", lambda w: _TREE + 1j, InvalidInputError, ("{x}: must hold real numbers",)),
    Fault("wrong dtype", "sparse matrix", lambda w: sparse.csr_matrix(_TREE), InvalidInputError, ("{x}: must hold real numbers", "toarray")),
    Fault("object array", "objects", lambda w: np.full(_TREE.shape, {}, object), InvalidInputError, ("{x}: must hold real numbers",)),
    Fault("NaN", "NaN", lambda w: _TREE * np.nan, InvalidInputError, ("{x}: .* NaN or infinite", "row 0")),
    Fault("infinity", "infinity", lambda w: _TREE + np.inf, InvalidInputError, ("{x}: .* NaN or infinite", "row 0")),
    Fault("negative values", "negative", lambda w: -_TREE, InvalidInputError, ("{x}: .* negative",)),
    Fault("empty", "none", lambda w: np.empty((0, 0)), InvalidInputError, ("{x}: expected a non-empty matrix",)),
)  # fmt: skip


def _in_percent(share: float) -> bool:
    return 0 <= share <= 100


def _points_cases() -> Iterator[Case]:
    pairs: dict[str, tuple[tuple[str, str], Callable[..., float]]] = {
        "radial_order": (("inner", "outer"), hierarchy_metrics.radial_order),
        "cone_containment": (
            ("parents", "children"),
            lambda first, second: hierarchy_metrics.cone_containment(first, second, 1.0),
        ),
    }
    for name, (arguments, measure) in pairs.items():
        for fault in POINTS:
            for place, x in enumerate(arguments):

                def call(w: Workshop, bad: Any, place: int = place, measure: Any = measure) -> Any:
                    return measure(*((bad, w.points) if place == 0 else (w.points, bad)))

                yield case(fault, name, call, x)
        yield Case(
            name, "unaligned parts", f"{arguments[1]}: fewer than {arguments[0]}",
            lambda w, m=measure: m(w.points, w.points[1:]), InvalidInputError,
            (f"{arguments[1]} has shape", "row by row"),
        )  # fmt: skip
        yield Case(
            name, "one sample", "one pair", lambda w, m=measure: m(w.points[:1], w.points[1:2]),
            "0 or 100 percent", holds=lambda share: share in (0, 100),
        )  # fmt: skip
        # One farther out than the other in its own direction.
        near, far = np.array([[1e20, 1e20, 0.0]]), np.array([[1e21, 1e21, 0.0]])
        yield Case(
            name, "huge values", "points at t = 1e20 and 1e21", lambda w, m=measure, p=(near, far): m(*p),
            "100 percent", holds=lambda share: share == 100,
        )  # fmt: skip
        yield Case(
            name, "huge values", f"{arguments[1]}: points at t = 1e200",
            lambda w, m=measure, p=near: m(p, p * 1e180), InvalidInputError,
            (f"{arguments[1]} has coordinates of up to 1e.200", "Give points within"),
        )  # fmt: skip
    for argument in ("curvature", "min_radius"):
        for kind, value in (("negative values", -1.0), ("unknown choice", 0), ("NaN", np.nan),
                            ("infinity", np.inf), ("wrong dtype", "1"), ("wrong dtype", None)):  # fmt: skip
            yield Case(
                "cone_containment", kind, f"{argument}: {value!r}",
                lambda w, a=argument, v=value: hierarchy_metrics.cone_containment(
                    w.points, w.points, **{"curvature": 1.0, a: v}
                ),
                InvalidInputError, (f"{argument}={value!r}", "positive and finite"),
            )  # fmt: skip


def _extent_cases() -> Iterator[Case]:
    measures: dict[str, Callable[[Any, Any], float]] = {
        "extent_order": lambda radii, extents: hierarchy_metrics.extent_order(radii, extents, 3),
        "extent_correlation": hierarchy_metrics.extent_correlation,
    }
    for name, measure in measures.items():
        for fault in VECTORS:
            for place, x in enumerate(("radii", "n_active")):

                def call(w: Workshop, bad: Any, place: int = place, measure: Any = measure) -> Any:
                    return measure(*((bad, _VECTOR) if place == 0 else (_VECTOR, bad)))

                yield case(fault, name, call, x)
        yield Case(
            name, "one sample", "one map", lambda w, m=measure: m([1.0], [3]), InvalidInputError,
            ("1 entry|1 maps", "two maps|Lower it"),
        )  # fmt: skip
        for kind, given, extents in (
            ("huge values", "n_active: from -1e308 to 1e308", [1e308, 1e300, 0.0, -1e308]),
            ("wrong dtype", "n_active: of small unsigned integers", np.array([250, 99, 9, 0], np.uint8)),
        ):  # fmt: skip
            yield Case(
                name, kind, given, lambda w, m=measure, e=extents: m([1.0, 2.0, 3.0, 4.0], e),
                "perfect order", holds=lambda found: found in (100, -1),
            )  # fmt: skip
    for x in ("radii", "n_active"):
        yield Case(
            "extent_correlation", "constant map", f"{x}: all equal",
            lambda w, x=x: hierarchy_metrics.extent_correlation(**{"radii": _VECTOR, "n_active": _VECTOR, x: np.ones(4)}),
            DataWarning, (f"{x}: all values are equal",), holds=lambda found: found == 0,
        )  # fmt: skip
    yield Case(
        "extent_order", "constant map", "n_active: all equal",
        lambda w: hierarchy_metrics.extent_order(_VECTOR, np.ones(4), 3),
        InvalidInputError, ("min_difference=3", "Lower it"),
    )  # fmt: skip
    for kind, value in (
        ("negative values", -1),
        ("NaN", np.nan),
        ("wrong dtype", "3"),
        ("wrong dtype", None),
    ):
        yield Case(
            "extent_order", kind, f"min_difference: {value!r}",
            lambda w, v=value: hierarchy_metrics.extent_order(_VECTOR, _VECTOR, v),
            InvalidInputError, (f"min_difference={value!r}", "at least 0"),
        )  # fmt: skip
    yield Case(
        "extent_order", "infinity", "min_difference: inf",
        lambda w: hierarchy_metrics.extent_order(_VECTOR, _VECTOR, np.inf),
        InvalidInputError, ("min_difference=inf", "Lower it"),
    )  # fmt: skip


def _tree_cases() -> Iterator[Case]:
    for kind, given, parents, tells in (
        ("wrong shape", "a matrix", [[-1, 0]], ("expected a non-empty vector",)),
        ("wrong shape", "a number", 3, ("expected a non-empty vector",)),
        ("wrong shape", "lists of different length", [[-1], [0, 1]], ("integers",)),
        ("wrong dtype", "words", ["root", "a"], ("vector of integers",)),
        ("wrong dtype", "numbers that are not whole", [-1.0, 0.0], ("vector of integers",)),
        ("wrong dtype", "truth values", [True, False], ("vector of integers",)),
        ("object array", "None for the root", [None, 0], ("vector of integers",)),
        ("NaN", "NaN for the root", [np.nan, 0], ("vector of integers",)),
        ("infinity", "infinity", [np.inf, 0], ("vector of integers",)),
        ("empty", "none", [], ("non-empty vector",)),
        ("negative values", "-2", [-1, -2], ("entry 1 is -2", "-1 for a root")),
        ("huge values", "a node that is not there", [-1, 10**15], ("entry 1 is", "-1 for a root")),
        ("huge values", "a number of 30 digits", [-1, 10**30], ("integers",)),
        ("negative values", "-1 as unsigned integers hold it", np.array([-1, 0]).astype(np.uint64), ("entry 0 is", "-1 for a root")),
        ("unaligned parts", "nodes that are their own ancestors", [-1, 2, 1], ("node", "own ancestors")),
    ):  # fmt: skip
        yield Case(
            "tree_distances", kind, f"parents: {given}",
            lambda w, p=parents: hierarchy_metrics.tree_distances(p), InvalidInputError, ("parents", *tells),
        )  # fmt: skip
    yield Case(
        "tree_distances", "one sample", "parents: of one node", lambda w: hierarchy_metrics.tree_distances([-1]),
        "0", holds=lambda found: found.tolist() == [[0]],
    )  # fmt: skip
    for fault in DISTANCES:
        for place, x in enumerate(("embedding_distances", "tree_distances")):

            def call(w: Workshop, bad: Any, place: int = place) -> Any:
                return hierarchy_metrics.tree_recovery(
                    *((bad, _TREE) if place == 0 else (_TREE, bad))
                )

            yield case(fault, "tree_recovery", call, x)
    yield Case(
        "tree_recovery", "duplicated studies", "tree_distances: a node twice",
        lambda w: hierarchy_metrics.tree_recovery(_TREE, np.where(_TREE == 1, 0, _TREE)),
        InvalidInputError, ("tree_distances: .* path length 0", "one row per node"),
    )  # fmt: skip
    yield Case(
        "tree_recovery", "constant map", "embedding_distances: all equal",
        lambda w: hierarchy_metrics.tree_recovery(np.ones((4, 4)), _TREE),
        DataWarning, ("embedding_distances: all values are equal",), holds=lambda found: found[:2] == (0, 0),
    )  # fmt: skip
    yield Case(
        "tree_recovery", "all-zero map", "embedding_distances: zeros, of points that coincide",
        lambda w: hierarchy_metrics.tree_recovery(np.zeros((4, 4)), _TREE),
        DataWarning, ("embedding_distances: all values are equal",), holds=lambda found: found == (0, 0, 1),
    )  # fmt: skip
    for size in (1e-300, 5e307):
        yield Case(
            "tree_recovery", "huge values", f"embedding_distances: in units of {size:g}",
            lambda w, s=size: hierarchy_metrics.tree_recovery(_TREE * s, _TREE), "the tree",
            holds=lambda found: np.allclose(found, (1, 1, 0)),
        )  # fmt: skip
        yield Case(
            "tree_recovery", "huge values", f"tree_distances: in units of {size:g}",
            lambda w, s=size: hierarchy_metrics.tree_recovery(_TREE, _TREE * s), "the tree",
            holds=lambda found: np.allclose(found, (1, 1, 0)),
        )  # fmt: skip


def _scorer_cases() -> Iterator[Case]:
    for parameter, values in (
        ("k", (0, -1, 1.5, "1", True, None, np.nan, np.inf)),
        ("random_state", (-1, 1.5, "1", None)),
        ("pool_size", (1, 0, -1, 20.0, "20", 10)),
        ("direction", ("up", None, ["both"])),
    ):
        for value in values:
            tells = (
                ("k=10: recall is 1 whatever the model", "more candidates")
                if value == 10
                else (
                    re.escape(f"{parameter}={value!r}"),
                    "must be an integer of at least|choose one of",
                )
            )
            yield Case(
                "RecallScorer", "negative values" if value == -1 else "unknown choice",
                f"{parameter}: {value!r}", lambda w, p=parameter, v=value: RecallScorer(**{p: v}),
                InvalidInputError, tells,
            )  # fmt: skip
    for value in (0, -1, 1.5, "40"):
        yield Case(
            "RecallScorer.chance", "negative values" if value == -1 else "unknown choice",
            f"n_pairs: {value!r}", lambda w, v=value: RecallScorer().chance(v),
            InvalidInputError, (f"n_pairs={value!r}", "integer"),
        )  # fmt: skip
    yield Case(
        "RecallScorer.chance", "empty", "n_pairs: not given", lambda w: RecallScorer().chance(),
        InvalidInputError, ("n_pairs=None", "Give it"),
    )  # fmt: skip
    for kind, value in (("unknown choice", "accuracy"), ("empty", ""), ("wrong dtype", 3), ("wrong dtype", ["map_dice"]),
                        ("wrong dtype", None)):  # fmt: skip
        yield Case(
            "BrainTextScorer", kind, f"name: {value!r}", lambda w, v=value: BrainTextScorer(v),
            InvalidInputError, ("name=", "choose one of"),
        )  # fmt: skip
        if value != "accuracy":
            yield Case(
                "get_scorer", kind, f"scoring: {value!r}", lambda w, v=value: get_scorer(v),
                InvalidInputError, ("scoring=", "choose one of"),
            )  # fmt: skip
    makers: dict[str, Callable[[], Any]] = {
        "RecallScorer": lambda: RecallScorer(1),
        "BrainTextScorer": lambda: BrainTextScorer("map_correlation"),
    }
    for name, make in makers.items():
        for kind, given, call, tells in (
            ("wrong dtype", "estimator: a number", lambda w, s: s(3, w.texts, w.maps), ("estimator is a int", "scores are known of")),
            ("unknown choice", "estimator: of another package", lambda w, s: s(Ridge(), w.counts, w.maps), ("estimator is a Ridge", "scores are known of")),
            ("unaligned parts", "y: fewer maps than texts", lambda w, s: s(w.placeless, w.texts, w.maps[1:]), ("40 texts but 39 maps", "Give one map per text")),
            ("empty", "X and y: none", lambda w, s: s(w.placeless, [], w.maps[:0]), ("X: Expected 2D array.*Give a list of strings|y: Found array with 0 sample.*may be an array",)),
            ("empty", "y: None", lambda w, s: s(w.placeless, w.texts), ("y=None", "give both")),
            ("NaN", "y: NaN", lambda w, s: s(w.placeless, w.texts, w.maps * np.nan), ("y: Input .*NaN", "of finite numbers")),
            ("infinity", "y: infinity", lambda w, s: s(w.placeless, w.texts, w.maps + np.inf), ("y: Input .*infinity", "of finite numbers")),
            ("NaN", "X: NaN", lambda w, s: s(w.embedder, w.counts * np.nan, w.maps), ("X: .*NaN", "Give")),
            ("wrong dtype", "y: words", lambda w, s: s(w.placeless, w.texts, np.full(w.maps.shape, "a")), ("y: could not convert string to float", "y may be an array")),
            ("object array", "y: objects", lambda w, s: s(w.embedder, w.counts, np.full(w.maps.shape, {}, object)), ("y: ", "Give")),
            ("one region", "y: one region of twelve", lambda w, s: s(w.embedder, w.counts, w.maps[:, :1]), ("1 columns|has 1", "12")),
            ("huge values", "y: up to 1e300", lambda w, s: s(w.embedder, w.counts, w.maps * 1e300), ("values up to|holds values", "unit")),
            ("all-zero map", "y: maps of zeros", lambda w, s: s(w.embedder, w.counts, 0 * w.maps), ("All 40 maps are zero", "nothing")),
        ):  # fmt: skip
            yield Case(
                name, kind, given, lambda w, c=call, m=make: c(w, m()), InvalidInputError, tells,
            )  # fmt: skip
        yield Case(
            name, "not fitted", "estimator: not fitted",
            lambda w, m=make: m()(HyperbolicBrainTextEmbedder(), w.counts, w.maps), NotFittedError, ("not fitted",),
        )  # fmt: skip
        yield Case(
            name, "all-zero map", "y: a map of zeros among others",
            lambda w, m=make: m()(w.embedder, w.counts, w.maps * (np.arange(40) > 0)[:, None]),
            DataWarning, ("1 of 40 pairs are left out", "zero"), holds=lambda score: -1 <= score <= 1,
        )  # fmt: skip
    yield Case(
        "RecallScorer", "one sample", "X and y: one pair",
        lambda w: RecallScorer(1)(w.embedder, w.counts[:1], w.maps[:1]),
        InvalidInputError, ("k=1: recall is 1", "more candidates"),
    )  # fmt: skip
    yield Case(
        "RecallScorer", "one sample", "X and y: fewer pairs than a pool",
        lambda w: RecallScorer(1, pool_size=50)(w.embedder, w.counts, w.maps),
        InvalidInputError, ("pool_size=50", "smaller pools"),
    )  # fmt: skip
    yield Case(
        "RecallScorer", "unaligned parts", "X and y: more pairs than fill the pools",
        lambda w: RecallScorer(1, pool_size=15)(w.embedder, w.counts, w.maps),
        DataWarning, ("10 of 40 pairs fill no pool", "left out"), holds=lambda score: 0 <= score <= 1,
    )  # fmt: skip
    yield Case(
        "BrainTextScorer", "one sample", "X and y: one pair",
        lambda w: BrainTextScorer("map_correlation")(w.embedder, w.counts[:1], w.maps[:1]),
        "the correlation of that map", holds=lambda score: -1 <= score <= 1,
    )  # fmt: skip
    yield Case(
        "BrainTextScorer", "one sample", "X and y: one pair, where others are needed",
        lambda w: BrainTextScorer("mix_and_match")(w.embedder, w.counts[:1], w.maps[:1]),
        InvalidInputError, ("only one candidate", "at least two"),
    )  # fmt: skip


def _walk_cases() -> Iterator[Case]:
    for kind, given, call, tells in (
        ("wrong shape", "point: several", lambda w: geodesic_to_root(w.points), ("point has shape", "single point")),
        ("wrong dtype", "point: words", lambda w: geodesic_to_root(["a", "b"]), ("point must hold real numbers",)),
        ("object array", "point: objects", lambda w: geodesic_to_root([{}, {}]), ("point must hold real numbers",)),
        ("NaN", "point: NaN", lambda w: geodesic_to_root(w.points[0] * np.nan), ("point is not on the hyperboloid", "exp_map0")),
        ("infinity", "point: infinity", lambda w: geodesic_to_root(w.points[0] + np.inf), ("point is not on the hyperboloid", "exp_map0")),
        ("empty", "point: none", lambda w: geodesic_to_root([]), ("point has shape", "single point")),
        ("negative values", "point: of the other sheet", lambda w: geodesic_to_root(-w.points[0]), ("point is not on the hyperboloid", "exp_map0")),
        ("unknown choice", "n_steps: 1", lambda w: geodesic_to_root(w.points[0], n_steps=1), ("n_steps=1", "at least 2")),
        ("wrong dtype", "n_steps: 2.5", lambda w: geodesic_to_root(w.points[0], n_steps=2.5), ("n_steps=2.5", "integer")),
        ("negative values", "curvature: -1", lambda w: geodesic_to_root(w.points[0], curvature=-1), ("curvature=-1", "positive")),
        ("NaN", "curvature: NaN", lambda w: geodesic_to_root(w.points[0], curvature=np.nan), ("curvature=nan", "positive")),
    ):  # fmt: skip
        yield Case("geodesic_to_root", kind, given, call, InvalidInputError, tells)

    def walk(w: Workshop) -> Walk:
        return walk_to_root(w.points[0], {"texts": w.points})

    for kind, given, labels, tells in (
        ("empty", "none", {}, ("labels has no 'texts'", "give labels")),
        ("unaligned parts", "fewer than candidates", {"texts": ["a"]}, ("labels", "texts")),
        ("wrong shape", "one string", {"texts": "abcde"}, ("labels", "texts")),
    ):  # fmt: skip
        yield Case(
            "Walk.to_frame", kind, f"labels: {given}", lambda w, names=labels: walk(w).to_frame(names),
            InvalidInputError, tells,
        )  # fmt: skip


def cases() -> Iterator[Case]:
    """Yield all cases of measures."""
    yield from _points_cases()
    yield from _extent_cases()
    yield from _tree_cases()
    yield from _scorer_cases()
    yield from _walk_cases()
