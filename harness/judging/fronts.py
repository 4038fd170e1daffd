"""Quality against cost: which arms no other beats in both, and which surely lie behind that front.

It describes: what was claimed beforehand is judged by verdicts alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.judging.results import Results
from harness.judging.rounds import Round
from harness.judging.summaries import ArmSummary
from harness.stats import FEWEST, t_interval
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
        behind: whether another arm is better, and no dearer, by intervals that lie apart.
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
    """

    metric: Metric
    cost: Metric
    how: How
    arms: tuple[Costed, ...]
    most: int = 0


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
    placed = tuple(_placed(each, arms, metric.better) for each in arms)
    return Front(metric, COSTS[cost], how, placed, len(rounds) if how == "rounds" else 0)


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


def _placed(arm: Costed, arms: Sequence[Costed], better: str | None) -> Costed:
    values = dict(vars(arm))
    values["front"] = not any(_beats(other, arm, better) for other in arms)
    values["behind"] = any(surely_beats(other, arm, better) for other in arms)
    return Costed(**values)


def _beats(a: Costed, b: Costed, better: str | None) -> bool:
    sign = -1.0 if better == "lower" else 1.0
    at_least = a.cost <= b.cost and sign * a.mean >= sign * b.mean
    return at_least and (a.cost < b.cost or a.mean != b.mean)


def surely_beats(a: Costed, b: Costed, better: str | None) -> bool:
    """Whether an arm is better than another and no dearer, by intervals that lie apart both ways.

    An end that is not known is nowhere, and shows nothing. Exact costs may be equal.
    """
    apart = a.high < b.low if better == "lower" else a.low > b.high
    exact = a.cost_low == a.cost_high and b.cost_low == b.cost_high
    cheaper = a.cost <= b.cost if exact else a.cost_high < b.cost_low
    return apart and cheaper
