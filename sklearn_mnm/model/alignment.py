"""Second step of the embedder: towers trained on leave-out predictions."""

import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sklearn_mnm._tools.threads import one_thread_if_small
from sklearn_mnm.brain.features import ActivationScaler, relative_extent
from sklearn_mnm.exceptions import InterruptedFitWarning, TrainingDivergedError
from sklearn_mnm.model.selection import validation_score, validation_split
from sklearn_mnm.nn.distributed import shared_if_asked
from sklearn_mnm.nn.objective import Objective, ObjectiveWeights
from sklearn_mnm.nn.similarity import SIMILARITIES, Similarity, row_similarity
from sklearn_mnm.nn.towers import AngleModel, BrainTextModel, DirectionTower, LiftTower
from sklearn_mnm.nn.training import TrainingResult, TrainingSettings, resolve_device, train

#: `alignment` of the estimator by which pairs are ranked by their angle at the root.
ANGLE = "root_angle"


class Pairs(NamedTuple):
    """Studies to align.

    Attributes
    ----------
    text, brain : ndarray of shape (n_studies, n_regions), float32
        Leave-out predictions of the text and scaled activations.
    activations : ndarray of shape (n_studies, n_regions)
        As given by the user.
    groups : ndarray of shape (n_studies,) or None
        Studies that are not split between training and validation.
    sample_weight : ndarray of shape (n_studies,) or None
        Positive weights of the studies.
    """

    text: np.ndarray
    brain: np.ndarray
    activations: np.ndarray
    groups: np.ndarray | None
    sample_weight: np.ndarray | None


def align(
    pairs: Pairs,
    params: Any,
    *,
    n_components: int,
    scaler: ActivationScaler,
    seed: int,
    start: BrainTextModel | None = None,
    checkpoint: Path | None = None,
) -> tuple[BrainTextModel, TrainingResult]:
    """Train towers.

    Parameters
    ----------
    pairs : Pairs
    params : HyperbolicBrainTextEmbedder
        Read for its parameters.
    n_components : int
    scaler : ActivationScaler
        From activations to tower inputs.
    seed : int
    start : BrainTextModel or None, default=None
        Towers to go on from, changed in place; None makes new ones.
    checkpoint : Path or None, default=None
        See :func:`~sklearn_mnm.nn.training.train`.

    Returns
    -------
    model : BrainTextModel
        On the CPU, with the weights of the best epoch.
    result : TrainingResult
        Also of training that diverged, which it then says.

    Warns
    -----
    InterruptedFitWarning
        If Ctrl-C ended training early.
    """
    fraction = params.validation_fraction if params.max_epochs else 0
    training, validation = validation_split(len(pairs.text), fraction, pairs.groups, seed)
    device = resolve_device(params.device)
    model = start
    if model is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = _new_model(pairs.text, params, n_components)
    model = model.to(device)
    text, brain = torch.as_tensor(pairs.text), torch.as_tensor(pairs.brain)
    evaluate = None
    if validation is not None:
        evaluate = validation_score(
            text[validation].to(device),
            brain[validation].to(device),
            _similarity(params),
            None if pairs.sample_weight is None else pairs.sample_weight[validation],
        )
    n_rows = min(len(training), params.batch_size)
    is_small = one_thread_if_small(n_rows * max(n_rows, text.shape[1]))
    with is_small, shared_if_asked(model):
        try:
            result = train(
                model,
                _objective(pairs, training, params, scaler),
                text[training],
                brain[training],
                evaluate=evaluate,
                settings=TrainingSettings(
                    max_epochs=params.max_epochs,
                    batch_size=params.batch_size,
                    learning_rate=params.learning_rate,
                    learning_rate_schedule=params.learning_rate_schedule,
                    weight_decay=params.weight_decay,
                    patience=params.patience,
                ),
                seed=seed,
                progress=_progress_bar if params.verbose else iter,
                callbacks=params.callbacks or (),
                checkpoint=checkpoint,
            )
        except TrainingDivergedError as error:
            result = error.result
    if result.interrupted:
        again = "" if checkpoint is None else " Fit again to go on from the checkpoint."
        warnings.warn(
            f"Training was interrupted after {len(result.history) - 1} epochs; the weights "
            f"of epoch {result.best_epoch} are kept.{again}",
            InterruptedFitWarning,
            stacklevel=5,
        )
    return model.to("cpu"), result


def _new_model(text: np.ndarray, params: Any, n_components: int) -> BrainTextModel:
    basis = torch.as_tensor(_leading_directions(text, n_components))
    if params.alignment == ANGLE:
        directions = (
            DirectionTower(basis, n_hidden=params.n_hidden, dropout=params.dropout) for _ in "tb"
        )
        return AngleModel(
            *directions, curvature=params.curvature, learn_curvature=False, scale=params.scale
        )
    towers = [
        LiftTower(basis, radius=radius, n_hidden=params.n_hidden, dropout=params.dropout)
        for radius in (params.text_radius, params.brain_radius)
    ]
    return BrainTextModel(
        *towers,
        curvature=float(params.curvature),
        learn_curvature=params.learn_curvature,
        scale=params.scale,
    )


def _objective(pairs: Pairs, rows: np.ndarray, params: Any, scaler: ActivationScaler) -> Objective:
    pair_weights = None
    if pairs.sample_weight is not None:
        pair_weights = torch.as_tensor(pairs.sample_weight[rows], dtype=torch.float32)
    if params.alignment == ANGLE:
        weights = ObjectiveWeights(alignment=params.alignment_weight, drift=params.drift_weight)
        return Objective(weights, _similarity(params), pair_weights=pair_weights)
    activations = pairs.activations[rows]
    ancestors: tuple[Tensor, ...] = ()
    if params.hierarchy is not None and params.network_weight:
        ancestors = tuple(
            torch.as_tensor(scaler.transform(maps))
            for maps in params.hierarchy.parents(activations)
        )
    centroid = params.text_above_brain == "centroid"
    weights = ObjectiveWeights(
        alignment=params.alignment_weight,
        brain_apex=params.brain_apex_weight,
        radius_hinge=0.0 if centroid else params.text_above_brain_weight,
        centroid=params.text_above_brain_weight if centroid else 0.0,
        extent=params.extent_weight,
        networks=params.network_weight,
        drift=params.drift_weight,
        radius_margin=params.brain_radius - params.text_radius,
        text_radius=params.text_radius,
        brain_radius=params.brain_radius,
        min_extent_difference=params.min_extent_difference,
    )
    extent = torch.as_tensor(relative_extent(activations))
    return Objective(weights, _similarity(params), extent, ancestors, pair_weights)


def _similarity(params: Any) -> Similarity:
    """Give what pairs are contrasted by, of what the model gives for points."""
    return row_similarity if params.alignment == ANGLE else SIMILARITIES[params.alignment]


def _leading_directions(text: np.ndarray, n_components: int) -> np.ndarray:
    """Orthonormal basis of what text predicts best (reduced-rank regression, Izenman 1975)."""
    if n_components == text.shape[1]:
        return np.eye(n_components, dtype=np.float32)
    _, vectors = np.linalg.eigh(text.T.astype(np.float64) @ text)
    return np.ascontiguousarray(vectors[:, ::-1][:, :n_components], dtype=np.float32)


def _progress_bar(epochs):
    from tqdm.auto import tqdm

    return tqdm(epochs, desc="epochs")
