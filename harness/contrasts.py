"""The statistic of each kind of claim: from values by seed to an effect with interval and test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from harness.claims import Best, Claim, Equivalent, Interaction, NotWorse, Peak, Some, Sooner, Trend
from harness.metrics import FAILED, Metric
from harness.pairs import Pairs, median_time
from harness.stats import (
    FEWEST,
    Paired,
    discordance,
    least,
    noninferior,
    omnibus,
    page,
    paired,
    rate,
    rises,
    tost,
)

Floats = npt.NDArray[np.float64]
_AT = 1e-12  # relative: how far off logarithms of whole numbers may be from that of a margin
Shape = Literal["holds", "open", "fails"]


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
        floor: of a time: how far two measurements of the same arm may lie apart, by their
            interval; what is not beyond it may be the machine.
        nearest: of a claim on one level against several, which of its partial arms counts; of a
            trend, from which the weakest step goes.
        p_margin: of a claim that a difference is within a margin, the p value of the margin; NaN
            for others.
        beside: what describes.
    """

    first: tuple[float, ...] = ()
    second: tuple[float, ...] = ()
    shape: Shape = "holds"
    exact: bool = False
    floor: float = 0.0
    nearest: int = 0
    p_margin: float = math.nan
    beside: tuple[Beside, ...] = ()

    def in_noise(self, by: float) -> bool:
        """Whether the machine cannot tell times apart as finely as a margin, nor as seen here."""
        return self.floor > by and max(self.low, -self.high) <= self.floor


def see(
    claim: Claim,
    metric: Metric,
    pairs: Pairs,
    doses: Sequence[float],
    level: float,
    twins: Sequence[tuple[float, float]] = (),
) -> Seen:
    """Return what was seen of a claim, on the scale on which its metric is compared.

    Args:
        claim: the claim.
        metric: what it is about.
        pairs: its values.
        doses: of a trend, on its axis.
        level: confidence level of the interval.
        twins: of a time, both measurements of the arm that was measured twice, by round.
    """
    if metric.name == FAILED.name:
        first, second = np.array(pairs.fails, dtype=bool).reshape(-1, 2).T
        return _counted(first, second, level, "side fails")
    if not pairs.values:
        return Seen(**_fields(paired((), (), level)))
    values = np.array(pairs.values, dtype=np.float64)
    if isinstance(claim, Sooner):
        return _sooner(values, level)
    by = metric.margin(claim.by)
    if metric.replicate == "":
        # the same however often it is measured: an interval of no width
        values = np.repeat(values, FEWEST, axis=0)
        return _as_exact(_contrast(values, claim, by, doses, level, metric.better), by)
    seen = _contrast(values, claim, by, doses, level, metric.better)
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
    better: str | None,
) -> Seen:
    if isinstance(claim, Trend):
        return _trend(values, claim, by, doses, level)
    if isinstance(claim, Best | Peak):
        return _least(-values if claim.lowest else values, claim, level)
    if isinstance(claim, Some):
        return _most(-values if claim.lowest else values, claim, level)
    if isinstance(claim, Interaction):
        first, second = values[:, 0] - values[:, 1], values[:, 2] - values[:, 3]
    else:
        first, second = values[:, 0], values[:, 1]
    size = float(np.abs(values).max())
    seen = _seen(paired(first, second, level, size), first, second)
    if isinstance(claim, Equivalent):
        p = tost(first, second, by)
        test = Beside("equivalence, two one-sided tests", p)
        return replace(seen, p_margin=p, beside=(test,))
    if isinstance(claim, NotWorse):
        sign = -1 if better == "lower" else 1
        p = noninferior(sign * first, sign * second, by)
        test = Beside("non-inferiority, one-sided test", p)
        return replace(seen, p_margin=p, beside=(test,))
    return seen


def _fields(found: Paired) -> dict[str, Any]:
    return {each.name: getattr(found, each.name) for each in fields(Paired)}


def _seen(found: Paired, first: Floats, second: Floats) -> Seen:
    return Seen(**_fields(found), first=tuple(first.tolist()), second=tuple(second.tolist()))


def _as_exact(seen: Seen, by: float) -> Seen:
    """Undo what repeating a value was for; what is at the margin but for rounding is at it."""
    nan, effect = math.nan, seen.effect
    if abs(abs(effect) - by) <= _AT * max(by, 1.0):
        effect = math.copysign(by, effect)
    return replace(
        seen, n=1, effect=effect, low=effect, high=effect, exact=True,
        p=nan, p_t=nan, p_permutation=nan, p_margin=nan, rho=nan,
        wins=int(seen.effect > 0), first=seen.first[:1], second=seen.second[:1], beside=(),
    )  # fmt: skip


def _on_machine(seen: Seen, twins: Sequence[tuple[float, float]], times: int) -> Seen:
    """Set what was seen of times beside what the machine makes of one arm measured twice."""
    first, second = np.array(twins, dtype=np.float64).reshape(-1, 2).T
    same = paired(first, second, seen.level)
    reach = times * max(abs(same.low), abs(same.high))
    found = (
        Beside("the same arm measured twice (A/A), mean", same.effect, "effect"),
        Beside("A/A, lower end of the interval", same.low, "effect"),
        Beside("A/A, upper end", same.high, "effect"),
    )
    floor = math.inf if math.isnan(reach) else reach
    return replace(seen, floor=floor, beside=(*seen.beside, *found))


def _least(values: Floats, claim: Best | Peak, level: float) -> Seen:
    """Compare the first column with each other one; the nearest counts."""
    others = [values[:, place] for place in range(1, values.shape[1])]
    found = least(values[:, 0], others, level)
    seen = _seen(found.each[found.which], values[:, 0], others[found.which])
    if claim.lowest:
        seen = _turned(seen)
    beside = Beside("any difference among the levels, permutation F", omnibus(values))
    return replace(
        seen,
        low=found.low,
        high=found.high,
        p=found.p,
        nearest=found.which + 1,
        beside=(beside,) if isinstance(claim, Best) else (),
    )


def _most(values: Floats, claim: Some, level: float) -> Seen:
    """Compare each other column with the first; the one that exceeds it by most counts.

    The largest of these differences is the smallest of their negatives, with ends exchanged.
    """
    reference, others = values[:, 0], [values[:, k] for k in range(1, values.shape[1])]
    found = least(reference, others, level)
    best = others[found.which]
    seen = _seen(paired(best, reference, level), best, reference)
    seen = _turned(seen) if claim.lowest else seen
    beside = Beside("any difference among the levels, permutation F", omnibus(values))
    return replace(
        seen, low=0.0 - found.high, high=0.0 - found.low, p=found.p, nearest=found.which + 1,
        beside=(beside,),
    )  # fmt: skip


def _turned(seen: Seen) -> Seen:
    """Go back from negated values to those measured, with the same differences."""
    return replace(
        seen,
        first=tuple(-each for each in seen.second),
        second=tuple(-each for each in seen.first),
    )


def _trend(values: Floats, claim: Trend, by: float, doses: Sequence[float], level: float) -> Seen:
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
    if any(one.high < -by for one in upper):
        shape = "fails"
    elif all(one.low > -by for one in each):
        shape = "holds"
    weakest = int(np.argmin([one.low for one in each]))
    beside = (
        Beside("steady trend in the dose, Page", page(values)),
        Beside("weakest step from dose to dose, mean", each[weakest].effect, "effect"),
        Beside("weakest step, lower end of its interval", each[weakest].low, "effect"),
    )
    return replace(seen, shape=shape, nearest=weakest, beside=beside)


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
        p_permutation=nan,
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
