"""Two trainings compared number by number, bit for bit: the same, or the first that differs."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from harness.study.metrics import STEP, Metric

TIMES = frozenset({"s", "ms", "min", "h"})
"""The units of metrics that a clock gives, which no training gives twice."""

_CLOCK = re.compile(r"(^|_)(s|sec|secs|seconds|ms|minutes|hours|times?|duration|elapsed)(_|$)")
"""What the names of such numbers have in them, where the study does not declare them."""


@dataclass(frozen=True)
class Difference:
    """The first number that is not the same.

    Attributes:
        name: of the number, such as ``"loss after epoch 3"``.
        one: its value in the one training; ``None`` where there is none.
        other: its value in the other.
    """

    name: str
    one: float | None
    other: float | None

    def __str__(self) -> str:
        if self.one is None or self.other is None:
            return f"{self.name} was {_or_nothing(self.one)} and then {_or_nothing(self.other)}"
        apart = self.other - self.one
        return f"{self.name} was {self.one!r} and then {self.other!r} ({apart:+.3g})"


def _or_nothing(value: float | None) -> str:
    return "not there" if value is None else repr(value)


def numbers(
    metrics: Mapping[str, float],
    curves: Mapping[str, Sequence[float]],
    leave_out: Collection[str] = (),
) -> dict[str, float]:
    """Name every number of a trial in the order of time: curves epoch by epoch, then metrics.

    Args:
        metrics: final values by name.
        curves: values after each epoch by name; :data:`~harness.study.metrics.STEP` says where not.
        leave_out: names of metrics and curves.
    """
    own = {name: curve for name, curve in curves.items() if name not in leave_out}
    own.pop(STEP, None)
    steps = curves.get(STEP)
    found: dict[str, float] = {}
    for place, values in enumerate(zip_longest(*own.values())):
        after = f"after epoch {place + 1}" if steps is None else f"at step {steps[place]:g}"
        found |= {
            f"{name} {after}": value
            for name, value in zip(own, values, strict=True)
            if value is not None
        }
    return found | {name: value for name, value in metrics.items() if name not in leave_out}


def first_difference(one: Mapping[str, float], other: Mapping[str, float]) -> Difference | None:
    """Return the first number that has other bits, or is in one training alone.

    Args:
        one: numbers by name, in order.
        other: those of the other training.
    """
    for name in dict.fromkeys((*one, *other)):
        if name not in one or name not in other or _bits(one[name]) != _bits(other[name]):
            return Difference(name, one.get(name), other.get(name))
    return None


def different(one: Mapping[str, float], other: Mapping[str, float]) -> int:
    """Count the numbers that are not the same, or are in one training alone."""
    return sum(
        name not in one or name not in other or _bits(one[name]) != _bits(other[name])
        for name in {*one, *other}
    )


def alike(several: Mapping[str, Mapping[str, float]]) -> list[tuple[str, ...]]:
    """Return the names of trainings that gave the same numbers bit for bit, group by group.

    Args:
        several: numbers by name, of each training by its name.
    """
    groups: dict[Hashable, list[str]] = {}
    for training, found in several.items():
        content = frozenset((name, _bits(value)) for name, value in found.items())
        groups.setdefault(content, []).append(training)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def clocks(names: Iterable[str], declared: Iterable[Metric]) -> tuple[str, ...]:
    """Return the names of numbers that a clock gives: they are no two times the same.

    Args:
        names: of metrics and curves.
        declared: the study's metrics, whose unit tells; of others, the name does.
    """
    units = {metric.name: metric.unit for metric in declared}
    return tuple(
        name
        for name in dict.fromkeys(names)
        if (units[name] in TIMES if name in units else bool(_CLOCK.search(name)))
    )


def _bits(value: float) -> bytes:
    """Return the bits of a number; there is one NaN."""
    return struct.pack(">d", math.nan if math.isnan(value) else value)
