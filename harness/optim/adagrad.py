"""Adagrad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.floats import on
from harness.messages import checks
from harness.optim.base import State, count, with_decay

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Adagrad:
    """Steps over the root of the sum of all squared gradients so far.

    Duchi, Hazan & Singer 2011 (https://jmlr.org/papers/v12/duchi11a.html), figure 1 with the
    diagonal matrix, in torch's form.

    Attributes:
        lr: learning rate.
        lr_decay: after t steps the rate is divided by ``1 + t * lr_decay``.
        eps: added to the root in the denominator.
        initial: what the sums begin with; torch's ``initial_accumulator_value``.
        weight_decay: L2 penalty's factor: this times the parameter is added to its gradient.

    Raises:
        HarnessError: a number outside its range.

    Example:
        >>> import torch
        >>> from harness.optim import Adagrad
        >>> rule = Adagrad(lr=0.1)
        >>> params = torch.tensor([1.0, 2.0])
        >>> grads = torch.tensor([0.5, -0.5])
        >>> params, state = rule.update(grads, rule.init(params), params, factor=1.0)
        >>> params
        tensor([0.9000, 2.1000])
    """

    lr: float
    lr_decay: float = 0.0
    eps: float = 1e-10
    initial: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        checks.positive(self, "lr", self.lr, 0.01)
        checks.at_least(self, "lr_decay", self.lr_decay, 0.001)
        checks.positive(self, "eps", self.eps, 1e-10)
        checks.at_least(self, "initial", self.initial, 0.1)
        checks.at_least(self, "weight_decay", self.weight_decay, 0.0005)

    def init(self, params: torch.Tensor) -> State:
        """Return the sums of squares and, where the rate decays, the number of steps taken."""
        import torch

        # added, because torch.full_like takes no tensor
        total = torch.zeros_like(params) + self.initial
        return {"total": total, "step": count(params)} if on(self.lr_decay) else {"total": total}

    def update(
        self,
        grads: torch.Tensor,
        state: State,
        params: torch.Tensor,
        factor: torch.Tensor | float,
        decays: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, State]:
        """Return new parameters and state (see :mod:`harness.optim`)."""
        grads = with_decay(grads, params, self.weight_decay, decays)
        rate = self.lr * factor
        total = state["total"] + grads * grads
        after = {"total": total}
        if on(self.lr_decay):
            # number / tensor is this too, but tensor / tensor rounds differently
            rate = rate * (1 + state["step"] * self.lr_decay).reciprocal()
            after["step"] = state["step"] + 1
        return params - grads / (total.sqrt() + self.eps) * rate, after
