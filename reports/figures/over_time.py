"""A figure of a benchmark over time, with the places where its level changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.gate.history import Series
from harness.gate.words import value_text
from harness.study.formatting import day, plural

from ..palette import light
from .canvas import COLUMN, Picture, dots, hint, limits, paint, panel
from .labels import room_beside
from .marks import place_ticks, ticks
from .scales import tick_places

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_UNITS = {
    "s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")),
    "bytes": ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB")),
    "count": ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")),
    "fraction": ((0.01, "%"),),
}
_COUNTED = {"bytes": "Bytes", "count": "Count"}
_HEIGHT, _FOOT, _RIGHT, _LEAST_LEFT = 1.9, 0.46, 0.14, 0.72
_TOLD, _MOST_HINTS = 3, 60
_MOST_LINES = 8  # more of them are a fence, and the steps of the mean show the changes, too


def draw_series(series: Series) -> Picture:
    """Draw one series, gate by gate."""
    points = series.points
    first, last = points[0], points[-1]
    gates = plural(len(points), "gate")
    return paint(
        (COLUMN, _HEIGHT),
        lambda figure: _draw(figure, series),
        alt=f"{series.figure} of {series.benchmark} over {gates}, from "
        f"{value_text(first.value, series.unit)} to {value_text(last.value, series.unit)}. "
        f"{_changes(series)}",
        caption=f"{series.benchmark} · {series.figure}: {gates}, {_days(first.time, last.time)}. "
        f"Line: mean between changes. {_changes(series)}",
        title=f"{series.figure} of {series.benchmark}",
    )


def _changes(series: Series) -> str:
    if series.lacking:
        return f"Too few gates to show a change of level: {series.needed} are needed."
    if not series.changes:
        return "No change of level is found."
    shown = [
        f"gate {at + 1} ({_day(series.points[at].time)})"
        for at in series.changes[: -_TOLD - 1 : -1]
    ]
    rest = len(series.changes) - len(shown)
    before = f", and {plural(rest, 'time')} before" if rest else ""
    return f"Its level changed at {', '.join(shown)}{before}."


def _days(first: str, last: str) -> str:
    days = dict.fromkeys((_day(first), _day(last)))
    return " to ".join(days)


def _day(time: str) -> str:
    try:
        return day(time)
    except ValueError:
        return "an unknown day"


def scale_of(values: Sequence[float], unit: str) -> tuple[float, str, bool]:
    """Return by what values are divided to be drawn, its name, and whether ticks are whole.

    What is counted has whole ticks: it is drawn in the largest unit of which several lie between
    the smallest value and the largest.
    """
    middle = sorted(abs(each) for each in values)[len(values) // 2]
    span = max(values) - min(values)
    whole = unit in _COUNTED and all(each == int(each) for each in values)
    for size, name in _UNITS.get(unit, ()):
        if middle >= size and (not whole or span >= 2 * size):
            return size, name, whole
    return 1.0, _COUNTED.get(unit, unit), whole


def _draw(figure: Figure, series: Series) -> None:
    size, unit, whole = scale_of([each.value for each in series.points], series.unit)
    values = [each.value / size for each in series.points]
    low, high = limits(values, 0.12)
    places, texts = tick_places(low, high, whole=whole)
    left = room_beside(texts, _LEAST_LEFT)
    axes = panel(figure, left, _FOOT, COLUMN - left - _RIGHT, _HEIGHT - _FOOT - 0.14)
    axes.set_xlim(0.5, max(len(values), 2) + 0.5)
    axes.set_ylim(low, high)
    axes.autoscale(enable=False)
    place_ticks(axes.yaxis, places, texts, grid=True)
    ticks(axes.xaxis, 6, whole=True)
    axes.set_xlabel("Gate, the newest at the right")
    axes.set_ylabel(unit)
    starts = [0, *series.changes]
    for start, end in zip(starts, [*series.changes, len(values)], strict=True):
        mean = sum(values[start:end]) / (end - start)
        axes.plot([start + 0.6, end + 0.4], [mean, mean], color=light("series1"), linewidth=1.6,
                  zorder=3)  # fmt: skip
    for at in series.changes if len(series.changes) <= _MOST_LINES else ():
        axes.axvline(at + 0.5, color=light("series2"), linewidth=1.3, linestyle=(0, (5, 2)))
    marks = [(place, value) for place, value in enumerate(values, 1)]
    dots(axes, marks, 4.2, 4, edgecolor=light("series6"))
    newest = list(zip(marks, series.points, strict=True))[-_MOST_HINTS:]
    for (place, value), point in newest:
        told = value_text(point.value, series.unit)
        hint(axes, place, value, f"gate {place}, {_day(point.time)}: {told}")
