"""The kinds of claim: sentences on trial, each with the margin that matters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from harness.errors import HarnessError, near
from harness.levels import Level, level_name
from harness.metrics import SOONER, Metric

Partial = Mapping[str, Any]
"""An arm, or part of one: the other factors are averaged over within each seed."""

LevelsOf = Callable[[str], Sequence[Level]]
"""The levels of a factor that are run, in the order declared, by the factor's name."""

Axis = Literal["linear", "log", "rank"]
AXES: tuple[Axis, ...] = ("linear", "log", "rank")


@dataclass(frozen=True)
class Claim:
    """What every claim has.

    Attributes:
        text: the sentence, as it will stand in the report.
        metric: which metric it speaks of.
        by: the margin, in the metric's unit: the smallest difference that matters. For costs it
            is relative: 0.05 is five per cent more.
        source: who says so.
        primary: whether it gets a verdict, with those of all primary claims corrected for their
            number; an exploratory claim (``primary=False``) is a lead at most.
    """

    text: str
    metric: str
    by: float = math.nan
    source: str = ""
    primary: bool = True

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
                "none, or nan" if _is_nan(self.by) else repr(self.by),
                "Write by=0.01, say: the smallest difference that would matter.",
            )
        if not isinstance(self.primary, bool):
            raise HarnessError(
                f"primary= in the claim {self.text!r} must be True or False",
                repr(self.primary),
                "Leave it out for a claim that is to be judged.",
            )

    @property
    def contrast(self) -> str:
        """What its effect is, for sentences."""
        return "difference"

    @property
    def kind(self) -> str:
        """The name of the kind, as in ``verdicts.json``."""
        return type(self).__name__

    def partials(self, levels_of: LevelsOf) -> list[Partial]:
        """Return the partial arms that the claim looks at, in the order its kind defines.

        Raises:
            HarnessError: the levels that are run do not suffice for it.
        """
        raise NotImplementedError

    def sides(self) -> tuple[str, str]:
        """Name what is added and what is subtracted, for axes and sentences."""
        raise NotImplementedError

    def effect_in(self, metric: Metric) -> Metric:
        """Return what its effect and margin are in, which is mostly its metric."""
        return metric


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
        _check_two_arms(self, self.higher, self.lower)

    def partials(self, _levels_of: LevelsOf) -> list[Partial]:
        """Return the higher arm, then the lower."""
        return [self.higher, self.lower]

    def sides(self) -> tuple[str, str]:
        """Name the arm claimed higher and the arm claimed lower."""
        return _levels(self.higher), _levels(self.lower)


@dataclass(frozen=True, kw_only=True)
class Equivalent(Claim):
    """The metric of two arms differs by less than the margin, whichever way.

    That no difference was found is no evidence for this; an interval within the margins is
    (Schuirmann 1987, https://doi.org/10.1007/BF01068419).

    Attributes:
        first: one arm; may name some factors only.
        second: the other.
    """

    first: Partial
    second: Partial

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_two_arms(self, self.first, self.second)

    def partials(self, _levels_of: LevelsOf) -> list[Partial]:
        """Return both arms."""
        return [self.first, self.second]

    def sides(self) -> tuple[str, str]:
        """Name both arms."""
        return _levels(self.first), _levels(self.second)


@dataclass(frozen=True, kw_only=True)
class NotWorse(Claim):
    """The metric of one arm is not worse than another's by as much as the margin.

    Which direction is worse, the metric says. That no difference was found is no evidence for
    this; an interval that ends before the margin is (non-inferiority: Piaggio et al. 2012,
    https://doi.org/10.1001/jama.2012.87802).

    Attributes:
        arm: the arm that is claimed to be as good; may name some factors only.
        than: the one that it is compared with.
    """

    arm: Partial
    than: Partial

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_two_arms(self, self.arm, self.than)

    def partials(self, _levels_of: LevelsOf) -> list[Partial]:
        """Return the arm, then the other."""
        return [self.arm, self.than]

    def sides(self) -> tuple[str, str]:
        """Name both arms."""
        return _levels(self.arm), _levels(self.than)


Clock = Literal["epochs", "steps"]
CLOCKS: tuple[Clock, ...] = ("epochs", "steps")


