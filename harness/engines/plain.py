"""The plain loop: one trial at a time. This is what a trial means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from harness.engines.called import called
from harness.engines.evaluate import evaluate, scoring_key
from harness.engines.network import Snapshot, global_generators
from harness.engines.prepared import Member
from harness.engines.spans import Spans
from harness.engines.step import Frame, Rows, States, advance, initial_states, loss_of
from harness.randomness.counting import Draws, Key
from harness.randomness.streams import torch_seed
from harness.tasks.losses import Batch
from harness.training import Training

Step = Callable[[Rows, float, int], tuple[torch.Tensor, ...]]
"""``(rows, factor, number) -> losses``: one training step; a loss for each update."""


@dataclass(eq=False)
class Alone:
    """A trial whose parameters are its network's own, updated in place.

    Attributes:
        member: the trial.
        states: what the optimizers of its updates keep.
    """

    member: Member
    states: States

    @property
    def training(self) -> Training:
        """What is trained."""
        return self.member.training

    @property
    def frame(self) -> Frame:
        """What its inputs are standardised by."""
        return self.member.frame

    @property
    def vector(self) -> torch.Tensor:
        """Its parameters, ``[P]``."""
        return self.member.network.vector

    @property
    def weights(self) -> torch.Tensor:
        """1 for weights, 0 for biases and normalisation, ``[P]``."""
        return self.member.network.weights

    def draws(self, number: Key) -> Draws:
        """Return the random numbers for augmentation at a step."""
        return self.member.draws(number)

    @property
    def spans(self) -> tuple[Spans, ...]:
        """Where the parameters of each update lie."""
        return self.member.spans

    def loss_draws(self, turn: Key) -> Draws:
        """Return the random numbers for the loss at a turn."""
        return self.member.loss_draws(turn)

    def ask(
        self, arguments: Sequence[torch.Tensor], known: Mapping[str, torch.Tensor]
    ) -> Mapping[str, torch.Tensor]:
        """Return what the networks say that its loss asks, by name."""
        return self.member.ask(arguments, known)

    def at(self, vector: torch.Tensor) -> Alone:
        """Take other parameters, ``[P]``."""
        with torch.no_grad():
            self.vector.copy_(vector)
        return self

    def gradients(
        self, position: int, turn: Key, batch: Batch
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the gradient of an update's loss for its part, ``[p]``, and the loss."""
        loss = self.forward(position, turn, batch)
        return self.backward(position, loss), loss.detach()

    def forward(self, position: int, turn: Key, batch: Batch) -> torch.Tensor:
        """Return an update's loss."""
        training = self.training
        self.member.set_dropout(turn)
        net = called(training.precision, self.member.network.module, self.member.device)
        return loss_of(training.every_update[position].loss, net, batch)

    def backward(self, position: int, loss: torch.Tensor) -> torch.Tensor:
        """Return its gradient for the update's part, ``[p]``."""
        with torch.no_grad():  # the gradients of the parameters go when this returns
            grads = self.member.network.gradients(loss, self.spans[position])
            return torch.cat([grad.reshape(-1) for grad in grads])


def make_step(member: Member) -> Step:
    """Return the training step, which updates the network and the optimizers' states in place.

    Its arguments are the examples, the schedule's factor, and the number of the step, which random
    numbers follow from.
    """
    trial = Alone(member, initial_states(member.training, member.network))

    def step(rows: Rows, factor: float, number: int) -> tuple[torch.Tensor, ...]:
        vector, trial.states, losses = advance(trial, rows, number, factor)
        trial.at(vector)
        return losses

    return step


class Plain:
    """Trains one trial, epoch by epoch."""

    def __init__(self, members: Sequence[Member]) -> None:
        (self._member,) = members
        self._step = make_step(self._member)
        self._kept: tuple[int, torch.Tensor, torch.Tensor | None] | None = None
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

    def epoch(self, number: int, most: int | None = None) -> list[tuple[float, ...]]:
        """Train for one epoch, ``most`` steps of it; return each update's mean loss."""
        member = self._member
        member.network.module.train()
        kind, updates = member.network.vector.dtype, member.training.every_update
        totals = [torch.zeros((), device=member.device, dtype=kind) for _ in updates]
        if self._kept is None or self._kept[0] != number:  # steps are timed in the same epoch
            self._kept = number, member.order(number), member.unlabelled_order(number)
        _, order, more = self._kept
        for index, rows in enumerate(order[:most]):
            step = number * member.steps + index
            factor = float(member.factors[step])
            picked = member.picked(rows, None if more is None else more[index])
            losses = self._step(picked, factor, step)
            for total, loss in zip(totals, losses, strict=True):
                total.add_(loss)
        return [tuple(float(total) / member.steps for total in totals)]

    def validate(self) -> list[dict[str, float]]:
        """Return the task's scores on the validation examples."""
        member = self._member
        part, task = member.splits.validation, member.training.task
        key = scoring_key(member.seed, "validation")
        return [evaluate(member.network, member.frame, part, task, key)]

    def save(self, positions: Sequence[int]) -> list[Snapshot]:
        """Return the network's state."""
        return [Snapshot.of(self._member.network) for _ in positions]

    def keep(self, positions: Sequence[int]) -> None:
        """Go on with these alone: with the one, or with none."""

    def unload(self, position: int) -> None:
        """The network has its state already."""
