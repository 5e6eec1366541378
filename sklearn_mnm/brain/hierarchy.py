"""Levels over the regions of a parcellation: regions, networks, whole brain."""

import inspect
import warnings
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree
from sklearn.utils.validation import check_is_fitted

from sklearn_mnm.brain.atlas import load_atlas
from sklearn_mnm.brain.ward import cut_tree
from sklearn_mnm.exceptions import DataWarning, InvalidInputError

_FINEST, _BROADEST, _OUTSIDE = "region", "brain", "outside"


class BrainHierarchy:
    """Broader and broader networks of regions, and maps averaged over them.

    A level says which share p[r, k] of region r belongs to network k; shares of a region sum
    to 1. With s[r] the size of region r and d[k] = sum_r s[r] p[r, k] that of network k:

    - activations that are sums (peaks per region, ``strategy="sum"``): :meth:`aggregate`
      adds them up, v[k] = sum_r y[r] p[r, k]; :meth:`expand` spreads v evenly over the volume
      of the network, y[r] = sum_k v[k] s[r] p[r, k] / d[k]. The total, sum_r y[r], is kept.
    - activations that are averages (``strategy="mean"``): the same on y[r] s[r]. A network has
      the average of its regions, v[k] = sum_r y[r] s[r] p[r, k] / d[k], and expanding gives
      y[r] = sum_k v[k] p[r, k]. The integral, sum_r s[r] y[r], is kept, and so is a map that is
      the same everywhere.

    Both are linear, never negative for maps that are not, and adjoint: for sums,
    sum_k aggregate(y)[k] v[k] / d[k] = sum_r y[r] expand(v)[r] / s[r] (for averages with weights
    d and s instead of their inverses).

    Where each region belongs to one network (a *partition*, as cuts of a tree are),
    aggregate(expand(v)) = v, and smoothing twice is smoothing once; if moreover the networks of
    one level lie within those of another, smoothing at both is smoothing at the broader. Where
    networks share regions none of the three holds: what is expanded over one network is counted
    for the others at the next aggregation. No other averaging would have them without negative
    values or empty regions, as an idempotent stochastic matrix without zero columns averages
    over the blocks of a partition.

    Parameters
    ----------
    levels : mapping of str to array
        Name of a level to either the network of each region, int of shape (n_regions,) with all
        of ``0 ... n_networks - 1`` in use, or non-negative membership of shape (n_regions,
        n_networks), whose rows are scaled to sum 1. In any order; the levels of the hierarchy go
        from many networks to few. The finest, ``"region"``, and the broadest, ``"brain"`` (one
        network of all regions), are added.
    sizes : array-like of shape (n_regions,) or None, default=None
        Volumes of the regions, e.g. ``PeaksToRegions.region_volumes_``; None counts each as 1.
        A network of regions of size 0 expands to zeros.
    strategy : "sum" or "mean", default="sum"
        What an activation is, as in :class:`~sklearn_mnm.PeaksToRegions`.
    names : mapping of str to sequence of str or None, default=None
        Names of the networks of a level, ``"region"`` included; levels that are left out are
        numbered: ``"ward7_1"``, ...

    Raises
    ------
    InvalidInputError
        If a level is not of this form or not broader than the regions, levels or sizes do not
        agree on the number of regions, or names do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_mnm.brain import BrainHierarchy
    >>> hierarchy = BrainHierarchy({"lobe": np.array([0, 0, 1, 1])}, sizes=[1, 3, 1, 1])
    >>> hierarchy.levels
    ('region', 'lobe', 'brain')
    >>> hierarchy.aggregate([[4, 0, 1, 3]], "lobe")
    array([[4., 4.]])
    >>> hierarchy.smooth([[4, 0, 1, 3]], "lobe")
    array([[1., 3., 2., 2.]])
    """

    def __init__(
        self,
        levels: Mapping[str, Any],
        *,
        sizes: Any = None,
        strategy: str = "sum",
        names: Mapping[str, Sequence[str]] | None = None,
    ):
        if strategy not in ("sum", "mean"):
            raise InvalidInputError(f"strategy must be 'sum' or 'mean'; got {strategy!r}.")
        shares = {str(level): _shares(str(level), value) for level, value in levels.items()}
        counts = {level: matrix.shape[0] for level, matrix in shares.items()}
        if sizes is not None:
            sizes = np.array(sizes, dtype=np.float64)
            counts["sizes"] = len(sizes) if sizes.ndim == 1 else sizes.shape
        if len(set(counts.values())) != 1:
            raise InvalidInputError(
                "levels and sizes must have one row per region, as many in each; "
                f"got {counts or 'neither levels nor sizes'}."
            )
        n_regions = next(iter(counts.values()))
        sizes = np.ones(n_regions) if sizes is None else sizes
        if not (np.isfinite(sizes).all() and sizes.min() >= 0 and sizes.max() > 0):
            raise InvalidInputError(
                "sizes must be finite, not negative and not all 0; "
                f"they range from {sizes.min()} to {sizes.max()}."
            )
        for level, matrix in shares.items():
            if matrix.shape[1] > n_regions or level in (_FINEST, _BROADEST):
                raise InvalidInputError(
                    f"Level {level!r} with {matrix.shape[1]} networks: 'region' and 'brain' are "
                    f"added anyway, and between them is room for at most {n_regions} networks, "
                    "the number of regions. Rename it, or use more regions."
                )
        broader = sorted(shares.items(), key=lambda item: -item[1].shape[1])
        self._shares = {
            _FINEST: sparse.csr_matrix(sparse.identity(n_regions)),
            **dict(broader),
            _BROADEST: sparse.csr_matrix(np.ones((n_regions, 1))),
        }
        sizes.flags.writeable = False
        self._sizes = sizes
        self._strategy = strategy
        self._names = {level: self._checked_names(level, names or {}) for level in self._shares}
        if unknown := set(names or {}) - set(self._shares):
            raise InvalidInputError(
                f"names are given for {sorted(unknown)}, but the levels are {self.levels}."
            )

    @classmethod
    def from_tree(
        cls,
        children: Any,
        cuts: Mapping[str, int] = MappingProxyType({"ward17": 17, "ward7": 7}),
        *,
        sizes: Any = None,
        strategy: str = "sum",
    ) -> "BrainHierarchy":
        """Nested levels from a tree over the regions.

        Parameters
        ----------
        children : ndarray of int of shape (n_regions - 1, 2)
            ``PeaksToRegions.children_`` of the Ward parcellation.
        cuts : mapping of str to int, default={"ward17": 17, "ward7": 7}
            Name of each level and number of its networks, at most `n_regions`.
        sizes, strategy
            See :class:`BrainHierarchy`. Pass ``region_volumes_`` and ``strategy`` of the
            :class:`~sklearn_mnm.PeaksToRegions` that the tree is from.

        Returns
        -------
        hierarchy : BrainHierarchy

        Raises
        ------
        InvalidInputError
            If `children` is no tree, or a cut is out of range.
        """
        if children is None:
            raise InvalidInputError(
                "children is None: regions of an atlas have no tree. Fit PeaksToRegions with "
                "atlas='ward', or use BrainHierarchy.from_labels or from_rois."
            )
        merges = np.asarray(children)
        n_regions = len(merges) + 1
        is_tree = (
            merges.shape == (n_regions - 1, 2)
            and np.issubdtype(merges.dtype, np.integer)
            and np.array_equal(np.sort(merges, axis=None), np.arange(2 * n_regions - 2))
            and (merges < n_regions + np.arange(n_regions - 1)[:, np.newaxis]).all()
        )
        if not is_tree:
            raise InvalidInputError(
                f"children, of shape {merges.shape}, is no tree: it needs integers of shape "
                "(n_regions - 1, 2), each node but the root once and after its own children."
            )
        levels = {name: cut_tree(merges, n_clusters) for name, n_clusters in cuts.items()}
        return cls(levels, sizes=sizes, strategy=strategy)

    @classmethod
    def from_labels(
        cls,
        labels_imgs: Mapping[str, Any],
        converter: Any,
        *,
        shares: bool = True,
        min_overlap: float = 0.1,
    ) -> "BrainHierarchy":
        """Levels from label images of networks.

        A region is shared among networks by the voxels that it has in each; its voxels in no
        network (white matter next to cortex) do not count. Regions hardly covered by any, such as
        the striatum for cortical networks, form a network ``"outside"`` rather than being given
        to a neighbour of another kind.

        Parameters
        ----------
        labels_imgs : mapping of str to Nifti1Image, path or Bunch
            Name of each level and its image of integer labels, 0 where there is no network, in
            MNI152 space on any grid: resampled to the nearest on ``converter.mask_img_``. A Bunch
            of nilearn's fetchers brings the names of the networks.
        converter : PeaksToRegions
            Fitted; its regions, their volumes and its strategy are used.
        shares : bool, default=True
            Whether a region may belong to several networks. False gives it to the one with the
            largest share, so that each level is a partition (see :class:`BrainHierarchy`).
        min_overlap : float, default=0.1
            Fraction of a region that networks must cover, between 0 and 1.

        Returns
        -------
        hierarchy : BrainHierarchy

        Raises
        ------
        InvalidInputError
            If an image does not hold labels or `min_overlap` is out of range.

        Warns
        -----
        DataWarning
            If there are regions outside all networks, or networks without a region, which are
            left out.
        """
        if not 0 <= min_overlap <= 1:
            raise InvalidInputError(f"min_overlap must be from 0 to 1; got {min_overlap!r}.")
        check_is_fitted(converter)
        levels, names = {}, {_FINEST: converter.region_names_}
        for level, image in labels_imgs.items():
            with warnings.catch_warnings():
                # Networks without voxels are without regions, which is counted here.
                warnings.simplefilter("ignore", DataWarning)
                networks = load_atlas(image, converter.mask_img_)
            if not networks.are_labels:
                raise InvalidInputError(
                    f"labels_imgs[{level!r}] holds 4D maps; pass a 3D image of integer labels."
                )
            levels[level], names[level] = _memberships(
                level, networks.membership, networks.names, converter, shares, min_overlap
            )
        return cls(
            levels, sizes=converter.region_volumes_, strategy=converter.strategy, names=names
        )

    @classmethod
    def from_yeo(
        cls, converter: Any, *, data_dir: Any = None, shares: bool = True
    ) -> "BrainHierarchy":
        """Levels "yeo17" and "yeo7" of cortical networks (Yeo et al. 2011).

        The networks come from nilearn's ``fetch_atlas_yeo_2011``, which downloads them once;
        the thick version of the cortex is taken. See :meth:`from_labels`.

        Parameters
        ----------
        converter : PeaksToRegions
            Fitted.
        data_dir : path or None, default=None
            Folder of nilearn's data; None takes nilearn's default.
        shares : bool, default=True
            See :meth:`from_labels`.

        Returns
        -------
        hierarchy : BrainHierarchy

        Raises
        ------
        InvalidInputError
            If the networks are not in `data_dir` and cannot be downloaded.
        """
        from nilearn.datasets import fetch_atlas_yeo_2011

        try:
            if "n_networks" in inspect.signature(fetch_atlas_yeo_2011).parameters:
                images = {
                    f"yeo{n}": fetch_atlas_yeo_2011(
                        data_dir=data_dir, n_networks=n, thickness="thick", verbose=0
                    )
                    for n in (17, 7)
                }
            else:  # nilearn before 0.12 has one result with all versions
                fetched = fetch_atlas_yeo_2011(data_dir=data_dir, verbose=0)
                images = {f"yeo{n}": fetched[f"thick_{n}"] for n in (17, 7)}
        except OSError as error:
            raise InvalidInputError(
                f"data_dir={data_dir!r}: the Yeo 2011 networks are not there and could not be "
                f"downloaded ({error}). Offline, call nilearn.datasets.fetch_atlas_yeo_2011("
                "data_dir=...) on a connected computer and copy its folder 'yeo_2011' into "
                "data_dir, or use networks that need no download: BrainHierarchy.from_rois with "
                "nilearn.datasets.fetch_coords_seitzman_2018, or BrainHierarchy.from_tree."
            ) from error
        return cls.from_labels(images, converter, shares=shares)

    @classmethod
    def from_rois(
        cls,
        converter: Any,
        coordinates: Any,
        labels: Sequence[str],
        name: str,
        *,
        max_distance: float = 20.0,
    ) -> "BrainHierarchy":
        """One level of functional networks from centres of regions of interest.

        Each voxel goes to the network of the nearest centre, and each region to the network that
        has most of its voxels: a partition. Regions whose voxels are on average farther than
        `max_distance` from the nearest centre are treated alike, but counted in a warning.

        The 300 centres of Seitzman et al. (2020, doi:10.1016/j.neuroimage.2019.116290), which
        cover cortex, subcortex and cerebellum, come with nilearn:
        ``rois = fetch_coords_seitzman_2018(); BrainHierarchy.from_rois(converter, rois.rois,
        rois.networks, "seitzman")``. Their label "unassigned" is a network like any other here.

        Parameters
        ----------
        converter : PeaksToRegions
            Fitted.
        coordinates : array-like or DataFrame of shape (n_rois, 3)
            Centres in mm, MNI152.
        labels : sequence of str of length n_rois
            Network of each centre; networks are numbered in alphabetical order.
        name : str
            Name of the level.
        max_distance : float, default=20.0
            In mm.

        Returns
        -------
        hierarchy : BrainHierarchy

        Raises
        ------
        InvalidInputError
            If coordinates are not finite numbers of this shape, or labels are not as many.

        Warns
        -----
        DataWarning
            If regions are far from all centres, or networks have no region and are left out.
        """
        check_is_fitted(converter)
        centres = np.asarray(coordinates, dtype=np.float64)
        if centres.ndim != 2 or centres.shape[1] != 3 or not np.isfinite(centres).all():
            raise InvalidInputError(
                f"coordinates must be finite numbers in mm of shape (n_rois, 3); got shape "
                f"{centres.shape} with {int((~np.isfinite(centres)).sum())} not finite."
            )
        if len(labels) != len(centres) or not len(centres):
            raise InvalidInputError(
                f"labels must name the network of each ROI; got {len(labels)} labels for "
                f"{len(centres)} coordinates."
            )
        names, numbers = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
        affine = converter.mask_img_.affine
        voxels = np.argwhere(np.asarray(converter.mask_img_.dataobj) != 0)
        distance, nearest = cKDTree(centres).query(voxels @ affine[:3, :3].T + affine[:3, 3])
        membership = converter.membership_
        weight = np.asarray(membership.sum(axis=0), dtype=np.float64).ravel()
        far = int((membership.T @ distance > max_distance * weight).sum())
        if far:
            warnings.warn(
                f"{far} of {len(weight)} regions are on average more than {max_distance:g} mm "
                f"from the nearest ROI of {name!r}; they got its network nevertheless.",
                DataWarning,
                stacklevel=2,
            )
        one_hot = sparse.identity(len(names), dtype=np.float32, format="csr")[numbers[nearest]]
        level, kept = _memberships(name, one_hot, list(names), converter, False, 0.0)
        return cls(
            {name: level},
            sizes=converter.region_volumes_,
            strategy=converter.strategy,
            names={_FINEST: converter.region_names_, name: kept},
        )

    @property
    def levels(self) -> tuple[str, ...]:
        """Names of the levels from fine to broad."""
        return tuple(self._shares)

    @property
    def n_regions(self) -> int:
        """Number of regions."""
        return len(self._sizes)

    @property
    def sizes(self) -> np.ndarray:
        """Volumes of the regions, of shape (n_regions,). Read-only."""
        return self._sizes

    @property
    def strategy(self) -> str:
        """What an activation is: "sum" or "mean"."""
        return self._strategy

    def n_networks(self, level: str) -> int:
        """Count the networks of a level."""
        return self._level(level).shape[1]

    def network_names(self, level: str) -> list[str]:
        """Names of the networks of a level."""
        self._level(level)
        return list(self._names[level])

    def network_sizes(self, level: str) -> np.ndarray:
        """Volumes of the networks of a level, of shape (n_networks,), in the unit of `sizes`."""
        return self._level(level).T @ self._sizes

    def memberships(self, level: str) -> np.ndarray:
        """Share of each region in each network, of shape (n_regions, n_networks)."""
        return self._level(level).toarray()

    def is_partition(self, level: str) -> bool:
        """Whether each region belongs to one network of the level only."""
        return self._level(level).nnz == self.n_regions

    def aggregate(self, Y: Any, level: str) -> np.ndarray:
        """Sum (or average, with ``strategy="mean"``) maps over the networks of a level.

        Parameters
        ----------
        Y : array-like of shape (n_regions,) or (n_maps, n_regions)
        level : str
            One of :attr:`levels`.

        Returns
        -------
        V : ndarray of shape (n_networks,) or (n_maps, n_networks)
            float32 if Y is, otherwise float64.

        Raises
        ------
        InvalidInputError
            If there is no such level, or Y is not dense, finite and of this shape.
        """
        return _product(Y, self._operators(level)[0], "Y", "regions")

    def expand(self, V: Any, level: str) -> np.ndarray:
        """Spread values of networks evenly over their regions, by volume.

        Parameters
        ----------
        V : array-like of shape (n_networks,) or (n_maps, n_networks)
        level : str
            One of :attr:`levels`.

        Returns
        -------
        Y : ndarray of shape (n_regions,) or (n_maps, n_regions)
            float32 if V is, otherwise float64.
        """
        return _product(V, self._operators(level)[1], "V", f"networks at level {level!r}")

    def smooth(self, Y: Any, level: str) -> np.ndarray:
        """Average maps over the networks of a level: their ancestors at that level.

        Parameters
        ----------
        Y : array-like of shape (n_regions,) or (n_maps, n_regions)
        level : str
            One of :attr:`levels`; "region" changes nothing.

        Returns
        -------
        ancestors : ndarray of the shape of Y
            ``expand(aggregate(Y, level), level)``.
        """
        return self.expand(self.aggregate(Y, level), level)

    def parents(self, Y: Any) -> list[np.ndarray]:
        """Ancestors of maps from fine to broad.

        Parameters
        ----------
        Y : array-like of shape (n_regions,) or (n_maps, n_regions)

        Returns
        -------
        ancestors : list of ndarray of the shape of Y
            Y smoothed at each level after "region", i.e. at ``levels[1:]``.
        """
        return [self.smooth(Y, level) for level in self.levels[1:]]

    def matrix(self, level: str) -> np.ndarray:
        """Return the averaging operator of a level as a dense matrix.

        Parameters
        ----------
        level : str
            One of :attr:`levels`.

        Returns
        -------
        matrix : ndarray of shape (n_regions, n_regions), float64
            ``Y @ matrix`` is ``smooth(Y, level)``; ``torch.from_numpy`` takes it as it is.
        """
        aggregating, expanding = self._operators(level)
        return np.asarray((aggregating @ expanding).toarray())

    def __repr__(self) -> str:
        levels = ", ".join(f"{level}: {self.n_networks(level)}" for level in self.levels)
        return f"BrainHierarchy({levels}; strategy={self._strategy!r})"

    def _level(self, level: str) -> sparse.csr_matrix:
        if level not in self._shares:
            raise InvalidInputError(f"level={level!r} is unknown; the levels are {self.levels}.")
        return self._shares[level]

    def _operators(self, level: str) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        """Matrices that aggregate and expand row vectors."""
        shares = self._level(level)
        volume = self.network_sizes(level)
        per_volume = sparse.diags(
            np.divide(1.0, volume, out=np.zeros_like(volume), where=volume > 0)
        )
        averaging = sparse.diags(self._sizes) @ shares @ per_volume
        pair = (shares, averaging.T) if self._strategy == "sum" else (averaging, shares.T)
        return pair[0].tocsr(), pair[1].tocsr()

    def _checked_names(self, level: str, names: Mapping[str, Sequence[str]]) -> list[str]:
        n_networks = self.n_networks(level)
        if level in names:
            if len(names[level]) != n_networks:
                raise InvalidInputError(
                    f"names[{level!r}] has {len(names[level])} names for {n_networks} networks."
                )
            return [str(name) for name in names[level]]
        if level == _BROADEST:
            return [_BROADEST]
        digits = len(str(n_networks))
        return [f"{level}_{number + 1:0{digits}d}" for number in range(n_networks)]


