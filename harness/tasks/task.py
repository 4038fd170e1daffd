"""What a Training learns: what its network must put out, and which scores are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, runtime_checkable

from harness.messages import checks
from harness.messages.errors import HarnessError
from harness.tasks.scores import (
    R2,
    AbsoluteError,
    Accuracy,
    CrossEntropyScore,
    Score,
    SquaredError,
)

if TYPE_CHECKING:
    from harness.data.sizes import Targets

Kind = Literal["classes", "quantities"]
"""What targets are."""


@runtime_checkable
class Task(Protocol):
    """What is learnt: a frozen dataclass with these."""

    @property
    def kind(self) -> Kind:
        """What its targets are; losses and measures that are made for the other are refused."""

    @property
    def scores(self) -> tuple[Score, ...]:
        """What is kept of each part of the data.

        Training has diverged where the first is no finite number.
        """

    @property
    def standardised(self) -> bool:
        """Whether a network learns standardised targets; scores are of those of the data."""

    def outputs(self, targets: Targets) -> int:
        """Return how many numbers a network must give for each input.

        Raises:
            HarnessError: there are no such targets in the data.
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
    scores: ClassVar[tuple[Score, ...]] = (CrossEntropyScore(), Accuracy())
    standardised: ClassVar[bool] = False

    def outputs(self, targets: Targets) -> int:
        """Return the number of classes; see :class:`Task`."""
        if not targets.classes:
            raise HarnessError(
                "Classification, the task of a Training that names no other, must have classes as "
                "targets, whole numbers",
                str(targets),
                "Write task=Regression() and loss=SquaredLoss(), or make class numbers of them: "
                "targets.astype(int), or numpy.argmax(targets, axis=1) where they are 1 for the "
                "class and 0 elsewhere.",
            )
        return targets.classes


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
    scores: ClassVar[tuple[Score, ...]] = (SquaredError(), AbsoluteError(), R2())

    def __post_init__(self) -> None:
        checks.one_of(self, "targets", self.targets, ("standardised", "as they are"))

    @property
    def standardised(self) -> bool:
        """Whether a network learns standardised targets."""
        return self.targets == "standardised"

    def outputs(self, targets: Targets) -> int:
        """Return the number of quantities; see :class:`Task`."""
        if not targets.quantities:
            raise HarnessError(
                "Regression must have measured quantities as targets, floating point",
                str(targets),
                "Write arrays(inputs, targets.astype(float), ...), or leave task= out to learn "
                "classes.",
            )
        return targets.quantities
