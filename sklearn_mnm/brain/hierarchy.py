"""Levels over the regions of a parcellation: regions, networks, whole brain."""

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy import sparse

from sklearn_mnm._tools.made_once import made_once
from sklearn_mnm.brain import _networks
from sklearn_mnm.brain._levels import (
    FINEST,
    averaging_operators,
    checked_levels,
    checked_names,
    product,
)
from sklearn_mnm.exceptions import InvalidInputError


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
        Volumes of the regions, e.g. ``PeaksToRegions.region_volumes_``. If None, count each as 1.
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
        self._shares, self._sizes = checked_levels(levels, sizes)
        self._strategy = strategy
        self._names = checked_names(self._shares, names)

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
        return cls(_networks.networks_of_tree(children, cuts), sizes=sizes, strategy=strategy)

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
        levels, names = _networks.networks_of_labels(labels_imgs, converter, shares, min_overlap)
        return cls(
            levels,
            sizes=converter.region_volumes_,
            strategy=converter.strategy,
            names={FINEST: converter.region_names_, **names},
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
            Folder of nilearn's data. If None, use nilearn's default.
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
        return cls.from_labels(_networks.yeo_images(data_dir), converter, shares=shares)

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
        level, kept = _networks.networks_of_rois(converter, coordinates, labels, name, max_distance)
        return cls(
            {name: level},
            sizes=converter.region_volumes_,
            strategy=converter.strategy,
            names={FINEST: converter.region_names_, name: kept},
        )

    @classmethod
    def _restored(cls, levels: Mapping[str, np.ndarray], **others: Any) -> "BrainHierarchy":
        """Make a hierarchy from its own memberships, which stay the same to the last bit."""
        hierarchy = cls(levels, **others)
        for level, shares in levels.items():
            # Rows that sum to 1 but for rounding would be changed by scaling them once more.
            if shares.ndim == 2 and np.abs(shares.sum(axis=1) - 1).max() < 1e-12:
                hierarchy._shares[level] = sparse.csr_matrix(shares)
        return hierarchy

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
        return product(Y, self._operators(level)[0], "Y", "regions")

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
        return product(V, self._operators(level)[1], "V", f"networks at level {level!r}")

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

    def __repr__(self) -> str:
        levels = ", ".join(f"{level}: {self.n_networks(level)}" for level in self.levels)
        return f"BrainHierarchy({levels}; strategy={self._strategy!r})"

    def _level(self, level: str) -> sparse.csr_matrix:
        if level not in self._shares:
            raise InvalidInputError(f"level={level!r} is unknown; the levels are {self.levels}.")
        return self._shares[level]

    def _operators(self, level: str) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        shares = self._level(level)
        make = partial(averaging_operators, shares, self._sizes, self._strategy)
        return made_once(self, level, make)
