"""Quality against cost: every arm named, with its intervals both ways, and the front as steps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from harness.judging.fronts import Costed, Front
from harness.stats import FEWEST
from harness.study.formatting import (
    bytes_text,
    count_text,
    first_of,
    in_sentence,
    in_units,
    level_text,
    percent_text,
    plural,
    seconds_text,
    spread_text,
)

from ..levels import Levels
from ..palette import light
from ..text import axis_title, factor_of
from .canvas import COLUMN, Picture, hint, limits, log_limits, paint, panel, plain
from .labels import inches, room_beside
from .marks import ticks
from .scales import tick_places

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_NAMED = 12
"""Arms that are all named; of more, those on the front are."""

_MOST_SAID = 6
_LEAST, _FOOT, _TALL = 0.74, 0.5, 2.58  # of the axes, in inches
_TELLS = {"step_seconds": seconds_text, "peak_bytes": bytes_text}


@dataclass(frozen=True)
class _Shown:
    """What is drawn, and the axes that it is drawn on.

    Attributes:
        across: limits of the axis of the cost, in ``unit``, of which one is ``size``.
        up: limits of the axis of quality, as it is printed.
        log: whether the axis of the cost is logarithmic.
        left: of the axes, in inches.
    """

    front: Front
    levels: Levels
    size: float
    unit: str
    across: tuple[float, float]
    up: tuple[float, float]
    log: bool
    left: float

    @property
    def wide(self) -> float:
        """The width of the axes in inches."""
        return COLUMN - 0.1 - self.left

    def at(self, cost: float, mean: float) -> Place:
        """Return where on the figure something is, in points from its lower left corner."""
        one, low, high = cost / self.size, *self.across
        if self.log:
            one = math.log(one) if one > 0 else math.nan
            low, high = math.log(low), math.log(high)
        bottom, top = self.up
        scale = factor_of(self.front.metric)
        return (
            72 * (self.left + self.wide * (one - low) / (high - low)),
            72 * (_FOOT + _TALL * (scale * mean - bottom) / (top - bottom)),
        )


def draw_pareto(front: Front, levels: Levels) -> Picture:
    """Draw the arms, their intervals, and the front."""
    metric, shown = front.metric, _shown(front, levels)
    cost = in_sentence(front.cost.title)
    best = "; ".join(f"{each.arm} {_told(front, each)}" for each in front.arms if each.front)
    names = _names(shown)
    return paint(
        (COLUMN, 3.2),
        lambda figure: _draw(figure, shown, names),
        alt=f"{metric.title} against {cost}; no other arm is both better in mean "
        f"{in_sentence(metric.title)} and cheaper than: {best}.",
        caption=f"{metric.title} against {cost}. Up and down: 95 % t interval over seeds, not "
        f"corrected and cut at the metric's range; sideways: {_across(front)}. Steps: the front of "
        "the means, and no arm lies beyond it; filled: on it."
        f"{_unnamed(front, names)} {_behind(front, levels)}",
        title=f"{metric.title} against {cost}",
    )


def _shown(front: Front, levels: Levels) -> _Shown:
    size, unit = in_units(front.cost, [each.cost for each in front.arms])
    scale = factor_of(front.metric)
    tall = [scale * end for each in front.arms for end in (each.mean, each.low, each.high)]
    wide = [each / size for arm in front.arms for each in (arm.cost, arm.cost_low, arm.cost_high)]
    wide = [each for each in wide if math.isfinite(each) and each > 0]
    log = max(wide) > 8 * min(wide)
    across = log_limits(wide) if log else limits(wide, 0.09)
    up = limits([each for each in tall if math.isfinite(each)], 0.12)
    left = room_beside(tick_places(*up, 5)[1], _LEAST)
    return _Shown(front, levels, size, unit, across, up, log, left)


def _across(front: Front) -> str:
    if front.how == "rounds":
        return f"95 % t interval of the geometric mean over {front.most} rounds of timing"
    if front.how == "blocks":
        return "quartiles over blocks of steps, which are no confidence interval"
    what = {"parameters": "the number of parameters"}.get(
        front.cost.name, in_sentence(front.cost.title)
    )
    return f"none, as {what} does not vary"


def _unnamed(front: Front, names: Sequence[_Name]) -> str:
    """Say how many arms have no name, which is told where one points at them."""
    on = sum(each.front for each in front.arms)
    named_on = sum(each.arm.front for each in names)
    bare = len(front.arms) - len(names)
    if not bare:
        return ""
    if len(front.arms) <= MOST_NAMED:
        return f" For {plural(bare, 'name')} there is no room."
    some = f", and there {named_on} of {on} for want of room" if named_on < on else ""
    return f" Of so many arms only those on the front are named{some}."


def _behind(front: Front, levels: Levels) -> str:
    """Say which arms are surely not on the front, and by which rule."""
    if front.how == "blocks":
        return "Which arms are surely behind the front is not told: that takes rounds of timing."
    if not front.assessable:
        return (
            "Which arms are surely behind the front is not told: that takes two arms and "
            f"{FEWEST} seeds at least."
        )
    rule = (
        "another is better, by seed, and no dearer; for all pairs of arms together with "
        f"{percent_text(front.level)}"
    )
    names = [levels.short(each.arm) for each in front.arms if each.behind]
    said = (
        f"Surely behind the front: {first_of(names, _MOST_SAID, '; ')}. Of each it is shown that "
        f"{rule}."
        if names
        else f"No arm is surely behind the front: of none is it shown that {rule}."
    )
    left = len(front.arms) - front.compared
    return said + (
        f" Not compared, as a trial failed or is missing: {plural(left, 'arm')}." if left else ""
    )


def _told(front: Front, arm: Costed) -> str:
    return _TELLS.get(front.cost.name, count_text)(arm.cost)


def _draw(figure: Figure, shown: _Shown, names: Sequence[_Name]) -> None:
    front = shown.front
    axes = panel(figure, shown.left, _FOOT, shown.wide, _TALL)
    if shown.log:
        axes.set_xscale("log")
    axes.set_xlim(*shown.across)
    axes.set_ylim(*shown.up)
    ticks(axes.xaxis, 6, log=shown.log, grid=True)
    ticks(axes.yaxis, 5, grid=True)
    axes.set_xlabel(front.cost.title + (f" ({shown.unit})" if shown.unit else ""))
    axes.set_ylabel(plain(axis_title(front.metric), 44))
    _draw_front(axes, shown)
    for arm in front.arms:
        _draw_arm(axes, shown, arm)
    for name in names:
        _draw_name(axes, shown, name)


def _steps(shown: _Shown) -> list[Place]:
    """Return the corners of the front, in the units of the axes.

    To the right of an arm on it, nothing better costs as little.
    """
    scale = factor_of(shown.front.metric)
    best = sorted((each for each in shown.front.arms if each.front), key=lambda each: each.cost)
    places = [(each.cost / shown.size, scale * each.mean) for each in best]
    worst = shown.up[shown.front.metric.better == "lower"]
    places = [(places[0][0], worst), *places, (shown.across[1], places[-1][1])]
    corners = [(x1, y0) for (_, y0), (x1, _) in pairwise(places)]
    return [places[0], *(each for pair in zip(corners, places[1:], strict=True) for each in pair)]


def _draw_front(axes: Axes, shown: _Shown) -> None:
    axes.plot(
        *zip(*_steps(shown), strict=True), color=light("axis"), linewidth=1.2,
        linestyle=(0, (4, 2)), zorder=1.5,
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


_LINE = 12.0  # points
_NEAR = 12.0  # points up or down, from which on a line joins a name to its arm
_MARK, _BAR = 4.0, 1.0  # half of how wide they are, in points
_DOTS = 12  # that a line to a name is taken for

Place = tuple[float, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class _Name:
    """A name beside its arm.

    Attributes:
        arm: whose it is.
        text: what is written.
        box: where, in points from the figure's lower left corner.
        left: whether it stands at the left of its arm.
        crossing: whether it lies across bars or other lines.
    """

    arm: Costed
    text: str
    box: Box
    left: bool
    crossing: bool


def _names(shown: _Shown) -> tuple[_Name, ...]:
    """Name arms that there is room for, those on the front first.

    Each name is at the first place around its arm that is free; where none is, at the first at
    which it lies across nothing but lines, which it then interrupts.
    """
    arms = shown.front.arms
    few = len(arms) <= MOST_NAMED
    marks = [_around(shown.at(each.cost, each.mean), _MARK) for each in arms]
    lines = [box for each in arms for box in _bars(shown, each)]
    scale = factor_of(shown.front.metric)
    corners = [shown.at(shown.size * x, y / scale) for x, y in _steps(shown)]
    lines += [_across_of(one, other) for one, other in pairwise(corners)]
    found: list[_Name] = []
    for arm in sorted(arms, key=lambda each: (not each.front, each.cost)):
        if not (few or arm.front):
            continue
        text, at = plain(shown.levels.short(arm.arm), 40), shown.at(arm.cost, arm.mean)
        free = [
            (box, left)
            for box, left in _candidates(at, 72 * inches(text))
            if _inside(shown, box) and not _meets(box, [*marks, *(each.box for each in found)])
        ]
        names = [each.box for each in found]
        clear = [
            each
            for each in free
            if not _meets(each[0], lines)
            and not any(_meets(dot, names) for dot in _joined(at, *each))
        ]
        for box, left in [*clear, *free][:1]:
            found.append(_Name(arm, text, box, left, crossing=not clear))
            lines += _joined(at, box, left)
    return tuple(found)


def _bars(shown: _Shown, arm: Costed) -> list[Box]:
    """Return where the intervals of an arm are drawn."""
    ends = [
        ((arm.cost, arm.low), (arm.cost, arm.high)),
        ((arm.cost_low, arm.mean), (arm.cost_high, arm.mean)),
    ]
    places = [(shown.at(*one), shown.at(*other)) for one, other in ends]
    return [
        _across_of(one, other) for one, other in places if all(map(math.isfinite, (*one, *other)))
    ]


def _across_of(one: Place, other: Place) -> Box:
    """Return the box of an upright or level line."""
    (left, right), (foot, head) = (sorted(ends) for ends in zip(one, other, strict=True))
    return left - _BAR, foot - _BAR, right + _BAR, head + _BAR


def _joined(at: Place, box: Box, left: bool) -> list[Box]:
    """Return where the line from an arm to its name is drawn; nothing where there is none."""
    (x, y), (end, foot) = at, _foot(at, box, left)
    if not _far(at, box):
        return []
    parts = [each / _DOTS for each in range(1, _DOTS)]
    return [_around((x + part * (end - x), y + part * (foot - y)), _BAR) for part in parts]


def _far(at: Place, box: Box) -> bool:
    """Whether a name stands so far up or down that a line joins it to its arm."""
    return abs((box[1] + box[3]) / 2 - at[1]) > _NEAR


def _foot(at: Place, box: Box, left: bool) -> Place:
    """Return the corner of a name at which the line from its arm ends."""
    return (box[2] if left else box[0]), (box[1] if box[1] > at[1] else box[3])


def _candidates(at: Place, wide: float) -> Iterator[tuple[Box, bool]]:
    """Yield places of a name around its arm: at the sides first, then further up and down."""
    x, y = at
    for up in (10.0, 0.0, 21.0, 33.0, 45.0, 57.0, 69.0, 81.0):
        for sign in (1, -1) if up else (1,):
            for across in (7.0, -7.0 - wide):
                foot = y + sign * up - _LINE / 2
                yield (x + across, foot, x + across + wide, foot + _LINE), across < 0


def _draw_name(axes: Axes, shown: _Shown, name: _Name) -> None:
    place = name.arm.cost / shown.size, factor_of(shown.front.metric) * name.arm.mean
    at = x, y = shown.at(name.arm.cost, name.arm.mean)
    end, foot = _foot(at, name.box, name.left)
    middle = (name.box[1] + name.box[3]) / 2
    color = shown.levels.of_arm(name.arm.arm).color
    ground = {"boxstyle": "square,pad=0.1", "fc": light("card"), "ec": "none", "alpha": 0.85}
    axes.annotate(
        name.text, place, (end - x, middle - y), va="center", ha="right" if name.left else "left",
        textcoords="offset points", color=color, zorder=4, bbox=ground if name.crossing else None,
    )  # fmt: skip
    if _far(at, name.box):
        axes.annotate(
            "", place, (end - x, foot - y),
            textcoords="offset points", zorder=1.6,
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.7, "shrinkA": 0,
                        "shrinkB": 3},
        )  # fmt: skip


def _around(at: Place, half: float) -> Box:
    return at[0] - half, at[1] - half, at[0] + half, at[1] + half


def _inside(shown: _Shown, box: Box) -> bool:
    """Whether a name lies within the axes, or at their right within the figure."""
    edges = 72 * shown.left, 72 * _FOOT, 72 * COLUMN - 1, 72 * (_FOOT + _TALL) + 6
    return all(a >= b for a, b in zip(box[:2], edges[:2], strict=True)) and all(
        a <= b for a, b in zip(box[2:], edges[2:], strict=True)
    )


def _meets(box: Box, others: Sequence[Box]) -> bool:
    return any(
        box[0] < each[2] and each[0] < box[2] and box[1] < each[3] and each[1] < box[3]
        for each in others
    )
