"""What a Training learns: what its network must put out, and which scores are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from harness.tasks.scores import Accuracy, CrossEntropyScore, Score


@runtime_checkable
class Task(Protocol):
    """What is learnt: a frozen dataclass with these."""

    @property
    def scores(self) -> tuple[Score, ...]:
        """What is kept of each part of the data.

        Training has diverged where the first is no finite number.
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

    scores: ClassVar[tuple[Score, ...]] = (CrossEntropyScore(), Accuracy())
