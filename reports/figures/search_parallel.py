"""All settings at once: parallel coordinates, and pairs of settings with their ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

from harness.judging.searched import SearchResults
from harness.judging.shares import axis as place_on
from harness.judging.tried import Tried
from harness.study.formatting import join, number_text, plural
from harness.study.settings import Choice, Float, Int, Setting, several

from ..palette import light
from .canvas import Picture, dots, paint, panel, plain, strokes, wrapped
from .labels import LINE, inches, room_beside
from .marks import place_ticks, ticks
from .scales import tick_places
from .search_axes import (
    MOST_HINTS,
    diamond,
    ends_of,
    objective_axis,
    option_text,
    options_across,
    options_up,
    shortened,
    tell,
)
from .search_slices import same, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rank = Literal["best", "half", "rest"]

WIDTH = 8.6
MOST_AXES = 9
"""Settings side by side that can be read."""
MOST_LINES: dict[Rank, int] = {"best": 60, "half": 200, "rest": 200}
"""Settings drawn as lines; of more every so many, by rank."""
MOST_PAIRED = 4
"""Settings of which all pairs are drawn."""
OFF = -0.16
"""Where a setting that is not in use stands on its axis, which goes from 0 to 1."""

_FIRST, _LAST = 0.5, 0.65  # inches at the left and at the right of the axes
_BESIDE, _LETTER = _FIRST + _LAST, inches("0")  # and inches that a letter of a name takes

RANKS: dict[Rank, tuple[str, str, float]] = {
    "rest": ("series6", "the other half", 2.6),
    "half": ("series1", "the rest of the better half", 3.6),
    "best": ("series2", "the best tenth", 5.2),
}
"""Colour, words and size, in the order drawn."""


def ranked(search: SearchResults) -> dict[Rank, list[Tried]]:
    """Split the settings that can be taken by rank: the best tenth, the better half, the rest."""
    order = search.rank(each for each in search.tried if each.fits)
    tenth = max(1, math.ceil(len(order) / 10))
    half = max(tenth, math.ceil(len(order) / 2))
    return {"rest": order[half:], "half": order[tenth:half], "best": order[:tenth]}


def most_telling(search: SearchResults, most: int) -> tuple[Setting, ...]:
    """Return so many settings, those that tell good from bad first kept, in the declared order."""
    settings = search.searching.settings
    if len(settings) <= most:
        return settings
    names = sorted(search.separating, key=lambda name: -search.separating[name])
    kept = set((names or [each.name for each in settings])[:most])
    return tuple(each for each in settings if each.name in kept)


# ---- parallel coordinates ------------------------------------------------------------------------


def draw_parallel(search: SearchResults) -> Picture | None:
    """Draw a line for each of the settings that can be taken; ``None`` below five of them."""
    groups = ranked(search)
    if sum(map(len, groups.values())) < 5 or len(search.searching.settings) < 2:
        return None
    settings = most_telling(search, MOST_AXES)
    tenth = groups["best"]
    drawn = sum(min(len(group), MOST_LINES[rank]) for rank, group in groups.items())
    few = (
        f" Of {plural(every, 'setting')} {drawn} are drawn, every so many by rank."
        if (every := sum(map(len, groups.values()))) > drawn
        else ""
    )
    left_out = len(search.searching.settings) - len(settings)
    more = f" {plural(left_out, 'setting')} that tell less are left out." if left_out else ""
    off = " Below an axis: not in use." if any(each.when for each in settings) else ""
    letters = int((WIDTH - _BESIDE) / len(settings) / _LETTER)
    titles = [*(each.name for each in settings), search.metric.title]
    edges = {0: _FIRST, len(settings): _LAST}  # half of their room lies beyond the figure
    names = [
        wrapped(plain(each), min(letters, int(2 * edges.get(at, WIDTH) / _LETTER)))
        for at, each in enumerate(titles)
    ]
    foot = 0.18 + LINE / 72 * (1 + max(name.count("\n") for name in names))
    return paint(
        (WIDTH, 2.5 + foot),
        lambda figure: _draw_parallel(figure, search, settings, groups, names),
        alt=f"Parallel coordinates of {join(each.name for each in settings)} and "
        f"{search.metric.title}; the best tenth: {_spans(settings, tenth)}.",
        caption="A line for each setting that can be taken: where it stands on each axis, and what "
        f"came of it. {_legend()}{off}{few}{more}",
        title="All settings side by side",
    )


def _thinned(tried: Sequence[Tried], most: int) -> list[Tried]:
    """Return so many settings, evenly by rank, the best of them among them."""
    count = min(len(tried), most)
    return [tried[at * len(tried) // count] for at in range(count)]


def _legend() -> str:
    return (
        "Orange and thick: the best tenth; blue: the rest of the better half; grey and thin: the "
        "other half."
    )


def _spans(settings: Sequence[Setting], tried: Sequence[Tried]) -> str:
    """Say in which range the values of the best lie."""
    said = []
    for each in settings:
        values = [one.settings[each.name] for one in tried if each.name in one.settings]
        if not values:
            continue
        if isinstance(each, Choice):
            said.append(f"{each.name} {' or '.join(map(str, dict.fromkeys(values)))}")
        else:
            numbers = [float(value) for value in values]
            said.append(f"{each.name} {number_text(min(numbers))} to {number_text(max(numbers))}")
    return join(said)


def _draw_parallel(
    figure: Figure,
    search: SearchResults,
    settings: Sequence[Setting],
    groups: dict[Rank, list[Tried]],
    names: Sequence[str],
) -> None:
    tall = figure.get_figheight()
    axes = panel(figure, _FIRST, tall - 2.5, WIDTH - _BESIDE, 2.4)
    every = [each for group in groups.values() for each in group]
    objective = objective_axis(search, among=every)
    reached = [objective.at(each.value) for each in every]
    ends = (min(reached), max(reached))
    for rank in ("best", "half", "rest"):
        color, _, _ = RANKS[rank]
        shown = _thinned(groups[rank], MOST_LINES[rank])
        lines = [
            [
                *((float(x), _height(each, one)) for x, each in enumerate(settings)),
                (float(len(settings)), _share(objective.at(one.value), ends, log=objective.log)),
            ]
            for one in shown
        ]
        strong = {"best": (1.5, 1.0), "half": (0.8, 0.6), "rest": (0.7, 0.45)}[rank]
        strokes(
            axes, lines, edgecolor=light(color), linewidth=strong[0], alpha=strong[1],
            zorder={"best": 3.0, "half": 2.5, "rest": 2.0}[rank],
        )  # fmt: skip
    ended = [
        (float(len(settings)), _share(objective.at(one.value), ends, log=objective.log), one)
        for one in every
    ]
    tell(axes, search, ended, [each.name for each in settings], MOST_HINTS // 2)
    axes.set_xlim(-0.02, len(settings) + 0.02)
    axes.set_ylim(OFF - 0.08 if any(each.when for each in settings) else -0.04, 1.04)
    for spine in axes.spines.values():
        spine.set_visible(False)
    place_ticks(axes.yaxis, [])
    place_ticks(axes.xaxis, range(len(settings) + 1), names, length=0, away=6, color=light("ink"))
    for x in range(len(settings) + 1):
        axes.plot([x, x], [0, 1], color=light("axis"), linewidth=0.9, zorder=3.5)
    letters = int(((WIDTH - _BESIDE) / len(settings) - 0.1) / inches("0"))
    for x, setting in enumerate(settings):
        for height, text in _marks(setting):
            _mark(axes, x, height, shortened(text, min(letters, 12)))
    for height, end in zip((0.0, 1.0), ends, strict=True):
        _mark(axes, len(settings), height, number_text(end))


def _mark(axes: Axes, x: float, height: float, text: str) -> None:
    axes.annotate(
        text, (x, height), (4, 0), textcoords="offset points", va="center",
        color=light("ink"), zorder=5,
        bbox={"boxstyle": "square,pad=0.12", "fc": light("card"), "ec": "none", "alpha": 0.85},
    )  # fmt: skip


def _marks(setting: Setting) -> list[tuple[float, str]]:
    """Return what is written along an axis: its ends, or its options."""
    marks: list[tuple[float, str]] = []
    if isinstance(setting, Choice):
        last = max(1, len(setting.plain) - 1)
        marks = [(at / last, option_text(each)) for at, each in enumerate(setting.plain)]
        if len(marks) > 8:
            marks = [marks[0], marks[-1]]
    else:
        marks = [(0.0, number_text(setting.low)), (1.0, number_text(setting.high))]
    return [*marks, (OFF, "off")] if setting.when else marks


def _height(setting: Setting, each: Tried) -> float:
    """Return where settings stand on an axis from 0 to 1; of an option, spread a little."""
    if setting.name not in each.settings:
        return OFF
    value = each.settings[setting.name]
    if isinstance(setting, Choice):
        last = max(1, len(setting.plain) - 1)
        at = next(at for at, one in enumerate(setting.plain) if same(one, value))
        return (at + 0.25 * spread(each.place)) / last
    return place_on(setting, float(value))


def _share(value: float, ends: tuple[float, float], *, log: bool) -> float:
    """Return where a value of the objective stands between the ends of its axis."""
    if ends[0] == ends[1]:
        return 0.5
    if log:
        return math.log(value / ends[0]) / math.log(ends[1] / ends[0])
    return (value - ends[0]) / (ends[1] - ends[0])


# ---- pairs ---------------------------------------------------------------------------------------


def draw_pairs(search: SearchResults) -> Picture | None:
    """Draw every pair of settings, marked by rank; ``None`` where too few were tried."""
    groups = ranked(search)
    settings = most_telling(search, MOST_PAIRED)
    if sum(map(len, groups.values())) < 20 or len(settings) < 2:
        return None
    pairs = [(a, b) for a, b in combinations(settings, 2) if not (_under(a, b) or _under(b, a))]
    if not pairs:
        return None
    columns = min(3, len(pairs))
    rows = -(-len(pairs) // columns)
    left_out = len(search.searching.settings) - len(settings)
    more = (
        f" Of {plural(left_out + len(settings), 'setting')} the {len(settings)} that tell most."
        if left_out
        else ""
    )
    off = (
        " Where one of the two was not in use, nothing is drawn."
        if any(each.when for each in settings)
        else ""
    )
    wide, tall = (WIDTH, 2.45) if columns == 3 else (4.4 * columns, 2.9)
    room = _room(pairs, columns, (wide - 0.1) / columns, tall)
    return paint(
        (wide, 0.1 * (1 + rows) + room.tall * rows + sum(room.feet)),
        lambda figure: _draw_pairs(figure, search, pairs, columns, groups, room),
        alt=f"Pairs of settings with their ranks; the best tenth: "
        f"{_spans(settings, groups['best'])}.",
        caption=f"Where good settings lie, two settings at a time. {_legend()} The diamond is the "
        f"setting to take.{off}{more}",
        title="Pairs of settings",
    )


def _under(one: Setting, other: Setting) -> bool:
    """Whether one is in use beside a single value of the other only: a line, and no picture."""
    return other.name in one.when and len(several(one.when[other.name])) == 1


def _draw_pairs(
    figure: Figure,
    search: SearchResults,
    pairs: Sequence[tuple[Setting, Setting]],
    columns: int,
    groups: dict[Rank, list[Tried]],
    room: _Room,
) -> None:
    wide = (figure.get_figwidth() - 0.1) / columns
    for place, (one, other) in enumerate(pairs):
        row, column = divmod(place, columns)
        below = room.feet[row + 1 :]
        left, bottom = column * wide + room.left, room.feet[row]
        bottom += sum(below) + len(below) * (room.tall + 0.1)
        axes = panel(figure, left, bottom, room.wide, room.tall)
        _pair(axes, search, one, other, groups, room)
        drawn = [
            (_at(one, each, 0), _at(other, each, 1), each)
            for group in groups.values()
            for each in group
            if one.name in each.settings and other.name in each.settings
        ]
        tell(axes, search, drawn, [one.name, other.name], MOST_HINTS // len(pairs))


def _pair(
    axes: Axes,
    search: SearchResults,
    one: Setting,
    other: Setting,
    groups: dict[Rank, list[Tried]],
    room: _Room,
) -> None:
    for across, setting in ((True, one), (False, other)):
        _set(axes, setting, room, across=across)
    for rank, (color, _, size) in RANKS.items():
        points = [
            (_at(one, each, 0), _at(other, each, 1))
            for each in groups[rank]
            if one.name in each.settings and other.name in each.settings
        ]
        if points:
            dots(axes, points, size, 2.5, edgecolor=light(color))
    if search.taken is not None:
        taken = search.tried[search.taken]
        if one.name in taken.settings and other.name in taken.settings:
            diamond(axes, _at(one, taken, 0), _at(other, taken, 1))
    axes.set_xlabel(plain(one.name, 24))
    axes.set_ylabel(plain(other.name, 24))


def _at(setting: Setting, each: Tried, way: int) -> float:
    value = each.settings[setting.name]
    if isinstance(setting, Choice):
        at = next(at for at, one in enumerate(setting.plain) if same(one, value))
        return at + spread(each.place + 37 * way)
    return float(value)


@dataclass(frozen=True)
class _Room:
    """What panels of pairs have: their size, room for names at the left, and below each row."""

    left: float
    feet: tuple[float, ...]
    wide: float
    tall: float


_PAIR_FOOT = 0.5


def _room(
    pairs: Sequence[tuple[Setting, Setting]], columns: int, wide: float, tall: float
) -> _Room:
    """Divide the room of a pair, so many inches: names of options take what they need."""
    high = tall - _PAIR_FOOT - 0.1
    texts = [
        text
        for _, other in pairs
        for text in (
            options_up(other.plain, high)[1] if isinstance(other, Choice) else _numbers(other)[1]
        )
    ]
    left = room_beside(texts, 0.86)
    feet = [
        _PAIR_FOOT - LINE / 72 + options_across(one.plain, wide - left - 0.1).foot
        if isinstance(one, Choice)
        else _PAIR_FOOT
        for one, _ in pairs
    ]
    rows = tuple(max(feet[start : start + columns]) for start in range(0, len(feet), columns))
    return _Room(left, rows, wide - left - 0.1, high)


def _numbers(setting: Float | Int) -> tuple[list[float], list[str]]:
    return tick_places(*ends_of(setting), 5, log=setting.log, whole=isinstance(setting, Int))


def _set(axes: Axes, setting: Setting, room: _Room, *, across: bool) -> None:
    """Give one axis of a panel the space of a setting."""
    limit = axes.set_xlim if across else axes.set_ylim
    axis = axes.xaxis if across else axes.yaxis
    if isinstance(setting, Choice):
        limit(-0.6, len(setting.plain) - 0.4)
        if across:
            named = options_across(setting.plain, room.wide)
            upright = 90 if named.upright else 0
            place_ticks(axis, named.places, named.texts, grid=True, rotation=upright)
        else:
            place_ticks(axis, *options_up(setting.plain, room.tall), grid=True)
        return
    if setting.log:
        (axes.set_xscale if across else axes.set_yscale)("log")
    limit(*ends_of(setting))
    ticks(axis, 5, log=setting.log, whole=isinstance(setting, Int), grid=True)
