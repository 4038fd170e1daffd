"""What this machine does to times when nothing changed: rounds of equal processes.

They are the rounds of a gate: base, head and the base once more, here all of this interpreter and
with the same built-in work, so that all that tells them apart is noise.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from harness.gate.pairs import CODE, series_of
from harness.gate.rounds import Measuring, Taken, take_round
from harness.gate.sides import Side, twin
from harness.gate.what import FunctionWhat
from harness.messages.errors import HarnessError
from harness.stats import Rule, detectable, operating, spread
from harness.stats.operating import centred

FEWEST = 8
"""Pairs that are measured at least, however long it takes."""

FAR = 3.0
"""How many standard deviations off a pair counts as disturbed."""

ALIKE = 0.002
"""Detectable slowdowns that differ by less are the same: the simulation has that much noise."""

WORK = FunctionWhat("built-in work", "built-in work", "harness_probe.work", "work")
"""A function in the folder that is copied beside each process that measures."""

Take = Callable[[int], Taken]
"""Takes a round, given its number."""


@dataclass(frozen=True)
class Residuals:
    """Pairs of equal processes, measured on this machine.

    Attributes:
        log_ratios: of each pair, head over base.
        seconds: how long all rounds took, with the control that a gate measures beside each pair.
    """

    log_ratios: tuple[float, ...]
    seconds: float

    @property
    def per_pair(self) -> float:
        """Seconds that one pair takes, with the control."""
        return self.seconds / len(self.log_ratios)


@dataclass(frozen=True)
class Reach:
    """What so many pairs detect.

    Attributes:
        pairs: pairs of processes.
        minutes: how long they take here, of one benchmark.
        slowdown: the smallest that fails in nine of ten gates; infinite where none does.
    """

    pairs: int
    minutes: float
    slowdown: float


@dataclass(frozen=True)
class Fitness:
    """Whether this machine is fit for a gate.

    Attributes:
        pairs: pairs measured.
        sd: standard deviation of a pair's log ratio, all pairs counted.
        calm: the same by the median absolute deviation, which disturbed pairs do not move.
        disturbed: share of pairs that lie three of ``calm`` off or further.
        per_pair: seconds that a pair takes.
        reaches: what is detected by how many pairs.
        false_alarms: share of simulated gates that fail though nothing is slower.
        wanted: the slowdown that a gate must detect.
        fit: whether it does, within the last look, with false alarms of at most 1 %.
        same: why more pairs detect no less; empty where they do, or where nothing is detected.
    """

    pairs: int
    sd: float
    calm: float
    disturbed: float
    per_pair: float
    reaches: tuple[Reach, ...]
    false_alarms: float
    wanted: float
    fit: bool
    same: str = ""


def rounds_in(folder: Path, measuring: Measuring | None = None) -> Take:
    """Return what takes rounds of the built-in work, as a gate of one benchmark does.

    Args:
        folder: an empty folder, kept from round to round.
        measuring: how it is measured; ``None`` is as a gate does by itself.
    """
    how = measuring or Measuring()
    base = Side("base", "this interpreter", folder, Path(sys.executable), folder, (), (), folder)
    sides = [base, replace(base, name="head"), twin(base)]
    return lambda number: take_round(sides, [WORK], number, folder, how)


def measured(
    minutes: float,
    take: Take,
    clock: Callable[[], float] = time.monotonic,
    told: Callable[[int], None] = lambda _: None,
) -> Residuals:
    """Take rounds for so many minutes, eight at least; each gives a pair, base and head.

    Args:
        minutes: how long.
        take: takes a round; see :func:`rounds_in`.
        clock: the seconds since some moment.
        told: is called with the number of pairs after each.

    Raises:
        HarnessError: ``minutes`` is no positive number, or a process fails or gives no time.
    """
    if not 0 < minutes < math.inf:
        raise HarnessError("--minutes must be above 0", f"{minutes:g}", "Write --minutes 2, say.")
    started = clock()
    rounds: list[Taken] = []
    while len(rounds) < FEWEST or (clock() - started) * (1 + 1 / len(rounds)) <= 60 * minutes:
        rounds.append(take(len(rounds)))
        told(len(rounds))
    (series,) = series_of(rounds, [CODE]).values()
    return Residuals(tuple(map(float, series.log_ratios)), clock() - started)


def fitness(residuals: Residuals, rule: Rule, *, wanted: float = 0.10, seed: int = 0) -> Fitness:
    """Say what the rule does on this machine, by gates simulated from its own pairs.

    Each residual stands for its opposite, too, as both processes do the same.

    Args:
        residuals: measured here.
        rule: the rule.
        wanted: the slowdown that a gate must detect.
        seed: of the simulation.
    """
    ratios = np.asarray(residuals.log_ratios)
    pool = centred(ratios, symmetric=True)
    calm = spread(pool)
    reaches = tuple(
        Reach(
            look, look * residuals.per_pair / 60, detectable(pool, rule, look, seed=seed)
        )
        for look in rule.looks
    )  # fmt: skip
    alarms = operating(pool, rule, 0.0, seed=seed).fails
    return Fitness(
        ratios.size,
        float(np.sqrt(np.square(ratios).mean())),
        calm,
        float((np.abs(ratios) >= FAR * calm).mean()) if calm else float((ratios != 0).mean()),
        residuals.per_pair,
        reaches,
        alarms,
        wanted,
        reaches[-1].slowdown <= wanted and alarms <= 0.01,
        _same([each.slowdown for each in reaches], rule),
    )


def _same(slowdowns: Sequence[float], rule: Rule) -> str:
    """Say why all numbers of pairs detect the same, where they do: little noise is no limit."""
    if not max(slowdowns) - min(slowdowns) < ALIKE:  # infinity less infinity is no number
        return ""
    return (
        "More pairs detect no less here: pairs differ so little that nearly every gate ends at "
        f"its first look, after {rule.looks[0]} pairs, where it fails if head is slower by "
        f"{100 * rule.fails_from:g} % or more as estimated, and passes if not."
    )
