"""The parts of the objective, each a function of points on the hyperboloid."""

from torch import Tensor
from torch.nn import functional

from sklearn_mnm.geometry import (
    einstein_midpoint,
    entailment_violation,
    pairwise_exterior_angle,
    radius,
)
from sklearn_mnm.nn.tiled import contrastive_loss, order_violation


def brain_apex_loss(
    text: Tensor,
    brain: Tensor,
    scale: Tensor,
    curvature: Tensor,
    *,
    pair_weights: Tensor | None = None,
) -> Tensor:
    """Contrast pairs by the angle of the text seen from the brain, which should be wide.

    ``B_ij = scale * ext(brain_j, text_i)``: a text lies between the origin and its brain, so
    the geodesic from the brain to it turns back and the exterior angle is near pi. The
    companion of the alignment by exterior angle in angle-based entailment (ATMG). Memory is
    linear in n.

    Parameters
    ----------
    text, brain : Tensor of shape (n, d + 1)
        Points on the hyperboloid, row i of each from study i.
    scale : Tensor of shape ()
        Inverse temperature.
    curvature : Tensor of shape ()
        c of the space.
    pair_weights : Tensor of shape (n,) or None, default=None
        Positive weights of the pairs in the mean; as candidates all count alike.

    Returns
    -------
    loss : Tensor of shape ()
    """
    # Brains, the apexes, are the rows here; the loss is the same for the transposed matrix.
    return contrastive_loss(
        pairwise_exterior_angle, brain, text, scale, curvature, pair_weights=pair_weights
    )


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
    min_difference``, where t is the time coordinate, which grows with the radius. Memory is
    linear in n.

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
    return order_violation(points[:, 0].log(), extent, min_difference=min_difference)


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
