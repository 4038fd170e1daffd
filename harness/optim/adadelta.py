"""Adadelta."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.messages import checks
from harness.optim.base import State, with_decay

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Adadelta:
    """Steps in proportion to the root mean square of past steps over that of gradients.

    Zeiler 2012, https://arxiv.org/abs/1212.5701, algorithm 1, which has no learning rate: here as
    in torch it is 1 unless given.

    Attributes:
        lr: what each step is multiplied by.
        rho: decay of both means of squares.
        eps: added to the means under both roots; the first steps are about its root long.
        weight_decay: L2 penalty's factor: this times the parameter is added to its gradient.

    Raises:
        HarnessError: a number outside its range.

    Example:
        >>> import torch
        >>> from harness.optim import Adadelta
        >>> rule = Adadelta(lr=1.0)
        >>> params = torch.tensor([1.0, 2.0])
        >>> grads = torch.tensor([0.5, -0.5])
        >>> params, state = rule.update(grads, rule.init(params), params, factor=1.0)
        >>> params
        tensor([0.9968, 2.0032])
    """

    lr: float = 1.0
    rho: float = 0.9
    eps: float = 1e-6
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        checks.positive(self, "lr", self.lr, 1.0)
        checks.share(self, "rho", self.rho, 0.9)
        checks.positive(self, "eps", self.eps, 1e-6)
        checks.at_least(self, "weight_decay", self.weight_decay, 0.0005)

    def init(self, params: torch.Tensor) -> State:
        """Return the means of squared gradients and of squared steps, zero at first."""
        import torch

        return {"square": torch.zeros_like(params), "moved": torch.zeros_like(params)}

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
        square = state["square"] * self.rho + grads * grads * (1 - self.rho)
        delta = (state["moved"] + self.eps).sqrt() / (square + self.eps).sqrt() * grads
        moved = state["moved"] * self.rho + delta * delta * (1 - self.rho)
        return params - delta * (self.lr * factor), {"square": square, "moved": moved}
