import numpy as np
import pytest
import torch
from scipy.spatial.distance import squareform

from sklearn_mnm.datasets.literature import ConceptTree
from sklearn_mnm.metrics import tree_distances, tree_recovery

# A complete binary tree of 31 nodes, in the order of a heap.
PARENTS = (np.arange(31) + 1) // 2 - 1
DEPTH = np.floor(np.log2(np.arange(31) + 1)).astype(int)
BINARY = ConceptTree(PARENTS, DEPTH, np.array([f"node {node}" for node in range(31)]))
SPACE_NAMES = ("hyperbolic", "flat", "spherical")


def fitted(name, target, n_dimensions=2, learning_rate=0.1, n_steps=200):
    from benchmarks.quality.tree import SPACES, fit_points

    return fit_points(target, SPACES[name], n_dimensions, learning_rate, seed=0, n_steps=n_steps)


def random_points(name, n, n_dimensions, size=0.8):
    from benchmarks.quality.tree import SPACES

    random = torch.Generator().manual_seed(3)
    tangent = torch.randn(n, n_dimensions, generator=random, dtype=torch.float64)
    return SPACES[name].from_tangent(size * tangent)


@pytest.mark.parametrize("name", SPACE_NAMES)
def test_fitting_recovers_a_tree_far_better_than_the_random_start(name):
    from benchmarks.quality.tree import SPACES, pairwise

    paths = tree_distances(PARENTS)
    start, _ = fitted(name, paths.astype(float), n_steps=0)
    points, _ = fitted(name, paths.astype(float))
    before, after = (tree_recovery(pairwise(SPACES[name], x), paths) for x in (start, points))
    assert after.average_distortion < 0.7 * before.average_distortion
    assert after.correlation > before.correlation + 0.3


@pytest.mark.parametrize("name", SPACE_NAMES)
def test_distances_of_points_of_a_space_are_recovered_in_that_space(name):
    from benchmarks.quality.tree import SPACES, pairwise

    target = pairwise(SPACES[name], random_points(name, 12, 3))
    points, loss = fitted(name, target, n_dimensions=3, n_steps=300)
    assert loss < 1e-3
    found = pairwise(SPACES[name], points)
    # Up to scale, which curved spaces have to find by themselves.
    assert np.corrcoef(squareform(found), squareform(target))[0, 1] > 0.995


def test_the_hyperbolic_plane_holds_a_tree_better_than_the_flat_one():
    paths = tree_distances(PARENTS).astype(float)
    assert fitted("hyperbolic", paths)[1] < 0.8 * fitted("flat", paths)[1]


@pytest.mark.parametrize("name", SPACE_NAMES)
def test_points_stay_on_their_manifold_and_have_its_dimension(name):
    points, _ = fitted(name, tree_distances(PARENTS).astype(float))
    time, space = points[:, 0], points[:, 1:]
    if name == "flat":
        assert points.shape == (31, 2)
        return
    sign = -1 if name == "hyperbolic" else 1
    assert points.shape == (31, 3)
    assert torch.allclose(time**2 + sign * (space**2).sum(1), torch.ones(31, dtype=torch.float64))


def test_stress_is_the_squared_relative_error_at_the_best_scale():
    from benchmarks.quality.tree import stress

    random = torch.Generator().manual_seed(0)
    distances, target = torch.rand(2, 50, generator=random, dtype=torch.float64) + 0.1
    scales = torch.linspace(0.01, 5, 20_001, dtype=torch.float64)
    errors = (scales[:, None] * distances / target - 1).square().mean(dim=1)
    assert stress(distances, target).item() == pytest.approx(errors.min().item(), abs=1e-6)
    assert stress(7 * target, target).item() == pytest.approx(0, abs=1e-12)


def test_arcs_are_exact_for_near_and_for_opposite_points():
    from benchmarks.quality.tree import arc, on_sphere

    angles = torch.tensor([[1e-9], [0.5], [3.0]], dtype=torch.float64)
    pole = on_sphere(torch.zeros(3, 1, dtype=torch.float64))
    assert torch.allclose(arc(pole, on_sphere(angles)), angles[:, 0], rtol=1e-9, atol=0)


def test_moving_the_midpoint_to_the_origin_is_an_isometry():
    from benchmarks.quality.tree import SPACES, move_to_origin, pairwise

    space, points = SPACES["hyperbolic"], random_points("hyperbolic", 9, 4)
    moved = move_to_origin(points, space.midpoint(points))
    assert np.allclose(pairwise(space, moved), pairwise(space, points))
    origin = torch.tensor([1.0, 0, 0, 0, 0], dtype=torch.float64)
    assert torch.allclose(space.midpoint(moved)[0], origin)


def test_only_nested_groups_hold_the_studies_below_a_concept():
    from benchmarks.quality.tree import memberships

    concepts = np.array([0, 3, 30])
    assert memberships(BINARY, concepts).sum() == 3
    nested = memberships(BINARY, concepts, below=True)
    assert nested[0].tolist() == [True, True, True]
    assert np.flatnonzero(nested[:, 1]).tolist() == [0, 1, 3]
    assert np.flatnonzero(nested[:, 2]).tolist() == [0, 2, 6, 14, 30]


