"""Runs compared: everything that a page, the terminal and ``compare.json`` say of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.compared.costs import Costs, costs
from harness.compared.curves import ArmCurves, arm_curves
from harness.compared.declared import Compared, Difference, compare_declarations
from harness.compared.effects import (
    ALPHA,
    ArmEffect,
    arm_effects,
    metrics_of,
    with_interval,
)
from harness.compared.matched import Claims, Matched, match, with_difference
from harness.compared.sides import Belonging, Side, belonging
from harness.compared.surroundings import compare_trials, unrecorded


@dataclass(frozen=True)
class Pair:
    """One run against the base.

    Attributes:
        base: the base.
        other: the other run.
        belongings: how the trials of each arm that both have belong together.
        compared: what was compared in declaration, code, data and environment.
        unknown: sentences on what nobody knows.
        claims: those of both, matched.
        effects: of each metric in each arm that both have.
        skipped: names of metrics that mean something else in either, and are not compared.
        costs: what arms cost.
        arms_gone: names of arms of the base alone.
        arms_new: names of arms of the other run alone.
    """

    base: Side
    other: Side
    belongings: tuple[Belonging, ...]
    compared: tuple[Compared, ...]
    unknown: tuple[str, ...]
    claims: Claims
    effects: tuple[ArmEffect, ...]
    skipped: tuple[str, ...]
    costs: Costs
    arms_gone: tuple[str, ...]
    arms_new: tuple[str, ...]

    @property
    def differences(self) -> tuple[Difference, ...]:
        """All that differs in declaration, code, data and environment."""
        return tuple(each for one in self.compared for each in one.differences)

    @property
    def same(self) -> tuple[str, ...]:
        """What was compared, and is the same."""
        return tuple(each.what for each in self.compared if not each.differences)

    @property
    def worse(self) -> tuple[Matched | ArmEffect, ...]:
        """Verdicts that changed for the worse, and effects that are surely worse.

        So are arms of which trials finished in the base, and all failed in the other run.
        """
        claims = [each for each in self.claims.matched if each.step < 0]
        arms = [each for each in self.effects if each.finding == "worse" or each.vanished]
        return (*claims, *arms)

    @property
    def told(self) -> tuple[ArmEffect, ...]:
        """Effects on arms that can be told from none."""
        return tuple(
            each
            for each in self.effects
            if each.finding not in {"same", "cannot tell", "not compared"}
        )

    @property
    def whole(self) -> bool:
        """Whether all arms that both have are the same trials in both, and neither has more."""
        return bool(self.belongings) and all(
            each.way == "same" and each.first.keys() == each.second.keys()
            for each in self.belongings
        )

    @property
    def something(self) -> bool:
        """Whether there was anything to compare: a verdict, or an effect on an arm."""
        effects = any(each.finding != "not compared" or each.vanished for each in self.effects)
        return bool(self.claims.matched) or effects


@dataclass(frozen=True)
class Group:
    """One study at one scale in several runs, or several runs that were named one by one.

    Attributes:
        sides: the runs, the base first.
        pairs: each other run against the base.
        curves: learning curves of arms that two runs or more have.
    """

    sides: tuple[Side, ...]
    pairs: tuple[Pair, ...]
    curves: tuple[ArmCurves, ...]


@dataclass(frozen=True)
class Comparison:
    """All that was compared.

    Attributes:
        named: how somebody named each place, by its letter, without secrets.
        groups: what was compared.
        alone: studies and scales of a place that stand there alone: its letter, and their names.
        tested: how many intervals there are, all of which hold at once with 1 - ALPHA.
    """

    named: tuple[tuple[str, str], ...]
    groups: tuple[Group, ...]
    alone: tuple[tuple[str, str], ...]
    tested: int

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Every run against its base."""
        return tuple(pair for group in self.groups for pair in group.pairs)

    @property
    def level(self) -> float:
        """The confidence level of each interval."""
        return level_of(self.tested)

    @property
    def worse(self) -> bool:
        """Whether a verdict changed for the worse, or an effect is surely worse, anywhere."""
        return any(pair.worse for pair in self.pairs)

    @property
    def something(self) -> bool:
        """Whether there was anything to compare in each pair."""
        return bool(self.pairs) and all(pair.something for pair in self.pairs)


def level_of(tested: int) -> float:
    """Return the level of each of so many intervals, all of which are to hold at once."""
    return 1 - ALPHA / max(tested, 1)


def compare(
    named: Sequence[tuple[str, str]],
    groups: Sequence[Sequence[Side]],
    alone: Sequence[tuple[str, str]] = (),
) -> Comparison:
    """Compare runs, each with the first of its group; a pure function of what was judged.

    Every interval has the level 1 - .05 / m (Bonferroni): m counts all effects on arms and all
    differences of claims' effects that have one, in all pairs together.

    Args:
        named: how somebody named each place, by its letter.
        groups: runs that belong together, the base first.
        alone: what stands in one place alone.
    """
    raw = [[_pair(group[0], other) for other in group[1:]] for group in groups]
    tested = sum(1 for pairs in raw for pair in pairs for _ in _tested(pair))
    level = level_of(tested)
    done = []
    for sides, pairs in zip(groups, raw, strict=True):
        arms = [arm.name for arm in sides[0].results.arms]
        judged = tuple(_judged(pair, level) for pair in pairs)
        done.append(Group(tuple(sides), judged, arm_curves(sides, arms)))
    return Comparison(tuple(named), tuple(done), tuple(alone), tested)


def _pair(base: Side, other: Side) -> Pair:
    """Compare two runs, still without intervals."""
    here, there = ([arm.name for arm in side.results.arms] for side in (base, other))
    both = [arm for arm in here if arm in there]
    belongings = tuple(belonging(arm, base, other) for arm in both)
    claims = match(base, other, {each.arm: each for each in belongings})
    metrics, skipped = metrics_of(base, other)
    return Pair(
        base,
        other,
        belongings,
        (*compare_declarations(base, other, claims), *compare_trials(base, other, both)),
        tuple(dict.fromkeys(unrecorded(base, other))),
        claims,
        tuple(arm_effects(belongings, metrics)),
        skipped,
        costs(base, other, both),
        tuple(arm for arm in here if arm not in there),
        tuple(arm for arm in there if arm not in here),
    )


def _tested(pair: Pair) -> Iterator[ArmEffect | Matched]:
    yield from (each for each in pair.effects if each.tested)
    yield from (each for each in pair.claims.matched if each.tested)


def _judged(pair: Pair, level: float) -> Pair:
    matched = tuple(with_difference(each, level) for each in pair.claims.matched)
    return replace(
        pair,
        claims=dataclasses.replace(pair.claims, matched=matched),
        effects=tuple(with_interval(each, level) for each in pair.effects),
    )
