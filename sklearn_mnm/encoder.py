"""MNMEncoder: from texts to brain maps."""

import numpy as np
from scipy import sparse
from sklearn.base import MultiOutputMixin, RegressorMixin, TransformerMixin, _fit_context
from sklearn.utils.validation import check_is_fitted

from sklearn_mnm._base import BrainTextEstimator
from sklearn_mnm._tools.sample_weight import checked_weights
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.metrics.pairs import map_correlation
from sklearn_mnm.model.inputs import check_pairs, target_columns, text_input
from sklearn_mnm.model.pairing import paired
from sklearn_mnm.model.predicted_maps import PredictedMaps
from sklearn_mnm.model.walks import TextWalks
from sklearn_mnm.persistence.schema import class_named
from sklearn_mnm.text.explanation import explain_query


class MNMEncoder(
    PredictedMaps,
    TextWalks,
    TransformerMixin,
    MultiOutputMixin,
    RegressorMixin,
    BrainTextEstimator,
):
    """Encode text into the brain: predict the activation map that a text speaks of.

    Texts become features, maps become activations of regions, both become points of one
    hyperbolic space (:class:`~sklearn_mnm.HyperbolicBrainTextEmbedder`), from which the map of a
    new text is read. The space serves the other direction too: :meth:`decoder` gives the
    :class:`~sklearn_mnm.MNMDecoder` of the same fit.

    Parameters
    ----------
    vectorizer : transformer or None, default=None
        From texts to features. If None, it is ``TermVectorizer()``: TF-IDF of the words of the
        texts, or of the term counts of a :class:`~sklearn_mnm.Studies`.
    regions : PeaksToRegions or None, default=None
        Turns peaks and images into activations of regions. If None, it is ``PeaksToRegions()`` for
        peaks, which learns 512 regions from them; maps given as arrays are taken as they are.
    embedder : HyperbolicBrainTextEmbedder or None, default=None
        Places texts and maps. If None, it is ``HyperbolicBrainTextEmbedder()``. Parameters of
        parts, of those that are None, too, can be set and searched, e.g.
        ``embedder__n_components`` and ``embedder__objective__similarity``.
    hierarchy : "ward", "yeo" or BrainHierarchy, default="ward"
        Levels of networks at which maps are predicted: cuts of the tree of learnt regions in 17
        and 7 networks, the networks of Yeo et al. 2011 (downloaded by nilearn once), or your own.
        Regions of an atlas have no tree; with "ward" they have the whole brain above them only.
    ontology : Ontology or None, default=None
        Broader terms: a study with a term counts as one with the broader ones, in the radii and
        distances of terms. If None, only terms that are part of a longer one, as "memory" is of
        "working memory", are broader by themselves.
    random_state : int, RandomState instance or None, default=None
        Of the regions, the embedding and the calibration. Parts that are given with one of their
        own keep it.

    Attributes
    ----------
    vectorizer_, regions_, embedder_, hierarchy_
        The fitted parts; `regions_` is None after a fit to arrays.
    n_regions_ : int
        Number of regions.
    uncertainty_ : dict of str to MapUncertainty
        By level: how predictions of new studies err.
    term_posterior_ : TermPosterior
        From maps to terms, for the decoder.
    terms_ : ndarray of shape (n_terms,), object
        Its terms.
    neighbours_ : StudyNeighbours
        Embeddings of the studies of the fit.

    See Also
    --------
    MNMDecoder : From maps to terms.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_mnm import MNMEncoder, PeaksToRegions
    >>> random = np.random.default_rng(0)
    >>> texts = ["finger tapping", "visual motion"] * 40
    >>> centres = np.array([[-40, -20, 55], [45, -70, 5]] * 40)
    >>> peaks = [centre + random.normal(scale=5, size=(10, 3)) for centre in centres]
    >>> regions = PeaksToRegions(n_regions=60, resolution=8, random_state=0)
    >>> encoder = MNMEncoder(regions=regions, random_state=0).fit(texts, peaks)
    >>> encoder.predict(["tapping of a finger"]).shape
    (1, 60)
    >>> encoder.predict_img(["visual motion"]).shape
    (26, 30, 25)
    """

    def __init__(
        self,
        *,
        vectorizer=None,
        regions=None,
        embedder=None,
        hierarchy="ward",
        ontology=None,
        random_state=None,
    ):
        self.vectorizer = vectorizer
        self.regions = regions
        self.embedder = embedder
        self.hierarchy = hierarchy
        self.ontology = ontology
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, groups=None, sample_weight=None):
        """Fit to texts and the maps of the same studies.

        Parameters
        ----------
        X : Studies, list of str, or array of shape (n_studies, n_terms)
            Texts, or what else `vectorizer` takes.
        y : Studies, DataFrame, list of arrays of shape (n_peaks_i, 3), images, or array of shape \
                (n_studies, n_regions), default=None
            Maps of the same studies: peaks in mm, MNI152; images, with an atlas in `regions`; or
            activations of regions. If None, use the peaks of `X`. A Bunch of NiMARE's
            ``Studyset.to_bunch`` may stand for either; its labels are the terms. Maps, groups and
            weights are paired with `X` by id where both carry ids (a Studies, a column ``id``, an
            index of strings or with a name), else in the same order.
        groups : array-like of shape (n_studies,), default=None
            Paper of each study where studies are contrasts: those of one paper are left out
            together. If None, use the groups of a Studies.
        sample_weight : array-like of shape (n_studies,), default=None
            Weight of each study in the embedding, e.g. by sample size; see
            :meth:`HyperbolicBrainTextEmbedder.fit`. Intervals and terms are learnt from all
            studies of positive weight alike.

        Returns
        -------
        self : MNMEncoder

        Raises
        ------
        InvalidInputError
            If texts and maps do not pair or have no usable form.

        Warns
        -----
        DataWarning
            With counts, if studies without known terms or without activation are left out.
        """
        X, y, groups, sample_weight = paired(X, y, groups, sample_weight)
        self._fit(X, X if y is None else target_columns(y), groups, sample_weight)
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None, groups=None, sample_weight=None):
        """Learn from further studies, without those seen before.

        The first call is a fit that also keeps what later ones need; these update what is
        predicted of texts, and add the studies to those that :meth:`retrieve` finds. Words,
        regions, points of maps, intervals and terms of maps stay those of the first call, see
        :meth:`HyperbolicBrainTextEmbedder.partial_fit`.

        Parameters
        ----------
        X, y, groups, sample_weight
            As for :meth:`fit`.

        Returns
        -------
        self : MNMEncoder

        Raises
        ------
        InvalidInputError
            If the encoder was fitted by :meth:`fit` to many terms, or as there.

        Warns
        -----
        DataWarning
            As for :meth:`fit`, and if ids come again.
        """
        X, y, groups, sample_weight = paired(X, y, groups, sample_weight)
        self._partial_fit(X, X if y is None else target_columns(y), groups, sample_weight)
        return self

    @property
    def n_features_in_(self):
        """Number of columns of text features given to :meth:`fit`."""
        return self.vectorizer_.n_features_in_

    @property
    def feature_names_in_(self):
        """Names of these columns, if :meth:`fit` was given a data frame."""
        return self.vectorizer_.feature_names_in_

    def transform(self, X):
        """Points of texts in the hyperbolic space.

        Parameters
        ----------
        X : Studies, list of str, or array of shape (n_texts, n_terms)

        Returns
        -------
        points : ndarray of shape (n_texts, n_dimensions + 1)
            In the dimensions of `embedder_`, time coordinate first; float64, or float32 if the text
            features are.
        """
        return self._labelled(self._text_points(X), X if isinstance(X, Studies) else None)

    def predict(self, X, level=None, return_std=False):
        """Activations that texts speak of.

        "left" and "right" in raw texts decide which hemisphere gets more of what is predicted for
        both: the side that is named, or for parts of the body and of the visual field the other
        one. See :func:`~sklearn_mnm.text.sided_phrases`.

        Parameters
        ----------
        X : Studies, list of str, or array of shape (n_texts, n_terms)
        level : str or None, default=None
            Level of `hierarchy_`; None is the finest, "region". At a broader one the activations
            of the regions of each network are put together as
            :meth:`BrainHierarchy.aggregate` does.
        return_std : bool, default=False
            Whether to also return how far the map of a single new study is from the prediction.

        Returns
        -------
        activations : ndarray of shape (n_texts, n_regions) or (n_texts, n_networks)
            In the units of the maps given to :meth:`fit`, e.g. peaks per region.
        std : ndarray of the same shape
            Only with `return_std`. Calibrated on predictions that leave out the study.

        Warns
        -----
        UnknownQueryWarning
            If nothing is known of some texts, which then get the map of an empty text.

        Raises
        ------
        InvalidInputError
            If nothing is known of any text, or there is no such level.
        """
        level = self._checked_level(level)
        documents = text_input(X)
        activations = self.embedder_.inverse_transform(self._text_points(documents))
        activations = self._on_named_sides(documents, activations)
        if level != self.hierarchy_.levels[0]:
            activations = self.hierarchy_.aggregate(activations, level)
        if not return_std:
            return activations
        return activations, self.uncertainty_[level].std(activations)

    def retrieve(self, X, k=10, by="both"):
        """Studies of the fit that are most like a text.

        Parameters
        ----------
        X : Studies, list of str, or array of shape (n_texts, n_terms)
        k : int, default=10
            Number of studies for each text.
        by : {"both", "text", "brain"}, default="both"
            What of the studies is compared with the text. ``"text"``: their texts, by words and
            what these mean (:class:`~sklearn_mnm.search.study_texts.StudyTexts`), blind to their
            peaks: for a meta-analysis of the studies. ``"brain"``: their maps, by what the
            embedder aligns. ``"both"``: the sum of the two, each in standard deviations over the
            studies.

        Returns
        -------
        studies : DataFrame
            A row for each text and rank, with the columns ``query``, ``rank``, ``id``, ``title``
            where known, and ``similarity``, by which they are ranked.
            ``to_nimare(corpus.select(ids=studies["id"]))`` hands them to NiMARE.

        Raises
        ------
        InvalidInputError
            If `by` is none of these, `k` is not between 1 and the number of studies, or nothing is
            known of any text.

        Warns
        -----
        DataWarning
            If the model was saved by an earlier version that did not keep the words of its
            studies: texts are then compared as points, in which maps had a part.
        """
        documents = text_input(X)
        points, features = self._text_points_and_features(documents)
        if self.term_vectorizer_ is not self.vectorizer_:
            features = self.term_vectorizer_.transform(documents)
        return self._retrieve(points, "text", k, by, sparse.csr_matrix(features))

    def explain(self, text, k=3):
        """Say which words of a text are known, how much they count, and what is near the others.

        Parameters
        ----------
        text : str
        k : int, default=3
            Known terms to name for each unknown word.

        Returns
        -------
        explanation : QueryExplanation
            ``weight`` is the length of the effect of a term on the predicted map.

        Raises
        ------
        InvalidInputError
            If the text is empty, or `vectorizer_` is not a TermVectorizer.
        """
        check_is_fitted(self)
        weights = np.linalg.norm(self.embedder_.text_coef_, axis=1)
        return explain_query(text, self.vectorizer_, weights, k)

    def decoder(self, **params):
        """Return the other direction of the same fit.

        Parameters
        ----------
        **params
            Of :class:`~sklearn_mnm.MNMDecoder`, those shared with the encoder excepted.

        Returns
        -------
        decoder : MNMDecoder
            Fitted; shares all parts with this encoder.
        """
        params = {**self.get_params(deep=False), **params}
        return self._shared_with(class_named("MNMDecoder")(**params))

    def score(self, X, y=None, sample_weight=None):
        """Mean correlation of predicted and observed maps over regions.

        Parameters
        ----------
        X : Studies, list of str, or array of shape (n_studies, n_terms)
        y : as for :meth:`fit`, default=None
            Maps. If None, use the peaks of `X`.
        sample_weight : array-like of shape (n_studies,), default=None
            Weight of each study in the mean.

        Returns
        -------
        score : float
            Over studies whose map is not zero everywhere.

        Raises
        ------
        InvalidInputError
            If texts and maps do not pair or have no usable form, or all maps are zero.
        """
        X, y, _, sample_weight = paired(X, y, None, sample_weight)
        observed = self._observed(X if y is None else target_columns(y))
        predicted = self.predict(X)
        check_pairs(len(predicted), len(observed))
        active = observed.any(axis=1)
        if not active.any():
            raise InvalidInputError(
                f"y: all {len(observed)} maps are zero everywhere; nothing can be scored. Give "
                "maps with peaks or activations."
            )
        if sample_weight is not None:
            sample_weight = checked_weights(sample_weight, observed)[active]
        correlations = map_correlation(predicted[active], observed[active])
        return float(np.average(correlations, weights=sample_weight))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.string = True
        tags.input_tags.positive_only = True
        tags.regressor_tags.poor_score = True  # correlation, not R2
        return tags
