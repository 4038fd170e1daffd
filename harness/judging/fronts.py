"""Quality against cost: which arms no other beats in both, and which surely lie behind that front.

It describes: what was claimed beforehand is judged by verdicts alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harness.judging.leaders import columns_of
from harness.judging.metric_range import MetricRange
from harness.judging.results import Results
from harness.judging.rounds import Round
from harness.judging.seen import Floats
from harness.judging.summaries import ArmSummary
from harness.stats import FEWEST, front, judged_interval, located, t_interval
from harness.study.formatting import cut
from harness.study.metrics import COSTS, Metric
from harness.trials.profiles import Profile

Cost = Literal["step_seconds", "peak_bytes", "parameters"]
How = Literal["rounds", "blocks", "exact"]
"""What an interval of a cost is: 95 % over rounds of timing, quartiles over blocks, or none."""


@dataclass(frozen=True)
class Costed:
    """One arm: its cost, in the cost's own unit, and the mean of its quality, each with its ends.

    Attributes:
        number: of the arm, from 1, as the study lists them.
        arm: its name.
        cost: over rounds of timing the geometric mean.
        cost_low: lower end; the cost itself where it is exact.
        cost_high: upper end.
        mean: of its quality over seeds.
        low: lower end of its 95 % t interval, cut at the metric's range; NaN below two seeds.
        high: upper end.
        front: whether no other arm has both a mean at least as good and a cost as low.
        behind: whether it is shown that another arm is better and no dearer; see
            :func:`surely_behind`.
    """

    number: int
    arm: str
    cost: float
    cost_low: float
    cost_high: float
    mean: float
    low: float
    high: float
    front: bool = False
    behind: bool = False


@dataclass(frozen=True)
class Front:
    """All arms that have both a cost and a mean.

    Attributes:
        metric: quality, which has a direction.
        cost: what it is set against.
        how: what the intervals of the cost are.
        arms: in the study's order.
        most: rounds of timing that they are over; 0 without.
        seeds: that arms are compared over; 0 where none are.
        compared: how many arms are: those whose every seed finished.
        level: with which probability no arm is wrongly said to be behind.
    """

    metric: Metric
    cost: Metric
    how: How
    arms: tuple[Costed, ...]
    most: int = 0
    seeds: int = 0
    compared: int = 0
    level: float = 0.95

    @property
    def assessable(self) -> bool:
        """Whether it can be shown of any arm that it is behind."""
        return self.how != "blocks" and self.seeds >= FEWEST and self.compared > 1


def front_of(results: Results, metric: Metric, cost: Cost) -> Front | None:
    """Set arms' quality against a cost; ``None`` below two arms, or where all cost the same."""
    means = {
        each.group: each
        for each in results.summaries
        if not each.factor and each.metric == metric.name and math.isfinite(each.mean)
    }
    profiles = [
        (number, arm.name, results.profiles[arm.name])
        for number, arm in enumerate(results.arms, 1)
        if arm.name in results.profiles and arm.name in means
    ]
    rounds = _whole(results.rounds, [name for _, name, _ in profiles])
    timed = cost == "step_seconds"
    how: How = "exact" if not timed else "rounds" if len(rounds) >= FEWEST else "blocks"
    arms = []
    for number, name, profile in profiles:
        value, low, high = _cost(profile, cost, name, rounds if how == "rounds" else ())
        if math.isfinite(value) and value > 0:
            arms.append(_costed(number, means[name], metric, (value, low, high)))
    if len(arms) < 2 or len({each.cost for each in arms}) < 2:
        return None
    sign = -1.0 if metric.better == "lower" else 1.0
    inside = front([[each.cost, -sign * each.mean] for each in arms])
    placed = [replace(each, front=bool(on)) for each, on in zip(arms, inside, strict=True)]
    found = Front(metric, COSTS[cost], how, tuple(placed), level=1 - results.alpha)
    return _compared(found, results, rounds if how == "rounds" else ())


