"""What a gate answers: for each figure, and in all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.stats.slower import Rule

Answer = Literal["pass", "fail", "inconclusive"]
Basis = Literal["exact", "time", "quality", "shown"]

EXIT_CODES: Mapping[Answer, int] = {"pass": 0, "fail": 1, "inconclusive": 3}
ERROR = 2
"""The exit code where something could not be measured: never a pass."""


@dataclass(frozen=True)
class Revision:
    """One of the two sides.

    Attributes:
        name: ``base`` or ``head``.
        commit: the commit's full name; empty where a side is a folder, an environment or a command.
        told: what it is, in words, such as ``1a2b3c4 Faster loader`` or ``the folder old``.
    """

    name: str
    commit: str
    told: str


@dataclass(frozen=True)
class Row:
    """What is said of one figure.

    Attributes:
        benchmark: the benchmark's name.
        figure: the figure's name, such as ``step``.
        unit: as in :class:`~harness.gate.figures.Figure`; of quality as in
            :class:`~harness.study.metrics.Metric`.
        basis: what it was judged by.
        better: which direction is better.
        answer: the verdict; ``new`` where the base lacks the benchmark, ``shown`` where none is
            given.
        base: the base's value, of times the median over processes; NaN where there is none.
        head: the head's.
        change: by what share head is above base, such as 0.1; NaN where one is missing. Of quality
            it is a difference, head less base, in ``unit``.
        low: lower end of the change's interval; NaN for what is exact.
        high: upper end.
        pairs: pairs of processes that it was judged by, of quality seeds; 0 for what is exact.
        why: what was compared, and why this answer: one sentence.
        waiver: the reason why a failure was accepted beforehand; empty where it was not.
        detectable: the smallest slowdown that nine of ten such gates would have failed; NaN where
            that has no meaning.
    """

    benchmark: str
    figure: str
    unit: str
    basis: Basis
    better: Literal["lower", "higher"]
    answer: Answer | Literal["new", "shown"]
    base: float = math.nan
    head: float = math.nan
    change: float = math.nan
    low: float = math.nan
    high: float = math.nan
    pairs: int = 0
    why: str = ""
    waiver: str = ""
    detectable: float = math.nan

    @property
    def changed(self) -> bool:
        """Whether somebody should look at it."""
        if self.basis in {"exact", "shown"}:
            return self.answer == "fail" or self.base != self.head
        return self.answer in {"fail", "inconclusive", "new"} or self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Control:
    """The base against itself, in the same rounds: what the machine does when nothing changed.

    Attributes:
        benchmark: the benchmark's name.
        figure: the figure's name.
        change: by what share the second copy of the base was above the first.
        low: lower end of its interval.
        high: upper end.
        spread: of a pair's log ratio, 1.48 times the median absolute deviation, such as 0.03 for
            three per cent. It is the standard deviation of normal noise; single outliers do not
            count.
        alarm: whether the rule says that one copy of the base is slower than the other: then what
            failed or passed by time is inconclusive.
    """

    benchmark: str
    figure: str
    change: float
    low: float
    high: float
    spread: float
    alarm: bool


@dataclass(frozen=True)
class GateResult:
    """What came of a gate.

    Attributes:
        base: one side.
        head: the other.
        rows: what is said of each figure.
        controls: the base against itself.
        problems: what could not be measured, each in one line: then there is no pass.
        notes: what a reader should know, such as unused waivers or dependencies that differ.
        repeat: the command that does it again.
        machine: what it was measured on, by name.
        fingerprint: the name of this kind of machine.
        seconds: how long all of it took.
        time: when it ended, in ISO 8601, UTC.
        shadow: whether it answers without blocking.
        fails_from: by what share slower, as estimated, a time fails.
        passes_below: by what share slower at most, for certain, a time passes.
    """

    base: Revision
    head: Revision
    rows: tuple[Row, ...]
    controls: tuple[Control, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    repeat: str = ""
    machine: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    seconds: float = 0.0
    time: str = ""
    shadow: bool = False
    fails_from: float = Rule.fails_from
    passes_below: float = Rule.passes_below

    @property
    def answer(self) -> Answer | Literal["error"]:
        """The answer in all: an error before a failure, a failure before an open end."""
        judged = [row for row in self.rows if row.answer in EXIT_CODES]
        if self.problems or not self.rows:
            return "error"
        if any(row.answer == "fail" and not row.waiver for row in judged):
            return "fail"
        if any(row.answer == "inconclusive" for row in judged):
            return "inconclusive"
        return "pass" if judged or any(row.answer == "new" for row in self.rows) else "error"

    @property
    def exit_code(self) -> int:
        """0, 1 or 3 by the answer, 2 for errors; in the shadow 0 for every answer."""
        answer = self.answer
        if answer == "error":
            return ERROR
        return 0 if self.shadow else EXIT_CODES[answer]
