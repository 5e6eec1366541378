"""The parts of the objective, each a function of points on the hyperboloid."""

import torch
from torch import Tensor
from torch.nn import functional

from sklearn_mnm.geometry import (
    einstein_midpoint,
    entailment_violation,
    pairwise_exterior_angle,
    radius,
)


def alignment_loss(similarity: Tensor, scale: Tensor) -> Tensor:
    """Contrast each pair against all others of the batch.

    ``A_ij = scale * similarity_ij``; the loss is the mean of the cross-entropies over rows
    (which brain belongs to this text) and over columns (which text belongs to this brain).
    With ``similarity = -ext(text_i, brain_j)`` this is the alignment of MNM
    (arXiv 2511.21092).

    Parameters
    ----------
    similarity : Tensor of shape (n, n)
        Of texts (rows) and brains (columns), true pairs on the diagonal; see
        :mod:`sklearn_mnm.nn.similarity`.
    scale : Tensor of shape ()
        Inverse temperature.

    Returns
    -------
    loss : Tensor of shape ()
    """
    own = torch.arange(len(similarity), device=similarity.device)
    rows = functional.cross_entropy(scale * similarity, own)
    columns = functional.cross_entropy(scale * similarity.T, own)
    return 0.5 * (rows + columns)


def brain_apex_loss(text: Tensor, brain: Tensor, scale: Tensor, curvature: Tensor) -> Tensor:
    """Contrast pairs by the angle of the text seen from the brain, which should be wide.

    ``B_ij = scale * ext(brain_j, text_i)``: a text lies between the origin and its brain, so
    the geodesic from the brain to it turns back and the exterior angle is near pi. The
    companion of :func:`alignment_loss` in angle-based entailment (ATMG).

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
    return alignment_loss(pairwise_exterior_angle(brain, text, curvature).T, scale)


def radius_hinge_loss(text: Tensor, brain: Tensor, curvature: Tensor, *, margin: float) -> Tensor:
    """Texts nearer to the origin than brains, on average, by a margin.

    ``relu(mean radius(text) - mean radius(brain) + margin)``. Zero once the order holds, so it
    neither pulls texts into the origin nor brains to infinity.

    Parameters
    ----------
    text, brain : Tensor of shape (n, d + 1)
        Points on the hyperboloid.
    curvature : Tensor of shape ()
        c of the space.
    margin : float
        Distance between the mean radii that is asked for.

    Returns
    -------
    loss : Tensor of shape ()
    """
    difference = radius(text, curvature).mean() - radius(brain, curvature).mean()
    return functional.relu(difference + margin)


def centroid_loss(points: Tensor, curvature: Tensor, *, target: float) -> Tensor:
    """Distance of the radius of the Einstein midpoint of a batch from a target.

    ``|d(O, midpoint(points)) - target|``: MNM's form of "text above brain", with a smaller
    target for texts than for brains. The midpoint of points in all directions is near the
    origin whatever their radii, so this also draws directions together.

    Parameters
    ----------
    points : Tensor of shape (n, d + 1)
        Points on the hyperboloid.
    curvature : Tensor of shape ()
        c of the space.
    target : float
        Distance from the origin.

    Returns
    -------
    loss : Tensor of shape ()
    """
    return (radius(einstein_midpoint(points, curvature), curvature) - target).abs()


def extent_loss(points: Tensor, extent: Tensor, *, min_difference: float) -> Tensor:
    """Broad maps nearer to the origin than focal ones.

    ``relu(log(t_i / t_j))``, averaged over the pairs with ``extent_i - extent_j >
    min_difference``, where t is the time coordinate, which grows with the radius.

    Parameters
    ----------
    points : Tensor of shape (n, d + 1)
        Points of maps on the hyperboloid.
    extent : Tensor of shape (n,)
        How much of the brain each map activates.
    min_difference : float
        Pairs that differ by less are not compared.

    Returns
    -------
    loss : Tensor of shape ()
        Zero if no pair differs enough.
    """
    log_time = points[:, 0].log()
    violation = functional.relu(log_time[:, None] - log_time[None, :])
    compared = extent[:, None] - extent[None, :] > min_difference
    return (violation * compared).sum() / compared.sum().clamp(min=1)


def entailment_loss(parent: Tensor, child: Tensor, curvature: Tensor) -> Tensor:
    """Mean angle by which children lie outside the cones of their parents.

    ``mean relu(ext(parent, child) - half_aperture(parent))`` (MERU, arXiv 2304.09172).

    Parameters
    ----------
    parent, child : Tensor of shape (n, d + 1)
        Points on the hyperboloid; row i of one is the parent of row i of the other.
    curvature : Tensor of shape ()
        c of the space.

    Returns
    -------
    loss : Tensor of shape ()
    """
    return entailment_violation(parent, child, curvature).mean()
