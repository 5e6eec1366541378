"""Whether a change made the package slower: ``make bench``, before and after it.

Ours alone, in one process, on generated data and the bundled model; ``side_by_side.py`` has what
users would take instead beside it.
"""

import numpy as np
import pytest
import torch

from sklearn_mnm import PeaksToRegions, load_pretrained
from sklearn_mnm.datasets import make_literature
from sklearn_mnm.geometry import exp_map0
from sklearn_mnm.model.text_regression import TextRegression
from sklearn_mnm.nn.similarity import SIMILARITIES
from sklearn_mnm.nn.tiled import contrastive_loss
from sklearn_mnm.search.index import PointIndex

pytest.importorskip("pytest_benchmark")
N_STUDIES, DIMENSION = 2048, 64


@pytest.fixture(scope="module")
def model():
    return load_pretrained()


@pytest.fixture(scope="module")
def points():
    """Points of texts and of maps."""
    tangent = torch.randn(2, N_STUDIES, DIMENSION, generator=torch.Generator().manual_seed(0))
    return exp_map0(0.1 * tangent.double(), 1.0)


@pytest.fixture(scope="module")
def studies():
    return make_literature(N_STUDIES, n_terms=400, random_state=0).studies


def test_text_to_image(benchmark, model):
    assert benchmark(model.encoder.predict_img, ["reward anticipation"]).shape


def test_text_to_studies(benchmark, model):
    assert len(benchmark(model.encoder.retrieve, ["reward anticipation"], k=10)) == 10


def test_image_to_terms(benchmark, model):
    image = model.encoder.predict_img(["reward anticipation"])
    assert len(benchmark(model.decoder.predict_topk, image, k=50)) == 50


def test_texts_to_points(benchmark, model):
    texts = [str(term) for term in model.encoder.terms_[:1000]]
    assert benchmark(model.encoder.transform, texts).shape[0] == 1000


def test_peaks_to_regions(benchmark, studies):
    regions = PeaksToRegions(n_regions=128, resolution=6, random_state=0).fit(studies)
    assert benchmark(regions.transform, studies).shape == (N_STUDIES, 128)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_contrast(benchmark, points, similarity):
    texts, maps = (part.float().requires_grad_() for part in points)
    constants = torch.tensor(12.0), torch.tensor(1.0)

    def step():
        loss = contrastive_loss(SIMILARITIES[similarity], texts, maps, *constants)
        return torch.autograd.grad(loss, (texts, maps))

    assert all(gradient.isfinite().all() for gradient in benchmark(step))


@pytest.mark.parametrize("method", ["exact", "faiss"])
def test_search(benchmark, points, method):
    if method == "faiss":
        pytest.importorskip("faiss")
    texts, maps = points.numpy()
    index = PointIndex(maps, method=method)
    assert benchmark(index.search, texts[:100], 10)[0].shape == (100, 10)


def test_closed_form(benchmark, studies):
    brain = np.random.default_rng(0).random((N_STUDIES, 128), dtype=np.float32)
    found = benchmark(TextRegression.fit, studies.counts, brain, None, alpha=5.0, seed=0)
    assert np.isfinite(found.coef).all()
