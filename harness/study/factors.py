"""What a study varies, and what it searches anew in every arm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from harness.messages import checks
from harness.messages.errors import HarnessError, near
from harness.messages.levels import Level, check_level, level_name, own

_RESERVED = {
    "study", "scale", "arm", "seed", "role", "key", "state", "reason", "lambda", "number",
    "epoch", "step",
}  # fmt: skip


@dataclass(frozen=True)
class Factor:
    """A thing the study varies, and every level it takes; the first level is the baseline.

    Attributes:
        name: a parameter of the study's ``build``.
        levels: plain values or objects; a mapping gives objects names of their own choosing.

    Example:
        >>> from harness import Factor
        >>> from harness.optim import SGD, AdamW
        >>> [level.name for level in Factor("depth", (8, 20, 56)).named]
        ['8', '20', '56']
        >>> optimizer = Factor("optimizer", {"sgd": SGD(lr=0.1), "adamw": AdamW(lr=0.001)})
        >>> optimizer.level("adamw").value
        AdamW(lr=0.001, beta1=0.9, beta2=0.999, eps=1e-08, weight_decay=0.01, amsgrad=False)
    """

    name: str
    levels: Sequence[Any] | Mapping[str, Any]

    def __post_init__(self) -> None:
        check_parameter("Factor", self.name)
        if isinstance(self.levels, str) or not isinstance(self.levels, Sequence | Mapping):
            raise HarnessError(
                f"the levels of factor {self.name!r} must be a tuple or a mapping",
                repr(self.levels),
                f"Write Factor({self.name!r}, (first, second)).",
            )
        if not self.levels:
            raise HarnessError(
                f"factor {self.name!r} must have levels",
                "none",
                f"Write Factor({self.name!r}, (first, second)).",
            )
        seen: set[str] = set()
        for level in self.named:
            check_level(self.name, level)
            if level.name in seen:
                raise HarnessError(
                    f"the levels of factor {self.name!r} must differ",
                    f"{level.name!r} twice",
                    "Leave one out, or name them apart: {'first': ..., 'second': ...}.",
                )
            seen.add(level.name)

    @cached_property
    def named(self) -> tuple[Level, ...]:
        """The levels with their names, baseline first."""
        if isinstance(self.levels, Mapping):
            return tuple(Level(str(name), own(value)) for name, value in self.levels.items())
        return tuple(Level(level_name(own(value)), own(value)) for value in self.levels)

    def level(self, wanted: Any) -> Level:
        """Find a level by its value or its name.

        Raises:
            HarnessError: the factor has no such level.
        """
        wanted = own(wanted)
        for level in self.named:
            if (_kind(level.value) is _kind(wanted) and level.value == wanted) or (
                isinstance(wanted, str) and level.name == wanted
            ):
                return level
        raise HarnessError(
            f"a level of factor {self.name!r} must be one of those declared",
            repr(wanted),
            near(str(wanted), [level.name for level in self.named]),
        )


@dataclass(frozen=True)
class Tuned:
    """A nuisance setting, searched anew in every arm with the same space and budget.

    Attributes:
        name: a parameter of the study's ``build``.
        low: the smallest value tried.
        high: the largest value tried.
        log: whether the space is searched on a logarithmic axis.
        trials: trials of each arm's tuning, one for each setting that is tried; the first is the
            default. From 20 on, a quarter of them try the best three again, on fresh seeds.
        default: what ``--no-tuning`` uses; the middle of the space unless given.

    Example:
        >>> from harness import Tuned
        >>> rate = Tuned("lr", 0.001, 1.0, log=True, trials=8)
        >>> rate.start
        0.0316228
        >>> Tuned("lr", 0.001, 1.0, log=True, default=0.1).start
        0.1
    """

    name: str
    low: float
    high: float
    log: bool = False
    trials: int = 8
    default: float | None = None

    def __post_init__(self) -> None:
        check_parameter("Tuned", self.name)
        for name in ("low", "high", "default"):
            object.__setattr__(self, name, own(getattr(self, name)))
        checks.flag(self, "log", self.log)
        ends = (self.low, self.high)
        numbers = all(checks.is_number(end) and math.isfinite(end) for end in ends)
        if not numbers or not self.low < self.high or (self.log and self.low <= 0):
            raise HarnessError(
                f"the space of {self.name!r} must be finite with low < high"
                + (", and above 0 on a log axis" if self.log else ""),
                f"{self.low!r} to {self.high!r}",
                f"Write Tuned({self.name!r}, 0.01, 1.0, log=True), say.",
            )
        checks.whole(self, "trials", self.trials, 8)
        default = self.default
        if default is not None and not (
            checks.is_number(default) and self.low <= default <= self.high
        ):
            raise HarnessError(
                f"the default of {self.name!r} must lie in its space, {self.low} to {self.high}",
                repr(self.default),
                "Move the default, or widen the space.",
            )

    def _called(self, name: str) -> str:
        return f"Tuned({self.name!r}, {name}=...)"

    @property
    def start(self) -> float:
        """The declared default, or the middle of the space."""
        return self.at(0.5) if self.default is None else float(self.default)

    def at(self, share: float) -> float:
        """Return the value at a share of the way from ``low`` to ``high`` on the space's axis.

        Six digits are kept: more would only make equal settings differ between machines.
        """
        if self.log:
            low, high = math.log10(self.low), math.log10(self.high)
            value = 10 ** (low + share * (high - low))
        else:
            value = self.low + share * (self.high - self.low)
        return min(max(float(f"{value:.6g}"), self.low), self.high)


def _kind(value: Any) -> type:
    """Tell True from 1, but not 1 from 1.0."""
    return float if type(value) is int else type(value)


@dataclass(frozen=True)
class Labels(Factor):
    """A factor that only names arms apart: its levels are no parameter of the user's function."""


def check_parameter(kind: str, name: Any) -> None:
    """Check that a name can be a parameter of the user's function and a column of the records.

    Args:
        kind: the class that has this name, for the message.
        name: what was given.

    Raises:
        HarnessError: it cannot.
    """
    if (
        not isinstance(name, str)
        or not name.isidentifier()
        or name in _RESERVED
        or name.startswith(("metric_", "cost_", "env_", "tuned_"))
    ):
        raise HarnessError(
            f"{'an' if kind[0] in 'AEIO' else 'a'} {kind}'s name must be a Python name that no "
            "column of the records has",
            repr(name),
            "Choose another, such as 'depth'.",
        )