@dataclass(frozen=True, kw_only=True)
class Sooner(Claim):
    """One arm reaches a target before another, in more seeds than the other way round.

    Where an arm never reaches it, its time is infinite; so there are no means, and its effect is
    the share of seeds in which the first arm comes first less that in which the second does. The
    margin is a difference of such shares.

    Attributes:
        sooner: the arm claimed to come first; all factors, or all that vary, must be named.
        later: the arm claimed to come second.
        reaches: the target: the first epoch counts after which the metric, one with a learning
            curve, is at least that good.
        clock: what is counted until then: epochs, which are samples seen, or steps.
    """

    sooner: Partial
    later: Partial
    reaches: float
    clock: Clock = "steps"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_two_arms(self, self.sooner, self.later)
        if self.by >= 1:
            raise HarnessError(
                f"the margin of the claim {self.text!r} must be below 1, which is all seeds",
                repr(self.by),
                "Write by=0.2, say: first in a fifth of the seeds more than the other.",
            )
        if (
            not isinstance(self.reaches, int | float)
            or isinstance(self.reaches, bool)
            or not math.isfinite(self.reaches)
        ):
            raise HarnessError(
                f"reaches= in the claim {self.text!r} must be a number, in the unit of its metric",
                repr(self.reaches),
                "Write metric='validation_accuracy', reaches=0.9, say.",
            )
        if self.clock not in CLOCKS:
            raise HarnessError(
                f"clock= in the claim {self.text!r} must be one of {', '.join(CLOCKS)}",
                repr(self.clock),
                near(str(self.clock), CLOCKS),
            )

    @property
    def contrast(self) -> str:
        """What its effect is, for sentences."""
        return "difference of the shares of seeds in which each side is first"

    def partials(self, _levels_of: LevelsOf) -> list[Partial]:
        """Return the arm claimed to come first, then the other."""
        return [self.sooner, self.later]

    def sides(self) -> tuple[str, str]:
        """Name which side is first."""
        return f"{_levels(self.sooner)} first", f"{_levels(self.later)} first"

    def effect_in(self, _metric: Metric) -> Metric:
        """Return shares of seeds."""
        return SOONER


@dataclass(frozen=True, kw_only=True)
class Best(Claim):
    """One level of a factor beats every other level of it by at least the margin.

    The other factors are averaged over. Its effect is the difference to the level that comes
    nearest.

    Attributes:
        best: the level claimed best, as ``{"optimizer": "adam"}``; more factors may be fixed
            beside it by ``where``.
        where: levels of other factors at which the comparison is made; empty for all.
        lowest: whether the lowest value is the best.
    """

    best: Partial
    where: Partial | None = None
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
        others = [level for level in levels_of(factor) if not _is(level, best)]
        if not others:
            raise HarnessError(
                f"the claim {self.text!r} must have levels to be better than",
                f"{_levels(self.best)} alone",
                "Let the scale keep another level of that factor.",
            )
        where = self.where or {}
        return [{**where, **self.best}, *({**where, factor: level.value} for level in others)]

    def sides(self) -> tuple[str, str]:
        """Name the level claimed best and the rest."""
        ((factor, _),) = self.best.items()
        first = _levels(self.best) + _at(self.where)
        second = f"the nearest other {factor}" + _at(self.where)
        return (second, first) if self.lowest else (first, second)


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
                    f"{name}= in the claim {self.text!r} must be two different partial arms",
                    repr(pair),
                    f"Write {name}=({{'depth': 56}}, {{'depth': 20}}), say.",
                )
        shared = set(self.of[0]) | set(self.of[1])
        if shared & (set(self.at[0]) | set(self.at[1])):
            raise HarnessError(
                f"of= and at= in the claim {self.text!r} must name different factors",
                f"of={self.of!r} at={self.at!r}",
                "Name one factor in each.",
            )

    @property
    def contrast(self) -> str:
        """What its effect is, for sentences."""
        return "difference of differences"

    def partials(self, _levels_of: LevelsOf) -> list[Partial]:
        """Return both of ``of`` at the first of ``at``, then at the second."""
        return [{**of, **at} for at in self.at for of in self.of]

    def sides(self) -> tuple[str, str]:
        """Name the two places at which the difference is taken."""
        change = f"{_levels(self.of[0])} − {_levels(self.of[1])}"
        return f"({change}) at {_levels(self.at[0])}", f"the same at {_levels(self.at[1])}"


