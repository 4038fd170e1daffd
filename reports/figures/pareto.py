"""Quality against cost: every arm a numbered point with its intervals both ways."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.judging.results import Results
from harness.study.formatting import bytes_text, cut, in_units, join, seconds_text
from harness.study.metrics import COSTS, Metric

from ..palette import light
from ..text import axis_title, factor_of, in_title
from .canvas import (
    COLUMN,
    MARKERS,
    Picture,
    limits,
    log_limits,
    paint,
    panel,
    plain,
    ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Cost = Literal["step time", "peak memory"]


@dataclass(frozen=True)
class Point:
    """One arm: cost and quality, each with its interval, in the units of the axes."""

    number: int
    arm: str
    cost: float
    cost_low: float
    cost_high: float
    mean: float
    low: float
    high: float
    said: str


@dataclass(frozen=True)
class Pareto:
    """All arms that have both a profile and a mean.

    Attributes:
        metric: quality.
        cost: which cost.
        unit: unit of the cost axis.
        points: the arms.
        front: numbers of those that no other arm beats in both.
        log: whether the cost axis is logarithmic.
    """

    metric: Metric
    cost: Cost
    unit: str
    points: tuple[Point, ...]
    front: tuple[int, ...]
    log: bool


def pareto(results: Results, metric: Metric, cost: Cost) -> Pareto | None:
    """Work out the points; ``None`` below two of them."""
    scale = factor_of(metric)
    means = {
        summary.group: summary
        for summary in results.summaries
        if not summary.factor and summary.metric == metric.name
    }
    costed = []
    for number, arm in enumerate(results.arms, 1):
        profile, summary = results.profiles.get(arm.name), means.get(arm.name)
        if profile is None or summary is None or not math.isfinite(summary.mean):
            continue
        if cost == "step time":
            costs = (profile.step_seconds, profile.step_low, profile.step_high)
            text = seconds_text(profile.step_seconds)
        else:
            costs = (float(profile.peak_bytes),) * 3
            text = bytes_text(profile.peak_bytes)
        if math.isfinite(costs[0]) and costs[0] > 0:
            costed.append((number, arm.name, costs, summary, text))
    if len(costed) < 2:
        return None
    measured = COSTS["step_seconds" if cost == "step time" else "peak_bytes"]
    size, unit = in_units(measured, [costs[0] for _, _, costs, _, _ in costed])
    points = tuple(
        Point(
            number, arm, costs[0] / size, costs[1] / size, costs[2] / size, scale * summary.mean,
            scale * low, scale * high, f"{arm} {text}",
        )
        for number, arm, costs, summary, text in costed
        for low, high in [cut(metric, summary.low, summary.high)]
    )  # fmt: skip
    front = tuple(
        point.number
        for point in points
        if not any(_beats(other, point, metric.better) for other in points)
    )
    spread = [point.cost for point in points]
    return Pareto(metric, cost, unit, points, front, max(spread) > 8 * min(spread))


def _beats(a: Point, b: Point, better: str | None) -> bool:
    sign = -1.0 if better == "lower" else 1.0
    at_least = a.cost <= b.cost and sign * a.mean >= sign * b.mean
    return at_least and (a.cost < b.cost or a.mean != b.mean)


def draw_pareto(values: Pareto) -> Picture:
    """Draw the points; filled ones form the front."""
    metric = values.metric
    best = join(point.said for point in values.points if point.number in values.front)
    bars = (
        "quartiles over blocks of steps"
        if values.cost == "step time"
        else "none, as peak memory does not vary"
    )
    return paint(
        (COLUMN, 3.2),
        lambda figure: _draw(figure, values),
        alt=f"{metric.title} against {values.cost}; no other arm is both better in mean "
        f"{in_title(metric)} and cheaper than: {best}.",
        caption=f"{metric.title} against {values.cost}. Numbers: arms, as in the table of costs. "
        "Up and down: 95 % t interval over seeds, not corrected and cut at the metric's range; "
        f"sideways: {bars}. Filled and joined: arms that no other beats in both means.",
    )


def _draw(figure: Figure, values: Pareto) -> None:
    axes = panel(figure, 0.68, 0.5, 3.62, 2.58)
    ordered = sorted(values.points, key=lambda point: (point.cost, point.mean))
    front = [point for point in ordered if point.number in values.front]
    axes.plot(
        [point.cost for point in front], [point.mean for point in front], color=light("series3"),
        linewidth=1.2, linestyle=(0, (4, 2)), zorder=1.5,
    )  # fmt: skip
    tall: list[float] = []
    wide: list[float] = []
    for point in values.points:
        inside = point.number in values.front
        color = light("series3" if inside else "series6")
        up = [end for end in (point.low, point.high) if math.isfinite(end)]
        across = [end for end in (point.cost_low, point.cost_high) if math.isfinite(end)]
        if len(up) == 2:
            axes.plot([point.cost] * 2, up, color=color, linewidth=1.3, zorder=2)
        if len(across) == 2:
            axes.plot(across, [point.mean] * 2, color=color, linewidth=1.3, zorder=2)
        axes.plot(
            [point.cost], [point.mean], MARKERS[0 if inside else 1], color=color, markersize=6,
            markerfacecolor=color if inside else light("card"), markeredgewidth=1.4, zorder=3,
        )  # fmt: skip
        tall += [*up, point.mean]
        wide += [*(end for end in across if end > 0), point.cost]
    axes.set_ylim(*limits(tall, 0.09))
    if values.log:
        axes.set_xscale("log")
        axes.set_xlim(*log_limits(wide))
    else:
        axes.set_xlim(*limits(wide, 0.09))
    ticks(axes.xaxis, 6, log=values.log)
    ticks(axes.yaxis, 5)
    axes.set_xlabel(f"{values.cost.capitalize()} ({values.unit})")
    axes.set_ylabel(plain(axis_title(values.metric), 44))
    axes.grid(axis="both")
    _number(axes, values.points)


def _number(axes: Axes, points: Sequence[Point]) -> None:
    """Write the arms' numbers beside the points; points that coincide share one label."""
    groups: list[tuple[tuple[float, float], list[Point]]] = []
    for point in points:
        x, y = axes.transData.transform((point.cost, point.mean))
        near = (group for place, group in groups if math.dist(place, (x, y)) < 12)
        if group := next(near, None):
            group.append(point)
        else:
            groups.append(((x, y), [point]))
    for (x, _), group in groups:
        # on the side where there is room for it
        right = axes.transAxes.inverted().transform((x, 0))[0] > 0.6
        axes.annotate(
            number_ranges([point.number for point in group]), (group[0].cost, group[0].mean),
            (-7 if right else 7, 4), ha="right" if right else "left",
            textcoords="offset points", fontsize=9, fontweight="bold", zorder=4,
        )  # fmt: skip


def number_ranges(numbers: Sequence[int]) -> str:
    """Write ascending numbers, three or more in a row as a span."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][-1] + 1:
            spans[-1].append(number)
        else:
            spans.append([number])
    return ", ".join(
        f"{span[0]}–{span[-1]}" if len(span) > 2 else ", ".join(map(str, span)) for span in spans
    )
