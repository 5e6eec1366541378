"""HyperbolicBrainTextEmbedder: texts and brain activations in one hyperbolic space."""

import logging
from copy import deepcopy
from functools import partial
from numbers import Integral, Real
from os import PathLike, fspath
from typing import ClassVar

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    MultiOutputMixin,
    RegressorMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    check_memory,
)
from sklearn.utils.validation import validate_data as validate

from sklearn_mnm._tools.arrays import clear_errors, refuse_dates
from sklearn_mnm._tools.cached_call import recall
from sklearn_mnm._tools.sample_weight import checked_weights
from sklearn_mnm.brain.features import ActivationScaler
from sklearn_mnm.brain.hierarchy import BrainHierarchy
from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.geometry.arrays import as_tensor, points_of, tangent_of
from sklearn_mnm.model.alignment import ANGLE, Pairs, align
from sklearn_mnm.model.checks import (
    check_objective,
    checked_activations,
    checked_points,
    term_parts_of,
    wide,
)
from sklearn_mnm.model.decode_head import DecodeHead
from sklearn_mnm.model.fit_checkpoint import FitCheckpoint
from sklearn_mnm.model.joint_space import JointSpace, TextPart
from sklearn_mnm.model.selection import mean_recall
from sklearn_mnm.model.term_space import LARGEST_DIMENSION, TermSpace, are_term_weights
from sklearn_mnm.model.text_regression import (
    EarlierTexts,
    TextRegression,
    full_share,
    predict_brain,
)
from sklearn_mnm.nn.similarity import SIMILARITIES
from sklearn_mnm.nn.towers import DirectionTower
from sklearn_mnm.nn.training import SCHEDULES

logger = logging.getLogger(__name__)

# Up to here what partial_fit needs takes at most 8 MB, and fit keeps it as well.
_FEW_FEATURES = 1024
# Of texts of which it is not known how much they tell, at curvature -1.
_RADIUS_WITHOUT_TERMS = 3.0
# Rows of the similarity matrix computed at once.
_BLOCK = 1024


