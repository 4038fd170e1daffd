"""Claims on the levels of one factor: one against the others, or all of them as doses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from harness.messages import checks
from harness.messages.errors import HarnessError, near
from harness.messages.levels import Level, level_name
from harness.study.claims.base import Claim, LevelsOf, Partial, named

Axis = Literal["linear", "log", "rank"]
AXES: tuple[Axis, ...] = ("linear", "log", "rank")


@dataclass(frozen=True, kw_only=True)
class Best(Claim):
    """One level of a factor beats every other level of it by at least the margin.

    The other factors are averaged over. The effect is the difference to the nearest other level.

    Attributes:
        best: the level claimed best, as ``{"optimizer": "adam"}``; ``where`` may fix other
            factors.
        where: levels of other factors at which the comparison is made; empty for all.
        among: the levels of that factor that take part; by default all that are run.
        lowest: whether the lowest value is the best.

    Example:
        >>> from harness import Best
        >>> claim = Best(
        ...     "Adam has the lowest loss.",
        ...     metric="test_loss",
        ...     best={"optimizer": "adam"},
        ...     where={"batch_size": 32},
        ...     lowest=True,
        ...     by=0.02,
        ... )
        >>> claim.sides()  # the effect is the first less the second
        ('the nearest other optimizer at batch_size=32', 'optimizer=adam at batch_size=32')
    """

    best: Partial
    where: Partial | None = None
    among: Sequence[Any] | None = None
    lowest: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.best, Mapping) or len(self.best) != 1:
            raise HarnessError(
                f"best= in the claim {self.text!r} must name one level of one factor",
                repr(self.best),
                "Write best={'optimizer': 'adam'}, say, and where={...} for other factors.",
            )
        _check_where(self, self.where, set(self.best))
        _check_among(self, self.among)

    @property
    def contrast(self) -> str:
        """What its effect is, for sentences."""
        return "difference to the nearest other level"

    def partials(self, levels_of: LevelsOf) -> list[Partial]:
        """Return the level claimed best, then all others.

        Raises:
            HarnessError: there is no other level.
        """
        ((factor, best),) = self.best.items()
        others = _others(self, levels_of(factor), self.among, [best])
        where = self.where or {}
        return [{**where, **self.best}, *({**where, factor: level.value} for level in others)]

    def chosen(self) -> tuple[str, Sequence[Any]]:
        """Return a factor and the levels of it that ``among`` names; empty if all take part."""
        return next(iter(self.best)), self.among or ()

    def sides(self, level: str = "") -> tuple[str, str]:
        """Name the level claimed best and the rest."""
        ((factor, _),) = self.best.items()
        first = named(self.best) + _at(self.where)
        second = f"the nearest other {factor}" + _of(self.among)
        second = _which(factor, level, second) + _at(self.where)
        return (second, first) if self.lowest else (first, second)


@dataclass(frozen=True, kw_only=True)
class Some(Claim):
    """Some level of the factor ``over`` beats a reference by at least the margin, whichever it is.

    Its effect is the difference of the level that comes out best to the reference, ``than``.
    Because the best of several looks better than it is, the lower end of its interval and the test
    of a positive effect are corrected for the number of levels.

    Attributes:
        over: the factor whose levels are tried.
        than: the reference, a partial arm; it may be a level of that factor.
        where: levels of other factors at which they are tried; the reference, too, unless it names
            a level of that factor itself.
        among: the levels of the factor that take part; by default all that are run. A level that
            the reference names takes no part.
        lowest: whether lower is better.

    Example:
        >>> from harness import Some
        >>> claim = Some(
        ...     "Some temperature above 1 beats 1.",
        ...     metric="test_accuracy",
        ...     over="temperature",
        ...     than={"temperature": 1},
        ...     by=0.005,
        ... )
        >>> claim.sides()  # the effect is the first less the second
        ('the best temperature', 'temperature=1')
    """

    over: str
    than: Partial
    where: Partial | None = None
    among: Sequence[Any] | None = None
    lowest: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.than, Mapping) or not self.than:
            raise HarnessError(
                f"than= in the claim {self.text!r} must name an arm, or part of one",
                repr(self.than),
                "Write than={'temperature': 1}, say.",
            )
        _check_where(self, self.where, {self.over})
        _check_among(self, self.among)

    @property
    def contrast(self) -> str:
        """What its effect is, for sentences."""
        return "difference of the best level to the reference"

    def partials(self, levels_of: LevelsOf) -> list[Partial]:
        """Return the reference, then the levels tried.

        Raises:
            HarnessError: there is no level to try.
        """
        levels, where = levels_of(self.over), self.where or {}
        own = [self.than[self.over]] if self.over in self.than else []
        tried = _others(self, levels, self.among, own)
        return [{**where, **self.than}, *({**where, self.over: level.value} for level in tried)]

    def sides(self, level: str = "") -> tuple[str, str]:
        """Name the level that comes out best and the reference."""
        best = f"the best {self.over}" + _of(self.among)
        first = _which(self.over, level, best) + _at(self.where)
        second = named({**(self.where or {}), **self.than})
        return (second, first) if self.lowest else (first, second)

    def chosen(self) -> tuple[str, Sequence[Any]]:
        """Return a factor and the levels of it that ``among`` names; empty if all take part."""
        return self.over, self.among or ()


@dataclass(frozen=True, kw_only=True)
class Trend(Claim):
    """The metric rises with the dose, by at least the margin from the lowest dose to the highest.

    The doses are the levels of a factor, numbers in ascending order. The value per seed is the rise
    of the straight line that fits best; and no step from one dose to the next may fall by as much
    as the margin.

    Attributes:
        over: the factor whose levels are the doses.
        where: levels of other factors at which it is seen; empty for all.
        among: the levels of it that take part; by default all that are run.
        axis: the scale of the doses for the straight line: ``"linear"``, ``"log"`` (doses above 0),
            or ``"rank"`` (all steps from dose to dose are equally long).
        falls: whether the claim is that the metric falls.

    Example:
        >>> from harness import Trend
        >>> claim = Trend(
        ...     "Accuracy rises with the width.",
        ...     metric="test_accuracy",
        ...     over="width",
        ...     axis="log",
        ...     by=0.02,
        ... )
        >>> claim.sides()  # the effect is the first less the second
        ('line at the highest width', 'line at the lowest width')
    """

    over: str
    where: Partial | None = None
    among: Sequence[Any] | None = None
    axis: Axis = "linear"
    falls: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_where(self, self.where, {self.over})
        _check_among(self, self.among)
        checks.one_of(self, "axis", self.axis, AXES)

    def doses(self, levels_of: LevelsOf) -> tuple[float, ...]:
        """Return the doses on the axis, ascending.

        Raises:
            HarnessError: the factor's levels cannot be doses.
        """
        doses = _doses(self, self.over, self._levels(levels_of), least=3)
        if self.axis == "rank":
            return tuple(float(place) for place in range(len(doses)))
        if self.axis == "log":
            if doses[0] <= 0:
                raise HarnessError(
                    f"the doses of the claim {self.text!r} must be above 0 on an axis 'log'",
                    f"{self.over}={doses[0]:g}",
                    "Write axis='rank', or leave that level out.",
                )
            return tuple(math.log(dose) for dose in doses)
        return doses

    @property
    def contrast(self) -> str:
        """What its effect is, for sentences."""
        return f"{'fall' if self.falls else 'rise'} over the doses"

    def partials(self, levels_of: LevelsOf) -> list[Partial]:
        """Return the doses, ascending."""
        self.doses(levels_of)
        where = self.where or {}
        return [{**where, self.over: level.value} for level in self._levels(levels_of)]

    def _levels(self, levels_of: LevelsOf) -> list[Level]:
        return _taking_part(levels_of(self.over), self.among)

    def chosen(self) -> tuple[str, Sequence[Any]]:
        """Return a factor and the levels of it that ``among`` names; empty if all take part."""
        return self.over, self.among or ()

    def sides(self, _level: str = "") -> tuple[str, str]:
        """Name both ends of the line."""
        at = _of(self.among) + _at(self.where)
        high, low = f"line at the highest {self.over}{at}", f"line at the lowest {self.over}{at}"
        return (low, high) if self.falls else (high, low)


@dataclass(frozen=True, kw_only=True)
class Peak(Claim):
    """The metric at an inner dose beats both neighbouring doses by at least the margin.

    The effect is the difference to the nearest neighbour.

    Attributes:
        over: the factor whose levels, numbers in ascending order, are the doses.
        at: the dose claimed best, not the lowest and not the highest.
        where: levels of other factors at which it is seen; empty for all.
        among: the levels of it that take part; by default all that are run.
        lowest: whether the lowest value is the best: a trough.

    Example:
        >>> from harness import Peak
        >>> claim = Peak(
        ...     "A dropout of 0.3 beats 0.1 and 0.5.",
        ...     metric="test_accuracy",
        ...     over="dropout",
        ...     at=0.3,
        ...     among=(0.1, 0.3, 0.5),
        ...     by=0.01,
        ... )
        >>> claim.sides()  # the effect is the first less the second
        ('dropout=0.3', 'the nearest neighbour')
    """

    over: str
    at: Any
    where: Partial | None = None
    among: Sequence[Any] | None = None
    lowest: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_where(self, self.where, {self.over})
        _check_among(self, self.among)

    @property
    def contrast(self) -> str:
        """What its effect is, for sentences."""
        return "difference to the nearest neighbour"

    def partials(self, levels_of: LevelsOf) -> list[Partial]:
        """Return the dose, then its lower and its upper neighbour.

        Raises:
            HarnessError: it is no inner dose.
        """
        levels = _taking_part(levels_of(self.over), self.among)
        _doses(self, self.over, levels, least=3)
        place = next((p for p in range(1, len(levels) - 1) if _is(levels[p], self.at)), None)
        if place is None:
            raise HarnessError(
                f"at= in the claim {self.text!r} must be an inner level of {self.over!r}",
                level_name(self.at),
                near(level_name(self.at), [level.name for level in levels[1:-1]]),
            )
        where = self.where or {}
        return [{**where, self.over: levels[each].value} for each in (place, place - 1, place + 1)]

    def chosen(self) -> tuple[str, Sequence[Any]]:
        """Return a factor and the levels of it that ``among`` names; empty if all take part."""
        return self.over, self.among or ()

    def sides(self, level: str = "") -> tuple[str, str]:
        """Name the dose and its neighbours."""
        first = f"{self.over}={level_name(self.at)}" + _at(self.where)
        second = _which(self.over, level, "the nearest neighbour") + _at(self.where)
        return (second, first) if self.lowest else (first, second)


def _is(level: Level, wanted: Any) -> bool:
    """Whether a level is the one wanted, by its value or by its name, as in ``Factor.level``."""
    same = type(level.value) is type(wanted) and level.value == wanted
    return same or (isinstance(wanted, str) and level.name == wanted)


def _which(factor: str, level: str, otherwise: str) -> str:
    """Name the level that counts, with what it is."""
    return f"{factor}={level}, {otherwise}" if level else otherwise


def _doses(claim: Claim, factor: str, levels: Sequence[Level], least: int) -> tuple[float, ...]:
    values = [level.value for level in levels]
    numbers = [v for v in values if checks.is_number(v)]
    ascending = all(low < high for low, high in pairwise(numbers))
    if len(numbers) < max(len(values), least) or not ascending:
        raise HarnessError(
            f"the levels of {factor!r} in the claim {claim.text!r} must be at least {least} "
            "numbers in ascending order",
            ", ".join(level.name for level in levels),
            "Order the factor's levels, choose others by among=(...), or claim Higher of two.",
        )
    return tuple(float(number) for number in numbers)


def _taking_part(levels: Sequence[Level], among: Sequence[Any] | None) -> list[Level]:
    return [level for level in levels if among is None or any(_is(level, each) for each in among)]


def _others(
    claim: Claim, levels: Sequence[Level], among: Sequence[Any] | None, one: Sequence[Any]
) -> list[Level]:
    """Return the levels to compare with one level, if there is one."""
    others = [
        level for level in _taking_part(levels, among) if not any(_is(level, each) for each in one)
    ]
    if not others:
        raise HarnessError(
            f"the claim {claim.text!r} must have levels to compare with",
            " and ".join(map(level_name, one)) + " alone" if one else "none",
            "Let the scale keep another level of that factor"
            + (", or name another in among=." if among else "."),
        )
    return others


def _check_among(claim: Claim, among: Any) -> None:
    if among is None:
        return
    if not isinstance(among, tuple | list) or not among or len(set(map(repr, among))) < len(among):
        raise HarnessError(
            f"among= in the claim {claim.text!r} must be a tuple of different levels",
            repr(among),
            "Write among=(2, 4, 8), say, or leave it out for all.",
        )


def _check_where(claim: Claim, where: Partial | None, taken: set[str]) -> None:
    if where is not None and (not isinstance(where, Mapping) or taken & set(where)):
        raise HarnessError(
            f"where= in the claim {claim.text!r} must name levels of other factors",
            repr(where),
            "Write where={'depth': 20}, say.",
        )


def _of(among: Sequence[Any] | None) -> str:
    return f" of {', '.join(map(level_name, among))}" if among else ""


def _at(where: Partial | None) -> str:
    return f" at {named(where)}" if where else ""
