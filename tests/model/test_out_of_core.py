"""Studies that are read from disk batch by batch."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone

from sklearn_mnm import HyperbolicBrainTextEmbedder
from sklearn_mnm._tools.memory_maps import release_pages
from sklearn_mnm.exceptions import InvalidInputError, MissingDependencyError
from sklearn_mnm.model.out_of_core import batches, count_rows, fit_in_batches, transform_to_file
from sklearn_mnm.search.index import PointIndex

KINDS = ["array", "memory map", "csr", "csc", "npy", "zarr", "zarr array", "parquet"]
N_STUDIES, N_FIRST = 1203, 500


def literature(n=N_STUDIES, n_terms=40, n_regions=16):
    random = np.random.default_rng(0)
    words, regions = random.normal(size=(8, n_terms)), random.gamma(0.3, size=(8, n_regions))
    topics = random.dirichlet(np.full(8, 0.2), size=n)
    X = topics @ words + 0.1 * random.normal(size=(n, n_terms))
    return X.astype(np.float32), random.poisson(20 * topics @ regions).astype(np.float32)


def stored(matrix, kind, folder):
    """The same matrix as another kind of source."""
    folder.mkdir(exist_ok=True)
    if kind in ("array", "csr", "csc"):
        return matrix if kind == "array" else sparse.csr_matrix(matrix).asformat(kind)
    path = folder / f"rows.{kind.split()[0]}"
    if kind == "memory map":
        np.save(path.with_suffix(".npy"), matrix)
        return np.load(path.with_suffix(".npy"), mmap_mode="r")
    if kind == "npy":
        np.save(path, matrix)
        return str(path)
    if kind == "parquet":
        pa = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        table = pa.table({f"column {i}": column for i, column in enumerate(matrix.T)})
        # Row groups whose ends are not those of batches.
        parquet.write_table(table, path, row_group_size=max(1, len(matrix) // 3 + 1))
        return path
    zarr = pytest.importorskip("zarr")
    array = zarr.open_array(
        str(path), mode="w", shape=matrix.shape, chunks=(7, 3), dtype=matrix.dtype
    )
    array[:] = matrix
    return path if kind == "zarr" else array


def dense(batch):
    return batch.toarray() if sparse.issparse(batch) else batch


@pytest.fixture(scope="module")
def studies():
    return literature()


@pytest.fixture(scope="module")
def fitted(studies):
    """First studies, then all others at once."""
    X, Y = studies
    embedder = HyperbolicBrainTextEmbedder(max_epochs=2, random_state=0)
    embedder.partial_fit(X[:N_FIRST], Y[:N_FIRST]).set_params(max_epochs=0)
    return embedder.partial_fit(X[N_FIRST:], Y[N_FIRST:]).set_params(max_epochs=2)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=10)
@given(n=st.integers(1, 50), size=st.integers(1, 60), seed=st.integers(0, 99))
def test_batches_are_the_rows_in_order_whatever_holds_them(kind, n, size, seed, tmp_path_factory):
    matrix = np.random.default_rng(seed).normal(size=(n, 5)).astype(np.float32)
    source = stored(matrix, kind, tmp_path_factory.mktemp("source"))
    found = list(batches(source, size))
    assert count_rows(source) == n
    assert [batch.shape[0] for batch in found] == [min(size, n - i) for i in range(0, n, size)]
    np.testing.assert_array_equal(np.concatenate([dense(batch) for batch in found]), matrix)
    assert found[0].dtype == np.float32


@pytest.mark.parametrize(("texts", "maps"), list(zip(KINDS, KINDS[::-1], strict=True)))
def test_fitting_in_batches_is_fitting_to_all(texts, maps, studies, fitted, tmp_path):
    X, Y = studies
    sources = stored(X, texts, tmp_path / "texts"), stored(Y, maps, tmp_path / "maps")
    if maps in ("csr", "csc"):
        sources = sources[0], Y  # maps are dense
    embedder = clone(fitted)
    assert fit_in_batches(embedder, *sources, batch_size=250, n_first=N_FIRST) is embedder
    assert embedder.statistics_.n_samples == N_STUDIES
    np.testing.assert_allclose(embedder.text_coef_, fitted.text_coef_, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(embedder.transform(X), fitted.transform(X), rtol=0, atol=2e-4)


def test_the_first_studies_come_in_whole_batches_and_a_fitted_embedder_goes_on(studies):
    X, Y = studies

    class Recorder:
        def __init__(self):
            self.sizes, self.max_epochs = [], 3

        def partial_fit(self, X, Y):
            assert len(X) == len(Y)
            assert self.max_epochs == (0 if self.sizes else 3)
            self.sizes.append(len(X))

    sizes = {
        (100, 250): [300, 100, 100, 100, 100, 100, 100, 100, 100, 100, 3],
        (1000, 1): [1000, 203],
        (100, 5000): [1203],
        (1202, 0): [1202, 1],
    }
    for (batch_size, n_first), expected in sizes.items():
        recorder = fit_in_batches(Recorder(), X, Y, batch_size=batch_size, n_first=n_first)
        assert recorder.sizes == expected
        assert recorder.max_epochs == 3
    embedder = HyperbolicBrainTextEmbedder(max_epochs=1).partial_fit(X[:300], Y[:300])
    towers = embedder.model_
    fit_in_batches(embedder, X[300:], Y[300:])
    assert embedder.model_ is towers
    assert embedder.statistics_.n_samples == N_STUDIES


@pytest.mark.parametrize("kind", KINDS)
def test_points_on_disk_are_those_in_memory(kind, studies, fitted, tmp_path):
    X = studies[0]
    path = tmp_path / "points.npy"
    points = transform_to_file(fitted.transform, stored(X, kind, tmp_path), path, batch_size=500)
    assert isinstance(points, np.memmap)
    assert points.dtype == np.float32
    # Bit for bit those of the same batches; of other sizes, products of matrices round otherwise.
    same_batches = [fitted.transform(X[i : i + 500]) for i in range(0, N_STUDIES, 500)]
    if kind not in ("csr", "csc"):
        np.testing.assert_array_equal(points, np.concatenate(same_batches))
    np.testing.assert_allclose(points, fitted.transform(X), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(np.load(path), points)
    assert [file.name for file in tmp_path.glob("tmp-*")] == []


def test_double_precision_is_rounded_and_predictions_can_be_written(studies, fitted, tmp_path):
    X, Y = (x.astype(np.float64) for x in studies)
    maps = transform_to_file(fitted.transform_brain, Y, tmp_path / "maps.npy")
    np.testing.assert_array_equal(maps, fitted.transform_brain(Y).astype(np.float32))
    predictions = transform_to_file(fitted.predict, X, tmp_path / "predictions.npy")
    np.testing.assert_array_equal(predictions, fitted.predict(X).astype(np.float32))


def test_a_stopped_call_leaves_the_old_file_and_nothing_else(studies, fitted, tmp_path):
    X, path = studies[0], tmp_path / "points.npy"
    before = np.array(transform_to_file(fitted.transform, X[:100], path))
    n_calls = 0

    def stopped(batch):
        nonlocal n_calls
        n_calls += 1
        if n_calls == 3:
            raise KeyboardInterrupt
        return fitted.transform(batch)

    with pytest.raises(KeyboardInterrupt):
        transform_to_file(stopped, X, path, batch_size=100)
    assert n_calls == 3
    assert list(tmp_path.iterdir()) == [path]
    np.testing.assert_array_equal(np.load(path), before)
    after = transform_to_file(fitted.transform, X, path, batch_size=100)
    assert len(after) == N_STUDIES


def test_the_index_of_points_on_disk_finds_what_the_one_in_memory_finds(studies, fitted, tmp_path):
    X, Y = studies
    points = transform_to_file(fitted.transform_brain, Y, tmp_path / "maps.npy")
    queries = fitted.transform(X[:20])
    on_disk, in_memory = (PointIndex(array).search(queries, 10) for array in (points, points + 0))
    np.testing.assert_array_equal(on_disk, in_memory)
    assert np.shares_memory(PointIndex(points).points, points)


def test_released_pages_can_be_read_again_and_changes_are_kept(tmp_path):
    path = tmp_path / "rows.npy"
    matrix = np.random.default_rng(0).normal(size=(5_000, 30))
    np.save(path, matrix)
    for mode in ("r", "r+", "c"):
        rows = np.load(path, mmap_mode=mode)
        if mode != "r":
            rows[7] = matrix[7] = len(mode)
        for view in (rows, rows[3:], np.asarray(rows)[:, 2], rows.T, matrix, None):
            release_pages(view)
        np.testing.assert_array_equal(rows, matrix)
        matrix = np.load(path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_reading_a_memory_map_does_not_fill_memory(tmp_path):
    def resident_mapped():
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssFile"))

    path, n_bytes = tmp_path / "rows.npy", 64 * 2**20
    np.save(path, np.ones((n_bytes // 4096, 1024), dtype=np.float32))
    rows = np.load(path, mmap_mode="r")
    before, largest = resident_mapped(), 0
    for batch in batches(rows, 1024):
        assert batch.sum() == batch.size
        largest = max(largest, resident_mapped() - before)
    assert largest < n_bytes / 4
    assert rows.sum() == rows.size
    assert resident_mapped() - before > n_bytes / 2  # what the measure shows otherwise


@pytest.mark.parametrize(("module", "ending"), [("zarr", "zarr"), ("pyarrow.parquet", "parquet")])
def test_the_extra_that_reads_a_file_is_named(module, ending, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=r"Reading rows.*sklearn-mnm\[large\]"):
        batches(tmp_path / f"rows.{ending}")


@pytest.mark.parametrize(
    "transform", [lambda rows: rows[1:], lambda rows: rows[:, : len(rows)], lambda rows: rows[:, 0]]
)
def test_a_method_that_does_not_give_row_for_row_is_noticed(transform, tmp_path):
    with pytest.raises(InvalidInputError, match="transform made an array of shape"):
        transform_to_file(transform, np.zeros((8, 5)), tmp_path / "rows.npy", batch_size=5)
    with pytest.raises(InvalidInputError, match="source has no rows"):
        transform_to_file(transform, np.zeros((0, 5)), tmp_path / "rows.npy")
    assert list(tmp_path.iterdir()) == []


def test_the_code_of_the_guide_to_scaling_runs(tmp_path, monkeypatch):
    for package in ("faiss", "pyarrow", "zarr", "dask", "qdrant_client"):
        pytest.importorskip(package)
    guide = Path(__file__).parents[2] / "docs" / "scaling.md"
    code = re.findall(r"^```python\n(.*?)^```", guide.read_text(), flags=re.MULTILINE | re.DOTALL)
    # Those of a cluster run elsewhere, in test_clusters.py and nn/test_distributed.py.
    code = [block for block in code if not re.search("scheduler|fabric", block)]
    assert len(code) >= 6
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in code:
        exec(block, names)
    assert names["index"].points.shape == (3000, names["embedder"].n_dimensions_ + 1)
    assert len(set(names["nearest"]) & set(names["neighbours"][0])) >= 9
    written = np.concatenate(list(batches(tmp_path / "points.zarr")))
    np.testing.assert_allclose(written, names["embedder"].transform(names["X"]), atol=1e-6)
