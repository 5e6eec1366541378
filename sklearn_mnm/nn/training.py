"""The training loop: contrastive batches, early stopping, the best weights kept."""

import copy
import logging
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from sklearn_mnm.exceptions import TrainingDivergedError
from sklearn_mnm.nn.towers import BrainTextModel, Points

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingSettings:
    """How to train; the names are those of the estimator.

    Attributes
    ----------
    max_epochs : int
        Passes over the studies at most.
    batch_size : int
        Studies per step; also the number of candidates each pair is contrasted with.
    learning_rate : float
        Of the radius networks and the scale. The linear maps, which start from the closed
        form, move at a quarter of it.
    weight_decay : float
        Of the radius networks (AdamW).
    patience : int
        Epochs without a better validation score before training stops.
    """

    max_epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    patience: int


@dataclass
class TrainingResult:
    """What training did.

    Attributes
    ----------
    history : list of dict
        One record per epoch: ``epoch`` (0 is the start, before any step), ``loss`` and its
        parts, ``validation_score``, ``scale`` and ``curvature``.
    best_epoch : int
        Epoch whose weights the model holds now.
    interrupted : bool
        Whether Ctrl-C ended training early.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    interrupted: bool = False


def resolve_device(device: str) -> torch.device:
    """Turn ``"auto"`` into the best device of this machine.

    Parameters
    ----------
    device : str
        ``"auto"`` or any name that torch knows.

    Returns
    -------
    device : torch.device
    """
    if device != "auto":
        return torch.device(device)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("cpu")


def train(
    model: BrainTextModel,
    objective: Callable[[BrainTextModel, Points, Tensor], dict[str, Tensor]],
    text: Tensor,
    brain: Tensor,
    *,
    evaluate: Callable[[BrainTextModel], float] | None,
    settings: TrainingSettings,
    seed: int,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
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
        Validation score of the model, higher is better. None trains all epochs and keeps the
        last weights.
    settings : TrainingSettings
        How to train.
    seed : int
        Of the order of the studies and of dropout.
    progress : callable, default=iter
        Wraps the sequence of epochs, e.g. by a progress bar.

    Returns
    -------
    result : TrainingResult

    Raises
    ------
    TrainingDivergedError
        If the loss is not finite. The model holds the best weights so far.
    """
    device = model.log_scale.device
    generator = torch.Generator().manual_seed(seed)
    n_batches = max(1, round(len(text) / settings.batch_size))
    result = TrainingResult()
    model.eval()
    best_score = -math.inf if evaluate is None else evaluate(model)
    best_state = copy.deepcopy(model.state_dict())
    result.history.append(
        {"epoch": 0, "validation_score": best_score} if evaluate else {"epoch": 0}
    )
    # Dropout draws from torch's global generator, and so does the first use of an optimizer:
    # fork it, so that fitting neither depends on nor disturbs what the caller does with it.
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        optimizer = _optimizer(model, settings)
        try:
            for epoch in progress(range(1, settings.max_epochs + 1)):
                model.train()
                sums: dict[str, float] = {}
                for rows in torch.randperm(len(text), generator=generator).chunk(n_batches):
                    points = model(text[rows].to(device), brain[rows].to(device))
                    parts = objective(model, points, rows)
                    loss = torch.stack(list(parts.values())).sum()
                    if not torch.isfinite(loss):
                        raise _diverged(parts, epoch, settings)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    for name, part in {"loss": loss, **parts}.items():
                        sums[name] = sums.get(name, 0.0) + float(part.detach()) / n_batches
                model.eval()
                record: dict[str, Any] = {"epoch": epoch, **sums}
                record["scale"] = float(model.log_scale.detach().exp())
                record["curvature"] = float(model.curvature.detach())
                if evaluate is not None:
                    record["validation_score"] = evaluate(model)
                result.history.append(record)
                logger.debug("epoch %d: %s", epoch, record)
                if evaluate is None or record["validation_score"] > best_score:
                    best_score = record.get("validation_score", best_score)
                    best_state = copy.deepcopy(model.state_dict())
                    result.best_epoch = epoch
                elif epoch - result.best_epoch >= settings.patience:
                    break
        except KeyboardInterrupt:
            result.interrupted = True
        finally:
            model.load_state_dict(best_state)
            model.eval()
    return result


def _optimizer(model: BrainTextModel, settings: TrainingSettings) -> torch.optim.Optimizer:
    towers = (model.text_tower, model.brain_tower)
    linear = [p for tower in towers for p in (tower.deviation, tower.offset)]
    radii = [p for tower in towers for p in tower.radius_network.parameters()]
    rate = settings.learning_rate
    return torch.optim.AdamW(
        [
            {"params": linear, "lr": rate / 4, "weight_decay": 0.0},
            {"params": radii, "lr": rate, "weight_decay": settings.weight_decay},
            {
                "params": [model.log_scale, model.log_curvature],
                "lr": 3 * rate,
                "weight_decay": 0.0,
            },
        ]
    )


def _diverged(
    parts: dict[str, Tensor], epoch: int, settings: TrainingSettings
) -> TrainingDivergedError:
    values = ", ".join(f"{name}={float(part.detach()):g}" for name, part in parts.items())
    return TrainingDivergedError(
        f"The loss is not finite in epoch {epoch} ({values}). Lower learning_rate="
        f"{settings.learning_rate:g}, or look for huge values in X and Y."
    )
