"""Second step of the embedder: towers trained on leave-out predictions."""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sklearn_mnm._tools.threads import one_thread_if_small
from sklearn_mnm.brain.features import ActivationScaler, relative_extent
from sklearn_mnm.exceptions import InterruptedFitWarning, TrainingDivergedError
from sklearn_mnm.model.objective import ANGLE, MNMObjective, Towers
from sklearn_mnm.model.selection import fair_k, mean_recall, validation_split
from sklearn_mnm.nn.distributed import shared_if_asked
from sklearn_mnm.nn.objective import (
    Alignment,
    BrainApex,
    Drift,
    Extent,
    Network,
    Objective,
    Part,
    TextAboveBrain,
)
from sklearn_mnm.nn.similarity import SIMILARITIES, Similarity, row_similarity
from sklearn_mnm.nn.towers import AngleModel, BrainTextModel, DirectionTower, LiftTower
from sklearn_mnm.nn.training import TrainingResult, TrainingSettings, resolve_device, train


class Pairs(NamedTuple):
    """Studies to align.

    Attributes
    ----------
    text, brain : ndarray of shape (n_studies, n_regions), float32
        Leave-out predictions of the text and scaled activations.
    activations : ndarray of shape (n_studies, n_regions)
        As given by the user.
    scaler : ActivationScaler
        From activations to tower inputs.
    groups : ndarray of shape (n_studies,) or None, default=None
        Studies that are not split between training and validation.
    sample_weight : ndarray of shape (n_studies,) or None, default=None
        Positive weights of the studies.
    """

    text: np.ndarray
    brain: np.ndarray
    activations: np.ndarray
    scaler: ActivationScaler
    groups: np.ndarray | None = None
    sample_weight: np.ndarray | None = None


def new_model(
    text: np.ndarray,
    objective: MNMObjective,
    towers: Towers,
    *,
    n_components: int,
    curvature: float,
    seed: int,
) -> BrainTextModel:
    """Make towers that give what the closed form predicts.

    Parameters
    ----------
    text : ndarray of shape (n_studies, n_regions), float32
        Leave-out predictions.
    objective : MNMObjective
    towers : Towers
    n_components : int
    curvature : float
    seed : int
        Of the weights of the networks.
    """
    basis = torch.as_tensor(_leading_directions(text, n_components))
    sizes: dict[str, Any] = {"n_hidden": towers.n_hidden, "dropout": towers.dropout}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if objective.similarity == ANGLE:
            return AngleModel(
                *(DirectionTower(basis, **sizes) for _ in "tb"),
                curvature=curvature,
                learn_curvature=False,
                inverse_temperature=towers.inverse_temperature,
            )
        radii = (objective.text_radius, objective.brain_radius)
        return BrainTextModel(
            *(LiftTower(basis, radius=radius, **sizes) for radius in radii),
            curvature=float(curvature),
            learn_curvature=objective.learn_curvature,
            inverse_temperature=towers.inverse_temperature,
        )


