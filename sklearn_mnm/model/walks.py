"""Ancestors, descendants and walks: what terms hold for texts, terms and maps."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.special import softmax
from sklearn.utils.validation import check_is_fitted

from sklearn_mnm._tools.arrays import check_count, check_share
from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.geometry import radius
from sklearn_mnm.model.term_hierarchy import TermHierarchy
from sklearn_mnm.nn.held_terms import held_terms
from sklearn_mnm.text._spelling import lexicon_in
from sklearn_mnm.text.subsumption import parts_of_names

#: What is said instead of the probability of a term that the text itself has, or is read as.
IN_TEXT = "in the text"


class TermQuestions:
    """What the walks of texts and of maps share: the hierarchy of terms of a fitted model."""

    embedder_: Any
    terms_: np.ndarray
    vectorizer_: Any
    term_vectorizer_: Any
    study_terms_: Any
    _made_once: Callable[..., Any]

    @property
    def _has_term_hierarchy(self) -> bool:
        """Whether terms have points and studies: not so for sentences, learnt radii, old files."""
        check_is_fitted(self)
        own = self.term_vectorizer_ is self.vectorizer_
        space = getattr(self.embedder_, "term_space_", None)
        return own and space is not None and getattr(self, "study_terms_", None) is not None

    def _term_hierarchy(self) -> TermHierarchy:
        """Terms as points with the studies that hold them, made once for each fit."""
        if not self._has_term_hierarchy:
            raise InvalidInputError(
                f"This {type(self).__name__} knows no hierarchy of terms: its texts are no weights "
                "of terms, radii are learnt, or it was saved by an earlier version. Fit it with "
                "the default vectorizer and embedder."
            )

        def make() -> TermHierarchy:
            space, present = self.embedder_.term_space_, self.study_terms_
            parts = parts_of_names(self.terms_)
            return TermHierarchy.from_studies(
                self.terms_,
                self.embedder_.term_points(),
                space.information,
                present,
                held_terms(present, parts),
                space.held(present),
                self.embedder_.curvature_,
            )

        hierarchy: TermHierarchy = self._made_once("terms", make)
        return hierarchy

    def _row_of_term(self, term: Any) -> int:
        """Row of a term of the vocabulary; near ones are named if there is none."""
        if not isinstance(term, str):
            raise InvalidInputError(f"term={term!r}: give a word or phrase as a string.")
        known = self.vectorizer_.vocabulary_
        query = term if term in known else lexicon_in(self.vectorizer_)[0].whole(term)
        if query is None:
            near = get_close_matches(term.lower(), list(known), n=3, cutoff=0.7)
            raise InvalidInputError(
                f"term={term!r} is no term of the vocabulary"
                + (f"; near are {', '.join(map(repr, near))}." if near else ". See terms_.")
            )
        return int(known[query])

    def _walk_frame(
        self, start: str, radius: float, n_studies: int, steps: list[Any], probability: np.ndarray
    ) -> pd.DataFrame:
        """Table of a walk: the start, and the terms of each step."""
        hierarchy = self._term_hierarchy()
        first = pd.DataFrame(
            {
                "step": [0],
                "rank": [1],
                "term": [start],
                "probability": [1.0],
                "radius": [radius],
                "n_studies": [n_studies],
            }
        )
        parts = [first]
        for step, rows in enumerate(steps, start=1):
            parts.append(hierarchy.frame(rows, probability[rows], step=step))
        return pd.concat(parts, ignore_index=True)


class TextWalks(TermQuestions):
    """Ancestors and descendants of texts and terms, and walks from them."""

    _text_points_and_features: Callable[..., tuple[np.ndarray, Any]]

    def ancestors(self, X, k=10, min_probability=0.0):
        """Terms that are more general than texts and hold for them.

        Parameters
        ----------
        X : Studies, list of str, or array of shape (n_texts, n_terms)
        k : int, default=10
            Terms for each text at most.
        min_probability : float, default=0.0
            Least probability: 0.9 names only what holds for nine in ten studies with these words,
            and nothing where nothing does.

        Returns
        -------
        ancestors : DataFrame
            A row for each text and rank, with the columns ``query``, ``rank``, ``term``,
            ``probability`` that a study which holds the words of the text holds the term,
            ``radius`` of the term and ``n_studies`` that hold it. Ordered by the logarithm of the
            probability plus half the information of the term, for terms that no study shares with
            the text minus their distance. Terms that the text names itself are left out.

        Raises
        ------
        InvalidInputError
            If nothing is known of any text, `k` is no positive integer, `min_probability` is not
            between 0 and 1, or the texts are no weights of terms.

        Notes
        -----
        See :class:`~sklearn_mnm.model.term_hierarchy.TermHierarchy` for the probability, and
        :mod:`sklearn_mnm.geometry.information` for its geometry.
        """
        check_count(k, "k")
        check_share(min_probability, "min_probability")
        hierarchy = self._term_hierarchy()
        points, features = self._text_points_and_features(X)
        held = self.embedder_.term_space_.held(features)
        probability = hierarchy.probability(points, held)
        information = self.embedder_.term_space_.text_information(held)
        features = sparse.csr_matrix(features)
        parts = []
        for query in range(len(points)):
            known = probability[query]
            general = hierarchy.information < information[query]
            allowed = np.where(general & (known >= min_probability), known, 0)
            own = features.indices[features.indptr[query] : features.indptr[query + 1]]
            rows = hierarchy.ancestors(allowed, own, int(k))
            parts.append(hierarchy.frame(rows, known[rows], query=query))
        return pd.concat(parts, ignore_index=True)

    def descendants(self, term, k=10):
        """Terms that are more special than a term and for which it holds.

        Parameters
        ----------
        term : str
            A term of the vocabulary; case, hyphens and plurals do not matter.
        k : int, default=10
            At most so many.

        Returns
        -------
        descendants : DataFrame
            From the nearest on, with the columns ``rank``, ``term``, ``probability`` that a study
            which holds this term holds the given one, ``radius`` and ``n_studies`` of this term.

        Raises
        ------
        InvalidInputError
            If there is no such term, which names near ones, or `k` is no positive integer.
        """
        check_count(k, "k")
        hierarchy = self._term_hierarchy()
        rows, probability = hierarchy.descendants(self._row_of_term(term), int(k))
        return hierarchy.frame(rows, probability)

    def walk(self, text, n_steps=6, k=1):
        """Walk from a text up to the general: which terms hold for it, ever nearer to the root.

        Parameters
        ----------
        text : str
        n_steps : int, default=6
            Bands of radius into which the way is divided. Where no term of a band holds, there is
            no step, so that walks end where the evidence does.
        k : int, default=1
            Terms of each step at most, the best first.

        Returns
        -------
        walk : DataFrame
            Step 0 is the text itself. A row for each term, with the columns ``step``, ``rank``,
            ``term``, ``probability`` that a study with the words of the text holds the term,
            ``radius`` and ``n_studies`` that hold it, by itself or as a part of a longer term. Of
            the text these are the studies that hold all of its words; if there is none,
            probabilities come from the space alone. That of a term which the text itself holds is
            1. Each step is more general than the one before, no term comes twice, and each speaks
            both of the text and of the step before: see :meth:`TermHierarchy.walk
            <sklearn_mnm.model.term_hierarchy.TermHierarchy.walk>`.

        Raises
        ------
        InvalidInputError
            If nothing is known of the text, `n_steps` or `k` is no positive integer, or the texts
            are no weights of terms.
        """
        check_count(n_steps, "n_steps")
        check_count(k, "k")
        hierarchy = self._term_hierarchy()
        points, features = self._text_points_and_features([text])
        held = self.embedder_.term_space_.held(features)
        probability = hierarchy.probability(points, held)[0]
        own = features.indices
        rho = float(radius(points, hierarchy.curvature)[0])
        steps = hierarchy.walk(
            probability, rho, int(own[0]) if len(own) == 1 else None, int(n_steps), int(k)
        )
        n_studies = hierarchy.n_studies_with(held.indices)
        return self._walk_frame(text, rho, n_studies, steps, probability)


class MapWalks(TermQuestions):
    """Terms that hold for maps, and walks from them."""

    _brain_points: Callable[..., np.ndarray]
    _log_odds_of_studies: Callable[..., np.ndarray]

    def ancestors(self, X, k=10, level=None, min_probability=0.0):
        """Terms that hold for maps, from what studies with such maps speak of.

        Parameters
        ----------
        X : maps as for :meth:`decision_function`
        k : int, default=10
            Terms for each map at most.
        level : str or None, default=None
            Level of `hierarchy_` over whose networks maps are averaged first.
        min_probability : float, default=0.0
            Least probability of a term.

        Returns
        -------
        ancestors : DataFrame
            A row for each map and rank, with the columns ``map``, ``rank``, ``term``,
            ``probability`` that the study of the map holds the term, ``radius`` of the term and
            ``n_studies`` that hold it. Only topics are named, ordered by the logarithm of the
            probability plus half the information of the term.

        Raises
        ------
        InvalidInputError
            If maps have no usable form, `k` is no positive integer, `min_probability` is not
            between 0 and 1, or the texts of the fit were no weights of terms.

        Notes
        -----
        The similarity of a map to the texts of the fit, which training turned into the
        logarithm of the odds of belonging together, gives each study of the fit the probability
        of being like that of the map; the probability of a term is its mean over these.
        """
        check_count(k, "k")
        check_share(min_probability, "min_probability")
        hierarchy = self._term_hierarchy()
        probabilities = self._held_by(self._brain_points(X, level))
        parts = []
        for number, probability in enumerate(probabilities):
            known = hierarchy.is_topic & (probability >= max(min_probability, 1e-12))
            rows = hierarchy.ancestors(np.where(known, probability, 0), np.array([], int), int(k))
            parts.append(hierarchy.frame(rows, probability[rows], map=number))
        return pd.concat(parts, ignore_index=True)

    def walk(self, X, n_steps=6, k=1):
        """Walk from a map up to the general: which terms hold for it, ever nearer to the root.

        Parameters
        ----------
        X : one map, as for :meth:`decision_function`
        n_steps : int, default=6
            Bands of radius into which the way is divided; see :meth:`MNMEncoder.walk`.
        k : int, default=1
            Terms of each step at most, the best first.

        Returns
        -------
        walk : DataFrame
            As :meth:`MNMEncoder.walk` gives it; step 0 is the map, and ``probability`` is that of
            :meth:`ancestors`.

        Raises
        ------
        InvalidInputError
            If `X` is not one map, `n_steps` or `k` is no positive integer, or the texts of the fit
            were no weights of terms.
        """
        check_count(n_steps, "n_steps")
        check_count(k, "k")
        hierarchy = self._term_hierarchy()
        points = self._brain_points(X)
        if len(points) != 1:
            raise InvalidInputError(f"X holds {len(points)} maps; walk from one at a time.")
        probability = self._held_by(points)[0]
        rho = float(radius(points, hierarchy.curvature)[0])
        steps = hierarchy.walk(probability, rho, None, int(n_steps), int(k))
        return self._walk_frame("map", rho, 1, steps, probability)

    def _held_by(self, points: np.ndarray) -> np.ndarray:
        """Probability that the study of a map holds each term, (n_maps, n_terms)."""
        held, log_odds = self._term_hierarchy().held, self._log_odds_of_studies(points)
        return np.asarray((held.T @ softmax(log_odds, axis=0)).T)
