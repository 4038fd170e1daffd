"""The statistic of each kind of claim: from values by seed to an effect with interval and test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from harness.judging.pairing import Pairs, median_time
from harness.stats import (
    FEWEST,
    FEWEST_PERMUTED,
    Location,
    Paired,
    discordance,
    least,
    located,
    omnibus,
    page,
    paired,
    rate,
    rises,
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
from harness.study.metrics import COUNTED, FAILED, Metric

Floats = npt.NDArray[np.float64]
_AT = 1e-9  # relative to a margin: what lies this near to it is at it
Shape = Literal["holds", "unclear", "fails"]


@dataclass(frozen=True)
class Beside:
    """A figure that describes, and decides nothing.

    Attributes:
        what: what it is.
        value: the figure.
        kind: how it is printed: a p value, a share, a plain number, or in the effect's unit.
    """

    what: str
    value: float
    kind: Literal["p", "share", "number", "effect"] = "p"


@dataclass(frozen=True)
class Seen(Paired):
    """What was seen of a claim: the two sides over seeds, and what its kind adds to that.

    Attributes:
        first: the added side in each seed.
        second: the subtracted side; ``first - second`` is the effect per seed.
        shape: of a trend: whether every step from dose to dose is shown to fall by less than the
            margin, may, or one is shown to fall by more; ``"holds"`` for other kinds.
        exact: whether it is no estimate: measuring again gives the same to the last digit.
        identical: whether in each seed all arms trained the same, to the last bit.
        floor: of a time: how far two measurements of the same arm may lie apart, by their
            interval; what is not beyond it may be the machine.
        nearest: of a claim on one level against several, which of its partial arms counts; of a
            trend, from which the weakest step goes.
        p_margin: of a claim that a difference is within a margin, the one-sided p value of the
            margin; NaN for others, and below n = 5.
        p_permutation: the sign-flip test's p value of the effect, which describes; NaN below n = 8.
        places: where the means lie whose intervals decide: of the effect, then of a trend that of
            the step that counts; of a claim on several levels those of all; empty for counts.
        beside: what describes.
    """

    first: tuple[float, ...] = ()
    second: tuple[float, ...] = ()
    shape: Shape = "holds"
    exact: bool = False
    identical: bool = False
    floor: float = 0.0
    nearest: int = 0
    p_margin: float = math.nan
    p_permutation: float = math.nan
    places: tuple[Location, ...] = ()
    beside: tuple[Beside, ...] = ()

    def in_noise(self, by: float) -> bool:
        """Whether the machine cannot tell times apart as finely as a margin, nor as seen here."""
        return self.floor > by and max(self.low, -self.high) <= self.floor

    def off(self, by: float) -> float:
        """Return how far from a margin a number may lie that is at it but for rounding."""
        return 4 * self.rounding + _AT * by

    @property
    def clear(self) -> bool:
        """Whether the direction is shown: of estimates, whether the interval leaves out 0."""
        if self.exact:
            return self.effect != 0
        return self.p < 1 - self.level  # never of a NaN


@dataclass(frozen=True)
class _Scale:
    """What is known of a metric's values, beside the values.

    Attributes:
        parts: all of them.
        reach: how far from 0 a difference of two of them can lie.
        shares: whether they are shares of examples.
        exact: whether measuring again gives the same.
    """

    parts: Floats
    reach: float
    shares: bool
    exact: bool

    @staticmethod
    def of(metric: Metric, values: Floats) -> _Scale:
        """Read it from a metric and its values."""
        # of a metric that was never anything but 0, nobody knows how far it goes
        seen = max(0.0, float(values.max())) - min(0.0, float(values.min())) or math.inf
        shares = metric.unit == "fraction" and metric.name not in COUNTED
        reach = seen if not shares else max(1.0, seen) if math.isfinite(seen) else 1.0
        return _Scale(values, reach, shares, metric.replicate == "")

    def locate(self, first: Floats, second: Floats, times: float = 1.0) -> Location:
        """Say where the mean difference of two columns lies.

        Args:
            first: the added side.
            second: the subtracted side.
            times: how many times as far as of two values the difference can lie from 0.
        """
        size = float(np.abs(self.parts).max())
        if self.exact:
            mean = located(first, second, size).mean
            return Location(len(first), mean, 0.0, kind="constant", below=0.0, above=0.0)
        return located(first, second, size, times * self.reach, self.parts, shares=self.shares)


def see(
    claim: Claim,
    metric: Metric,
    pairs: Pairs,
    doses: Sequence[float],
    level: float,
    twins: Sequence[tuple[float, float]] = (),
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
        describe: whether to add permutation tests, which decide nothing and take a while.
    """
    if metric.name == FAILED.name:
        first, second = np.array(pairs.fails, dtype=bool).reshape(-1, 2).T
        return _counted(first, second, level, "side fails")
    if not pairs.values:
        return Seen(**_fields(paired((), (), level)))
    values = np.array(pairs.values, dtype=np.float64)
    if isinstance(claim, Sooner):
        found = _sooner(values, level)
        return _as_identical(found) if pairs.identical and found.n else found
    by = metric.margin(claim.by)
    if metric.replicate == "":
        values = np.repeat(values, FEWEST, axis=0)  # the same however often it is measured
    scale = _Scale.of(metric, values)
    seen = _contrast(values, claim, by, doses, level, scale, metric.better)
    if describe and not scale.exact and not pairs.identical:
        seen = _described(seen, claim, values)
    if scale.exact:
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
    scale: _Scale,
    better: str | None,
) -> Seen:
    if isinstance(claim, Trend):
        return _trend(values, claim, by, doses, level, scale)
    if isinstance(claim, Best | Peak):
        return _least(-values if claim.lowest else values, claim, level, scale)
    if isinstance(claim, Some):
        return _most(-values if claim.lowest else values, claim, level, scale)
    times = 1.0
    if isinstance(claim, Interaction):
        first, second = values[:, 0] - values[:, 1], values[:, 2] - values[:, 3]
        times = 2.0
    else:
        first, second = values[:, 0], values[:, 1]
    place = scale.locate(first, second, times)
    seen = _seen(first, second, level, place, float(np.abs(values).max()))
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
    if seen.n >= FEWEST_PERMUTED:
        p = float(sign_flip(np.subtract(seen.first, seen.second)))
    return replace(seen, p_permutation=p, beside=(*tests, *seen.beside))