def align(
    model: BrainTextModel,
    pairs: Pairs,
    objective: MNMObjective,
    settings: TrainingSettings,
    *,
    seed: int,
    validation_fraction: float = 0.0,
    device: str = "auto",
    callbacks: Sequence[Callable[[dict[str, float]], Any]] = (),
    verbose: bool = False,
    checkpoint: Path | None = None,
) -> TrainingResult:
    """Train towers.

    Parameters
    ----------
    model : BrainTextModel
        Towers to go on from, changed in place. They come out on the CPU, with the weights of the
        best epoch.
    pairs : Pairs
    objective : MNMObjective
    settings : TrainingSettings
    seed : int
        Of the validation split, the order of the studies and dropout.
    validation_fraction : float, default=0.0
        Share of the studies by which the epoch is chosen.
    device : str, default="auto"
        Where to train.
    callbacks : sequence of callable, default=()
    verbose : bool, default=False
        Whether to show a progress bar.
    checkpoint : Path or None, default=None
        See :func:`~sklearn_mnm.nn.training.train`.

    Returns
    -------
    result : TrainingResult
        Also of training that diverged, which it then says.

    Warns
    -----
    InterruptedFitWarning
        If Ctrl-C ended training early.
    """
    fraction = validation_fraction if settings.max_epochs else 0
    training, validation = validation_split(len(pairs.text), fraction, pairs.groups, seed)
    place = resolve_device(device)
    model.to(place)
    text, brain = torch.as_tensor(pairs.text), torch.as_tensor(pairs.brain)
    evaluate = None
    if validation is not None:
        evaluate = _validation_score(
            text[validation].to(place),
            brain[validation].to(place),
            _similarity(objective),
            None if pairs.sample_weight is None else pairs.sample_weight[validation],
        )
    n_rows = min(len(training), settings.batch_size)
    is_small = one_thread_if_small(n_rows * max(n_rows, text.shape[1]))
    with is_small, shared_if_asked(model):
        try:
            result = train(
                model,
                Objective(_parts(objective, pairs, training)),
                text[training],
                brain[training],
                evaluate=evaluate,
                settings=settings,
                seed=seed,
                progress=_progress_bar if verbose else iter,
                callbacks=callbacks,
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
    model.to("cpu")
    return result


def restrained(model: BrainTextModel, settings: TrainingSettings) -> TrainingSettings:
    """Let only the text tower be trained on, on studies that came later: points of maps stay.

    A quarter of the epochs, at half the rate, in batches of a quarter: more epochs cost time and
    gain nothing that shows, larger steps lose what the towers learnt from earlier studies.

    Parameters
    ----------
    model : BrainTextModel
        Trained towers, of which all but the text tower is frozen.
    settings : TrainingSettings
        Of the fit of `model`.

    Returns
    -------
    settings : TrainingSettings
        By which :func:`align` trains it.
    """
    for weights in (*model.brain_tower.parameters(), model.log_scale, model.log_curvature):
        weights.requires_grad_(False)
    return replace(
        settings,
        max_epochs=math.ceil(settings.max_epochs / 4),
        learning_rate=settings.learning_rate / 2,
        batch_size=max(2, settings.batch_size // 4),
    )


def told(result: TrainingResult, before: pd.DataFrame | None) -> tuple[pd.DataFrame, int]:
    """History of a training, after that which it went on from, and its best epoch.

    Parameters
    ----------
    result : TrainingResult
    before : DataFrame or None
        History of the fit whose towers were trained on.
    """
    history = pd.DataFrame(result.history)
    if before is None:
        return history, result.best_epoch
    n_before = int(before["epoch"].iloc[-1])
    later = history[1:].assign(epoch=history["epoch"][1:] + n_before)
    return pd.concat([before, later], ignore_index=True), n_before + result.best_epoch


def _parts(objective: MNMObjective, pairs: Pairs, rows: np.ndarray) -> tuple[Part, ...]:
    """Parts of the objective of these studies, in the order of the paper."""
    pair_weights = None
    if pairs.sample_weight is not None:
        pair_weights = torch.as_tensor(pairs.sample_weight[rows], dtype=torch.float32)
    alignment = Alignment(objective.alignment_weight, _similarity(objective), pair_weights)
    drift = Drift(objective.drift_weight)
    if objective.similarity == ANGLE:
        return alignment, drift
    activations = pairs.activations[rows]
    ancestors: tuple[Tensor, ...] = ()
    if objective.hierarchy is not None and objective.network_weight:
        ancestors = tuple(
            torch.as_tensor(pairs.scaler.transform(maps))
            for maps in objective.hierarchy.parents(activations)
        )
    return (
        alignment,
        BrainApex(objective.brain_apex_weight, pair_weights),
        TextAboveBrain(
            objective.text_above_brain_weight,
            objective.text_above_brain,
            objective.text_radius,
            objective.brain_radius,
        ),
        Extent(
            objective.extent_weight,
            torch.as_tensor(relative_extent(activations)),
            objective.min_extent_difference,
        ),
        Network(objective.network_weight, ancestors),
        drift,
    )


def _validation_score(
    text: Tensor, brain: Tensor, similarity: Similarity, sample_weight: np.ndarray | None = None
) -> Callable[[BrainTextModel], float]:
    """Make the function that scores a model on paired features."""

    def evaluate(model: BrainTextModel) -> float:
        with torch.inference_mode():
            points = model(text, brain)
            matrix = similarity(points.text, points.brain, model.curvature)
        return mean_recall(matrix.cpu().numpy(), fair_k(len(text)), sample_weight)

    return evaluate


def _similarity(objective: MNMObjective) -> Similarity:
    """Give what pairs are contrasted by, of what the model gives for points."""
    return row_similarity if objective.similarity == ANGLE else SIMILARITIES[objective.similarity]


def _leading_directions(text: np.ndarray, n_components: int) -> np.ndarray:
    """Orthonormal basis of what text predicts best (reduced-rank regression, Izenman 1975)."""
    if n_components == text.shape[1]:
        return np.eye(n_components, dtype=np.float32)
    _, vectors = np.linalg.eigh(text.T.astype(np.float64) @ text)
    return np.ascontiguousarray(vectors[:, ::-1][:, :n_components], dtype=np.float32)


def _progress_bar(epochs):
    from tqdm.auto import tqdm

    return tqdm(epochs, desc="epochs")
