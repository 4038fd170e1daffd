"""RMSprop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.floats import on
from harness.messages import checks
from harness.optim.base import (
    State,
    running_mean,
    with_decay,
)

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class RMSprop:
    """Steps over the root mean square of recent gradients (Tieleman & Hinton 2012, lecture 6.5).

    Centred and with momentum it is Graves 2013 (https://arxiv.org/abs/1308.0850), equations 38 to
    41, except that torch adds ``eps`` outside the root. In float32 the centred form may take the
    root of a variance that rounding made negative, as torch's does: the trial then diverges.

    Attributes:
        lr: learning rate.
        alpha: decay of the mean of squared gradients, and of the mean of gradients if centred.
        eps: added to the root in the denominator.
        momentum: share of the previous update that is kept, in [0, 1).
        centered: divide by the standard deviation instead: take the squared mean off under the
            root.
        weight_decay: L2 penalty's factor: this times the parameter is added to its gradient.

    Raises:
        HarnessError: a number outside its range.

    Example:
        >>> import torch
        >>> from harness.optim import RMSprop
        >>> rule = RMSprop(lr=0.01)
        >>> params = torch.tensor([1.0, 2.0])
        >>> grads = torch.tensor([0.5, -0.5])
        >>> params, state = rule.update(grads, rule.init(params), params, factor=1.0)
        >>> params
        tensor([0.9000, 2.1000])
    """

    lr: float
    alpha: float = 0.99
    eps: float = 1e-8
    momentum: float = 0.0
    centered: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        checks.positive(self, "lr", self.lr, 0.001)
        checks.share(self, "alpha", self.alpha, 0.99)
        checks.positive(self, "eps", self.eps, 1e-8)
        checks.share(self, "momentum", self.momentum, 0.9)
        checks.flag(self, "centered", self.centered)
        checks.at_least(self, "weight_decay", self.weight_decay, 0.0005)

    def init(self, params: torch.Tensor) -> State:
        """Return the means, and the velocity where there is momentum, all zero at first."""
        import torch

        names = ["square"]
        names += ["mean"] if self.centered else []
        names += ["velocity"] if on(self.momentum) else []
        return {name: torch.zeros_like(params) for name in names}

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
        square = state["square"] * self.alpha + grads * grads * (1 - self.alpha)
        after = {"square": square}
        if self.centered:
            after["mean"] = running_mean(state["mean"], grads, self.alpha)
            square = square - after["mean"] * after["mean"]
        step = grads / (square.sqrt() + self.eps)
        if on(self.momentum):
            step = state["velocity"] * self.momentum + step
            after["velocity"] = step
        return params - step * (self.lr * factor), after
