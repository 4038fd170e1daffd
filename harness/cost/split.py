"""A training step in parts: data, forward, backward, optimizer, each with its own time.

It takes the step of the trainer, :func:`harness.engines.step.advance`, with a trial that says where
each part begins. Where a step has several turns, parts begin again in each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from harness.engines.plain import Alone
from harness.engines.prepared import Member
from harness.engines.step import advance, initial_states
from harness.probe.clock import END, Mark
from harness.randomness.counting import Key
from harness.tasks.losses import Batch

Split = Callable[[torch.Tensor, float, int, Mark], tuple[torch.Tensor, ...]]
"""``(rows, factor, number, mark) -> losses``: one training step, which says where parts begin."""


@dataclass(eq=False)
class _Marked(Alone):
    """A trial that says which part of a step begins."""

    mark: Mark | None = None

    def ask(
        self, arguments: Sequence[torch.Tensor], known: Mapping[str, torch.Tensor]
    ) -> Mapping[str, torch.Tensor]:
        if self.member.asked.keys() > known.keys():
            self._begin("forward")
        return super().ask(arguments, known)

    def forward(self, position: int, turn: Key, batch: Batch) -> torch.Tensor:
        self._begin("forward")
        return super().forward(position, turn, batch)

    def backward(self, position: int, loss: torch.Tensor) -> torch.Tensor:
        self._begin("backward")
        grads = super().backward(position, loss)
        self._begin("optimizer")
        return grads

    def _begin(self, part: str) -> None:
        assert self.mark is not None
        self.mark(part)


def make_split(member: Member) -> Split:
    """Return the training step in parts; it updates network and optimizer states in place.

    Its arguments are which training examples it trains on, int64 ``[examples]``, the schedule's
    factor, the number of the step, and what is told when a part begins.
    """
    trial = _Marked(member, initial_states(member.training, member.network))

    more = member.unlabelled_order(0)

    def step(
        rows: torch.Tensor, factor: float, number: int, mark: Mark
    ) -> tuple[torch.Tensor, ...]:
        trial.mark = mark
        mark("data")
        picked = member.picked(rows, None if more is None else more[0][: len(rows)])
        vector, trial.states, losses = advance(trial, picked, number, factor)
        trial.at(vector)
        mark(END)
        return losses

    return step
