"""What a Training learns: what its network must put out, and which scores are kept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, runtime_checkable

from harness.messages import checks
from harness.messages.errors import HarnessError
from harness.tasks.losses import Batch, CrossEntropy, Loss, Net, SquaredLoss
from harness.tasks.rebuilding import RebuildingLoss
from harness.tasks.scores import (
    R2,
    AbsoluteError,
    Accuracy,
    CrossEntropyScore,
    Score,
    SquaredError,
)

if TYPE_CHECKING:
    import torch

    from harness.data.facts import Known

Kind = Literal["classes", "quantities", "inputs", "class maps", "tokens", "samples"]
"""What is learnt: classes of inputs, measured quantities, the inputs themselves, a class for each
place of an input, the next token of a sequence, or how to make more such inputs."""


@runtime_checkable
class Task(Protocol):
    """What is learnt: a frozen dataclass with these."""

    @property
    def kind(self) -> Kind:
        """What its targets are; losses and measures that are made for another are refused."""

    @property
    def loss(self) -> Loss | None:
        """What a Training minimises that names no loss; ``None`` where it must name one."""

    @property
    def scores(self) -> tuple[Score, ...]:
        """What is kept of each part of the data.

        Training has diverged where the first is no finite number.
        """

    @property
    def standardised(self) -> bool:
        """Whether a network learns standardised targets; scores are of those of the data."""

    def outputs(self, known: Known) -> int:
        """Return how many numbers a network gives for each input, or each place of it.

        It is the second argument of ``Model.build``.

        Args:
            known: of the data: the shape of an input, its targets, how many token ids there are.

        Raises:
            HarnessError: there are no such targets in the data.
        """

    def shape(self, known: Known) -> tuple[int, ...]:
        """Return the shape of what :meth:`says` gives for one input."""

    def gives(self, known: Known) -> str:
        """Return what a network must give, in words, such as ``one logit for each class``."""

    def says(self, net: Net, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what a network says of a batch, and what scores compare it with.

        Args:
            net: the network, in evaluation mode.
            batch: its inputs, standardised, and its targets as the data has them. Random numbers
                are the same after each epoch.

        Returns:
            ``[batch, ...]`` both.
        """


@dataclass(frozen=True)
class Classification:
    """One class for each input: a network gives one logit for each class.

    Its scores are ``loss``, the mean cross-entropy in nats, and ``accuracy``.

    Example:
        >>> from harness.tasks import Classification
        >>> [score.name for score in Classification().scores]
        ['loss', 'accuracy']
    """

    kind: ClassVar[Kind] = "classes"
    loss: ClassVar[Loss] = CrossEntropy()
    scores: ClassVar[tuple[Score, ...]] = (CrossEntropyScore(), Accuracy())
    standardised: ClassVar[bool] = False

    def outputs(self, known: Known) -> int:
        """Return the number of classes; see :class:`Task`."""
        targets = known.targets
        if targets.shape:
            raise HarnessError(
                "Classification must have one class for each input",
                str(targets),
                "Write task=Segmentation() for images, or task=Sequence('each position').",
            )
        if not targets.classes:
            raise HarnessError(
                "Classification, the task of a Training that names no other, must have classes as "
                "targets, whole numbers",
                str(targets),
                "Write task=Regression(), or make class numbers of them: "
                "targets.astype(int), or numpy.argmax(targets, axis=1) where they are 1 for the "
                "class and 0 elsewhere.",
            )
        return targets.classes

    def shape(self, known: Known) -> tuple[int, ...]:
        """Return one number for each class; see :class:`Task`."""
        return (self.outputs(known),)

    def gives(self, known: Known) -> str:
        """Return it in words; see :class:`Task`."""
        return f"one logit for each of the {known.targets}"

    def says(self, net: Net, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits and targets; see :class:`Task`."""
        return net(*batch.arguments), batch.targets


@dataclass(frozen=True)
class Regression:
    """Measured quantities: a network gives one number for each, ``[batch, quantities]``.

    Its scores are ``squared_error``, the mean over examples and quantities, ``absolute_error``, and
    ``r2``, the share of the variance of each quantity that is explained, mean over quantities. They
    are of the quantities as the data has them.

    Attributes:
        targets: ``"standardised"``: the network learns them with the mean and the standard
            deviation of the training part taken off; ``"as they are"``: it does not.

    Example:
        >>> from harness.tasks import Regression
        >>> [score.name for score in Regression().scores]
        ['squared_error', 'absolute_error', 'r2']
    """

    targets: Literal["standardised", "as they are"] = "standardised"

    kind: ClassVar[Kind] = "quantities"
    loss: ClassVar[Loss] = SquaredLoss()
    scores: ClassVar[tuple[Score, ...]] = (SquaredError(), AbsoluteError(), R2())

    def __post_init__(self) -> None:
        checks.one_of(self, "targets", self.targets, ("standardised", "as they are"))

    @property
    def standardised(self) -> bool:
        """Whether a network learns standardised targets."""
        return self.targets == "standardised"

    def outputs(self, known: Known) -> int:
        """Return the number of quantities; see :class:`Task`."""
        targets = known.targets
        if not targets.quantities:
            raise HarnessError(
                "Regression must have measured quantities as targets, floating point",
                str(targets),
                "Write arrays(inputs, targets.astype(float), ...), or leave task= out to learn "
                "classes.",
            )
        return targets.quantities

    def shape(self, known: Known) -> tuple[int, ...]:
        """Return one number for each quantity; see :class:`Task`."""
        return (self.outputs(known),)

    def gives(self, known: Known) -> str:
        """Return it in words; see :class:`Task`."""
        targets = known.targets
        each = f"each of the {targets}" if targets.quantities > 1 else "the one measured quantity"
        return f"one number for {each}"

    def says(self, net: Net, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return outputs and targets; see :class:`Task`."""
        return net(*batch.arguments), batch.targets


@dataclass(frozen=True)
class Reconstruction:
    """The inputs themselves: a network gives back what it is given, ``[batch, *shape]``.

    Its scores are ``squared_error`` and ``absolute_error``, mean over examples and the numbers of
    each, of standardised inputs. Targets of the data are not used.

    Example:
        >>> from harness.tasks import Reconstruction
        >>> [score.name for score in Reconstruction().scores]
        ['squared_error', 'absolute_error']
    """

    kind: ClassVar[Kind] = "inputs"
    loss: ClassVar[Loss] = RebuildingLoss()
    scores: ClassVar[tuple[Score, ...]] = (SquaredError(), AbsoluteError())
    standardised: ClassVar[bool] = False

    def outputs(self, known: Known) -> int:
        """Return how many numbers an input has; see :class:`Task`."""
        check_not_padded(self, known)
        return math.prod(known.shape)

    def shape(self, known: Known) -> tuple[int, ...]:
        """Return the shape of one input; see :class:`Task`."""
        return known.shape

    def gives(self, known: Known) -> str:
        """Return it in words; see :class:`Task`."""
        del known
        return "each input again, in its own shape"

    def says(self, net: Net, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return inputs as they are rebuilt, and as they are; see :class:`Task`."""
        return net(*batch.arguments), batch.inputs


def check_not_padded(task: Task, known: Known) -> None:
    """Check that inputs are of one length, where padding would be learnt and scored.

    Raises:
        HarnessError: they are padded.
    """
    if known.padded:
        raise HarnessError(
            f"{type(task).__name__} must have inputs of one length",
            "sequences of unequal length, which are padded",
            "Cut them to one length.",
        )
