"""Means and intervals of arms and of levels. They describe; verdicts come from claims alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.judging.pairing import Trials, by_arm, evaluations, has_failed, mean_in_seed
from harness.stats import t_interval
from harness.study.declaration import Declaration
from harness.study.designs import Arm, comparable
from harness.study.folds import is_held_out
from harness.study.metrics import METRICS
from harness.trials.records import Record


@dataclass(frozen=True)
class ArmSummary:
    """One metric in one arm, or at one level of one factor, over seeds.

    Attributes:
        factor: the factor whose level this is; empty for an arm.
        group: the arm's name, or the level's name.
        metric: the metric's name.
        n: seeds that finished (for a level: seeds with every arm of that level finished).
        failed: trials that failed, or whose metric is not finite.
        mean: mean over seeds (NaN where n = 0).
        sd: standard deviation over seeds, n - 1 in the denominator (NaN below 2).
        low: lower end of the 95 % t interval of the mean (NaN below 2, and on folds for what is
            not taken on held-out examples).
        high: upper end.
    """

    factor: str
    group: str
    metric: str
    n: int
    failed: int
    mean: float
    sd: float
    low: float
    high: float


def summarise(declaration: Declaration, records: Iterable[Record]) -> tuple[ArmSummary, ...]:
    """Describe every arm and every level of every factor, in every metric that was recorded.

    Metrics come in the harness's order, then those of the study's own functions; where the study's
    results are not of the harness's trainer, only those that it declares.

    Arms come first, in the study's order, then levels, in the factors' order. A level's value in
    a seed is the mean over its arms (those alike in the other factors at every level of that
    factor, as :func:`harness.study.designs.comparable` says); the interval is over seeds, since
    arms of one seed are not replicates of each other.

    Args:
        declaration: the study at one scale.
        records: may hold those of other studies, scales and roles, which are passed over.
    """
    trials = evaluations(declaration, records)
    arms = declaration.arms
    recorded = {name for record in trials.values() for name in record.metrics}
    given = (metric.name for metric in declaration.metrics)
    groups: list[tuple[str, str, Sequence[Arm]]] = [("", arm.name, (arm,)) for arm in arms]
    for factor in declaration.factors:
        kept = {arm.levels[factor.name].name for arm in arms}
        levels = [level for level in factor.named if level.name in kept]
        of_level = comparable(arms, [{factor.name: level} for level in levels])
        groups += [
            (factor.name, level.name, members)
            for level, members in zip(levels, of_level, strict=True)
        ]
    # of what the harness does not measure, its own names say nothing
    known = METRICS if declaration.source == "build" else ()
    metrics = [name for name in dict.fromkeys([*known, *given]) if name in recorded]
    found = _summaries(groups, metrics, trials, declaration.overlap)
    if declaration.folds is None:
        return found
    # of what is seen of training examples no correction is known
    nan = math.nan
    held_out = {name for name in metrics if is_held_out(declaration.metric(name))}
    return tuple(
        each if each.metric in held_out else replace(each, low=nan, high=nan) for each in found
    )


def _summaries(
    groups: Sequence[tuple[str, str, Sequence[Arm]]],
    metrics: Sequence[str],
    trials: Trials,
    overlap: float,
) -> tuple[ArmSummary, ...]:
    """Describe every group in every metric; those of equally many seeds are worked out at once."""
    seeds = sorted({seed for _, seed in trials})
    records = by_arm(trials)
    values: list[list[float]] = []
    failed: list[int] = []
    for _, _, arms in groups:
        names = {arm.name for arm in arms}
        own = [record for name in names for record in records.get(name, [])]
        for metric in metrics:
            means = (mean_in_seed(arms, trials, seed, metric) for seed in seeds)
            values.append([mean for mean in means if mean is not None])
            failed.append(sum(has_failed(record, metric) for record in own))
    described = _described(values, overlap)
    named = [(*group[:2], metric) for group in groups for metric in metrics]
    return tuple(
        ArmSummary(factor, group, metric, len(own), count, *numbers)
        for (factor, group, metric), own, count, numbers in zip(
            named, values, failed, described, strict=True
        )
    )


def _described(
    values: Sequence[Sequence[float]], overlap: float
) -> list[tuple[float, float, float, float]]:
    """Return mean, sd and both ends of the interval of each list of values."""
    of_length: dict[int, list[int]] = {}
    for place, own in enumerate(values):
        of_length.setdefault(len(own), []).append(place)
    out: dict[int, tuple[float, float, float, float]] = {}
    for places in of_length.values():
        means = t_interval([values[place] for place in places], 0.95, overlap)
        columns = (means.mean, means.sd, means.low, means.high)
        for row, place in enumerate(places):
            mean, sd, low, high = (float(column[row]) for column in columns)
            out[place] = mean, sd, low, high
    return [out[place] for place in range(len(values))]
