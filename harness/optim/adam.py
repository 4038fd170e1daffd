"""Adam, with weight decay in the gradient or apart from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.floats import on
from harness.messages import checks
from harness.optim.base import (
    Float,
    State,
    count,
    running_mean,
    with_decay,
)

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class _Moments:
    """What both forms of Adam share: all but the place of weight decay."""

    lr: float
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def _check(self, amsgrad: bool, weight_decay: float) -> None:
        checks.positive(self, "lr", self.lr, 0.001)
        checks.share(self, "beta1", self.beta1, 0.9)
        checks.share(self, "beta2", self.beta2, 0.999)
        checks.positive(self, "eps", self.eps, 1e-8)
        checks.flag(self, "amsgrad", amsgrad)
        checks.at_least(self, "weight_decay", weight_decay, 0.01)

    def _zeros(self, params: torch.Tensor, amsgrad: bool) -> State:
        import torch

        names = ["mean", "square", "largest"] if amsgrad else ["mean", "square"]
        return {"step": count(params)} | {name: torch.zeros_like(params) for name in names}

    def _step(
        self, grads: torch.Tensor, state: State, params: torch.Tensor, rate: Float
    ) -> tuple[torch.Tensor, State]:
        import torch

        step = state["step"] + 1
        mean = running_mean(state["mean"], grads, self.beta1)
        square = state["square"] * self.beta2 + grads * grads * (1 - self.beta2)
        after = {"step": step, "mean": mean, "square": square}
        if "largest" in state:
            square = after["largest"] = torch.maximum(state["largest"], square)
        # number / tensor is this too, but tensor / tensor rounds differently
        size = rate * (1 - self.beta1**step).reciprocal()
        root = square.sqrt() / (1 - self.beta2**step).sqrt() + self.eps
        return params - mean / root * size, after


@dataclass(frozen=True)
class Adam(_Moments):
    """Adam (Kingma & Ba 2014, https://arxiv.org/abs/1412.6980, algorithm 1).

    Attributes:
        lr: learning rate.
        beta1: decay of the mean of gradients.
        beta2: decay of the mean of squared gradients.
        eps: added to the root in the denominator.
        amsgrad: divide by the root of the largest mean square so far (Reddi, Kale & Kumar 2018,
            https://arxiv.org/abs/1904.09237, algorithm 2, in torch's form).
        weight_decay: L2 penalty's factor: this times the parameter is added to its gradient.

    Raises:
        HarnessError: a number outside its range.

    Example:
        >>> import torch
        >>> from harness.optim import Adam
        >>> rule = Adam(lr=0.1)
        >>> params = torch.tensor([1.0, 2.0])
        >>> grads = torch.tensor([0.5, -0.5])
        >>> params, state = rule.update(grads, rule.init(params), params, factor=1.0)
        >>> params
        tensor([0.9000, 2.1000])
    """

    amsgrad: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        self._check(self.amsgrad, self.weight_decay)

    def init(self, params: torch.Tensor) -> State:
        """Return zero moments and a step count of zero."""
        return self._zeros(params, self.amsgrad)

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
        return self._step(grads, state, params, self.lr * factor)


@dataclass(frozen=True)
class AdamW(_Moments):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2017, 1711.05101, algorithm 2).

    Attributes:
        lr: learning rate.
        beta1: decay of the mean of gradients.
        beta2: decay of the mean of squared gradients.
        eps: added to the root in the denominator.
        weight_decay: share of each parameter taken off per step, times the learning rate.
        amsgrad: divide by the root of the largest mean square so far (see :class:`Adam`).

    Raises:
        HarnessError: a number outside its range.

    Example:
        >>> import torch
        >>> from harness.optim import AdamW
        >>> rule = AdamW(lr=0.1, weight_decay=0.01)
        >>> params = torch.tensor([1.0, 2.0])
        >>> grads = torch.tensor([0.5, -0.5])
        >>> params, state = rule.update(grads, rule.init(params), params, factor=1.0)
        >>> params
        tensor([0.8990, 2.0980])
    """

    weight_decay: float = 0.01
    amsgrad: bool = False

    def __post_init__(self) -> None:
        self._check(self.amsgrad, self.weight_decay)

    def init(self, params: torch.Tensor) -> State:
        """Return zero moments and a step count of zero."""
        return self._zeros(params, self.amsgrad)

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

        rate = self.lr * factor
        if on(self.weight_decay):
            kept = params * (1 - rate * self.weight_decay)
            params = kept if decays is None else torch.where(decays > 0, kept, params)
        return self._step(grads, state, params, rate)
