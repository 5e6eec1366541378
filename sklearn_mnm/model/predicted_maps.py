"""What is made of predicted activations: z, intervals and images."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import gen_batches

from sklearn_mnm._tools.arrays import check_count
from sklearn_mnm.brain.mirror import Mirror
from sklearn_mnm.brain.resampled_images import resampled
from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.text._documents import is_documents
from sklearn_mnm.text.sides import side_shares

# Added to the log odds of the hemisphere that a text is about, if it says nothing else. Chosen on
# the titles of the NeuroQuery corpus that name one side: see benchmarks/quality/wording.py.
_SIDE_LOG_ODDS = 2.0
# Voxel size in mm beyond which there is no brain to be seen.
_COARSEST = 20
# Terms whose maps are held at once.
_BLOCK = 1024


class PredictedMaps:
    """The part of :class:`~sklearn_mnm.MNMEncoder` that tells how sure predictions are."""

    regions_: Any
    hierarchy_: Any
    uncertainty_: dict[str, Any]
    terms_: np.ndarray
    term_counts_: np.ndarray
    predict: Callable[..., Any]
    _checked_level: Callable[[str | None], str]
    _made_once: Callable[[Any, Callable[[], Any]], Any]

    def _on_named_sides(self, documents: Any, activations: np.ndarray) -> np.ndarray:
        """Move activations to the hemisphere that raw texts name."""
        if self.regions_ is None or not is_documents(documents):
            return activations
        shares = _SIDE_LOG_ODDS * np.array([side_shares(text) for text in documents])
        rows = np.flatnonzero(shares.any(axis=1))
        if not len(rows):
            return activations
        mirror = self._made_once("mirror", lambda: Mirror.of(self.regions_))
        shifted = activations.copy()
        shifted[rows] = mirror.shift(activations[rows], *shares[rows].T)
        return shifted

    def predict_z(self, X, level=None):
        """How far predictions stand out from those of texts unrelated to a region.

        Parameters
        ----------
        X : Studies, list of str, or array of shape (n_texts, n_terms)
        level : str or None, default=None
            See :meth:`predict`.

        Returns
        -------
        z : ndarray of shape (n_texts, n_regions) or (n_texts, n_networks)
            Standard normal for texts unrelated to the region: above 2 for one such text in forty,
            above 3.1 for one in a thousand, which few maps reach. See
            :class:`~sklearn_mnm.model.map_uncertainty.MapUncertainty`.
        """
        activations = self.predict(X, level)
        return self.uncertainty_[self._checked_level(level)].z(activations)

    def predict_interval(self, X, level=None, coverage=0.9):
        """Range in which the activations of a new study on this text lie.

        Parameters
        ----------
        X : Studies, list of str, or array of shape (n_texts, n_terms)
        level : str or None, default=None
            See :meth:`predict`.
        coverage : float, default=0.9
            Share of activations within, from 0.5 to 0.99.

        Returns
        -------
        lower, upper : ndarray of shape (n_texts, n_regions) or (n_texts, n_networks)
        """
        activations = self.predict(X, level)
        return self.uncertainty_[self._checked_level(level)].interval(activations, coverage)

    def predict_img(self, X, kind="activation", level=None, resolution=None):
        """Predicted maps as an image.

        Parameters
        ----------
        X : Studies, list of str, or array of shape (n_texts, n_terms)
        kind : {"activation", "z", "std"}, default="activation"
            The activation, in peaks per cubic centimetre if the fit was to peaks; see
            :meth:`predict_z`; or the standard deviation of :meth:`predict`, per region.
        level : str or None, default=None
            Level of `hierarchy_`: broader ones show each network as one.
        resolution : int or None, default=None
            Voxel size in mm. If None, use the grid of the mask of `regions_`; others are
            interpolated on nilearn's MNI152 mask of that size.

        Returns
        -------
        image : nibabel.nifti1.Nifti1Image
            MNI152 space, zero outside the brain; 3D for one text, 4D for several.

        Raises
        ------
        InvalidInputError
            If `kind` or `level` is none of the known, `resolution` is no whole number of mm from 1
            to 20, or the fit was to arrays.
        """
        if kind not in ("activation", "z", "std"):
            raise InvalidInputError(f"kind={kind!r}: choose 'activation', 'z' or 'std'.")
        level = self._checked_level(level)
        if resolution is not None:
            check_count(resolution, "resolution", most=_COARSEST, of_most="in mm")
        self._check_places_known("An image", "or use predict()")
        activations = self.predict(X, level)
        if kind == "activation":
            if level != self.hierarchy_.levels[0]:
                activations = self.hierarchy_.expand(activations, level)
            voxels = self.regions_.voxels_from_regions(activations)
        else:
            uncertainty = self.uncertainty_[level]
            values = (uncertainty.z if kind == "z" else uncertainty.std)(activations)
            # A value of a network is that of each of its regions.
            voxels = self.regions_.blend(values @ self.hierarchy_.memberships(level).T)
        image = resampled(voxels, self.regions_.mask_img_, resolution)
        if kind == "z":
            image.header.set_intent("z score")
        return image

    def terms_at(self, places, k=20):
        """Rank the terms of the corpus by how far their maps stand out at places.

        What studies report at a place, by the terms of the studies that do. It is not the decoding
        of a map: a single peak is a poor one, and what :class:`~sklearn_mnm.MNMDecoder` says of it
        agrees less with the peaks that studies report there.

        Parameters
        ----------
        places : array-like of shape (n_places, 3) or (3,), or data frame
            In mm, MNI152; of a data frame the columns ``x``, ``y`` and ``z`` are read.
        k : int, default=20
            Number of terms for each place.

        Returns
        -------
        ranking : DataFrame
            A row for each place and rank, with the columns ``place`` (row), ``rank``, ``term``,
            ``z``, that of :meth:`predict_z` for the term as a text, blended from the regions
            around the place as images of :meth:`predict_img` are, and ``n_studies``, the number of
            studies of the fit with the term by itself.

        Raises
        ------
        InvalidInputError
            If `places` are no such numbers or outside the brain, `k` is not between 1 and the
            number of terms, or the fit was to arrays.

        See Also
        --------
        MNMDecoder.retrieve : With ``[[place]]`` and ``by="brain"``, the studies whose maps are most
            like a peak at a place.
        sklearn_mnm.brain.name_coordinates : Names of places.
        """
        self._checked_level(None)  # which says if there is no fit
        self._check_places_known("A place", "or compare the columns of predict_z()")
        k = check_count(k, "k", most=len(self.terms_), of_most="the terms")
        weights = self.regions_._weights_at(places)
        names = [str(term) for term in self.terms_]
        blocks = gen_batches(len(names), _BLOCK)
        z = np.concatenate([weights @ self.predict_z(names[block]).T for block in blocks], axis=1)
        best = np.argsort(-z, axis=1, kind="stable")[:, :k]
        return pd.DataFrame(
            {
                "place": np.repeat(np.arange(len(z)), k),
                "rank": np.tile(np.arange(1, k + 1), len(z)),
                "term": self.terms_[best].ravel(),
                "z": np.take_along_axis(z, best, axis=1).ravel(),
                "n_studies": self.term_counts_[best].ravel(),
            }
        )

    def _check_places_known(self, what: str, instead: str) -> None:
        if self.regions_ is None:
            raise InvalidInputError(
                f"{what} needs to know where regions are, but maps were given to fit as arrays. "
                f"Fit to peaks or images, {instead}."
            )
