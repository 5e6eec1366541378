"""Towers of other models are trained."""

import numpy as np
import pytest


@pytest.mark.parametrize("module", ["clip", "meru"])
def test_towers_learn_pairs(module):
    import importlib

    import torch

    towers_module = importlib.import_module(f"benchmarks.models.{module}")
    model_class = {"clip": "ClipModel", "meru": "MeruModel"}[module]
    model = getattr(towers_module, model_class)()
    random = np.random.default_rng(0)
    brain = torch.from_numpy(random.normal(size=(300, 16)).astype(np.float32))
    text = brain @ torch.from_numpy(random.normal(size=(16, 12)).astype(np.float32))
    setting = {"learning_rate": 3e-3, "dropout": 0.0}
    *_, towers = model._train(setting, (text, brain), 150)
    with torch.no_grad():
        similarity = towers.eval().similarity(text, brain)
    assert (similarity.argmax(dim=1) == torch.arange(300)).float().mean() > 0.5
