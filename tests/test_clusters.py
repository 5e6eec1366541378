"""Work given to clusters and vector databases gives the results of one process."""

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV

from sklearn_mnm import HyperbolicBrainTextEmbedder, MNMObjective
from sklearn_mnm.model.out_of_core import transform_to_file
from sklearn_mnm.nn.similarity import SIMILARITIES
from sklearn_mnm.search.index import PointIndex
from sklearn_mnm.search.inner_product import inner_product_vectors


@pytest.fixture(scope="module")
def dask_cluster():
    distributed = pytest.importorskip("distributed", reason="needs dask and distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster):
        yield "dask"


@pytest.fixture
def ray_cluster(monkeypatch):
    ray = pytest.importorskip("ray", reason="needs ray")
    from ray.util.joblib import register_ray

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    register_ray()
    yield "ray"
    ray.shutdown()


@pytest.fixture(scope="module")
def studies():
    random = np.random.default_rng(0)
    topics = random.dirichlet(np.full(6, 0.2), size=300)
    X = topics @ random.normal(size=(6, 30)) + 0.1 * random.normal(size=(300, 30))
    return X.astype(np.float32), random.poisson(20 * topics @ random.gamma(0.3, size=(6, 16)))


@pytest.fixture(scope="module")
def embedder(studies):
    return HyperbolicBrainTextEmbedder(max_epochs=1, random_state=0).fit(*studies)


def searched(studies):
    grid = {"alpha": [0.1, 100.0], "n_components": [2, 12]}
    embedder = HyperbolicBrainTextEmbedder(max_epochs=1, random_state=0)
    return GridSearchCV(embedder, grid, cv=3, error_score="raise").fit(*studies)


@pytest.mark.parametrize("cluster", ["dask_cluster", "ray_cluster"])
def test_model_selection_on_a_cluster_is_that_of_one_process(cluster, studies, request):
    expected = searched(studies)
    with parallel_config(request.getfixturevalue(cluster), n_jobs=2):
        found = searched(studies)
    assert found.cv_results_["params"] == expected.cv_results_["params"]
    assert len(np.unique(expected.cv_results_["mean_test_score"])) > 1
    for key, values in expected.cv_results_.items():
        if "score" in key and "time" not in key:
            np.testing.assert_array_equal(found.cv_results_[key], values)
    X = studies[0]
    np.testing.assert_allclose(found.predict(X), expected.predict(X), rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("dask_cluster")
def test_a_dask_map_embeds_what_transform_embeds(studies, embedder, tmp_path):
    da = pytest.importorskip("dask.array", reason="needs dask")
    X = studies[0]
    np.save(tmp_path / "X.npy", X)
    texts = da.from_array(np.load(tmp_path / "X.npy", mmap_mode="r"), chunks=(90, -1))
    points = texts.map_blocks(
        embedder.transform,
        chunks=(texts.chunks[0], embedder.n_dimensions_ + 1),
        meta=np.empty((0, 0), dtype=texts.dtype),
    )
    assert points.shape == (300, embedder.n_dimensions_ + 1)
    expected = transform_to_file(embedder.transform, X, tmp_path / "points.npy", batch_size=90)
    np.testing.assert_array_equal(points.compute(), expected)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("role", ["brain", "text"])
def test_candidates_of_a_vector_database_hold_the_nearest_points(similarity, role):
    qdrant = pytest.importorskip("qdrant_client", reason="needs qdrant-client")
    models = pytest.importorskip("qdrant_client.models")
    random = np.random.default_rng(0)
    topics = random.dirichlet(np.full(8, 0.2), size=4_000)
    X = topics @ random.normal(size=(8, 30)) + 0.1 * random.normal(size=(4_000, 30))
    Y = random.poisson(20 * topics @ random.gamma(0.3, size=(8, 24)))
    embedder = HyperbolicBrainTextEmbedder(
        objective=MNMObjective(similarity), max_epochs=1, random_state=0
    )
    texts, brains = embedder.fit(X[:1000], Y[:1000]).transform(X, Y)
    stored, queries = (brains, texts) if role == "brain" else (texts, brains)
    queries, other = queries[::100], "text" if role == "brain" else "brain"

    options = {"similarity": similarity, "curvature": embedder.curvature_}
    vectors = inner_product_vectors(stored, role, **options)
    asked = inner_product_vectors(queries, other, **options)
    database = qdrant.QdrantClient(":memory:")
    database.create_collection(
        "studies",
        vectors_config=models.VectorParams(size=vectors.shape[1], distance=models.Distance.DOT),
    )
    database.upload_collection("studies", vectors, ids=range(len(vectors)))
    expected, similarities = PointIndex(stored, role=role, method="exact", **options).search(
        queries, 10
    )
    for query, vector, nearest, values in zip(queries, asked, expected, similarities, strict=True):
        answer = database.query_points("studies", query=vector, limit=100).points
        numbers = np.sort([point.id for point in answer])
        pair = [query[None], stored[numbers]]
        ranks = embedder.similarity(*(pair if role == "brain" else pair[::-1])).ravel()
        found = numbers[np.argsort(-ranks, kind="stable")[:10]]
        assert len(set(found) & set(nearest)) >= 9
        np.testing.assert_allclose(np.sort(ranks)[::-1][:9], values[:9], atol=1e-6)
