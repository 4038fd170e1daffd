"""The effect of a claim with interval and test, from its paired values: one door for all kinds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.judging.counts import counted, sooner
from harness.judging.metric_range import MetricRange
from harness.judging.pairing import Pairs
from harness.judging.seen import Beside, Floats, Seen, nothing_seen, seen_from, seen_unpaired
from harness.judging.several import against_each, best_of, trend
from harness.stats import (
    FEWEST,
    FEWEST_PERMUTED,
    MOST_PERMUTED,
    Location,
    omnibus,
    page,
    sign_flip,
    t_interval,
)
from harness.study.claims import (
    Best,
    Claim,
    Equivalent,
    Interaction,
    NotWorse,
    Peak,
    Some,
    Sooner,
    Trend,
)
from harness.study.metrics import FAILED, Metric


def see(
    claim: Claim,
    metric: Metric,
    pairs: Pairs,
    doses: Sequence[float],
    level: float,
    twins: Sequence[tuple[float, float]] = (),
    overlap: float = 0.0,
    *,
    describe: bool = True,
) -> Seen:
    """Return what was seen of a claim, on the scale on which its metric is compared.

    Args:
        claim: the claim.
        metric: what it is about.
        pairs: its values.
        doses: of a trend, on its axis.
        level: confidence level of the interval.
        twins: of a time, both measurements of the arm that was measured twice, by round.
        overlap: what folds add to 1/n in the variance of a mean.
        describe: whether to add permutation tests, which decide nothing and take a while; folds
            have none, as they cannot be exchanged.
    """
    if metric.name == FAILED.name:
        first, second = np.array(pairs.fails, dtype=bool).reshape(-1, 2).T
        return counted(first, second, level, "side fails")
    if pairs.sides is not None:
        return _unpaired(pairs.sides, claim, metric, level)
    if not pairs.values:
        return nothing_seen(level)
    values = np.array(pairs.values, dtype=np.float64)
    if isinstance(claim, Sooner):
        seen = sooner(values, level)
        return _as_identical(seen) if pairs.identical and seen.n else seen
    by = metric.margin(claim.by)
    if metric.replicate == "":
        values = np.repeat(values, FEWEST, axis=0)  # the same however often it is measured
    metric_range = MetricRange.of(metric, values, overlap)
    seen = _contrast(values, claim, by, doses, level, metric_range, metric.better)
    if describe and not metric_range.exact and not pairs.identical and not metric_range.overlap:
        seen = _described(seen, claim, values)
    if metric_range.exact:
        return _as_exact(seen)
    if pairs.identical:
        return _as_identical(seen)
    if seen.n < FEWEST:
        seen = replace(seen, p_margin=math.nan)
    if metric.replicate != "round":
        return seen
    # a steady difference of the twins may come twice into a ratio of ratios
    return _on_machine(seen, twins, times=2 if isinstance(claim, Interaction) else 1)


def _contrast(
    values: Floats,
    claim: Claim,
    by: float,
    doses: Sequence[float],
    level: float,
    metric_range: MetricRange,
    better: str | None,
) -> Seen:
    if isinstance(claim, Trend):
        return trend(values, claim, by, doses, level, metric_range)
    if isinstance(claim, Best | Peak):
        return against_each(-values if claim.lowest else values, claim, level, metric_range)
    if isinstance(claim, Some):
        return best_of(-values if claim.lowest else values, claim, level, metric_range)
    times = 1.0
    if isinstance(claim, Interaction):
        first, second = values[:, 0] - values[:, 1], values[:, 2] - values[:, 3]
        times = 2.0
    else:
        first, second = values[:, 0], values[:, 1]
    place = metric_range.locate(first, second, times)
    seen = seen_from(first, second, level, place, float(np.abs(values).max()))
    return _against_margin(seen, claim, place, by, better)


def _unpaired(
    sides: tuple[tuple[float, ...], tuple[float, ...]], claim: Claim, metric: Metric, level: float
) -> Seen:
    """Return what is seen of two sides that share no seed."""
    first, second = (np.array(side, dtype=np.float64) for side in sides)
    if not len(first) or not len(second):
        return replace(nothing_seen(level), first=sides[0], second=sides[1], unpaired=True)
    metric_range = MetricRange.of(metric, np.concatenate((first, second)))
    place = metric_range.locate_unpaired(first, second)
    size = float(np.abs(metric_range.parts).max())
    seen = seen_unpaired(first, second, level, place, size)
    if seen.n < FEWEST:
        return seen
    return _against_margin(seen, claim, place, metric.margin(claim.by), metric.better)


def _against_margin(
    seen: Seen, claim: Claim, place: Location, by: float, better: str | None
) -> Seen:
    """Add the test of the margin, of a claim that a difference is within it."""
    if isinstance(claim, Equivalent):
        p = max(place.p_above(-by), place.p_below(by))
        test = Beside("equivalence, two one-sided tests", p)
        return replace(seen, p_margin=p, beside=(test,))
    if isinstance(claim, NotWorse):
        p = place.p_below(by) if better == "lower" else place.p_above(-by)
        test = Beside("non-inferiority, one-sided test", p)
        return replace(seen, p_margin=p, beside=(test,))
    return seen


def _described(seen: Seen, claim: Claim, values: Floats) -> Seen:
    """Add tests that make no assumption of normality, and decide nothing."""
    tests: tuple[Beside, ...] = ()
    if isinstance(claim, Best | Some):
        tests = (Beside("any difference among the levels, permutation F", omnibus(values)),)
    if isinstance(claim, Trend):
        tests = (
            Beside("steady trend in the dose, Page", page(-values if claim.falls else values)),
        )
    p = math.nan
    if FEWEST_PERMUTED <= seen.n <= MOST_PERMUTED:
        p = float(sign_flip(np.subtract(seen.first, seen.second)))
    return replace(seen, p_permutation=p, beside=(*tests, *seen.beside))


def _as_exact(seen: Seen) -> Seen:
    """Undo what repeating a value was for."""
    nan, effect = math.nan, seen.effect
    return replace(
        seen, n=1, low=effect, high=effect, exact=True, p=nan, p_t=nan, p_margin=nan, rho=nan,
        wins=int(effect > 0), first=seen.first[:1], second=seen.second[:1], places=(), beside=(),
    )  # fmt: skip


def _as_identical(seen: Seen) -> Seen:
    """Say that there was nothing to estimate: the arms did the same, to the last bit."""
    nan = math.nan
    return replace(
        seen, effect=0.0, low=0.0, high=0.0, identical=True, p=nan, p_t=nan, p_margin=nan,
        share=nan, shape="holds", places=(), beside=(),
    )  # fmt: skip


def _on_machine(seen: Seen, twins: Sequence[tuple[float, float]], times: int) -> Seen:
    """Set what was seen of times beside what the machine makes of one arm measured twice."""
    first, second = np.array(twins, dtype=np.float64).reshape(-1, 2).T
    same = t_interval(first - second, seen.level)
    mean, low, high = float(same.mean), float(same.low), float(same.high)
    reach = times * max(abs(low), abs(high))
    twins_differ = (
        Beside("the same arm measured twice (A/A), mean", mean, "effect"),
        Beside("A/A, lower end of the interval", low, "effect"),
        Beside("A/A, upper end", high, "effect"),
    )
    floor = math.inf if math.isnan(reach) else reach
    return replace(seen, floor=floor, beside=(*seen.beside, *twins_differ))
