"""What a GPU computes is what the processor does; skipped where there is none."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from sklearn_mnm import HyperbolicBrainTextEmbedder, Towers
from sklearn_mnm.geometry import _fused, exp_map0
from sklearn_mnm.nn.similarity import SIMILARITIES
from sklearn_mnm.nn.tiled import contrastive_loss, order_violation

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU")


def inputs(n, device, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    shared, *own = torch.randn(3, n, 48, generator=generator, dtype=torch.float64)
    text, brain = (
        exp_map0(radius * functional.normalize(shared + part, dim=1), 1.0)
        for radius, part in zip((0.4, 1.6), own, strict=True)
    )
    parts = text, brain, torch.tensor(12.0), torch.tensor(1.0)
    return [part.detach().to(device, dtype).requires_grad_() for part in parts]


def loss_and_gradients(similarity, device, dtype=torch.float32, n=700, tile=None):
    parts = inputs(n, device, dtype)
    loss = contrastive_loss(SIMILARITIES[similarity], *parts, tile=tile)
    loss.backward()
    return [loss.detach().cpu(), *(part.grad.cpu() for part in parts)]


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_contrasts_and_gradients_are_those_of_double_precision(similarity):
    exact = loss_and_gradients(similarity, "cpu", torch.float64)
    for found, expected in zip(loss_and_gradients(similarity, "cuda"), exact, strict=True):
        error = (found - expected).norm() / expected.norm().clamp(min=1e-3)
        assert error < 1e-4


def test_compiled_tiles_give_what_eager_ones_do(monkeypatch):
    eager = loss_and_gradients("exterior_angle", "cuda", tile=256)
    monkeypatch.setattr(_fused, "_SMALLEST", 1)
    compiled = loss_and_gradients("exterior_angle", "cuda", tile=256)
    for found, expected in zip(compiled, eager, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("smallest", [1, 2**26])
def test_order_of_extents_is_that_of_the_processor(smallest, monkeypatch):
    monkeypatch.setattr(_fused, "_SMALLEST", smallest)
    values, levels = torch.rand(2, 3000, generator=torch.Generator().manual_seed(0))
    expected = order_violation(values, levels, min_difference=0.1)
    found = order_violation(values.cuda(), levels.cuda(), min_difference=0.1, tile=512)
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-4, atol=0)


def test_fits_repeat_themselves_and_agree_with_the_processor():
    random = np.random.default_rng(0)
    topics = random.dirichlet(np.full(6, 0.1), size=400)
    X = random.poisson(topics @ random.gamma(0.3, size=(6, 80)) * 5)
    Y = random.poisson(topics @ random.gamma(0.3, size=(6, 40)) * 5)

    def fit(device):
        # Maps start at one radius, up to rounding, which decides about their first order.
        return HyperbolicBrainTextEmbedder(
            batch_size=100, towers=Towers(dropout=0.0), device=device, random_state=0
        ).fit(X, Y)

    on_gpu, again, on_processor = fit("cuda"), fit("cuda"), fit("cpu")
    np.testing.assert_array_equal(again.transform(X), on_gpu.transform(X))
    np.testing.assert_allclose(on_gpu.transform(X), on_processor.transform(X), atol=5e-3)


def test_an_interrupted_fit_goes_on_to_the_same_end(tmp_path):
    random = np.random.default_rng(0)
    X, Y = random.poisson(0.5, size=(200, 30)), random.poisson(0.5, size=(200, 20))

    def stop(record):
        if record["epoch"] == 2:
            raise OSError("stopped here")

    def fit(callbacks=None):
        return HyperbolicBrainTextEmbedder(
            batch_size=50,
            max_epochs=4,
            device="cuda",
            checkpoint=tmp_path,
            callbacks=callbacks,
            random_state=0,
        ).fit(X, Y)

    whole = fit()
    with pytest.raises(OSError, match="stopped here"):
        fit([stop])
    np.testing.assert_array_equal(fit().transform(X), whole.transform(X))
