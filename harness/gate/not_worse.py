"""One metric on paired seeds: whether it became worse, as a report judges claims ``NotWorse``.

Values on either side of each seed go through what judges such a claim in a report, at a level that
is this row's part of :data:`ALPHA`.

- **Fail**: the interval of the mean difference lies wholly on the worse side of 0, and the
  difference is half the margin or more. What refutes ``NotWorse`` (the interval lies wholly beyond
  the margin) is part of that.
- **Pass**: the interval ends before the margin on the worse side, which supports ``NotWorse``.
- **Inconclusive**: all else, and always below five seeds.

A metric that is one value on all seeds of the base, and one on all seeds of head, does not hang on
chance: its difference has no interval, and is compared with half the margin.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from harness.judging.more import more_text
from harness.judging.verdicts import Verdict, judge
from harness.stats import FEWEST, rounded
from harness.study.claims import NotWorse
from harness.study.declaration import Declaration
from harness.study.factors import Factor
from harness.study.formatting import margin_text, plural
from harness.study.looks import Looks
from harness.study.metrics import Metric
from harness.trials.records import Record

ALPHA = 0.01
"""The level of all quality rows of a gate together, of both sides of their intervals."""

DEFAULTS = {"fraction": 0.01, "%": 1.0, "pp": 1.0}
"""Margins where nothing names another, by unit: one percentage point."""

SHARE = 0.02
"""The margin of other metrics there, as a share of the base's mean."""


@dataclass(frozen=True)
class Said:
    """What is said of one metric.

    Attributes:
        answer: the verdict.
        why: what was compared, and why this answer.
        change: the mean difference, in the metric's unit.
        low: lower end of its interval; NaN where there is none.
        high: upper end.
    """

    answer: Literal["pass", "fail", "inconclusive"]
    why: str
    change: float
    low: float = math.nan
    high: float = math.nan


def not_worse(
    metric: Metric,
    under: Mapping[int, float],
    over: Mapping[int, float],
    alpha: float,
    margin: tuple[float, str],
) -> Said:
    """Judge whether a metric became worse.

    Args:
        metric: with a direction.
        under: finite values by seed, of what it is judged against.
        over: those of what is judged, of the same seeds, one at least.
        alpha: the level of the interval, of both its sides.
        margin: what :func:`margin_of` returned.
    """
    n, (by, whose) = len(over), margin
    if not by:
        change = statistics.fmean(over.values()) - statistics.fmean(under.values())
        why = "The base's mean is 0, of which 2 % are no margin: write --margin."
        return Said("inconclusive", why, change)
    constant = constant_change(under, over, alpha)
    if constant is not None:
        return _without_chance(metric, constant, by, f"{margin_text(metric, by)} ({whose})")
    verdict = _verdict(metric, under, over, alpha, by)
    answer, why = _answer(verdict, metric, n, by, f"{margin_text(metric, by)} ({whose})")
    return Said(answer, why, verdict.seen.effect, verdict.seen.low, verdict.seen.high)


def margin_of(
    metric: Metric, own: float | None, asked: float | None, base: float
) -> tuple[float, str]:
    """Return the margin of a metric, in its unit, and whose it is; 0 where there is none.

    Args:
        metric: the metric.
        own: the margin of the study's own claims; ``None`` where none names one.
        asked: the margin that a person asked for.
        base: the base's mean.
    """
    if own is not None:
        return own, "the study's own"
    if asked is not None:
        return asked, "--margin"
    if metric.unit in DEFAULTS:
        return DEFAULTS[metric.unit], "the default"
    return SHARE * abs(base), "the default, 2 % of the base's mean"


def too_few(seeds: int) -> str:
    """Say that so few seeds cannot decide; nothing where they can."""
    if seeds >= FEWEST:
        return ""
    return (
        f"{plural(seeds, 'seed')} can never tell that quality became worse, or that it did not, "
        f"unless results are the same to the last bit: write --seeds {FEWEST}, or more."
    )


