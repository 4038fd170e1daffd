"""What claims on cost look at: profiles of arms, and rounds in which arms are timed side by side.

Steps timed one after another within a process are no replicates: taken for such, thirty of them
with an autocorrelation of .6 reject a true null a third of the time. So one number comes from each
process, and a round takes one of every arm; the next round goes through the arms in the opposite
order, so that a machine that grows slower favours none. In each round one arm is measured twice,
as if it were two: how far these two lie apart says what the machine can tell (A/A).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.claims import Claim
from harness.designs import Arm
from harness.metrics import Metric
from harness.pairs import Pairs, groups_of
from harness.profiles import Profile
from harness.study import Study


@dataclass(frozen=True)
class Round:
    """One round of timing.

    Attributes:
        seconds: of one training step, by arm name.
        twin: the arm that was measured twice.
        again: its seconds the second time.
    """

    seconds: Mapping[str, float]
    twin: str
    again: float


@dataclass(frozen=True)
class Costs:
    """What was measured of arms apart from training, all on one machine.

    Attributes:
        profiles: by arm name.
        rounds: in the order taken.
    """

    profiles: Mapping[str, Profile] = field(default_factory=dict)
    rounds: tuple[Round, ...] = ()


def timed_claims(study: Study) -> list[Claim]:
    """Return the claims that rounds of timing are for."""
    return [claim for claim in study.claims if study.metric(claim.metric).replicate == "round"]


def timed_arms(study: Study, scale: str) -> list[Arm]:
    """Return the arms that claims on time look at, in the study's order."""
    groups = [group for claim in timed_claims(study) for group in groups_of(study, scale, claim)]
    names = {arm.name for group in groups for arm in group}
    return [arm for arm in study.arms(scale) if arm.name in names]


def cost_pairs(
    groups: Sequence[Sequence[Arm]], metric: Metric, costs: Costs, most: int | None = None
) -> Pairs:
    """Return what a claim on a cost looks at, by round; a single row where there are no rounds.

    Values are logarithms; a partial arm's is the mean of those of its arms.

    Args:
        groups: the arms that each partial arm of the claim stands for.
        metric: the cost.
        costs: what was measured.
        most: how many rounds to look at; all, where not given.
    """
    if metric.replicate == "round":
        rounds = costs.rounds[:most]
        rows = [[_timed(group, metric, costs, each) for group in groups] for each in rounds]
    else:
        rows = [[_exact(group, metric, costs) for group in groups]]
    kept = {
        place: tuple(row)
        for place, row in enumerate(rows)
        if not any(math.isnan(each) for each in row)
    }
    return Pairs(
        seeds=tuple(kept),
        values=tuple(kept.values()),
        ended=tuple(range(len(rows))),
        fails=(),
        trials=0,
        failed=0,
        missing=len(rows) - len(kept),
        unfinished=len(rows) - len(kept),
    )


def twins(costs: Costs, most: int | None = None) -> list[tuple[float, float]]:
    """Return the logarithms of both measurements of the arm measured twice, by round."""
    return [
        (math.log(each.seconds[each.twin]), math.log(each.again))
        for each in costs.rounds[:most]
        if each.seconds.get(each.twin, 0.0) > 0 and each.again > 0
    ]


def _mean(values: Iterable[float]) -> float:
    logs = list(values)
    return math.fsum(logs) / len(logs) if logs else math.nan


def _exact(group: Sequence[Arm], metric: Metric, costs: Costs) -> float:
    known = [costs.profiles.get(arm.name) for arm in group]
    return _mean(
        metric.scaled(getattr(each, metric.name)) if each is not None else math.nan
        for each in known
    )


def _timed(group: Sequence[Arm], metric: Metric, costs: Costs, one: Round) -> float:
    def of(arm: Arm) -> float:
        seconds = one.seconds.get(arm.name, math.nan)
        if metric.name == "step_seconds":
            return metric.scaled(seconds)
        profile = costs.profiles.get(arm.name)  # says how many samples a step has
        if profile is None or not profile.steps or not seconds > 0:
            return math.nan
        return metric.scaled(profile.samples / profile.steps / seconds)

    return _mean(of(arm) for arm in group)
