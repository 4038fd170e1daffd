"""Figures of a comparison: claims in both runs, results of arms, and curves on one axis."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.compared.comparison import Pair
from harness.compared.curves import ArmCurves, Points
from harness.compared.effects import ArmEffect, Finding
from harness.compared.words import TONES, effect_and_interval_of, effect_of, rank
from harness.judging.verdicts import Verdict
from harness.study.formatting import in_sentence, join, level_text, percent_text
from harness.study.metrics import Metric

from ..palette import light
from ..text import axis_title, factor_of
from .canvas import (
    COLUMN,
    MANY,
    Picture,
    dots,
    hint,
    limits,
    paint,
    panel,
    plain,
    series,
    strokes,
)
from .curve_axis import CurveAxis, curve_axis
from .labels import End, along, label_ends, room_beside
from .marks import place_ticks, ticks
from .scales import tick_places

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 24
"""Rows of a figure; the table has all."""

_LEFT, _RIGHT, _FOOT, _HEAD = 0.12, 0.12, 0.55, 0.28

_LOOKS: dict[Finding, tuple[str, bool]] = {
    "better": ("^", True), "worse": ("v", True), "higher": ("D", True), "lower": ("D", True),
    "cannot tell": ("o", False), "same": ("s", True), "not compared": ("x", True),
}  # fmt: skip
"""Marker of a finding, and whether it is filled."""


# ---- effects on arms ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Mark:
    """One arm, in the unit of the axis."""

    arm: str
    at: float
    low: float
    high: float
    finding: Finding
    said: str


def effects_picture(pair: Pair, metric: Metric, level: float) -> Picture | None:
    """Draw one metric's difference in each arm; ``None`` where no arm has one."""
    rows = [each for each in pair.effects if each.metric.name == metric.name]
    rows.sort(key=lambda each: rank(each.finding))
    marks = [_mark(each) for each in rows if math.isfinite(each.effect)]
    if not marks:
        return None
    shown = marks[:MOST]
    base, other = pair.base.label, pair.other.label
    more = f" Not drawn: {len(marks) - MOST} more, in the table." if len(marks) > MOST else ""
    said = "; ".join(mark.said for mark in shown)
    bars = f"{percent_text(level)} interval" if any(each.tested for each in rows) else "no interval"
    return paint(
        (COLUMN, _HEAD + _FOOT + 0.42 * len(shown)),
        lambda figure: _draw_effects(figure, shown, metric, base, other),
        alt=f"{metric.title}, {other} less {base}: {said}.",
        caption=f"{metric.title} of each arm, {other} less {base}; bar: {bars}. Triangle up: "
        f"surely better; down: surely worse; open circle: cannot be told from no change; square: "
        f"the same trials, or the same results.{more}",
        title=f"{metric.title}, {other} less {base}",
    )


def _mark(each: ArmEffect) -> Mark:
    scale = factor_of(each.metric)
    seen = each.seen
    ends = (seen.low, seen.high) if seen is not None and each.finding != "same" else (math.nan,) * 2
    said = f"{each.arm} {each.finding}"
    if each.finding != "same":
        said += f", {effect_and_interval_of(each.metric, seen)}"
    return Mark(each.arm, scale * each.effect, scale * ends[0], scale * ends[1], each.finding, said)


def _draw_effects(
    figure: Figure, marks: Sequence[Mark], metric: Metric, base: str, other: str
) -> None:
    axes = _rows(figure, len(marks), 0.42)
    values = [0.0] + [
        end for mark in marks for end in (mark.at, mark.low, mark.high) if math.isfinite(end)
    ]
    _span(axes, values)
    axes.set_xlabel(plain(axis_title(metric, difference=True), 54))
    _sides(axes, metric, base, other)
    for place, mark in enumerate(marks):
        y = place + 0.74
        _name(axes, place, mark.arm, 62)
        axes.plot([0, 0], [place + 0.56, place + 0.92], color=light("axis"), linewidth=1.0)
        color = light(TONES[mark.finding])
        if math.isfinite(mark.low) and math.isfinite(mark.high):
            axes.plot([mark.low, mark.high], [y, y], color=color, linewidth=2.2, zorder=3)
        marker, filled = _LOOKS[mark.finding]
        axes.plot(
            [mark.at], [y], marker=marker, color=color, markersize=7, zorder=4,
            markerfacecolor=color if filled else light("card"), markeredgewidth=1.6,
        )  # fmt: skip
        hint(axes, mark.at, y, mark.said)


def _sides(axes: Axes, metric: Metric, base: str, other: str) -> None:
    """Say above either half of the axis which run is better there."""
    if metric.better is None:
        return
    names = (base, other) if metric.better == "higher" else (other, base)
    low, high = axes.get_xlim()
    look: dict[str, Any] = {"va": "bottom", "color": light("muted")}
    if low < 0:
        axes.text(low, -0.02, f"← {names[0]} is better", ha="left", **look)
    if high > 0:
        axes.text(high, -0.02, f"{names[1]} is better →", ha="right", **look)


