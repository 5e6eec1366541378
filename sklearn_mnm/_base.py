"""What MNMEncoder and MNMDecoder share: one fitted model of texts and brains."""

import warnings
from collections.abc import Callable
from copy import copy
from threading import local
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import _check_feature_names, _get_feature_names, check_is_fitted

from sklearn_mnm._tools.default_parts import DefaultParts
from sklearn_mnm._tools.made_once import made_once
from sklearn_mnm.brain.features import filled
from sklearn_mnm.brain.hierarchy import BrainHierarchy
from sklearn_mnm.brain.image_files import image_list
from sklearn_mnm.brain.maps import MapsOnMask, maps_on_mask
from sklearn_mnm.brain.peaks import as_peak_table
from sklearn_mnm.brain.regions import PeaksToRegions
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.embedder import HyperbolicBrainTextEmbedder
from sklearn_mnm.exceptions import DataWarning, InvalidInputError
from sklearn_mnm.geometry.arrays import points_of, tangent_of
from sklearn_mnm.model.inputs import (
    are_images,
    are_peaks,
    feature_matrix,
    region_activations,
    study_names,
    text_input,
    usable_rows,
    warn_of_empty_maps,
)
from sklearn_mnm.model.map_uncertainty import MapUncertainty
from sklearn_mnm.model.study_search import StudySearch
from sklearn_mnm.model.term_posterior import TermPosterior
from sklearn_mnm.model.text_regression import count_terms
from sklearn_mnm.search.neighbours import StudyNeighbours
from sklearn_mnm.text._documents import is_documents
from sklearn_mnm.text.explanation import check_query, nothing_known
from sklearn_mnm.text.ontology import Ontology
from sklearn_mnm.text.subsumption import parts_of_names
from sklearn_mnm.text.terms import TermVectorizer

# Of relations from a term to a broader one, one after the other.
_MOST_STEPS = 20
# Numbers of networks of the levels cut from a Ward tree, after Yeo et al. 2011.
_CUTS = {"ward17": 17, "ward7": 7}
# Share of an image that is taken as it is; the rest is noise, and counts as what is usual. Of the
# labelled maps of the benchmark `real_maps`, 0.8 to 0.95 differ little, and all are better than 1.
_TRUST = 0.9


