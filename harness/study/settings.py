"""One setting of a search: a number, a whole number, or one of several options."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from harness.messages import checks
from harness.messages.errors import HarnessError
from harness.messages.levels import Level, own
from harness.study.factors import Factor, check_parameter

Value = bool | int | float | str
"""A value of one setting; of an option that is an object, its name."""

Settings = Mapping[str, Value]
"""Values of the settings that are in use, by name."""

When = Mapping[str, Any]
"""A condition: the name of another setting, and the value or values that it must have."""


@dataclass(frozen=True)
class Float:
    """A number that is searched between two ends.

    Attributes:
        name: a parameter of ``build`` or ``train``.
        low: the smallest value tried.
        high: the largest value tried.
        log: whether the space is searched on a logarithmic axis.
        default: what is tried first; the middle of the space unless given.
        when: under which condition it is in use: ``{"optimizer": "sgd"}``, or several values as a
            tuple. Where it is not, the function is given ``None``.

    Example:
        >>> from harness import Float
        >>> Float("lr", 0.001, 1.0, log=True).start
        0.0316228
        >>> Float("momentum", 0.0, 0.99, when={"optimizer": "sgd"}).start
        0.495
    """

    name: str
    low: float
    high: float
    log: bool = False
    default: float | None = None
    when: When = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_name(self)
        for name in ("low", "high", "default"):
            object.__setattr__(self, name, own(getattr(self, name)))
        checks.flag(self, "log", self.log)
        numbers = all(checks.is_number(x) and math.isfinite(x) for x in (self.low, self.high))
        if not numbers or not self.low < self.high or (self.log and self.low <= 0):
            raise _bad_ends(self, f"Write Float({self.name!r}, 0.001, 1.0, log=True), say.")
        _check_default(self, checks.is_number(self.default))
        _check_when(self)

    def _called(self, name: str) -> str:
        return f"Float({self.name!r}, {name}=...)"

    @property
    def start(self) -> float:
        """The declared default, or the middle of the space."""
        if self.default is not None:
            return float(self.default)
        if self.log:
            return self.rounded(math.sqrt(self.low) * math.sqrt(self.high))
        return self.rounded((self.low + self.high) / 2)

    def rounded(self, value: float) -> float:
        """Return a value with six digits: more would make equal settings differ by machine."""
        return min(max(float(f"{value:.6g}"), float(self.low)), float(self.high))


@dataclass(frozen=True)
class Int:
    """A whole number that is searched between two ends, both among them.

    Attributes:
        name: a parameter of ``build`` or ``train``.
        low: the smallest value tried.
        high: the largest value tried.
        log: whether the space is searched on a logarithmic axis.
        step: the distance between values; 1 on a logarithmic axis.
        default: what is tried first; the middle of the space unless given.
        when: under which condition it is in use, as in :class:`Float`.

    Example:
        >>> from harness import Int
        >>> Int("width", 16, 256, log=True).start
        64
        >>> Int("layers", 1, 5).start
        3
    """

    name: str
    low: int
    high: int
    log: bool = False
    step: int = 1
    default: int | None = None
    when: When = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_name(self)
        for name in ("low", "high", "default"):
            object.__setattr__(self, name, own(getattr(self, name)))
        checks.flag(self, "log", self.log)
        checks.whole(self, "step", self.step, 1)
        whole = all(checks.is_whole(x) for x in (self.low, self.high))
        if not whole or not self.low < self.high or (self.log and self.low <= 0):
            raise _bad_ends(self, f"Write Int({self.name!r}, 16, 256, log=True), say.")
        if (self.high - self.low) % self.step or (self.log and self.step > 1):
            raise HarnessError(
                f"steps of {self.name!r} must lead from low to high, and be 1 on a log axis",
                f"{self.low} to {self.high} by {self.step}",
                f"Write Int({self.name!r}, 16, 64, step=16), say.",
            )
        _check_default(self, checks.is_whole(self.default))
        if self.default is not None and (self.default - self.low) % self.step:
            raise HarnessError(
                f"the default of {self.name!r} must be one of its values",
                repr(self.default),
                f"Its values are {self.low}, {self.low + self.step} and so on.",
            )
        _check_when(self)

    def _called(self, name: str) -> str:
        return f"Int({self.name!r}, {name}=...)"

    @property
    def start(self) -> int:
        """The declared default, or the middle of the space."""
        if self.default is not None:
            return self.default
        if self.log:
            return self.rounded(math.sqrt(self.low) * math.sqrt(self.high))
        return self.rounded((self.low + self.high) / 2)

    def rounded(self, value: float) -> int:
        """Return the nearest of its values."""
        steps = round((value - self.low) / self.step)
        return min(max(self.low + steps * self.step, self.low), self.high)


@dataclass(frozen=True)
class Choice:
    """One of several options, which have no order.

    Attributes:
        name: a parameter of ``build`` or ``train``.
        options: plain values or objects; a mapping gives objects names of their own choosing.
        default: the option that is tried first, by its value or name; the first unless given.
        when: under which condition it is in use, as in :class:`Float`.

    Example:
        >>> from harness import Choice
        >>> from harness.optim import SGD, AdamW
        >>> optimizer = Choice("optimizer", {"sgd": SGD, "adamw": AdamW})
        >>> optimizer.start
        'sgd'
        >>> optimizer.value("adamw") is AdamW
        True
    """

    name: str
    options: Sequence[Any] | Mapping[str, Any]
    default: Any = None
    when: When = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_name(self)
        _ = self._factor, self.start
        if len(set(self.plain)) < len(self.plain):  # True == 1, and they would be one setting
            raise HarnessError(
                f"the options of Choice({self.name!r}, ...) must differ",
                ", ".join(map(repr, self.plain)) + ", of which some are equal",
                "Write one of them as text, such as 'yes'.",
            )
        if len(self.named) < 2:
            raise HarnessError(
                f"Choice({self.name!r}, ...) must have two options at least",
                f"{len(self.named)}",
                "Add one, or leave the setting out of the space.",
            )
        _check_when(self)

    @cached_property
    def _factor(self) -> Factor:
        """Its options, checked as levels of a factor are."""
        return Factor(self.name, self.options)

    @property
    def named(self) -> tuple[Level, ...]:
        """The options with their names."""
        return self._factor.named

    @property
    def plain(self) -> tuple[Value, ...]:
        """The options as plain values, an object by its name."""
        return tuple(level.plain for level in self.named)

    @property
    def start(self) -> Value:
        """The declared default as a plain value, or the first option."""
        if self.default is None:
            return self.named[0].plain
        return self._factor.level(self.default).plain

    def option(self, wanted: Any) -> Value:
        """Find an option by its value or name; return it as a plain value.

        Raises:
            HarnessError: there is no such option.
        """
        return self._factor.level(wanted).plain

    def value(self, plain: Value) -> Any:
        """Return the option itself that a plain value stands for."""
        return self._factor.level(plain).value


Setting = Float | Int | Choice
"""One setting of a space."""


def _check_name(setting: Setting) -> None:
    check_parameter(type(setting).__name__, setting.name)


def _bad_ends(setting: Float | Int, instead: str) -> HarnessError:
    kind = "whole numbers" if isinstance(setting, Int) else "finite"
    return HarnessError(
        f"the space of {setting.name!r} must be {kind} with low < high"
        + (", and above 0 on a log axis" if setting.log else ""),
        f"{setting.low!r} to {setting.high!r}",
        instead,
    )


def _check_default(setting: Float | Int, right: bool) -> None:
    default = setting.default
    if default is not None and not (right and setting.low <= default <= setting.high):
        raise HarnessError(
            f"the default of {setting.name!r} must lie in its space, {setting.low} to "
            f"{setting.high}",
            repr(default),
            "Move the default, or widen the space.",
        )


def _check_when(setting: Setting) -> None:
    if not isinstance(setting.when, Mapping) or not all(isinstance(x, str) for x in setting.when):
        raise HarnessError(
            f"the condition of {setting.name!r} must map names of other settings to values",
            repr(setting.when),
            "Write when={'optimizer': 'sgd'}, say.",
        )
    object.__setattr__(setting, "when", own(dict(setting.when)))


def values_of(setting: Setting) -> Sequence[Value]:
    """Return every value of a setting.

    Raises:
        HarnessError: it is a Float, which has no end of them.
    """
    if isinstance(setting, Choice):
        return setting.plain
    if isinstance(setting, Int):
        return range(setting.low, setting.high + 1, setting.step)
    raise HarnessError(
        "a grid must be made of settings with a fixed number of values",
        f"Float({setting.name!r}, ...)",
        f"Write Choice({setting.name!r}, (0.01, 0.1)), say, or take another sampler.",
    )


def values_at_ends(setting: Setting) -> Sequence[Value]:
    """Return both ends of a number, and every option of a choice."""
    return setting.plain if isinstance(setting, Choice) else (setting.low, setting.high)


def condition(setting: Setting) -> str:
    """Say under which condition a setting is in use, such as ``optimizer = sgd``."""
    return " and ".join(
        f"{name} = {' or '.join(map(str, several(wanted)))}"
        for name, wanted in setting.when.items()
    )


def several(wanted: Any) -> Sequence[Any]:
    """Return the values that a condition allows, which may be one."""
    return wanted if isinstance(wanted, tuple | list) else (wanted,)


def same(one: Value, other: Value) -> bool:
    """Whether two values are one: True is not 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)