# ---- claims -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ClaimMark:
    """One claim in two runs, each effect and interval divided by its margin."""

    text: str
    sides: tuple[tuple[float, float, float], ...]
    said: str


def claims_picture(pair: Pair) -> Picture | None:
    """Draw the effect of each claim in both runs, over its margin; ``None`` where none has one."""
    base, other = pair.base.label, pair.other.label
    marks = []
    for each in pair.claims.matched:
        sides = tuple(_over_margin(verdict) for verdict in (each.base, each.other))
        if any(math.isfinite(side[0]) for side in sides):
            texts = (effect_of(one.metric, one.seen) for one in (each.base, each.other))
            numbers = dict.fromkeys(each.numbers)
            said = ", ".join(f"{text} in {name}" for text, name in zip(texts, (base, other),
                                                                     strict=True))  # fmt: skip
            number = " and ".join(map(str, numbers))
            marks.append(ClaimMark(f"{number}. {each.base.claim.text}", sides, f"{number}: {said}"))
    if not marks:
        return None
    shown = marks[:MOST]
    more = f" Not drawn: {len(marks) - MOST} more, in the table." if len(marks) > MOST else ""
    return paint(
        (COLUMN, _HEAD + _FOOT + 0.72 * len(shown)),
        lambda figure: _draw_claims(figure, shown, base, other),
        alt=f"Effects of claims in {base} and {other}: {'; '.join(each.said for each in shown)}.",
        caption=f"The effect of each claim over its margin δ, which is 1 on this axis, with the "
        f"interval that its verdict was read from: above {base}, below {other}. The band is ±δ. "
        f"What lies far off is drawn at the edge.{more}",
        title=f"Claims in {base} and {other}",
    )


def _over_margin(verdict: Verdict) -> tuple[float, float, float]:
    seen, by = verdict.seen, verdict.by
    ends = (math.nan, math.nan) if seen.exact else (seen.low, seen.high)
    return tuple(each / by for each in (seen.effect, *ends))  # type: ignore[return-value]


_FAR = 12.0
"""Margins beyond which an effect is drawn at the edge, unless all are."""


