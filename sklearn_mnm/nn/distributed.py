"""Training by several processes that see each other's studies as candidates."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, cast

import torch
from torch import Tensor, distributed

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.nn.towers import BrainTextModel, Points

_TRAINING_IS_SHARED = ContextVar("training_is_shared", default=False)


@contextmanager
def shared_training() -> Iterator[None]:
    """Let the fits inside share each batch among the processes of a group.

    All processes fit the same estimator to the same data, with the same int as `random_state`; see
    :func:`shared_batches` for what they share and what comes out. It is asked for, and not assumed
    wherever there is a group, because processes of a group may also fit each its own model.

    Raises
    ------
    InvalidInputError
        If this is none of a group of processes.
    """
    _check_group()
    token = _TRAINING_IS_SHARED.set(True)
    try:
        yield
    finally:
        _TRAINING_IS_SHARED.reset(token)


def shared_if_asked(model: BrainTextModel) -> AbstractContextManager[BrainTextModel]:
    """Return `shared_batches` within `shared_training`, elsewhere the model as it is."""
    return shared_batches(model) if _TRAINING_IS_SHARED.get() else nullcontext(model)


@contextmanager
def shared_batches(model: BrainTextModel) -> Iterator[BrainTextModel]:
    """Let each process embed its share of every batch, and contrast it with all of the batch.

    All processes give the same data, batches and seed to ``sklearn_mnm.nn.training.train``.
    The model embeds a share of the rows that it is called with and gathers those of the others,
    so that the objective is computed of whole batches, as by one process. The gradients with
    respect to a share are then sums over the processes, and those of the weights are averaged:
    they are those of one process, and so are the weights after each step, up to rounding. Dropout
    draws other units than in one process.

    Parameters
    ----------
    model : BrainTextModel
        The same weights are given to all processes, those of the first one.

    Yields
    ------
    model : BrainTextModel
        The same, until the end of the context.

    Raises
    ------
    InvalidInputError
        If this is none of a group of processes, as ``lightning.fabric.Fabric.launch`` or
        ``torchrun`` and ``torch.distributed.init_process_group`` make them, or `model` is another
        object.
    """
    _check_group()
    if not isinstance(model, BrainTextModel):
        raise InvalidInputError(
            f"model is a {type(model).__name__}. Give the BrainTextModel that is trained; "
            "estimators are fitted within shared_training."
        )
    n_processes, own = distributed.get_world_size(), distributed.get_rank()
    for tensor in model.state_dict().values():
        distributed.broadcast(tensor, 0)
    n_rows = 0

    def take_share(_: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        nonlocal n_rows
        n_rows = len(inputs[0])
        # Shares of one size, as gathering asks for: some rows come twice if need be.
        share = -(-n_rows // n_processes)
        rows = torch.arange(own * share, (own + 1) * share) % n_rows
        return tuple(features[rows.to(features.device)] for features in inputs)

    def gather(_: Any, inputs: Any, points: Points) -> Points:
        return Points(*(_Gathered.apply(side)[:n_rows] for side in points))

    def average(weight: Tensor) -> None:
        gradient = cast(Tensor, weight.grad)
        distributed.all_reduce(gradient)
        gradient /= n_processes

    handles: list[Any] = [
        model.register_forward_pre_hook(take_share),
        model.register_forward_hook(gather),
        *(
            weight.register_post_accumulate_grad_hook(average)
            for weight in model.parameters()
            if weight.requires_grad
        ),
    ]
    try:
        yield model
    finally:
        for handle in handles:
            handle.remove()


def _check_group() -> None:
    if not (distributed.is_available() and distributed.is_initialized()):
        raise InvalidInputError(
            "This process is none of a process group. Start the processes with "
            "lightning.fabric.Fabric.launch, or with torchrun, and call "
            "torch.distributed.init_process_group first."
        )


class _Gathered(torch.autograd.Function):
    """Rows of all processes, whose gradient in one of them is the sum over all."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows) for _ in range(distributed.get_world_size())]
        distributed.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(gradient)
        return gradient.chunk(distributed.get_world_size())[distributed.get_rank()]