def _shares(level: str, value: Any) -> sparse.csr_matrix:
    """Memberships with rows of sum 1 from one of the two forms of a level."""
    array = np.asarray(value)
    if array.ndim == 1 and array.size and array.dtype.kind in "ui":
        if array.min() < 0:
            raise InvalidInputError(
                f"Level {level!r}: region {int(np.argmin(array))} has the network {array.min()}; "
                "networks are numbered from 0. Give regions in no network one of their own."
            )
        used = np.unique(array)
        n_networks = int(used[-1]) + 1
    elif array.ndim == 2 and array.size and array.dtype.kind in "buif":
        array = array.astype(np.float64)
        total = array.sum(axis=1)
        bad = ~np.isfinite(array).all(axis=1) | (array < 0).any(axis=1) | (total <= 0)
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise InvalidInputError(
                f"Level {level!r}: {int(bad.sum())} regions have a negative or not finite "
                f"membership or belong to no network; the first is region {row}, with "
                f"{array[row].tolist()}. Give regions in no network a column of their own."
            )
        used = np.flatnonzero(array.any(axis=0))
        n_networks = array.shape[1]
    else:
        raise InvalidInputError(
            f"Level {level!r} must be integers of shape (n_regions,) or numbers of shape "
            f"(n_regions, n_networks); got {array.dtype} of shape {array.shape}."
        )
    if len(used) < n_networks:
        first = int(np.flatnonzero(np.append(used, -1) != np.arange(len(used) + 1))[0])
        raise InvalidInputError(
            f"Level {level!r}: {n_networks - len(used)} of {n_networks} networks have no region, "
            f"the first is network {first}. Number the networks 0 ... n_networks - 1 without gaps."
        )
    if array.ndim == 2:
        return sparse.csr_matrix(array / total[:, np.newaxis])
    return sparse.csr_matrix((np.ones(len(array)), (np.arange(len(array)), array.astype(np.intp))))


