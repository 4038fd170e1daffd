"""A figure of a benchmark over time, with the places where its level changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.gate.history import Series
from harness.gate.words import value_text
from harness.study.formatting import day, plural

from ..palette import light
from .canvas import COLUMN, Picture, dots, limits, paint, panel, ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_UNITS = {
    "s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")),
    "bytes": ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B")),
    "count": ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")),
}
_HEIGHT = 1.9


def draw_series(series: Series) -> Picture:
    """Draw one series, gate by gate."""
    points = series.points
    size, unit = _unit(series)
    first, last = points[0], points[-1]
    changed = ", ".join(f"gate {at + 1} ({_day(points[at].time)})" for at in series.changes)
    said = f"Its level changed at {changed}." if series.changes else "No change of level is found."
    return paint(
        (COLUMN, _HEIGHT),
        lambda figure: _draw(figure, series, size, unit),
        alt=f"{series.figure} of {series.benchmark} over {plural(len(points), 'gate')}, from "
        f"{value_text(first.value, series.unit)} to {value_text(last.value, series.unit)}. {said}",
        caption=f"{series.benchmark} · {series.figure}: {plural(len(points), 'gate')}, "
        f"{_day(first.time)} to {_day(last.time)}. Line: mean between changes. {said}",
    )


def _day(time: str) -> str:
    try:
        return day(time)
    except ValueError:
        return "an unknown day"


def _unit(series: Series) -> tuple[float, str]:
    middle = sorted(abs(each.value) for each in series.points)[len(series.points) // 2]
    known = _UNITS.get(series.unit, ())
    return next(((size, name) for size, name in known if middle >= size), (1.0, series.unit))


def _draw(figure: Figure, series: Series, size: float, unit: str) -> None:
    axes = panel(figure, 0.72, 0.46, COLUMN - 0.72 - 0.14, _HEIGHT - 0.46 - 0.14)
    values = [each.value / size for each in series.points]
    axes.set_xlim(0.5, max(len(values), 2) + 0.5)
    axes.set_ylim(*limits(values, 0.12))
    axes.autoscale(enable=False)
    ticks(axes.yaxis, 4)
    ticks(axes.xaxis, 6, whole=True)
    axes.set_xlabel("Gate, the newest at the right")
    axes.set_ylabel(unit if unit != "count" else "Count")
    axes.grid(axis="y")
    starts = [0, *series.changes]
    for start, end in zip(starts, [*series.changes, len(values)], strict=True):
        mean = sum(values[start:end]) / (end - start)
        axes.plot([start + 0.6, end + 0.4], [mean, mean], color=light("series1"), linewidth=1.6,
                  zorder=3)  # fmt: skip
    for at in series.changes:
        axes.axvline(at + 0.5, color=light("series2"), linewidth=1.3, linestyle=(0, (5, 2)))
    marks = [(place, value) for place, value in enumerate(values, 1)]
    dots(axes, marks, 4.2, 4, edgecolor=light("series6"))
