"""The statistic of each kind of claim: from values by seed to an effect with interval and test."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from harness.claims import Best, Claim, Equivalent, Interaction, Peak, Trend
from harness.metrics import Metric
from harness.pairs import Pairs
from harness.stats import Paired, discordance, least, omnibus, page, paired, rate, rises, tost

Shape = Literal["holds", "open", "fails"]


@dataclass(frozen=True)
class Seen:
    """What was seen of a claim, in the metric's unit.

    Attributes:
        n: seeds behind it.
        effect: the contrast's mean over seeds (NaN for n = 0).
        low: lower end of its interval (NaN where there is none).
        high: upper end.
        level: confidence level of the interval.
        p: two-sided p value against 0 (NaN where it was not tested).
        first: the added side in each seed.
        second: the subtracted side; ``first - second`` is the effect per seed.
        sd: standard deviation of the differences.
        median: median of the differences.
        wins: seeds in which the difference is above 0.
        rho: Pearson correlation of the two sides.
        p_t: the paired t test's p value.
        p_permutation: the sign-flip test's.
        shape: of a trend: whether every step from dose to dose is shown to fall by less than the
            margin, may, or one is shown to fall by more; ``"holds"`` for other kinds.
        beside: p values and rates that describe, by what they are.
    """

    n: int
    effect: float
    low: float
    high: float
    level: float
    p: float
    first: tuple[float, ...] = ()
    second: tuple[float, ...] = ()
    sd: float = math.nan
    median: float = math.nan
    wins: int = 0
    rho: float = math.nan
    p_t: float = math.nan
    p_permutation: float = math.nan
    shape: Shape = "holds"
    beside: Mapping[str, float] = field(default_factory=dict)


def see(claim: Claim, metric: Metric, pairs: Pairs, doses: Sequence[float], level: float) -> Seen:
    """Return what was seen of a claim.

    Args:
        claim: the claim.
        metric: what it is about.
        pairs: its values.
        doses: of a trend, on its axis.
        level: confidence level of the interval.
    """
    if metric.name == "failed":
        return _failures(pairs, level)
    if not pairs.values:
        return Seen(0, math.nan, math.nan, math.nan, level, math.nan)
    values = np.array(pairs.values, dtype=np.float64)
    if isinstance(claim, Trend):
        return _trend(values, claim, doses, level)
    if isinstance(claim, Best | Peak):
        return _least(-values if claim.lowest else values, claim, level)
    if isinstance(claim, Interaction):
        first, second = values[:, 0] - values[:, 1], values[:, 2] - values[:, 3]
    else:
        first, second = values[:, 0], values[:, 1]
    size = float(np.abs(values).max())
    seen = _seen(paired(first, second, level, size), first, second)
    if isinstance(claim, Equivalent):
        return replace(
            seen, beside={"equivalence, two one-sided tests": tost(first, second, claim.by)}
        )
    return seen


def _seen(found: Paired, first: np.ndarray, second: np.ndarray) -> Seen:
    return Seen(
        n=found.n,
        effect=found.effect,
        low=found.low,
        high=found.high,
        level=found.level,
        p=found.p,
        first=tuple(first.tolist()),
        second=tuple(second.tolist()),
        sd=found.sd,
        median=found.median,
        wins=found.wins,
        rho=found.rho,
        p_t=found.p_t,
        p_permutation=found.p_permutation,
    )


def _least(values: np.ndarray, claim: Best | Peak, level: float) -> Seen:
    """Compare the first column with each other one; the nearest counts."""
    others = [values[:, place] for place in range(1, values.shape[1])]
    found = least(values[:, 0], others, level)
    seen = _seen(found.each[found.which], values[:, 0], others[found.which])
    if claim.lowest:
        seen = _turned(seen)
    beside = {"any difference among the levels, permutation F": omnibus(values)}
    return replace(
        seen,
        low=found.low,
        high=found.high,
        p=found.p,
        beside=beside if isinstance(claim, Best) else {},
    )


def _turned(seen: Seen) -> Seen:
    """Go back from negated values to those measured, with the same differences."""
    return replace(
        seen,
        first=tuple(-each for each in seen.second),
        second=tuple(-each for each in seen.first),
    )


def _trend(values: np.ndarray, claim: Trend, doses: Sequence[float], level: float) -> Seen:
    values = -values if claim.falls else values
    size = float(np.abs(values).max())
    axis = np.asarray(doses, dtype=np.float64)
    rise = rises(values, axis)
    # the ends of each seed's line, whose difference is the rise
    low = values.mean(axis=1) + rise * (axis.min() - axis.mean()) / np.ptp(axis)
    seen = _seen(paired(low + rise, low, level, size), low + rise, low)
    seen = _turned(seen) if claim.falls else seen
    steps = values.shape[1] - 1
    each = [paired(values[:, k + 1], values[:, k], level) for k in range(steps)]
    # one step may be found to fall in any of them, so there the level is divided
    upper = [paired(values[:, k + 1], values[:, k], 1 - (1 - level) / steps) for k in range(steps)]
    shape: Shape = "open"
    if any(one.high < -claim.by for one in upper):
        shape = "fails"
    elif all(one.low > -claim.by for one in each):
        shape = "holds"
    return replace(seen, shape=shape, beside={"steady trend in the dose, Page": page(values)})


def _failures(pairs: Pairs, level: float) -> Seen:
    first = [fails[0] for fails in pairs.fails]
    second = [fails[1] for fails in pairs.fails]
    found = discordance(first, second, level)
    rates = rate(first), rate(second)
    return Seen(
        n=found.n,
        effect=found.effect,
        low=found.low,
        high=found.high,
        level=level,
        p=found.p,
        first=tuple(map(float, first)),
        second=tuple(map(float, second)),
        wins=found.only_first,
        beside={
            f"{side} side fails, {what}": value
            for side, one in zip(("first", "second"), rates, strict=True)
            for what, value in (
                ("share", one.count / one.n if one.n else math.nan),
                ("95 % low", one.low),
                ("95 % high", one.high),
            )
        },
    )