def _draw_claims(figure: Figure, marks: Sequence[ClaimMark], base: str, other: str) -> None:
    height = 0.72
    axes = _rows(figure, len(marks), height)
    values = [value for mark in marks for side in mark.sides for value in side]
    finite = [value for value in values if math.isfinite(value)]
    effects = [abs(side[0]) for mark in marks for side in mark.sides if math.isfinite(side[0])]
    far = max(_FAR, 1.6 * sorted(effects)[len(effects) // 2])
    _span(axes, [-1.2, 1.2, *(min(max(value, -far), far) for value in finite)])
    low, high = axes.get_xlim()
    axes.set_xlim(low, high + 0.06 * (high - low))  # room for a letter
    axes.set_xlabel("Effect ÷ δ")
    for place, mark in enumerate(marks):
        _name(axes, place, mark.text, 66, lines=2)
        axes.fill_between([-1, 1], place + 0.44, place + 0.96, color=light("band"), linewidth=0)
        axes.plot([0, 0], [place + 0.44, place + 0.96], color=light("axis"), linewidth=1.0)
        for number, (side, label) in enumerate(zip(mark.sides, (base, other), strict=True)):
            look = series(_place(label, number))
            at, start, end = (min(max(each, low), high) for each in side)
            y = place + 0.58 + 0.25 * number
            if math.isfinite(start) and math.isfinite(end):
                axes.plot(
                    [start, end], [y, y], color=look["color"], linewidth=2.0, zorder=3,
                    linestyle=look["linestyle"],
                )  # fmt: skip
            if math.isfinite(at):
                axes.plot(
                    [at], [y], marker=look["marker"], color=look["color"], markersize=6, zorder=4,
                    clip_on=False,
                )  # fmt: skip
                _letter(axes, label, [each for each in (at, end) if math.isfinite(each)], y,
                        look["color"])  # fmt: skip
                hint(axes, at, y, f"claim {mark.said}")


def _letter(axes: Axes, label: str, ends: Sequence[float], y: float, color: str) -> None:
    """Write a run's letter to the right of its mark; to the left where there is no room."""
    low, high = axes.get_xlim()
    beside = max(ends) < high - 0.05 * (high - low)
    axes.annotate(
        label, (max(ends), y), xytext=(6, 0) if beside else (-8, 0), textcoords="offset points",
        va="center", ha="left" if beside else "right", color=color,
        annotation_clip=False,
    )  # fmt: skip


# ---- curves -------------------------------------------------------------------------------------


def curves_picture(curves: ArmCurves) -> Picture:
    """Draw the curves of one arm in all runs that have them, on one axis."""
    metric = curves.metric
    ends = join(
        f"{line.label} ends at {level_text(metric, line.mean[-1][1])}"
        for line in curves.lines
        if line.mean
    )
    when = "after each epoch" if curves.counted == "epoch" else "by the steps reported"
    axis = ", on a logarithmic axis" if _axis(curves).log else ""
    return paint(
        (COLUMN, 2.55),
        lambda figure: _draw_curves(figure, curves),
        alt=f"{metric.title} of {curves.arm}, mean over seeds: {ends or 'no common length'}.",
        caption=f"{plain(curves.arm, 80)}: {in_sentence(metric.title)} {when}{axis}. Bold: the "
        f"mean; thin: each seed that finished.{_axis(curves).said}",
        title=f"{metric.title} of {curves.arm}",
    )


def _axis(curves: ArmCurves) -> CurveAxis:
    lines = [[value for _, value in points] for line in curves.lines for points in line.seeds]
    means = [[value for _, value in line.mean] for line in curves.lines]
    return curve_axis(lines, curves.metric, factor_of(curves.metric), means)


def _draw_curves(figure: Figure, curves: ArmCurves) -> None:
    metric, axis = curves.metric, _axis(curves)
    scale = factor_of(metric)
    places = [at for line in curves.lines for points in line.seeds for at, _ in points]
    left = room_beside(tick_places(axis.low, axis.high, 5, log=axis.log)[1], 0.68)
    axes = panel(figure, left, 0.5, COLUMN - 0.42 - left, 1.95)
    ends: list[End] = []
    for number, line in enumerate(curves.lines):
        look = series(_place(line.label, number))
        thin = [_scaled(points, scale) for points in line.seeds]
        axis.mark(axes, thin, look["color"])
        dots(axes, [points[0] for points in thin if len(points) == 1], 3.4, 2,
             edgecolor=look["color"], alpha=0.45)  # fmt: skip
        thin = [points for points in thin if len(points) > 1]
        if len(thin) > MANY:
            strokes(axes, thin, edgecolor=look["color"], linewidth=0.6, alpha=0.45, zorder=2)
            thin = []
        for points in thin:
            axes.plot(*zip(*points, strict=True), color=look["color"], linewidth=0.6,
                      alpha=0.4, zorder=2)  # fmt: skip
        if not line.mean:
            continue
        mean = _scaled(line.mean, scale)
        ends.append(End(*mean[-1], line.label, look["color"]))
        for at, value in along(line.mean):
            told = f"{line.label}: {level_text(metric, value)} at {curves.counted} {at:,.0f}"
            hint(axes, at, axis.at(scale * value), told)
        every = max(1, len(mean) // 6)
        axes.plot(
            *zip(*mean, strict=True), linewidth=2.2, markersize=5, zorder=3,
            markevery=(min(number, len(mean) - 1), every), **look,
        )  # fmt: skip
    begin, end = min(places), max(places)
    beside = max(0.02 * end, 0.5 if begin == end else 0.0)
    axes.set_xlim(begin - beside, end + beside)
    axis.set(axes)
    ticks(axes.yaxis, 5, log=axis.log, grid=True)
    ticks(axes.xaxis, 6, whole=True)
    axes.set_xlabel(curves.counted.capitalize())
    axes.set_ylabel(plain(axis_title(metric), 34))
    label_ends(axes, ends)


def _place(label: str, number: int) -> int:
    """Return which series a run is: that of its letter, so that it is the same in each figure."""
    return ord(label) - ord("A") if len(label) == 1 else number


def _scaled(points: Points, scale: float) -> list[tuple[float, float]]:
    return [(at, scale * value) for at, value in points]


# ---- what they share ----------------------------------------------------------------------------


def _rows(figure: Figure, count: int, height: float) -> Axes:
    axes = panel(figure, _LEFT, _FOOT, COLUMN - _LEFT - _RIGHT, height * count)
    axes.set_ylim(count, 0)
    place_ticks(axes.yaxis, [])
    axes.spines["left"].set_visible(False)
    return axes


def _span(axes: Axes, values: Sequence[float]) -> None:
    axes.set_xlim(*limits(values, 0.08))
    axes.autoscale(enable=False)
    ticks(axes.xaxis, 6)


def _name(axes: Axes, place: int, text: str, width: int, lines: int = 1) -> None:
    found = textwrap.wrap(plain(text, 400), width, max_lines=lines, placeholder=" …")
    axes.text(
        0.0, place + (0.52 if lines == 1 else 0.42), "\n".join(found),
        transform=axes.get_yaxis_transform(), va="bottom", ha="left",
        linespacing=1.1, zorder=2,
    )  # fmt: skip
