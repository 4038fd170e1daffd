"""What the figures of a search share: the axis of an objective, and how settings are marked."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from harness.judging.search_words import settings_text, value_text
from harness.judging.searched import SearchResults
from harness.judging.tried import Tried
from harness.study.formatting import in_units, level_text, plural
from harness.study.metrics import Metric
from harness.study.settings import Float, Int

from ..palette import light
from ..text import axis_title, factor_of
from .canvas import dots, hint, is_log, limits, log_limits, plain, wrapped
from .curve_axis import near
from .labels import LINE, inches, room_beside
from .scales import tick_places

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MANY = 300
"""Settings beyond which all marks are round dots, which take less room in the file."""

MOST_HINTS = 60
"""Values of a figure that are told where they are drawn, about: more would fill a page."""

Kind = Literal["fits", "broken", "pruned"]

MARKS: dict[Kind, tuple[str, str, bool]] = {
    "pruned": ("v", "series6", False),
    "broken": ("s", "series5", False),
    "fits": ("o", "series1", True),
}
"""Marker, colour, and whether it is filled, in the order drawn."""


@dataclass(frozen=True)
class ObjectiveAxis:
    """The axis of an objective: in the unit drawn, with settings beyond it at its edge.

    Attributes:
        title: of the axis, with its unit.
        factor: what values are multiplied by to be in that unit.
        low: lower end.
        high: upper end.
        log: whether it is logarithmic.
        beyond: settings that are drawn at its edge.
    """

    title: str
    factor: float
    low: float
    high: float
    log: bool
    beyond: int

    def at(self, value: float) -> float:
        """Return where a value is drawn, within the axis."""
        return min(max(self.factor * value, self.low), self.high)

    def set(self, axes: Axes, *, across: bool = False) -> None:
        """Give axes this axis, upwards or across."""
        if self.log:
            (axes.set_xscale if across else axes.set_yscale)("log")
        (axes.set_xlim if across else axes.set_ylim)(self.low, self.high)

    def room(self, count: int, least: float) -> float:
        """Return how many inches this axis takes at the left of a figure, ``least`` at least."""
        return room_beside(tick_places(self.low, self.high, count, log=self.log)[1], least)

    @property
    def said(self) -> str:
        """What a caption says of settings beyond it."""
        if not self.beyond:
            return ""
        is_are = "lies" if self.beyond == 1 else "lie"
        return f" {plural(self.beyond, 'setting')} beyond the axis {is_are} at its edge."


def objective_axis(
    search: SearchResults,
    place: int = 0,
    more: Iterable[float] = (),
    among: Sequence[Tried] | None = None,
) -> ObjectiveAxis:
    """Choose the axis of an objective: logarithmic where values differ much, cut where few are far.

    Args:
        search: whose settings are drawn.
        place: which objective.
        more: what else must have room, such as ends of intervals.
        among: the settings drawn; all unless given.
    """
    metric = search.objectives[place]
    seen = sorted(
        each.values[place]
        for each in (search.tried if among is None else among)
        if each.state in ("complete", "pruned") and math.isfinite(each.values[place])
    )
    title, factor = _in_unit(metric, seen)
    values = [factor * value for value in seen]
    room = [factor * value for value in more if math.isfinite(value)]
    whole = sorted([*values, *room])
    if is_log(whole, metric.unit):
        return ObjectiveAxis(title, factor, *log_limits(whole), log=True, beyond=0)
    if len(values) < 8:
        return ObjectiveAxis(title, factor, *limits(whole, 0.08), log=False, beyond=0)
    kept = near(values, metric.better)
    return ObjectiveAxis(
        title, factor, *limits([*kept, *room], 0.08), log=False, beyond=len(values) - len(kept)
    )


def _in_unit(metric: Metric, values: Sequence[float]) -> tuple[str, float]:
    """Return the title of an axis, and what values are multiplied by for its unit."""
    if metric.unit in ("s", "B") and values:
        size, unit = in_units(metric, values)
        return f"{metric.title} ({unit})", 1 / size
    return axis_title(metric), factor_of(metric)


def kind_of(each: Tried) -> Kind | None:
    """Return how settings are marked; ``None`` where they have no value to draw."""
    if each.state not in ("complete", "pruned") or not math.isfinite(each.value):
        return None
    return "pruned" if each.state == "pruned" else "broken" if each.broken else "fits"


def scatter(
    axes: Axes, points: Sequence[tuple[float, float]], kind: Kind, size: float, *, many: bool
) -> None:
    """Draw settings of one kind, in the axes' own units; of many, as dots."""
    marker, color, filled = MARKS[kind]
    if many and points:
        dots(axes, points, 0.7 * size, 2.5, edgecolor=light(color))
    elif points:
        axes.plot(
            *zip(*points, strict=True), marker, color=light(color), markersize=size, zorder=2.5,
            markerfacecolor=light(color) if filled else light("card"), markeredgewidth=1.1,
        )  # fmt: skip


