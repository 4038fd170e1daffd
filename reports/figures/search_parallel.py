"""All settings at once: parallel coordinates, and pairs of settings with their ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Literal

from harness.judging.searched import SearchResults
from harness.judging.shares import axis as place_on
from harness.judging.tried import Tried
from harness.study.formatting import join, number_text, plural
from harness.study.settings import Choice, Setting, several

from ..palette import light
from .canvas import Picture, dots, paint, panel, plain, strokes, ticks
from .search_axes import MOST_HINTS, diamond, objective_axis, option_text, tell
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
    return paint(
        (WIDTH, 3.3),
        lambda figure: _draw_parallel(figure, search, settings, groups),
        alt=f"Parallel coordinates of {join(each.name for each in settings)} and "
        f"{search.metric.title}; the best tenth: {_spans(settings, tenth)}.",
        caption="A line for each setting that can be taken: where it stands on each axis, and what "
        f"came of it. {_legend()}{off}{few}{more}",
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
) -> None:
    axes = panel(figure, 0.5, 0.42, WIDTH - 1.15, 2.4)
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
    axes.set_yticks([])
    axes.tick_params(length=0, pad=6)
    axes.set_xticks(range(len(settings) + 1))
    names = [plain(each.name, 16) for each in settings]
    axes.set_xticklabels([*names, plain(search.metric.title, 18)], fontweight="bold")
    for x in range(len(settings) + 1):
        axes.plot([x, x], [0, 1], color=light("axis"), linewidth=0.9, zorder=3.5)
    for x, setting in enumerate(settings):
        for height, text in _marks(setting):
            _mark(axes, x, height, text)
    for height, end in zip((0.0, 1.0), ends, strict=True):
        _mark(axes, len(settings), height, number_text(end))


def _mark(axes: Axes, x: float, height: float, text: str) -> None:
    axes.annotate(
        plain(text, 12), (x, height), (4, 0), textcoords="offset points", va="center",
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
    size = (WIDTH, 0.1 + 2.45 * rows) if columns == 3 else (4.4 * columns, 0.1 + 2.9 * rows)
    return paint(
        size,
        lambda figure: _draw_pairs(figure, search, pairs, columns, groups),
        alt=f"Pairs of settings with their ranks; the best tenth: "
        f"{_spans(settings, groups['best'])}.",
        caption=f"Where good settings lie, two settings at a time. {_legend()} The diamond is the "
        f"setting to take.{off}{more}",
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
) -> None:
    wide_all, tall_all = figure.get_size_inches()
    rows = -(-len(pairs) // columns)
    tall = (tall_all - 0.1) / rows
    wide = (wide_all - 0.1) / columns
    for place, (one, other) in enumerate(pairs):
        row, column = divmod(place, columns)
        axes = panel(
            figure, column * wide + 0.86, 0.5 + tall * (rows - 1 - row), wide - 0.96, tall - 0.6
        )
        _pair(axes, search, one, other, groups)
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
) -> None:
    for across, setting in ((True, one), (False, other)):
        _set(axes, setting, across=across)
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
    axes.grid(axis="both")
    axes.set_xlabel(plain(one.name, 24))
    axes.set_ylabel(plain(other.name, 24))


def _at(setting: Setting, each: Tried, way: int) -> float:
    value = each.settings[setting.name]
    if isinstance(setting, Choice):
        at = next(at for at, one in enumerate(setting.plain) if same(one, value))
        return at + spread(each.place + 37 * way)
    return float(value)


def _set(axes: Axes, setting: Setting, *, across: bool) -> None:
    """Give one axis of a panel the space of a setting."""
    limit = axes.set_xlim if across else axes.set_ylim
    axis = axes.xaxis if across else axes.yaxis
    if isinstance(setting, Choice):
        limit(-0.6, len(setting.plain) - 0.4)
        axis.set_ticks(list(range(len(setting.plain))))
        axis.set_ticklabels([plain(option_text(each), 8) for each in setting.plain])
        return
    if setting.log:
        (axes.set_xscale if across else axes.set_yscale)("log")
        room = (setting.high / setting.low) ** 0.05
        limit(setting.low / room, setting.high * room)
    else:
        room = 0.05 * (setting.high - setting.low)
        limit(setting.low - room, setting.high + room)
    wide = setting.log and across and setting.high > _DECADES * setting.low
    ticks(axis, 2 if wide else 5, log=setting.log, whole=isinstance(setting.low, int))


_DECADES = 2e3
"""From how many times on there is no room across a panel for each power of ten."""
