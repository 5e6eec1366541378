"""Measures of hierarchy: hand-made cases, slow forms, and what they give by chance."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import minimize_scalar
from scipy.sparse.csgraph import shortest_path
from scipy.stats import kendalltau

from sklearn_mnm.exceptions import DataWarning, InvalidInputError
from sklearn_mnm.geometry import exp_map, exp_map0, pairwise_distance
from sklearn_mnm.metrics import (
    cone_containment,
    extent_correlation,
    extent_order,
    radial_order,
    tree_distances,
    tree_recovery,
)

# Few distinct values, so that ties are common, and floats.
values = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e6, 1e6))
paired_vectors = st.integers(2, 30).flatmap(
    lambda n: st.tuples(*[hnp.arrays(float, n, elements=values)] * 2)
)
# Parents earlier than children, then renumbered at random: any forest.
forests = st.integers(1, 25).flatmap(
    lambda n: st.tuples(
        st.tuples(*(st.integers(-1, node - 1) for node in range(n))), st.permutations(range(n))
    )
)


def points(radii, directions, curvature=1.0):
    """Points of the hyperboloid at given distances from the origin, in given directions."""
    directions = np.asarray(directions, dtype=float)
    directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    tangent = np.asarray(radii, dtype=float)[:, np.newaxis] * directions
    return exp_map0(torch.from_numpy(tangent), curvature).numpy()


def renumbered(forest):
    parents, order = forest
    result = np.full(len(parents), -1)
    for node, parent in enumerate(parents):
        result[order[node]] = -1 if parent < 0 else order[parent]
    return result


# radial_order


@given(
    st.lists(st.tuples(st.floats(0, 8), st.floats(0, 8)), min_size=1, max_size=20),
    st.sampled_from([0.1, 1.0, 4.0]),
)
def test_radial_order_counts_pairs_of_increasing_radius(radii, curvature):
    inner, outer = np.round(np.array(radii).T, 3)
    directions = np.random.default_rng(0).standard_normal((2, len(inner), 3))
    # Equal radii in other directions tie only up to rounding, so give them the same one.
    directions[1, inner == outer] = directions[0, inner == outer]
    share = radial_order(
        points(inner, directions[0], curvature), points(outer, directions[1], curvature)
    )
    assert share == pytest.approx(100 * np.mean(inner < outer))


def test_radial_order_tells_tiny_radii_apart():
    """Where the time coordinate is 1 for both."""
    inner, outer = points([1e-10], [[1.0, 0.0]]), points([2e-10], [[0.0, 1.0]])
    assert inner[0, 0] == outer[0, 0] == 1
    assert radial_order(inner, outer) == 100
    assert radial_order(outer, inner) == 0
    assert radial_order(inner, inner) == 0


def test_random_radii_give_half():
    random = np.random.default_rng(0)
    inner, outer = (
        points(random.uniform(0, 3, 4000), random.standard_normal((4000, 3))) for _ in range(2)
    )
    assert radial_order(inner, outer) == pytest.approx(50, abs=3)
    radii, extents = random.uniform(size=2000), random.integers(0, 200, 2000)
    assert extent_order(radii, extents, 10) == pytest.approx(50, abs=3)
    assert extent_correlation(radii, extents) == pytest.approx(0, abs=0.08)


# extent_order and extent_correlation


@given(paired_vectors, st.sampled_from([0.0, 0.5, 1.0, 2.0]))
def test_extent_order_equals_the_double_loop(vectors, min_difference):
    radii, n_active = vectors
    ordered = [
        radii[i] < radii[j]
        for i in range(len(radii))
        for j in range(len(radii))
        if n_active[i] - n_active[j] > min_difference
    ]
    if not ordered:
        with pytest.raises(InvalidInputError, match="min_difference"):
            extent_order(radii, n_active, min_difference)
    else:
        assert extent_order(radii, n_active, min_difference) == pytest.approx(
            100 * np.mean(ordered)
        )


def test_extent_order_does_not_depend_on_blocks():
    """Over several blocks, without ties, it is a function of Kendall's tau."""
    random = np.random.default_rng(1)
    n_active = random.permutation(1300)
    radii = -n_active + 600 * random.standard_normal(1300)
    tau = kendalltau(radii, n_active).statistic
    assert 60 < extent_order(radii, n_active, 0) < 95
    assert extent_order(radii, n_active, 0) == pytest.approx(50 * (1 - tau))


def test_broad_maps_in_the_middle_are_perfect_order():
    n_active = np.arange(40)
    assert extent_order(-n_active, n_active, 10) == 100
    assert extent_order(n_active, n_active, 10) == 0
    assert extent_order(np.ones(40), n_active, 10) == 0
    assert extent_correlation(np.exp(-n_active), n_active) == pytest.approx(-1)
    assert extent_correlation(n_active, n_active) == pytest.approx(1)


