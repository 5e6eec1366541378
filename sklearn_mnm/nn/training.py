"""The training loop: contrastive batches, early stopping, the best weights kept."""

import logging
import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sklearn_mnm.exceptions import DataWarning, TrainingDivergedError
from sklearn_mnm.nn.checkpoint import (
    Snapshot,
    check_training,
    load_snapshot,
    save_snapshot,
)
from sklearn_mnm.nn.optimizer import AdamW, Group
from sklearn_mnm.nn.towers import BrainTextModel, Points

logger = logging.getLogger(__name__)

# Larger weights, which training reaches only when it diverges, could make the towers overflow in
# float32; with smaller ones the points of all inputs are finite.
_LARGEST_WEIGHT = 1e9
# Epochs without a better validation score before training stops.
_PATIENCE = 4

Objective = Callable[[BrainTextModel, Points, Tensor], dict[str, Tensor]]


@dataclass(frozen=True)
class TrainingSettings:
    """How to train; the names are those of the estimators.

    Attributes
    ----------
    max_epochs : int
        Passes over the studies at most.
    batch_size : int
        Studies per step; also the number of candidates each pair is contrasted with.
    learning_rate : float
        Of the radius networks. The linear maps, which start from the closed form, move at a
        quarter of it, the inverse temperature and the curvature at three times it.
    weight_decay : float
        Of the radius networks (AdamW).
    """

    max_epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float


