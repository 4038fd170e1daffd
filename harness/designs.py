"""Arms, and which combinations of levels become one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.levels import Level


@dataclass(frozen=True)
class Factorial:
    """Every combination of levels."""


@dataclass(frozen=True)
class OneAtATime:
    """The baseline, and each other level with all other factors at their baseline."""


@dataclass(frozen=True)
class Arms:
    """A list of named arms; a factor that an arm leaves out stays at its baseline.

    Attributes:
        named: arm name to the levels that it sets.
    """

    named: Mapping[str, Mapping[str, Any]]


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
