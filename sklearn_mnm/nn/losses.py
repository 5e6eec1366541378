"""The parts of the objective, each a function of points on the hyperboloid."""

import torch
from torch import Tensor
from torch.nn import functional

from sklearn_mnm.geometry import pairwise_exterior_angle


def alignment_loss(text: Tensor, brain: Tensor, scale: Tensor, curvature: Tensor) -> Tensor:
    """Contrast each pair against all others of the batch by exterior angle.

    ``A_ij = -scale * ext(text_i, brain_j)``; the loss is the mean of the cross-entropies over
    rows (which brain belongs to this text) and over columns (which text belongs to this
    brain), as in MNM (arXiv 2511.21092).

    Parameters
    ----------
    text, brain : Tensor of shape (n, d + 1)
        Points on the hyperboloid, row i of each from study i.
    scale : Tensor of shape ()
        Inverse temperature.
    curvature : Tensor of shape ()
        c of the space.

    Returns
    -------
    loss : Tensor of shape ()
    """
    similarity = -scale * pairwise_exterior_angle(text, brain, curvature)
    own = torch.arange(len(text), device=text.device)
    rows = functional.cross_entropy(similarity, own)
    columns = functional.cross_entropy(similarity.T, own)
    return 0.5 * (rows + columns)
