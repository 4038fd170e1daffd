"""Times of rounds as pairs of processes, and the row that the rule makes of them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.gate.figures import Figure, Reading
from harness.gate.outcome import Control, Row
from harness.gate.rounds import Taken
from harness.messages.errors import HarnessError
from harness.stats import Decision, Rule, decide, detectable
from harness.stats.operating import centred
from harness.stats.slower import as_figure, as_times

FEWEST_RESIDUALS = 4
"""Pairs of which something is said about what could have been detected."""

_SEED = 0  # of the simulation of what can be detected


@dataclass(frozen=True)
class Comparison:
    """Which side is judged against which.

    Attributes:
        over: the side that is judged.
        under: the one that it is judged against.
        label: what is added to the benchmark's name.
    """

    over: str
    under: str
    label: str = ""


CODE = Comparison("head", "base")
DEPENDENCIES = Comparison("base", "deps", " (dependencies)")
"""The base's code with the head's dependencies against the same code with its own."""
CONTROL = Comparison("twin", "base")

Key = tuple[Comparison, str, str]
"""A comparison, a benchmark's name and a figure's."""


@dataclass(frozen=True)
class Series:
    """One figure of one comparison, round by round.

    Attributes:
        benchmark: the benchmark's name, with the comparison's label.
        figure: the figure, as the first round read it.
        under: of each round the value of the side that is judged against.
        over: of each round the value of the side that is judged.
    """

    benchmark: str
    figure: Figure
    under: tuple[float, ...]
    over: tuple[float, ...]

    @property
    def log_ratios(self) -> npt.NDArray[np.float64]:
        """Of each pair, in the order measured; above 0 is worse."""
        return as_times(np.log(np.divide(self.over, self.under)), self.figure.better)


def series_of(
    rounds: Sequence[Taken],
    comparisons: Sequence[Comparison],
    wanted: Callable[[str, str], bool] = lambda _benchmark, _figure: True,
) -> dict[Key, Series]:
    """Return the pairs of all figures that are judged by time.

    Args:
        rounds: in the order measured. A benchmark may be left out of later ones.
        comparisons: which sides are paired.
        wanted: whether a figure of a benchmark is judged.

    Returns:
        Series of what both sides read in the first round, of one unit and direction.

    Raises:
        HarnessError: a later round read a benchmark, and lacks one of its figures.
    """
    found: dict[Key, Series] = {}
    for comparison in comparisons:
        under = [by_benchmark(each, comparison.under) for each in rounds]
        over = [by_benchmark(each, comparison.over) for each in rounds]
        for benchmark, first in over[0].items():
            before = timed(under[0].get(benchmark))
            for name, figure in timed(first).items():
                other = before.get(name)
                if other is None or not wanted(benchmark, name) or not _alike(figure, other):
                    continue
                _check_both(under, over, benchmark, comparison)
                found[comparison, benchmark, name] = Series(
                    benchmark + comparison.label,
                    figure,
                    *_values(under, over, benchmark, name, comparison),
                )
    return found


def by_benchmark(taken: Taken, side: str) -> dict[str, Reading]:
    """Return what a side read in a round, by the benchmark's name."""
    return {each.benchmark: each for each in taken.readings.get(side, ())}


def timed(reading: Reading | None) -> dict[str, Figure]:
    """Return the figures of a reading that are judged by time, by name."""
    figures = reading.figures if reading else ()
    return {each.name: each for each in figures if each.judged == "time"}


def _alike(one: Figure, other: Figure) -> bool:
    return (one.unit, one.better) == (other.unit, other.better)


def _check_both(
    under: Sequence[Mapping[str, Reading]], over: Sequence[Mapping[str, Reading]],
    benchmark: str, comparison: Comparison,
) -> None:  # fmt: skip
    """Check that each round has a benchmark on both sides or on none: else pairs would shift."""
    for number, sides in enumerate(zip(under, over, strict=True), 1):
        there = [benchmark in each for each in sides]
        if any(there) and not all(there):
            side = comparison.over if there[0] else comparison.under
            raise HarnessError(
                f"{benchmark} must be read on both sides in each round",
                f"none of {side} in round {number}",
                "Nothing is judged by rounds that read different things.",
            )


