"""A parcellation learnt from the peaks of a corpus, and its tree."""

from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage, sparse
from scipy.spatial import cKDTree
from sklearn.feature_extraction.image import grid_to_graph
from sklearn.utils import check_random_state

from sklearn_mnm.brain.smoothing import gaussian_smooth
from sklearn_mnm.exceptions import InvalidInputError


class WardParcellation(NamedTuple):
    """Regions of a parcellation and the tree that joins them.

    Attributes
    ----------
    labels : ndarray of int of shape (n_voxels,)
        Region of each voxel, ``0 ... n_regions - 1``, numbered in order of first voxel.
    children : ndarray of int of shape (n_regions - 1, 2)
        Merges in the order in which they happen, as in scikit-learn: values below
        `n_regions` are regions, value ``n_regions + i`` is the node of row ``i``.
    """

    labels: np.ndarray
    children: np.ndarray


def voxel_profiles(
    counts: sparse.csr_matrix,
    mask_img: Any,
    fwhm: float,
    *,
    n_components: int = 100,
    random_state: Any = None,
) -> np.ndarray:
    """Compress the activation of each voxel across the studies of a corpus.

    The smoothed maps S (n_studies, n_voxels) are never formed. A randomized range finder
    (Halko, Martinsson and Tropp 2011, doi:10.1137/090771806, algorithm 4.4 with one power
    iteration) finds an orthonormal basis Q of the leading directions among studies, and the
    profiles are the columns of Q' S, which approximate the columns of S, scaled to unit
    norm. Distances between unit vectors compare which studies activate a voxel rather than
    how many do; without the scaling, regions follow the density of peaks: a few are tiny, a
    few huge, and less of what tells studies apart survives the averaging.

    Parameters
    ----------
    counts : scipy.sparse.csr_matrix of shape (n_studies, n_voxels)
        Peaks per study and voxel.
    mask_img : nibabel.nifti1.Nifti1Image
        Binary mask.
    fwhm : float
        Width in mm of the Gaussian that makes maps from peaks.
    n_components : int, default=100
        Length of a profile, at most the number of studies.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    profiles : ndarray of shape (n_voxels, n_components), float32
        Rows of unit norm, or of zeros for voxels that no peak reaches.
    """
    n_studies, n_voxels = counts.shape
    n_components = min(n_components, n_studies, n_voxels)
    random = check_random_state(random_state)
    directions = random.standard_normal((n_voxels, n_components)).astype(np.float32)
    for _ in range(2):
        sketch = counts @ gaussian_smooth(directions, mask_img, fwhm)
        basis, _ = np.linalg.qr(sketch)
        directions = gaussian_smooth(counts.T @ basis, mask_img, fwhm)
    norms = np.linalg.norm(directions, axis=1, keepdims=True)
    return np.divide(directions, norms, out=np.zeros_like(directions), where=norms > 0)


def ward_parcellation(features: np.ndarray, mask_img: Any, n_regions: int) -> WardParcellation:
    """Cluster neighbouring voxels with similar features (Ward 1963).

    Only voxels that share a face can merge, so regions are contiguous. Where the mask falls
    into disconnected pieces, each smaller piece is tied to the rest by one link between its
    nearest voxels, so that the tree has a single root; a region can then reach across such
    a link.

    Parameters
    ----------
    features : ndarray of shape (n_voxels, n_features)
        Rows are the voxels of the mask in C order.
    mask_img : nibabel.nifti1.Nifti1Image
        Binary mask.
    n_regions : int
        Number of regions, at most `n_voxels`.

    Returns
    -------
    parcellation : WardParcellation

    Raises
    ------
    InvalidInputError
        If there are more regions than voxels.
    """
    # Imported late: only fitting needs it, and it would slow the loading of a fitted model.
    from sklearn.cluster import ward_tree

    mask = np.asarray(mask_img.dataobj) != 0
    n_voxels = len(features)
    if n_regions > n_voxels:
        raise InvalidInputError(
            f"n_regions={n_regions} is more than the {n_voxels} voxels of the mask. "
            "Ask for fewer regions or use a finer resolution."
        )
    children, *_ = ward_tree(features, connectivity=_neighbours(mask, mask_img.affine))
    return _cut_at_regions(children, n_voxels, n_regions)


def cut_tree(children: np.ndarray, n_clusters: int) -> np.ndarray:
    """Coarser regions from a tree over regions.

    Parameters
    ----------
    children : ndarray of int of shape (n_regions - 1, 2)
        As in :class:`WardParcellation`.
    n_clusters : int
        Between 1 and `n_regions`. The first ``n_regions - n_clusters`` merges are applied,
        so a smaller number always joins whole clusters of a larger one.

    Returns
    -------
    parents : ndarray of int of shape (n_regions,)
        Cluster of each region, ``0 ... n_clusters - 1``, in order of first region.

    Raises
    ------
    InvalidInputError
        If `n_clusters` is out of range.
    """
    n_regions = len(children) + 1
    if not 1 <= n_clusters <= n_regions:
        raise InvalidInputError(
            f"n_clusters must be between 1 and the number of regions, {n_regions}; "
            f"got {n_clusters}."
        )
    return _in_order_of_appearance(_roots(children, n_regions, n_regions - n_clusters))[0]


def _roots(children: np.ndarray, n_leaves: int, n_merges: int) -> np.ndarray:
    """Node above each leaf after the first merges."""
    root = np.arange(n_leaves + n_merges)
    # Downwards, so that a node's own root is final before its children ask for it.
    for merge in range(n_merges - 1, -1, -1):
        root[children[merge]] = root[n_leaves + merge]
    return root[:n_leaves]


def _in_order_of_appearance(nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the nodes by first appearance, and the node of each number."""
    distinct, first, inverse = np.unique(nodes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[inverse], distinct[order]


def _cut_at_regions(children: np.ndarray, n_voxels: int, n_regions: int) -> WardParcellation:
    n_merges = n_voxels - n_regions
    labels, nodes = _in_order_of_appearance(_roots(children, n_voxels, n_merges))
    # Nodes of the upper tree: the regions first, then the merges above them.
    number = np.full(2 * n_voxels - 1, -1)
    number[nodes] = np.arange(n_regions)
    number[n_voxels + n_merges :] = np.arange(n_regions, 2 * n_regions - 1)
    return WardParcellation(labels, number[children[n_merges:]].reshape(-1, 2))


def _neighbours(mask: np.ndarray, affine: np.ndarray) -> sparse.csr_matrix:
    """Adjacency of voxels that share a face, with disconnected pieces tied together."""
    graph = grid_to_graph(*mask.shape, mask=mask)
    pieces, n_pieces = ndimage.label(mask)
    if n_pieces == 1:
        return graph
    piece = pieces[mask] - 1
    centres = np.argwhere(mask) @ affine[:3, :3].T + affine[:3, 3]
    by_size = np.argsort(-np.bincount(piece), kind="stable")
    joined = np.flatnonzero(piece == by_size[0])
    links = []
    for current in by_size[1:]:
        own = np.flatnonzero(piece == current)
        distance, nearest = cKDTree(centres[joined]).query(centres[own])
        closest = int(np.argmin(distance))
        links.append((own[closest], joined[nearest[closest]]))  # type: ignore[index]  # stubs
        joined = np.concatenate([joined, own])
    rows, columns = np.array(links).T
    ties = sparse.coo_matrix((np.ones(len(links)), (rows, columns)), shape=graph.shape)
    return (graph + ties + ties.T).tocsr()