def constant_change(
    under: Mapping[int, float], over: Mapping[int, float], alpha: float
) -> float | None:
    """Return by how much two constants differ; ``None`` where a side is none, or seeds are few.

    If values did hang on chance, all of one side would be A and all of the other B, or the other
    way round, with a probability of two times one half to the power of all values at most. That
    must be below the level.

    Args:
        under: values by seed, of what it is judged against.
        over: those of what is judged.
        alpha: the level.
    """
    sides = {*under.values()}, {*over.values()}
    rare = 2.0 ** (1 - len(under) - len(over)) <= alpha
    if any(len(values) > 1 for values in sides) or len(over) < FEWEST or not rare:
        return None
    return sides[1].pop() - sides[0].pop()


def _without_chance(metric: Metric, change: float, by: float, margin: str) -> Said:
    loss = change if metric.better == "lower" else -change
    fails = loss >= by / 2
    how = "at least" if fails else "less than"
    said = f"worse by {how} half the margin of {margin}" if loss > 0 else "no worse"
    why = f"Each side has one value on all seeds, so no chance is in it: {said}."
    return Said("fail" if fails else "pass", why, change, change, change)


def _answer(
    verdict: Verdict, metric: Metric, n: int, by: float, margin: str
) -> tuple[Literal["pass", "fail", "inconclusive"], str]:
    seen, on = verdict.seen, f"on {plural(n, 'seed')}"
    loss = seen.effect if metric.better == "lower" else -seen.effect
    worse, better = seen.clear and loss > 0, seen.clear and loss < 0
    if verdict.word == "refuted":
        return "fail", f"Surely worse {on}, by more than the margin of {margin}."
    if worse and loss >= by / 2:
        return "fail", f"Surely worse {on}, by half the margin of {margin} or more."
    if verdict.word == "supported" and worse:
        return "pass", f"Surely worse, but by less than half the margin of {margin}, {on}."
    if verdict.word == "supported":
        what = "Surely better, and not worse" if better else "Surely not worse"
        return "pass", f"{what} by the margin of {margin} or more, {on}."
    if n < FEWEST:
        return "inconclusive", too_few(n)
    return "inconclusive", f"Cannot be told {on}, for a margin of {margin}.{_more(verdict, n)}"


def _verdict(
    metric: Metric, under: Mapping[int, float], over: Mapping[int, float], alpha: float, by: float
) -> Verdict:
    """Judge, as a report would, the claim that what is judged is not worse than the other."""
    sides = {"over": over, "under": under}
    claim = NotWorse(
        "It is not worse than before.", metric=metric.name, arm={"side": "over"},
        than={"side": "under"}, by=by,
    )  # fmt: skip
    declaration = Declaration(
        name="quality", question="Is it as good as before?", about=(), scale="gate",
        scales=("gate",), settings={}, seeds=len(over), factors=(Factor("side", tuple(sides)),),
        kept={}, combinations={side: (side,) for side in sides}, claims=(claim,), tuned=(),
        budget=0, objective=metric.name, measures=(), looks=Looks.fixed(len(over), alpha),
        own=(metric,), source="train",
    )  # fmt: skip
    records = [
        Record("quality", "gate", side, {}, seed, "evaluate", {}, f"{side} {seed}", "complete",
               metrics={metric.name: value})
        for side, values in sides.items()
        for seed, value in values.items()
    ]  # fmt: skip
    (verdict,) = judge(declaration, records)
    return verdict


def _more(verdict: Verdict, n: int) -> str:
    """Say how many seeds would decide."""
    more = verdict.more_seeds
    if more is None:
        return ""
    if more.high is None or not more.within(n):
        return f" Not even {more.reach:,} seeds would do: write a larger --margin."
    return f" About {more_text(more)} more would do: --seeds {n + rounded(more.high)}."
