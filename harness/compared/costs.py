"""What each arm costs in one run over what it costs in another, as ratios.

Counts are compared always. Times are, where both were measured on the same kind of machine, and so
is memory on the same kind of device. They were measured on different days, one profile each, so a
ratio of times has no interval: ``harness gate`` measures both sides in turns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.compared.sides import Side
from harness.study.formatting import plural
from harness.study.metrics import COSTS, Metric
from harness.trials.profiles import Profile

SHOWN = ("step_seconds", "peak_bytes", "flops_per_step", "parameters")
"""The costs that are compared, in this order."""


@dataclass(frozen=True)
class CostRatio:
    """One cost of one arm, in both runs.

    Attributes:
        metric: which cost.
        base: in the base; 0 where it was not measured.
        other: in the other run.
        ratio: the other run's over the base's; NaN where they are not compared.
    """

    metric: Metric
    base: float
    other: float
    ratio: float


@dataclass(frozen=True)
class ArmCosts:
    """The costs of one arm in both runs."""

    arm: str
    ratios: tuple[CostRatio, ...]


@dataclass(frozen=True)
class Costs:
    """The costs of all arms that were measured in both runs.

    Attributes:
        arms: those arms.
        notes: sentences on what is not compared, and why.
    """

    arms: tuple[ArmCosts, ...]
    notes: tuple[str, ...]


def costs(base: Side, other: Side, arms: Sequence[str]) -> Costs:
    """Compare what arms cost in two runs.

    Args:
        base: one run.
        other: the other one.
        arms: the names of arms that both have.
    """
    before, after = base.results.profiles, other.results.profiles
    both = [arm for arm in arms if arm in before and arm in after]
    notes = []
    if not both:
        without = [side.label for side in (base, other) if not side.results.profiles]
        lacking = f"{' and '.join(without)} measured none" if without else "no arm has one in both"
        return Costs((), (f"Costs are not compared: {lacking}.",))
    if left := len(arms) - len(both):
        notes.append(f"{plural(left, 'arm')} in both runs was not measured in one of them.")
    times = dict.fromkeys(_why_not_times(before[arm], after[arm]) for arm in both)
    memory = dict.fromkeys(_why_not_memory(before[arm], after[arm]) for arm in both)
    notes += [f"Times are not compared: {why}." for why in times if why]
    notes += [f"Memory is not compared: {why}." for why in memory if why]
    return Costs(
        tuple(ArmCosts(arm, _ratios(before[arm], after[arm])) for arm in both), tuple(notes)
    )


def fingerprint(profile: Profile) -> str:
    """Return what kind of machine a profile was measured on: device, processor and threads."""
    threads = f", {plural(profile.threads, 'thread')}" if profile.threads else ""
    return f"{profile.device} / {profile.hardware}{threads}"


def _why_not_times(before: Profile, after: Profile) -> str:
    machines = fingerprint(before), fingerprint(after)
    if machines[0] == machines[1]:
        return ""
    return f"they were measured on different machines ({machines[0]}; {machines[1]})"


def _why_not_memory(before: Profile, after: Profile) -> str:
    devices = before.device.partition(":")[0], after.device.partition(":")[0]
    if devices[0] == devices[1]:
        return ""
    return f"it is counted in another way on each kind of device ({devices[0]}; {devices[1]})"


def _ratios(before: Profile, after: Profile) -> tuple[CostRatio, ...]:
    not_compared = {
        "step_seconds": _why_not_times(before, after),
        "peak_bytes": _why_not_memory(before, after),
    }
    out = []
    for name in SHOWN:
        old, new = float(getattr(before, name)), float(getattr(after, name))
        known = old > 0 and new > 0 and not not_compared.get(name)
        out.append(CostRatio(COSTS[name], old, new, new / old if known else math.nan))
    return tuple(out)
