"""The fitted space as one object: from features of texts and maps to points."""

from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from sklearn_mnm.brain.features import ActivationScaler
from sklearn_mnm.geometry.arrays import points_of
from sklearn_mnm.model.joint_space import JointSpace, TextPart
from sklearn_mnm.model.term_space import LARGEST_DIMENSION, TermSpace, are_term_weights
from sklearn_mnm.model.text_regression import full_share, predict_brain
from sklearn_mnm.nn.fitted_towers import FittedTowers

# Of texts of which it is not known how much they tell, at curvature -1.
_RADIUS_WITHOUT_TERMS = 3.0


class Embedding(NamedTuple):
    """Towers, terms and the space in which they meet.

    Attributes
    ----------
    text_coef, short_coef : ndarray of shape (n_features, n_regions), float32
        Closed-form maps; the second may be None.
    mean_terms : float
        Mean number of terms of a text.
    scaler : ActivationScaler
        From activations to tower inputs.
    model : FittedTowers
        The towers.
    curvature : float
    term_space : TermSpace or None
        None if the features are no weights of terms, or radii are learnt.
    joint_space : JointSpace or None
        None if radii are learnt.
    n_dimensions : int
        Of the space.
    """

    text_coef: np.ndarray
    short_coef: np.ndarray | None
    mean_terms: float
    scaler: ActivationScaler
    model: FittedTowers
    curvature: float
    term_space: TermSpace | None
    joint_space: JointSpace | None
    n_dimensions: int

    def with_terms(
        self,
        X: Any,
        text: np.ndarray,
        activations: np.ndarray,
        parts: Any,
        *,
        n_epochs: int,
        seed: int,
    ) -> "tuple[Embedding, np.ndarray]":
        """Place terms, texts and maps by how much they tell, rather than by learnt radii.

        Parameters
        ----------
        X : {ndarray, csr_matrix} of shape (n_studies, n_features)
            Text features.
        text : ndarray of shape (n_studies, n_regions), float32
            Leave-out predictions.
        activations : ndarray of shape (n_studies, n_regions)
            As given by the user.
        parts : csr_matrix of shape (n_features, n_features) or None
            Which terms hold which.
        n_epochs : int
            Of learning the directions of the terms.
        seed : int

        Returns
        -------
        embedding : Embedding
        tangent : ndarray of shape (n_studies, n_dimensions)
            Tangent vectors of the texts.
        """
        space, n_meanings = self, 1
        if are_term_weights(X):
            n_components = self.model.brain_tower.offset.shape[0]
            terms = TermSpace.fit(
                X,
                parts,
                n_dimensions=min(n_components, LARGEST_DIMENSION),
                n_epochs=n_epochs,
                seed=seed,
            )
            space, n_meanings = self._replace(term_space=terms), terms.directions.shape[1]
        height = self.model.brain_tower.rows(self.scaler.transform(activations))[:, -1]
        part = space._text_part(text, X)
        joint = JointSpace.fit(part, height, activations)
        space = space._replace(joint_space=joint, n_dimensions=joint.n_dimensions(n_meanings))
        return space, space._tangent(part, X)

    def predicted(self, X: Any) -> np.ndarray:
        """Scaled activations that the closed form predicts of texts, (n_texts, n_regions)."""
        return predict_brain(X, self.text_coef, self.short_coef, self.mean_terms)

    def text_tangent(self, text: np.ndarray, X: Any) -> np.ndarray:
        """Tangent vectors of texts from what the closed form predicts of them and their features.

        Parameters
        ----------
        text : ndarray of shape (n_texts, n_regions), float32
        X : {ndarray, csr_matrix} of shape (n_texts, n_features)

        Returns
        -------
        tangent : ndarray of shape (n_texts, n_dimensions)
        """
        if self.joint_space is None:
            return self.model.text_tower.tangent(text, self.curvature)
        return self._tangent(self._text_part(text, X), X)

    def brain_tangent(self, activations: np.ndarray) -> np.ndarray:
        """Tangent vectors of maps.

        Parameters
        ----------
        activations : ndarray of shape (n_maps, n_regions)

        Returns
        -------
        tangent : ndarray of shape (n_maps, n_dimensions)
        """
        scaled = self.scaler.transform(activations)
        if self.joint_space is None:
            return self.model.brain_tower.tangent(scaled, self.curvature)
        rows = self.model.brain_tower.rows(scaled)
        radius = self.joint_space.brain_radius(activations)
        tangent = self.joint_space.brain_tangent(
            rows[:, :-1], rows[:, -1], radius, self.n_dimensions
        )
        return tangent / self.curvature**0.5

    def term_points(self) -> np.ndarray:
        """Points of the terms, (n_features, n_dimensions + 1); they must be known."""
        assert self.term_space is not None
        single = sparse.identity(len(self.text_coef), format="csr", dtype=np.float32)
        part = self._text_part(self.predicted(single), single)
        part = part._replace(radius=self.term_space.information / 2)
        return self.points(self._tangent(part, single))

    def text_predictors(self, tangent: np.ndarray) -> np.ndarray:
        """Take from tangent vectors of texts what maps are decoded from."""
        return tangent if self.joint_space is None else self.joint_space.text_predictors(tangent)

    def brain_predictors(self, tangent: np.ndarray) -> np.ndarray:
        """Take from tangent vectors of maps what terms are decoded from."""
        return tangent if self.joint_space is None else self.joint_space.brain_predictors(tangent)

    def points(self, tangent: np.ndarray, dtype: Any = np.float64) -> np.ndarray:
        """Points of tangent vectors at the root.

        The exponential map in float64: points are on the hyperboloid to double precision, or as
        near to it as single precision has one.
        """
        return points_of(tangent, self.curvature).astype(dtype, copy=False)

    def _text_part(self, text: np.ndarray, X: Any) -> TextPart:
        rows = self.model.text_tower.rows(text)
        if self.term_space is None:
            meaning = np.ones((len(text), 1))
            radius = np.where(text.any(axis=1), _RADIUS_WITHOUT_TERMS, 0.0)
        else:
            meaning = self.term_space.text_directions(X)
            radius = self.term_space.text_information(self.term_space.held(X)) / 2
        strength = np.linalg.norm(text.astype(np.float64), axis=1)
        return TextPart(rows[:, :-1], rows[:, -1], strength, meaning, radius)

    def _tangent(self, part: TextPart, X: Any) -> np.ndarray:
        """Tangent vectors of texts in the joint space."""
        assert self.joint_space is not None
        share, typical = full_share(X, self.mean_terms), self.joint_space.typical_strength
        strength = np.where(part.strength > 0, share * part.strength + (1 - share) * typical, 0)
        tangent = self.joint_space.text_tangent(part._replace(strength=strength))
        return tangent / self.curvature**0.5
