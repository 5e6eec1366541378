"""What a search in hyperbolic space returns."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_mnm.exceptions import InvalidInputError, MissingDependencyError
from sklearn_mnm.geometry import exp_map0
from sklearn_mnm.nn.similarity import SIMILARITIES
from sklearn_mnm.search import index as index_module
from sklearn_mnm.search.index import PointIndex

ROLES = ["brain", "text"]
EVERY_SIMILARITY = pytest.mark.parametrize("similarity", SIMILARITIES)
EVERY_ROLE = pytest.mark.parametrize("role", ROLES)


def random_points(generator, n, dim, radius=1.0, spread=0.3, curvature=1.0):
    """Points in random directions whose radii are log-normal around `radius`."""
    directions = generator.normal(size=(n, dim))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    # Bounded, since cosh(sqrt(10) 20) is still a number in single precision.
    radii = np.minimum(radius * np.exp(spread * generator.normal(size=(n, 1))), 20)
    return exp_map0(directions * radii, curvature)


def origin(n, dim, curvature=1.0):
    points = np.zeros((n, dim + 1))
    points[:, 0] = curvature**-0.5
    return points


def brute_force(queries, points, k, similarity, role, curvature):
    """Sort complete rows of the matrix of similarities, ties by row number."""
    arrays = [np.asarray(x, dtype=np.float64) for x in (queries, points)]
    text, brain = arrays if role == "brain" else arrays[::-1]
    matrix = SIMILARITIES[similarity](text, brain, curvature)
    matrix = matrix if role == "brain" else matrix.T
    order = np.argsort(-matrix, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(matrix, order, axis=1)


def recall(found, expected):
    pairs = zip(found, expected, strict=True)
    return np.mean([len(set(a) & set(b)) / len(b) for a, b in pairs])


@EVERY_SIMILARITY
@EVERY_ROLE
@settings(max_examples=40)
@given(data=st.data())
def test_exact_search_is_brute_force(similarity, role, data):
    n, n_queries = data.draw(st.integers(1, 60)), data.draw(st.integers(0, 8))
    dim, k = data.draw(st.integers(1, 6)), data.draw(st.integers(1, n))
    curvature = data.draw(st.floats(0.1, 10))
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    points = random_points(generator, n, dim, curvature=curvature, spread=1.0)
    queries = random_points(generator, n_queries, dim, curvature=curvature, spread=1.0)
    for x in (points, queries):  # points at the origin tie with each other
        at_origin = generator.random(len(x)) < 0.2
        x[at_origin] = origin(at_origin.sum(), dim, curvature)
    points = points.astype(data.draw(st.sampled_from([np.float64, np.float32])))
    index = PointIndex(
        points, similarity=similarity, role=role, curvature=curvature, method="exact"
    )
    indices, similarities = index.search(queries, k)
    expected = brute_force(queries, points, k, similarity, role, curvature)
    np.testing.assert_array_equal(indices, expected[0])
    np.testing.assert_array_equal(similarities, expected[1])
    assert indices.dtype == np.int64
    assert similarities.dtype == np.float64


@EVERY_SIMILARITY
@EVERY_ROLE
@settings(max_examples=8)
@given(query_block=st.integers(1, 25), point_block=st.integers(5, 150), seed=st.integers(0, 99))
def test_block_sizes_do_not_matter(similarity, role, query_block, point_block, seed):
    generator = np.random.default_rng(seed)
    points, queries = random_points(generator, 120, 8), random_points(generator, 20, 8)
    index = PointIndex(points, similarity=similarity, role=role, method="exact")
    expected = index.search(queries, 60)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_module, "_QUERY_BLOCK", query_block)
        patch.setattr(index_module, "_POINT_BLOCK", point_block)
        indices, similarities = index.search(queries, 60)
    np.testing.assert_array_equal(indices, expected[0])
    np.testing.assert_allclose(similarities, expected[1], rtol=0, atol=1e-12)


def test_float32_points_are_compared_in_float64():
    generator = np.random.default_rng(0)
    points = random_points(generator, 200, 8).astype(np.float32)
    queries = random_points(generator, 5, 8)
    found = PointIndex(points).search(queries, 10)
    expected = PointIndex(points.astype(np.float64)).search(queries, 10)
    np.testing.assert_array_equal(found, expected)


def test_role_says_which_side_is_the_apex():
    by = {"similarity": "exterior_angle"}
    ray = np.array([[0.5, 0.0], [2.0, 0.0], [0.0, 1.0]])
    points = exp_map0(ray, 1.0)
    middle = exp_map0(np.array([[1.0, 0.0]]), 1.0)
    brains, similarities = PointIndex(points, role="brain", **by).search(middle, 3)
    assert brains[0].tolist() == [1, 2, 0]  # behind a text is best, before it is worst
    assert similarities[0, [0, 2]] == pytest.approx([0.0, -np.pi], abs=1e-6)
    assert PointIndex(points, role="text", **by).search(middle, 3)[0][0].tolist() == [0, 2, 1]


@EVERY_SIMILARITY
@EVERY_ROLE
@pytest.mark.parametrize("text_radius", [0.1, 0.4, 1.5])
def test_faiss_finds_what_exact_search_finds(similarity, role, text_radius):
    pytest.importorskip("faiss", reason="the approximate search needs faiss-cpu")
    generator = np.random.default_rng(0)
    texts_are_stored = role == "text"
    n_texts, n_brains = (20_000, 50) if texts_are_stored else (50, 20_000)
    text = random_points(generator, n_texts, 32, radius=text_radius)
    brain = random_points(generator, n_brains, 32, radius=1.8)
    points, queries = (text, brain) if texts_are_stored else (brain, text)
    exact = PointIndex(points, similarity=similarity, role=role, method="exact")
    approximate = PointIndex(points, similarity=similarity, role=role, method="faiss")
    expected, expected_similarities = exact.search(queries, 10)
    indices, similarities = approximate.search(queries, 10)
    assert recall(indices, expected) >= 0.98
    same = indices == expected
    np.testing.assert_allclose(similarities[same], expected_similarities[same], atol=1e-12)
    assert (np.diff(similarities, axis=1) <= 0).all()


@EVERY_SIMILARITY
@pytest.mark.parametrize(("role", "dim"), [("brain", 32), ("text", 80)])
def test_faiss_cells_find_neighbours_in_clusters(similarity, role, dim, monkeypatch):
    pytest.importorskip("faiss", reason="the approximate search needs faiss-cpu")
    monkeypatch.setattr(index_module, "_CELLS_BEYOND", 5_000)
    monkeypatch.setattr(index_module, "_CELLS_SEARCHED", 40)
    monkeypatch.setattr(index_module, "_ITERATIONS", 2)
    monkeypatch.setattr(index_module, "_SAMPLE_OF_CODE", 16)
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(50, dim))
    tangent = [centres[generator.integers(50, size=n)] for n in (8_000, 50)]
    tangent = [x + 0.5 * generator.normal(size=x.shape) for x in tangent]
    points, queries = (exp_map0(x / dim**0.5, 1.0) for x in tangent)
    points[:100] = origin(100, dim)
    points = points.astype(np.float32)
    exact = PointIndex(points, similarity=similarity, role=role, method="exact")
    cells = PointIndex(points, similarity=similarity, role=role, method="faiss")
    expected, indices = exact.search(queries, 10), cells.search(queries, 10)
    assert recall(indices[0], expected[0]) >= 0.98
    same = indices[0] == expected[0]
    np.testing.assert_allclose(indices[1][same], expected[1][same], rtol=0, atol=1e-12)


def test_cells_keep_a_byte_for_a_part_of_a_point_and_not_the_point(monkeypatch, tmp_path):
    faiss = pytest.importorskip("faiss", reason="the approximate search needs faiss-cpu")
    monkeypatch.setattr(index_module, "_CELLS_BEYOND", 5_000)
    monkeypatch.setattr(index_module, "_ITERATIONS", 1)
    monkeypatch.setattr(index_module, "_SAMPLE_OF_CODE", 2)
    sizes = {}
    for n in (10_000, 14_000):
        np.save(tmp_path / "points.npy", random_points(np.random.default_rng(0), n, 200))
        index = PointIndex(np.load(tmp_path / "points.npy", mmap_mode="r"), method="faiss")
        sizes[n] = len(faiss.serialize_index(index._candidates))
        sizes[n] -= 4 * index._candidates.nlist * index._candidates.d  # centres of the cells
    # 67 parts of 3 coordinates, an 8 byte row number.
    assert (sizes[14_000] - sizes[10_000]) / 4_000 == pytest.approx(67 + 8, abs=1)


@EVERY_SIMILARITY
@EVERY_ROLE
@pytest.mark.parametrize("method", ["exact", "faiss"])
@pytest.mark.parametrize("cells_beyond", [100, 10**6])
def test_origin_ties_are_broken_by_row_number(similarity, role, method, cells_beyond, monkeypatch):
    if method == "faiss":
        pytest.importorskip("faiss", reason="the approximate search needs faiss-cpu")
    monkeypatch.setattr(index_module, "_CELLS_BEYOND", cells_beyond)
    points = random_points(np.random.default_rng(0), 4_000, 4)
    points[3] = origin(1, 4)
    index = PointIndex(points, similarity=similarity, role=role, method=method)
    queries = np.concatenate([origin(2, 4), points[:5], origin(1, 4)])
    indices, similarities = index.search(queries, 150)
    assert np.isfinite(similarities).all()
    expected = brute_force(origin(1, 4), points, 150, similarity, role, 1.0)
    for row in (0, 1, 7):
        np.testing.assert_array_equal(indices[row], expected[0][0])
    if similarity in ("root_angle", "cosine") or (similarity, role) == ("exterior_angle", "brain"):
        assert indices[0].tolist() == list(range(150))


def test_faiss_returns_all_points_when_asked_for_all(monkeypatch):
    pytest.importorskip("faiss", reason="the approximate search needs faiss-cpu")
    monkeypatch.setattr(index_module, "_CELLS_BEYOND", 100)
    generator = np.random.default_rng(0)
    points, queries = random_points(generator, 7_000, 4), random_points(generator, 3, 4)
    found = PointIndex(points, method="faiss").search(queries, 7_000)
    expected = PointIndex(points, method="exact").search(queries, 7_000)
    np.testing.assert_array_equal(found[0], expected[0])


def test_faiss_threads_are_left_alone():
    faiss = pytest.importorskip("faiss", reason="the approximate search needs faiss-cpu")
    before = faiss.omp_get_max_threads()
    points = random_points(np.random.default_rng(0), 100, 4)
    PointIndex(points, method="faiss").search(points, 3)
    assert faiss.omp_get_max_threads() == before


def test_auto_is_faiss_for_many_points_where_installed(monkeypatch):
    pytest.importorskip("faiss", reason="the approximate search needs faiss-cpu")
    points = random_points(np.random.default_rng(0), 50, 4)
    assert PointIndex(points).method == "exact"
    monkeypatch.setattr(index_module, "_MANY_POINTS", 50)
    assert PointIndex(points).method == "faiss"
    assert PointIndex(points[:49]).method == "exact"


def test_without_faiss_auto_is_exact_and_faiss_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    monkeypatch.setattr(index_module, "_MANY_POINTS", 10)
    points = random_points(np.random.default_rng(0), 20, 4)
    assert PointIndex(points).method == "exact"
    with pytest.raises(MissingDependencyError, match=r"sklearn-mnm\[faiss\]"):
        PointIndex(points, method="faiss")


def test_ids_name_what_was_found():
    points = random_points(np.random.default_rng(0), 20, 4)
    names = [f"study {number}" for number in range(20)]
    index = PointIndex(points, names, similarity="distance")
    indices, similarities = index.search(points[[7, 3]], 1)
    assert index.ids[indices].tolist() == [["study 7"], ["study 3"]]
    np.testing.assert_allclose(similarities, 0, atol=1e-7)
    assert PointIndex(points).ids.tolist() == list(range(20))
    assert len(index) == 20


POINTS = random_points(np.random.default_rng(0), 5, 3)


@pytest.mark.parametrize(
    ("points", "options", "message"),
    [
        (POINTS.astype(int), {}, "points has dtype int64"),
        (POINTS, {"curvature": 2.0}, "is not on the hyperboloid of curvature -2"),
        (POINTS, {"curvature": np.nan}, r"curvature=nan must be positive"),
        (POINTS, {"role": "map"}, "role='map' must be one of brain, text"),
        (POINTS, {"method": "fast"}, "method='fast' must be one of auto, exact, faiss"),
        (POINTS, {"ids": [1, 2, 3, 4, 5]}, "ids must be a sequence of strings"),
        (POINTS, {"ids": "abcde"}, "ids must be a sequence of strings"),
    ],
)
def test_invalid_points_and_options_are_named(points, options, message):
    with pytest.raises(InvalidInputError, match=message):
        PointIndex(points, **options)


def test_wrong_points_are_counted_over_all_blocks():
    points = origin(30_000, 2)
    points[[9_000, 9_001, 29_999], 0] = 2.0
    with pytest.raises(InvalidInputError, match=r"points row 9000 \(of 3 such rows\) is not on"):
        PointIndex(points)


@pytest.mark.parametrize(
    ("queries", "k", "message"),
    [
        (POINTS, True, "k=True must be"),
        (POINTS[:, :3], 1, r"queries row 0 \(of 5 such rows\) is not on"),
        (origin(2, 2), 1, "queries has 3 columns and the stored points have 4"),
    ],
)
def test_invalid_searches_are_named(queries, k, message):
    with pytest.raises(InvalidInputError, match=message):
        PointIndex(POINTS).search(queries, k)


def test_a_query_has_its_answer_whichever_queries_stand_beside_it():
    points = random_points(np.random.default_rng(0), 300, 8)
    index = PointIndex(points)
    together = index.search(points[:20], 5)[0]
    alone = np.concatenate([index.search(points[i : i + 1], 5)[0] for i in range(20)])
    np.testing.assert_array_equal(together, alone)
