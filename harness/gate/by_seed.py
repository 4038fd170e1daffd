"""What studies end with on each side, seed by seed: trained in a process of every side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from harness.gate.missing import new_at_head
from harness.gate.rounds import (
    Measuring,
    checked,
    cores,
    measured_together,
    started,
)
from harness.gate.sides import Side
from harness.gate.what import StudyWhat
from harness.messages.errors import HarnessError


@dataclass(frozen=True)
class Wanted:
    """A metric that is judged.

    Attributes:
        name: its name.
        unit: as :class:`harness.study.metrics.Metric` has it.
        better: which direction is better.
        margin: that of the study's own claims, in its unit; ``None`` where none names one.
    """

    name: str
    unit: str
    better: Literal["lower", "higher"]
    margin: float | None = None


@dataclass(frozen=True)
class Trained:
    """What became of one arm with one seed.

    Attributes:
        metrics: by name; some may be no finite number.
        failed: why it failed; empty where it did not.
        bits: a hash of all that was recorded of it, but for times.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    failed: str = ""
    bits: str = ""


@dataclass(frozen=True)
class Graded:
    """What one study ended with on one side.

    Attributes:
        title: what it is called in what a gate writes.
        arms: names of its arms.
        metrics: those that are judged.
        trials: by arm and seed.
        seeds: seeds of each arm.
        none: why it has no quality; empty where it has.
    """

    title: str
    arms: tuple[str, ...] = ()
    metrics: tuple[Wanted, ...] = ()
    trials: Mapping[tuple[str, int], Trained] = field(default_factory=dict)
    seeds: int = 0
    none: str = ""

    @staticmethod
    def of(told: Mapping[str, Any], came_from: str) -> Graded:
        """Read what ``harness.running.graded`` told, whole or not at all.

        Raises:
            HarnessError: a part is missing, or there is no trial, no arm or no metric.
        """
        try:
            if told["none"]:
                return Graded(told["title"], none=told["none"])
            trials = {
                (each["arm"], each["seed"]): Trained(each["metrics"], each["failed"], each["bits"])
                for each in told["trials"]
            }
            found = Graded(
                told["title"], tuple(told["arms"]), tuple(Wanted(**x) for x in told["metrics"]),
                trials, told["seeds"],
            )  # fmt: skip
        except (KeyError, TypeError) as error:
            raise HarnessError(
                f"{came_from} must tell of quality in whole", f"{error!r}", "Nothing was judged."
            ) from None
        if not (found.trials and found.arms and found.metrics):
            raise HarnessError(f"{found.title} must train something", "nothing", "Run it alone.")
        return found


@dataclass(frozen=True)
class Sides:
    """What all sides ended with.

    Attributes:
        graded: by the side's name, then by the study's title.
        lacking: why the base lacks a study, by its title.
        notes: sentences on what else differed between sides.
    """

    graded: Mapping[str, Mapping[str, Graded]]
    lacking: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def train(
    sides: Sequence[Side],
    whats: Sequence[StudyWhat],
    folder: Path,
    measuring: Measuring,
    seeds: int | None,
    timeout: float,
) -> Sides:
    """Train studies on every side, on the same seeds, each side in a process of its own.

    Sides are trained at the same time where there are cores for it: how long it takes is no part of
    what is judged.

    Args:
        sides: base, head, and ``deps`` where there is one.
        whats: the studies.
        folder: a folder of this gate's own.
        measuring: on which device, at which scale, with how many threads.
        seeds: seeds of each arm; ``None`` for what the study says.
        timeout: seconds that one side may train.

    Raises:
        HarnessError: a process crashed or took too long; code came from the wrong tree; a study
            cannot be trained, or is gone at head.
    """
    with started(sides, whats, "quality", folder, measuring, {"seeds": seeds}) as processes:
        at_once = cores() // max(measuring.threads, 1)
        answers = measured_together(processes, timeout, at_once)
    notes = checked({side.name: side for side in sides}, answers, whats)
    lacking = new_at_head(dict.fromkeys(answers, ()), answers)
    graded = {
        name: {told["title"]: Graded.of(told, f"{name}'s process") for told in answer.graded}
        for name, (answer,) in answers.items()
    }
    return Sides(graded, lacking, tuple(notes))
