"""Which trials a worker is given next, and how many at a time: pure.

Cohorts shrink as less is left (guided self-scheduling; Polychronopoulos and Kuck 1987,
https://doi.org/10.1109/TC.1987.5009495, halved as by factoring; Hummel, Schonberg and Flynn 1992,
https://doi.org/10.1145/135226.135232), so that a process that comes later finds work, and all end
at about the same time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.engines.modes import Choice, Mode
from harness.trials.records import Record
from harness.trials.trial import Trial

BULK_SECONDS = 1.0
"""Short trials are handed out together up to so much work, which a kill may cost."""

MOST_AT_ONCE = 64

WORTH = 1.1
"""A smaller cohort is taken where it costs at most so many times what the best costs a trial."""

UNSEEN = 1.3
"""Trials take about so many times what their steps alone take; taken until some have ended."""


@dataclass(frozen=True)
class Cohort:
    """Trials that one worker is given at a time.

    Attributes:
        trials: trials of one program.
        mode: how they are trained.
    """

    trials: tuple[Trial, ...]
    mode: Mode


@dataclass(frozen=True)
class Pace:
    """How long trials take, in seconds, as far as it is known.

    Attributes:
        seen: mean over the finished trials of an arm, by its name.
        profiled: what the steps of one trial take, by the arm's name.
        ended: number of trials of an arm that have ended, by its name.
    """

    seen: Mapping[str, float] = field(default_factory=dict)
    profiled: Mapping[str, float] = field(default_factory=dict)
    ended: Mapping[str, int] = field(default_factory=dict)

    def seconds(self, arm: str) -> float | None:
        """Return what a trial of an arm is expected to take; ``None`` where nobody can tell."""
        if arm in self.seen:
            return self.seen[arm]
        return self.profiled[arm] * self._ratio if arm in self.profiled else None

    @property
    def _ratio(self) -> float:
        """What trials took over what their steps would take."""
        both = [
            (seconds, self.profiled[arm])
            for arm, seconds in self.seen.items()
            if self.profiled.get(arm)
        ]
        return sum(took for took, _ in both) / sum(steps for _, steps in both) if both else UNSEEN

    @staticmethod
    def of(
        planned: Iterable[Trial], done: Mapping[str, Record], profiled: Mapping[str, float]
    ) -> Pace:
        """Work it out from records.

        Args:
            planned: the trials of a run; what others need, which is no arm's own, is passed over.
            done: the finished and failed records by key.
            profiled: what the steps of one trial take, by the arm's name.
        """
        took: dict[str, list[float]] = {}
        ended: dict[str, int] = {}
        for trial in planned:
            record = done.get(trial.key)
            if record is None or trial.role == "need":
                continue
            ended[trial.arm.name] = ended.get(trial.arm.name, 0) + 1
            if "seconds" in record.cost:
                took.setdefault(trial.arm.name, []).append(record.cost["seconds"])
        return Pace({arm: sum(each) / len(each) for arm, each in took.items()}, profiled, ended)


def in_order(trials: Sequence[Trial], needed: Collection[str], pace: Pace) -> list[Trial]:
    """Return trials in the order in which they are best begun.

    First those that others wait for: what they need, then tuning. Then what takes longest, because
    a long trial that begins last is waited for; and an arm of which nobody knows how long it takes
    comes before all that are known. Of arms that take about the same, the plan's order stays.

    Args:
        trials: in the plan's order.
        needed: keys of trials that others need.
        pace: how long trials take.
    """
    sizes: dict[str, float] = {}
    for arm in {trial.arm.name for trial in trials}:
        seconds = pace.seconds(arm)
        sizes[arm] = math.inf if seconds is None else round(math.log2(max(seconds, 1e-9)))
    return sorted(
        trials,
        key=lambda trial: (
            trial.key not in needed,
            trial.role != "tune",
            -sizes[trial.arm.name],
        ),
    )


def divide(
    wanted: Sequence[Trial],
    idle: int,
    workers: int,
    way: Callable[[Trial, int], tuple[Mode, int]],
    alone: Collection[str] = (),
) -> list[Cohort]:
    """Divide trials among idle workers.

    Args:
        wanted: trials that nobody is running, most urgent first.
        idle: workers of this process that have nothing to do.
        workers: all workers that share these trials, of other processes too.
        way: returns how a trial's program is trained, and how many trials at most, where so many
            are there for one worker.
        alone: keys of trials that are trained apart from others.
    """
    groups: dict[str, list[Trial]] = {}
    for trial in wanted:
        group = f"{trial.program} {trial.key}" if trial.key in alone else trial.program
        groups.setdefault(group, []).append(trial)
    # a program need not be divided among all where there is as much other work for the others
    fair = -(-len(wanted) // max(workers, 1))
    out: list[Cohort] = []
    while groups and len(out) < idle:
        name = next(iter(groups))
        trials = groups[name]
        mode, size = way(trials[0], min(fair, len(trials)))
        out.append(Cohort(tuple(trials[:size]), mode))
        groups[name] = trials[size:]
        if not groups[name]:
            del groups[name]
    return out


def way_to_train(
    choice: Choice, share: int, seconds: float | None, *, forced: bool
) -> tuple[Mode, int]:
    """Return how to train, and how many trials at a time.

    Args:
        choice: what was measured of their program.
        share: how many there are for one worker.
        seconds: what one took before; ``None`` makes a trial of the plain loop go alone, so that
            nobody holds a second of work that turns out to be an hour.
        forced: whether the kind of mode is to stay, also where the plain loop is faster.
    """
    size = together(choice, share, forced=forced)
    mode = choice.at(size, forced=forced)
    if mode.engine.together:
        return mode, min(size, mode.models)
    bulk = min(int(BULK_SECONDS / seconds), MOST_AT_ONCE) if seconds else 1
    return mode, max(1, min(share, bulk))


def together(choice: Choice, share: int, *, forced: bool) -> int:
    """Return how many trials to train together.

    As many as was measured to be best, while there is plenty for each worker. Of the last ones,
    half a share, or a size that was measured, where a smaller cohort costs about as little.

    Args:
        choice: what was measured of their program.
        share: how many there are for one worker.
        forced: whether the kind of mode is to stay, also where the plain loop is faster.
    """
    models = choice.mode.models
    if share >= 2 * models or share < 2:
        return min(share, models)
    most = min(share, models)
    measured = {each.mode.models for each in choice.timings if each.mode.kind == choice.mode.kind}
    sizes = {most, -(-share // 2), *measured}
    costs = {size: choice.seconds_each(size, forced=forced) for size in sizes if 0 < size <= most}
    least = min(costs.values())
    return min(size for size, cost in costs.items() if cost <= WORTH * least)