class BrainTextEstimator(StudySearch, DefaultParts, ClassNamePrefixFeaturesOutMixin, BaseEstimator):
    """Features of texts and maps, their embedding, and what is read out of it.

    Subclasses say which of the two is given and which predicted. Everything is fitted once; the
    other direction shares it.
    """

    _default_parts: ClassVar[dict] = {
        "vectorizer": TermVectorizer,
        "regions": PeaksToRegions,
        "embedder": HyperbolicBrainTextEmbedder,
    }
    _parameter_constraints: ClassVar[dict] = {
        "vectorizer": [HasMethods(["fit", "transform"]), None],
        "regions": [HasMethods(["fit", "transform"]), None],
        "embedder": [HyperbolicBrainTextEmbedder, None],
        "hierarchy": [BrainHierarchy, StrOptions({"ward", "yeo"})],
        "ontology": [Ontology, None],
        "random_state": ["random_state"],
    }

    @classmethod
    def from_pretrained(cls, name: str = "neuroquery") -> Any:
        """Load a model that comes with the package, in the direction of this class.

        Parameters
        ----------
        name : str, default="neuroquery"
            See :func:`~sklearn_mnm.load_pretrained`.

        Returns
        -------
        estimator : MNMEncoder or MNMDecoder
            Fitted.
        """
        from sklearn_mnm.persistence.pretrained import load_pretrained

        model = next(model for model in load_pretrained(name) if issubclass(cls, type(model)))
        return model if type(model) is cls else model._shared_with(cls(**model.get_params(False)))

    def _fit(
        self, text: Any, maps: Any, groups: Any, sample_weight: Any, *, partial: bool = False
    ) -> None:
        self.__dict__.pop("noise_null_", None)  # of another fit
        random = check_random_state(self.random_state)
        seeds = [int(seed) for seed in random.randint(np.iinfo(np.int32).max, size=3)]
        ids, titles, groups = study_names(text, maps, groups)
        # Texts first: what is wrong with them is known before regions are learnt.
        documents = text_input(text)
        self.vectorizer_ = self._make_vectorizer(text)
        X = feature_matrix(self.vectorizer_.fit_transform(documents))
        self.regions_, Y = self._fit_regions(maps, seeds[0])
        self.__dict__.pop("map_names_", None)
        if self.regions_ is None and (names := _get_feature_names(maps)) is not None:
            self.map_names_ = names
        kept, sample_weight = usable_rows(X, Y, sample_weight, least=2)
        X, Y, groups = X[kept], Y[kept], None if groups is None else groups[kept]
        self.n_regions_ = Y.shape[1]
        self.hierarchy_ = self._make_hierarchy()
        embedder = self._own_part("embedder", seeds[1])
        if embedder.get_params()["objective__hierarchy"] is None:
            embedder.set_params(objective__hierarchy=self.hierarchy_)
        if embedder.term_parts is None and isinstance(self.vectorizer_, TermVectorizer):
            embedder.set_params(term_parts=self._term_parts())
        # Arrays within, whatever comes out: users may have asked for data frames everywhere.
        embedder.set_output(transform="default")
        fit = embedder.partial_fit if partial else embedder.fit
        self.embedder_ = embedder
        text_tangent, brain_tangent, predicted = self._fit_embedder(
            fit, X, Y, groups, sample_weight
        )
        self._fit_uncertainty(predicted, Y)
        self._fit_terms(documents, X, kept, text_tangent, brain_tangent, groups, seeds[2])
        self.neighbours_ = StudyNeighbours.from_arrays(
            text_tangent, brain_tangent, None if ids is None else ids[kept], titles, kept
        )

    def _partial_fit(self, text: Any, maps: Any, groups: Any, sample_weight: Any) -> None:
        if not hasattr(self, "embedder_"):
            self._fit(text, maps, groups, sample_weight, partial=True)
            return
        ids, titles, groups = study_names(text, maps, groups)
        Y = self._observed(maps)
        documents = text_input(text)
        self.__dict__.pop("noise_null_", None)
        X = feature_matrix(self.vectorizer_.transform(documents))
        kept, sample_weight = usable_rows(X, Y, sample_weight, least=1)
        groups = None if groups is None else groups[kept]
        # A copy, as the other direction may share the embedder; its arrays are not changed.
        self.embedder_ = copy(self.embedder_)
        fit = self.embedder_.partial_fit
        text_tangent, brain_tangent, _ = self._fit_embedder(
            fit, X[kept], Y[kept], groups, sample_weight
        )
        names = None if ids is None else ids[kept]
        known = self.neighbours_
        if names is not None and (again := np.isin(names, known.ids).sum()):
            warnings.warn(
                f"{again} of {len(names)} studies have the id of one that was learnt before; they "
                "count twice, and are found twice.",
                DataWarning,
                stacklevel=3,
            )
        numbers = len(known.ids) + np.arange(len(kept))
        new = StudyNeighbours.from_arrays(
            text_tangent, brain_tangent, names, titles, numbers if names is None else kept
        )
        self.neighbours_ = known.extended(new)
        own = self.term_vectorizer_ is self.vectorizer_
        terms = (X if own else self.term_vectorizer_.transform(documents))[kept]
        # Neither is there in models saved by earlier versions.
        earlier: Any = getattr(self, "study_terms_", None)
        if earlier is not None:
            self.study_terms_: Any = sparse.vstack([earlier, terms != 0], format="csr")
        posterior: Any = getattr(self, "term_posterior_", None)
        if posterior is not None:
            self.term_posterior_: Any = posterior.extended(terms)

    def _fit_embedder(
        self, fit: Any, X: Any, Y: np.ndarray, groups: Any, sample_weight: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Fit; return tangent vectors of texts and maps, and maps of texts, without themselves."""
        embedder = self.embedder_.set_params(store_left_out=True)
        fit(X, Y, groups, sample_weight)
        text_tangent = tangent_of(embedder.left_out_points_, embedder.curvature_)
        brain_tangent = tangent_of(embedder.transform_brain(Y), embedder.curvature_)
        predicted = embedder.left_out_activations_
        # Only needed here; the model is half as large without.
        del embedder.left_out_points_, embedder.left_out_activations_
        embedder.set_params(store_left_out=False)
        return text_tangent, brain_tangent, predicted

    def _fit_regions(self, maps: Any, seed: int) -> tuple[Any, np.ndarray]:
        """Fitted regions, None if only arrays are known, and the activations of the maps."""
        if self.regions is None and not are_peaks(maps):
            if are_images(maps):
                raise InvalidInputError(
                    "regions=None learns regions from peaks, but images were given. Name an atlas: "
                    "regions=PeaksToRegions(atlas=...)."
                )
            return None, region_activations(maps, None, name="maps")
        regions = self._own_part("regions", seed)
        if are_peaks(maps):
            # In double precision, as the points of these maps are then: peaks have none.
            return regions, np.asarray(regions.fit_transform(maps), dtype=np.float64)
        regions = regions.fit()
        return regions, region_activations(maps, regions, regions.n_regions_, name="maps")

    def _make_vectorizer(self, text: Any) -> Any:
        vectorizer = clone(self._part("vectorizer"))
        has_counts = isinstance(text, Studies) and text.counts is not None
        if has_counts and isinstance(vectorizer, TermVectorizer) and vectorizer.vocabulary is None:
            vectorizer.set_params(vocabulary=text.vocabulary)
        return vectorizer

    def _own_part(self, name: str, seed: int) -> Any:
        """Copy of a part, which draws by `seed` unless it is given a `random_state`."""
        part = clone(self._part(name))
        # Without one of its own, what was given is as random as the whole.
        is_seeded = self.random_state is not None or getattr(self, name) is None
        if is_seeded and part.get_params(deep=False).get("random_state", seed) is None:
            part.set_params(random_state=seed)
        return part

    def _term_parts(self) -> Any:
        """Which terms hold which, by their words and by the ontology."""
        parts = parts_of_names(self.vectorizer_.get_feature_names_out())
        if self.ontology is None:
            return parts
        broader = self.ontology.closure_in(self.vectorizer_)
        # A part of a term brings its own broader terms, and a broader term its parts.
        both = (parts + broader).astype(np.float32)
        closed = both
        for _ in range(_MOST_STEPS):
            larger = closed @ both
            larger.data[:] = 1
            if larger.nnz == closed.nnz:
                break
            closed = larger
        return (closed > 0).tocsr()

    def _make_hierarchy(self) -> BrainHierarchy:
        if isinstance(self.hierarchy, BrainHierarchy):
            return self.hierarchy
        if self.hierarchy == "yeo":
            if self.regions_ is None:
                raise InvalidInputError(
                    "hierarchy='yeo' needs to know where regions are, but maps were given as "
                    "arrays. Give regions=PeaksToRegions(atlas=...), or a BrainHierarchy."
                )
            return BrainHierarchy.from_yeo(self.regions_)
        if self.regions_ is None:
            return BrainHierarchy({}, sizes=np.ones(self.n_regions_))
        sizes, strategy = self.regions_.region_volumes_, self.regions_.strategy
        if self.regions_.children_ is None:
            return BrainHierarchy({}, sizes=sizes, strategy=strategy)
        cuts = {name: number for name, number in _CUTS.items() if number < self.n_regions_}
        return BrainHierarchy.from_tree(
            self.regions_.children_, cuts, sizes=sizes, strategy=strategy
        )

    def _fit_uncertainty(self, predicted: np.ndarray, Y: np.ndarray) -> None:
        """Learn by level how predictions of new studies err, from those of studies left out."""
        self.uncertainty_ = {
            level: MapUncertainty.fit(
                self.hierarchy_.aggregate(predicted, level),
                self.hierarchy_.aggregate(Y, level),
                power=self.embedder_.activation_scaler_.power,
            )
            for level in self.hierarchy_.levels
        }

    def _fit_terms(
        self,
        documents: Any,
        X: Any,
        kept: np.ndarray,
        text_tangent: np.ndarray,
        brain_tangent: np.ndarray,
        groups: np.ndarray | None,
        seed: int,
    ) -> None:
        """Learn to tell terms from maps; the terms are those of the vectorizer if it has some."""
        self.term_vectorizer_ = self.vectorizer_
        if not isinstance(X, sparse.csr_matrix):
            self.term_vectorizer_ = TermVectorizer()
            X = self.term_vectorizer_.fit_transform(documents)[kept]
        self.term_counts_ = np.bincount(X.indices, minlength=X.shape[1])
        self.study_terms_ = (X != 0).tocsr()
        self.terms_ = np.asarray(self.term_vectorizer_.get_feature_names_out(), dtype=object)
        embedder = self.embedder_
        texts, maps = (points_of(t, embedder.curvature_) for t in (text_tangent, brain_tangent))
        self.term_posterior_ = TermPosterior.fit(
            lambda rows: embedder.pair_log_odds(texts, maps[rows]), X, groups, seed=seed
        )

    def _text_points(self, X: Any) -> np.ndarray:
        return self._text_points_and_features(X)[0]

    def _text_points_and_features(self, X: Any) -> tuple[np.ndarray, Any]:
        """Points of texts and their features; of a single one they are kept until the next."""
        check_is_fitted(self)
        documents = text_input(X)
        only = documents[0] if isinstance(documents, list) and len(documents) == 1 else None
        last = self._made_once("last text", local)
        known = only is not None and getattr(last, "text", None) == only
        features = last.features if known else feature_matrix(self.vectorizer_.transform(documents))
        if is_documents(documents) and isinstance(self.vectorizer_, TermVectorizer):
            self._check_known(documents, features)
        points = last.points if known else self.embedder_.transform(features)
        if only is None:
            return points, features
        last.text, last.features, last.points = only, features, points
        return points.copy(), features.copy()

    def _check_known(self, documents: Any, features: Any) -> None:
        """Refuse empty texts and warn of unknown ones; if all are, there is nothing to go by."""
        if (count_terms(features) > 0).all():
            return
        if (count_terms(features) == 0).all():
            raise InvalidInputError(
                f"X: {nothing_known(documents, self.vectorizer_)}, so there is nothing to predict "
                "from. Use other words."
            )
        check_query(documents, self.vectorizer_, name="X", features=features)

    def _brain_points(self, maps: Any, level: str | None = None) -> np.ndarray:
        check_is_fitted(self)
        self._check_map_names(maps)
        activations = self._activations(maps)
        warn_of_empty_maps(activations)
        return self.embedder_.transform_brain(activations, level)

    def _check_map_names(self, maps: Any) -> None:
        """Refuse other columns, where maps are what the estimator was fitted to as `X`."""
        if self.regions_ is None:
            _check_feature_names(self, maps, reset=False)

    def _activations(self, maps: Any) -> np.ndarray:
        """Activations of maps that are asked about."""
        check_is_fitted(self)
        if self.regions_ is not None and are_images(maps):
            return self._activations_of(maps_on_mask(image_list(maps), self.regions_.mask_img_))
        return self._observed(maps)

    def _observed(self, maps: Any, name: str = "X") -> np.ndarray:
        """Activations of maps as they are learnt from and scored by: nothing is put into images."""
        check_is_fitted(self)
        owner = type(self).__name__
        return region_activations(maps, self.regions_, self.n_regions_, name=name, owner=owner)

    def _activations_of(self, maps: MapsOnMask) -> np.ndarray:
        """Take what stands out of images, drawn to what is usual, most where they do not cover."""
        activations = self.regions_.regions_from_voxels(maps.voxels, prominent=True)
        # In double precision, as the points of these maps are to be: they have none of their own.
        activations = _TRUST * np.asarray(activations, dtype=np.float64)
        coverage = _TRUST * self.regions_.coverage(maps.covered)
        return filled(activations, coverage, self.embedder_.activation_scaler_.expected())

    def _checked_level(self, level: str | None) -> str:
        check_is_fitted(self)
        level = self.hierarchy_.levels[0] if level is None else level
        if level not in self.hierarchy_.levels:
            raise InvalidInputError(
                f"level={level!r} is none of {self.hierarchy_.levels}. Other levels come with "
                "hierarchy=..., e.g. 'yeo'."
            )
        return level

    def _labelled(self, points: np.ndarray, studies: Any) -> Any:
        """Points with the ids of their studies where a data frame is asked for."""
        if studies is None or _get_output_config("transform", self)["dense"] != "pandas":
            return points
        # A table of peaks has one row per peak: scikit-learn would take its index.
        return pd.DataFrame(points, index=pd.Index(as_peak_table(studies).study_ids, name="id"))

    @property
    def _n_features_out(self) -> int:
        return self.embedder_.n_dimensions_ + 1

    def _made_once(self, name: Any, make: Callable[[], Any]) -> Any:
        """Return what `make` gives, made again only after a fit, which makes new neighbours."""
        # Encoder and decoder of one fit share their embedder, and so what is made of it.
        return made_once(self.embedder_, name, make, self.neighbours_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = False
        return tags

    def _shared_with(self, other: "BrainTextEstimator") -> Any:
        """Give another direction everything that is fitted, without copying it."""
        check_is_fitted(self)
        for name, value in vars(self).items():
            if name.endswith("_") and not name.startswith("_"):
                setattr(other, name, value)
        return other