@dataclass
class TrainingResult:
    """What training did.

    Attributes
    ----------
    history : list of dict
        One record per epoch: ``epoch`` (0 is the start, before any step), ``loss`` and its
        parts, mean ``text_radius`` and ``brain_radius`` of the batches (or ``text_height`` and
        ``brain_height``), ``inverse_temperature``, ``curvature`` and ``validation_score``.
    best_epoch : int
        Epoch whose weights the model holds now.
    interrupted : bool
        Whether Ctrl-C ended training early.
    diverged : TrainingDivergedError or None
        The error that did.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    interrupted: bool = False
    diverged: TrainingDivergedError | None = None


def resolve_device(device: str) -> torch.device:
    """Turn ``"auto"`` into the best device of this machine.

    Parameters
    ----------
    device : str
        ``"auto"`` or any name that torch knows.
    """
    if device != "auto":
        return torch.device(device)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("cpu")


def train(
    model: BrainTextModel,
    objective: Objective,
    text: Tensor,
    brain: Tensor,
    *,
    evaluate: Callable[[BrainTextModel], float] | None,
    settings: TrainingSettings,
    seed: int,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
    callbacks: Sequence[Callable[[dict[str, float]], Any]] = (),
    checkpoint: Path | None = None,
) -> TrainingResult:
    """Minimise an objective over batches of paired features.

    Parameters
    ----------
    model : BrainTextModel
        Trained in place; holds the weights of the best epoch afterwards, the start included.
    objective : callable
        Takes the model, the points of a batch and the rows of the batch, and returns the
        weighted parts of the loss by name; their sum is minimised.
    text, brain : Tensor of shape (n_studies, n_features)
        Paired features, on any device.
    evaluate : callable or None
        Validation score of the model, higher is better. If None, train all epochs and keep the
        last weights.
    settings : TrainingSettings
        How to train.
    seed : int
        Of the order of the studies and of dropout.
    progress : callable, default=iter
        Wraps the sequence of epochs, e.g. by a progress bar.
    callbacks : sequence of callable, default=()
        Called with a copy of the record of each epoch; training stops if one returns True.
    checkpoint : Path or None, default=None
        File that holds the state after the last complete epoch. Training goes on from there if
        it exists; the caller sees to it that it is of the same training.

    Raises
    ------
    TrainingDivergedError
        If the loss is not finite, or the weights grew without bound. The model holds the best
        weights so far, and the error the result up to there.
    StorageError
        If `checkpoint` cannot be read or written; the epoch before stays in it.

    Warns
    -----
    DataWarning
        If `checkpoint` is damaged and training starts anew.
    """
    device = model.log_scale.device
    # Dropout draws from torch's global generator: fork it, so that fitting neither depends on nor
    # disturbs what the caller does with it.
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        run = _Run(model, settings, seed)
        snapshot = None if checkpoint is None else run.readable_snapshot(checkpoint)
        if snapshot is None:
            run.start(evaluate)
        else:
            run.restore(snapshot)
            logger.info(
                "going on after epoch %d of %s", run.result.history[-1]["epoch"], checkpoint
            )
        try:
            for epoch in progress(range(len(run.result.history), settings.max_epochs + 1)):
                if run.stopped:
                    break
                record = run.epoch(epoch, objective, text, brain)
                run.judge(record, evaluate)
                logger.debug("epoch %d: %s", epoch, record)
                if any([callback(dict(record)) is True for callback in callbacks]):
                    run.stopped = True
                if checkpoint is not None:
                    save_snapshot(checkpoint, run.snapshot())
        except KeyboardInterrupt:
            run.result.interrupted = True
        except TrainingDivergedError as error:
            run.result.diverged, error.result = error, run.result
            raise
        finally:
            model.load_state_dict(run.best_state)
            model.eval()
    return run.result


class _Run:
    """What changes while training."""

    def __init__(self, model: BrainTextModel, settings: TrainingSettings, seed: int):
        self.model, self.settings = model, settings
        self.optimizer = _optimizer(model, settings)
        self.order = torch.Generator().manual_seed(seed)
        self.result = TrainingResult()
        self.best_score = -math.inf
        self.best_state = _copy(model.state_dict())
        self.stopped = False

    def start(self, evaluate: Callable[[BrainTextModel], float] | None) -> None:
        self.model.eval()
        record: dict[str, float] = {"epoch": 0}
        if evaluate is not None:
            record["validation_score"] = self.best_score = evaluate(self.model)
        self.result.history.append(record)

    def epoch(
        self, epoch: int, objective: Objective, text: Tensor, brain: Tensor
    ) -> dict[str, float]:
        """Pass over the studies once, and return means over the batches."""
        model, settings = self.model, self.settings
        device = model.log_scale.device
        n_batches = max(1, round(len(text) / settings.batch_size))
        sums: dict[str, float] = {}
        model.train()
        batches = torch.randperm(len(text), generator=self.order).chunk(n_batches)
        for rows in batches:
            points = model(text[rows].to(device), brain[rows].to(device))
            parts = objective(model, points, rows)
            loss = torch.stack(list(parts.values())).sum()
            if not torch.isfinite(loss):
                raise self._diverged("The loss is not finite", epoch, parts)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            for name, part in {"loss": loss, **parts, **model.batch_summary(points)}.items():
                sums[name] = sums.get(name, 0.0) + float(part.detach()) / len(batches)
        # The last step has no loss after it that would tell.
        if not self._largest_weight() <= _LARGEST_WEIGHT or not model.log_scale.exp().isfinite():
            raise self._diverged("The weights left the range of single precision", epoch, parts)
        return {
            "epoch": epoch,
            **sums,
            "inverse_temperature": float(model.log_scale.detach().exp()),
            "curvature": float(model.curvature.detach()),
        }

    def judge(
        self, record: dict[str, float], evaluate: Callable[[BrainTextModel], float] | None
    ) -> None:
        """Keep the weights of an epoch if they are the best, and stop after too many others."""
        self.model.eval()
        if evaluate is not None:
            record["validation_score"] = evaluate(self.model)
        self.result.history.append(record)
        epoch = int(record["epoch"])
        if evaluate is None or record["validation_score"] > self.best_score:
            self.best_score = record.get("validation_score", self.best_score)
            self.best_state = _copy(self.model.state_dict())
            self.result.best_epoch = epoch
        elif epoch - self.result.best_epoch >= _PATIENCE:
            self.stopped = True

    def _largest_weight(self) -> float:
        """Largest absolute weight; NaN if there is one."""
        weights = [weight.detach().abs().max() for weight in self.model.parameters()]
        return float(torch.stack(weights).max())

    def _diverged(
        self, problem: str, epoch: int, parts: dict[str, Tensor]
    ) -> TrainingDivergedError:
        settings = self.settings
        values = ", ".join(f"{name}={float(part.detach()):g}" for name, part in parts.items())
        rates = f"learning_rate={settings.learning_rate:g}"
        if self.optimizer.state:
            if settings.learning_rate * settings.weight_decay > 1:
                rates += f" and weight_decay={settings.weight_decay:g}"
            cause = f"the largest weight is {self._largest_weight():g} by now. Lower {rates}."
        else:
            cause = (
                f"before the first step, so that {rates} is not the cause. Lower the weights of "
                "these parts, or inverse_temperature; or look for huge values in X and Y."
            )
        return TrainingDivergedError(f"{problem} in epoch {epoch} ({values}), {cause}")

    def snapshot(self) -> Snapshot:
        parts = {
            "model": self.model.state_dict(),
            "best": self.best_state,
            "random": {"order": self.order.get_state(), **_generator_states(self.model)},
            **{f"optimizer.{number}": state for number, state in self.optimizer.state.items()},
        }
        tensors = {
            f"{part}/{name}": t for part, named in parts.items() for name, t in named.items()
        }
        record = {
            "history": self.result.history,
            "best_epoch": self.result.best_epoch,
            "best_score": None if math.isinf(self.best_score) else self.best_score,
            "stopped": self.stopped,
        }
        return Snapshot(tensors, record)

    def readable_snapshot(self, path: Path) -> Snapshot | None:
        """Read a snapshot of this training; None, with a warning, if the file holds none."""
        parameters = self.optimizer.parameters
        try:
            snapshot = load_snapshot(path)
            if snapshot is not None:
                check_training(snapshot, self.snapshot(), parameters, self.settings.max_epochs)
        except ValueError as error:
            told = str(error).rstrip(".")
            told = told if str(path) in told else f"{path} is of no such training: {told}"
            warnings.warn(f"{told}. Training starts anew.", DataWarning, stacklevel=6)
            return None
        return snapshot

    def restore(self, snapshot: Snapshot) -> None:
        parts: dict[str, dict[str, Tensor]] = {}
        for path, tensor in snapshot.tensors.items():
            part, name = path.split("/", 1)
            parts.setdefault(part, {})[name] = tensor
        self.model.load_state_dict(parts.pop("model"))
        self.best_state = parts.pop("best")
        states = parts.pop("random")
        self.order.set_state(states["order"])
        torch.random.set_rng_state(states["cpu"])
        if "cuda" in states:
            torch.cuda.set_rng_state(states["cuda"], self.model.log_scale.device)
        self.optimizer.load_state({int(part.split(".")[1]): state for part, state in parts.items()})
        record = snapshot.record
        self.result.history, self.result.best_epoch = record["history"], record["best_epoch"]
        self.stopped = record["stopped"]
        if record["best_score"] is not None:
            self.best_score = record["best_score"]


def _copy(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in state.items()}


def _generator_states(model: BrainTextModel) -> dict[str, Tensor]:
    device = model.log_scale.device
    states = {"cpu": torch.random.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def _optimizer(model: BrainTextModel, settings: TrainingSettings) -> AdamW:
    towers = (model.text_tower, model.brain_tower)
    linear = [p for tower in towers for p in (tower.deviation, tower.offset)]
    radii = [p for tower in towers for p in tower.radius_network.parameters()]
    rate = settings.learning_rate
    return AdamW(
        [
            Group(linear, rate / 4),
            Group(radii, rate, settings.weight_decay),
            Group([model.log_scale, model.log_curvature], 3 * rate),
        ]
    )
