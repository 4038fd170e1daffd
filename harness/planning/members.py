"""What became of settings that a search tried, and which of them are best: pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.floats import mean_of
from harness.planning.asking import Told
from harness.planning.pruning import worse_than_best
from harness.study.metrics import Better
from harness.study.searching import Searching
from harness.study.settings import Settings
from harness.trials.records import Record
from harness.trials.trial import Trial

SEEDS_BEFORE = 4
"""On so many seeds a setting is tried before it is compared with the best, by ``wilcoxon``: with
fewer, p cannot be below 0.1."""


@dataclass
class Member:
    """One setting of a search, and what is known of it by now.

    Attributes:
        settings: values of those in use.
        trials: its trials, one for each seed.
        notes: the sampler's own.
        wanted: those of the trials that are to be run.
        told: what became of it; ``None`` before it has ended.
        dropped: whether it was found worse than the best before all its seeds were run.
    """

    settings: Settings
    trials: tuple[Trial, ...]
    notes: Mapping[str, Any] = field(default_factory=dict)
    wanted: tuple[Trial, ...] = ()
    told: Told | None = None
    dropped: bool = False

    @property
    def counts(self) -> bool:
        """Whether it may be among the best: it was run to its end, and breaks no constraint."""
        told = self.told
        if told is None or not told.values or told.pruned or self.dropped:
            return False
        return all(excess <= 0 for excess in told.excesses)


def settle(
    member: Member,
    done: Mapping[str, Record],
    searching: Searching,
    better: Better,
    best: Member | None,
) -> None:
    """Write down which trials of a member are to be run, and what became of it once all have ended.

    Args:
        member: not settled before.
        done: the finished and failed records by key.
        searching: how settings are searched.
        better: which direction of the first objective is better.
        best: the best member of the batches before, if there is one.
    """
    member.wanted, member.dropped = _wanted(member, done, searching, better, best)
    records = [done.get(trial.key) for trial in member.wanted]
    ended = [record for record in records if record is not None]
    if len(ended) < len(records):
        return
    member.told = _told(member, ended, searching)


def _wanted(
    member: Member,
    done: Mapping[str, Record],
    searching: Searching,
    better: Better,
    best: Member | None,
) -> tuple[tuple[Trial, ...], bool]:
    """Return which trials are to be run, and whether that is all because the best is better."""
    if searching.pruner != "wilcoxon" or best is None:
        return member.trials, False
    first = searching.objectives[0]
    reached = _values(member.trials, done, first)
    against = _values(best.trials, done, first)
    for count in range(SEEDS_BEFORE, len(member.trials)):
        if len(reached) < count or None in reached[:count]:
            return member.trials[:count], False
        if worse_than_best(_by_seed(reached[:count]), _by_seed(against), better):
            return member.trials[:count], True
    return member.trials, False


def _by_seed(values: Sequence[float | None]) -> dict[int, float]:
    return {seed: value for seed, value in enumerate(values) if value is not None}


def _values(trials: Sequence[Trial], done: Mapping[str, Record], metric: str) -> list[float | None]:
    """Return what the first trials reached, up to one that has not ended."""
    out: list[float | None] = []
    for trial in trials:
        record = done.get(trial.key)
        if record is None:
            break
        out.append(record.metrics.get(metric) if record.state == "complete" else None)
    return out


def _told(member: Member, records: Sequence[Record], searching: Searching) -> Told:
    broken = (math.inf,) * len(searching.constraints)
    failed = Told(member.settings, excesses=broken, notes=member.notes)
    if any(record.state == "failed" for record in records):
        return failed
    first = searching.objectives[0]
    points = records[0].curves.get(first, ())
    curve = {at: y for at, y in enumerate(points, start=1) if math.isfinite(y)}
    pruned = any(record.state == "pruned" for record in records)
    if pruned:
        last = max(curve, default=0)
        values = (curve[last],) if curve else ()
        return Told(member.settings, values, True, curve, broken, member.notes)
    means = {
        name: mean_of(record.metrics[name] for record in records)
        for name in searching.wanted
        if all(name in record.metrics for record in records)
    }
    reached = [means.get(name, math.inf) for name in searching.objectives]
    if not all(map(math.isfinite, reached)):
        return failed
    return Told(
        member.settings,
        tuple(reached),
        False,
        curve if len(records) == 1 else {},
        searching.excesses(means),
        member.notes,
    )


def costs(member: Member, better: Sequence[Better]) -> tuple[float, ...]:
    """Return the values of a member that counts, each as one of which less is better."""
    assert member.told is not None
    return tuple(
        -value if one == "higher" else value
        for value, one in zip(member.told.values, better, strict=True)
    )


def best_of(members: Sequence[Member], better: Sequence[Better]) -> Member | None:
    """Return the best member by the first objective; of equally good ones the first."""
    counted = [member for member in members if member.counts]
    return min(counted, key=lambda member: costs(member, better)[0], default=None)


def last_better(members: Sequence[Member], better: Sequence[Better]) -> int:
    """Return the place of the last member that was better than all before it; -1 if none was.

    With several objectives: that none before it is at least as good in all of them.
    """
    front: list[tuple[float, ...]] = []
    last = -1
    for place, member in enumerate(members):
        if not member.counts:
            continue
        own = costs(member, better)
        if any(all(x <= y for x, y in zip(one, own, strict=True)) for one in front):
            continue
        front = [one for one in front if not _beats(own, one)] + [own]
        last = place
    return last


def picked(
    members: Sequence[Member],
    better: Sequence[Better],
    apart_from: Collection[Settings],
    count: int,
) -> tuple[int, ...]:
    """Return the places of the members that are run again on fresh seeds, best first.

    With several objectives: of those that none beats, the best in each objective, then those
    nearest to the best of all objectives at once, each objective measured by its range.

    Args:
        members: settings tried.
        better: which direction of each objective is better.
        apart_from: settings that are run anyway.
        count: how many, at most.
    """
    first: dict[tuple[tuple[str, Any], ...], int] = {}
    for place, member in enumerate(members):
        if member.counts and member.settings not in apart_from:
            first.setdefault(tuple(sorted(member.settings.items())), place)
    values = {place: costs(members[place], better) for place in first.values()}
    if len(better) == 1:
        return tuple(sorted(values, key=lambda place: values[place])[:count])
    front = {
        place: own
        for place, own in values.items()
        if not any(_beats(other, own) for other in values.values())
    }
    if not front:
        return ()
    low = [min(each) for each in zip(*front.values(), strict=True)]
    high = [max(each) for each in zip(*front.values(), strict=True)]

    def distance(place: int) -> float:
        shares = [
            (value - least) / (most - least) if most > least else 0.0
            for value, least, most in zip(front[place], low, high, strict=True)
        ]
        return math.hypot(*shares)

    ends = [min(front, key=lambda p: (front[p][one], distance(p))) for one in range(len(better))]
    return tuple(dict.fromkeys([*ends, *sorted(front, key=distance)]))[:count]


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether one is at least as good in everything and better in something; less is better."""
    pairs = list(zip(one, other, strict=True))
    return all(x <= y for x, y in pairs) and any(x < y for x, y in pairs)
