"""Scores: numbers of a whole part of the data, from sums over its batches.

A score is ``init``, ``update`` and ``value`` over explicit state, as an optimizer is, so that the
scores of many trials are taken together under ``torch.func.vmap``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch

    State = dict[str, torch.Tensor]


@runtime_checkable
class Score(Protocol):
    """A number that says how well a network does on a part of the data.

    It is recorded as ``train_NAME``, ``validation_NAME`` and ``test_NAME``: a metric of each name
    is in :mod:`harness.study.metrics`.
    """

    @property
    def name(self) -> str:
        """Its name, such as ``"accuracy"``."""

    @property
    def better(self) -> Literal["higher", "lower"]:
        """Which direction is better."""

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


def _nothing(device: torch.device) -> State:
    import torch

    return {name: torch.zeros((), dtype=torch.float64, device=device) for name in ("sum", "count")}


def _added(state: State, total: torch.Tensor, count: int) -> State:
    return {"sum": state["sum"] + total.double(), "count": state["count"] + count}


def _mean(state: State) -> torch.Tensor:
    return state["sum"] / state["count"]


@dataclass(frozen=True)
class CrossEntropyScore:
    """Mean cross-entropy in nats, of logits ``[batch, classes]`` and labels int64 ``[batch]``."""

    name: ClassVar[str] = "loss"
    better: ClassVar[Literal["higher", "lower"]] = "lower"

    def init(self, device: torch.device) -> State:
        """Return sums of nothing; see :class:`Score`."""
        return _nothing(device)

    def update(self, state: State, outputs: torch.Tensor, targets: torch.Tensor) -> State:
        """Add a batch; see :class:`Score`."""
        import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation

        return _added(state, F.cross_entropy(outputs, targets, reduction="sum"), len(targets))

    def value(self, state: State) -> torch.Tensor:
        """Return the mean; see :class:`Score`."""
        return _mean(state)


@dataclass(frozen=True)
class Accuracy:
    """Share of examples whose class has the largest logit; of equal ones the first counts."""

    name: ClassVar[str] = "accuracy"
    better: ClassVar[Literal["higher", "lower"]] = "higher"

    def init(self, device: torch.device) -> State:
        """Return sums of nothing; see :class:`Score`."""
        return _nothing(device)

    def update(self, state: State, outputs: torch.Tensor, targets: torch.Tensor) -> State:
        """Add a batch; see :class:`Score`."""
        return _added(state, (outputs.argmax(dim=1) == targets).sum(), len(targets))

    def value(self, state: State) -> torch.Tensor:
        """Return the share; see :class:`Score`."""
        return _mean(state)