def test_unsigned_counts_do_not_wrap():
    assert extent_order([1.0, 2.0], np.array([30, 5], dtype=np.uint8), 10) == 100


@pytest.mark.parametrize("constant", ["radii", "n_active"])
def test_a_correlation_with_a_constant_is_zero_and_said_so(constant):
    vectors = {"radii": [1.0, 2.0, 3.0], "n_active": [1, 2, 3]} | {constant: [2, 2, 2]}
    with pytest.warns(DataWarning, match=f"^{constant}: all values are equal") as caught:
        assert extent_correlation(**vectors) == 0
    assert caught[0].filename == __file__


def test_two_maps_have_a_correlation():
    assert extent_correlation([1.0, 2.0], [7, 3]) == pytest.approx(-1)
    assert extent_correlation([1.0, 2.0], [3, 7]) == pytest.approx(1)


# cone_containment


@pytest.mark.parametrize("curvature", [0.3, 1.0, 5.0])
def test_cones_hold_what_lies_behind_their_apex(curvature):
    unit = curvature**-0.5  # apertures depend on the radius in this unit
    parents = points([unit] * 4, [[1.0, 0]] * 4, curvature)
    nearby = [[1.0, 0.0], [1.0, 0.01], [-1.0, 0.0], [1.0, 0.0]]
    children = points(unit * np.array([2, 2, 2, 0.5]), nearby, curvature)
    # Behind, slightly beside; opposite, and between the origin and the apex.
    assert cone_containment(parents, children, curvature) == 50
    assert cone_containment(children, parents, curvature) == 25


def test_wider_cones_hold_more_and_the_origin_holds_all():
    random = np.random.default_rng(0)
    parents = points(np.full(500, 1.0), random.standard_normal((500, 2)))
    children = points(np.full(500, 3.0), random.standard_normal((500, 2)))
    shares = [cone_containment(parents, children, 1.0, min_radius=k) for k in (0.05, 0.1, 0.3)]
    assert 0 < shares[0] < shares[1] < shares[2] < 100
    assert cone_containment(parents, children, 1.0) == shares[1]
    origin = np.tile([1.0, 0.0, 0.0], (500, 1))
    assert cone_containment(origin, children, 1.0) == 100


# tree_distances


@given(forests)
def test_tree_distances_equal_shortest_paths(forest):
    parents = renumbered(forest)
    n_nodes = len(parents)
    edges = np.zeros((n_nodes + 1, n_nodes + 1))
    edges[np.arange(n_nodes), np.where(parents < 0, n_nodes, parents)] = 1
    expected = shortest_path(edges, directed=False, unweighted=True)[:-1, :-1]
    np.testing.assert_array_equal(tree_distances(parents), expected)


def test_one_root_needs_no_common_root():
    star = tree_distances([-1, 0, 0, 0])
    assert star[0].tolist() == [0, 1, 1, 1]
    assert star[1].tolist() == [1, 0, 2, 2]
    # Two roots are two edges apart.
    assert tree_distances([-1, -1]).tolist() == [[0, 2], [2, 0]]


@pytest.mark.parametrize(
    ("parents", "message"),
    [
        ([0], "node 0 is among its own ancestors"),
        ([-1, 2, 3, 1], "node [123] is among its own ancestors"),
        ([1, 2, -1, 3], "node 3 is among its own ancestors"),
    ],
)
def test_what_is_not_a_tree_is_refused(parents, message):
    with pytest.raises(InvalidInputError, match=message):
        tree_distances(np.array(parents) if parents else np.zeros(0, int))


# tree_recovery


@given(forests.filter(lambda forest: len(forest[0]) >= 3), st.floats(1e-3, 1e3))
def test_a_scaled_tree_is_recovered_perfectly(forest, scale):
    paths = tree_distances(renumbered(forest))
    if np.ptp(paths[np.triu_indices(len(paths), 1)]) == 0:
        with pytest.warns(DataWarning, match="embedding_distances and tree_distances|tree_dist"):
            recovery = tree_recovery(scale * paths, paths)
        assert recovery[:2] == (0, 0)
    else:
        recovery = tree_recovery(scale * paths, paths)
        assert recovery[:2] == pytest.approx((1, 1))
    assert recovery.average_distortion == pytest.approx(0, abs=1e-12)


@given(hnp.arrays(float, (5, 5), elements=st.floats(0.01, 10)))
@settings(max_examples=50)
def test_distortion_is_the_minimum_over_scales(distances):
    paths = tree_distances([-1, 0, 0, 1, 1])
    upper = np.triu_indices(5, 1)
    ratios = distances[upper] / paths[upper]
    if np.ptp(distances[upper]) == 0:
        return
    distortion = tree_recovery(distances, paths).average_distortion
    # A sum of absolute values is least at one of its kinks; a search over all must agree.
    at_kinks = min(np.abs(ratios / ratio - 1).mean() for ratio in ratios)
    assert distortion == pytest.approx(at_kinks)
    searched = minimize_scalar(
        lambda scale: np.abs(scale * ratios - 1).mean(), bounds=(0, 2 / ratios.min())
    )
    assert distortion <= searched.fun + 1e-9