def test_both_halves_have_studies_of_each_concept():
    from benchmarks.quality.tree import halves

    concepts = np.random.default_rng(0).permutation(np.repeat(np.arange(10), 5))
    train = halves(concepts)
    assert np.bincount(concepts[train]).tolist() == [3] * 10
    assert np.bincount(concepts[~train]).tolist() == [2] * 10


def test_the_target_is_the_cosine_of_mean_features():
    from benchmarks.quality.tree import cosine_target

    features = np.array([[2.0, 0.0], [0.0, 2.0], [0.0, 3.0]])
    members = np.array([[True, True, False], [False, False, True]])
    target = cosine_target(features, members)
    assert target[0, 1] == pytest.approx(1 - np.sqrt(0.5))


def test_the_fit_of_a_target_has_not_seen_the_tree():
    from benchmarks.quality.tree import Prepared, targets
    from sklearn_mnm.datasets import make_literature

    shape = {"n_domains": 2, "n_tasks_per_domain": 2, "n_contrasts_per_task": 2}
    literature = make_literature(400, n_terms=60, random_state=0, **shape)
    features = {"text": np.random.default_rng(0).random((400, 5))}
    train = np.ones(400, dtype=bool)
    another = literature.tree._replace(
        parents=np.r_[-1, np.arange(len(literature.tree.parents) - 1)]
    )
    found, again = (
        targets(Prepared(each, train, features))
        for each in (literature, literature._replace(tree=another))
    )
    assert np.array_equal(found["text"], again["text"])
    assert not np.array_equal(found["the tree itself"], again["the tree itself"])


@pytest.mark.parametrize("name", SPACE_NAMES)
def test_points_placed_by_depth_are_measured_as_ordered(name):
    from benchmarks.quality.tree import SPACES, measure_points

    # All nodes on rays of their own: parents are nearer to the origin, children in no cone of
    # another ray.
    angles = 2 * np.pi * np.arange(31) / 31
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    tangent = torch.as_tensor(0.5 * (DEPTH[:, None] + 1) * directions)
    space = SPACES[name]
    points, origin = space.from_tangent(tangent), space.from_tangent(0 * tangent[:1])
    assert measure_points(BINARY, name, points, origin)["parent nearer, %"] == 100
    backwards = space.from_tangent(torch.as_tensor(0.5 * (5 - DEPTH[:, None]) * directions))
    assert measure_points(BINARY, name, backwards, origin)["parent nearer, %"] == 0
    assert "parent nearer, %" not in measure_points(BINARY, name, points, None)


def test_children_are_counted_in_the_cones_of_their_parents_and_of_others():
    from benchmarks.quality.tree import SPACES, measure_cones

    # Two chains from two roots in opposite directions.
    tree = ConceptTree(np.array([-1, -1, 0, 1]), np.array([0, 0, 1, 1]), np.array(list("abcd")))
    chains = torch.tensor([[1.0, 0], [-1.0, 0], [2.0, 0], [-2.0, 0]], dtype=torch.float64)
    points = SPACES["hyperbolic"].from_tangent(chains)
    assert measure_cones(tree, points) == {"in cone, %": 100, "in another's, %": 0}
    crossed = points[[0, 1, 3, 2]]
    assert measure_cones(tree, crossed) == {"in cone, %": 0, "in another's, %": 100}


def test_midpoints_are_those_of_each_geometry():
    from benchmarks.quality.tree import SPACES, measure_midpoints, pairwise
    from sklearn_mnm.geometry import exp_map0

    tree = ConceptTree(np.array([-1, -1, 0, 0]), np.array([0, 0, 1, 1]), np.array(list("abcd")))
    tangent = torch.tensor([[1.0, 0.2], [0.3, 1.0], [-1.0, 0.5]], dtype=torch.float64)
    members = np.array([[1, 1, 1], [0, 0, 1], [1, 0, 0], [0, 1, 0]], dtype=bool)
    for name in SPACE_NAMES:
        figures = measure_midpoints(tree, name, exp_map0(tangent, 1.0), members)
        if name == "spherical":
            native = tangent / tangent.norm(dim=1, keepdim=True)
        else:
            native = SPACES[name].from_tangent(tangent)
        expected = torch.cat([SPACES[name].midpoint(native), native[[2, 0, 1]]])
        recovery = tree_recovery(pairwise(SPACES[name], expected), tree_distances(tree.parents))
        assert figures["average distortion"] == pytest.approx(recovery.average_distortion)


def test_the_table_has_mean_and_deviation_over_runs_and_blanks_for_what_does_not_exist():
    from benchmarks.quality.tree import table

    rows = [
        ((2, "text", "flat"), {"loss": 1.0}),
        ((2, "text", "flat"), {"loss": 3.0}),
        ((0, "text", "none"), {"in cone, %": 50.0, "loss": 2.0}),
        ((0, "text", "none"), {"in cone, %": 50.0, "loss": 2.0}),
    ]
    lines = table(("d", "target", "space"), rows).splitlines()
    assert lines[0] == "| d | target | space | loss | in cone, % |"
    assert lines[2] == "| 2 | text | flat | 2.000 ± 1.414 |  |"
    assert lines[3] == "|  | text | none | 2.000 ± 0.000 | 50.0 ± 0.0 |"
