"""Time to a target: the epochs and steps until the learning curve of each arm reaches it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.judging.pairing import Trials, by_arm, has_failed, median_time, until
from harness.study.claims import Claim, Sooner
from harness.study.declaration import Declaration
from harness.study.metrics import Metric
from harness.trials.profiles import Profile
from harness.trials.records import Record


@dataclass(frozen=True)
class Reached:
    """How long one arm takes.

    Attributes:
        arm: its name.
        seeds: the seeds that it finished in.
        failed: the seeds in which it failed, which count neither way.
        share: of those finished, the share in which it reaches the target; NaN where none is.
        epochs: median over those seeds, the lower of two in the middle; infinite where the target
            is reached in fewer than half of them.
        steps: the same, in optimizer steps.
        seconds: the median number of steps, each as long as a step was measured to take apart
            from training; NaN where the arm was not profiled.
    """

    arm: str
    seeds: int
    failed: int
    share: float
    epochs: float
    steps: float
    seconds: float


@dataclass(frozen=True)
class Target:
    """One target that claims of the study name, and every arm's time to it.

    Attributes:
        metric: the metric's name.
        reaches: how good it is to be.
        arms: in the study's order.
    """

    metric: str
    reaches: float
    arms: tuple[Reached, ...]


def targets(
    declaration: Declaration,
    trials: Trials,
    profiles: Mapping[str, Profile],
) -> tuple[Target, ...]:
    """Work out the time to each target that a claim of the study names.

    Args:
        declaration: the study at one scale.
        trials: the record that counts, by arm name and seed.
        profiles: cost by arm name.
    """
    claimed: Sequence[Claim] = declaration.claims
    named = dict.fromkeys(
        (claim.metric, claim.reaches) for claim in claimed if isinstance(claim, Sooner)
    )
    records = by_arm(trials)
    return tuple(
        Target(
            metric,
            reaches,
            tuple(
                _reached(
                    arm.name, records.get(arm.name, []), declaration.metric(metric), reaches,
                    profiles.get(arm.name),
                )
                for arm in declaration.arms
            ),
        )
        for metric, reaches in named
    )  # fmt: skip


def _reached(
    arm: str,
    own: Sequence[Record],
    metric: Metric,
    reaches: float,
    profile: Profile | None,
) -> Reached:
    failed = sum(has_failed(record, metric.name) for record in own)
    times = [until(record, metric, reaches) for record in own]
    done = [each for each in times if each is not None]
    if not done:
        return Reached(arm, 0, failed, math.nan, math.nan, math.nan, math.nan)
    epochs, steps = (median_time(times) for times in zip(*done, strict=True))
    seconds = steps * profile.step_seconds if profile else math.nan
    share = sum(math.isfinite(each) for each, _ in done) / len(done)
    return Reached(arm, len(done), failed, share, epochs, steps, seconds)
