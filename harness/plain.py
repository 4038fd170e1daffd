"""The plain loop: one trial at a time. This is what a trial means."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from harness.evaluate import evaluate
from harness.members import Member
from harness.network import Snapshot, global_generators
from harness.step import loss_of, prepare, update
from harness.streams import torch_seed

Step = Callable[[torch.Tensor, torch.Tensor, torch.Tensor | None, float, int], torch.Tensor]
"""``(inputs, targets, taught, factor, number) -> loss``: one training step."""


def make_step(member: Member) -> Step:
    """Return the training step, which updates the network and the optimizer's state in place.

    Its arguments are inputs as the data set has them, labels, the teacher's logits where there are
    any, the schedule's factor, and the number of the step, which random numbers follow from.
    """
    training, network, frame = member.training, member.network, member.frame
    state = training.optimizer.init(network.vector)

    def step(
        inputs: torch.Tensor,
        targets: torch.Tensor,
        taught: torch.Tensor | None,
        factor: float,
        number: int,
    ) -> torch.Tensor:
        nonlocal state
        inputs, targets = prepare(training, frame, inputs, targets, lambda: member.draws(number))
        if taught is None and member.teacher is not None:
            taught = member.ask(inputs)
        member.set_dropout(number)
        loss = loss_of(training, network.module, inputs, targets, taught)
        grads = network.gradients(loss)
        with torch.no_grad():
            flat = torch.cat([grad.reshape(-1) for grad in grads])
            del grads  # or two copies would be held while parameters are updated
            updated, state = update(training, flat, state, network.vector, factor, network.weights)
            network.vector.copy_(updated)
        return loss.detach()

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
        part, teacher = member.splits.train, member.teacher
        total = torch.zeros((), device=member.device, dtype=member.network.vector.dtype)
        if self._kept is None or self._kept[0] != number:  # steps are timed in the same epoch
            self._kept = number, member.order(number)
        for index, rows in enumerate(self._kept[1][:most]):
            taught = None
            if teacher is not None and teacher.logits is not None:
                taught = teacher.logits[rows]
            step = number * member.steps + index
            factor = float(member.factors[step])
            inputs, targets = part.pick(rows)
            total += self._step(inputs, targets, taught, factor, step)
        return [float(total) / member.steps]

    def validate(self) -> list[tuple[float, float]]:
        """Return validation loss and accuracy."""
        member = self._member
        return [evaluate(member.network, member.frame, member.splits.validation)]

    def save(self, positions: Sequence[int]) -> list[Snapshot]:
        """Return the network's state."""
        return [Snapshot.of(self._member.network) for _ in positions]

    def keep(self, positions: Sequence[int]) -> None:
        """Go on with these alone: with the one, or with none."""

    def unload(self, position: int) -> None:
        """The network has its state already."""
