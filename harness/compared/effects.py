"""What an arm reaches in one run less what it reaches in another, with an interval.

By seed where both runs have trials of the same seeds on the same data, else as two samples. The
procedures are those of claims: :mod:`harness.stats`, with what is known of the metric.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harness.compared.sides import Belonging, Side, Way
from harness.floats import mean_of
from harness.judging.metric_range import MetricRange
from harness.judging.pairing import has_failed, value
from harness.judging.seen import Floats, Seen, seen_from, seen_unpaired
from harness.messages.errors import HarnessError
from harness.stats import FEWEST
from harness.study.formatting import plural
from harness.study.metrics import COUNTED, Metric
from harness.trials.records import Record

Finding = Literal["same", "better", "worse", "higher", "lower", "cannot tell", "not compared"]
"""What can be said of a difference. Without a better direction it is higher or lower."""

ALPHA = 0.05
"""How often, at most, any of all intervals of a comparison misses what is true."""


@dataclass(frozen=True)
class Samples:
    """Two columns of numbers that are compared.

    Attributes:
        metric: what they are in.
        first: of the base, ``[n]``.
        second: of the other run, ``[m]``; with as many numbers where they are pairs.
        parts: the metric's own values behind them.
        paired: whether they are pairs.
        times: how many times as far as two values of the metric a difference can lie from 0.
        overlap: what folds add to 1/n in the variance of a mean difference of pairs.
    """

    metric: Metric
    first: tuple[float, ...]
    second: tuple[float, ...]
    parts: tuple[float, ...]
    paired: bool
    times: float = 1.0
    overlap: float = 0.0

    @property
    def n(self) -> int:
        """How many pairs there are, or values on the smaller side."""
        return min(len(self.first), len(self.second))

    @property
    def enough(self) -> bool:
        """Whether there are so many that a difference is judged."""
        return self.n >= FEWEST

    def seen(self, level: float) -> Seen:
        """Return what is seen of the second less the first, at a confidence level.

        Raises:
            ValueError: a side has no value.
        """
        first, second = (np.array(each, dtype=np.float64) for each in (self.first, self.second))
        parts: Floats = np.array(self.parts, dtype=np.float64)
        known = MetricRange.of(self.metric, parts, self.overlap)
        size = float(np.abs(parts).max())
        if self.paired:
            place = known.locate(second, first, self.times)
            return seen_from(second, first, level, place, size)
        reach = replace(known, reach=self.times * known.reach)
        apart = reach.locate_unpaired(second, first)
        return seen_unpaired(second, first, level, apart, size)


@dataclass(frozen=True)
class ArmEffect:
    """One metric of one arm, in the base and in another run.

    Attributes:
        arm: its name.
        metric: the metric.
        way: how both are compared.
        why: the same in words.
        means: in the base and in the other run; NaN where nothing finished.
        counts: seeds that finished, in both.
        failed: trials that failed, or whose metric is not finite, in both.
        samples: what is compared; ``None`` where that is not needed, or cannot be.
        seen: the effect with its interval; ``None`` where there is none.
        finding: what can be said of it.
    """

    arm: str
    metric: Metric
    way: Way
    why: str
    means: tuple[float, float]
    counts: tuple[int, int]
    failed: tuple[int, int]
    samples: Samples | None = None
    seen: Seen | None = None
    finding: Finding = "not compared"

    @property
    def effect(self) -> float:
        """The other run's mean less the base's; NaN where there is none."""
        if self.finding == "same":
            return 0.0
        return self.seen.effect if self.seen is not None else math.nan

    @property
    def tested(self) -> bool:
        """Whether it has an interval that chance can turn."""
        return self.samples is not None and self.samples.enough

    @property
    def vanished(self) -> bool:
        """Whether the arm finished in the base, has trials in the other run, and none finished."""
        return self.counts[0] > 0 and not self.counts[1] and self.failed[1] > 0


def metrics_of(base: Side, other: Side) -> tuple[tuple[Metric, ...], tuple[str, ...]]:
    """Return the metrics by which arms are compared, and the names of those that cannot be.

    They are what settings are chosen by, and what claims of either run are about, where both runs
    measure it anew in each seed, in the same unit and with the same direction.
    """
    names = dict.fromkeys(
        name
        for side in (base, other)
        for name in (
            *side.declaration.objectives,
            *(claim.metric for claim in side.declaration.claims),
        )
    )
    found, others = [], []
    for name in names:
        here, there = (_metric(side, name) for side in (base, other))
        if here is None or there is None or here.replicate != "seed" or name in COUNTED:
            continue
        if (here.unit, here.better) != (there.unit, there.better):
            others.append(name)
        elif any(name in record.metrics for record in base.trials.values()):
            found.append(here)
    return tuple(found), tuple(others)


def _metric(side: Side, name: str) -> Metric | None:
    try:
        return side.declaration.metric(name)
    except HarnessError:
        return None


def arm_effects(belongings: Iterable[Belonging], metrics: Sequence[Metric]) -> list[ArmEffect]:
    """Return each metric of each arm that both runs have, still without intervals."""
    return [_effect(each, metric) for metric in metrics for each in belongings]


def _effect(each: Belonging, metric: Metric) -> ArmEffect:
    first, second = (_finished(side, metric.name) for side in (each.first, each.second))
    found = ArmEffect(
        each.arm,
        metric,
        each.way,
        each.why,
        (mean_of(first.values()), mean_of(second.values())),
        (len(first), len(second)),
        (_failed(each.first, metric.name), _failed(each.second, metric.name)),
    )
    if each.way in {"same", "identical"}:
        return replace(found, finding="same" if first else "not compared")
    if each.way == "apart":
        return found
    if not first or not second:
        return replace(found, way="apart", why="none finished")
    parts = (*first.values(), *second.values())
    if each.way == "unpaired":
        samples = Samples(metric, tuple(first.values()), tuple(second.values()), parts, False)
        return replace(found, samples=samples)
    both = [seed for seed in first if seed in second]
    if not both:
        return replace(found, way="apart", why="no seed finished in both")
    one, two = (tuple(side[seed] for seed in both) for side in (first, second))
    if not len(first) == len(second) == len(both):
        found = replace(found, why=f"{each.why}; {plural(len(both), 'seed')} in common")
    samples = Samples(metric, one, two, (*one, *two), True, overlap=each.overlap)
    return replace(found, samples=samples)


def _finished(trials: Mapping[int, Record], metric: str) -> dict[int, float]:
    values = {seed: value(record, metric) for seed, record in trials.items()}
    return {seed: each for seed, each in values.items() if each is not None}


def _failed(trials: Mapping[int, Record], metric: str) -> int:
    return sum(has_failed(record, metric) for record in trials.values())


def with_interval(effect: ArmEffect, level: float) -> ArmEffect:
    """Return an effect with its interval at a confidence level, and what can be said of it.

    Below five pairs, or values on a side, the effect is given, and no interval.
    """
    if effect.samples is None:
        return effect
    seen = effect.samples.seen(level)
    if not effect.samples.enough:
        few = f"{effect.why}; fewer than {FEWEST}, so without an interval"
        return replace(effect, seen=replace(seen, low=math.nan, high=math.nan), why=few)
    return replace(effect, seen=seen, finding=finding_of(seen, effect.metric))


def finding_of(seen: Seen, metric: Metric) -> Finding:
    """Say what an interval tells of a difference: which way it goes, or that it does not tell."""
    if not seen.clear:
        return "cannot tell"
    up = seen.effect > 0
    if metric.better is None:
        return "higher" if up else "lower"
    return "better" if up == (metric.better == "higher") else "worse"


def hidden(effects: Iterable[ArmEffect]) -> Iterator[tuple[Metric, float]]:
    """Yield, for each metric, how far from 0 a difference may lie that nobody can tell from 0."""
    widest: dict[str, tuple[Metric, float]] = {}
    for each in effects:
        if each.finding != "cannot tell" or each.seen is None:
            continue
        reach = max(abs(each.seen.low), abs(each.seen.high))
        if reach > widest.get(each.metric.name, (each.metric, 0.0))[1]:
            widest[each.metric.name] = each.metric, reach
    yield from widest.values()
