"""PeaksToRegions: region activations of studies from their peaks."""

from numbers import Integral, Real
from os import PathLike
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import check_is_fitted

from sklearn_mnm.brain.atlas import (
    Regions,
    image_from_voxels,
    load_atlas,
    load_mask,
    regions_from_labels,
)
from sklearn_mnm.brain.operator import RegionInterpolator, region_operator
from sklearn_mnm.brain.peaks import PeakTable, PeakTally, as_peak_table, peak_counts
from sklearn_mnm.brain.region_images import RegionImages
from sklearn_mnm.brain.smoothing import gaussian_smooth, voxel_volume
from sklearn_mnm.brain.ward import cut_tree, voxel_profiles, ward_parcellation
from sklearn_mnm.exceptions import InvalidInputError

# Studies whose activations are computed at once.
_BLOCK = 2048
# Widths of the Gaussian in mm. A head is flat long before, and a filter of kilometres never ends.
_WIDEST = 1_000


class PeaksToRegions(RegionImages, TransformerMixin, BaseEstimator):
    """Turn the peaks of studies into activations of brain regions.

    Each study's peaks are counted on the voxels of a mask, smoothed with a Gaussian and
    summed or averaged over regions. All of this is linear, so smoothing and summing are one
    matrix, computed once; a corpus is one product of sparse counts with it, and voxel maps
    are only made by :meth:`transform_voxels`.

    Activations are peaks per region, or peaks per cubic centimetre with
    ``strategy="mean"``: the Gaussian sums to 1 over voxels, so values do not depend on the
    resolution of the mask beyond its discretisation. They are finite and never negative; a
    study without peaks has zeros. Part of a peak near the edge is smoothed out of the mask
    and lost.

    Parameters
    ----------
    atlas : "ward", Nifti1Image, path, nilearn masker, Bunch or dict, default="ward"
        ``"ward"`` learns contiguous regions from the corpus given to :meth:`fit`: Ward
        clustering of neighbouring voxels by their activation across studies, which is also
        a tree (:meth:`cut_tree`). It needs no download and is finer where many studies
        report peaks. Prefer an atlas when regions need names or must not depend on the
        corpus: a 3D image of labels, a 4D image of non-negative maps, a
        ``NiftiLabelsMasker`` or ``NiftiMapsMasker``, or what nilearn's fetchers return.
    n_regions : int, default=512
        Number of regions of the Ward parcellation; an atlas brings its own.
    mask_img : Nifti1Image, path or None, default=None
        Brain mask in MNI152 space. If None, use that of nilearn at `resolution`.
    resolution : int, default=4
        Voxel size of the default mask in mm.
    fwhm : float, default=9.0
        Full width at half maximum of the Gaussian in mm, at most 1,000; 0 does not smooth.
    max_distance : float, default=10.0
        Peaks outside the mask are moved to the nearest voxel within this distance in mm;
        farther ones are left out with a warning.
    strategy : "sum" or "mean", default="sum"
        Whether an activation is the integral of the map over its region (peaks per region)
        or its average there. Embeddings of the square root of sums are the better ones:
        large regions, which hold more peaks, then weigh more.
    region_names : list of str, dict, DataFrame, path or None, default=None
        Names of the regions of `atlas`: a dict or table matches them to label values
        (``{17: "amygdala", ...}``, or columns ``index`` and ``name``, also of a file .tsv or
        .csv or of FreeSurfer's form), a list is in the order of labels or maps. If None, use those
        that come with it.
    random_state : int, RandomState instance or None, default=None
        Seed of the random projection that precedes Ward clustering. Pass an int for the
        same regions on every run.

    Attributes
    ----------
    mask_img_ : nibabel.nifti1.Nifti1Image
        Mask in use.
    n_regions_ : int
        Number of regions, the columns of the result.
    region_names_ : list of str
        Their names; ``"ward_001"``, ... for the Ward parcellation.
    labels_img_ : nibabel.nifti1.Nifti1Image
        Regions on the grid of the mask, values 1 to `n_regions_`, 0 outside; None
        for an atlas of maps.
    membership_ : scipy.sparse.csr_matrix of shape (n_voxels, n_regions_)
        Weight of each voxel in each region.
    region_volumes_ : ndarray of shape (n_regions_,)
        Volume of each region on the mask in cubic centimetres.
    operator_ : scipy.sparse.csr_matrix of shape (n_voxels, n_regions_)
        From peak counts to averages over regions. Read-only.
    children_ : ndarray of shape (n_regions_ - 1, 2)
        Tree over the regions in scikit-learn's form; None for an atlas.
    peak_tally_ : PeakTally
        How many of the peaks given to :meth:`fit` were moved and left out; None for an
        atlas, which is fitted without looking at them.

    See Also
    --------
    sklearn.cluster.FeatureAgglomeration : Ward clustering of features in general.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_mnm import PeaksToRegions
    >>> random = np.random.default_rng(0)
    >>> studies = [random.normal(scale=25, size=(20, 3)) for _ in range(50)]
    >>> regions = PeaksToRegions(n_regions=30, resolution=8, max_distance=50, random_state=0)
    >>> regions.fit_transform(studies).shape
    (50, 30)
    >>> len(set(regions.cut_tree(7)))
    7
    """

    _parameter_constraints: ClassVar[dict] = {
        "atlas": "no_validation",
        "n_regions": [Interval(Integral, 1, None, closed="left")],
        "mask_img": "no_validation",
        "resolution": [Interval(Integral, 1, None, closed="left")],
        "fwhm": [Interval(Real, 0, _WIDEST, closed="both")],
        "max_distance": [Interval(Real, 0, None, closed="left")],
        "strategy": [StrOptions({"sum", "mean"})],
        "region_names": ["array-like", dict, str, PathLike, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        atlas="ward",
        *,
        n_regions=512,
        mask_img=None,
        resolution=4,
        fwhm=9.0,
        max_distance=10.0,
        strategy="sum",
        region_names=None,
        random_state=None,
    ):
        self.atlas = atlas
        self.n_regions = n_regions
        self.mask_img = mask_img
        self.resolution = resolution
        self.fwhm = fwhm
        self.max_distance = max_distance
        self.strategy = strategy
        self.region_names = region_names
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X=None, y=None):
        """Find the regions and build the operator.

        Parameters
        ----------
        X : Studies, data frame or list of arrays of shape (n_peaks_i, 3)
            Peaks in mm, MNI152; see :meth:`transform`. May be None unless ``atlas="ward"``.
        y : None
            Ignored.

        Returns
        -------
        self : PeaksToRegions
            Fitted estimator.

        Raises
        ------
        InvalidInputError
            If a parameter or the peaks cannot be used, as the message says.
        DataFormatError
            If a table of peaks lacks a column or holds a coordinate that is not finite.
        """
        self._fit(X)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X, y=None):
        """Fit and return the region activations of the same studies.

        Parameters
        ----------
        X : Studies, data frame or list of arrays of shape (n_peaks_i, 3)
            Peaks in mm, MNI152; see :meth:`transform`.
        y : None
            Ignored.

        Returns
        -------
        activations : ndarray of shape (n_studies, n_regions_), float32
        """
        fitted_on = self._fit(X)
        if fitted_on is None:
            return self.transform(X)
        table, counts = fitted_on
        return self._activations(table, counts)

    def transform(self, X):
        """Region activations of studies.

        Parameters
        ----------
        X : Studies, data frame or list of arrays of shape (n_peaks_i, 3)
            Peaks in mm, MNI152. A :class:`~sklearn_mnm.Studies` or a list gives one row per
            study, also for those without peaks. A table, of pandas or polars, has one row
            per peak with columns ``id``, ``x``, ``y`` and ``z``; the rows of the result are
            its studies in order of first appearance.

        Returns
        -------
        activations : ndarray of shape (n_studies, n_regions_), float32
            Peaks per region, or per cubic centimetre with ``strategy="mean"``. After
            ``set_output(transform="pandas")`` a table whose index are the ids of the studies.

        Warns
        -----
        DataWarning
            If peaks are left out because they are too far from the mask.
        """
        check_is_fitted(self)
        table = as_peak_table(X)
        return self._activations(table, self._counts(table)[0])

    def transform_voxels(self, X):
        """Smoothed maps of studies on the voxels of the mask.

        Takes ``4 * n_studies * n_voxels`` bytes: 1.4 GB for 12,000 studies at 4 mm.

        Parameters
        ----------
        X : Studies, data frame or list of arrays of shape (n_peaks_i, 3)
            Peaks in mm, MNI152; see :meth:`transform`.

        Returns
        -------
        maps : ndarray of shape (n_studies, n_voxels), float32
            In peaks per cubic centimetre; columns are the voxels of `mask_img_` in C order,
            as nilearn's ``apply_mask`` gives them.
        """
        check_is_fitted(self)
        counts, _ = self._counts(as_peak_table(X))
        maps = np.empty(counts.shape, dtype=np.float32)
        # By blocks, so that no second dense array of this size is needed.
        for start in range(0, len(maps), 256):
            block = slice(start, start + 256)
            volumes = counts[block].T.toarray() / np.float32(voxel_volume(self.mask_img_))
            maps[block] = gaussian_smooth(volumes, self.mask_img_, self.fwhm).T
        return maps

    def cut_tree(self, n_clusters):
        """Coarser regions from the tree of the Ward parcellation.

        Cuts nest: every cluster of a finer cut lies within one cluster of a coarser cut.

        Parameters
        ----------
        n_clusters : int
            Between 1 and `n_regions_`.

        Returns
        -------
        parents : ndarray of int of shape (n_regions_,)
            Cluster of each region, ``0 ... n_clusters - 1``.

        Raises
        ------
        InvalidInputError
            If the regions come from an atlas, which has no tree, or `n_clusters` is out of
            range.
        """
        check_is_fitted(self)
        if self.children_ is None:
            raise InvalidInputError(
                "The regions come from an atlas, which has no tree. Fit with atlas='ward'."
            )
        return cut_tree(self.children_, n_clusters)

    def get_feature_names_out(self, input_features=None):
        """Names of the regions.

        Parameters
        ----------
        input_features : None
            Ignored; the input has no features.

        Returns
        -------
        names : ndarray of str objects of shape (n_regions_,)
        """
        check_is_fitted(self)
        return np.asarray(self.region_names_, dtype=object)

    def _fit(self, X):
        """Fit; return the peaks and their counts where these were needed, to save a pass."""
        self.mask_img_ = load_mask(self.mask_img, self.resolution)
        self.children_ = self.peak_tally_ = fitted_on = None
        if isinstance(self.atlas, str) and self.atlas == "ward":
            table = as_peak_table(X)
            counts, self.peak_tally_ = self._counts(table)
            fitted_on = table, counts
            regions = self._fit_ward(counts)
        else:
            regions = load_atlas(self.atlas, self.mask_img_, self.region_names)
        self._set_regions(regions)
        self._operator: sparse.csr_matrix | None = region_operator(
            regions.membership, self.mask_img_, self.fwhm
        )
        return fitted_on

    def _set_regions(self, regions: Regions) -> None:
        self.membership_ = regions.membership
        self.region_names_ = regions.names
        self.n_regions_ = len(regions.names)
        self.labels_img_ = None
        if regions.are_labels:
            numbers = regions.membership @ np.arange(1, self.n_regions_ + 1)
            self.labels_img_ = image_from_voxels(numbers.astype(np.int32), self.mask_img_)
        n_voxels = np.asarray(regions.membership.sum(axis=0)).ravel()
        self.region_volumes_ = n_voxels * voxel_volume(self.mask_img_)
        self._operator = None
        self._interpolation: RegionInterpolator | None = None

    @property
    def operator_(self) -> sparse.csr_matrix:
        """From peak counts to averages over regions."""
        # Made when first asked for after loading: predictions from text do without it.
        if self._operator is None:
            self._operator = region_operator(self.membership_, self.mask_img_, self.fwhm)
        return self._operator

    def _fit_ward(self, counts: sparse.csr_matrix) -> Regions:
        if not counts.nnz:
            raise InvalidInputError(
                "atlas='ward' learns regions from the peaks of X, and none lies in the mask. "
                "Check that coordinates are in mm, or pass an atlas."
            )
        profiles = voxel_profiles(counts, self.mask_img_, self.fwhm, random_state=self.random_state)
        parcellation = ward_parcellation(profiles, self.mask_img_, self.n_regions)
        self.children_ = parcellation.children
        names = [f"ward_{number:03d}" for number in range(1, self.n_regions + 1)]
        return regions_from_labels(parcellation.labels, names)

    def _counts(self, table: PeakTable) -> tuple[sparse.csr_matrix, PeakTally]:
        return peak_counts(
            table.coordinates,
            table.study_index,
            len(table.study_ids),
            self.mask_img_,
            max_distance=self.max_distance,
        )

    def _activations(self, table: PeakTable, counts: sparse.csr_matrix):
        activations = np.empty((counts.shape[0], self.n_regions_), dtype=np.float32)
        # Block by block: the sparse product would take more memory than the result.
        for start in range(0, len(activations), _BLOCK):
            rows = slice(start, start + _BLOCK)
            activations[rows] = self._summed((counts[rows] @ self.operator_).toarray())
        if _get_output_config("transform", self)["dense"] != "pandas":
            return activations
        # A table of peaks has one row per peak: scikit-learn would take its index.
        return pd.DataFrame(activations, index=pd.Index(table.study_ids, name="id"))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # Peaks are neither an array of samples by features nor checked as one.
        tags.input_tags.two_d_array = False
        tags.no_validation = True
        tags.transformer_tags.preserves_dtype = []
        return tags
