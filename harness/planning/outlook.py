"""What a run asks of whoever plans it, and what it is answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from harness.messages.errors import HarnessError
from harness.study.declaration import Declaration
from harness.study.designs import Arm
from harness.study.looks import Looks
from harness.study.study import Study
from harness.trials.records import Record
from harness.trials.searched import EarlierSettings, SearchKept
from harness.trials.trial import Trial
from harness.trials.tuning import ArmTuning

Settings = dict[str, float]
"""Values of tuned settings, by name."""


@dataclass(frozen=True)
class Outlook:
    """What is known, at some moment of a run, of what is to be run.

    Attributes:
        planned: every trial whose key is known by now: what others need, then tuning, then the
            rest.
        ready: those of them that are neither finished nor waiting for another.
        expected: number of trials of each arm once all are known, by arm name.
        evaluations: number of evaluation trials over all arms, up to the look that is due.
        total: number of trials once all are known, with those that others need.
        chosen: the settings of each arm whose tuning is over, by arm name.
        tuning: how they were chosen.
        needed: keys of those planned that others need: their networks are kept.
        search: of a search, the settings tried by now; ``None`` of any other study.
        best: of a search, the best settings by now, with the values of their objectives.
    """

    planned: tuple[Trial, ...]
    ready: tuple[Trial, ...]
    expected: Mapping[str, int]
    evaluations: int
    total: int
    chosen: Mapping[str, Settings]
    tuning: tuple[ArmTuning, ...]
    needed: frozenset[str] = frozenset()
    search: SearchKept | None = None
    best: tuple[EarlierSettings, ...] = ()


class Planner(Protocol):
    """Says which trials are run next, from what is done: the same in every process.

    A study's is :class:`harness.planning.planner.StudyPlanner`.
    """

    @property
    def study(self) -> Study:
        """The study whose trials these are, which those who train them load."""

    @property
    def scale(self) -> str:
        """The scale's name."""

    @property
    def declaration(self) -> Declaration:
        """What is declared at this scale: all that judging uses."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """The evaluation seeds, up to the last look."""

    @property
    def looks(self) -> Looks | None:
        """When claims are looked at; ``None`` where once, when all is done."""

    @property
    def budget(self) -> int:
        """How many settings an arm may try; 0 where nothing is tuned."""

    @property
    def at_defaults(self) -> Mapping[str, Trial]:
        """By arm name, the trial with settings at their defaults: its program is measured."""

    def outlook(self, done: Mapping[str, Record]) -> Outlook:
        """Return what is to be run.

        Args:
            done: the finished and failed records by key.
        """

    def check_space(self) -> None:
        """Check that settings can be built at both ends of their space, in every arm.

        Raises:
            HarnessError: they cannot.
        """


@contextmanager
def naming(arm: Arm, settings: Mapping[str, Any]) -> Iterator[None]:
    """Let errors say with which settings of which arm they arose."""
    try:
        yield
    except HarnessError as error:
        if not settings:
            raise
        shown = ", ".join(
            f"{name} = {value:.4g}" if isinstance(value, float) else f"{name} = {value}"
            for name, value in settings.items()
        )
        raise HarnessError.relayed(f"arm {arm.name} with {shown}", str(error)) from error
