"""HyperbolicBrainTextEmbedder: texts and brain activations in one hyperbolic space."""

from numbers import Integral, Real
from os import PathLike
from typing import ClassVar

from sklearn.base import _fit_context
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.model.fitting import FEW_FEATURES, _SteppedFit
from sklearn_mnm.model.objective import MNMObjective, Towers
from sklearn_mnm.model.text_regression import EarlierTexts, TextRegression


class HyperbolicBrainTextEmbedder(_SteppedFit):
    r"""Embed texts and brain activations of studies in one hyperbolic space.

    Points live on the hyperboloid of the Lorentz model,
    :math:`\langle x, x \rangle_L = -1/c`. The radius of a point, its distance from the root, tells
    how much is said: that of a text is half the information of its terms in nats, and a map is the
    farther out the less of the brain it activates. The angle at the root tells which texts and
    maps belong together. Distances tell which terms hold for a text: the way from the root to a
    text through a term is longer than the straight one by minus the logarithm of the probability
    of the term given the text (:mod:`sklearn_mnm.geometry.information`). The objective of the
    paper (arXiv 2511.21092), with cones and learnt radii, is there as
    ``objective=MNMObjective("exterior_angle")``.

    Fitting has four steps:

    1. *Closed form*: ridge regression from text features to the square root of the region
       activations, with exact leave-one-out predictions of the training studies. Features that
       tell something about the brain count more, and texts of few terms have coefficients of
       their own, as for titles and queries.
    2. *Alignment*: two towers turn these predictions and the maps into directions. They start as
       the identity, and are trained to tell each study's partner from the others by the
       `objective`. As they see leave-one-out predictions, they do not inherit overfitting.
    3. *Hierarchy*: radii of terms, texts and maps follow from counts; directions of the terms are
       learnt by the likelihood of which studies hold which terms. Features that cannot be weights
       of terms, because some are negative or all are there everywhere, have no such hierarchy:
       all texts then have one radius.
    4. *Decoding*: ridge regression from the directions of the texts back to region activations.

    Parameters
    ----------
    n_components : int or None, default=None
        Number of dimensions d by which texts and maps are paired, at most the number of regions.
        If None, it is that number. Small values make small embeddings and cost accuracy. By
        default the space has as many dimensions more for the meaning of texts, at most 128, and
        four of its own.
    curvature : float, default=1.0
        c > 0; the space has sectional curvature -c. Radii and distances scale with it; angles at
        the root do not depend on it.
    alpha : "auto" or float, default="auto"
        Penalty of the closed form. ``"auto"`` climbs a grid from 0.1 to 100 times the mean
        squared norm of the rows of `X`, from its middle to the best leave-one-out retrieval.
    objective : MNMObjective or None, default=None
        What step 2 minimises, and by what texts and maps are compared. If None, it is
        ``MNMObjective()``; its parameters can be set and searched as ``objective__...`` either way.
    towers : Towers or None, default=None
        Networks that step 2 trains. If None, they are ``Towers()``; see `objective`.
    term_parts : sparse matrix of shape (n_features, n_features) or None, default=None
        Not 0 where a study with the term of a row counts as one with that of a column:
        ``contiguous_parts(vocabulary)``, to which broader terms of an ontology can be added by
        ``+ ontology.closure_in(vocabulary)``; transitive. If None, these are the contiguous
        parts of the names of the columns where `X` is a data frame, else no term holds another.
    max_epochs : int, default=8
        Passes over the studies at most; 0 keeps the closed form.
    batch_size : int, default=1024
        Studies per step, each contrasted with all others in the batch.
    learning_rate : float, default=2e-3
        Rate of the networks of the towers; their linear maps learn at a quarter of it.
    validation_fraction : float, default=0.0
        Share of the studies kept out of step 2 to choose the epoch, by the same score as
        :meth:`score`; training stops after four epochs without a better one. 0 trains on all
        studies for `max_epochs`: the choice gains less than the studies it costs.
    device : str, default="auto"
        ``"auto"``, ``"cpu"``, ``"cuda"``, ...; where step 2 is trained. The fitted model is always
        left on the CPU.
    memory : str, path, joblib.Memory or None, default=None
        Where step 1 is kept, so that fits that differ only in later parameters share it, as in
        a grid search with an int as `random_state`. What is found damaged there is computed anew.
        If None, it is not kept. joblib keeps pickles, and reading one executes what it says:
        whoever can write to the folder can run code as you.
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
        Keep `left_out_points_` and `left_out_activations_` of the training texts.
    random_state : int, RandomState instance or None, default=None
        Of the validation split, the order of the studies, weights and dropout. Pass an int
        for the same result on every run.
    verbose : bool, default=False
        Show a progress bar.

    Attributes
    ----------
    n_components_, n_regions_, n_features_in_ : int
        Dimensions by which texts and maps are paired; regions; text features.
    n_dimensions_ : int
        Dimension of the space; points have one coordinate more.
    curvature_ : float
        c of the fitted space.
    alpha_, alpha_scores_ : float, dict of float to float
        Penalty of the closed form in use, and leave-one-out retrieval of each that was tried.
    text_coef_, short_coef_ : ndarray of shape (n_features, n_regions), float32
        Closed-form map from text features to scaled activations, and that for texts of few terms;
        the second is None where all rows of `X` have as many entries that are not 0.
    mean_terms_ : float
        Mean number of entries of a row of `X` that are not 0; rows of fewer are short.
    feature_weights_ : ndarray of shape (n_features,)
        Weight of each text feature in the closed form; its mean over the entries of `X` is 1.
    activation_scaler_ : ActivationScaler
        From region activations to tower inputs.
    model_ : FittedTowers
        The towers, as arrays.
    decode_head_ : DecodeHead
        From directions of texts to activations.
    term_space_, joint_space_ : TermSpace, JointSpace or None
        Information and directions of the terms, None if the features are no weights of terms; and
        how texts and maps become points of one space. Both are None if radii are learnt.
    left_out_points_ : ndarray of shape (n_studies, n_dimensions_ + 1), float64
        Points of the training texts by the leave-one-out predictions of step 1, which err as
        those of new texts do: what to calibrate on. Only with `store_left_out`; studies of
        weight 0 have none.
    left_out_activations_ : ndarray of shape (n_studies, n_regions_), float64
        Activations that :meth:`predict` would predict of the same texts without having seen their
        studies, by exact leave-one-out predictions of both regressions: what to estimate errors
        from. After :meth:`partial_fit`, which keeps the second regression, those that it predicts
        from `left_out_points_` of the later studies.
    statistics_ : RidgeStatistics
        What :meth:`partial_fit` goes on from, 8 bytes for each pair of features. Only after it, or
        after :meth:`fit` to at most 1,024 features.
    history_ : DataFrame
        A row for each epoch, 0 being the start: ``epoch``, the mean ``loss`` of its batches and
        its weighted parts, named as the weights of the objective; mean ``text_height`` and
        ``brain_height`` of the towers (``text_radius`` and ``brain_radius`` if radii are learnt),
        ``inverse_temperature``, ``curvature`` and, with validation, ``validation_score``.
    best_epoch_ : int
        Epoch whose weights are kept; 0 is the closed form.

    See Also
    --------
    MNMObjective, Towers : Its `objective` and `towers`.
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
        "alpha": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "objective": [MNMObjective, None],
        "towers": [Towers, None],
        "term_parts": ["sparse matrix", "array-like", None],
        "max_epochs": [Interval(Integral, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        # Torch refuses steps beyond single precision.
        "learning_rate": [Interval(Real, 0, 1e30, closed="right")],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
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
        alpha="auto",
        objective=None,
        towers=None,
        term_parts=None,
        max_epochs=8,
        batch_size=1024,
        learning_rate=2e-3,
        validation_fraction=0.0,
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
        self.alpha = alpha
        self.objective = objective
        self.towers = towers
        self.term_parts = term_parts
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
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
            `curvature` is too large for the radii or cannot be learnt from there, the `objective`
            has a `network_weight` without `hierarchy`, or no weight that is not 0, `checkpoint`
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
        all studies that chooses the penalty of the first call. The tower of maps stays, so their
        points do not move, and an index of them remains valid. That of texts is trained a little
        further on 500 studies or more, unless `max_epochs` is 0 by then, and stays with fewer;
        neither `history_` nor `callbacks` are told. Let the first call see some thousand studies,
        and :meth:`fit` anew when they have multiplied.

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

        Warns
        -----
        InterruptedFitWarning
            If Ctrl-C ends the training of the tower, which then is that of the last whole epoch,
            or if it diverges, and the tower stays as it was. The studies are learnt either way.
        """
        if not hasattr(self, "model_"):
            return self._fit(X, y, groups, sample_weight, keep_statistics=True)
        X, Y, groups, sample_weight = self._checked_studies(
            X, y, groups, sample_weight, reset=False
        )
        if getattr(self, "statistics_", None) is None:
            raise InvalidInputError(
                f"partial_fit cannot go on from fit to {self.n_features_in_} features: it keeps "
                f"statistics of the studies for up to {FEW_FEATURES} features only, for they take "
                "much memory. Begin with partial_fit, on a clone."
            )
        brain = self.activation_scaler_.transform(Y)
        regression = self._fit_regression(
            TextRegression.fit,
            X,
            brain,
            groups,
            sample_weight,
            alpha=self.alpha,
            seed=0,  # of retrieval, by which nothing is chosen here
            earlier=EarlierTexts(
                self.statistics_, self.alpha_, self.mean_terms_, self.short_coef_ is not None
            ),
            keep_statistics=True,
        )
        self._follow(regression.left_out, brain, Y, groups, sample_weight)
        tangent = self._embedding.text_tangent(regression.left_out, X)
        scaled = self.decode_head_.scaled(self._embedding.text_predictors(tangent))
        self._store_left_out(tangent, scaled)
        return self
