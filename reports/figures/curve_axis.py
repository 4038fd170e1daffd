"""The axis of learning curves: linear, logarithmic, or cut where few values lie far away."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.study.formatting import PER_CENT
from harness.study.metrics import Metric

from .canvas import is_log, limits, log_limits

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FAR = 4.0
"""Values that lie so many times as far from the best as three in four do are drawn at the edge."""

SQUEEZED = 0.1
"""Where three in four values share less of the axis than this, lines would lie flat at its end."""


@dataclass(frozen=True)
class CurveAxis:
    """The axis, in the unit drawn.

    Attributes:
        low: lower end.
        high: upper end.
        log: whether it is logarithmic.
        cut: whether some values lie beyond its ends.
    """

    low: float
    high: float
    log: bool
    cut: bool

    @property
    def said(self) -> str:
        """What a caption says of values beyond it."""
        return " A triangle at the edge: a value lies beyond." if self.cut else ""

    def at(self, value: float) -> float:
        """Return where a value is told, within the axis; one that is not finite stays as it is."""
        return min(max(value, self.low), self.high) if math.isfinite(value) else value

    def set(self, axes: Axes) -> None:
        """Give axes this axis, upwards."""
        if self.log:
            axes.set_yscale("log")
        axes.set_ylim(self.low, self.high)

    def mark(self, axes: Axes, curves: Sequence[Sequence[tuple[float, float]]], color: str) -> None:
        """Mark at the edge where curves, in the unit drawn, go beyond: once each time they do."""
        for marker, edge in (("v", self.low), ("^", self.high)):
            across = sorted({at for curve in curves for at in self._leaves(curve, edge)})
            if across:
                axes.plot(
                    across, [edge] * len(across), marker, color=color, markersize=5.5,
                    clip_on=False, zorder=4,
                )  # fmt: skip

    def _leaves(self, curve: Sequence[tuple[float, float]], edge: float) -> list[float]:
        beyond = [value > edge if edge == self.high else value < edge for _, value in curve]
        return [
            curve[at][0]
            for at, is_out in enumerate(beyond)
            if is_out and not (at and beyond[at - 1])
        ]


def curve_axis(
    curves: Sequence[Sequence[float]],
    metric: Metric,
    scale: float,
    means: Sequence[Sequence[float]] = (),
    target: float | None = None,
) -> CurveAxis:
    """Choose the axis: logarithmic where that shows more, cut where few values are far away.

    Where curves and means end is never beyond it, nor are values far on the good side.

    Args:
        curves: the values of each, in the metric's unit; those that are not finite do not count.
        metric: which.
        scale: what values are multiplied by to be in the unit drawn.
        means: the same of means of curves, which are drawn, too.
        target: what must have room, too, in the metric's unit.
    """
    finite, averaged = _finite(curves, scale), _finite(means, scale)
    values = [value for curve in finite for value in curve]
    better = metric.better
    positive = min(values, default=0.0) > 0 and metric.unit not in PER_CENT
    log = is_log(values, metric.unit) or (positive and _squeezed(values, better))
    room = [curve[-1] for curve in (*finite, *averaged) if curve]
    if target is not None and not (log and target <= 0):
        room.append(scale * target)
    kept = values
    if log and _squeezed([math.log(each) for each in values], better):
        kept = [math.exp(each) for each in near(map(math.log, values), better)]
    elif not log and _squeezed(values, better):
        kept = near(values, better)
    low, high = (log_limits if log else limits)([*kept, *room])
    return CurveAxis(low, high, log, any(not low <= each <= high for each in values))


def _finite(curves: Sequence[Sequence[float]], scale: float) -> list[list[float]]:
    return [[scale * each for each in curve if math.isfinite(each)] for curve in curves]


def near(values: Iterable[float], better: str | None) -> list[float]:
    """Return the values that are not far from the best, by :data:`FAR`, in their order by size.

    Args:
        values: finite ones.
        better: which direction is good, as in :class:`~harness.study.metrics.Metric`; where neither
            is, the lowest counts as best.
    """
    ranked = sorted(values)
    best, most = _reach(ranked, better)
    return [each for each in ranked if most == 0 or abs(each - best) <= FAR * most]


def _squeezed(values: Sequence[float], better: str | None) -> bool:
    """Whether three in four values share a small part of the axis of all."""
    if not values:
        return False
    ranked = sorted(values)
    return 0 < _reach(ranked, better)[1] < SQUEEZED * (ranked[-1] - ranked[0])


def _reach(ranked: Sequence[float], better: str | None) -> tuple[float, float]:
    """Return the best value, and how far from it three in four lie at most."""
    lower = better != "higher"
    best = ranked[0] if lower else ranked[-1]
    return best, abs(ranked[3 * len(ranked) // 4 if lower else len(ranked) // 4] - best)
