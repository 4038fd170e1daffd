"""The objective against each setting: one panel a setting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.judging.searched import SearchResults
from harness.judging.tried import Tried
from harness.study.formatting import join, plural
from harness.study.settings import Choice, Int, Setting, condition

from ..palette import light
from ..text import part_text
from .canvas import Picture, paint, panel, plain
from .labels import LINE
from .marks import place_ticks, ticks
from .search_axes import (
    MARKS,
    MOST_HINTS,
    ObjectiveAxis,
    crosses,
    diamond,
    ends_of,
    is_many,
    kind_of,
    marks_said,
    objective_axis,
    options_across,
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


def draw_slices(search: SearchResults) -> tuple[Picture, ...]:
    """Draw a panel a setting, ``MOST`` in a picture; nothing where no setting has a value."""
    if not any(map(kind_of, search.tried)):
        return ()
    axis = objective_axis(search)
    settings = search.searching.settings
    several = len(settings) > MOST
    return tuple(
        _picture(search, axis, settings[start : start + MOST], several * (start // MOST + 1))
        for start in range(0, len(settings), MOST)
    )


def _picture(
    search: SearchResults, axis: ObjectiveAxis, settings: Sequence[Setting], part: int
) -> Picture:
    """Draw some settings; ``part`` numbers their picture where there are several."""
    left = axis.room(4, LEFT)
    feet = _feet(settings, left)
    under = [each for each in settings if each.when]
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
    names = join(each.name for each in settings)
    return paint(
        (WIDTH, 0.1 + sum(TALL + foot for foot in feet)),
        lambda figure: _draw(figure, search, axis, settings, left, feet),
        alt=f"{search.metric.title} against {names}, one dot a setting tried.",
        caption=f"{search.metric.title} against each setting, one dot for each of "
        f"{plural(len(search.tried), 'setting')} tried; all others vary with it."
        f"{marks_said(search)}{axis.said}{apart}{taken}",
        title=f"{search.metric.title} against each setting{part_text(part)}",
    )


def _wide(setting: Setting, left: float) -> float:
    """Return the width of a setting's panel in inches, less the strip beside it."""
    return (WIDTH - left - 0.1 - GAP * (COLUMNS - 1)) / COLUMNS - (APART if setting.when else 0.0)


def _feet(settings: Sequence[Setting], left: float) -> list[float]:
    """Return how many inches each row of panels needs below, more than a line."""
    feet = [
        options_across(each.plain, _wide(each, left)).foot - LINE / 72
        if isinstance(each, Choice)
        else 0.0
        for each in settings
    ]
    return [max(feet[start : start + COLUMNS]) for start in range(0, len(feet), COLUMNS)]


def _draw(
    figure: Figure,
    search: SearchResults,
    axis: ObjectiveAxis,
    settings: Sequence[Setting],
    first: float,
    feet: Sequence[float],
) -> None:
    """Draw the panels.

    ``first``: inches left of the first panel; ``feet``: inches below each row, beyond a line.
    """
    whole = (WIDTH - first - 0.1 - GAP * (COLUMNS - 1)) / COLUMNS
    for place, setting in enumerate(settings):
        row, column = divmod(place, COLUMNS)
        left = first + column * (whole + GAP)
        bottom = 0.3 + feet[row] + sum(TALL + foot for foot in feet[row + 1 :])
        wide = _wide(setting, first)
        strip = whole - wide
        axes = panel(figure, left, bottom, wide, TALL - 0.6)
        told = max(5, MOST_HINTS // len(settings))
        _panel(axes, search, axis, setting, wide, told, left=column == 0)
        if column == row == 0:
            axes.set_ylabel(plain(axis.title, 26))
        if strip:
            beside = panel(figure, left + wide + 0.06, bottom, strip - 0.06, TALL - 0.6)
            _off(beside, search, axis, setting)


def _panel(
    axes: Axes,
    search: SearchResults,
    axis: ObjectiveAxis,
    setting: Setting,
    wide: float,
    told: int,
    *,
    left: bool,
) -> None:
    axes.set_title(plain(setting.name, 30), pad=4)
    axis.set(axes)
    used = [each for each in search.tried if setting.name in each.settings]
    if isinstance(setting, Choice):
        axes.set_xlim(-0.6, len(setting.plain) - 0.4)
        named = options_across(setting.plain, wide)
        place_ticks(axes.xaxis, named.places, named.texts, rotation=90 if named.upright else 0)
    else:
        axes.set_xscale("log" if setting.log else "linear")
        axes.set_xlim(*ends_of(setting))
    _points(axes, axis, [(across(setting, each), each) for each in used], many=is_many(search))
    drawn = [(across(setting, each), axis.at(each.value), each) for each in used if kind_of(each)]
    tell(axes, search, drawn, [setting.name], told)
    if search.taken is not None and setting.name in search.tried[search.taken].settings:
        taken = search.tried[search.taken]
        diamond(axes, across(setting, taken), axis.at(taken.value))
    if not isinstance(setting, Choice):
        ticks(axes.xaxis, 5, log=setting.log, whole=isinstance(setting, Int))
    ticks(axes.yaxis, 4, log=axis.log, grid=True, bare=not left)


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
    place_ticks(axes.xaxis, [0.0], ["off"])
    axes.spines["left"].set_visible(False)
    ticks(axes.yaxis, 4, log=axis.log, grid=True, bare=True)
