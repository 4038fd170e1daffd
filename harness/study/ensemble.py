"""Several trainings that answer together: an ensemble, as what one trial does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from harness.identity.canonical import canonical
from harness.messages import checks
from harness.messages.errors import HarnessError
from harness.study.work import Work
from harness.training import Data, Training

if TYPE_CHECKING:
    from harness.data import Splits

SEEDS = 1000
"""So many members may have seeds that follow from one trial's."""


@dataclass(frozen=True)
class OfMember:
    """The data of one member of an ensemble: split as for the ensemble's trial.

    Attributes:
        data: the ensemble's data.
        bootstrap: whether training examples are drawn anew, with replacement, as many as there are.
    """

    data: Data
    bootstrap: bool = False

    def splits(self, seed: int) -> Splits:
        """Return train, validation and test tensors for the seed of a member."""
        import torch

        from harness.randomness.streams import torch_seed  # imports numpy

        whole = self.data.splits(seed // SEEDS - 1)
        if not self.bootstrap:
            return whole
        count = len(whole.train)
        generator = torch.Generator().manual_seed(torch_seed(seed, "bootstrap"))
        rows = torch.randint(count, (count,), generator=generator)
        return replace(whole, train=whole.train.at(rows))


@dataclass(frozen=True)
class Ensemble:
    """Networks trained apart, whose predictions are averaged.

    For classes, also of places, that is the mean of the predicted probabilities, for quantities and
    inputs that of the outputs
    (Lakshminarayanan et al. 2017, https://arxiv.org/abs/1612.01474, section 2.4). Its metrics are
    the scores of its task on validation and test examples. What its members took to train counts
    as its own time.

    Each member is a trial of its own, trained once for each seed and shared among all trials that
    need it. Of one Training the first member has the trial's seed, so an arm that is this Training
    alone shares it; the others have seeds that follow from it. All have the trial's data, so no
    member trains on what another is tested on.

    Attributes:
        of: the Training that every member is; or several, one for each member, of which each has
            the trial's seed.
        members: how many, at least 2, where ``of`` is one Training.
        bootstrap: whether each member has training examples of its own, drawn with replacement from
            the training part: bagging (Breiman 1996, Machine Learning 24).

    Raises:
        HarnessError: there are fewer than two members, or they differ in data or task; one needs
            another Training; or what they say cannot be averaged.

    Example:
        >>> from harness import Ensemble, Training
        >>> from harness.data import digits
        >>> from harness.models import MLP
        >>> from harness.optim import SGD
        >>> one = Training(digits(), MLP(), SGD(lr=0.1), batch_size=32, epochs=9)
        >>> five = Ensemble(of=one, members=5)
        >>> [five.seed_of_need(name, 7) for name in five.needs()]
        [7, 8001, 8002, 8003, 8004]
    """

    kind: ClassVar[str] = "ensemble"

    of: Training | tuple[Training, ...]
    members: int | None = None
    bootstrap: bool = False

    def __post_init__(self) -> None:
        checks.flag(self, "bootstrap", self.bootstrap)
        self._check_members()
        self._check_task()

    def _check_task(self) -> None:
        for each in self.of if isinstance(self.of, tuple) else (self.of,):
            if each.needs():
                raise HarnessError(
                    "members of an Ensemble must need no other Training, which would be trained on "
                    "what the ensemble is tested on",
                    f"one that needs {', '.join(each.needs())}",
                    "Give them a loss and a model of their own.",
                )
        kind = self.first.task.kind
        if kind == "samples" or (kind == "inputs" and self.bootstrap):
            raise HarnessError(
                "members of an Ensemble must say what can be averaged",
                f"{type(self.first.task).__name__}() with bootstrap={self.bootstrap}",
                "Learn classes, quantities, or a class for each place.",
            )

    def _check_members(self) -> None:
        if isinstance(self.of, Training):
            checks.whole(self, "members", self.members, 5, least=2)
            if self.members is not None and self.members > SEEDS:
                raise HarnessError(
                    f"Ensemble(members=...) must be at most {SEEDS}",
                    str(self.members),
                    f"Write members={SEEDS}.",
                )
            return
        several = self.of if isinstance(self.of, tuple) else ()
        if len(several) < 2 or not all(isinstance(each, Training) for each in several):
            raise HarnessError(
                "Ensemble(of=...) must be a Training, or a tuple of at least two",
                repr(self.of),
                "Write Ensemble(of=Training(...), members=5).",
            )
        if self.members is not None or self.bootstrap:
            raise HarnessError(
                "an Ensemble of several Trainings must have each of them once, on the same data",
                f"members={self.members}, bootstrap={self.bootstrap}",
                "Leave members= and bootstrap= out.",
            )
        for each in several[1:]:
            for name in ("data", "task"):
                first, own = (canonical(getattr(one, name)) for one in (several[0], each))
                if first != own:
                    raise HarnessError(
                        f"members of an Ensemble must have the same {name}",
                        f"{getattr(several[0], name)!r} and {getattr(each, name)!r}",
                        f"Give all of them one {name}=.",
                    )

    @property
    def first(self) -> Training:
        """The first Training: its data and its task are those of all."""
        return self.of if isinstance(self.of, Training) else self.of[0]

    def needs(self) -> Mapping[str, Work]:
        """Return its members, by number from 0."""
        return self.trainings()

    def trainings(self) -> dict[str, Training]:
        """Return its members, by number from 0."""
        if not isinstance(self.of, Training):
            return {str(place): each for place, each in enumerate(self.of)}
        other = replace(self.of, data=OfMember(self.of.data, self.bootstrap))
        first = other if self.bootstrap else self.of
        return {str(place): other if place else first for place in range(self.members or 0)}

    def seed_of_need(self, name: str, seed: int) -> int:
        """Return the seed of a member.

        Args:
            name: the member's number.
            seed: of the ensemble's trial.
        """
        place = int(name)
        own = not isinstance(self.of, Training) or (place == 0 and not self.bootstrap)
        # of seed 0, too, none that other trials have
        return seed if own else (seed + 1) * SEEDS + place

    def lacks(self, metric: str) -> bool:
        """Whether a metric is one of another task, which its members never record either."""
        return self.first.lacks(metric)

    def data_sets(self) -> tuple[Any, ...]:
        """Return the data sets that it reads."""
        return (self.first.data,)

    def program(self) -> str:
        """Return, as text, all of it: each is worked out alone."""
        return json.dumps(canonical(self), sort_keys=True)
