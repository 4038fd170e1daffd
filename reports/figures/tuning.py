"""What tuning tried in each arm: small multiples on common axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.judging.results import ArmTuning
from harness.study.formatting import join, level_text, number_text, plural
from harness.study.metrics import Metric

from ..levels import NO_LEVELS, Levels
from ..palette import light
from ..text import axis_title, factor_of, part_text
from .canvas import (
    Picture,
    hint,
    is_log,
    limits,
    log_limits,
    paint,
    panel,
    plain,
)
from .labels import room_beside
from .marks import ticks
from .scales import tick_places

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 24
TOGETHER = 12
"""Panels of one picture, which must fit on a page."""
COLUMNS = 3


@dataclass(frozen=True)
class Tried:
    """One setting in some arms: ``TOGETHER`` at most, of the first ``MOST`` there are.

    ``part`` numbers the pictures of a setting from 1; it is 0 where there is one alone.
    """

    setting: str
    objective: Metric
    panels: tuple[ArmTuning, ...]
    left_out: int
    log: bool
    levels: Levels = NO_LEVELS
    part: int = 0


def tried(
    tuning: Sequence[ArmTuning], objective: Metric, levels: Levels = NO_LEVELS
) -> list[Tried]:
    """Group by setting; arms in which nothing was tried have no panel."""
    out = []
    for setting in dict.fromkeys(each.setting for each in tuning):
        panels = [each for each in tuning if each.setting == setting and each.tried]
        if panels:
            log = is_log(_reached(panels), objective.unit)
            shown = panels[:MOST]
            for start in range(0, len(shown), TOGETHER):
                last = start + TOGETHER >= len(shown)
                part = tuple(shown[start : start + TOGETHER])
                left_out = len(panels) - len(shown) if last else 0
                number = start // TOGETHER + 1 if len(shown) > TOGETHER else 0
                out.append(Tried(setting, objective, part, left_out, log, levels, number))
    return out


def _reached(panels: Sequence[ArmTuning]) -> list[float]:
    values = [value for panel_ in panels for _, value in (*panel_.tried, *_again(panel_))]
    return sorted(value for value in values if value is not None and math.isfinite(value))


def _again(tuning: ArmTuning) -> list[tuple[float, float | None]]:
    """Return the best values tried, with what each reached on each fresh seed."""
    return [(tuning.tried[place][0], value) for place, own in tuning.confirmed for value in own]


_MOST_HINTS = 60
WIDTH, TALL, LEFT, GAP = 8.6, 1.75, 0.68, 0.18


def draw_tried(values: Tried) -> Picture:
    """Draw a panel an arm."""
    metric = values.objective
    rows = -(-len(values.panels) // COLUMNS)
    chosen = join(f"{each.arm}: {number_text(each.chosen)}" for each in values.panels)
    failed = sum(
        value is None for each in values.panels for _, value in (*each.tried, *_again(each))
    )
    again = (
        " Open circles: the best of them again, on fresh seeds, by whose mean one was chosen."
        if any(each.confirmed for each in values.panels)
        else ""
    )
    more = f" {plural(values.left_out, 'more arm')} in the table only." if values.left_out else ""
    crosses = f" Crosses at the top: {plural(failed, 'trial')} that failed." if failed else ""
    return paint(
        (WIDTH, 0.42 + TALL * rows),
        lambda figure: _draw(figure, values, rows),
        alt=f"{metric.title} against {values.setting} in each arm; chosen: {chosen}.",
        caption=f"{metric.title} that each value of {values.setting} reached in tuning, one dot a "
        "trial; the line marks the value chosen. The best of many trials looks better than it is, "
        f"so these numbers only choose settings.{again}{crosses}{more}",
        title=f"{metric.title} against {values.setting}" + part_text(values.part),
    )


def _draw(figure: Figure, values: Tried, rows: int) -> None:
    scale = factor_of(values.objective)
    reached = [scale * value for value in _reached(values.panels)]
    span = log_limits(reached) if values.log else limits(reached, 0.1)
    left = room_beside(tick_places(*span, 4, log=values.log)[1], LEFT)
    wide = (WIDTH - left - 0.1 - GAP * (COLUMNS - 1)) / COLUMNS
    for place, tuning in enumerate(values.panels):
        row, column = divmod(place, COLUMNS)
        axes = panel(
            figure, left + column * (wide + GAP), 0.5 + TALL * (rows - 1 - row), wide, TALL - 0.6
        )
        _draw_panel(axes, tuning, values, span, left=column == 0)
        last = place + COLUMNS >= len(values.panels)
        if last:
            axes.set_xlabel(plain(values.setting, 30))
        if column == row == 0:
            axes.set_ylabel(plain(axis_title(values.objective), 26))


def _draw_panel(
    axes: Axes, tuning: ArmTuning, values: Tried, span: tuple[float, float], *, left: bool
) -> None:
    scale, log = factor_of(values.objective), values.log
    look = values.levels.of_arm(tuning.arm)
    axes.set_title(plain(values.levels.short(tuning.arm), 34), pad=4, color=look.color)
    if tuning.log:
        axes.set_xscale("log")
        axes.set_xlim(tuning.low / 1.25, tuning.high * 1.25)
    else:
        axes.set_xlim(*limits([tuning.low, tuning.high]))
    if log:
        axes.set_yscale("log")
    axes.set_ylim(*span)
    axes.axvline(tuning.chosen, color=light("ink"), linewidth=1.4, zorder=1.5)
    good = [(x, scale * y) for x, y in tuning.tried if y is not None and math.isfinite(scale * y)]
    if good:
        axes.plot(*zip(*good, strict=True), look.marker, color=look.color, markersize=4.8, zorder=3)
        for x, y in good[: _MOST_HINTS // max(1, len(values.panels))]:
            value = level_text(values.objective, y / scale)
            hint(axes, x, y, f"{values.setting} = {number_text(x)}: {value}")
    again = [(x, scale * y) for x, y in _again(tuning) if y is not None and math.isfinite(y)]
    if again:
        axes.plot(
            *zip(*again, strict=True), "o", color=look.color, markerfacecolor="none",
            markersize=4.6, zorder=3.5,
        )  # fmt: skip
    every = (*tuning.tried, *_again(tuning))
    bad = [x for x, y in every if y is None or not math.isfinite(y)]
    if bad:
        axes.plot(
            bad, [0.95] * len(bad), "x", color=light("bad"), markersize=5, zorder=3,
            transform=axes.get_xaxis_transform(),
        )  # fmt: skip
    ticks(axes.xaxis, 4, log=tuning.log)
    ticks(axes.yaxis, 4, log=log, grid=True, bare=not left)
