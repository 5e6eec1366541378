"""What single precision finds first holds all that double precision then ranks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_mnm.geometry import exp_map0
from sklearn_mnm.nn.similarity import SIMILARITIES
from sklearn_mnm.search import index as index_module
from sklearn_mnm.search.directions import Directions
from sklearn_mnm.search.index import PointIndex


def near_ties(generator, n, dim, width):
    """Points about a few centres, so near that single precision cannot tell them apart."""
    centres = generator.normal(size=(3, dim))
    tangent = centres[generator.integers(3, size=n)] + width * generator.normal(size=(n, dim))
    tangent[generator.random(n) < 0.1] = 0
    return exp_map0(tangent, 1.0)


def all_similarities(queries, points):
    return SIMILARITIES["root_angle"](queries, points, 1.0)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    n=st.integers(1, 200),
    dim=st.sampled_from([1, 3, 40, 300]),
    width=st.sampled_from([0.0, 1e-9, 1e-7, 1e-5, 1.0]),
    share=st.floats(0, 1),
)
def test_no_nearest_point_is_missed(seed, n, dim, width, share):
    generator = np.random.default_rng(seed)
    points, queries = near_ties(generator, n, dim, width), near_ties(generator, 5, dim, 0.5)
    k = 1 + int(share * (n - 1))
    expected = all_similarities(queries, points)
    for row, numbers in enumerate(Directions(points).candidates(queries, k)):
        least = np.sort(expected[row])[-k]
        assert np.isin(np.flatnonzero(expected[row] >= least), numbers).all()
        assert (np.diff(numbers) > 0).all()


def test_few_others_are_candidates():
    generator = np.random.default_rng(0)
    points, queries = (exp_map0(generator.normal(size=(n, 64)), 1.0) for n in (20_000, 30))
    found = [len(numbers) for numbers in Directions(points).candidates(queries, 10)]
    assert min(found) >= 10
    assert max(found) < 20


@pytest.mark.parametrize("similarity", ["root_angle", "cosine"])
@pytest.mark.parametrize("role", ["brain", "text"])
@pytest.mark.parametrize("most", [5, 10_000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_indexes_find_what_small_ones_do(similarity, role, most, dtype, monkeypatch):
    generator = np.random.default_rng(0)
    points, queries = (near_ties(generator, n, 24, 1e-4).astype(dtype) for n in (500, 40))
    options = {"similarity": similarity, "role": role, "method": "exact"}
    expected = PointIndex(points, **options).search(queries, 30)
    monkeypatch.setattr(index_module, "_MANY_FOR_DOUBLE", 1)
    # Of what has more candidates, all points are compared.
    monkeypatch.setattr(index_module, "_MOST_CANDIDATES", most)
    found = PointIndex(points, **options).search(queries, 30)
    np.testing.assert_allclose(found[1], expected[1], rtol=0, atol=1e-14)
    matrix = all_similarities(*(x.astype(np.float64) for x in (queries, points)))
    told = np.take_along_axis(matrix, found[0], axis=1)
    np.testing.assert_allclose(told, expected[1], rtol=0, atol=1e-14)
    assert all(len(set(row)) == 30 for row in found[0])


def test_points_on_disk_stay_there(tmp_path, monkeypatch):
    monkeypatch.setattr(index_module, "_MANY_FOR_DOUBLE", 1)
    generator = np.random.default_rng(0)
    points = near_ties(generator, 50, 8, 1.0)
    np.save(tmp_path / "points.npy", points)
    mapped = np.load(tmp_path / "points.npy", mmap_mode="r")
    on_disk, in_memory = PointIndex(mapped[:40]), PointIndex(points[:40])
    assert on_disk._directions is None
    assert in_memory._directions is not None
    for found, expected in zip(
        on_disk.search(points[40:], 5), in_memory.search(points[40:], 5), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-14)
