"""Arms in the order of their means, with intervals: which may be the best, and which is not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.judging.leaders import Leader, Leaders
from harness.study.formatting import level_text, spread_text

from ..levels import NO_LEVELS, Levels
from ..palette import light
from ..text import axis_title, factor_of
from .canvas import COLUMN, Picture, hint, limits, paint, panel, plain
from .marks import axis_on_top, place_ticks, ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 14
"""Arms that are drawn; the table has all."""

_LEFT, _RIGHT, _ROW, _HEAD, _FOOT = 0.1, 0.1, 0.36, 0.48, 0.1
_SIGNS = 60


@dataclass(frozen=True)
class _Shown:
    ranked: Leaders
    rows: Sequence[Leader]
    levels: Levels


def draw_leaders(ranked: Leaders, levels: Levels = NO_LEVELS) -> Picture:
    """Draw the mean of each arm with its interval, best first; ``levels`` give their looks."""
    metric, rows = ranked.metric, ranked.rows[:MOST]
    said = "; ".join(
        f"{row.summary.group}, {level_text(metric, row.summary.mean)} "
        f"{spread_text(metric, row.summary.low, row.summary.high)}, {status(ranked, row)}"
        for row in rows
    )
    left_out = len(ranked.rows) - len(rows)
    more = f" Not drawn: {left_out} more, in the table." if left_out else ""
    low, high = span(rows)
    far = any(not low <= row.summary.mean <= high for row in rows)
    more += " A triangle at the edge: it lies beyond." if far else ""
    signs = (
        "Filled: it may be the best; open: another is surely better"
        if ranked.assessable
        else "Open: with so few seeds, or arms, none is compared"
    )
    return paint(
        (COLUMN, _HEAD + _ROW * len(rows) + _FOOT),
        lambda figure: _draw(figure, _Shown(ranked, rows, levels)),
        alt=f"{metric.title} of arms, best first: {said}.",
        caption=f"{metric.title} of arms, best first. Mark: mean; bar: its own 95 % t interval "
        f"over seeds, not corrected. {signs}; grey: not compared.{more}",
        title=f"{metric.title} of arms",
    )


_FAR = 4.0
"""How many times as wide as for the better two thirds the axis may be, to hold all arms."""


def span(rows: Sequence[Leader]) -> tuple[float, float]:
    """Return the range of the axis: of all arms, or of the better ones where others lie far off.

    Args:
        rows: best first.
    """

    def ends(of: Sequence[Leader]) -> tuple[float, float]:
        found = [
            end
            for row in of
            for end in (row.summary.low, row.summary.high, row.summary.mean)
            if math.isfinite(end)
        ]
        return min(found), max(found)

    whole, near = ends(rows), ends(rows[: max(2, math.ceil(2 * len(rows) / 3))])
    narrow = near[1] - near[0]
    return near if 0 < _FAR * narrow < whole[1] - whole[0] else whole


def status(ranked: Leaders, row: Leader) -> str:
    """Say in words what is known of an arm."""
    if not row.compared or not ranked.assessable:
        return "not compared"
    return "may be the best" if row.may_be_best else "surely behind another"


def _draw(figure: Figure, shown: _Shown) -> None:
    metric, rows = shown.ranked.metric, shown.rows
    scale = factor_of(metric)
    axes = panel(figure, _LEFT, _FOOT, COLUMN - _LEFT - _RIGHT, _ROW * len(rows))
    low, high = (scale * end for end in span(rows))
    axes.set_xlim(*limits([low, high]))
    axes.autoscale(enable=False)
    axes.set_ylim(len(rows), 0)
    place_ticks(axes.yaxis, [])
    axes.spines["left"].set_visible(False)
    axis_on_top(axes)
    ticks(axes.xaxis, 5)
    axes.set_xlabel(plain(axis_title(metric)))
    for place, row in enumerate(rows):
        _draw_row(axes, place, row, shown)


def _draw_row(axes: Axes, place: int, row: Leader, shown: _Shown) -> None:
    metric, compared = shown.ranked.metric, row.compared and shown.ranked.assessable
    scale, look = factor_of(metric), shown.levels.of_arm(row.summary.group)
    tone = look.color if compared else light("muted")
    at, summary = place + 0.76, row.summary
    low, high = axes.get_xlim()
    mean = min(max(scale * summary.mean, low), high)
    beyond = mean != scale * summary.mean
    axes.text(
        0.0, place + 0.52, plain(shown.levels.short(summary.group), _SIGNS),
        transform=axes.get_yaxis_transform(), va="bottom", ha="left", zorder=2,
    )  # fmt: skip
    if math.isfinite(summary.low) and math.isfinite(summary.high):
        ends = [min(max(scale * end, low), high) for end in (summary.low, summary.high)]
        axes.plot(ends, [at, at], color=tone, linewidth=2.0, zorder=3)
    marker = ("<" if mean == low else ">") if beyond else look.marker
    axes.plot(
        [mean], [at], marker=marker, color=tone, markersize=7, zorder=4,
        markerfacecolor=tone if compared and row.may_be_best else light("card"),
        markeredgewidth=1.5, clip_on=False,
    )  # fmt: skip
    hint(
        axes, mean, at,
        f"{summary.group}: {level_text(metric, summary.mean)} "
        f"{spread_text(metric, summary.low, summary.high)}, n = {summary.n}, "
        f"{status(shown.ranked, row)}",
    )  # fmt: skip
