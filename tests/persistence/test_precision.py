"""What compact models lose, and how values get through JSON and safetensors."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import sparse

from sklearn_mnm.model.term_head import TermHead
from sklearn_mnm.persistence import load_model, save_model
from sklearn_mnm.persistence.state import StateReader, StateWriter
from sklearn_mnm.search.neighbours import StudyNeighbours


def round_trip(model, folder, precision="compact"):
    save_model(model, folder, precision=precision)
    return load_model(folder)


def neighbours(n=3000, d=32, scale=1.0):
    random = np.random.default_rng(0)
    tangents = [(scale * random.normal(size=(n, d))).astype(np.float32) for _ in range(2)]
    return StudyNeighbours(*tangents, np.arange(n).astype(str), None)


@given(
    array=npst.arrays(
        st.sampled_from([np.float32, np.float64]),
        st.tuples(st.integers(1, 8), st.integers(1, 8)),
        elements=st.floats(-1e4, 1e4, width=16),
    ),
    rows=st.booleans(),
)
@settings(max_examples=100)
def test_compact_entries_are_off_by_half_a_step_of_their_row_or_column(array, rows):
    array = np.tile(array, (2000, 1) if rows else (1, 2000)) * np.array(np.pi, array.dtype)
    writer = StateWriter(compact=True)
    node = json.loads(json.dumps(writer.encode(array, "array")))
    found = StateReader(writer.arrays).decode(node, "array")
    assert found.dtype == array.dtype
    if array.size <= 10_000:
        np.testing.assert_array_equal(found, array)
        return
    steps = [np.abs(array).max(axis=axis, keepdims=True) / 127 for axis in (0, 1)]
    error = np.abs(found - array)
    within = [(error <= step * 0.5001 + 1e-30).all() for step in steps]
    assert any(within)
    stored = sum(stored.nbytes for stored in writer.arrays.values())
    assert stored <= array.size + 4 * max(array.shape)


def test_compact_models_take_a_quarter_of_the_space(tmp_path):
    fitted = neighbours()
    sizes = {}
    for precision in ("full", "compact"):
        loaded = round_trip(fitted, tmp_path / precision, precision=precision)
        sizes[precision] = (tmp_path / precision / "weights.safetensors").stat().st_size
        assert loaded.ids.tolist() == fitted.ids.tolist()
    assert sizes["compact"] < 0.3 * sizes["full"]
    assert np.abs(loaded.text_tangent - fitted.text_tangent).max() < 5 / 127


def test_compact_embedders_stay_on_the_hyperboloid_and_predict_alike(
    many_studies, tmp_path, assert_same, small_embedder
):
    X, Y = many_studies
    fitted = small_embedder(n_components=20, store_left_out=True, curvature=2.0).fit(X, Y)
    loaded = round_trip(fitted, tmp_path / "model")
    points = loaded.left_out_points_
    assert points.dtype == np.float64
    violation = 2.0 * (np.square(points[:, 1:]).sum(axis=1) - np.square(points[:, 0])) + 1
    assert np.abs(violation).max() < 1e-12
    assert 0 < np.abs(points - fitted.left_out_points_).max() < 0.02
    assert (loaded.text_coef_ != fitted.text_coef_).any()
    # Single terms included, whose coefficients are of quite different sizes.
    terms = sparse.identity(300, format="csr")
    for query in (X, terms):
        predicted, expected = loaded.predict(query), fitted.predict(query)
        correlation = [np.corrcoef(*pair)[0, 1] for pair in zip(predicted, expected, strict=True)]
        assert min(correlation) > 0.995
    # Small arrays are exact.
    for name in ("feature_weights_", "curvature_"):
        assert_same(getattr(loaded, name), getattr(fitted, name))


@pytest.mark.parametrize("scale", [1e-42, 1e-6, 1e6, 1e30])
def test_compact_copes_with_values_of_any_size(scale, tmp_path):
    fitted = neighbours(scale=scale)
    loaded = round_trip(fitted, tmp_path / "model")
    error = np.abs(loaded.text_tangent.astype(float) - fitted.text_tangent)
    assert error.max() < 0.02 * np.abs(fitted.text_tangent).max()


@pytest.mark.parametrize(
    "array",
    [
        np.linspace(0, 1e6, 20_000),  # beyond half precision
        np.linspace(0, 1, 20_000),
        np.full((200, 200), np.nan),
        np.linspace(-3, 3, 20_000).reshape(2, 100, 100).astype(np.float32),
    ],
)
def test_compact_arrays_of_other_shapes_and_values_lose_little(array):
    writer = StateWriter(compact=True)
    found = StateReader(writer.arrays).decode(writer.encode(array, "x"), "x")
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    np.testing.assert_allclose(found, array, rtol=5e-4, atol=1e-4)


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.text(),
    st.sampled_from([np.float32(0.1), np.int8(-3), np.bool_(True), np.float64("nan"), Path("a/b")]),
)
plain_arrays = npst.arrays(
    st.one_of(
        npst.boolean_dtypes(),
        npst.integer_dtypes(endianness="="),
        npst.unsigned_integer_dtypes(endianness="="),
        npst.floating_dtypes(endianness="=", sizes=(16, 32, 64)),
    ),
    npst.array_shapes(min_dims=0, min_side=0, max_dims=3),
)
string_arrays = st.lists(st.text("aä\U0001f600 ")).map(lambda items: np.array(items, dtype=object))
keys = st.one_of(st.text(), st.integers(-5, 5), st.floats(allow_nan=False), st.booleans())
values = st.recursive(
    st.one_of(scalars, plain_arrays, string_arrays),
    lambda parts: st.one_of(
        st.lists(parts, max_size=4),
        st.lists(parts, max_size=4).map(tuple),
        st.dictionaries(keys, parts, max_size=4),
    ),
    max_leaves=12,
)


@given(value=values, compact=st.booleans())
@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow])
def test_values_survive_the_way_through_json_and_safetensors(value, compact, assert_same):
    writer = StateWriter(compact=compact)
    text = json.dumps(writer.encode(value, ""), allow_nan=False)
    arrays = safetensors.numpy.load(safetensors.numpy.save(writer.arrays))
    assert_same(StateReader(arrays).decode(json.loads(text), ""), value)


def test_equal_arrays_are_stored_once_and_loaded_apart():
    writer = StateWriter(compact=False)
    node = writer.encode([np.full(5, 0.5), np.full(5, 0.5)], "")
    assert len(writer.arrays) == 1
    first, second = StateReader(writer.arrays).decode(node, "")
    first[0] = 1
    assert second[0] == 0.5


def test_loading_a_large_model_is_quick(tmp_path):
    random = np.random.default_rng(0)
    coef = random.normal(size=(512, 6300)).astype(np.float32)
    head = TermHead(coef, *np.zeros((3, 6300), np.float32), alpha=1.0, pseudo_studies=5.0)
    save_model(head, tmp_path / "head", precision="compact")
    save_model(neighbours(12_000, 64), tmp_path / "studies", precision="compact")
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        load_model(tmp_path / "head")
        load_model(tmp_path / "studies")
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.5
