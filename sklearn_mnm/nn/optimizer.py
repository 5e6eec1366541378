"""AdamW without the compiler of torch."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.optim.adamw import adamw

_BETAS, _EPSILON = (0.9, 0.999), 1e-8


class Group(NamedTuple):
    """Parameters that are trained alike.

    Attributes
    ----------
    parameters : sequence of Tensor
    learning_rate : float
    weight_decay : float, default=0.0
        0 makes Adam of AdamW.
    """

    parameters: Sequence[Tensor]
    learning_rate: float
    weight_decay: float = 0.0


class AdamW:
    """What ``torch.optim.AdamW`` does (Loshchilov & Hutter 2019, arXiv 1711.05101).

    That class imports the compiler of torch as soon as there is one: a second and 70 MB, of which
    training without ``torch.compile`` uses nothing. The steps are those of torch.

    Parameters
    ----------
    groups : list of Group

    Attributes
    ----------
    parameters : list of Tensor
        Of all groups.
    state : dict of int to dict of str to Tensor
        By the number of the parameter: ``step``, ``exp_avg`` and ``exp_avg_sq``. Before its first
        gradient a parameter has none.
    """

    def __init__(self, groups: list[Group]):
        self._groups = groups
        self.parameters = [parameter for group in groups for parameter in group.parameters]
        self.state: dict[int, dict[str, Tensor]] = {}

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move the parameters that have gradients."""
        numbers = iter(range(len(self.parameters)))
        for group in self._groups:
            moved, gradients, states = [], [], []
            for parameter, number in zip(group.parameters, numbers, strict=False):
                if parameter.grad is not None:
                    moved.append(parameter)
                    gradients.append(parameter.grad)
                    states.append(self._state_of(number))
            adamw(
                moved,
                gradients,
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
                [],
                [state["step"] for state in states],
                amsgrad=False,
                beta1=_BETAS[0],
                beta2=_BETAS[1],
                lr=group.learning_rate,
                weight_decay=group.weight_decay,
                eps=_EPSILON,
                maximize=False,
            )

    def _state_of(self, number: int) -> dict[str, Tensor]:
        if number not in self.state:
            parameter = self.parameters[number]
            moments = {name: torch.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")}
            self.state[number] = {"step": torch.zeros((), dtype=torch.float32), **moments}
        return self.state[number]

    def load_state(self, state: dict[int, dict[str, Tensor]]) -> None:
        """Go on from the state of another.

        Parameters
        ----------
        state : dict of int to dict of str to Tensor
            See `state`; on any device.
        """
        self.state = {
            number: {
                name: tensor if name == "step" else tensor.to(self.parameters[number].device)
                for name, tensor in of_parameter.items()
            }
            for number, of_parameter in state.items()
        }
