"""Stochastic gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.floats import on
from harness.messages import checks
from harness.messages.errors import HarnessError
from harness.optim.base import (
    State,
    count,
    with_decay,
)

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with momentum (Sutskever et al. 2013, in torch's form).

    Attributes:
        lr: learning rate.
        momentum: share of the previous update that is kept, in [0, 1); heavy ball (Polyak 1964).
        dampening: share of each gradient but the first that momentum leaves out, in [0, 1).
        nesterov: look ahead along the momentum before stepping.
        weight_decay: L2 penalty's factor: this times the parameter is added to its gradient.

    Raises:
        HarnessError: a number outside its range; dampening or Nesterov's form without momentum, or
            both of them at once.

    Example:
        >>> import torch
        >>> from harness.optim import SGD
        >>> rule = SGD(lr=0.1, momentum=0.9)
        >>> params = torch.tensor([1.0, 2.0])
        >>> grads = torch.tensor([0.5, -0.5])
        >>> params, state = rule.update(grads, rule.init(params), params, factor=1.0)
        >>> params
        tensor([0.9500, 2.0500])
    """

    lr: float
    momentum: float = 0.0
    dampening: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        checks.positive(self, "lr", self.lr, 0.1)
        checks.share(self, "momentum", self.momentum, 0.9)
        checks.share(self, "dampening", self.dampening, 0.1)
        checks.flag(self, "nesterov", self.nesterov)
        checks.at_least(self, "weight_decay", self.weight_decay, 0.0005)
        if self.nesterov and not self.momentum:
            raise HarnessError(
                "SGD(nesterov=True) must have momentum", "momentum=0", "Write momentum=0.9, say."
            )
        if self.dampening and (self.nesterov or not self.momentum):
            raise HarnessError(
                "SGD(dampening=...) must have momentum, and not Nesterov's",
                f"momentum={self.momentum!r} and nesterov={self.nesterov}",
                "Write dampening=0, or momentum=0.9 and nesterov=False.",
            )

    def init(self, params: torch.Tensor) -> State:
        """Return the velocity, zero at first: torch starts it at the first gradient, the same."""
        import torch

        if not on(self.momentum):
            return {}
        state = {"velocity": torch.zeros_like(params)}
        return state | {"begun": count(params)} if on(self.dampening) else state

    def update(
        self,
        grads: torch.Tensor,
        state: State,
        params: torch.Tensor,
        factor: torch.Tensor | float,
        decays: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, State]:
        """Return new parameters and state (see :mod:`harness.optim`)."""
        import torch

        grads = with_decay(grads, params, self.weight_decay, decays)
        if on(self.momentum):
            fresh = grads
            if on(self.dampening):
                # torch takes the first gradient whole: `begun` is 0 then, and 1 afterwards
                begun = state["begun"]
                fresh = grads * (1 - self.dampening * begun)
                state = {"begun": torch.ones_like(begun), "velocity": state["velocity"]}
            velocity = state["velocity"] * self.momentum + fresh
            grads = grads + velocity * self.momentum if self.nesterov else velocity
            state = {**state, "velocity": velocity}
        return params - grads * (self.lr * factor), state