def _values(
    under: Sequence[Mapping[str, Reading]], over: Sequence[Mapping[str, Reading]],
    benchmark: str, name: str, comparison: Comparison,
) -> tuple[tuple[float, ...], tuple[float, ...]]:  # fmt: skip
    """Return the values of both sides, round by round, each pair by one clock."""
    pairs = []
    for number, sides in enumerate(zip(under, over, strict=True), 1):
        if benchmark not in sides[0]:
            continue  # decided earlier, and not measured any more
        both = [timed(each[benchmark]).get(name) for each in sides]
        first, second = both
        if first is None or second is None:
            side = comparison.under if first is None else comparison.over
            raise HarnessError(
                f"{benchmark} must give {name} in each process",
                f"none of {side} in round {number}",
                "Nothing is judged by rounds that read different things.",
            )
        if first.steady is not None and second.steady is not None:
            pairs.append((first.steady, second.steady))
        else:
            pairs.append((first.value, second.value))
    return tuple(each for each, _ in pairs), tuple(each for _, each in pairs)


def judged(series: Series, rule: Rule, *, last: bool) -> Decision:
    """Return what the rule says of a series; see :func:`harness.stats.decide`."""
    return decide(series.log_ratios, rule, last=last)


def row(series: Series, decision: Decision, rule: Rule, finds: float) -> Row:
    """Return what is said of a figure that is judged by time.

    Args:
        series: its pairs.
        decision: the rule's, made of them; ``more`` is not one.
        rule: the rule.
        finds: the smallest slowdown that such a gate finds; NaN where it is not known.
    """
    assert decision.answer != "more"
    figure, pairs = series.figure, decision.pairs
    low, high = _ends(series, decision, rule)
    return Row(
        series.benchmark, figure.name, figure.unit, "time", figure.better, decision.answer,
        base=statistics.median(series.under[:pairs]), head=statistics.median(series.over[:pairs]),
        change=as_figure(decision.change, figure.better), low=low, high=high,
        pairs=pairs, why=decision.reason, detectable=finds,
    )  # fmt: skip


def control(series: Series, rule: Rule) -> Control:
    """Return what the base did against itself."""
    decision = decide(series.log_ratios, rule, last=True)
    low, high = _ends(series, decision, rule)
    return Control(
        series.benchmark, series.figure.name, as_figure(decision.change, series.figure.better),
        low, high, decision.spread, alarm=decision.answer == "fail" or faster(series, rule),
    )  # fmt: skip


def faster(series: Series, rule: Rule) -> bool:
    """Whether the rule would call the second copy of the base faster than the first."""
    return decide(-series.log_ratios, rule, last=True).answer == "fail"


def _ends(series: Series, decision: Decision, rule: Rule) -> tuple[float, float]:
    """Return the ends of the change's interval; NaN before the first look, which has none."""
    if decision.pairs < rule.looks[0]:
        return math.nan, math.nan
    ends = [as_figure(end, series.figure.better) for end in (decision.low, decision.high)]
    return min(ends), max(ends)


def finds(series: Series, twins: Series | None, rule: Rule, pairs: int) -> float:
    """Return the smallest slowdown that nine of ten such gates find.

    It is simulated with the residuals of these very pairs, and with those of the control, of which
    the centre is known.

    Args:
        series: the pairs of a figure.
        twins: the control's of the same figure.
        rule: the rule.
        pairs: for how many pairs there is time.

    Returns:
        a share such as 0.08; infinite where none is found, NaN where there are too few pairs.
    """
    if len(series.over) < FEWEST_RESIDUALS:
        return math.nan
    pools = [centred(series.log_ratios)]
    if twins is not None:
        pools.append(centred(twins.log_ratios, symmetric=True))
    return detectable(np.concatenate(pools), rule, pairs, seed=_SEED)
