"""Each similarity is what its name says, for all pairs."""

import pytest
import torch

from sklearn_mnm.geometry import distance, exp_map0, exterior_angle
from sklearn_mnm.nn.similarity import SIMILARITIES


def _tangent(n, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 4, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("curvature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize(
    ("name", "one_pair"),
    [
        ("exterior_angle", lambda u, v, c: -exterior_angle(exp_map0(u, c), exp_map0(v, c), c)),
        ("root_angle", lambda u, v, c: torch.cosine_similarity(u, v, dim=0)),
        ("distance", lambda u, v, c: -distance(exp_map0(u, c), exp_map0(v, c), c)),
        ("cosine", lambda u, v, c: torch.cosine_similarity(u, v, dim=0)),
        ("euclidean", lambda u, v, c: -0.5 * (u - v).square().sum()),
    ],
)
def test_similarities_equal_their_definitions(name, one_pair, curvature):
    text, brain = _tangent(5, 0), _tangent(6, 1)
    matrix = SIMILARITIES[name](exp_map0(text, curvature), exp_map0(brain, curvature), curvature)
    expected = torch.stack([torch.stack([one_pair(u, v, curvature) for v in brain]) for u in text])
    torch.testing.assert_close(matrix, expected)


@pytest.mark.parametrize("name", SIMILARITIES)
def test_gradients_are_finite_at_the_origin(name):
    tangent = torch.zeros(3, 4, requires_grad=True)
    points = exp_map0(tangent, 1.0)
    SIMILARITIES[name](points, points, 1.0).sum().backward()
    assert torch.isfinite(tangent.grad).all()
