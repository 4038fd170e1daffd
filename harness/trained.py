"""What a measure is given: one network, before its first step or after its last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch

    from harness.engines.network import Network
    from harness.engines.prepared import Member
    from harness.randomness.counting import Draws
    from harness.study.metrics import Metric
    from harness.tasks.losses import Batch

When = Literal["start", "end"]
Values = Mapping[str, float | Sequence[float]]


@dataclass(frozen=True, eq=False)
class Trained:
    """One network with its data, before its first step or after its last.

    Measures may change the module's mode and draw from global generators: both are restored. They
    must leave parameters and buffers as they are.

    Attributes:
        member: the trial: ``training``, ``seed``, ``splits``, ``network``, ``asked``, ``device``.
        curves: a value per epoch by ``train_loss`` (the mean over the epoch's batches while they
            were trained on), and by the task's scores, such as ``validation_loss``; empty before
            the first step.
    """

    member: Member
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def network(self) -> Network:
        """The network: ``network.module`` is the module, ``network.vector`` its parameters."""
        return self.member.network

    def logits(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return logits ``[n, classes]`` in evaluation mode.

        Args:
            inputs: ``[n, *shape]``, as the data set has them: not standardised.
        """
        return self.member.logits(inputs)

    def outputs(self, name: str) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield logits and targets of ``"train"``, ``"validation"`` or ``"test"``, in batches.

        Raises:
            HarnessError: those of test examples were asked for while settings are tried.
        """
        return self.member.outputs(name)

    @cached_property
    def test_outputs(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Logits and targets of the test images, batch by batch; many measures use them.

        Raises:
            HarnessError: settings are tried, and must not be chosen by test images.
        """
        return list(self.outputs("test"))

    @cached_property
    def test_logits(self) -> torch.Tensor:
        """Logits of the test images, ``[n, classes]``."""
        import torch

        return torch.cat([logits for logits, _ in self.test_outputs])

    def first_batch(self) -> Batch:
        """Return the first step's batch: inputs augmented and standardised, targets, given.

        Dropout layers are given that step's keys.
        """
        return self.member.first_batch()

    def draws(self, purpose: str) -> Draws:
        """Return random numbers for a measure, independent of all other purposes."""
        return self.member.draws_for(purpose)


@runtime_checkable
class Measure(Protocol):
    """Something measured on one network: a frozen dataclass, or made by ``measured``."""

    @property
    def when(self) -> When:
        """Before the first step, or after the last."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics that it gives."""

    def __call__(self, trained: Trained) -> Values:
        """Return a number for each metric; for values by layer, a list."""
