"""Claims on several levels: one against the rest (Best, Peak), some (Some), a line (Trend)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from harness.judging.metric_range import MetricRange
from harness.judging.seen import Beside, Floats, Seen, Shape, seen_from
from harness.stats import least, rises
from harness.study.claims import Best, Peak, Some, Trend


def against_each(
    values: Floats, claim: Best | Peak, level: float, metric_range: MetricRange
) -> Seen:
    """Compare the first column with each other one; the nearest counts."""
    others = [values[:, place] for place in range(1, values.shape[1])]
    places = [metric_range.locate(values[:, 0], other) for other in others]
    nearest = least(places, level)
    seen = seen_from(
        values[:, 0], others[nearest.which], level, places[nearest.which],
        float(np.abs(values).max()),
    )  # fmt: skip
    if claim.lowest:
        seen = _turned(seen)
    return replace(
        seen, low=nearest.low, high=nearest.high, p=nearest.p, nearest=nearest.which + 1,
        places=tuple(places),
    )  # fmt: skip


def best_of(values: Floats, claim: Some, level: float, metric_range: MetricRange) -> Seen:
    """Compare each other column with the first; the one that exceeds it by most counts.

    The largest of these differences is the smallest of their negatives, with ends exchanged.
    """
    reference, others = values[:, 0], [values[:, k] for k in range(1, values.shape[1])]
    places = [metric_range.locate(reference, other) for other in others]
    largest = least(places, level)
    best = others[largest.which]
    place = metric_range.locate(best, reference)
    seen = seen_from(best, reference, level, place, float(np.abs(values).max()))
    seen = _turned(seen) if claim.lowest else seen
    return replace(
        seen, low=0.0 - largest.high, high=0.0 - largest.low, p=largest.p,
        nearest=largest.which + 1,
        places=tuple(places),
    )  # fmt: skip


def trend(
    values: Floats,
    claim: Trend,
    by: float,
    doses: Sequence[float],
    level: float,
    metric_range: MetricRange,
) -> Seen:
    """Fit a line through the doses in each seed, and look at every step from dose to dose.

    Args:
        values: one column for each dose, ``[n, doses]``.
        claim: the claim.
        by: its margin, on the scale of the effect.
        doses: on the claim's axis.
        level: confidence level of the interval.
        metric_range: of the values.
    """
    values = -values if claim.falls else values
    axis = np.asarray(doses, dtype=np.float64)
    rise = rises(values, axis)
    # the ends of each seed's line, whose difference is the rise
    low = values.mean(axis=1) + rise * (axis.min() - axis.mean()) / np.ptp(axis)
    spread = axis - axis.mean()
    times = float(np.abs(spread).sum() / (spread @ spread) * np.ptp(axis) / 2)
    place = metric_range.locate(low + rise, low, times)
    seen = seen_from(low + rise, low, level, place, float(np.abs(values).max()))
    seen = _turned(seen) if claim.falls else seen
    steps = [metric_range.locate(after, before) for before, after in pairwise(values.T)]
    lows = [step.ends(level)[0] for step in steps]
    # one step may be found to fall in any of them, so there the level is divided
    highs = [step.ends(1 - (1 - level) / len(steps))[1] for step in steps]
    off = seen.off(by)
    shape: Shape = "unclear"
    if any(high < -by - off for high in highs):
        shape = "fails"
    elif all(end > -by + off for end in lows):
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


def _turned(seen: Seen) -> Seen:
    """Go back from negated values to those measured, with the same differences."""
    return replace(
        seen,
        first=tuple(-value for value in seen.second),
        second=tuple(-value for value in seen.first),
    )
