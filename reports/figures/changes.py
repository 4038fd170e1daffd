"""Changes of a gate: each figure's, with its interval, beside the lines that the rule is about."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.gate.outcome import Control, Row
from harness.gate.words import interval_text, interval_worse, share_text, worse
from harness.stats.slower import Rule

from ..palette import light
from .canvas import COLUMN, Picture, hint, limits, paint, panel, plain
from .labels import labels_apart
from .marks import place_ticks, ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 24
"""Rows of a figure; the table has all."""

LINES = (Rule.fails_from, Rule.passes_below)
"""Below the first nothing fails, and what passes is surely below the second, where nobody asks for
others."""

_LEFT, _RIGHT, _ROW, _FOOT, _HEAD = 0.12, 0.12, 0.46, 0.52, 0.26
_REACH = 0.15
_OTHER_WAY = 0.05  # how far the axis reaches to the better side at least
_FINEST = 0.005  # half a per cent either way: on a finer scale all noise would look large
_MOST_SIGNS = 58
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
        Mark(_named(row), worse(row), *interval_worse(row), row.answer)
        for row in rows
        if row.answer in _LOOKS and row.basis != "quality"
        and all(map(math.isfinite, (row.change, row.low, row.high)))
    )  # fmt: skip


def marks_of_controls(controls: Sequence[Control]) -> tuple[Mark, ...]:
    """Return the base against itself."""
    return tuple(
        Mark(
            _named(each), each.change, each.low, each.high,
            "fail" if each.alarm else "pass",
        )
        for each in controls
        if all(map(math.isfinite, (each.change, each.low, each.high)))
    )  # fmt: skip


def _named(each: Row | Control) -> str:
    """Name a figure: of a long benchmark the end is left out, and the figure is always read."""
    room = max(_MOST_SIGNS - len(each.figure) - 3, 20)
    return f"{plain(each.benchmark, room)} · {each.figure}"


def draw_changes(marks: Sequence[Mark], title: str, lines: tuple[float, float] = LINES) -> Picture:
    """Draw marks of head against base, on an axis that holds the lines of the rule.

    Args:
        marks: top to bottom.
        title: what they are, as a caption begins.
        lines: those of the rule, as shares.
    """
    fails, passes = map(_line, lines)
    return _picture(
        marks, title, (-_OTHER_WAY, max(_REACH, 1.25 * lines[1])), lines,
        "Filled circle: pass; triangle: fail; open diamond: inconclusive. Solid line: no change. "
        f"Dashed: {fails}, below which nothing fails. Dotted: {passes}, below which the whole "
        "interval of a pass lies.", {},
    )  # fmt: skip


def _line(share: float) -> str:
    return f"{100 * share:g} %"


def draw_controls(marks: Sequence[Mark], title: str, lines: tuple[float, float] = LINES) -> Picture:
    """Draw marks of the base against itself, on an axis that shows how far they spread.

    Arguments are those of :func:`draw_changes`.
    """
    return _picture(
        marks, title, (-_FINEST, _FINEST), lines,
        "Filled circle: no difference; triangle: it differs from itself. Solid line: no change. "
        "The scale is its own, not that of head against base: "
        f"{_line(lines[0])} (dashed) and {_line(lines[1])} (dotted) are drawn where they lie "
        "within.", {"pass": "no difference", "fail": "differs from itself"},
    )  # fmt: skip


def _picture(
    marks: Sequence[Mark], title: str, least: tuple[float, float], lines: tuple[float, float],
    told: str, words: Mapping[str, str],
) -> Picture:  # fmt: skip
    """Draw marks on one axis.

    Args:
        marks: top to bottom.
        title: what they are, as a caption begins.
        least: what the axis holds at least.
        lines: those of the rule.
        told: what signs and lines mean.
        words: what an answer is called, where it is not by its own name.
    """
    shown = marks[:MOST]
    ends = [end for mark in shown for end in (mark.low, mark.high, mark.at)]
    # one that is far off is drawn at the edge, or nobody could read the others
    low, high = limits([max(min([least[0], *ends]), -1.0), min(max([least[1], *ends]), 1.0)])
    more = f" Not drawn: {len(marks) - MOST} more, in the table." if len(marks) > MOST else ""
    far = any(end > high or end < low for end in ends)
    clipped = " What lies beyond the axis is drawn at its edge." if far else ""
    said = [
        f"{mark.text}, {words.get(mark.answer, mark.answer)}, {share_text(mark.at)} "
        f"{interval_text(mark.low, mark.high)}"
        for mark in shown
    ]
    return paint(
        (COLUMN, _HEAD + _FOOT + _ROW * len(shown)),
        lambda figure: _draw(figure, shown, said, (low, high), lines),
        alt=f"{title}: {'; '.join(said)}.",
        caption=f"{title}, by how much more is needed than in the base. Mark: the estimate; bar: "
        f"its interval. {told}{more}{clipped}",
        title=title,
    )


def _draw(
    figure: Figure, marks: Sequence[Mark], said: Sequence[str], ends: tuple[float, float],
    rule: tuple[float, float],
) -> None:  # fmt: skip
    axes = panel(figure, _LEFT, _FOOT, COLUMN - _LEFT - _RIGHT, _ROW * len(marks))
    low, high = (100 * end for end in ends)
    axes.set_xlim(low, high)
    axes.autoscale(enable=False)
    axes.set_ylim(len(marks), 0)
    place_ticks(axes.yaxis, [])
    axes.spines["left"].set_visible(False)
    ticks(axes.xaxis, 6)
    axes.set_xlabel("More than the base needs (%)")
    dashes: tuple[Any, ...] = ("solid", (0, (5, 2)), (0, (1.5, 1.5)))
    lines = (0.0, *(100 * each for each in rule))
    for at, dash in zip(lines, dashes, strict=True):
        if not low < at < high:
            continue
        # beside the intervals only: the names between them are left alone
        for place in range(len(marks)):
            axes.plot(
                [at, at], [place + 0.54, place + 0.94], color=light("axis"), linewidth=1.0,
                linestyle=dash, zorder=1,
            )  # fmt: skip
    named = [(at, f"{at:g} %" if at else "0") for at in (lines[0], *lines[:0:-1])]
    within = [(at, text) for at, text in named if low < at < high]
    for at, text in labels_apart(within, (high - low) / (COLUMN - _LEFT - _RIGHT)):
        axes.text(
            at, 0.0, text, va="bottom", ha="center", color=light("muted"),
            clip_on=False,
        )  # fmt: skip
    for place, (mark, told) in enumerate(zip(marks, said, strict=True)):
        marker, filled, tone = _LOOKS[mark.answer]
        y = place + 0.74
        start, end, at = (
            min(max(100 * each, low), high) for each in (mark.low, mark.high, mark.at)
        )
        axes.text(
            0.0, place + 0.5, plain(mark.text, _MOST_SIGNS), transform=axes.get_yaxis_transform(),
            va="bottom", ha="left", zorder=3,
        )  # fmt: skip
        axes.plot([start, end], [y, y], color=light(tone), linewidth=2.2, zorder=4)
        axes.plot(
            [at], [y], marker=marker, color=light(tone), markersize=7, zorder=5,
            markerfacecolor=light(tone) if filled else light("card"), markeredgewidth=1.6,
            clip_on=False,
        )  # fmt: skip
        hint(axes, at, y, told)
