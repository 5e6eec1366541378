"""The steps of a fit of the embedder, one after the other."""

import logging
import warnings
from functools import partial
from os import PathLike, fspath

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_memory

from sklearn_mnm._tools.cached_call import recall
from sklearn_mnm.brain.features import ActivationScaler
from sklearn_mnm.exceptions import InterruptedFitWarning
from sklearn_mnm.geometry.arrays import points_of
from sklearn_mnm.model.checks import (
    check_callbacks,
    check_objective,
    check_towers,
    checked_n_components,
    term_parts_of,
)
from sklearn_mnm.model.decode_head import DecodeHead
from sklearn_mnm.model.embedding_estimator import _EmbeddingEstimator
from sklearn_mnm.model.objective import ANGLE
from sklearn_mnm.model.text_regression import TextRegression

logger = logging.getLogger(__name__)

#: Up to here what partial_fit needs takes at most 8 MB, and fit keeps it as well.
FEW_FEATURES = 1024
#: With fewer later studies the towers stay.
FEWEST_TO_FOLLOW = 500
# Activations are raised to it: the square root stabilises the variance of counts of peaks.
_ACTIVATION_POWER = 0.5


class _SteppedFit(_EmbeddingEstimator):
    """Closed form, alignment, hierarchy, decoding.

    Reads the parameters of :class:`~sklearn_mnm.HyperbolicBrainTextEmbedder`, which says what the
    steps are, and sets its fitted attributes.
    """

    def _fit(self, X, Y, groups, sample_weight, *, keep_statistics):
        # Imported late: only fitting needs torch, and it would slow the loading of a model.
        from sklearn_mnm.model.alignment import Pairs, align, new_model, told
        from sklearn_mnm.model.fit_checkpoint import FitCheckpoint
        from sklearn_mnm.nn.towers import fitted_towers, trainable_towers

        parts = term_parts_of(self.term_parts, X)
        X, Y, groups, sample_weight = self._checked_studies(X, Y, groups, sample_weight, reset=True)
        n_components = checked_n_components(self.n_components, Y.shape[1])
        objective, towers = self._part("objective"), self._part("towers")
        check_callbacks(self.callbacks)
        check_objective(objective, self.curvature, is_trained=self.max_epochs > 0)
        start = getattr(self, "model_", None) if self.warm_start else None
        if start is not None:
            check_towers(start, n_components, Y.shape[1])
        checkpoint = FitCheckpoint.of(self.get_params(), (X, Y, groups, sample_weight), start)
        random = check_random_state(self.random_state)

        self.n_regions_, self.n_components_ = Y.shape[1], n_components
        scaler = ActivationScaler.fit(Y, sample_weight, power=_ACTIVATION_POWER)
        self.activation_scaler_, brain = scaler, scaler.transform(Y)
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
            keep_statistics=keep_statistics or X.shape[1] <= FEW_FEATURES,
        )
        self.alpha_, self.alpha_scores_ = regression.alpha, regression.scores
        logger.debug("alpha=%g of %s", self.alpha_, self.alpha_scores_)
        seed, text = int(random.randint(np.iinfo(np.int32).max)), regression.left_out
        sizes = {"n_components": n_components, "curvature": self.curvature}
        if start is None:
            model = new_model(text, objective, towers, **sizes, seed=seed)
        else:
            model = trainable_towers(start)
        result = align(
            model,
            Pairs(text, brain, Y, scaler, groups, sample_weight),
            objective,
            self._settings(),
            seed=seed,
            validation_fraction=self.validation_fraction,
            device=self.device,
            callbacks=self.callbacks or (),
            verbose=self.verbose,
            checkpoint=checkpoint.training,
        )
        self.model_ = fitted_towers(model)
        history, best_epoch = told(result, None if start is None else self.history_)
        self.history_: pd.DataFrame = history
        self.best_epoch_ = best_epoch
        # As given, unless learnt: the model holds it in single precision.
        learnt = self.model_.curvature if self.model_.learn_curvature else self.curvature
        self.curvature_ = float(learnt)
        self.term_space_ = self.joint_space_ = None
        self.n_dimensions_ = n_components
        embedding = self._embedding
        if objective.similarity == ANGLE:
            embedding, tangent = embedding.with_terms(
                X, text, Y, parts, n_epochs=self.max_epochs, seed=seed
            )
            self.term_space_, self.joint_space_ = embedding.term_space, embedding.joint_space
            self.n_dimensions_ = embedding.n_dimensions
        else:
            tangent = embedding.text_tangent(text, X)
        self.decode_head_, left_out = DecodeHead.fit(
            embedding.text_predictors(tangent), Y, scaler, groups, sample_weight
        )
        self._store_left_out(tangent, left_out)
        if result.diverged is not None:
            raise result.diverged
        if not result.interrupted:
            checkpoint.remove()
        return self

    def _follow(self, left_out, brain, Y, groups, sample_weight):
        """Train the text tower on later studies, if they are enough to be told from each other."""
        if self.max_epochs == 0 or len(Y) < FEWEST_TO_FOLLOW:
            return
        from sklearn_mnm.model.alignment import Pairs, align, restrained
        from sklearn_mnm.nn.towers import fitted_towers, trainable_towers

        random = check_random_state(self.random_state)
        model = trainable_towers(self.model_)
        settings = restrained(model, self._settings())
        result = align(
            model,
            Pairs(left_out, brain, Y, self.activation_scaler_, groups, sample_weight),
            self._part("objective"),
            settings,
            seed=int(random.randint(np.iinfo(np.int32).max)),
            device=self.device,
        )
        if result.diverged is None:
            self.model_ = fitted_towers(model)
            return
        # No error: the studies are learnt, and would be learnt twice if they were given again.
        warnings.warn(
            f"The tower of texts stays as it was, while the regression has learnt the studies: "
            f"{result.diverged}",
            InterruptedFitWarning,
            stacklevel=4,
        )

    def _settings(self):
        from sklearn_mnm.nn.training import TrainingSettings

        return TrainingSettings(
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            weight_decay=self._part("towers").weight_decay,
        )

    def _fit_regression(self, fit, *studies, **options):
        regression = fit(*studies, **options)
        self.feature_weights_, self.text_coef_ = regression.weights, regression.coef
        self.short_coef_, self.mean_terms_ = regression.short_coef, regression.mean_terms
        if regression.statistics is not None:
            self.statistics_ = regression.statistics
        elif hasattr(self, "statistics_"):
            del self.statistics_
        return regression

    def _store_left_out(self, tangent, scaled):
        if self.store_left_out:
            self.left_out_points_ = points_of(tangent, self.curvature_)
            activations = self.decode_head_.activations(scaled.astype(np.float64))
            self.left_out_activations_ = activations
            return
        for name in ("left_out_points_", "left_out_activations_"):  # of an earlier fit
            self.__dict__.pop(name, None)