@dataclass(frozen=True, kw_only=True)
class Trend(Claim):
    """The metric rises with the dose, by at least the margin from the lowest dose to the highest.

    The doses are the levels of a factor, numbers in ascending order. The value per seed is the rise
    of the straight line that fits best; and no step from one dose to the next may fall by as much
    as the margin.

    Attributes:
        over: the factor whose levels are the doses.
        where: levels of other factors at which it is seen; empty for all.
        axis: on which a straight line is meant: ``"linear"``, ``"log"`` (doses above 0), or
            ``"rank"``, on which steps from dose to dose are equally long.
        falls: whether the claim is that the metric falls.
    """

    over: str
    where: Partial | None = None
    axis: Axis = "linear"
    falls: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_where(self, self.where, {self.over})
        if self.axis not in AXES:
            raise HarnessError(
                f"axis= in the claim {self.text!r} must be one of {', '.join(AXES)}",
                repr(self.axis),
                near(str(self.axis), AXES),
            )

    def doses(self, levels_of: LevelsOf) -> tuple[float, ...]:
        """Return the doses on the axis, ascending.

        Raises:
            HarnessError: the factor's levels are no such doses.
        """
        doses = _doses(self, self.over, levels_of, least=3)
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
        return [{**where, self.over: level.value} for level in levels_of(self.over)]

    def sides(self) -> tuple[str, str]:
        """Name both ends of the line."""
        high = f"line at the highest {self.over}" + _at(self.where)
        low = f"line at the lowest {self.over}" + _at(self.where)
        return (low, high) if self.falls else (high, low)


@dataclass(frozen=True, kw_only=True)
class Peak(Claim):
    """The metric at an inner dose beats both neighbouring doses by at least the margin.

    Its effect is the difference to the neighbour that comes nearest.

    Attributes:
        over: the factor whose levels, numbers in ascending order, are the doses.
        at: the dose claimed best, not the lowest and not the highest.
        where: levels of other factors at which it is seen; empty for all.
        lowest: whether it is a trough, where the lowest value is the best.
    """

    over: str
    at: Any
    where: Partial | None = None
    lowest: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_where(self, self.where, {self.over})

    @property
    def contrast(self) -> str:
        """What its effect is, for sentences."""
        return "difference to the nearest neighbour"

    def partials(self, levels_of: LevelsOf) -> list[Partial]:
        """Return the dose, then its lower and its upper neighbour.

        Raises:
            HarnessError: it is no inner dose.
        """
        _doses(self, self.over, levels_of, least=3)
        levels = list(levels_of(self.over))
        place = next((p for p in range(1, len(levels) - 1) if _is(levels[p], self.at)), None)
        if place is None:
            raise HarnessError(
                f"at= in the claim {self.text!r} must be an inner level of {self.over!r}",
                level_name(self.at),
                near(level_name(self.at), [level.name for level in levels[1:-1]]),
            )
        where = self.where or {}
        return [{**where, self.over: levels[each].value} for each in (place, place - 1, place + 1)]

    def sides(self) -> tuple[str, str]:
        """Name the dose and its neighbours."""
        first = f"{self.over}={level_name(self.at)}" + _at(self.where)
        second = "the nearest neighbour" + _at(self.where)
        return (second, first) if self.lowest else (first, second)


def _is(level: Level, wanted: Any) -> bool:
    """Whether a level is meant, by its value or by its name."""
    return level_name(wanted) in {level.name, level_name(level.value)}


def _doses(claim: Claim, factor: str, levels_of: LevelsOf, least: int) -> tuple[float, ...]:
    values = [level.value for level in levels_of(factor)]
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    ascending = all(low < high for low, high in pairwise(numbers))
    if len(numbers) < max(len(values), least) or not ascending:
        raise HarnessError(
            f"the levels of {factor!r} in the claim {claim.text!r} must be at least {least} "
            "numbers in ascending order",
            ", ".join(level.name for level in levels_of(factor)),
            "Order the levels, or claim Higher of two of them.",
        )
    return tuple(float(number) for number in numbers)


def _check_where(claim: Claim, where: Partial | None, taken: set[str]) -> None:
    if where is not None and (not isinstance(where, Mapping) or taken & set(where)):
        raise HarnessError(
            f"where= in the claim {claim.text!r} must name levels of other factors",
            repr(where),
            "Write where={'depth': 20}, say.",
        )


def _check_two_arms(claim: Claim, first: Any, second: Any) -> None:
    if not _differ(first, second):
        raise HarnessError(
            f"the claim {claim.text!r} must compare two different arms",
            f"{first!r} and {second!r}",
            "Name the levels in which they differ.",
        )


def _differ(first: Any, second: Any) -> bool:
    """Whether both are partial arms that name something, and not the same."""
    if not all(isinstance(each, Mapping) and each for each in (first, second)):
        return False
    # by name, because True == 1
    names = [{key: level_name(value) for key, value in each.items()} for each in (first, second)]
    return names[0] != names[1]


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _at(where: Partial | None) -> str:
    return f" at {_levels(where)}" if where else ""


def _levels(partial: Partial) -> str:
    return ", ".join(f"{factor}={level_name(value)}" for factor, value in partial.items())