def test_the_best_scale_is_that_of_the_middle_pair_by_weight():
    paths = tree_distances([-1, 0, 0])
    distances = np.array([[0, 1.0, 0.9], [0, 0, 1.6], [0, 0, 0]])  # ratios 1, 0.9 and 0.8
    # At 1 / 0.9 the three are off by 1/9, 0 and 1/9.
    assert tree_recovery(distances, paths).average_distortion == pytest.approx(2 / 27)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_distances_may_have_any_unit(scale):
    paths = tree_distances([-1, 0, 0, 1, 1])
    distances = paths * (1 + 0.1 * np.random.default_rng(0).random((5, 5)))
    expected = tree_recovery(distances, paths)
    assert tree_recovery(scale * distances, paths) == pytest.approx(expected)


def test_a_binary_tree_embeds_better_the_longer_its_edges():
    """Sarkar's construction: each node sends its edges off at 120 degrees from one another."""
    paths = tree_distances([-1, 0, 0, 1, 1, 2, 2])
    recoveries = []
    for edge in (1.0, 4.0, 12.0):
        root = np.array([[1.0, 0.0, 0.0]])
        inner = points([edge, edge], [[1, 0], [-1, 0]])
        # Orthonormal tangent vectors at the inner nodes: away from the root, and across.
        away = np.sinh(edge) * root + np.cosh(edge) * np.array([[0, 1, 0], [0, -1, 0]])
        across = np.array([[0, 0, 1.0]])
        turns = np.array([[0.5, 0.75**0.5], [0.5, -(0.75**0.5)]])
        steps = [
            edge * (turn[0] * away[node] + turn[1] * across[0]) for node in (0, 1) for turn in turns
        ]
        leaves = exp_map(
            torch.from_numpy(inner[[0, 0, 1, 1]]), torch.from_numpy(np.stack(steps)), 1.0
        )
        embedded = torch.cat([torch.from_numpy(np.vstack([root, inner])), leaves])
        distances = pairwise_distance(embedded, embedded, 1.0).numpy()
        np.testing.assert_allclose(distances[paths == 1], edge, rtol=1e-6)
        recoveries.append(tree_recovery(distances, paths))
    distortions = [recovery.average_distortion for recovery in recoveries]
    assert distortions[0] > 2 * distortions[1] > 4 * distortions[2]
    assert distortions[2] < 0.02
    assert recoveries[2].correlation > 0.999
    assert recoveries[2].rank_correlation > 0.95


def test_a_star_in_hyperbolic_space_nears_distortion_zero():
    """Leaves in orthogonal directions: d = 2 R - ln 2 far out, where a tree has 2 R."""
    paths = tree_distances([-1, 0, 0, 0, 0])
    directions = np.vstack([np.ones(4), np.eye(4)])
    for radius in (20.0, 100.0):
        embedded = torch.from_numpy(points([0] + [radius] * 4, directions))
        distances = pairwise_distance(embedded, embedded, 1.0).numpy()
        recovery = tree_recovery(distances, paths)
        assert recovery.correlation == pytest.approx(1)
        # 6 pairs of leaves, 4 of leaf and centre; the scale fits the majority by weight.
        assert recovery.average_distortion == pytest.approx(
            0.4 * (radius / (radius - math.log(2) / 2) - 1), rel=1e-6
        )
    assert recovery.average_distortion < 0.002


def test_coincident_points_recover_nothing():
    paths = tree_distances([-1, 0, 0, 1])
    with pytest.warns(DataWarning, match="^embedding_distances: all values") as caught:
        assert tree_recovery(np.zeros((4, 4)), paths) == (0, 0, 1)
    assert caught[0].filename == __file__


def test_shuffled_nodes_are_not_recovered():
    random = np.random.default_rng(0)
    paths = tree_distances([-1, *[(node - 1) // 2 for node in range(1, 63)]])
    order = random.permutation(63)
    recovery = tree_recovery(paths[order][:, order], paths)
    assert abs(recovery.correlation) < 0.2
    assert abs(recovery.rank_correlation) < 0.2
    assert recovery.average_distortion > 0.1


# Input


def test_far_points_in_single_precision_are_accepted():
    """There the time coordinate rounds to the norm of the space coordinates."""
    inner = points([8.0], [[1.0, 1.0, 1.0]]).astype(np.float32)
    outer = points([15.0], [[1.0, 1.0, 1.0]]).astype(np.float32)
    assert radial_order(inner, outer) == 100
