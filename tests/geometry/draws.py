"""What the properties of the geometry are tried on."""

import torch
from hypothesis import settings
from hypothesis import strategies as st

from sklearn_mnm import geometry

PROPERTY = settings(max_examples=40, derandomize=True)
SEEDS = st.integers(0, 2**31)
DIMS = st.integers(2, 64)
CURVATURES = st.sampled_from([0.1, 0.7, 1.0, 10.0])
DTYPES = st.sampled_from([torch.float32, torch.float64])


def tangents(seed, shape, reach, curvature, dtype=torch.float64):
    """Tangent vectors at the origin with sqrt(c) |v| uniform in [0, reach]."""
    generator = torch.Generator().manual_seed(seed)
    v = torch.randn(*shape, dtype=torch.float64, generator=generator)
    length = reach * torch.rand(*shape[:-1], 1, dtype=torch.float64, generator=generator)
    return (v / v.norm(dim=-1, keepdim=True) * length / curvature**0.5).to(dtype)


def points(seed, shape, reach, curvature):
    """Points at such radii."""
    return geometry.exp_map0(tangents(seed, shape, reach, curvature), curvature)
