"""The best settings of a search and the default, run again on fresh seeds, and compared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from harness.floats import mean_of
from harness.judging.metric_range import MetricRange
from harness.judging.pairing import SHARES
from harness.stats import among_best, t_interval
from harness.study.metrics import Metric
from harness.study.searching import Searching
from harness.trials.records import Record


@dataclass(frozen=True)
class Estimate:
    """A number with the ends of its interval, both NaN where there is none.

    Attributes:
        value: the number; NaN where there is none.
        low: lower end.
        high: upper end.
    """

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def wide(self) -> bool:
        """Whether there is an interval that leaves anything open."""
        return self.known and self.low < self.high


@dataclass(frozen=True)
class Confirmed:
    """Settings that were run again on fresh seeds.

    Attributes:
        arms: the names they go by: ``"default"``, ``"1st"``; more than one where the search found
            the same settings to be among the best.
        place: their place among those tried.
        values: the first objective by seed, ascending; of seeds whose trial finished.
        failed: trials that failed.
        missing: trials that have not ended.
        mean: of the values, with the interval that holds for all confirmed settings at once.
        searched: their value in the search; NaN where they had none.
        optimism: by how much the value in the search was better than the mean is: above 0 it was
            too good. Its interval is that of the mean.
        gain: by how much they are better than the default, by seed; above 0 is better. These
            intervals hold for all at once.
        behind: how their mean differs from the best mean of the others, by seed; below 0 is worse.
            These intervals hold for all at once, too.
        may_be_best: whether nothing shows that others of those confirmed are better.
        means: of every objective, in their order; NaN where there is none.
        broken: the constraints that their means break.
        metrics: of each metric that a constraint is on, the mean over seeds; NaN where there is
            none.
        key: of the trial on the first seed that finished, to be replayed; empty without one.
        exact: whether chance plays no part, as far as can be seen: every seed gave the same value,
            to the last bit, as in the search, here and in all others that were run again.
    """

    arms: tuple[str, ...]
    place: int
    values: Mapping[int, float]
    failed: int
    missing: int
    mean: Estimate
    searched: float
    optimism: Estimate = Estimate()
    gain: Estimate = Estimate()
    behind: Estimate = Estimate()
    may_be_best: bool = True
    means: tuple[float, ...] = ()
    broken: tuple[str, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    key: str = ""
    exact: bool = False

    @property
    def lost(self) -> bool:
        """Whether they must not be taken: a trial failed, or a constraint does not hold."""
        return bool(self.failed or self.broken)

    @property
    def sound(self) -> bool:
        """Whether they can be taken: some trials finished, none failed, constraints hold."""
        return bool(self.values) and not self.lost


def confirmed(
    searching: Searching,
    objectives: Sequence[Metric],
    places: Mapping[str, int],
    records: Mapping[str, Sequence[Record | None]],
    searched: Mapping[int, float],
    alpha: float,
    overlap: float = 0.0,
) -> tuple[Confirmed, ...]:
    """Judge the settings that were run again, the default first, then in the order found.

    Args:
        searching: how settings are searched.
        objectives: the metrics that are to be best.
        places: by name of an arm, the place of its settings among those tried.
        records: by name of an arm, those of its trials; ``None`` for one that has not ended.
        searched: by place, what the search had found of the first objective.
        alpha: how often one of the intervals of a kind may be wrong.
        overlap: what folds add to 1/n in the variance of a mean.
    """
    names: dict[int, list[str]] = {}
    for arm, place in places.items():
        names.setdefault(place, []).append(arm)
    of_place = {place: records[arms[0]] for place, arms in names.items()}
    level = 1 - alpha / max(1, sum(map(any, of_place.values())))
    rows = [
        _row(searching, objectives, tuple(arms), of_place[place], level, overlap)
        for place, arms in names.items()
    ]
    rows = [
        replace(row, place=place, searched=searched.get(place, math.nan))
        for row, place in zip(rows, names, strict=True)
    ]
    lower = objectives[0].better == "lower"
    rows = [replace(row, optimism=_optimism(row, lower=lower)) for row in rows]
    return _compared(rows, objectives[0], alpha, overlap)


def _row(
    searching: Searching,
    objectives: Sequence[Metric],
    arms: tuple[str, ...],
    records: Sequence[Record | None],
    level: float,
    overlap: float,
) -> Confirmed:
    """Describe the trials of one setting."""
    ended = [record for record in records if record is not None and record.state != "running"]
    first = objectives[0].name
    done = sorted(
        (record for record in ended if _finished(record, first)), key=lambda record: record.seed
    )
    values = {record.seed: float(record.metrics[first]) for record in done}
    found = t_interval(list(values.values()), level, overlap)
    means = {name: _mean(done, name) for name in searching.wanted}
    over = searching.excesses(means) if done else ()
    return Confirmed(
        arms,
        -1,
        values,
        failed=len(ended) - len(done),
        missing=len(records) - len(ended),
        mean=Estimate(float(found.mean), float(found.low), float(found.high)),
        searched=math.nan,
        means=tuple(means[metric.name] for metric in objectives),
        broken=tuple(
            each.text
            for each, excess in zip(searching.constraints, over, strict=False)
            if not excess <= 0
        ),
        metrics={each.metric: means[each.metric] for each in searching.constraints},
        key=done[0].key if done else "",
    )


def _finished(record: Record, metric: str) -> bool:
    return record.state == "complete" and math.isfinite(record.metrics.get(metric, math.nan))


def _mean(records: Sequence[Record], metric: str) -> float:
    values = [record.metrics.get(metric, math.nan) for record in records]
    return mean_of(values)


def _optimism(row: Confirmed, *, lower: bool) -> Estimate:
    """Return by how much the search flattered the settings: of a loss, the mean less its value."""
    mean = row.mean
    ends = [end - row.searched for end in (mean.value, mean.low, mean.high)]
    return Estimate(*ends) if lower else Estimate(-ends[0], -ends[2], -ends[1])


def _compared(
    rows: Sequence[Confirmed], metric: Metric, alpha: float, overlap: float
) -> tuple[Confirmed, ...]:
    """Compare all that can be taken by seed, with the default and with the best of the others."""
    sound = [row for row in rows if row.sound]
    seeds = sorted(set.intersection(*(set(row.values) for row in sound))) if sound else []
    if not seeds or len(sound) < 2:
        return tuple(rows)
    sign = -1.0 if metric.better == "lower" else 1.0
    columns = [sign * np.array([row.values[seed] for seed in seeds]) for row in sound]
    metric_range = MetricRange.of(metric, np.abs(columns), overlap)
    exact = _exact(sound, metric)
    if exact:
        columns = [np.repeat(column[:1], 2) for column in columns]
        metric_range = replace(metric_range, exact=True)
    differences = [
        [metric_range.locate(one, other) for other in columns if other is not one]
        for one in columns
    ]
    behind = among_best(differences, 1 - alpha)
    against = [place for place, row in enumerate(sound) if row.place == 0]
    out = {}
    for number, (row, each) in enumerate(zip(sound, behind, strict=True)):
        least = min(differences[number], key=lambda location: location.mean)
        gain = Estimate()
        if against and number != against[0]:
            from_default = metric_range.locate(columns[number], columns[against[0]])
            ends = from_default.ends(1 - alpha / (len(sound) - 1))
            gain = Estimate(from_default.mean, *ends)
        out[row.place] = replace(
            row,
            gain=gain,
            behind=Estimate(least.mean, each.low, each.high),
            may_be_best=each.may_be_best,
            exact=exact,
        )
    return tuple(out.get(row.place, row) for row in rows)


def _exact(rows: Sequence[Confirmed], metric: Metric) -> bool:
    """Whether no seed changes anything: so it is of functions that draw nothing at random.

    Shares of examples may be alike by chance, so of them it is never said.
    """
    if metric.unit in SHARES:
        return False
    return all({*row.values.values()} == {row.searched} for row in rows)


def best_confirmed(rows: Sequence[Confirmed], metric: Metric) -> Confirmed | None:
    """Return the settings with the best confirmed mean; ``None`` where none can be taken.

    They are compared over the seeds that all have finished. Equal ones: the first.
    """
    sound = [row for row in rows if row.sound]
    seeds = set.intersection(*(set(row.values) for row in sound)) if sound else set()
    if not seeds:
        return None
    sign = 1.0 if metric.better == "lower" else -1.0
    return min(sound, key=lambda row: sign * mean_of(row.values[seed] for seed in seeds))