def _memberships(
    level: str,
    networks: sparse.csr_matrix,
    names: list[str],
    converter: Any,
    shares: bool,
    min_overlap: float,
) -> tuple[np.ndarray, list[str]]:
    """Overlap of regions with networks of voxels, with a network for those outside all."""
    overlap = (converter.membership_.T @ networks).toarray().astype(np.float64)
    weight = np.asarray(converter.membership_.sum(axis=0), dtype=np.float64).ravel()
    covered = overlap.sum(axis=1)
    # A hair below, so that float32 weights that are wholly covered reach a threshold of 1.
    outside = (covered == 0) | (covered < (min_overlap - 1e-6) * weight)
    overlap[outside] = 0.0
    if not shares:
        largest = overlap.argmax(axis=1)
        overlap = np.where(np.arange(overlap.shape[1]) == largest[:, np.newaxis], overlap, 0.0)
    empty = ~overlap.any(axis=0)
    notes = []
    if empty.any():
        lost = ", ".join(name for name, is_empty in zip(names, empty, strict=True) if is_empty)
        notes.append(f"{int(empty.sum())} of {len(names)} networks have no region: {lost}")
    overlap = overlap[:, ~empty]
    kept = [name for name, is_empty in zip(names, empty, strict=True) if not is_empty]
    if outside.any():
        notes.append(
            f"{int(outside.sum())} of {len(outside)} regions are covered by networks to less than "
            f"{min_overlap:.0%} or not at all and form the network {_OUTSIDE!r}"
        )
        overlap = np.column_stack([overlap, outside])
        kept.append(_OUTSIDE)
    if notes:
        warnings.warn(f"Level {level!r}: {'; '.join(notes)}.", DataWarning, stacklevel=3)
    return overlap, kept


def _product(values: Any, operator: sparse.csr_matrix, name: str, columns: str) -> np.ndarray:
    """Multiply maps by an operator, in the precision of the maps."""
    if sparse.issparse(values):
        raise InvalidInputError(f"{name} is sparse; pass a dense array, e.g. {name}.toarray().")
    array = np.asarray(values)
    if array.ndim not in (1, 2) or array.shape[-1] != operator.shape[0]:
        raise InvalidInputError(
            f"{name} of shape {array.shape} must have {operator.shape[0]} columns, "
            f"one for each of the {columns}."
        )
    if array.dtype.kind not in "buif" or not np.isfinite(array).all():
        raise InvalidInputError(
            f"{name} must hold finite numbers; got {array.dtype} with NaN, infinity or no numbers."
        )
    precision = np.float32 if array.dtype == np.float32 else np.float64
    return np.asarray(array @ operator, dtype=precision)
