"""Quality against cost: every arm named, with its intervals both ways, and the front as steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.judging.fronts import Costed, Front
from harness.study.formatting import (
    bytes_text,
    count_text,
    in_units,
    join,
    level_text,
    seconds_text,
    spread_text,
)

from ..levels import Levels
from ..palette import light
from ..text import axis_title, factor_of, in_title
from .canvas import COLUMN, TEXT, Picture, hint, limits, log_limits, paint, panel, plain, ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_NAMED = 12
"""Arms that are all named; of more, those on the front are."""

_MOST_SAID = 6
_TELLS = {"step_seconds": seconds_text, "peak_bytes": bytes_text}


@dataclass(frozen=True)
class _Shown:
    front: Front
    levels: Levels
    size: float
    unit: str


def draw_pareto(front: Front, levels: Levels) -> Picture:
    """Draw the arms, their intervals, and the front."""
    metric = front.metric
    size, unit = in_units(front.cost, [each.cost for each in front.arms])
    cost = in_title(front.cost)
    best = join(f"{each.arm} {_told(front, each)}" for each in front.arms if each.front)
    return paint(
        (COLUMN, 3.2),
        lambda figure: _draw(figure, _Shown(front, levels, size, unit)),
        alt=f"{metric.title} against {cost}; no other arm is both better in mean "
        f"{in_title(metric)} and cheaper than: {best}.",
        caption=f"{metric.title} against {cost}. Up and down: 95 % t interval over seeds, not "
        f"corrected and cut at the metric's range; sideways: {_across(front)}. Steps: the front of "
        f"the means, which no arm is beyond; filled: on it. {_behind(front, levels)}",
    )


def _across(front: Front) -> str:
    if front.how == "rounds":
        return f"95 % t interval of the geometric mean over {front.most} rounds of timing"
    if front.how == "blocks":
        return "quartiles over blocks of steps, which are no confidence interval"
    what = "is the same each time" if front.cost.name == "parameters" else "does not vary"
    return f"none, as {in_title(front.cost)} {what}"


def _behind(front: Front, levels: Levels) -> str:
    """Say which arms are surely not on the front, and by which rule."""
    apart = "both intervals lie" if front.how != "exact" else "the interval of quality lies"
    rule = f"another is better and no dearer, and {apart} apart"
    if front.how == "blocks":
        rule += ", as far as quartiles can tell"
    names = [levels.short(each.arm) for each in front.arms if each.behind]
    if not names:
        return f"No arm is surely behind the front: of none is it shown that {rule}."
    more = len(names) - _MOST_SAID
    shown = [*names[:_MOST_SAID], *([f"{more} more"] if more > 0 else [])]
    return f"Surely behind the front are {join(shown)}: {rule}."


def _told(front: Front, arm: Costed) -> str:
    return _TELLS.get(front.cost.name, count_text)(arm.cost)


def _draw(figure: Figure, shown: _Shown) -> None:
    front, arms = shown.front, shown.front.arms
    scale = factor_of(front.metric)
    axes = panel(figure, 0.74, 0.5, COLUMN - 0.84, 2.58)
    tall = [scale * end for each in arms for end in (each.mean, each.low, each.high)]
    wide = [each / shown.size for arm in arms for each in (arm.cost, arm.cost_low, arm.cost_high)]
    wide = [each for each in wide if math.isfinite(each) and each > 0]
    log = max(wide) > 8 * min(wide)
    axes.set_ylim(*limits([each for each in tall if math.isfinite(each)], 0.12))
    if log:
        axes.set_xscale("log")
        axes.set_xlim(*log_limits(wide))
    else:
        axes.set_xlim(*limits(wide, 0.09))
    ticks(axes.xaxis, 6, log=log)
    ticks(axes.yaxis, 5)
    axes.set_xlabel(front.cost.title + (f" ({shown.unit})" if shown.unit else ""))
    axes.set_ylabel(plain(axis_title(front.metric), 44))
    axes.grid(axis="both")
    _draw_front(axes, shown)
    for arm in arms:
        _draw_arm(axes, shown, arm)
    few = len(arms) <= MOST_NAMED
    _name(axes, shown, [each for each in arms if few or each.front])


def _draw_front(axes: Axes, shown: _Shown) -> None:
    """Draw the steps: to the right of an arm on the front, nothing better costs as little."""
    scale = factor_of(shown.front.metric)
    best = sorted((each for each in shown.front.arms if each.front), key=lambda each: each.cost)
    places = [(each.cost / shown.size, scale * each.mean) for each in best]
    bottom, top = axes.get_ylim()
    worst = top if shown.front.metric.better == "lower" else bottom
    places = [(places[0][0], worst), *places, (axes.get_xlim()[1], places[-1][1])]
    axes.plot(
        *zip(*places, strict=True), color=light("axis"), linewidth=1.2, linestyle=(0, (4, 2)),
        drawstyle="steps-post", zorder=1.5,
    )  # fmt: skip


def _draw_arm(axes: Axes, shown: _Shown, arm: Costed) -> None:
    front = shown.front
    scale, look = factor_of(front.metric), shown.levels.of_arm(arm.arm)
    at, mean = arm.cost / shown.size, scale * arm.mean
    for ends, upright in (((arm.low, arm.high), True), ((arm.cost_low, arm.cost_high), False)):
        if not all(map(math.isfinite, ends)) or ends[0] == ends[1]:
            continue
        drawn = [scale * end if upright else end / shown.size for end in ends]
        line = ([at, at], drawn) if upright else (drawn, [mean, mean])
        axes.plot(*line, color=look.color, linewidth=1.3, zorder=2)
    axes.plot(
        [at], [mean], marker=look.marker, color=look.color, markersize=6.5, zorder=3,
        markerfacecolor=look.color if arm.front else light("card"), markeredgewidth=1.4,
    )  # fmt: skip
    quality = level_text(front.metric, arm.mean)
    hint(
        axes, at, mean,
        f"{arm.arm}: {quality} {spread_text(front.metric, arm.low, arm.high)}, "
        f"{_told(front, arm)}, {'on the front' if arm.front else _place(arm)}",
    )  # fmt: skip


def _place(arm: Costed) -> str:
    return "surely behind the front" if arm.behind else "not on the front of the means"


_LINE, _LETTER = 12.0, 0.56 * TEXT
_NEAR = 12.0  # points up or down, from which on a line joins a name to its arm


def _name(axes: Axes, shown: _Shown, arms: Sequence[Costed]) -> None:
    """Write names beside arms, each at the first place around it that is free."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    points, frame = 72 / figure.dpi, axes.get_window_extent()
    scale = factor_of(shown.front.metric)
    places = [
        tuple(points * axes.transData.transform((each.cost / shown.size, scale * each.mean)))
        for each in shown.front.arms
    ]
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in places]
    edges = points * frame.x0, points * frame.y0, points * frame.x1 + 6, points * frame.y1 + 6
    at = {each.arm: place for each, place in zip(shown.front.arms, places, strict=True)}
    for arm in sorted(arms, key=lambda each: (not each.front, each.cost)):
        text, (x, y) = plain(shown.levels.short(arm.arm), 40), at[arm.arm]
        wide = _LETTER * len(text)
        for across, up in _around(wide):
            box = (x + across, y + up - _LINE / 2, x + across + wide, y + up + _LINE / 2)
            if _inside(box, edges) and not any(_meet(box, other) for other in taken):
                break
        else:
            continue  # no room: the hint and the table name it
        taken.append(box)
        axes.annotate(
            text, (arm.cost / shown.size, scale * arm.mean), (across, up), va="center",
            textcoords="offset points", color=shown.levels.of_arm(arm.arm).color, zorder=4,
        )  # fmt: skip
        if abs(up) > _NEAR:
            foot = up - math.copysign(_LINE / 2, up)
            axes.annotate(
                "", (arm.cost / shown.size, scale * arm.mean), (max(across, 0.0), foot),
                textcoords="offset points", zorder=1.6,
                arrowprops={"arrowstyle": "-", "color": shown.levels.of_arm(arm.arm).color,
                            "linewidth": 0.7, "shrinkA": 0, "shrinkB": 3},
            )  # fmt: skip


def _around(wide: float) -> list[tuple[float, float]]:
    """Return offsets of a name from its arm: at the sides first, then further up and down."""
    return [
        (across, sign * up)
        for up in (10.0, 0.0, 21.0, 33.0, 45.0, 57.0)
        for sign in ((1, -1) if up else (1,))
        for across in (7.0, -7.0 - wide)
    ]


Box = tuple[float, float, float, float]


def _inside(box: Box, edges: Box) -> bool:
    return all(a >= b for a, b in zip(box[:2], edges[:2], strict=True)) and all(
        a <= b for a, b in zip(box[2:], edges[2:], strict=True)
    )


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
