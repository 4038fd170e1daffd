"""The kinds of claim: sentences on trial, each with the margin that matters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import HarnessError
from harness.levels import level_name

Partial = Mapping[str, Any]
"""An arm, or part of one: the other factors are averaged over within each seed."""


@dataclass(frozen=True)
class Claim:
    """What every claim has.

    Attributes:
        text: the sentence, as it will stand in the report.
        metric: which metric it speaks of.
        by: the margin, in the metric's unit: the smallest difference that matters.
        source: who says so.
    """

    text: str
    metric: str
    by: float
    source: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not self.text.strip():
            raise HarnessError(
                "a claim must be a sentence", repr(self.text), "Write Higher('A beats B.', ...)."
            )
        if (
            not isinstance(self.by, int | float)
            or isinstance(self.by, bool)
            or not math.isfinite(self.by)
            or self.by <= 0
        ):
            raise HarnessError(
                f"the margin of the claim {self.text!r} must be above 0, in the unit of its metric",
                repr(self.by),
                "Write by=0.01, say: the smallest difference that would matter.",
            )

    @property
    def kind(self) -> str:
        """The name of the kind, as in ``verdicts.json``."""
        return type(self).__name__

    def terms(self) -> list[tuple[float, Partial]]:
        """Return the contrast: its value per seed is the sum of weight times the arm's mean."""
        raise NotImplementedError

    def sides(self) -> tuple[str, str]:
        """Name what is added and what is subtracted, for axes and sentences."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Higher(Claim):
    """The metric of one arm is higher than another's by at least the margin.

    Attributes:
        higher: the arm claimed to have the higher value; may name some factors only.
        lower: the arm claimed to have the lower value.
    """

    higher: Partial
    lower: Partial

    def __post_init__(self) -> None:
        super().__post_init__()
        if not _differ(self.higher, self.lower):
            raise HarnessError(
                f"the claim {self.text!r} must compare two different arms",
                f"{self.higher!r} and {self.lower!r}",
                "Name the levels in which they differ.",
            )

    def terms(self) -> list[tuple[float, Partial]]:
        """Return the contrast, higher minus lower."""
        return [(1.0, self.higher), (-1.0, self.lower)]

    def sides(self) -> tuple[str, str]:
        """Name the arm claimed higher and the arm claimed lower."""
        return _levels(self.higher), _levels(self.lower)


@dataclass(frozen=True, kw_only=True)
class Interaction(Claim):
    """The difference that one factor makes is larger at one level of another factor.

    The value per seed is ``[m(of[0], at[0]) - m(of[1], at[0])] - [m(of[0], at[1]) - m(of[1],
    at[1])]``: how much more ``of`` changes the metric at ``at[0]`` than at ``at[1]``.

    Attributes:
        of: two partial arms, the difference between which is looked at.
        at: two partial arms, at each of which it is taken.
    """

    of: tuple[Partial, Partial]
    at: tuple[Partial, Partial]

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("of", "at"):
            pair = getattr(self, name)
            if not isinstance(pair, tuple | list) or len(pair) != 2 or not _differ(*pair):
                raise HarnessError(
                    f"{name} in the claim {self.text!r} must be two different partial arms",
                    repr(pair),
                    f"Write {name}=({{'depth': 56}}, {{'depth': 20}}), say.",
                )
        shared = set(self.of[0]) | set(self.of[1])
        if shared & (set(self.at[0]) | set(self.at[1])):
            raise HarnessError(
                f"of and at in the claim {self.text!r} must name different factors",
                f"of={self.of!r} at={self.at!r}",
                "Name one factor in each.",
            )

    def terms(self) -> list[tuple[float, Partial]]:
        """Return the difference of differences."""
        return [
            (sign_of * sign_at, {**of, **at})
            for sign_at, at in zip((1.0, -1.0), self.at, strict=True)
            for sign_of, of in zip((1.0, -1.0), self.of, strict=True)
        ]

    def sides(self) -> tuple[str, str]:
        """Name the two places at which the difference is taken."""
        change = f"{_levels(self.of[0])} − {_levels(self.of[1])}"
        return f"({change}) at {_levels(self.at[0])}", f"the same at {_levels(self.at[1])}"


def _differ(first: Any, second: Any) -> bool:
    """Whether both are partial arms that name something, and not the same."""
    if not all(isinstance(each, Mapping) and each for each in (first, second)):
        return False
    # by name, because True == 1
    names = [{key: level_name(value) for key, value in each.items()} for each in (first, second)]
    return names[0] != names[1]


def _levels(partial: Partial) -> str:
    return ", ".join(f"{factor}={level_name(value)}" for factor, value in partial.items())
