"""Optimizers as ``init`` and ``update`` over explicit state.

All parameters of a network are one vector, and every rule here is elementwise, so one call updates
the whole network. The rules and the order of their operations are torch.optim's; tests hold the two
equal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from harness.errors import HarnessError

State = dict[str, torch.Tensor]


def _at_least(owner: str, name: str, value: float, low: float, *, open_low: bool = False) -> None:
    inside = isinstance(value, int | float) and math.isfinite(value)
    if not inside or value < low or (open_low and value == low):
        raise HarnessError(
            f"{owner}({name}=...) must be {'above' if open_low else 'at least'} {low:g} and finite",
            repr(value),
            f"Write {name}=0.1, say.",
        )


def _below_one(owner: str, name: str, value: float) -> None:
    if not isinstance(value, int | float) or not 0 <= value < 1:
        raise HarnessError(
            f"{owner}({name}=...) must lie in [0, 1)", repr(value), f"Write {name}=0.9, say."
        )


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with momentum (Sutskever et al. 2013, in torch's form).

    Attributes:
        lr: learning rate.
        momentum: share of the previous update that is kept.
        nesterov: look ahead along the momentum before stepping.
        weight_decay: L2 penalty's factor, added to the gradient of every parameter.
    """

    lr: float
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _at_least("SGD", "lr", self.lr, 0, open_low=True)
        _below_one("SGD", "momentum", self.momentum)
        _at_least("SGD", "weight_decay", self.weight_decay, 0)
        if self.nesterov and not self.momentum:
            raise HarnessError(
                "SGD(nesterov=True) must have momentum", "momentum=0", "Write momentum=0.9, say."
            )

    def init(self, params: torch.Tensor) -> State:
        """Return the velocity, zero at first: torch starts it at the first gradient, the same."""
        return {"velocity": torch.zeros_like(params)} if self.momentum else {}

    def update(
        self, grads: torch.Tensor, state: State, params: torch.Tensor, factor: torch.Tensor | float
    ) -> tuple[torch.Tensor, State]:
        """Return new parameters and state; ``factor`` multiplies the learning rate."""
        if self.weight_decay:
            grads = grads + params * self.weight_decay
        if self.momentum:
            velocity = state["velocity"] * self.momentum + grads
            grads = grads + velocity * self.momentum if self.nesterov else velocity
            state = {"velocity": velocity}
        return params - grads * (self.lr * factor), state


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2017, 1711.05101, algorithm 2).

    Attributes:
        lr: learning rate.
        beta1: decay of the mean of gradients.
        beta2: decay of the mean of squared gradients.
        eps: added to the root in the denominator.
        weight_decay: share of each parameter taken off per step, times the learning rate.
    """

    lr: float
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        _at_least("AdamW", "lr", self.lr, 0, open_low=True)
        _below_one("AdamW", "beta1", self.beta1)
        _below_one("AdamW", "beta2", self.beta2)
        _at_least("AdamW", "eps", self.eps, 0, open_low=True)
        _at_least("AdamW", "weight_decay", self.weight_decay, 0)

    def init(self, params: torch.Tensor) -> State:
        """Return zero moments and a step count of zero."""
        return {
            "mean": torch.zeros_like(params),
            "square": torch.zeros_like(params),
            # float64, because 1 - beta2 ** step loses digits in float32
            "step": torch.zeros((), dtype=torch.float64, device=params.device),
        }

    def update(
        self, grads: torch.Tensor, state: State, params: torch.Tensor, factor: torch.Tensor | float
    ) -> tuple[torch.Tensor, State]:
        """Return new parameters and state; ``factor`` multiplies the learning rate."""
        lr = self.lr * factor
        step = state["step"] + 1
        params = params * (1 - lr * self.weight_decay)
        mean = torch.lerp(state["mean"], grads, 1 - self.beta1)
        square = state["square"] * self.beta2 + grads * grads * (1 - self.beta2)
        size = lr / (1 - self.beta1**step)
        root = square.sqrt() / (1 - self.beta2**step).sqrt() + self.eps
        return params - mean / root * size, {"mean": mean, "square": square, "step": step}
