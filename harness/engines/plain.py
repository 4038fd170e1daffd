"""The plain loop: one trial at a time. This is what a trial means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from harness.engines.evaluate import evaluate
from harness.engines.network import Snapshot, global_generators
from harness.engines.prepared import Member
from harness.engines.step import Frame, Rows, State, advance, called, loss_of
from harness.randomness.counting import Draws, Key
from harness.randomness.streams import torch_seed
from harness.tasks.losses import Batch
from harness.training import Training

Step = Callable[[Rows, float, int], torch.Tensor]
"""``(rows, factor, number) -> loss``: one training step."""


@dataclass(eq=False)
class _Alone:
    """A trial whose parameters are its network's own, updated in place."""

    member: Member
    state: State

    @property
    def training(self) -> Training:
        return self.member.training

    @property
    def frame(self) -> Frame:
        return self.member.frame

    @property
    def vector(self) -> torch.Tensor:
        return self.member.network.vector

    @property
    def weights(self) -> torch.Tensor:
        return self.member.network.weights

    def draws(self, number: Key) -> Draws:
        return self.member.draws(number)

    def loss_draws(self, number: Key) -> Draws:
        return self.member.loss_draws(number)

    def ask(
        self, inputs: torch.Tensor, known: Mapping[str, torch.Tensor]
    ) -> Mapping[str, torch.Tensor]:
        return self.member.ask(inputs, known)

    def gradients(self, number: Key, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        network = self.member.network
        self.member.set_dropout(number)
        loss = loss_of(self.training, called(self.training, network), batch)
        with torch.no_grad():  # the gradients of the parts go when this returns
            flat = torch.cat([grad.reshape(-1) for grad in network.gradients(loss)])
        return flat, loss.detach()


def make_step(member: Member) -> Step:
    """Return the training step, which updates the network and the optimizer's state in place.

    Its arguments are the examples, the schedule's factor, and the number of the step, which random
    numbers follow from.
    """
    trial = _Alone(member, member.training.optimizer.init(member.network.vector))

    def step(rows: Rows, factor: float, number: int) -> torch.Tensor:
        vector, trial.state, loss = advance(trial, rows, number, factor)
        with torch.no_grad():
            trial.vector.copy_(vector)
        return loss

    return step


class Plain:
    """Trains one trial, epoch by epoch."""

    def __init__(self, members: Sequence[Member]) -> None:
        (self._member,) = members
        self._step = make_step(self._member)
        self._kept: tuple[int, torch.Tensor] | None = None
        # for modules that draw from a global generator while they train
        self._generators = global_generators(
            torch_seed(self._member.seed, "noise"), self._member.device
        )

    def start(self) -> None:
        """Set the global generators."""
        self._generators.__enter__()

    def stop(self) -> None:
        """Put the global generators back."""
        self._generators.__exit__(None, None, None)

    def epoch(self, number: int, most: int | None = None) -> list[float]:
        """Train for one epoch, ``most`` steps of it; return the mean loss over its batches."""
        member = self._member
        member.network.module.train()
        part = member.splits.train
        total = torch.zeros((), device=member.device, dtype=member.network.vector.dtype)
        if self._kept is None or self._kept[0] != number:  # steps are timed in the same epoch
            self._kept = number, member.order(number)
        for index, rows in enumerate(self._kept[1][:most]):
            step = number * member.steps + index
            factor = float(member.factors[step])
            total += self._step(Rows(*part.pick(rows), member.known(rows)), factor, step)
        return [float(total) / member.steps]

    def validate(self) -> list[dict[str, float]]:
        """Return the task's scores on the validation examples."""
        member = self._member
        part, task = member.splits.validation, member.training.task
        return [evaluate(member.network, member.frame, part, task)]

    def save(self, positions: Sequence[int]) -> list[Snapshot]:
        """Return the network's state."""
        return [Snapshot.of(self._member.network) for _ in positions]

    def keep(self, positions: Sequence[int]) -> None:
        """Go on with these alone: with the one, or with none."""

    def unload(self, position: int) -> None:
        """The network has its state already."""
