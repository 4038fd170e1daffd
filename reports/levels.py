"""How the levels of a study's factors look, alike in every figure of its report.

One factor leads: its levels have a colour each. Those of a second one have a dash and a marker
each. An arm, or a side of a claim, looks as its levels do; one that stands for several levels of a
factor is neutral in what that factor gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from harness.judging.results import Results
from harness.study.designs import Arm

from .figures.canvas import DASHES, MARKERS
from .palette import light

_COLOURS = 6


@dataclass(frozen=True)
class Look:
    """What a line and its marks are drawn with.

    Attributes:
        color: of the line, and of what is written at it.
        linestyle: solid or a dash, as matplotlib writes it.
        marker: its shape, as matplotlib writes it.
    """

    color: str
    linestyle: Any = "solid"
    marker: str = "o"

    @property
    def line(self) -> dict[str, Any]:
        """The same as matplotlib's keywords of a line."""
        return {"color": self.color, "linestyle": self.linestyle, "marker": self.marker}


NEUTRAL = Look(light("ink"))
"""What is no level, or several at once."""


@dataclass(frozen=True)
class Levels:
    """The levels that a study's arms have, and which factors tell them apart in figures.

    Attributes:
        arms: of the scale, in the study's order.
        factors: those of several levels, the leading one first; each with its levels' names.
    """

    arms: tuple[Arm, ...]
    factors: tuple[tuple[str, tuple[str, ...]], ...]

    @cached_property
    def named(self) -> Mapping[str, Arm]:
        """Every arm by its name."""
        return {arm.name: arm for arm in self.arms}

    def of_arm(self, name: str) -> Look:
        """Return how an arm looks; neutral where there is none of that name."""
        arm = self.named.get(name)
        return NEUTRAL if arm is None else self.look(arm.levels)

    def look(self, levels: Mapping[str, Any]) -> Look:
        """Return how a partial arm looks: some factors, each with its level or a level's name."""
        if len(self.factors) == 1:
            place = self._place(0, levels)
            return NEUTRAL if place is None else _single(place)
        colour, mark = self._place(0, levels), self._place(1, levels)
        return Look(
            NEUTRAL.color if colour is None else light(f"series{colour % _COLOURS + 1}"),
            "solid" if mark is None else DASHES[mark % len(DASHES)],
            "o" if mark is None else MARKERS[mark % len(MARKERS)],
        )

    def parts(self, name: str) -> list[str]:
        """Return what tells an arm apart: the factors that arms differ in, each with its level."""
        apart = [factor for factor, _ in self.factors]
        levels = self.named[name].levels
        return [f"{factor}={level.name}" for factor, level in levels.items() if factor in apart]

    def short(self, name: str) -> str:
        """Name an arm by what tells it apart: levels that all arms share are left out."""
        return ", ".join(self.parts(name)) or name if name in self.named else name

    def _place(self, which: int, levels: Mapping[str, Any]) -> int | None:
        if which >= len(self.factors) or self.factors[which][0] not in levels:
            return None
        factor, names = self.factors[which]
        level = levels[factor]
        name = getattr(level, "name", level)
        return names.index(name) if name in names else None


NO_LEVELS = Levels((), ())
"""Of a study without factors: all that it has is neutral."""


def _single(place: int) -> Look:
    """Return the look of a study's only factor: no two of 36 levels look alike."""
    shifted = place + place // len(MARKERS)
    return Look(
        light(f"series{place % _COLOURS + 1}"),
        DASHES[shifted % len(DASHES)],
        MARKERS[shifted % len(MARKERS)],
    )


def levels_of(results: Results) -> Levels:
    """Return how the levels of a study look: the factor that most claims are about leads."""
    declaration, arms = results.declaration, results.arms
    contrasts: dict[str, int] = {}
    for verdict in results.verdicts:
        for name in _contrasted(declaration.partials(verdict.claim)):
            contrasts[name] = contrasts.get(name, 0) + 1
    found = []
    for factor in declaration.factors:
        names = tuple(dict.fromkeys(arm.levels[factor.name].name for arm in arms))
        if len(names) > 1:
            # declared levels first, so that a look does not depend on which arms were run first
            order = [level.name for level in factor.named]
            found.append((factor.name, tuple(sorted(names, key=order.index))))
    # a colour is told more easily than a mark, but there are no more than six of them
    found.sort(key=lambda each: (len(each[1]) > _COLOURS, -contrasts.get(each[0], 0)))
    return Levels(arms, tuple(found))


def _contrasted(partials: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the factors at which the sides of a claim differ."""
    names = dict.fromkeys(name for partial in partials for name in partial)
    return [
        name
        for name in names
        if len({getattr(each.get(name), "name", None) for each in partials}) > 1
    ]
