"""AdamW by torch's functional form, against torch's class."""

import subprocess
import sys

import pytest
import torch

from sklearn_mnm.nn.optimizer import AdamW, Group

SHAPES = ((3, 4), (4,), (), (2, 2))


def parameters(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


def loss_of(weights, step):
    generator = torch.Generator().manual_seed(step)
    terms = [(w * torch.randn(w.shape, generator=generator)).sin().sum() for w in weights]
    # The last has no gradient in the first steps.
    return sum(terms if step > 2 else terms[:-1])


def trained(weights, optimizer, steps):
    for step in steps:
        optimizer.zero_grad()
        loss_of(weights, step).backward()
        optimizer.step()
    return [weight.detach().clone() for weight in weights]


def ours(weights):
    return AdamW([Group(weights[:2], 0.01, 0.1), Group(weights[2:], 0.03)])


def test_steps_are_those_of_torch():
    weights, others = parameters(), parameters()
    reference = torch.optim.AdamW(
        [
            {"params": others[:2], "lr": 0.01, "weight_decay": 0.1},
            {"params": others[2:], "lr": 0.03, "weight_decay": 0.0},
        ]
    )
    optimizer = ours(weights)
    found, expected = trained(weights, optimizer, range(9)), trained(others, reference, range(9))
    for weight, other in zip(found, expected, strict=True):
        torch.testing.assert_close(weight, other, rtol=0, atol=0)
    state = reference.state_dict()["state"]
    assert optimizer.state.keys() == state.keys() == set(range(4))
    for number, of_parameter in optimizer.state.items():
        assert of_parameter.keys() == state[number].keys()
        for name, tensor in of_parameter.items():
            torch.testing.assert_close(tensor, state[number][name], rtol=0, atol=0)


def test_without_weight_decay_it_is_adam():
    weights, others = parameters(), parameters()
    found = trained(weights, AdamW([Group(weights, 0.02)]), range(5))
    expected = trained(others, torch.optim.Adam(others, lr=0.02), range(5))
    for weight, other in zip(found, expected, strict=True):
        torch.testing.assert_close(weight, other)


@pytest.mark.parametrize("stop", [1, 2, 5])
def test_it_goes_on_from_a_state(stop):
    weights, others = parameters(), parameters()
    expected = trained(weights, ours(weights), range(8))
    first = ours(others)
    trained(others, first, range(stop))
    later = ours(others)
    later.load_state(first.state)
    for weight, other in zip(trained(others, later, range(stop, 8)), expected, strict=True):
        torch.testing.assert_close(weight, other, rtol=0, atol=0)


def test_what_is_frozen_stays():
    weights = parameters()
    before = [weight.detach().clone() for weight in weights]
    for weight in weights[2:]:
        weight.requires_grad_(False)
    found = trained(weights, ours(weights), range(2))
    assert not torch.equal(found[0], before[0])
    assert all(torch.equal(*pair) for pair in zip(found[2:], before[2:], strict=True))


def test_a_fit_does_not_import_the_compiler_of_torch():
    code = """
import sys
import numpy as np
from sklearn_mnm import HyperbolicBrainTextEmbedder
random = np.random.default_rng(0)
X, Y = random.poisson(1.0, size=(40, 12)), random.poisson(1.0, size=(40, 9))
HyperbolicBrainTextEmbedder(max_epochs=1, random_state=0).fit(X, Y)
assert "torch" in sys.modules
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