def _fields(found: Paired) -> dict[str, Any]:
    return {each.name: getattr(found, each.name) for each in fields(Paired)}


def _seen(first: Floats, second: Floats, level: float, place: Location, size: float = 0.0) -> Seen:
    return Seen(
        **_fields(paired(first, second, level, size, place)),
        first=tuple(first.tolist()), second=tuple(second.tolist()), places=(place,),
    )  # fmt: skip


def _as_exact(seen: Seen) -> Seen:
    """Undo what repeating a value was for."""
    nan, effect = math.nan, seen.effect
    return replace(
        seen, n=1, low=effect, high=effect, exact=True, p=nan, p_t=nan, p_margin=nan, rho=nan,
        wins=int(effect > 0), first=seen.first[:1], second=seen.second[:1], places=(), beside=(),
    )  # fmt: skip


def _as_identical(seen: Seen) -> Seen:
    """Say that there was nothing to estimate: the arms trained the same networks."""
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
    found = (
        Beside("the same arm measured twice (A/A), mean", mean, "effect"),
        Beside("A/A, lower end of the interval", low, "effect"),
        Beside("A/A, upper end", high, "effect"),
    )
    floor = math.inf if math.isnan(reach) else reach
    return replace(seen, floor=floor, beside=(*seen.beside, *found))


def _least(values: Floats, claim: Best | Peak, level: float, scale: _Scale) -> Seen:
    """Compare the first column with each other one; the nearest counts."""
    others = [values[:, place] for place in range(1, values.shape[1])]
    places = [scale.locate(values[:, 0], other) for other in others]
    found = least(places, level)
    seen = _seen(
        values[:, 0], others[found.which], level, places[found.which], float(np.abs(values).max())
    )
    if claim.lowest:
        seen = _turned(seen)
    return replace(
        seen, low=found.low, high=found.high, p=found.p, nearest=found.which + 1,
        places=tuple(places),
    )  # fmt: skip


