"""What a walk to the root of the hyperboloid passes."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.geometry import (
    constraint_violation,
    distance,
    exp_map0,
    exterior_angle,
    half_aperture,
    is_entailed,
    radius,
)
from sklearn_mnm.search.walk import Walk, geodesic_to_root, walk_to_root

PROPERTY = settings(max_examples=60, derandomize=True)
SEEDS = st.integers(0, 2**31)
DIMS = st.integers(1, 16)
CURVATURES = st.floats(0.1, 10)
STEPS = st.integers(2, 15)
# sqrt(c) times the radius of the farthest points.
REACHES = st.sampled_from([1e-3, 0.3, 2.0, 8.0])


def random_points(seed, n, dim, curvature, reach=2.0):
    """Points in random directions with sqrt(c) radius uniform in [0, reach]."""
    generator = np.random.default_rng(seed)
    directions = generator.normal(size=(n, dim))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    radii = reach * generator.random((n, 1)) / curvature**0.5
    return exp_map0(torch.from_numpy(directions * radii), curvature).numpy()


def root(dim, curvature):
    return np.array([curvature**-0.5, *[0.0] * dim])


def point_at(*tangent, curvature=1.0):
    return exp_map0(torch.tensor(tangent, dtype=torch.float64), curvature).numpy()


def radii_of(points, curvature):
    return radius(torch.from_numpy(points), curvature).numpy()


# The geodesic


@PROPERTY
@given(SEEDS, DIMS, CURVATURES, STEPS, REACHES)
def test_steps_lie_on_the_hyperboloid(seed, dim, curvature, n_steps, reach):
    start = random_points(seed, 1, dim, curvature, reach)[0]
    steps = geodesic_to_root(start, curvature=curvature, n_steps=n_steps)
    assert steps.shape == (n_steps, dim + 1)
    assert steps.dtype == np.float64
    violation = constraint_violation(torch.from_numpy(steps), curvature)
    assert violation.max() <= 8 * np.finfo(float).eps


@PROPERTY
@given(SEEDS, DIMS, CURVATURES, STEPS, REACHES)
def test_the_walk_begins_at_the_point_and_ends_at_the_root(seed, dim, curvature, n_steps, reach):
    start = random_points(seed, 1, dim, curvature, reach)[0]
    steps = geodesic_to_root(start, curvature=curvature, n_steps=n_steps)
    np.testing.assert_allclose(steps[0], start, rtol=1e-14, atol=0)
    np.testing.assert_allclose(steps[-1], root(dim, curvature), rtol=1e-15, atol=0)


@PROPERTY
@given(SEEDS, DIMS, CURVATURES, STEPS, REACHES)
def test_radii_fall_linearly_in_equal_steps(seed, dim, curvature, n_steps, reach):
    start = random_points(seed, 1, dim, curvature, reach)[0]
    walk = walk_to_root(start, {"root": root(dim, curvature)[None]}, curvature=curvature,
                        n_steps=n_steps)  # fmt: skip
    first = radii_of(start[None], curvature)[0]
    expected = first * np.linspace(1, 0, n_steps)
    np.testing.assert_allclose(walk.radii, expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(walk.radii, radii_of(walk.points, curvature), rtol=1e-14)
    steps = torch.from_numpy(walk.points)
    lengths = distance(steps[:-1], steps[1:], curvature).numpy()
    np.testing.assert_allclose(lengths, first / (n_steps - 1), rtol=1e-11)
    # Straight: all steps lie in the direction of the start.
    along = np.linalg.norm(walk.points[:, 1:], axis=1, keepdims=True)
    direction = start[1:] / np.linalg.norm(start[1:])
    np.testing.assert_allclose(walk.points[:, 1:], along * direction, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("curvature", [0.1, 1.0, 10.0])
def test_a_start_at_the_root_stays_there(curvature):
    steps = geodesic_to_root(root(3, curvature), curvature=curvature, n_steps=4)
    np.testing.assert_array_equal(steps, np.tile(steps[0], (4, 1)))
    np.testing.assert_allclose(steps[0], root(3, curvature), rtol=1e-15)
    walk = walk_to_root(steps[0], {"a": random_points(0, 5, 3, curvature)}, curvature=curvature)
    np.testing.assert_array_equal(walk.radii, np.zeros(10))
    np.testing.assert_array_equal(walk.nearest["a"], np.tile(walk.nearest["a"][0], (10, 1)))


def test_single_precision_points_are_walked_in_double_precision():
    start = random_points(3, 1, 8, 1.0, reach=5.0)[0].astype(np.float32)
    walk = walk_to_root(start, {"a": random_points(4, 6, 8, 1.0).astype(np.float32)})
    assert walk.points.dtype == walk.radii.dtype == walk.similarities["a"].dtype == np.float64
    assert constraint_violation(torch.from_numpy(walk.points), 1.0).max() < 1e-14


# The nearest candidates


def brute_force(steps, points, k, curvature, entailing):
    """Compare pair by pair and sort by (distance, row number)."""
    indices = np.full((len(steps), k), -1)
    for row, step in enumerate(torch.from_numpy(steps)):
        ranking = []
        for number, point in enumerate(torch.from_numpy(points)):
            if not entailing or is_entailed(point, step, curvature):
                # Rounded, for points that tie but for the order of summation.
                ranking.append((round(float(distance(step, point, curvature)), 9), number))
        numbers = [number for _, number in sorted(ranking)[:k]]
        indices[row, : len(numbers)] = numbers
    return indices


@pytest.mark.parametrize("entailing", [False, True])
@settings(PROPERTY, max_examples=40)
@given(SEEDS, DIMS, CURVATURES, st.integers(0, 25), st.integers(1, 6))
def test_nearest_is_brute_force(entailing, seed, dim, curvature, n, k):
    start = random_points(seed, 1, dim, curvature)[0]
    points = random_points(seed + 1, n, dim, curvature)
    points = np.concatenate([points, points[: n // 3]])  # ties
    walk = walk_to_root(start, {"a": points}, curvature=curvature, n_steps=5, k=k,
                        entailing=entailing)  # fmt: skip
    expected = brute_force(walk.points, points, k, curvature, entailing)
    np.testing.assert_array_equal(walk.nearest["a"], expected)
    assert walk.nearest["a"].dtype == np.int64
    found = expected >= 0
    np.testing.assert_array_equal(np.isnan(walk.similarities["a"]), ~found)
    rows, _ = np.nonzero(found)
    exact = -distance(
        torch.from_numpy(walk.points[rows]), torch.from_numpy(points[expected[found]]), curvature
    )
    np.testing.assert_allclose(walk.similarities["a"][found], exact, rtol=1e-9, atol=1e-12)


@PROPERTY
@given(SEEDS, st.integers(1, 4), CURVATURES)
def test_entailing_candidates_entail_the_step_and_are_nearer_to_the_root(seed, dim, curvature):
    start = random_points(seed, 1, dim, curvature, reach=3.0)[0]
    # Points near the ray as well: in many dimensions random ones hardly ever entail.
    near = geodesic_to_root(start, curvature=curvature, n_steps=7)[:-1, 1:]
    near = near * (1 + 0.05 * np.random.default_rng(seed).normal(size=near.shape))
    near = np.column_stack([np.sqrt(1 / curvature + (near**2).sum(1)), near])
    points = np.concatenate([random_points(seed + 1, 20, dim, curvature), near])
    walk = walk_to_root(start, {"a": points}, curvature=curvature, k=len(points), entailing=True)
    indices = walk.nearest["a"]
    rows, columns = np.nonzero(indices >= 0)
    assert len(rows) > 0
    parents = torch.from_numpy(points[indices[rows, columns]])
    children = torch.from_numpy(walk.points[rows])
    excess = exterior_angle(parents, children, curvature) - half_aperture(
        parents, curvature, min_radius=0.1
    )
    assert excess.max() <= 1e-7
    assert (radius(parents, curvature) <= radius(children, curvature) + 1e-9).all()
    # The others do not: nobody who entails the step is missing.
    for row, step in enumerate(torch.from_numpy(walk.points)):
        others = torch.from_numpy(np.delete(points, indices[row][indices[row] >= 0], axis=0))
        angles = exterior_angle(others, step, curvature)
        assert (angles - half_aperture(others, curvature, min_radius=0.1) >= -1e-7).all()


def test_a_cone_is_open_to_the_ray_behind_its_apex_only():
    start = point_at(2.0, 0.0)
    points = np.stack(
        [point_at(1.0, 0.0), point_at(2.5, 0.0), point_at(0.0, 1.0), point_at(0.0, 0.0)]
    )
    walk = walk_to_root(start, {"a": points}, n_steps=5, k=4, entailing=True)
    # At radii 2, 1.5, (1,) 0.5 and 0: the apex at radius 1 as long as the step is behind it.
    assert walk.nearest["a"][[0, 1, 3, 4]].tolist() == [
        [0, 3, -1, -1],
        [0, 3, -1, -1],
        [3, -1, -1, -1],
        [3, -1, -1, -1],
    ]


def test_a_walk_with_nobody_who_entails_finds_nobody():
    walk = walk_to_root(
        point_at(1.0, 0.0), {"a": point_at(0.0, 1.0)[None]}, n_steps=3, k=2, entailing=True
    )
    np.testing.assert_array_equal(walk.nearest["a"], np.full((3, 2), -1))
    assert np.isnan(walk.similarities["a"]).all()
    frame = walk.to_frame({"a": ["other"]})
    assert len(frame) == 0
    assert list(frame.columns) == ["step", "radius", "kind", "rank", "label", "similarity"]


def test_fewer_candidates_than_asked_for_leave_places_empty():
    walk = walk_to_root(point_at(1.0, 0.0), {"a": random_points(0, 2, 2, 1.0)}, n_steps=3, k=4)
    assert (walk.nearest["a"][:, :2] >= 0).all()
    assert (walk.nearest["a"][:, 2:] == -1).all()


def test_equal_similarities_are_ranked_by_row_and_repeatably():
    points = np.repeat(random_points(0, 3, 2, 1.0), 40, axis=0)
    start = random_points(1, 1, 2, 1.0)[0]
    flat = walk_to_root(start, {"a": points}, k=5, similarity=lambda x, y: np.zeros((10, 120)))
    np.testing.assert_array_equal(flat.nearest["a"], np.tile(np.arange(5), (10, 1)))
    first, second = (walk_to_root(start, {"a": points}, k=50) for _ in range(2))
    np.testing.assert_array_equal(first.nearest["a"], second.nearest["a"])
    np.testing.assert_array_equal(first.similarities["a"], second.similarities["a"])
    groups = first.nearest["a"][:, :40]  # copies of the nearest point, in their order
    np.testing.assert_array_equal(groups, groups[:, :1] + np.arange(40))


def test_a_similarity_of_ones_own_ranks_each_kind():
    calls = []

    def inner_product(steps, points):
        calls.append((type(steps), steps.dtype, steps.shape, points.shape))
        return steps[:, 1:] @ points[:, 1:].T

    candidates = {"texts": random_points(1, 7, 3, 0.5), "maps": random_points(2, 9, 3, 0.5)}
    walk = walk_to_root(random_points(0, 1, 3, 0.5)[0], candidates, curvature=0.5, k=9, n_steps=4,
                        similarity=inner_product)  # fmt: skip
    assert calls == [
        (np.ndarray, np.float64, (4, 4), (7, 4)),
        (np.ndarray, np.float64, (4, 4), (9, 4)),
    ]
    for kind, points in candidates.items():
        matrix = walk.points[:, 1:] @ points[:, 1:].T
        order = np.argsort(-matrix, axis=1, kind="stable")
        np.testing.assert_array_equal(walk.nearest[kind][:, : len(points)], order)


def test_inputs_are_not_changed():
    start, points = random_points(0, 1, 3, 1.0)[0], random_points(1, 5, 3, 1.0)
    start.flags.writeable = points.flags.writeable = False  # writing would raise

    def overwriting(steps, candidates):
        candidates[:] = 0
        return np.zeros((len(steps), len(candidates)))

    walk_to_root(start, {"a": points}, similarity=overwriting, entailing=True)


def test_a_walk_is_frozen():
    walk = walk_to_root(point_at(1.0, 0.0), {"a": point_at(0.0, 1.0)[None]})
    assert isinstance(walk, Walk)
    with pytest.raises(dataclasses.FrozenInstanceError):
        walk.radii = None


# The table


def test_the_table_has_a_row_for_each_candidate_met():
    start = point_at(2.0, 0.0)
    texts = np.stack([point_at(1.0, 0.0), point_at(0.0, 0.0)])
    maps = point_at(2.0, 0.0)[None]
    walk = walk_to_root(start, {"texts": texts, "maps": maps}, n_steps=2, k=2, entailing=True)
    frame = walk.to_frame({"texts": pd.Series(["memory", "all"], index=[7, 8]), "maps": ["start"]})
    expected = pd.DataFrame(
        [
            (0, 2.0, "texts", 1, "memory", -1.0),
            (0, 2.0, "texts", 2, "all", -2.0),
            (0, 2.0, "maps", 1, "start", 0.0),
            (1, 0.0, "texts", 1, "all", 0.0),
        ],
        columns=["step", "radius", "kind", "rank", "label", "similarity"],
    )
    pd.testing.assert_frame_equal(frame, expected, atol=1e-12, check_dtype=False)


@PROPERTY
@given(SEEDS, st.integers(1, 5), st.booleans())
def test_the_table_says_what_the_arrays_say(seed, k, entailing):
    candidates = {"b": random_points(seed, 6, 2, 1.0), "a": random_points(seed + 1, 3, 2, 1.0)}
    labels = {kind: [f"{kind}{i}" for i in range(len(x))] for kind, x in candidates.items()}
    walk = walk_to_root(random_points(seed + 2, 1, 2, 1.0)[0], candidates, k=k, entailing=entailing)
    frame = walk.to_frame(labels)
    rows = [
        (step, walk.radii[step], kind, rank + 1, labels[kind][index], similarity)
        for step in range(10)
        for kind in candidates
        for rank, (index, similarity) in enumerate(
            zip(walk.nearest[kind][step], walk.similarities[kind][step], strict=True)
        )
        if index >= 0
    ]
    assert list(frame.itertuples(index=False, name=None)) == rows


# Refusals

START = point_at(1.0, 0.5)
POINTS = random_points(0, 4, 2, 1.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"point": [2.0, 0.0, 0.0]}, r"point is not on the hyperboloid of curvature -1: its time"),
        ({"point": START * 1e300}, r"point is not on the hyperboloid"),
        ({"point": [1.0]}, r"point has shape \(1,\)"),
        ({"curvature": 0.5}, r"point is not on the hyperboloid of curvature -0.5.*Give the curv"),
        ({"curvature": 0.0}, r"curvature=0.0 must be positive and finite"),
        ({"curvature": np.nan}, r"curvature=nan must be positive"),
        ({"curvature": np.inf}, r"curvature=inf must be positive"),
        ({"k": 0}, r"k=0 must be an integer of at least 1"),
        ({"k": True}, r"k=True must be an integer"),
        ({"candidates": POINTS}, r"candidates is of type ndarray"),
        ({"candidates": {"maps": START}}, r"candidates\['maps'\] has shape \(3,\); it must be \(n"),
        (
            {"candidates": {"maps": np.stack([POINTS[0], 2 * START, START, 3 * START])}},
            r"candidates\['maps'\] row 1 \(of 2 such rows\) is not on the hyperboloid",
        ),
        (
            {"candidates": {"maps": random_points(0, 4, 3, 1.0)}},
            r"candidates\['maps'\] has 4 columns and point has 3: embed both",
        ),
        (
            {"similarity": lambda steps, points: points @ steps.T},
            r"similarity gave an array of shape \(4, 10\).*it must be \(10, 4\)",
        ),
        (
            {"similarity": lambda steps, points: steps @ points.T * np.nan},
            r"similarity gave 40 NaN or infinite values for candidates\['maps'\]",
        ),
    ],
)
def test_arguments_that_make_no_sense_are_refused(changes, message):
    arguments = {"point": START, "candidates": {"maps": POINTS}, **changes}
    # Overflowing products on the way to the refusal are no news.
    with np.errstate(all="ignore"), pytest.raises(InvalidInputError, match=message):
        walk_to_root(arguments.pop("point"), arguments.pop("candidates"), **arguments)
