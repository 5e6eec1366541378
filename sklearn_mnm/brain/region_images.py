"""RegionImages: activations of regions to voxels and images, and images to regions."""

from abc import abstractmethod
from typing import Any

import numpy as np
from nibabel.affines import apply_affine
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from sklearn_mnm._tools.arrays import checked_array
from sklearn_mnm.brain.anatomy import checked_coordinates
from sklearn_mnm.brain.atlas import image_from_voxels
from sklearn_mnm.brain.image_files import image_list
from sklearn_mnm.brain.maps import maps_on_mask
from sklearn_mnm.brain.operator import RegionInterpolator
from sklearn_mnm.exceptions import InvalidInputError

# Of the values of a map over the mask; chosen on 26 real maps, where 85 to 97 differ little.
PERCENTILE = 95
# Sum of the weights of the regions at a voxel, below which none is near.
_LEAST_WEIGHT = 1e-6


class RegionImages:
    """The part of :class:`~sklearn_mnm.PeaksToRegions` that reads and makes images.

    Attributes
    ----------
    mask_img_, n_regions_, membership_, region_volumes_, operator_
        See :class:`~sklearn_mnm.PeaksToRegions`.
    """

    strategy: str
    mask_img_: Any
    n_regions_: int
    membership_: sparse.csr_matrix
    region_volumes_: np.ndarray
    fwhm: float
    _interpolation: RegionInterpolator | None

    @property
    @abstractmethod
    def operator_(self) -> sparse.csr_matrix:
        """From peak counts to averages over regions."""

    def inverse_transform(self, Y, *, interpolation="smooth"):
        """Image of region activations.

        Parameters
        ----------
        Y : array-like of shape (n_regions_,) or (n_maps, n_regions_)
            Activation of each region as :meth:`transform` gives it.
        interpolation : "smooth" or "nearest", default="smooth"
            See :meth:`voxels_from_regions`.

        Returns
        -------
        image : nibabel.nifti1.Nifti1Image
            On the grid of `mask_img_`, zero outside the mask; 3D for a vector or a single
            row, 4D for several rows. In peaks per cubic centimetre, or in the units of the
            maps given to :meth:`regions_from_img`.
        """
        voxels = self.voxels_from_regions(Y, interpolation=interpolation)
        return image_from_voxels(voxels[0] if len(voxels) == 1 else voxels, self.mask_img_)

    def voxels_from_regions(self, Y, *, interpolation="smooth"):
        """Make maps on the voxels of the mask from region activations.

        Parameters
        ----------
        Y : array-like of shape (n_regions_,) or (n_maps, n_regions_)
            Activation of each region as :meth:`transform` gives it.
        interpolation : "smooth" or "nearest", default="smooth"
            ``"smooth"`` gives the smoothed map that is expected, given its averages over the
            regions, if peaks fall anywhere independently: the regularised least-squares
            solution, without steps at the borders of regions. Where no average is negative,
            neither is the map. ``"nearest"`` gives each voxel the average of its region,
            weighted by membership where maps of an atlas overlap; regions read from such an
            image are the ones put in.

        Returns
        -------
        maps : ndarray of shape (n_maps, n_voxels)
        """
        check_is_fitted(self)
        if interpolation not in ("smooth", "nearest"):
            raise InvalidInputError(
                f"interpolation must be 'smooth' or 'nearest'; got {interpolation!r}."
            )
        values = self._checked_activations(Y)
        averages = np.atleast_2d(values)
        if self.strategy == "sum":
            averages = averages / np.where(self.region_volumes_ > 0, self.region_volumes_, 1.0)
        if interpolation == "smooth":
            voxels = self._interpolator(averages)
            nonnegative = averages.min(axis=1, keepdims=True) >= 0
            voxels = np.where(nonnegative, np.maximum(voxels, 0.0), voxels)
        else:
            total = np.asarray(self.membership_.sum(axis=1)).ravel()
            scale = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
            voxels = (self.membership_ @ averages.T * scale[:, np.newaxis]).T
        return np.asarray(voxels, dtype=values.dtype)

    def blend(self, Y):
        """Paint values of regions that are no activations, such as z, onto voxels.

        Parameters
        ----------
        Y : array-like of shape (n_regions_,) or (n_maps, n_regions_)
            Value of each region, in any units.

        Returns
        -------
        maps : ndarray of shape (n_maps, n_voxels)
            At each voxel the mean of the regions around it, weighted by the Gaussian: between
            the least and the greatest of them, without steps at borders. 0 where no region is
            near.
        """
        check_is_fitted(self)
        values = np.atleast_2d(self._checked_activations(Y))
        # The Gaussian's weight of a region at a voxel: its average times its volume.
        volumes = self.region_volumes_.astype(np.float32)
        total = self.operator_ @ volumes
        scale = np.divide(1.0, total, out=np.zeros_like(total), where=total > _LEAST_WEIGHT)
        voxels = (self.operator_ @ (values * volumes).T).T * scale
        return np.asarray(voxels, dtype=values.dtype)

    def regions_from_img(self, images, *, prominent=False):
        """Sum or average statistical maps over the regions, as :meth:`transform` does peaks.

        Parameters
        ----------
        images : Nifti1Image, path, or list, array or Series of these
            3D or 4D maps in MNI152 space on any grid; averaged over the voxels of the mask, so
            that the integral of a small cluster is kept wherever it lies. They are not smoothed.
            Values that are not finite count as 0.
        prominent : bool, default=False
            Count only what stands out of a map, as a study reports it: by how much values exceed
            the 95th percentile of the map over the mask, or 0 if that is negative. Of a map that
            is 0 in 95 % of the brain, thresholded before, all positive values count in full.

        Returns
        -------
        values : ndarray of shape (n_maps, n_regions_), float32
            In the units of the maps, times cubic centimetres unless ``strategy="mean"``; a
            region without voxels is 0.

        Raises
        ------
        DataFormatError
            If a file is missing or damaged, or an image is no volume, or says that it holds p
            values or labels.
        InvalidInputError
            If there is no image.

        Warns
        -----
        DataWarning
            If images may not be in MNI152 space, their left and right are in doubt, or their
            values look like those of something else than a statistic: by their headers, names and
            values, and by how much of the brain they cover.
        """
        check_is_fitted(self)
        maps = maps_on_mask(image_list(images), self.mask_img_)
        return self.regions_from_voxels(maps.voxels, prominent=prominent)

    def regions_from_voxels(self, maps, *, prominent=False):
        """Sum or average maps on the voxels of the mask over the regions.

        Parameters
        ----------
        maps : ndarray of shape (n_maps, n_voxels)
            Columns are the voxels of `mask_img_` in C order.
        prominent : bool, default=False
            See :meth:`regions_from_img`.

        Returns
        -------
        values : ndarray of shape (n_maps, n_regions_), float32
            See :meth:`regions_from_img`.

        Raises
        ------
        InvalidInputError
            If `maps` is no array of finite numbers with a column for each voxel.
        """
        check_is_fitted(self)
        voxels = checked_array(maps, "maps", "Give finite values on the voxels of the mask.")
        if voxels.shape[1] != self.membership_.shape[0]:
            raise InvalidInputError(
                f"maps has {voxels.shape[1]} columns, but the mask has "
                f"{self.membership_.shape[0]} voxels. Give maps as transform_voxels makes them."
            )
        voxels = _standing_out(voxels) if prominent else voxels
        total = np.asarray(self.membership_.sum(axis=0), dtype=np.float64).ravel()
        scale = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
        averages = (self.membership_.T @ voxels.T.astype(np.float64)).T * scale
        return self._summed(averages.astype(np.float32))

    def coverage(self, covered):
        """Share of each region in which something is known.

        Parameters
        ----------
        covered : ndarray of shape (n_maps, n_voxels), bool
            Where something is known.

        Returns
        -------
        coverage : ndarray of shape (n_maps, n_regions_)
            1 for regions without voxels.
        """
        check_is_fitted(self)
        total = np.asarray(self.membership_.sum(axis=0), dtype=np.float64).ravel()
        missing = (self.membership_.T @ (~covered).T.astype(np.float64)).T
        return 1 - np.divide(missing, total, out=np.zeros_like(missing), where=total > 0)

    def _checked_activations(self, Y) -> np.ndarray:
        """Activations as an array of one or two dimensions, a column for each region."""
        if np.ndim(Y) == 0 and not sparse.issparse(Y):
            raise InvalidInputError(
                f"Y: expected an array of shape (n_regions,) or (n_maps, n_regions), got {Y!r}."
            )
        values = checked_array(Y, "Y", "Give finite activations of regions.", ensure_2d=False)
        if values.shape[-1] != self.n_regions_:
            raise InvalidInputError(
                f"Y has {values.shape[-1]} columns, but there are {self.n_regions_} regions. Give "
                "activations as transform makes them."
            )
        return values

    def _weights_at(self, places: Any) -> np.ndarray:
        """Weights by which `blend` paints values of regions at places, (n_places, n_regions)."""
        points = checked_coordinates(places, "places")
        inside = np.asarray(self.mask_img_.dataobj) != 0
        numbers = np.full(inside.shape, -1)
        numbers[inside] = np.arange(np.count_nonzero(inside))
        voxels = np.rint(apply_affine(np.linalg.inv(self.mask_img_.affine), points))
        rows = np.full(len(points), -1)
        in_image = ((voxels >= 0) & (voxels < inside.shape)).all(axis=1)
        rows[in_image] = numbers[tuple(voxels[in_image].astype(np.intp).T)]
        weights = self.operator_[np.maximum(rows, 0)].toarray() * self.region_volumes_
        total = weights.sum(axis=1, keepdims=True)
        if len(far := np.flatnonzero((rows < 0) | (total[:, 0] <= _LEAST_WEIGHT))):
            shown = ", ".join(f"{value:g}" for value in points[far[0]])
            others = f", nor at {len(far) - 1} more of these places" if len(far) > 1 else ""
            raise InvalidInputError(
                f"No region of the model is at ({shown}) mm{others}. Give places within the brain, "
                "in mm, MNI152."
            )
        return weights / total

    def _summed(self, averages: np.ndarray) -> np.ndarray:
        if self.strategy == "mean":
            return averages
        return averages * self.region_volumes_.astype(np.float32)

    @property
    def _interpolator(self) -> RegionInterpolator:
        # Made when the first image is asked for: many uses never do.
        if self._interpolation is None:
            self._interpolation = RegionInterpolator.build(
                self.operator_, self.mask_img_, self.fwhm
            )
        return self._interpolation


def _standing_out(maps: np.ndarray) -> np.ndarray:
    """Excess of maps over their own high values; a map without any keeps what is positive."""
    least = np.maximum(np.percentile(maps, PERCENTILE, axis=1), 0)
    least = np.where(maps.max(axis=1) > least, least, 0)
    return np.maximum(maps - least[:, np.newaxis], 0).astype(maps.dtype, copy=False)