def _most(values: Floats, claim: Some, level: float, scale: _Scale) -> Seen:
    """Compare each other column with the first; the one that exceeds it by most counts.

    The largest of these differences is the smallest of their negatives, with ends exchanged.
    """
    reference, others = values[:, 0], [values[:, k] for k in range(1, values.shape[1])]
    places = [scale.locate(reference, other) for other in others]
    found = least(places, level)
    best = others[found.which]
    seen = _seen(best, reference, level, scale.locate(best, reference), float(np.abs(values).max()))
    seen = _turned(seen) if claim.lowest else seen
    return replace(
        seen, low=0.0 - found.high, high=0.0 - found.low, p=found.p, nearest=found.which + 1,
        places=tuple(places),
    )  # fmt: skip


def _turned(seen: Seen) -> Seen:
    """Go back from negated values to those measured, with the same differences."""
    return replace(
        seen,
        first=tuple(-each for each in seen.second),
        second=tuple(-each for each in seen.first),
    )


def _trend(
    values: Floats, claim: Trend, by: float, doses: Sequence[float], level: float, scale: _Scale
) -> Seen:
    values = -values if claim.falls else values
    axis = np.asarray(doses, dtype=np.float64)
    rise = rises(values, axis)
    # the ends of each seed's line, whose difference is the rise
    low = values.mean(axis=1) + rise * (axis.min() - axis.mean()) / np.ptp(axis)
    spread = axis - axis.mean()
    times = float(np.abs(spread).sum() / (spread @ spread) * np.ptp(axis) / 2)
    place = scale.locate(low + rise, low, times)
    seen = _seen(low + rise, low, level, place, float(np.abs(values).max()))
    seen = _turned(seen) if claim.falls else seen
    steps = [scale.locate(after, before) for before, after in pairwise(values.T)]
    lows = [step.ends(level)[0] for step in steps]
    # one step may be found to fall in any of them, so there the level is divided
    highs = [step.ends(1 - (1 - level) / len(steps))[1] for step in steps]
    off = seen.off(by)
    shape: Shape = "unclear"
    if any(high < -by - off for high in highs):
        shape = "fails"
    elif all(one > -by + off for one in lows):
        shape = "holds"
    # the step that is shown to fall, where one is; else the one that may fall by most
    weakest = int(np.argmin(highs if shape == "fails" else lows))
    beside = (
        Beside("weakest step from dose to dose, mean", steps[weakest].mean, "effect"),
        Beside("weakest step, lower end of its interval", lows[weakest], "effect"),
    )
    return replace(
        seen, shape=shape, nearest=weakest, beside=beside, places=(place, steps[weakest])
    )


def _sooner(times: Floats, level: float) -> Seen:
    """Count which side is first; both that never come, or come at once, are a tie.

    Where no side ever comes, in any seed, nothing was seen: that is no evidence of likeness.
    """
    if not np.isfinite(times).any():
        return Seen(**_fields(paired((), (), level)))
    seen = _counted(times[:, 0] < times[:, 1], times[:, 1] < times[:, 0], level, "side is first")
    beside = []
    for side, own in zip(("first", "second"), times.T, strict=True):
        share = float(np.isfinite(own).mean())
        median = median_time(own.tolist())
        beside += [
            Beside(f"{side} side reaches the target, share of seeds", share, "share"),
            Beside(f"{side} side, median until then", median, "number"),
        ]
    return replace(seen, beside=tuple(beside))


def _counted(
    first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_], level: float, what: str
) -> Seen:
    """Compare how often something is so on either side: exact McNemar, which is a sign test."""
    found = discordance(first, second, level)
    nan = math.nan
    return Seen(
        n=found.n,
        effect=found.effect,
        low=found.low,
        high=found.high,
        level=level,
        p=found.p,
        p_t=nan,
        sd=nan,
        median=nan,
        wins=found.only_first,
        rho=nan,
        first=tuple(map(float, first)),
        second=tuple(map(float, second)),
        beside=tuple(
            Beside(f"{side} {what}, {which}", figure, "share")
            for side, one in (("first", rate(first)), ("second", rate(second)))
            for which, figure in (
                ("share", one.count / one.n if one.n else nan),
                ("95 % low", one.low),
                ("95 % high", one.high),
            )
        ),
    )
