"""Arms, and which combinations of levels become one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.messages.levels import Level, own
from harness.messages.printable import check_name


@dataclass(frozen=True)
class Factorial:
    """Every combination of levels.

    Example:
        >>> from harness import Factor, Factorial, Scale, Study
        >>> def build(scale, depth, width):
        ...     ...
        >>> study = Study(
        ...     name="size",
        ...     question="Does size help?",
        ...     factors=(Factor("depth", (8, 20)), Factor("width", (4, 16))),
        ...     build=build,
        ...     scales={"quick": Scale(seeds=5)},
        ...     design=Factorial(),
        ... )
        >>> [arm.name for arm in study.arms("quick")]
        ['depth=8, width=4', 'depth=8, width=16', 'depth=20, width=4', 'depth=20, width=16']
    """


@dataclass(frozen=True)
class OneAtATime:
    """The baseline, and each other level with all other factors at their baseline.

    Example:
        >>> from harness import Factor, OneAtATime, Scale, Study
        >>> def build(scale, depth, width):
        ...     ...
        >>> study = Study(
        ...     name="size",
        ...     question="Does size help?",
        ...     factors=(Factor("depth", (8, 20)), Factor("width", (4, 16))),
        ...     build=build,
        ...     scales={"quick": Scale(seeds=5)},
        ...     design=OneAtATime(),
        ... )
        >>> [arm.name for arm in study.arms("quick")]
        ['depth=8, width=4', 'depth=20, width=4', 'depth=8, width=16']
    """


@dataclass(frozen=True)
class Arms:
    """A list of named arms; a factor that an arm leaves out stays at its baseline.

    Attributes:
        named: arm name to the levels that it sets.

    Example:
        >>> from harness import Arms, Factor, Scale, Study
        >>> def build(scale, depth, width):
        ...     ...
        >>> study = Study(
        ...     name="size",
        ...     question="Does size help?",
        ...     factors=(Factor("depth", (8, 20)), Factor("width", (4, 16))),
        ...     build=build,
        ...     scales={"quick": Scale(seeds=5)},
        ...     design=Arms({"small": {}, "large": {"depth": 20, "width": 16}}),
        ... )
        >>> [arm.name for arm in study.arms("quick")]
        ['small', 'large']
    """

    named: Mapping[str, Mapping[str, Any]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "named", own(self.named))
        if isinstance(self.named, Mapping):
            for name in self.named:
                check_name("an arm's name", name, "Write Arms({'plain': {...}, ...}).")


Design = Factorial | OneAtATime | Arms


@dataclass(frozen=True)
class Arm:
    """One combination of levels.

    Attributes:
        name: what tables and plots call it.
        levels: a level for every factor, in the factors' order.
    """

    name: str
    levels: Mapping[str, Level]

    def matches(self, partial: Mapping[str, Level]) -> bool:
        """Whether this arm has all the levels that ``partial`` names."""
        return all(self.levels[factor] == level for factor, level in partial.items())


def arm_name(levels: Mapping[str, Level]) -> str:
    """Name an arm by its levels, such as ``shortcut=no, depth=56``."""
    return ", ".join(f"{name}={level.name}" for name, level in levels.items())


def matching(arms: Sequence[Arm], partials: Sequence[Mapping[str, Level]]) -> list[tuple[Arm, ...]]:
    """Return the arms that match each partial arm, by the names of levels, which are unique."""
    by_levels: dict[tuple[str, ...], dict[tuple[str, ...], list[Arm]]] = {}
    for factors in {tuple(partial) for partial in partials}:
        found = by_levels.setdefault(factors, {})
        for arm in arms:
            found.setdefault(tuple(arm.levels[each].name for each in factors), []).append(arm)
    return [
        tuple(by_levels[tuple(partial)].get(tuple(level.name for level in partial.values()), ()))
        for partial in partials
    ]


def comparable(
    arms: Sequence[Arm], partials: Sequence[Mapping[str, Level]]
) -> list[tuple[Arm, ...]]:
    """Return the arms of each partial arm, all with the same levels of the factors not named.

    An arm counts if every partial arm has an arm with the same other levels. If one factor is
    varied at a time, ``{"optimizer": adam}`` against ``{"optimizer": sgd}`` is the baseline with a
    changed optimizer, and not an average in which only sgd comes with other depths. If nothing is
    shared, as with arms listed by hand, all that match count.
    """
    named = {factor for partial in partials for factor in partial}

    def rest(arm: Arm) -> tuple[str, ...]:
        return tuple(level.name for factor, level in arm.levels.items() if factor not in named)

    groups = matching(arms, partials)
    rests = [[rest(arm) for arm in group] for group in groups]
    shared = set.intersection(*map(set, rests))
    if not shared:
        return groups
    return [
        tuple(arm for arm, own in zip(group, each, strict=True) if own in shared)
        for group, each in zip(groups, rests, strict=True)
    ]
