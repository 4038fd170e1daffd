"""What one process reads of a benchmark: numbers by name, and how each of them is judged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from harness.messages.errors import HarnessError

Judged = Literal["exact", "time", "shown"]
"""``exact``: the same in every process, compared once. ``time``: differs from process to process,
compared in pairs of fresh ones. ``shown``: told, and never judged."""

JUDGED: tuple[Judged, ...] = ("exact", "time", "shown")
UNITS = ("s", "bytes", "count", "per s", "")


@dataclass(frozen=True)
class Figure:
    """One number of one benchmark, from one process.

    Attributes:
        name: what it is, such as ``step``, ``flops`` or ``operators/aten::add``.
        value: a finite number.
        unit: ``s``, ``bytes``, ``count``, ``per s``, or nothing.
        judged: how it is compared with another revision's.
        better: which direction is better.
        tolerance: of an exact figure, by what share of the base's it may become worse, such as
            0.005; 0 where it must be the same.
        steady: of a time, the same without what the process waited for a processor; ``None`` where
            that cannot be told. It counts where both sides of a pair have it.
    """

    name: str
    value: float
    unit: str
    judged: Judged
    better: Literal["lower", "higher"] = "lower"
    tolerance: float = 0.0
    steady: float | None = None


@dataclass(frozen=True)
class Reading:
    """What one process read of one benchmark.

    Attributes:
        benchmark: its name, such as ``bench:train`` or ``study.py#plain``.
        figures: the numbers, each name once.
        where: the file of each measured module, by the module's name.
        versions: of Python and of packages that it used, by name.
        bits: a hash of the first twenty losses, where the benchmark trains; empty elsewhere.
        note: what could not be measured, and why; empty where all was.
    """

    benchmark: str
    figures: tuple[Figure, ...]
    where: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    bits: str = ""
    note: str = ""

    def plain(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return asdict(self)

    @staticmethod
    def of(value: object, came_from: str) -> Reading:
        """Read it from JSON's values, whole or not at all.

        Args:
            value: what :meth:`plain` returned, from any process.
            came_from: who gave it, for the message.

        Raises:
            HarnessError: a part is missing or of another type, a number is not finite, there is no
                figure, or two have one name.
        """
        wrong = _wrong(value)
        if wrong:
            raise HarnessError(
                f"{came_from} must give a whole reading", wrong, "Nothing was judged by it."
            )
        assert isinstance(value, dict)
        return Reading(
            value["benchmark"],
            tuple(Figure(**each) for each in value["figures"]),
            dict(value.get("where", {})),
            dict(value.get("versions", {})),
            value.get("bits", ""),
            value.get("note", ""),
        )


def _wrong(value: object) -> str:
    """Say what keeps a value from being a reading; nothing where it is one."""
    if not isinstance(value, dict):
        return f"{type(value).__name__} in the place of a table"
    name, figures = value.get("benchmark"), value.get("figures")
    if not isinstance(name, str) or not name:
        return "no name of a benchmark"
    if not isinstance(figures, list | tuple) or not figures:
        return f"no figure of {name}"
    seen: set[str] = set()
    for each in figures:
        wrong = _wrong_figure(each)
        if wrong:
            return f"{name}: {wrong}"
        if each["name"] in seen:
            return f"{name}: {each['name']} twice"
        seen.add(each["name"])
    for part in ("where", "versions"):
        words = value.get(part, {})
        if not isinstance(words, dict) or not all(isinstance(one, str) for one in words.values()):
            return f"{name}: {part} is no table of words"
    return ""


def _wrong_figure(value: object) -> str:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return "a figure without a name"
    name, number = value["name"], value.get("value")
    if isinstance(number, bool) or not isinstance(number, int | float):
        return f"{name} is {number!r}, no number"
    if not math.isfinite(number):
        return f"{name} is {number}"
    if value.get("judged") not in JUDGED:
        return f"{name} is judged {value.get('judged')!r}"
    if value.get("better", "lower") not in {"lower", "higher"}:
        return f"{name}: better {value.get('better')!r}"
    if value["judged"] == "time" and number <= 0:
        return f"{name} took {number} s"
    steady = value.get("steady")
    if steady is not None and not (isinstance(steady, int | float) and 0 < steady < math.inf):
        return f"{name} took {steady!r} s without waiting"
    unknown = value.keys() - {"name", "value", "unit", "judged", "better", "tolerance", "steady"}
    return f"{name} with {', '.join(sorted(unknown))}" if unknown else ""
