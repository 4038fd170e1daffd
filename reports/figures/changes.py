"""Changes of a gate: each figure's, with its interval, beside the lines that the rule is about."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.gate.outcome import Control, Row
from harness.gate.words import interval_text, interval_worse, share_text, worse
from harness.stats.slower import Rule

from ..palette import light
from .canvas import COLUMN, Picture, limits, paint, panel, plain, ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 24
"""Rows of a figure; the table has all."""

LINES = (Rule.fails_from, Rule.passes_below)
"""Below the first nothing fails, and what passes is surely below the second."""

_LEFT, _RIGHT, _ROW, _FOOT, _HEAD = 0.12, 0.12, 0.46, 0.52, 0.26
_REACH = 0.15
_LOOKS = {
    "pass": ("o", True, "good"), "fail": ("v", True, "bad"),
    "inconclusive": ("D", False, "open"),
}  # fmt: skip


@dataclass(frozen=True)
class Mark:
    """One line of the figure, as shares of more that is needed than in the base.

    Attributes:
        text: what it is.
        at: the estimate.
        low: lower end of its interval.
        high: upper end.
        answer: which decides how it looks.
    """

    text: str
    at: float
    low: float
    high: float
    answer: str


def marks_of(rows: Sequence[Row]) -> tuple[Mark, ...]:
    """Return what can be drawn: rows judged by an interval of shares, as those of times are."""
    return tuple(
        Mark(f"{row.benchmark} · {row.figure}", worse(row), *interval_worse(row), row.answer)
        for row in rows
        if row.answer in _LOOKS and row.basis != "quality"
        and all(map(math.isfinite, (row.change, row.low, row.high)))
    )  # fmt: skip


def marks_of_controls(controls: Sequence[Control]) -> tuple[Mark, ...]:
    """Return the base against itself."""
    return tuple(
        Mark(
            f"{each.benchmark} · {each.figure}", each.change, each.low, each.high,
            "fail" if each.alarm else "pass",
        )
        for each in controls
        if all(map(math.isfinite, (each.change, each.low, each.high)))
    )  # fmt: skip


def draw_changes(marks: Sequence[Mark], title: str, also: Sequence[Mark] = ()) -> Picture:
    """Draw marks on one axis.

    Args:
        marks: top to bottom.
        title: what they are, as a caption begins.
        also: marks of a figure beside this one, which gets the same axis.
    """
    shown = marks[:MOST]
    ends = [end for mark in (*shown, *also) for end in (mark.low, mark.high, mark.at)]
    # one that is far off is drawn at the edge, or nobody could read the others
    reach = max(_REACH, min(max(ends, default=0.0), 1.0))
    low, high = limits([max(min([-LINES[0], *ends]), -1.0), reach])
    more = f" Not drawn: {len(marks) - MOST} more, in the table." if len(marks) > MOST else ""
    far = any(end > high or end < low for end in ends)
    clipped = " What lies beyond the axis is drawn at its edge." if far else ""
    said = "; ".join(
        f"{mark.text}, {mark.answer}, {share_text(mark.at)} {interval_text(mark.low, mark.high)}"
        for mark in shown
    )
    return paint(
        (COLUMN, _HEAD + _FOOT + _ROW * len(shown)),
        lambda figure: _draw(figure, shown, (low, high)),
        alt=f"{title}: {said}.",
        caption=f"{title}, by how much more is needed than in the base. Mark: the estimate; bar: "
        "its interval. Filled circle: pass; triangle: fail; open diamond: inconclusive. Solid "
        "line: no change. Dashed: 5 %, below which nothing fails. Dotted: 10 %, below which "
        f"the whole interval of a pass lies.{more}{clipped}",
    )


def _draw(figure: Figure, marks: Sequence[Mark], ends: tuple[float, float]) -> None:
    axes = panel(figure, _LEFT, _FOOT, COLUMN - _LEFT - _RIGHT, _ROW * len(marks))
    low, high = (100 * end for end in ends)
    axes.set_xlim(low, high)
    axes.autoscale(enable=False)
    axes.set_ylim(len(marks), 0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    ticks(axes.xaxis, 6)
    axes.set_xlabel("Needs more than the base by (%)")
    dashes: tuple[Any, ...] = ("solid", (0, (5, 2)), (0, (1.5, 1.5)))
    for at, dash in zip((0.0, *(100 * each for each in LINES)), dashes, strict=True):
        # beside the intervals only: the names between them are left alone
        for place in range(len(marks)):
            axes.plot(
                [at, at], [place + 0.54, place + 0.94], color=light("axis"), linewidth=1.0,
                linestyle=dash, zorder=1,
            )  # fmt: skip
        axes.text(
            at, 0.0, f"{at:g} %" if at else "0", va="bottom", ha="center", fontsize=8.5,
            color=light("muted"), clip_on=False,
        )  # fmt: skip
    for place, mark in enumerate(marks):
        marker, filled, tone = _LOOKS[mark.answer]
        y = place + 0.74
        start, end, at = (
            min(max(100 * each, low), high) for each in (mark.low, mark.high, mark.at)
        )
        axes.text(
            0.0, place + 0.5, plain(mark.text, 58), transform=axes.get_yaxis_transform(),
            va="bottom", ha="left", fontsize=9.0, zorder=3,
        )  # fmt: skip
        axes.plot([start, end], [y, y], color=light(tone), linewidth=2.2, zorder=4)
        axes.plot(
            [at], [y], marker=marker, color=light(tone), markersize=7, zorder=5,
            markerfacecolor=light(tone) if filled else light("card"), markeredgewidth=1.6,
            clip_on=False,
        )  # fmt: skip