def _compared(found: Front, results: Results, rounds: Sequence[Round]) -> Front:
    """Say which arms are surely behind."""
    columns = {
        name: scaled
        for name, values in columns_of(results, found.metric).items()
        if np.isfinite(scaled := np.array([found.metric.scaled(each) for each in values])).all()
    }
    whole = [each for each in found.arms if each.arm in columns]
    found = replace(
        found,
        most=len(rounds),
        seeds=len(columns[whole[0].arm]) if whole else 0,
        compared=len(whole),
    )
    if not found.assessable:
        return found
    quality = np.stack([columns[each.arm] for each in whole])
    costs = np.array(
        [[math.log(each.seconds[arm.arm]) for each in rounds] for arm in whole]
        if rounds
        else [[arm.cost] for arm in whole]
    )
    overlap = results.declaration.overlap
    flags = surely_behind(quality, costs, found.metric, results.alpha, overlap)
    behind = {each.arm for each, flag in zip(whole, flags, strict=True) if flag}
    return replace(
        found, arms=tuple(replace(each, behind=each.arm in behind) for each in found.arms)
    )


def _whole(rounds: Sequence[Round], names: Sequence[str]) -> tuple[Round, ...]:
    """Return the rounds in which every arm was timed."""
    return tuple(each for each in rounds if all(each.seconds.get(name, 0.0) > 0 for name in names))


def _cost(
    profile: Profile, cost: Cost, name: str, rounds: Sequence[Round]
) -> tuple[float, float, float]:
    """Return a cost and both ends of what is known of it."""
    if rounds:
        logs = np.log([each.seconds[name] for each in rounds])
        found = t_interval(logs, 0.95)
        mean, low, high = (math.exp(float(each)) for each in (found.mean, found.low, found.high))
        return mean, low, high
    if cost == "step_seconds":
        return profile.step_seconds, profile.step_low, profile.step_high
    value = float(getattr(profile, cost))
    return value, value, value


def _costed(
    number: int, summary: ArmSummary, metric: Metric, cost: tuple[float, float, float]
) -> Costed:
    low, high = cut(metric, summary.low, summary.high)
    return Costed(number, summary.group, *cost, summary.mean, low, high)


def surely_behind(
    quality: Floats, costs: Floats, metric: Metric, alpha: float, overlap: float = 0.0
) -> list[bool]:
    """Return which arms are shown to be worse than another, and no cheaper.

    Both are compared by pairs, of seeds and of rounds, in one-sided intervals at 1 - α / m, where m
    counts the ordered pairs that can show it (union bound): all of them, and where costs are exact
    those whose first is no dearer. A pair shows it where both intervals do, so it is wrong with a
    probability of α / m at most (Berger 1982, Technometrics 24, 295-300), and any with α at most.

    Args:
        quality: shape (arms, seeds), on the metric's own scale.
        costs: shape (arms, 1) where they are exact, else (arms, rounds), as logarithms.
        metric: of the quality; it has a direction.
        alpha: how often any arm may be wrongly said to be behind.
        overlap: what folds add to 1/n in the variance of a mean of the quality.
    """
    exact = costs.shape[1] == 1
    count, mean_cost = len(quality), costs.mean(axis=1)
    no_dearer = mean_cost[:, None] <= mean_cost
    pairs = int(no_dearer.sum()) - count if exact else count * (count - 1)
    level = 1 - 2 * alpha / max(1, pairs)
    metric_range = MetricRange.of(metric, quality, overlap)
    values = -quality if metric.better == "lower" else quality

    def shown(one: int, other: int) -> bool:
        better = metric_range.locate(values[one], values[other]).ends(level)[0] > 0
        return better and (
            exact or located(costs[one], costs[other], reach=math.inf).ends(level)[1] < 0
        )

    found = []
    for place in range(count):
        # the quick interval is nowhere wider than the one that settles it
        quick = judged_interval(values - values[place], level, metric_range.overlap).low > 0
        others = np.flatnonzero(quick & no_dearer[:, place])
        found.append(any(shown(int(other), place) for other in others))
    return found
