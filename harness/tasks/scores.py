"""Scores: numbers of a whole part of the data, from sums over its batches.

A score is ``init``, ``update`` and ``value`` over explicit state, as an optimizer is, so that the
scores of many trials are taken together under ``torch.func.vmap``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch

    State = dict[str, torch.Tensor]


PARTS = ("train", "validation", "test")
"""The parts of the data that scores are taken of."""

BETTER: dict[str, Literal["higher", "lower"]] = {
    "loss": "lower", "accuracy": "higher", "squared_error": "lower", "absolute_error": "lower",
    "r2": "higher", "perplexity": "lower", "iou": "higher", "border_iou": "higher",
    "frechet_distance": "lower",
}  # fmt: skip
"""Every score of the harness by name, and which direction is better."""


@runtime_checkable
class Score(Protocol):
    """A number that says how well a network does on a part of the data.

    It is recorded as ``train_NAME``, ``validation_NAME`` and ``test_NAME``: a metric of each name
    is in :mod:`harness.study.metrics`.
    """

    @property
    def name(self) -> str:
        """Its name, such as ``"accuracy"``."""

    def init(self, device: torch.device) -> State:
        """Return the state before the first batch: tensors on a device."""

    def update(self, state: State, outputs: torch.Tensor, targets: torch.Tensor) -> State:
        """Return the state after one more batch.

        Args:
            state: what ``init`` or the batch before returned.
            outputs: ``[batch, ...]``, what the network says of the batch.
            targets: ``[batch, ...]``.
        """

    def value(self, state: State) -> torch.Tensor:
        """Return the score, float64, of no dimensions."""


def no_sum(device: torch.device) -> State:
    """Return a sum and a count of nothing."""
    import torch

    return {name: torch.zeros((), dtype=torch.float64, device=device) for name in ("sum", "count")}


def _added(state: State, total: torch.Tensor, count: int) -> State:
    return {"sum": state["sum"] + total.double(), "count": state["count"] + count}


def mean_of(state: State) -> torch.Tensor:
    """Return a sum over its count."""
    return state["sum"] / state["count"]


@dataclass(frozen=True)
class CrossEntropyScore:
    """Mean cross-entropy in nats, of logits ``[batch, classes]`` and labels int64 ``[batch]``."""

    name: ClassVar[str] = "loss"

    def init(self, device: torch.device) -> State:
        """Return sums of nothing; see :class:`Score`."""
        return no_sum(device)

    def update(self, state: State, outputs: torch.Tensor, targets: torch.Tensor) -> State:
        """Add a batch; see :class:`Score`."""
        import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation

        return _added(state, F.cross_entropy(outputs, targets, reduction="sum"), len(targets))

    def value(self, state: State) -> torch.Tensor:
        """Return the mean; see :class:`Score`."""
        return mean_of(state)


@dataclass(frozen=True)
class Accuracy:
    """Share of examples whose class has the largest logit; of equal ones the first counts."""

    name: ClassVar[str] = "accuracy"

    def init(self, device: torch.device) -> State:
        """Return sums of nothing; see :class:`Score`."""
        return no_sum(device)

    def update(self, state: State, outputs: torch.Tensor, targets: torch.Tensor) -> State:
        """Add a batch; see :class:`Score`."""
        return _added(state, (outputs.argmax(dim=1) == targets).sum(), len(targets))

    def value(self, state: State) -> torch.Tensor:
        """Return the share; see :class:`Score`."""
        return mean_of(state)


@dataclass(frozen=True)
class SquaredError:
    """Mean squared error, of quantities ``[batch, quantities]``."""

    name: ClassVar[str] = "squared_error"

    def init(self, device: torch.device) -> State:
        """Return sums of nothing; see :class:`Score`."""
        return no_sum(device)

    def update(self, state: State, outputs: torch.Tensor, targets: torch.Tensor) -> State:
        """Add a batch; see :class:`Score`."""
        error = outputs.double() - targets.double()
        return _added(state, error.square().sum(), targets.numel())

    def value(self, state: State) -> torch.Tensor:
        """Return the mean; see :class:`Score`."""
        return mean_of(state)


@dataclass(frozen=True)
class AbsoluteError:
    """Mean absolute error, of quantities ``[batch, quantities]``."""

    name: ClassVar[str] = "absolute_error"

    def init(self, device: torch.device) -> State:
        """Return sums of nothing; see :class:`Score`."""
        return no_sum(device)

    def update(self, state: State, outputs: torch.Tensor, targets: torch.Tensor) -> State:
        """Add a batch; see :class:`Score`."""
        error = outputs.double() - targets.double()
        return _added(state, error.abs().sum(), targets.numel())

    def value(self, state: State) -> torch.Tensor:
        """Return the mean; see :class:`Score`."""
        return mean_of(state)


@dataclass(frozen=True)
class R2:
    """Share of the variance of each quantity that is explained, mean over quantities; at most 1.

    No number where a quantity is the same in all examples. Sums of squares about the mean are
    merged batch by batch, so that an offset costs no digits (Chan, Golub & LeVeque 1983, The
    American Statistician 37, equation 2.1).
    """

    name: ClassVar[str] = "r2"

    def init(self, device: torch.device) -> State:
        """Return sums of nothing; see :class:`Score`."""
        import torch

        names = ("count", "mean", "spread", "error")
        return {name: torch.zeros(1, dtype=torch.float64, device=device) for name in names}

    def update(self, state: State, outputs: torch.Tensor, targets: torch.Tensor) -> State:
        """Add a batch; see :class:`Score`."""
        wanted = targets.double()
        mean, more = wanted.mean(dim=0), len(targets)
        count = state["count"] + more
        apart = mean - state["mean"]
        spread = (wanted - mean).square().sum(dim=0)
        return {
            "count": count,
            "mean": state["mean"] + apart * (more / count),
            "spread": state["spread"] + spread + apart.square() * (state["count"] * more / count),
            "error": state["error"] + (outputs.double() - wanted).square().sum(dim=0),
        }

    def value(self, state: State) -> torch.Tensor:
        """Return the share, NaN where a quantity does not vary; see :class:`Score`."""
        spread = state["spread"]
        return (1 - state["error"] / spread.where(spread > 0, math.nan)).mean()
