"""Two processes train as one does."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

SCRIPT = """
import sys
import torch
from lightning_fabric import Fabric
from sklearn_mnm.nn.distributed import shared_batches
from sklearn_mnm.nn.objective import (
    Alignment, BrainApex, Drift, Extent, Network, Objective, TextAboveBrain,
)
from sklearn_mnm.nn.similarity import SIMILARITIES
from sklearn_mnm.nn.towers import BrainTextModel, LiftTower
from sklearn_mnm.nn.training import TrainingSettings, train


def trained(fabric=None, rank=0):
    torch.set_num_threads(1)
    torch.manual_seed(rank)  # the weights of the first process count
    text, brain = torch.randn(2, 61, 10, generator=torch.Generator().manual_seed(0))
    brain = text + 0.5 * brain
    towers = [
        LiftTower(torch.eye(10)[:, :6], radius=radius, n_hidden=8, dropout=0.0)
        for radius in (0.3, 0.8)
    ]
    model = BrainTextModel(*towers, curvature=1.0, learn_curvature=True, inverse_temperature=5.0)
    start = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    extent = torch.rand(61, generator=torch.Generator().manual_seed(1))
    objective = Objective((
        Alignment(1.0, SIMILARITIES["exterior_angle"]), BrainApex(0.5),
        TextAboveBrain(0.1, "centroid", 0.3, 0.8),
        Extent(1.0, extent, 0.1), Network(0.5, (brain.clone(),)), Drift(0.3),
    ))
    settings = TrainingSettings(
        max_epochs=3, batch_size=20, learning_rate=0.01, weight_decay=0.1,
    )
    sizes, gradients = [], {}
    model.text_tower.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))

    def run():
        rows = torch.arange(3, 24)
        parts = objective(model, model(text[rows], brain[rows]), rows)
        torch.stack(list(parts.values())).sum().backward()
        gradients.update({name: w.grad.clone() for name, w in model.named_parameters()})
        return train(model, objective, text, brain, evaluate=None, settings=settings, seed=0)

    if fabric is None:
        result = run()
    else:
        with shared_batches(model):
            result = run()
    calls = len(sizes)
    model(text[:4], brain[:4])  # the context has ended
    return {
        "start": start, "gradients": gradients, "state": model.state_dict(),
        "history": result.history, "sizes": sizes[:calls], "after": sizes[-1],
    }


def work(fabric, folder):
    result = trained(fabric, fabric.global_rank)
    torch.save(result, f"{folder}/{fabric.global_rank}.pt")


if __name__ == "__main__":
    torch.save(trained(), f"{sys.argv[1]}/alone.pt")
    fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp_spawn")
    fabric.launch(work, sys.argv[1])
"""


def run(code, folder):
    pytest.importorskip("lightning_fabric", reason="needs lightning-fabric")
    script = folder / "script.py"
    script.write_text(code)
    subprocess.run(
        [sys.executable, str(script), str(folder)],
        check=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
    )


def test_two_processes_of_fabric_give_the_weights_of_one(tmp_path):
    run(SCRIPT, tmp_path)
    alone, *both = (torch.load(tmp_path / f"{name}.pt") for name in ("alone", "0", "1"))
    moved = [(alone["state"][x] - alone["start"][x]).abs().max() for x in alone["state"]]
    assert max(moved) > 1e-2
    assert any(
        not torch.equal(both[0]["start"][name], both[1]["start"][name]) for name in alone["start"]
    )
    assert alone["sizes"] == [21, *[21, 21, 19] * 3]
    for process in both:
        assert process["sizes"] == [11, *[11, 11, 10] * 3]  # a share of each batch
        assert process["after"] == 4
        # Themselves, since the optimizer takes no notice of a constant factor.
        for name, expected in alone["gradients"].items():
            torch.testing.assert_close(process["gradients"][name], expected, rtol=1e-4, atol=1e-6)
        for name, expected in alone["state"].items():
            torch.testing.assert_close(process["state"][name], expected, rtol=1e-4, atol=2e-5)
        for record, expected in zip(process["history"], alone["history"], strict=True):
            assert record == pytest.approx(expected, rel=1e-4, abs=1e-5)


ESTIMATOR = """
import sys
import numpy as np
from lightning_fabric import Fabric
from sklearn_mnm import HyperbolicBrainTextEmbedder, Towers
from sklearn_mnm.nn.distributed import shared_training

random = np.random.default_rng(0)
topics = random.dirichlet(np.full(6, 0.1), size=120)
X = random.poisson(topics @ random.gamma(0.3, size=(6, 30)) * 5)
Y = random.poisson(topics @ random.gamma(0.3, size=(6, 20)) * 5)


def fit(path):
    # Maps start at one radius, up to rounding, which the order by extent would take for an order.
    embedder = HyperbolicBrainTextEmbedder(
        n_components=8, batch_size=40, max_epochs=3, towers=Towers(dropout=0.0), random_state=0
    )
    embedder.fit(X, Y)
    embedder.history_.to_json(f"{path}.json")
    np.save(f"{path}.npy", embedder.transform(X))


def work(fabric, folder):
    with shared_training():
        fit(f"{folder}/{fabric.global_rank}")


if __name__ == "__main__":
    fit(f"{sys.argv[1]}/alone")
    fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp_spawn")
    fabric.launch(work, sys.argv[1])
"""


def test_an_estimator_fitted_by_two_processes_is_that_of_one(tmp_path):
    run(ESTIMATOR, tmp_path)
    alone, *both = (np.load(tmp_path / f"{name}.npy") for name in ("alone", "0", "1"))
    history, *histories = (pd.read_json(tmp_path / f"{name}.json") for name in ("alone", "0", "1"))
    assert len(history) == 4
    assert history.loss.iloc[-1] < history.loss.iloc[1]
    for points, other in zip(both, histories, strict=True):
        np.testing.assert_allclose(points, alone, rtol=1e-3, atol=1e-4)
        pd.testing.assert_frame_equal(other, history, rtol=1e-3, atol=1e-4)
