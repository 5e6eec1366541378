"""MNMDecoder: from brain maps to words."""

import warnings
from collections.abc import Iterator
from numbers import Integral
from typing import ClassVar

import numpy as np
import pandas as pd
from sklearn.base import TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval

from sklearn_mnm._base import BrainTextEstimator
from sklearn_mnm._tools.arrays import check_count
from sklearn_mnm._tools.sample_weight import checked_weights
from sklearn_mnm.exceptions import DataWarning, InvalidInputError
from sklearn_mnm.model.inputs import are_peaks, check_pairs, target_columns, text_input
from sklearn_mnm.model.pairing import paired
from sklearn_mnm.model.salience import salient_terms
from sklearn_mnm.model.term_evidence import TermEvidence, noise_note
from sklearn_mnm.model.walks import MapWalks
from sklearn_mnm.persistence.schema import class_named


class MNMDecoder(TermEvidence, MapWalks, TransformerMixin, BrainTextEstimator):
    """Decode brain maps into words: rank the terms that studies with such a map speak of.

    The model is that of :class:`~sklearn_mnm.MNMEncoder`, read in the other direction;
    :meth:`encoder` gives it without a second fit.

    Parameters
    ----------
    vectorizer, regions, embedder, hierarchy, ontology, random_state
        See :class:`~sklearn_mnm.MNMEncoder`, also for ``embedder__n_components`` and the like.
    n_terms : int, default=20
        Number of terms that :meth:`predict` names.

    Attributes
    ----------
    terms_ : ndarray of shape (n_terms,), object
        Vocabulary of the corpus, the columns of :meth:`decision_function`.
    term_posterior_ : TermPosterior
        Scores of terms.
    vectorizer_, regions_, embedder_, hierarchy_, n_regions_, neighbours_, uncertainty_
        See :class:`~sklearn_mnm.MNMEncoder`.

    See Also
    --------
    MNMEncoder : From texts to maps.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_mnm import MNMDecoder, PeaksToRegions
    >>> random = np.random.default_rng(0)
    >>> texts = ["finger tapping in healthy adults", "visual motion in healthy adults"] * 40
    >>> centres = np.array([[-40, -20, 55], [45, -70, 5]] * 40)
    >>> peaks = [centre + random.normal(scale=5, size=(10, 3)) for centre in centres]
    >>> regions = PeaksToRegions(n_regions=60, resolution=8, random_state=0)
    >>> decoder = MNMDecoder(regions=regions, n_terms=2, random_state=0).fit(peaks, texts)
    >>> sorted(decoder.predict([np.array([[-42, -18, 52]])])[0])
    ['finger', 'tapping']
    """

    _parameter_constraints: ClassVar[dict] = {
        **BrainTextEstimator._parameter_constraints,
        "n_terms": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        *,
        vectorizer=None,
        regions=None,
        embedder=None,
        hierarchy="ward",
        ontology=None,
        n_terms=20,
        random_state=None,
    ):
        self.vectorizer = vectorizer
        self.regions = regions
        self.embedder = embedder
        self.hierarchy = hierarchy
        self.ontology = ontology
        self.n_terms = n_terms
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, groups=None, sample_weight=None):
        """Fit to maps and the texts of the same studies.

        Parameters
        ----------
        X : Studies, DataFrame, list of arrays of shape (n_peaks_i, 3), images, or array of shape \
                (n_studies, n_regions)
            Maps; see :meth:`MNMEncoder.fit`.
        y : Studies, list of str, or array of shape (n_studies, n_terms), default=None
            Texts of the same studies. If None, use those of `X`. Paired by id as in
            :meth:`MNMEncoder.fit`.
        groups : array-like of shape (n_studies,), default=None
            Paper of each study where studies are contrasts.
        sample_weight : array-like of shape (n_studies,), default=None
            Weight of each study in the embedding; see :meth:`MNMEncoder.fit`.

        Returns
        -------
        self : MNMDecoder

        Raises
        ------
        InvalidInputError
            If texts and maps do not pair or have no usable form.
        """
        X, y, groups, sample_weight = paired(X, y, groups, sample_weight)
        self._fit(X if y is None else target_columns(y), X, groups, sample_weight)
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None, groups=None, sample_weight=None):
        """Learn from further studies, without those seen before.

        What changes and what stays is told at :meth:`MNMEncoder.partial_fit`; the scores of terms
        stay.

        Parameters
        ----------
        X, y, groups, sample_weight
            As for :meth:`fit`.

        Returns
        -------
        self : MNMDecoder

        Raises
        ------
        InvalidInputError
            If the decoder was fitted by :meth:`fit` to many terms, or as there.
        """
        if hasattr(self, "embedder_"):
            self._check_map_names(X)
        X, y, groups, sample_weight = paired(X, y, groups, sample_weight)
        self._partial_fit(X if y is None else target_columns(y), X, groups, sample_weight)
        return self

    def transform(self, X, level=None):
        """Points of maps in the hyperbolic space.

        Parameters
        ----------
        X : maps as for :meth:`decision_function`
        level : str or None, default=None
            Level of `hierarchy_` over whose networks maps are averaged first.

        Returns
        -------
        points : ndarray of shape (n_maps, n_dimensions + 1)
            In the dimensions of `embedder_`, time coordinate first; float64, or float32 if the
            maps are.
        """
        return self._labelled(self._brain_points(X, level), X if are_peaks(X) else None)

    def decision_function(self, X, terms=None, level=None):
        """Score of each term for each map.

        Parameters
        ----------
        X : Studies, DataFrame, list of arrays of shape (n_peaks_i, 3), image, path, list of \
                these, or array of shape (n_maps, n_regions)
            Peaks in mm, MNI152. Images are statistical maps on any grid, 3D or 4D, that need no
            threshold: what counts is by how much values exceed the 95th percentile of the map over
            the brain. To decode the negative side, change the sign.
        terms : list of str, dict of str to list of str, or None, default=None
            Your own terms or phrases, e.g. the names of
            :func:`~sklearn_mnm.text.load_cognitive_atlas`; or names with phrases that tell of
            each, as :meth:`~sklearn_mnm.text.CognitiveAtlas.conditions` gives for tasks. If None,
            use `terms_`.
        level : str or None, default=None
            Level of `hierarchy_` over whose networks maps are averaged first: broader maps,
            broader terms.

        Returns
        -------
        scores : ndarray of shape (n_maps, n_terms)
            Positive and comparable between maps. By default the share of the studies with such a
            map in which the term is salient, divided by a power of its share of all studies, so
            that frequent terms are less favoured; see
            :class:`~sklearn_mnm.model.term_posterior.TermPosterior`. For terms of your own, the
            mean score of the terms that they are read as, weighted by TF-IDF and the less the more
            of your terms share them, so that a term of `terms_` scores the same; NaN where nothing
            of a term is known. With phrases it is (name + best / 4) / 1.25, where best is the
            highest score among the phrases that tell of the name, and what is unknown counts 0;
            a name of which no phrase is known keeps its own score. It is then multiplied by
            (1 + n)^0.2, where n studies of the fit have the name in their title, without words
            such as "task" and what is in brackets: experiments that are often done are likelier.

        Raises
        ------
        InvalidInputError
            If maps have no usable form, or all of them are zero everywhere.
        DataFormatError
            If an image is missing or damaged.

        Warns
        -----
        DataWarning
            If nothing is known of some of your terms, with count; if some maps are zero, or the
            same, everywhere; if images may not be in MNI152 space.
        """
        scores = self._terms_asked(self._brain_points(X, level), "decision_function")[0]
        return scores if terms is None else self._scores_of_phrases(terms, scores)

    def predict_proba(self, X, level=None):
        """Probability that a term is salient in the study of a map.

        Parameters
        ----------
        X : maps as for :meth:`decision_function`
        level : str or None, default=None
            See :meth:`decision_function`.

        Returns
        -------
        probability : ndarray of shape (n_maps, n_terms)
            Of each of `terms_`, calibrated on studies left out; rows do not sum to 1. Salient are
            the fifth of the terms of a study with the highest TF-IDF.
        """
        return self._terms_asked(self._brain_points(X, level), "predict_proba")[0]

    def predict(self, X):
        """Terms that speak for each map, the best first.

        Parameters
        ----------
        X : maps as for :meth:`decision_function`

        Returns
        -------
        terms : ndarray of shape (n_maps, n_terms), object
        """
        scores = self.decision_function(X)
        return self.terms_[_top(scores, min(self.n_terms, scores.shape[1]))]

    def predict_topk(self, X, k=20, terms=None, level=None):
        """Rank the terms of each map.

        Parameters
        ----------
        X : maps as for :meth:`decision_function`
        k : int, default=20
            Number of terms for each map.
        terms, level
            See :meth:`decision_function`.

        Returns
        -------
        ranking : DataFrame
            A row for each map and rank, with the columns ``map``, ``rank``, ``term``, ``score``
            and, for the vocabulary of the corpus, ``probability``, ``n_studies``, the number of
            studies of the fit with the term by itself, not as a part of a longer one, and, of
            images, ``p_map``, that of :meth:`noise_p_values`, the same in all rows of a map.

        Raises
        ------
        InvalidInputError
            If `k` is not between 1 and the number of terms.

        Warns
        -----
        DataWarning
            If nothing stands out of an image: its ``p_map`` is above 0.05.
        """
        maps, X = None, list(X) if isinstance(X, Iterator) else X
        terms = list(terms) if isinstance(terms, Iterator) else terms
        if terms is None and level is None and (maps := self._read_images(X)) is not None:
            X = self._activations_of(maps)
        points = self._brain_points(X, level)
        if terms is None:
            scores, probability = self._terms_asked(points, "decision_function", "predict_proba")
        else:
            scores = self._terms_asked(points, "decision_function")[0]
            scores = self._scores_of_phrases(terms, scores)
        n_maps, n_terms = scores.shape
        k = check_count(k, "k", most=n_terms, of_most="the terms")
        best = _top(np.nan_to_num(scores, nan=-np.inf), k)
        names = self.terms_ if terms is None else np.asarray(list(terms), dtype=object)
        ranking = pd.DataFrame(
            {
                "map": np.repeat(np.arange(n_maps), k),
                "rank": np.tile(np.arange(1, k + 1), n_maps),
                "term": names[best].ravel(),
                "score": np.take_along_axis(scores, best, axis=1).ravel(),
            }
        )
        if terms is None:
            ranking["probability"] = np.take_along_axis(probability, best, axis=1).ravel()
            ranking["n_studies"] = self.term_counts_[best].ravel()
        if maps is not None:
            p = self._p_of(maps, scores)
            ranking["p_map"] = np.repeat(p, k)
            if (note := noise_note(p)) is not None:
                warnings.warn(note, DataWarning, stacklevel=2)
        return ranking

    def retrieve(self, X, k=10, by="both"):
        """Studies of the fit that are most like a map.

        Parameters
        ----------
        X : maps as for :meth:`decision_function`
        k : int, default=10
            Number of studies for each map.
        by : {"both", "text", "brain"}, default="both"
            Whether to compare with the texts of the studies, by what the embedder aligns, with
            their maps, by geodesic distance, or by the sum of both, each in standard deviations
            over the studies.

        Returns
        -------
        studies : DataFrame
            As :meth:`MNMEncoder.retrieve` gives it.
        """
        return self._retrieve(self._brain_points(X), "brain", k, by)

    def encoder(self):
        """Return the other direction of the same fit.

        Returns
        -------
        encoder : MNMEncoder
            Fitted; shares all parts with this decoder.
        """
        params = self.get_params(deep=False)
        params.pop("n_terms")
        return self._shared_with(class_named("MNMEncoder")(**params))

    def score(self, X, y=None, sample_weight=None):
        """Mean average precision of the terms that are salient in the studies' own texts.

        Parameters
        ----------
        X : maps as for :meth:`decision_function`
        y : Studies, list of str, or array of shape (n_studies, n_terms), default=None
            Texts of the same studies. If None, use those of `X`.
        sample_weight : array-like of shape (n_studies,), default=None
            Weight of each study in the mean.

        Returns
        -------
        score : float
            Between 0 and 1, over studies with a salient term that is known.
        """
        from sklearn.metrics import label_ranking_average_precision_score

        X, y, _, sample_weight = paired(X, y, None, sample_weight)
        scores = self.decision_function(X)
        texts = text_input(X if y is None else target_columns(y))
        truth = salient_terms(self.term_vectorizer_.transform(texts))
        check_pairs(truth.shape[0], len(scores))
        known = np.flatnonzero(truth.getnnz(axis=1))
        if not len(known):
            raise InvalidInputError(
                f"y: none of the {truth.shape[0]} texts holds a known term; nothing can be scored."
            )
        if sample_weight is not None:
            sample_weight = checked_weights(sample_weight, scores)[known]
        return float(
            label_ranking_average_precision_score(
                truth[known], scores[known], sample_weight=sample_weight
            )
        )

    @property
    def n_features_in_(self):
        """Number of regions."""
        return self.n_regions_

    @property
    def feature_names_in_(self):
        """Names of the regions, if :meth:`fit` was given a data frame of their activations."""
        return self.map_names_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = True
        return tags


def _top(scores: np.ndarray, k: int) -> np.ndarray:
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]
