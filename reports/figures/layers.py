"""Values by layer: a line for each arm from the input on, and the range of its seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from harness.floats import mean_of
from harness.judging.results import Results
from harness.study.designs import Arm
from harness.study.formatting import PER_CENT, join, level_text, plural
from harness.study.metrics import Metric

from ..levels import Levels, Look, levels_of
from ..palette import light
from ..text import axis_title, factor_of, metric_of
from .canvas import (
    COLUMN,
    Picture,
    hint,
    limits,
    log_limits,
    paint,
    panel,
    plain,
)
from .labels import End, label_ends, room_beside, room_for
from .marks import ticks
from .multiples import FEWEST_PANELS, Grid
from .scales import tick_places

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LINES = 12
"""Lines that are drawn."""


@dataclass(frozen=True)
class Line:
    """One arm, by layer: mean over seeds, smallest and largest; NaN where nothing can be drawn."""

    arm: str
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    look: Look
    short: str


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
    looks = levels_of(results)
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
            out.append(_layers(metric_of(results.declaration, name), recorded, looks))
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


def _layers(metric: Metric, by_arm: dict[str, list[tuple[float, ...]]], looks: Levels) -> Layers:
    scale = factor_of(metric)
    shown = dict(list(by_arm.items())[:MOST_LINES])
    values = [scale * x for rows in shown.values() for row in rows for x in row]
    finite = [value for value in values if math.isfinite(value)]
    positive = [value for value in finite if value > 0]
    # What layers do to a signal multiplies, so that only ratios can be compared along a network.
    log = bool(positive) and min(finite) >= 0 and max(positive) > 3 * min(positive)
    log = log and metric.unit not in PER_CENT
    return Layers(
        metric,
        tuple(_line(arm, looks, rows, scale, log=log) for arm, rows in shown.items()),
        len(by_arm) - len(shown),
        len(values) - len(positive if log else finite),
        log,
        max(len(rows) for rows in shown.values()),
    )


def _line(
    arm: str,
    looks: Levels,
    rows: Sequence[tuple[float, ...]],
    scale: float,
    *,
    log: bool,
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
            means.append(math.exp(mean_of(map(math.log, values))))
        else:
            means.append(mean_of(values))
    return Line(arm, tuple(means), tuple(lows), tuple(highs), looks.of_arm(arm), looks.short(arm))


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
        (COLUMN, _tall(values)),
        lambda figure: _draw(figure, values),
        alt=f"{metric.title} by layer, {mean} over seeds: {said}.",
        caption=f"{metric.title} by layer{axis}. Line: {mean} over up to "
        f"{plural(values.seeds, 'seed')}; band: from the smallest seed to the largest, and no "
        "interval. Claims are about single numbers."
        f"{more}{lost}",
        title=f"{metric.title} by layer",
    )


_LEFT = 0.78


def _tall(values: Layers) -> float:
    count = len(values.lines)
    return Grid.height(count) if count >= FEWEST_PANELS else 3.0


def _draw(figure: Figure, values: Layers) -> None:
    lines = values.lines
    ends, steps = _limits(values), Grid.ticks if len(lines) >= FEWEST_PANELS else Grid.alone
    left = room_beside(tick_places(*ends, steps[0], log=values.log)[1], _LEFT)
    if len(lines) >= FEWEST_PANELS:
        grid = Grid(figure, len(lines), left, _tall(values))
        for place, line in enumerate(lines):
            axes = grid.panel(place, line.short, line.look.color)
            for other in lines:
                if other is not line:
                    layers = range(1, len(other.mean) + 1)
                    axes.plot(layers, other.mean, color=light("rule"), linewidth=1.0, zorder=1)
            _draw_line(axes, values, line)
            _scale(axes, values, ends, steps, grid.at_edge(place))
        grid.titles("Layer, from the input on", axis_title(values.metric))
        return
    right = room_for([line.short for line in lines])
    axes = panel(figure, left, 0.5, COLUMN - left - right - 0.04, 2.38)
    for line in lines:
        _draw_line(axes, values, line)
    _scale(axes, values, ends, steps)
    axes.set_xlabel("Layer, from the input on")
    axes.set_ylabel(plain(axis_title(values.metric), 44))
    last = [(_last(line.mean), line) for line in lines]
    label_ends(
        axes,
        [End(at + 1, line.mean[at], line.short, line.look.color) for at, line in last if at >= 0],
    )


def _last(values: Sequence[float]) -> int:
    """Return the place of the last value that is drawn; -1 where none is."""
    return max((at for at, value in enumerate(values) if math.isfinite(value)), default=-1)


def _draw_line(axes: Axes, values: Layers, line: Line) -> None:
    layers = range(1, len(line.mean) + 1)
    axes.fill_between(layers, line.low, line.high, color=line.look.color, alpha=0.13, linewidth=0)
    every = max(1, len(line.mean) // 6)
    axes.plot(
        layers, line.mean, linewidth=1.9, markersize=4.6, zorder=3,
        markevery=((len(line.mean) - 1) % every, every), **line.look.line,
    )  # fmt: skip
    at = _last(line.mean)
    if at >= 0:
        value = level_text(values.metric, line.mean[at] / factor_of(values.metric))
        hint(axes, at + 1, line.mean[at], f"{line.arm}: {value} in layer {at + 1}")


def _limits(values: Layers) -> tuple[float, float]:
    """Return the ends of the axis, which hold all that is drawn anywhere."""
    ends = [end for line in values.lines for end in (*line.low, *line.high)]
    shown = [end for end in ends if math.isfinite(end)]
    return log_limits(shown) if values.log else limits(shown)


def _scale(
    axes: Axes, values: Layers, ends: tuple[float, float], counts: tuple[int, int],
    numbered: tuple[bool, bool] = (True, True),
) -> None:  # fmt: skip
    """Set limits and ticks."""
    length = max(len(line.mean) for line in values.lines)
    beside = max(0.02 * length, 0.5 if length == 1 else 0.0)
    axes.set_xlim(1 - beside, length + beside)
    if values.log:
        axes.set_yscale("log")
    axes.set_ylim(*ends)
    ticks(axes.yaxis, counts[0], log=values.log, grid=True, bare=not numbered[0])
    ticks(axes.xaxis, counts[1], whole=True, bare=not numbered[1])
