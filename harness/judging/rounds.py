"""The costs of arms (:class:`Costs`), rounds of timing (:class:`Round`), and their paired values.

A round has one time of every arm, each from a process of its own, and a second one of its first
arm, the twin: how far these two lie apart says what the machine can tell (A/A). The next round goes
through the arms in the opposite order, so that a machine that grows slower favours none.

Steps timed one after another within a process are no replicates: taken for such, thirty of them
with an autocorrelation of .6 reject a true null a third of the time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.floats import mean_of
from harness.judging.pairing import Pairs, groups_of
from harness.study.claims import Claim
from harness.study.declaration import Declaration
from harness.study.designs import Arm
from harness.study.metrics import Metric
from harness.trials.profiles import Profile


@dataclass(frozen=True)
class Round:
    """One round of timing: a time of every arm, and a second one of its twin.

    Attributes:
        seconds: of one training step, by arm name.
        samples: that a step trains on, by arm name.
        twin: the arm that was measured twice.
        again: its seconds the second time.
    """

    seconds: Mapping[str, float]
    samples: Mapping[str, int]
    twin: str
    again: float

    def has(self, groups: Sequence[Sequence[Arm]]) -> bool:
        """Whether all of these arms were timed."""
        return all(self.seconds.get(arm.name, 0.0) > 0 for group in groups for arm in group)


@dataclass(frozen=True)
class Costs:
    """Profiles and rounds of timing of a study's arms, all of one machine.

    Attributes:
        profiles: by arm name.
        rounds: in the order taken.
    """

    profiles: Mapping[str, Profile] = field(default_factory=dict)
    rounds: tuple[Round, ...] = ()


def timed_claims(declaration: Declaration) -> list[Claim]:
    """Return the claims that rounds of timing are for."""
    return [
        claim
        for claim in declaration.claims
        if declaration.metric(claim.metric).replicate == "round"
    ]


def timed_arms(declaration: Declaration) -> list[Arm]:
    """Return the arms that claims on time look at, in the study's order."""
    groups = [
        group for claim in timed_claims(declaration) for group in groups_of(declaration, claim)
    ]
    names = {arm.name for group in groups for arm in group}
    return [arm for arm in declaration.arms if arm.name in names]


def rounds_of(groups: Sequence[Sequence[Arm]], costs: Costs) -> tuple[Round, ...]:
    """Return the rounds that have every arm of a claim, in the order taken."""
    return tuple(one for one in costs.rounds if one.has(groups))


def cost_pairs(groups: Sequence[Sequence[Arm]], metric: Metric, costs: Costs, most: int) -> Pairs:
    """Return what a claim on a cost looks at, by round; a single row where there are no rounds.

    Values are logarithms; a partial arm's is the mean of those of its arms.

    Args:
        groups: the arms that each partial arm of the claim stands for.
        metric: the cost.
        costs: what was measured.
        most: how many rounds to look at, of those that have every arm.
    """
    if metric.replicate == "round":
        rounds = rounds_of(groups, costs)[:most]
        rows = [tuple(_timed(group, metric, one) for group in groups) for one in rounds]
    else:
        rows = [tuple(_exact(group, metric, costs) for group in groups)]
        rows = [row for row in rows if not any(math.isnan(each) for each in row)]
    places = tuple(range(len(rows)))
    return Pairs(
        seeds=places, values=tuple(rows), ended=places, fails=(), trials=0, failed=0, missing=0,
        unfinished=0,
    )  # fmt: skip


def twins(groups: Sequence[Sequence[Arm]], costs: Costs, most: int) -> list[tuple[float, float]]:
    """Return the logarithms of both measurements of the arm measured twice, by round."""
    return [
        (math.log(one_round.seconds[one_round.twin]), math.log(one_round.again))
        for one_round in rounds_of(groups, costs)[:most]
    ]


def _exact(group: Sequence[Arm], metric: Metric, costs: Costs) -> float:
    known = [costs.profiles.get(arm.name) for arm in group]
    return mean_of(
        metric.scaled(getattr(profile, metric.name)) if profile is not None else math.nan
        for profile in known
    )


def _timed(group: Sequence[Arm], metric: Metric, one_round: Round) -> float:
    def of(arm: Arm) -> float:
        seconds = one_round.seconds[arm.name]
        if metric.name == "step_seconds":
            return metric.scaled(seconds)
        return metric.scaled(one_round.samples[arm.name] / seconds)

    return mean_of(of(arm) for arm in group)