class HyperbolicBrainTextEmbedder(
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    MultiOutputMixin,
    RegressorMixin,
    BaseEstimator,
):
    r"""Embed texts and brain activations of studies in one hyperbolic space.

    Points live on the hyperboloid of the Lorentz model,
    :math:`\langle x, x \rangle_L = -1/c`. The radius of a point, its distance from the root, tells
    how much is said: that of a text is half the information of its terms in nats, and a map is the
    farther out the less of the brain it activates. The angle at the root tells which texts and
    maps belong together. Distances tell which terms hold for a text: the way from the root to a
    text through a term is longer than the straight one by minus the logarithm of the probability
    of the term given the text (:mod:`sklearn_mnm.geometry.information`). The objective of the
    paper (arXiv 2511.21092), with cones and learnt radii, is there as
    ``alignment="exterior_angle"``.

    Fitting has four steps:

    1. *Closed form*: ridge regression from text features to the square root of the region
       activations, with exact leave-one-out predictions of the training studies. Features
       are weighted by how far their coefficients exceed what noise would make of them, so
       that words that tell something about the brain count more than those that do not.
    2. *Alignment*: two towers turn these predictions and the maps into directions: a linear map
       that starts as the identity, and a small network for a bias. They are trained to tell each
       study's partner from the others by their angle. As they see only leave-one-out
       predictions, they do not inherit the overfitting of step 1.
    3. *Hierarchy*: radii of terms, texts and maps follow from counts; directions of the terms are
       learnt by the likelihood of which studies hold which terms. Features that cannot be weights
       of terms, because some are negative or all are there everywhere, have no such hierarchy:
       all texts then have one radius.
    4. *Decoding*: ridge regression from the directions of the texts back to region activations.

    Parameters
    ----------
    n_components : int or None, default=None
        Number of dimensions d by which texts and maps are paired, at most the number of regions.
        If None, it is that number. Small values make small embeddings and cost accuracy. With
        ``alignment="root_angle"`` the space has further dimensions for the meaning of texts, as
        many as for pairing and at most 128, and four of its own.
    curvature : float, default=1.0
        c > 0; the space has sectional curvature -c.
    learn_curvature : bool, default=False
        Learn c from `curvature` on, within 0.1 and 10. Angles depend on the radii times the
        square root of c only, and radii are learnt: this adds little. Of no effect with
        ``alignment="root_angle"``.
    alpha : "auto" or float, default="auto"
        Penalty of the closed form. ``"auto"`` climbs a grid from 0.1 to 100 times the mean
        squared norm of the rows of `X`, from its middle to the best leave-one-out retrieval.
    feature_weighting : float, default=1.0
        Power of the signal-to-noise ratio by which each text feature is weighted in the closed
        form; 0 weights all alike.
    term_dropout : float, default=0.95
        Share of the terms that are missing in the texts for which a second set of coefficients is
        made: titles and queries. The fewer terms a text has, the more these count; 0 predicts all
        texts alike. Of no effect where all rows of `X` have as many entries that are not 0.
    activation_power : float, default=0.5
        Region activations are raised to this power (keeping their sign) and scaled to unit
        norm. The square root stabilises the variance of counts of peaks.
    text_radius, brain_radius : float, default=0.3 and 0.8
        Distance of texts and brains from the origin at the start; learnt from there. These and
        the parameters from `brain_apex_weight` to `network_weight` are of no effect with
        ``alignment="root_angle"``, where radii are information.
    alignment : {"root_angle", "exterior_angle", "distance", "cosine", "euclidean"}, \
            default="root_angle"
        Similarity by which pairs are contrasted and ranked: the angle at the root, which leaves
        the radii to the hierarchy; the exterior angle of the brain at the text, with learnt radii
        (the paper's); the geodesic distance (as MERU); or the cosine or the squared distance of
        tangent vectors. The last two ignore the geometry: controls to compare with.
    alignment_weight : float, default=1.0
        Weight of this contrast.
    brain_apex_weight : float, default=0.0
        Weight of the contrast by the exterior angle of the text at the brain (ATMG).
    text_above_brain : "hinge" or "centroid", default="hinge"
        How texts are kept nearer to the origin than brains: ``"hinge"`` asks that mean radii
        differ by ``brain_radius - text_radius``; ``"centroid"`` draws the midpoints of a
        batch to `text_radius` and `brain_radius`, as in the paper.
    text_above_brain_weight : float, default=0.1
        Weight of that part.
    extent_weight : float, default=8.0
        Weight of "broad maps nearer to the origin than focal ones".
    min_extent_difference : float, default=0.1
        Pairs of maps are compared if their shares of active regions differ by more; a region
        is active above a tenth of the largest activation.
    network_weight : float, default=0.0
        Weight of "a map averaged over networks entails the map"; needs `hierarchy`.
    hierarchy : BrainHierarchy or None, default=None
        Levels of networks over the regions of `y`.
    term_parts : sparse matrix of shape (n_features, n_features) or None, default=None
        Not 0 where a study with the term of a row counts as one with that of a column:
        ``contiguous_parts(vocabulary)``, to which broader terms of an ontology can be added by
        ``+ ontology.closure_in(vocabulary)``; transitive. If None, these are the contiguous
        parts of the names of the columns where `X` is a data frame, else no term holds another.
    drift_weight : float, default=0.3
        Weight of the squared distance of the linear maps from their start.
    dropout : float, default=0.2
        Share of tower inputs set to zero while training.
    n_hidden : int, default=256
        Hidden units of each radius network.
    scale : float, default=12.0
        Start of the inverse temperature of the alignment; learnt from there.
    max_epochs : int, default=8
        Passes over the studies at most; 0 keeps the closed form.
    batch_size : int, default=1024
        Studies per step, each contrasted with all others in the batch.
    learning_rate : float, default=2e-3
        Of the radius networks; the linear maps learn at a quarter of it.
    learning_rate_schedule : {"constant", "cosine"}, default="constant"
        Whether the rates stay or fall to 0 along half a cosine.
    weight_decay : float, default=0.1
        Of the radius networks.
    validation_fraction : float, default=0.0
        Share of the studies kept out of step 2 to choose the epoch, by the same score as
        :meth:`score`. 0 trains on all studies for `max_epochs`: with the defaults the choice
        gains less than the studies it costs.
    patience : int, default=4
        Epochs without improvement after which training stops; only with validation.
    device : str, default="auto"
        ``"auto"``, ``"cpu"``, ``"cuda"``, ...; where step 2 is trained. The fitted
        model is always left on the CPU.
    memory : str, path, joblib.Memory or None, default=None
        Where step 1 is kept, so that fits that differ only in later parameters share it, as in
        a grid search with an int as `random_state`. What is found damaged there is computed anew.
        joblib keeps pickles, and reading one executes what it says: whoever can write to the
        folder can run code as you.
    checkpoint : str, path or None, default=None
        Folder in which an unfinished fit is kept, epoch by epoch, until it ends. The same fit
        (data, parameters, versions) goes on from there to the result that it would have had;
        other fits can use the folder at the same time. Needs a `random_state` other than None.
        Its files, safetensors with JSON in their headers, hold no code, and are checked before
        they are used.
    warm_start : bool, default=False
        Let :meth:`fit` go on from the towers of the previous fit, and add to its history. The
        closed form is always fitted anew.
    callbacks : list of callable or None, default=None
        Called after each epoch with its row of `history_` as a dict; training ends if one
        returns True.
    store_left_out : bool, default=False
        Keep the points of the training texts as `left_out_points_`.
    random_state : int, RandomState instance or None, default=None
        Of the validation split, the order of the studies, weights and dropout. Pass an int
        for the same result on every run.
    verbose : bool, default=False
        Show a progress bar.

    Attributes
    ----------
    n_components_ : int
        Number of dimensions by which texts and maps are paired.
    n_dimensions_ : int
        Dimension of the space; points have one coordinate more.
    curvature_ : float
        c of the fitted space.
    alpha_ : float
        Penalty of the closed form in use.
    alpha_scores_ : dict of float to float
        Leave-one-out retrieval of each penalty tried, as in :meth:`score`; the search climbs
        from the middle of the grid, so not all are tried.
    text_coef_ : ndarray of shape (n_features, n_regions), float32
        Closed-form map from text features to scaled activations.
    short_coef_ : ndarray of shape (n_features, n_regions), float32, or None
        The same for texts of few terms; see `term_dropout`.
    mean_terms_ : float
        Mean number of entries of a row of `X` that are not 0; rows of fewer are short.
    feature_weights_ : ndarray of shape (n_features,)
        Weight of each text feature in the closed form; its mean over the entries of `X` is 1.
    activation_scaler_ : ActivationScaler
        From region activations to tower inputs.
    model_ : BrainTextModel
        The towers.
    decode_head_ : DecodeHead
        From directions of texts to activations.
    term_space_ : TermSpace or None
        Information and directions of the terms; None if the features are no weights of terms, or
        radii are learnt.
    joint_space_ : JointSpace or None
        How texts and maps become points of one space; None if radii are learnt.
    left_out_points_ : ndarray of shape (n_studies, n_dimensions_ + 1), float64
        Points of the training texts by the leave-one-out predictions of step 1, which err as
        those of new texts do: what to calibrate on. Only with `store_left_out`; studies of
        weight 0 have none.
    statistics_ : RidgeStatistics
        What :meth:`partial_fit` goes on from, 8 bytes for each pair of features. Only after it, or
        after :meth:`fit` to at most 1,024 features.
    history_ : DataFrame
        A row for each epoch, 0 being the start: ``epoch``, the mean ``loss`` of its batches and
        its weighted parts, mean ``text_height`` and ``brain_height`` of the towers (``text_radius``
        and ``brain_radius`` if radii are learnt), ``learning_rate``, ``scale``, ``curvature`` and,
        with validation, ``validation_score``.
    best_epoch_ : int
        Epoch whose weights are kept; 0 is the closed form.
    n_features_in_ : int
        Number of text features.
    n_regions_ : int
        Number of regions.

    See Also
    --------
    TermVectorizer, SentenceTransformerVectorizer : Make `X` from texts.
    PeaksToRegions : Makes `y` from peaks, and images from predictions.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_mnm import HyperbolicBrainTextEmbedder
    >>> random = np.random.default_rng(0)
    >>> topics = random.dirichlet(np.full(6, 0.1), size=300)
    >>> X = random.poisson(topics @ random.gamma(0.3, size=(6, 80)) * 5)
    >>> Y = random.poisson(topics @ random.gamma(0.3, size=(6, 40)) * 5)
    >>> embedder = HyperbolicBrainTextEmbedder(n_components=8, random_state=0).fit(X, Y)
    >>> embedder.transform(X).shape
    (300, 21)
    >>> embedder.predict(X).shape
    (300, 40)
    """

    _parameter_constraints: ClassVar[dict] = {
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        # Nearer to flat, points would be at the origin as far as single precision can tell.
        "curvature": [Interval(Real, 1e-10, None, closed="left")],
        "learn_curvature": ["boolean"],
        "alpha": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        # Ratios of signal to noise go up to 1e12, numbers to 1e308.
        "feature_weighting": [Interval(Real, 0, 20, closed="both")],
        "term_dropout": [Interval(Real, 0, 1, closed="left")],
        # Predictions are raised to its inverse.
        "activation_power": [Interval(Real, 0.05, 1, closed="both")],
        "text_radius": [Interval(Real, 0.05, 8, closed="neither")],
        "brain_radius": [Interval(Real, 0.05, 8, closed="neither")],
        "alignment": [StrOptions(set(SIMILARITIES))],
        "alignment_weight": [Interval(Real, 0, None, closed="left")],
        "brain_apex_weight": [Interval(Real, 0, None, closed="left")],
        "text_above_brain": [StrOptions({"hinge", "centroid"})],
        "text_above_brain_weight": [Interval(Real, 0, None, closed="left")],
        "extent_weight": [Interval(Real, 0, None, closed="left")],
        "min_extent_difference": [Interval(Real, 0, 1, closed="left")],
        "network_weight": [Interval(Real, 0, None, closed="left")],
        "hierarchy": [BrainHierarchy, None],
        "term_parts": ["sparse matrix", "array-like", None],
        "drift_weight": [Interval(Real, 0, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "n_hidden": [Interval(Integral, 1, None, closed="left")],
        "scale": [Interval(Real, 0, None, closed="neither")],
        "max_epochs": [Interval(Integral, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        # Torch refuses steps beyond single precision.
        "learning_rate": [Interval(Real, 0, 1e30, closed="right")],
        "learning_rate_schedule": [StrOptions(set(SCHEDULES))],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "device": [str],
        "memory": [str, PathLike, HasMethods(["cache"]), None],
        "checkpoint": [str, PathLike, None],
        "warm_start": ["boolean"],
        "callbacks": [list, tuple, None],
        "store_left_out": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["boolean"],
    }

    def __init__(
        self,
        n_components=None,
        *,
        curvature=1.0,
        learn_curvature=False,
        alpha="auto",
        feature_weighting=1.0,
        term_dropout=0.95,
        activation_power=0.5,
        text_radius=0.3,
        brain_radius=0.8,
        alignment="root_angle",
        alignment_weight=1.0,
        brain_apex_weight=0.0,
        text_above_brain="hinge",
        text_above_brain_weight=0.1,
        extent_weight=8.0,
        min_extent_difference=0.1,
        network_weight=0.0,
        hierarchy=None,
        term_parts=None,
        drift_weight=0.3,
        dropout=0.2,
        n_hidden=256,
        scale=12.0,
        max_epochs=8,
        batch_size=1024,
        learning_rate=2e-3,
        learning_rate_schedule="constant",
        weight_decay=0.1,
        validation_fraction=0.0,
        patience=4,
        device="auto",
        memory=None,
        checkpoint=None,
        warm_start=False,
        callbacks=None,
        store_left_out=False,
        random_state=None,
        verbose=False,
    ):
        self.n_components = n_components
        self.curvature = curvature
        self.learn_curvature = learn_curvature
        self.alpha = alpha
        self.feature_weighting = feature_weighting
        self.term_dropout = term_dropout
        self.activation_power = activation_power
        self.text_radius = text_radius
        self.brain_radius = brain_radius
        self.alignment = alignment
        self.alignment_weight = alignment_weight
        self.brain_apex_weight = brain_apex_weight
        self.text_above_brain = text_above_brain
        self.text_above_brain_weight = text_above_brain_weight
        self.extent_weight = extent_weight
        self.min_extent_difference = min_extent_difference
        self.network_weight = network_weight
        self.hierarchy = hierarchy
        self.term_parts = term_parts
        self.drift_weight = drift_weight
        self.dropout = dropout
        self.n_hidden = n_hidden
        self.scale = scale
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.weight_decay = weight_decay
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.device = device
        self.memory = memory
        self.checkpoint = checkpoint
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.store_left_out = store_left_out
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, groups=None, sample_weight=None):
        """Fit the embedding to paired texts and brain activations.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_studies, n_features)
            Text features, e.g. TF-IDF. A sparse matrix is never made dense as a whole.
        y : array-like of shape (n_studies, n_regions)
            Region activations of the same studies, for instance peaks per region.
        groups : array-like of shape (n_studies,), default=None
            Paper of each row where rows are contrasts of papers: rows of one paper are left
            out together and never split between training and validation.
        sample_weight : array-like of shape (n_studies,), default=None
            Weight of each study, e.g. the square root of its sample size or a rating of its
            quality. It counts in the regressions, in what is chosen by retrieval, and in the
            alignment; studies of weight 0 are left out. The others are all candidates alike.

        Returns
        -------
        self : HyperbolicBrainTextEmbedder
            Fitted estimator.

        Raises
        ------
        InvalidInputError
            If `n_components` exceeds the number of regions, `X` is too large for the closed
            form, values of `X` or `y` are too large or too small for the regressions,
            `curvature` is too large for the radii or cannot be learnt from there,
            `network_weight` is given without `hierarchy`, every weight is 0, `checkpoint`
            is given without `random_state`, or `warm_start` meets towers of another shape.
        TrainingDivergedError
            If the loss becomes NaN or infinite, or the weights grow without bound. The embedder is
            fitted nevertheless, with the best weights before, those of `best_epoch_`; the
            checkpoint, if asked for, stays.
        StorageError
            If `checkpoint` cannot be read or written: the disk is full, for example. What was kept
            there before stays.

        Warns
        -----
        InterruptedFitWarning
            If Ctrl-C ends training; the estimator is fitted with the best weights so far.
        DataWarning
            If what `memory` or `checkpoint` keep is damaged; it is computed anew.
        """
        return self._fit(X, y, groups, sample_weight, keep_statistics=False)

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, groups=None, sample_weight=None):
        """Learn from further studies, without those seen before.

        The first call is a fit that also keeps what later ones need. These update the
        regression from texts to activations, exactly: its coefficients are those of one fit to
        all studies with the penalty of the first call. The towers stay, so points of maps do
        not move, and an index of them remains valid. Let the first call see some thousand
        studies, and :meth:`fit` anew when they have multiplied.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_studies, n_features)
            Text features.
        y : array-like of shape (n_studies, n_regions)
            Region activations of the same studies.
        groups, sample_weight : array-like of shape (n_studies,), default=None
            As for :meth:`fit`.

        Returns
        -------
        self : HyperbolicBrainTextEmbedder

        Raises
        ------
        InvalidInputError
            If the embedder was fitted by :meth:`fit` to more than 1,024 features, which keeps no
            statistics, or as there.
        """
        if not hasattr(self, "model_"):
            return self._fit(X, y, groups, sample_weight, keep_statistics=True)
        X, Y, groups, sample_weight = self._checked_studies(
            X, y, groups, sample_weight, reset=False
        )
        if getattr(self, "statistics_", None) is None:
            raise InvalidInputError(
                f"partial_fit cannot go on from fit to {self.n_features_in_} features: it keeps "
                f"statistics of the studies for up to {_FEW_FEATURES} features only, for they take "
                "much memory. Begin with partial_fit, on a clone."
            )
        regression = self._fit_regression(
            TextRegression.fit,
            X,
            self.activation_scaler_.transform(Y),
            groups,
            sample_weight,
            alpha=self.alpha_,
            seed=0,  # of retrieval, by which nothing is chosen here
            earlier=EarlierTexts(self.statistics_, self.mean_terms_, self.short_coef_ is not None),
            keep_statistics=True,
        )
        self._store_left_out(self._text_tangent(regression.left_out, X))
        return self

    def _fit(self, X, Y, groups, sample_weight, *, keep_statistics):
        parts = term_parts_of(self.term_parts, X)
        X, Y, groups, sample_weight = self._checked_studies(X, Y, groups, sample_weight, reset=True)
        n_components = self._checked_n_components(Y.shape[1])
        check_objective(self)
        start = self._warm_model(n_components, Y.shape[1]) if self.warm_start else None
        checkpoint = FitCheckpoint.of(self, (X, Y, groups, sample_weight), start)
        random = check_random_state(self.random_state)

        self.n_regions_, self.n_components_ = Y.shape[1], n_components
        self.activation_scaler_ = ActivationScaler.fit(
            Y, sample_weight, power=self.activation_power
        )
        brain = self.activation_scaler_.transform(Y)
        closed_form = checkpoint.closed_form
        if self.memory is not None:
            location = fspath(self.memory) if isinstance(self.memory, PathLike) else self.memory
            closed_form = partial(recall, check_memory(location), TextRegression.fit)
        regression = self._fit_regression(
            closed_form,
            X,
            brain,
            groups,
            sample_weight,
            alpha=self.alpha,
            seed=int(random.randint(np.iinfo(np.int32).max)),
            keep_statistics=keep_statistics or X.shape[1] <= _FEW_FEATURES,
        )
        self.alpha_, self.alpha_scores_ = regression.alpha, regression.scores
        logger.debug("alpha=%g of %s", self.alpha_, self.alpha_scores_)
        seed = int(random.randint(np.iinfo(np.int32).max))
        self.model_, result = align(
            Pairs(regression.left_out, brain, Y, groups, sample_weight),
            self,
            n_components=n_components,
            scaler=self.activation_scaler_,
            seed=seed,
            start=start,
            checkpoint=checkpoint.training,
        )
        history, n_before = pd.DataFrame(result.history), 0
        if start is not None:
            n_before = int(self.history_["epoch"].iloc[-1])
            history = history[1:].assign(epoch=history["epoch"][1:] + n_before)
            history = pd.concat([self.history_, history], ignore_index=True)
        self.history_: pd.DataFrame = history
        self.best_epoch_ = n_before + result.best_epoch
        learnt = float(self.model_.curvature.detach())
        # As given, unless learnt: the model holds it in single precision.
        self.curvature_ = learnt if self.model_.learn_curvature else float(self.curvature)
        self._fit_space(X, Y, brain, regression.left_out, parts, seed)
        tangent = self._text_tangent(regression.left_out, X)
        self.decode_head_ = DecodeHead.fit(
            self._text_predictors(tangent), Y, self.activation_scaler_, groups, sample_weight
        )
        self._store_left_out(tangent)
        if result.diverged is not None:
            raise result.diverged
        if not result.interrupted:
            checkpoint.remove()
        return self

    def _fit_regression(self, fit, *studies, **options):
        regression = fit(
            *studies,
            feature_weighting=self.feature_weighting,
            term_dropout=self.term_dropout,
            **options,
        )
        self.feature_weights_, self.text_coef_ = regression.weights, regression.coef
        self.short_coef_, self.mean_terms_ = regression.short_coef, regression.mean_terms
        if regression.statistics is not None:
            self.statistics_ = regression.statistics
        elif hasattr(self, "statistics_"):
            del self.statistics_
        return regression

    def _fit_space(self, X, Y, brain, text, parts, seed):
        """Place terms, texts and maps by how much they tell, unless radii were learnt."""
        self.term_space_ = self.joint_space_ = None
        self.n_dimensions_ = self.n_components_
        if self.alignment != ANGLE:
            return
        n_meanings = 1
        if are_term_weights(X):
            self.term_space_ = TermSpace.fit(
                X,
                parts,
                n_dimensions=min(self.n_components_, LARGEST_DIMENSION),
                n_epochs=self.max_epochs,
                seed=seed,
            )
            n_meanings = self.term_space_.directions.shape[1]
        self.joint_space_ = JointSpace.fit(
            self._text_part(text, X), self._rows(self.model_.brain_tower, brain)[:, -1], Y
        )
        self.n_dimensions_ = self.joint_space_.n_dimensions(n_meanings)

    def _store_left_out(self, tangent):
        if self.store_left_out:
            self.left_out_points_ = points_of(tangent, self.curvature_)

    def _warm_model(self, n_components, n_regions):
        """Towers of the previous fit, if any, to go on from."""
        if not hasattr(self, "model_"):
            return None
        if (self.n_components_, self.n_regions_) != (n_components, n_regions):
            raise InvalidInputError(
                f"warm_start=True goes on from towers of {self.n_regions_} regions and "
                f"{self.n_components_} components, but {n_regions} regions and {n_components} "
                "components are asked for. Give maps of the same regions, or clone the embedder."
            )
        return self.model_

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
            Level of `hierarchy` over whose networks the maps are averaged first; None takes
            them as they are.

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
        return self._points(self._brain_tangent(Y), Y.dtype)

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

    def similarity(self, text_points, brain_points):
        """Similarity of texts and brains, what `alignment` names.

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
            as_tensor(checked_points(points, name, self.n_dimensions_))
            for points, name in ((text_points, "text_points"), (brain_points, "brain_points"))
        )
        similarity = np.empty((len(texts), len(brains)))
        for start in range(0, len(texts), _BLOCK):
            rows = slice(start, start + _BLOCK)
            similarity[rows] = SIMILARITIES[self.alignment](texts[rows], brains, self.curvature_)
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
        similarity = self.similarity(text_points, brain_points)
        if self.joint_space_ is not None:
            similarity = similarity / self.joint_space_.cosine_unit
        return float(self.model_.log_scale.detach().exp()) * similarity

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
        points = checked_points(text_points, "text_points", self.n_dimensions_)
        tangent = tangent_of(points, self.curvature_)
        activations = self.decode_head_.predict(self._text_predictors(tangent))
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

    def _checked_n_components(self, n_regions: int) -> int:
        if self.n_components is None:
            return n_regions
        if self.n_components > n_regions:
            raise InvalidInputError(
                f"n_components={self.n_components} is more than the {n_regions} regions of "
                "Y. Ask for fewer components or use more regions."
            )
        return self.n_components

    def _checked_hierarchy(self, user: str) -> BrainHierarchy:
        if self.hierarchy is None:
            raise InvalidInputError(
                f"{user} needs levels of networks, but hierarchy is None. Give "
                "hierarchy=BrainHierarchy... over the regions of Y; it can be set after fitting."
            )
        return self.hierarchy

    def _rows(self, tower: DirectionTower, features: np.ndarray, *options: float) -> np.ndarray:
        """Apply a tower in float64, so that rows do not depend on those that they come with.

        Far from the root rounding in float32, which differs with the number of rows, would show.
        """
        # A copy: torch.func.functional_call would swap the weights under other threads.
        wide = deepcopy(tower).double()
        with torch.inference_mode():
            return wide(torch.as_tensor(features).double(), *options).numpy()

    def _text_points(self, X) -> np.ndarray:
        text = predict_brain(X, self.text_coef_, self.short_coef_, self.mean_terms_)
        return self._points(self._text_tangent(text, X), X.dtype)

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
                "alignment is another than 'root_angle'. Fit it to counts or TF-IDF of terms."
            )
        single = sparse.identity(self.n_features_in_, format="csr", dtype=np.float32)
        text = predict_brain(single, self.text_coef_, self.short_coef_, self.mean_terms_)
        part = self._text_part(text, single)._replace(radius=self.term_space_.information / 2)
        return points_of(
            self.joint_space_.text_tangent(part) / self.curvature_**0.5, self.curvature_
        )

    def _text_tangent(self, text: np.ndarray, X) -> np.ndarray:
        """Tangent vectors of texts from the maps predicted of them and their features."""
        if self.joint_space_ is None:
            return self._rows(self.model_.text_tower, text, self.curvature_)
        return self.joint_space_.text_tangent(self._text_part(text, X)) / self.curvature_**0.5

    def _text_part(self, text: np.ndarray, X) -> TextPart:
        rows = self._rows(self.model_.text_tower, text)
        if self.term_space_ is None:
            meaning = np.ones((len(text), 1))
            radius = np.where(text.any(axis=1), _RADIUS_WITHOUT_TERMS, 0.0)
        else:
            meaning = self.term_space_.text_directions(X)
            radius = self.term_space_.text_information(self.term_space_.held(X)) / 2
        strength = np.linalg.norm(text.astype(np.float64), axis=1)
        if self.joint_space_ is not None:
            share = full_share(X, self.mean_terms_)
            typical = self.joint_space_.typical_strength
            strength = np.where(strength > 0, share * strength + (1 - share) * typical, 0)
        return TextPart(rows[:, :-1], rows[:, -1], strength, meaning, radius)

    def _brain_tangent(self, Y: np.ndarray) -> np.ndarray:
        """Tangent vectors of maps."""
        scaled = self.activation_scaler_.transform(Y)
        if self.joint_space_ is None:
            return self._rows(self.model_.brain_tower, scaled, self.curvature_)
        rows = self._rows(self.model_.brain_tower, scaled)
        tangent = self.joint_space_.brain_tangent(
            rows[:, :-1],
            rows[:, -1],
            self.joint_space_.brain_radius(Y),
            self.n_dimensions_,
        )
        return tangent / self.curvature_**0.5

    def _text_predictors(self, tangent: np.ndarray) -> np.ndarray:
        """Take from tangent vectors of texts what maps are decoded from."""
        return tangent if self.joint_space_ is None else self.joint_space_.text_predictors(tangent)

    def _brain_predictors(self, tangent: np.ndarray) -> np.ndarray:
        """Take from tangent vectors of maps what terms are decoded from."""
        if self.joint_space_ is None:
            return tangent
        return self.joint_space_.brain_predictors(tangent)

    def _points(self, tangent: np.ndarray, dtype: np.dtype) -> np.ndarray:
        # The exponential map in float64: points are on the hyperboloid to double precision, or as
        # near to it as single precision has one.
        return points_of(tangent, self.curvature_).astype(dtype, copy=False)