def tell(
    axes: Axes,
    search: SearchResults,
    placed: Iterable[tuple[float, float, Tried]],
    names: Sequence[str] = (),
    most: int = MOST_HINTS,
) -> None:
    """Tell settings where they are drawn, the best of them first, so many at most.

    Args:
        axes: where, in the axes' own units.
        search: whose settings they are.
        placed: places across and up, and the settings that are drawn there.
        names: whose values are told, beside the objective.
        most: how many.
    """
    places = {each.place: (x, y) for x, y, each in placed}
    drawn = [search.tried[place] for place in places]
    best = sorted(search.rank(drawn), key=lambda each: not each.fits)
    for each in sorted(best[:most], key=lambda one: one.place):
        values = {name: each.settings[name] for name in names if name in each.settings}
        said = f"setting {each.number}: {level_text(search.metric, each.value)}"
        hint(axes, *places[each.place], f"{said}, {settings_text(values)}".removesuffix(", "))


def ends_of(setting: Float | Int) -> tuple[float, float]:
    """Return the ends of an axis of numbers."""
    if setting.log:
        room = (setting.high / setting.low) ** 0.05
        return setting.low / room, setting.high * room
    room = 0.05 * (setting.high - setting.low)
    return setting.low - room, setting.high + room


def is_many(search: SearchResults) -> bool:
    """Whether so many settings were tried that all are drawn as dots."""
    return len(search.tried) > MANY


def crosses(axes: Axes, across: Sequence[float], top: float = 0.96) -> None:
    """Draw settings that failed as crosses at the top."""
    if across:
        axes.plot(
            across, [top] * len(across), "x", color=light("bad"), markersize=5, zorder=3,
            transform=axes.get_xaxis_transform(),
        )  # fmt: skip


def diamond(axes: Axes, x: float, y: float, **look: Any) -> None:
    """Draw the settings to take."""
    axes.plot(
        [x], [y], "D", color=light("series2"), markersize=6.5, zorder=4,
        markeredgecolor=light("card"), markeredgewidth=0.8, **look,
    )  # fmt: skip


def marks_said(search: SearchResults) -> str:
    """Say in a caption what marks mean, of those that there are."""
    counts, many = search.counts, is_many(search)
    said = []
    if any(each.broken for each in search.tried):
        said.append(f"{'yellow dots' if many else 'open squares'} break a constraint")
    if counts["pruned"]:
        marks = "grey dots" if many else "open triangles"
        said.append(f"{marks} were stopped early, at the last value seen")
    if counts["failed"]:
        said.append("crosses at the top failed")
    text = "; ".join(said)
    return f" {text[0].upper()}{text[1:]}." if text else ""


def option_text(value: object) -> str:
    """Print a value of a setting below an axis."""
    return value_text(value) if isinstance(value, bool | int | float | str) else str(value)


_LONGEST = 12  # letters of an option that is set upright
_WORD = re.compile(r"[^=/,_ ]+[=/,_]*")


@dataclass(frozen=True)
class Options:
    """What is written below an axis of options.

    Attributes:
        places: of those that are named.
        texts: their names.
        upright: whether they are turned to run upwards.
        foot: inches that they take.
    """

    places: tuple[int, ...]
    texts: tuple[str, ...]
    upright: bool
    foot: float


def options_across(options: Sequence[object], wide: float) -> Options:
    """Name options below an axis ``wide`` inches wide: in one or two lines, or turned upwards.

    Turned, long names lose letters in their middle, and of very many every so many are named.
    """
    names = [plain(option_text(each)) for each in options]
    each_has = wide / (len(names) + 0.2) - 0.06  # inches
    letters = int(each_has / inches("0"))
    broken = [wrapped(name, max(letters, 1), 2) for name in names]
    words = max(len(word) for name in names for word in _WORD.findall(name) or [name])
    if words <= letters and not any(text.endswith("…") for text in broken):
        lines = 1 + max(text.count("\n") for text in broken)
        return Options(tuple(range(len(names))), tuple(broken), False, lines * LINE / 72)
    places, texts = options_up(options, wide)
    return Options(places, texts, True, max(map(inches, texts)))


def options_up(options: Sequence[object], tall: float) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Name options along an axis that runs upwards, ``tall`` inches: which of them, and how."""
    every = math.ceil((len(options) + 0.2) * LINE / 72 / tall)
    places = tuple(range(0, len(options), every))
    return places, tuple(shortened(option_text(options[at]), _LONGEST) for at in places)


def shortened(text: str, most: int) -> str:
    """Leave out the middle of a name that is too long: names often differ at their ends."""
    text = plain(text)
    if len(text) <= most:
        return text
    end = (most - 1) // 2
    return f"{text[: most - 1 - end]}…{text[len(text) - end :]}"


def best_text(search: SearchResults, place: int) -> str:
    """Name settings with their value, for who cannot see a figure."""
    each = search.tried[place]
    return f"setting {each.number} with {level_text(search.metric, each.value)}"
