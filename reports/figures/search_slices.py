"""The objective against each setting: one panel a setting."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.judging.searched import SearchResults
from harness.judging.tried import Tried
from harness.study.formatting import join, plural
from harness.study.settings import Choice, Setting, condition

from ..palette import light
from .canvas import Picture, limits, paint, panel, plain, ticks
from .search_axes import (
    MARKS,
    MOST_HINTS,
    ObjectiveAxis,
    crosses,
    diamond,
    is_many,
    kind_of,
    marks_said,
    objective_axis,
    option_text,
    scatter,
    tell,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 12
"""Panels of one picture, which must fit on a page."""
COLUMNS = 3
WIDTH, TALL, LEFT, GAP = 8.6, 2.05, 0.68, 0.2
APART = 0.46
"""Width of the strip for settings that were not in use, in inches."""


@dataclass(frozen=True)
class Slices:
    """Settings of a space that stand in one picture."""

    settings: tuple[Setting, ...]


def draw_slices(search: SearchResults) -> tuple[Picture, ...]:
    """Draw a panel a setting, ``MOST`` in a picture; nothing where no setting has a value."""
    if not any(map(kind_of, search.tried)):
        return ()
    axis = objective_axis(search)
    settings = search.searching.settings
    return tuple(
        _picture(search, axis, Slices(settings[start : start + MOST]))
        for start in range(0, len(settings), MOST)
    )


def _picture(search: SearchResults, axis: ObjectiveAxis, slices: Slices) -> Picture:
    rows = -(-len(slices.settings) // COLUMNS)
    under = [each for each in slices.settings if each.when]
    apart = (
        " At the right edge, under “off”, settings beside which it was not in use: "
        + join(f"{each.name} is in use where {condition(each)}" for each in under)
        + "."
        if under
        else ""
    )
    taken = (
        " The diamond is the setting to take, at its value in the search."
        if search.taken is not None
        else ""
    )
    names = join(each.name for each in slices.settings)
    return paint(
        (WIDTH, 0.1 + TALL * rows),
        lambda figure: _draw(figure, search, axis, slices, rows),
        alt=f"{search.metric.title} against {names}, one dot a setting tried.",
        caption=f"{search.metric.title} against each setting, one dot for each of "
        f"{plural(len(search.tried), 'setting')} tried; all others vary with it."
        f"{marks_said(search)}{axis.said}{apart}{taken}",
    )


def _draw(
    figure: Figure, search: SearchResults, axis: ObjectiveAxis, slices: Slices, rows: int
) -> None:
    wide = (WIDTH - LEFT - 0.1 - GAP * (COLUMNS - 1)) / COLUMNS
    for place, setting in enumerate(slices.settings):
        row, column = divmod(place, COLUMNS)
        left, bottom = LEFT + column * (wide + GAP), 0.3 + TALL * (rows - 1 - row)
        strip = APART if setting.when else 0.0
        axes = panel(figure, left, bottom, wide - strip, TALL - 0.6)
        told = max(5, MOST_HINTS // len(slices.settings))
        _panel(axes, search, axis, setting, told)
        if column:
            axes.tick_params(labelleft=False)
        elif row == 0:
            axes.set_ylabel(plain(axis.title, 26))
        if strip:
            beside = panel(figure, left + wide - strip + 0.06, bottom, strip - 0.06, TALL - 0.6)
            _off(beside, search, axis, setting)


def _panel(
    axes: Axes, search: SearchResults, axis: ObjectiveAxis, setting: Setting, told: int
) -> None:
    axes.set_title(plain(setting.name, 30), pad=4)
    axis.set(axes)
    used = [each for each in search.tried if setting.name in each.settings]
    if isinstance(setting, Choice):
        axes.set_xlim(-0.6, len(setting.plain) - 0.4)
        axes.set_xticks(range(len(setting.plain)))
        most = max(4, 26 // len(setting.plain))
        axes.set_xticklabels([plain(option_text(each), most) for each in setting.plain])
    elif setting.log:
        axes.set_xscale("log")
        room = (setting.high / setting.low) ** 0.05
        axes.set_xlim(setting.low / room, setting.high * room)
    else:
        axes.set_xlim(*limits([setting.low, setting.high], 0.05))
    _points(axes, axis, [(across(setting, each), each) for each in used], many=is_many(search))
    drawn = [(across(setting, each), axis.at(each.value), each) for each in used if kind_of(each)]
    tell(axes, search, drawn, [setting.name], told)
    if search.taken is not None and setting.name in search.tried[search.taken].settings:
        taken = search.tried[search.taken]
        diamond(axes, across(setting, taken), axis.at(taken.value))
    axes.grid(axis="y")
    if not isinstance(setting, Choice):
        ticks(axes.xaxis, 5, log=setting.log, whole=isinstance(setting.low, int))
    ticks(axes.yaxis, 4, log=axis.log)


def _points(
    axes: Axes, axis: ObjectiveAxis, placed: list[tuple[float, Tried]], *, many: bool
) -> None:
    for kind in MARKS:
        points = [(x, axis.at(each.value)) for x, each in placed if kind_of(each) == kind]
        scatter(axes, points, kind, 4.2, many=many)
    crosses(axes, [x for x, each in placed if each.state == "failed"])


def across(setting: Setting, each: Tried) -> float:
    """Return where settings stand on the axis of one of them; of an option, near its tick."""
    value = each.settings[setting.name]
    if isinstance(setting, Choice):
        options = setting.plain
        place = next(at for at, one in enumerate(options) if same(one, value))
        return place + spread(each.place)
    return float(value)


def spread(place: int) -> float:
    """Return how far to the side a dot is drawn, so that those of one option lie apart."""
    return 0.36 * (math.fmod(place * 0.618034, 1.0) - 0.5)


def same(one: object, other: object) -> bool:
    """Whether two plain values are the same option: True is not 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _off(axes: Axes, search: SearchResults, axis: ObjectiveAxis, setting: Setting) -> None:
    """Draw settings beside which this one was not in use."""
    axis.set(axes)
    axes.set_xlim(-0.5, 0.5)
    axes.axvspan(-0.5, 0.5, color=light("band"), zorder=0.5, linewidth=0)
    unused = [each for each in search.tried if setting.name not in each.settings]
    _points(axes, axis, [(1.6 * spread(each.place), each) for each in unused], many=is_many(search))
    if search.taken is not None and setting.name not in search.tried[search.taken].settings:
        diamond(axes, 0.0, axis.at(search.tried[search.taken].value))
    axes.set_xticks([0.0])
    axes.set_xticklabels(["off"])
    axes.spines["left"].set_visible(False)
    axes.tick_params(labelleft=False)
    axes.grid(axis="y")
    ticks(axes.yaxis, 4, log=axis.log)
