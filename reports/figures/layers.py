"""Values by layer: a line for each arm from the input on, and the range of its seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from harness.judging.results import Results
from harness.study.designs import Arm
from harness.study.formatting import join, level_text, plural
from harness.study.metrics import Metric

from ..text import axis_title, factor_of, metric_of
from .canvas import (
    COLUMN,
    Picture,
    limits,
    log_limits,
    paint,
    panel,
    plain,
    series,
    ticks,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_LINES = 8
"""Lines that can still be told apart."""


@dataclass(frozen=True)
class Line:
    """One arm, by layer: mean over seeds, smallest and largest; NaN where nothing can be drawn."""

    number: int
    arm: str
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class Layers:
    """One metric by layer.

    Attributes:
        metric: what was measured.
        lines: in the unit of the axis; the baseline first, then arms that claims compare.
        left_out: arms that are not drawn because there are too many.
        lost: values that the axis cannot show.
        log: whether the axis is logarithmic; the means are then geometric ones.
        seeds: in the arm that has most.
    """

    metric: Metric
    lines: tuple[Line, ...]
    left_out: int
    lost: int
    log: bool
    seeds: int


def layers_of(results: Results) -> tuple[Layers, ...]:
    """Work out every metric that was recorded by layer, in the order recorded."""
    done = [
        record
        for record in results.records
        if record.role == "evaluate" and record.state == "complete"
    ]
    names = dict.fromkeys(name for record in done for name in record.layers)
    out = []
    for name in names:
        rows = {
            arm.name: [
                record.layers[name]
                for record in done
                if record.arm == arm.name and record.layers.get(name)
            ]
            for arm in _ordered(results)
        }
        recorded = {arm: values for arm, values in rows.items() if values}
        if recorded:
            numbers = {arm.name: number for number, arm in enumerate(results.arms, 1)}
            out.append(_layers(metric_of(results.declaration, name), recorded, numbers))
    return tuple(out)


def _ordered(results: Results) -> Sequence[Arm]:
    """Return the arms by how much a reader wants to see them."""
    partials = [
        partial
        for verdict in results.verdicts
        for partial in results.declaration.partials(verdict.claim)
    ]

    def place(arm: Arm) -> bool:
        return not any(arm.matches(partial) for partial in partials)

    return [*results.arms[:1], *sorted(results.arms[1:], key=place)]


def _layers(
    metric: Metric, by_arm: dict[str, list[tuple[float, ...]]], numbers: dict[str, int]
) -> Layers:
    scale = factor_of(metric)
    shown = dict(list(by_arm.items())[:MOST_LINES])
    values = [scale * x for rows in shown.values() for row in rows for x in row]
    finite = [value for value in values if math.isfinite(value)]
    positive = [value for value in finite if value > 0]
    # What layers do to a signal multiplies, so that only ratios can be compared along a network.
    log = bool(positive) and min(finite) >= 0 and max(positive) > 3 * min(positive)
    log = log and metric.unit != "fraction"
    return Layers(
        metric,
        tuple(_line(numbers[arm], arm, rows, scale, log=log) for arm, rows in shown.items()),
        len(by_arm) - len(shown),
        len(values) - len(positive if log else finite),
        log,
        max(len(rows) for rows in shown.values()),
    )


def _line(
    number: int, arm: str, rows: Sequence[tuple[float, ...]], scale: float, *, log: bool
) -> Line:
    means, lows, highs = [], [], []
    for column in zip_longest(*rows, fillvalue=math.nan):
        values = [scale * value for value in column if math.isfinite(value)]
        values = [value for value in values if value > 0 or not log]
        lows.append(min(values, default=math.nan))
        highs.append(max(values, default=math.nan))
        if not values:
            means.append(math.nan)
        elif log:
            means.append(math.exp(math.fsum(map(math.log, values)) / len(values)))
        else:
            means.append(math.fsum(values) / len(values))
    return Line(number, arm, tuple(means), tuple(lows), tuple(highs))


def draw_layers(values: Layers) -> Picture:
    """Draw the lines on one axis."""
    metric = values.metric
    scale = factor_of(metric)
    said = join(
        f"{line.arm} from {level_text(metric, line.mean[0] / scale)} in layer 1 to "
        f"{level_text(metric, line.mean[-1] / scale)} in layer {len(line.mean)}"
        for line in values.lines
    )
    mean = "geometric mean" if values.log else "mean"
    axis = ", on a logarithmic axis" if values.log else ""
    more = (
        f" Not drawn: {plural(values.left_out, 'more arm')}, of which records hold the values."
        if values.left_out
        else ""
    )
    lost = (
        f" {plural(values.lost, 'value')} that such an axis cannot show, 0 or not finite, "
        f"{'is' if values.lost == 1 else 'are'} left out."
        if values.lost
        else ""
    )
    return paint(
        (COLUMN, 3.0 + 0.17 * max(0, len(values.lines) - 3)),
        lambda figure: _draw(figure, values),
        alt=f"{metric.title} by layer, {mean} over seeds: {said}.",
        caption=f"{metric.title} by layer{axis}. Line: {mean} over up to "
        f"{plural(values.seeds, 'seed')}; band: from the smallest seed to the largest, and no "
        "interval. Numbers of arms as in the table of means; claims are about single numbers."
        f"{more}{lost}",
    )


def _draw(figure: Figure, values: Layers) -> None:
    count = len(values.lines)
    axes = panel(figure, 0.78, 0.5, 3.52, 2.4 - 0.17 * min(count, 3))
    length = max(len(line.mean) for line in values.lines)
    shown: list[float] = []
    for place, line in enumerate(values.lines):
        look = series(place)
        layers = range(1, len(line.mean) + 1)
        axes.fill_between(layers, line.low, line.high, color=look["color"], alpha=0.13, linewidth=0)
        every = max(1, len(line.mean) // 6)
        axes.plot(
            layers, line.mean, linewidth=1.9, markersize=4.6, zorder=3,
            label=plain(f"{line.number}. {line.arm}", 48),
            markevery=(min(place, len(line.mean) - 1) % every, every), **look,
        )  # fmt: skip
        shown += [end for end in (*line.low, *line.high) if math.isfinite(end)]
    axes.set_xlim(1 - 0.02 * length, length * 1.02)
    if values.log:
        axes.set_yscale("log")
        axes.set_ylim(*log_limits(shown))
    else:
        axes.set_ylim(*limits(shown))
    ticks(axes.yaxis, 6, log=values.log)
    ticks(axes.xaxis, 6, whole=True)
    axes.set_xlabel("Layer, from the input on")
    axes.set_ylabel(plain(axis_title(values.metric), 44))
    axes.grid(axis="y")
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.02, 1.0), borderaxespad=0.0, labelspacing=0.25,
        handlelength=3.2,
    )  # fmt: skip
