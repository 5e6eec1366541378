"""What a fitted embedder gives: points, similarities and predictions."""

from typing import ClassVar

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    MultiOutputMixin,
    RegressorMixin,
    TransformerMixin,
)
from sklearn.utils import gen_batches
from sklearn.utils.validation import check_consistent_length, check_is_fitted
from sklearn.utils.validation import validate_data as validate

from sklearn_mnm._tools.arrays import clear_errors, refuse_dates
from sklearn_mnm._tools.default_parts import DefaultParts
from sklearn_mnm._tools.sample_weight import checked_weights
from sklearn_mnm.brain.hierarchy import BrainHierarchy
from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.geometry.arrays import in_double, tangent_of
from sklearn_mnm.model.checks import checked_activations, checked_points, wide
from sklearn_mnm.model.embedding import Embedding
from sklearn_mnm.model.objective import MNMObjective, Towers
from sklearn_mnm.model.selection import mean_recall
from sklearn_mnm.nn.similarity import SIMILARITIES

# Pairs of texts and brains compared at once.
_PAIRS = 2**22


class _EmbeddingEstimator(
    DefaultParts,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    MultiOutputMixin,
    RegressorMixin,
    BaseEstimator,
):
    """Points of texts and maps, and what is read from them.

    What it reads is set by the fit of :class:`~sklearn_mnm.HyperbolicBrainTextEmbedder`.
    """

    _default_parts: ClassVar[dict] = {"objective": MNMObjective, "towers": Towers}

    @property
    def _embedding(self) -> Embedding:
        return Embedding(
            self.text_coef_,
            self.short_coef_,
            self.mean_terms_,
            self.activation_scaler_,
            self.model_,
            self.curvature_,
            self.term_space_,
            self.joint_space_,
            self.n_dimensions_,
        )

    def transform(self, X, y=None):
        """Points of texts, and of brain activations if given.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_texts, n_features)
            Text features.
        y : array-like of shape (n_maps, n_regions), default=None
            Region activations; need not pair with `X`.

        Returns
        -------
        text_points : ndarray of shape (n_texts, n_dimensions_ + 1)
            Points of the hyperboloid, time coordinate first. A text without known
            features is at the origin. float32 if `X` is, rounded at the end; otherwise float64.
        brain_points : ndarray of shape (n_maps, n_dimensions_ + 1)
            Only if `y` is given.
        """
        check_is_fitted(self)
        points = self._text_points(self._checked_texts(X, reset=False))
        return points if y is None else (points, self.transform_brain(y))

    def transform_brain(self, Y, level=None):
        """Points of brain activations.

        Parameters
        ----------
        Y : array-like of shape (n_maps, n_regions)
            Region activations in the units of those given to :meth:`fit`.
        level : str or None, default=None
            Level of the `hierarchy` of the objective over whose networks the maps are averaged
            first. If None, use them as they are.

        Returns
        -------
        brain_points : ndarray of shape (n_maps, n_dimensions_ + 1)
            Points of the hyperboloid, time coordinate first. A map of zeros is at the origin.
            float32 if `Y` is, rounded at the end; otherwise float64.

        Raises
        ------
        InvalidInputError
            If `Y` has other regions than in :meth:`fit`, or `level` is none of `hierarchy`.
        """
        check_is_fitted(self)
        Y = checked_activations(Y, "Y", self.n_regions_)
        if level is not None:
            Y = self._checked_hierarchy(f"level={level!r}").smooth(Y, level)
        embedding = self._embedding
        return embedding.points(embedding.brain_tangent(Y), Y.dtype)

    def ancestors(self, Y):
        """Points of maps and of the ever broader maps that they are part of.

        Parameters
        ----------
        Y : array-like of shape (n_maps, n_regions)
            Region activations in the units of those given to :meth:`fit`.

        Returns
        -------
        points : dict of str to ndarray of shape (n_maps, n_dimensions_ + 1)
            By level of `hierarchy`, from regions to the broadest networks: the map averaged
            over the networks of that level, as a point of the same space.

        Raises
        ------
        InvalidInputError
            If the embedder has no `hierarchy`.
        """
        levels = self._checked_hierarchy("ancestors").levels
        return {level: self.transform_brain(Y, level) for level in levels}

    def term_points(self) -> np.ndarray:
        """Points of the terms, the features of texts, each at half its own information.

        Returns
        -------
        points : ndarray of shape (n_features, n_dimensions_ + 1)
            Time coordinate first, float64.

        Raises
        ------
        InvalidInputError
            If the features have no hierarchy, see `term_space_`.
        """
        check_is_fitted(self)
        if self.term_space_ is None or self.joint_space_ is None:
            raise InvalidInputError(
                "The embedder knows nothing of terms: its features are no weights of terms, or "
                "similarity is another than 'root_angle'. Fit it to counts or TF-IDF of terms."
            )
        return self._embedding.term_points()

    def similarity(self, text_points, brain_points):
        """Similarity of texts and brains, that which the objective names.

        Parameters
        ----------
        text_points : array-like of shape (n_texts, n_dimensions_ + 1)
            From :meth:`transform`.
        brain_points : array-like of shape (n_maps, n_dimensions_ + 1)
            From :meth:`transform_brain`.

        Returns
        -------
        similarity : ndarray of shape (n_texts, n_maps)
            Higher is closer. By default the cosine of the angle at the root, which is small: most
            of the direction of a text tells its meaning, not its maps.
        """
        check_is_fitted(self)
        texts, brains = (
            in_double(checked_points(points, name, self.n_dimensions_, self.curvature_))
            for points, name in ((text_points, "text_points"), (brain_points, "brain_points"))
        )
        return self._similarity(texts, brains)

    def _similarity(self, texts, brains):
        """Compare points that are known to be some, in double precision."""
        function = SIMILARITIES[self._part("objective").similarity]
        similarity = np.empty((len(texts), len(brains)))
        for rows in gen_batches(len(texts), max(1, _PAIRS // max(1, len(brains)))):
            similarity[rows] = function(texts[rows], brains, self.curvature_)
        return similarity

    def pair_log_odds(self, text_points, brain_points):
        """Similarity of texts and brains as training weighs it.

        Parameters
        ----------
        text_points : array-like of shape (n_texts, n_dimensions_ + 1)
            From :meth:`transform`.
        brain_points : array-like of shape (n_maps, n_dimensions_ + 1)
            From :meth:`transform_brain`.

        Returns
        -------
        log_odds : ndarray of shape (n_texts, n_maps)
            Their exponentials, divided by the sum over texts, are the probabilities of the texts
            to be that of a map, if one of them is; likewise for maps. With texts or brains at the
            root, of which nothing is known, as for a pair of no similarity.
        """
        return self._as_log_odds(self.similarity(text_points, brain_points))

    def _as_log_odds(self, similarity):
        if self.joint_space_ is not None:
            similarity = similarity / self.joint_space_.cosine_unit
        return self.model_.inverse_temperature * similarity

    def predict(self, X):
        """Region activations that a text speaks of.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_texts, n_features)
            Text features.

        Returns
        -------
        activations : ndarray of shape (n_texts, n_regions)
            In the units of the `y` given to :meth:`fit`.
        """
        return self.inverse_transform(self.transform(X))

    def inverse_transform(self, text_points):
        """Region activations of points of the space.

        Parameters
        ----------
        text_points : array-like of shape (n, n_dimensions_ + 1)
            Points as :meth:`transform` gives them for texts, or any other points of the
            space, e.g. on a geodesic between texts.

        Returns
        -------
        activations : ndarray of shape (n, n_regions)
            In the units of the `y` given to :meth:`fit`.
        """
        check_is_fitted(self)
        points = checked_points(text_points, "text_points", self.n_dimensions_, self.curvature_)
        tangent = tangent_of(points, self.curvature_)
        activations = self.decode_head_.predict(self._embedding.text_predictors(tangent))
        return activations.astype(points.dtype, copy=False)

    def score(self, X, y, sample_weight=None):
        """Mean recall at 10 of retrieval in both directions, among the given pairs.

        It depends on the number of pairs: with fewer candidates it is easier. Chance is
        10 / n_studies; among 10 studies or fewer it is always 1.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_studies, n_features)
            Text features.
        y : array-like of shape (n_studies, n_regions)
            Region activations of the same studies.
        sample_weight : array-like of shape (n_studies,), default=None
            Weight of each study in the mean. Studies of weight 0 are no candidates either.

        Returns
        -------
        score : float
            Between 0 and 1.
        """
        check_is_fitted(self)
        X, Y, _, sample_weight = self._checked_studies(X, y, None, sample_weight, reset=False)
        similarity = self.similarity(self._text_points(X), self.transform_brain(Y))
        return mean_recall(similarity, 10, sample_weight)

    @property
    def _n_features_out(self) -> int:
        return self.n_dimensions_ + 1

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.single_output = False
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.regressor_tags.poor_score = True  # recall, not R2
        return tags

    def _text_points(self, X) -> np.ndarray:
        embedding = self._embedding
        tangent = embedding.text_tangent(embedding.predicted(X), X)
        return embedding.points(tangent, X.dtype)

    def _checked_texts(self, X, *, reset: bool):
        refuse_dates(X, "X")
        with clear_errors("X"):
            return validate(
                self, wide(X), accept_sparse="csr", dtype=[np.float64, np.float32], reset=reset
            )

    def _checked_studies(self, X, Y, groups, sample_weight, *, reset: bool):
        """Studies of positive weight."""
        X = self._checked_texts(X, reset=reset)
        Y = checked_activations(Y, "y", None if reset else self.n_regions_)
        groups = None if groups is None else np.asarray(groups)
        with clear_errors("X, y and groups", "Give one row of each per study."):
            check_consistent_length(X, Y, groups)
        if sample_weight is None:
            return X, Y, groups, None
        weights = checked_weights(sample_weight, X)
        rows = np.flatnonzero(weights)
        return X[rows], Y[rows], None if groups is None else groups[rows], weights[rows]

    def _checked_hierarchy(self, user: str) -> BrainHierarchy:
        hierarchy: BrainHierarchy | None = self._part("objective").hierarchy
        if hierarchy is None:
            raise InvalidInputError(
                f"{user} needs levels of networks, but hierarchy is None. Give "
                "objective=MNMObjective(hierarchy=BrainHierarchy...) over the regions of Y; it "
                "can be set after fitting, by set_params(objective__hierarchy=...)."
            )
        return hierarchy
