"""Each region and its counterpart in the other hemisphere."""

from typing import Any, NamedTuple

import numpy as np
from nibabel.affines import apply_affine
from scipy import sparse

from sklearn_mnm.brain.atlas import voxel_centres

# Share of the activation of a region and its counterpart that one of them has at least.
_LEAST_SHARE = 1e-3
# Behind and below, in mm, MNI152: the cerebellum, which moves the limbs of its own side.
_CEREBELLUM_Y, _CEREBELLUM_Z = -40.0, -20.0


class Mirror(NamedTuple):
    """What lies opposite of each region.

    Attributes
    ----------
    counterpart : csr_matrix of shape (n_regions, n_regions)
        Of activation per volume: the average over the mirror images of the voxels of a region.
    volumes : ndarray of shape (n_regions,)
        By which activations are divided to be per volume; ones if they are so already.
    side : ndarray of shape (n_regions,)
        From -1, all of the region is on the left, to 1.
    cerebellum : ndarray of shape (n_regions,)
        Share of each region in the cerebellum.
    """

    counterpart: sparse.csr_matrix
    volumes: np.ndarray
    side: np.ndarray
    cerebellum: np.ndarray

    @classmethod
    def of(cls, regions: Any) -> "Mirror":
        """Mirror regions at the plane between the hemispheres, x = 0 in MNI152 space.

        Parameters
        ----------
        regions : PeaksToRegions
            Fitted.

        Returns
        -------
        mirror : Mirror
        """
        mask = np.asarray(regions.mask_img_.dataobj) != 0
        affine, shape = regions.mask_img_.affine, mask.shape
        mm = voxel_centres(regions.mask_img_)
        opposite = np.rint(apply_affine(np.linalg.inv(affine), mm * [-1, 1, 1])).astype(int)
        inside = ((opposite >= 0) & (opposite < shape)).all(axis=1)
        numbers = np.full(shape, -1)
        numbers[mask] = np.arange(len(mm))
        target = np.full(len(mm), -1)
        target[inside] = numbers[tuple(opposite[inside].T)]
        rows = np.flatnonzero(target >= 0)
        flip = sparse.csr_matrix(
            (np.ones(len(rows)), (rows, target[rows])), shape=(len(mm), len(mm))
        )
        membership = sparse.csr_matrix(regions.membership_, dtype=np.float64)
        averages = sparse.diags(1 / np.maximum(_sums(membership), 1e-12)) @ membership.T
        in_cerebellum = (mm[:, 1] <= _CEREBELLUM_Y) & (mm[:, 2] <= _CEREBELLUM_Z)
        return cls(
            counterpart=(averages @ flip @ membership).tocsr(),
            volumes=(
                regions.region_volumes_
                if regions.strategy == "sum"
                else np.ones(len(regions.region_volumes_))
            ),
            side=averages @ np.sign(mm[:, 0]),
            cerebellum=averages @ in_cerebellum,
        )

    def shift(self, activations: np.ndarray, same: np.ndarray, crossed: np.ndarray) -> np.ndarray:
        """Move activation from regions to their counterparts, or from these.

        Parameters
        ----------
        activations : ndarray of shape (n_maps, n_regions)
        same, crossed : ndarray of shape (n_maps,)
            What is added to the log odds that activation is on the right rather than on the left.
            The second is of parts of the body: the other way in the cerebellum.

        Returns
        -------
        shifted : ndarray of shape (n_maps, n_regions)
            A region and its counterpart have the same sum as before, but for the few voxels without
            a counterpart in the mask. Negative values stay.
        """
        own = np.asarray(activations, dtype=np.float64) / self.volumes
        both = own + (self.counterpart @ own.T).T
        share = np.divide(own, both, out=np.full_like(own, 0.5), where=both > 0)
        share = np.clip(share, _LEAST_SHARE, 1 - _LEAST_SHARE)
        odds = np.log(share / (1 - share))
        odds += np.outer(same, self.side) + np.outer(crossed, self.side * (1 - 2 * self.cerebellum))
        shifted = both / (1 + np.exp(-odds)) * self.volumes
        return np.where((own > 0) | (both > own), shifted, activations)


def _sums(membership: sparse.csr_matrix) -> np.ndarray:
    return np.asarray(membership.sum(axis=0)).ravel()
