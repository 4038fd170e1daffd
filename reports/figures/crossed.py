"""Two factors against each other: the interaction plot, and the heat map of arm means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.judging.results import Results
from harness.judging.summaries import ArmSummary
from harness.study.formatting import alike, cut, level_text
from harness.study.metrics import Metric

from ..palette import light
from ..text import axis_title, factor_of, in_title
from .canvas import (
    COLUMN,
    Picture,
    labelled,
    limits,
    paint,
    panel,
    plain,
    series,
    ticks,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LINES = 8
TALL = 4.0
"""Inches; about as tall as the two figures that stand beside it."""


@dataclass(frozen=True)
class Cell:
    """One arm's mean, in the unit of the axis."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Crossed:
    """Means over two factors; ``None`` where no such arm was run.

    Attributes:
        metric: what is averaged.
        across: the factor with more levels, and their names.
        lines: the other factor, and the names of its levels.
        cells: a row for each level of ``lines``, a column for each of ``across``.
    """

    metric: Metric
    across: tuple[str, tuple[str, ...]]
    lines: tuple[str, tuple[str, ...]]
    cells: tuple[tuple[Cell | None, ...], ...]


def crossed(results: Results, metric: Metric) -> Crossed | None:
    """Work out the means; ``None`` unless the study has two factors, both of several levels."""
    if len(results.declaration.factors) != 2:
        return None
    first, second = results.declaration.factors
    run = {
        factor.name: tuple(dict.fromkeys(arm.levels[factor.name].name for arm in results.arms))
        for factor in (first, second)
    }
    lines, across = sorted((first.name, second.name), key=lambda name: len(run[name]))
    if len(run[lines]) < 2:
        return None
    means = {
        summary.group: summary
        for summary in results.summaries
        if not summary.factor and summary.metric == metric.name
    }
    arms = {(arm.levels[lines].name, arm.levels[across].name): arm.name for arm in results.arms}
    cells = tuple(
        tuple(_cell(means.get(arms.get((row, column), "")), metric) for column in run[across])
        for row in run[lines]
    )
    if not any(cell for row in cells for cell in row):
        return None
    return Crossed(metric, (across, run[across]), (lines, run[lines]), cells)


def _cell(summary: ArmSummary | None, metric: Metric) -> Cell | None:
    if summary is None or not math.isfinite(summary.mean):
        return None
    scale = factor_of(metric)
    low, high = cut(metric, summary.low, summary.high)
    return Cell(scale * summary.mean, scale * low, scale * high, summary.n)


def has_lines(values: Crossed) -> bool:
    """Whether an interaction plot shows anything: few enough lines, one with two points."""
    return len(values.cells) <= MOST_LINES and any(
        sum(cell is not None for cell in row) > 1 for row in values.cells
    )


def _said(values: Crossed) -> str:
    metric = values.metric
    scale = factor_of(metric)
    return "; ".join(
        f"{values.lines[0]}={row_name}: "
        + ", ".join(
            f"{level_text(metric, cell.mean / scale)} at {values.across[0]}={column}"
            for column, cell in zip(values.across[1], row, strict=True)
            if cell
        )
        for row_name, row in zip(values.lines[1], values.cells, strict=True)
    )


def draw_lines(values: Crossed) -> Picture:
    """Draw a line for each level of one factor over the levels of the other."""
    metric = values.metric
    return paint(
        (COLUMN, TALL),
        lambda figure: _draw_lines(figure, values),
        alt=f"Interaction of {values.lines[0]} and {values.across[0]} in mean {in_title(metric)}. "
        f"{_said(values)}.",
        caption=f"{metric.title}: mean of each arm with its 95 % t interval over seeds, not "
        "corrected and cut at the metric's range. Lines that do not run parallel are what an "
        "interaction looks like.",
    )


def _draw_lines(figure: Figure, values: Crossed) -> None:
    count = len(values.across[1])
    room = 0.19 * len(values.cells)
    names, aslant = _names(values)
    tall = max((len(name.split("\n")) for name in names), default=1)
    bottom = 0.4 + (aslant or 0.15 * tall)
    axes = panel(figure, 0.68, bottom, 3.62, TALL - 0.12 - bottom - room)
    shown: list[float] = []
    for place, (name, row) in enumerate(zip(values.lines[1], values.cells, strict=True)):
        # Sideways steps keep the intervals of neighbouring lines from hiding one another.
        step = 0.07 * (place - (len(values.cells) - 1) / 2)
        look = series(place)
        at = [column + step for column, cell in enumerate(row) if cell]
        cells = [cell for cell in row if cell]
        axes.plot(
            at, [cell.mean for cell in cells], linewidth=2.0, markersize=5.5, zorder=3,
            label=labelled(f"{values.lines[0]}={name}", 50), **look,
        )  # fmt: skip
        for x, cell in zip(at, cells, strict=True):
            shown.append(cell.mean)
            if math.isfinite(cell.low) and math.isfinite(cell.high):
                axes.plot([x, x], [cell.low, cell.high], color=look["color"], linewidth=1.4)
                shown += [cell.low, cell.high]
    axes.set_xlim(-0.4, count - 0.6)
    axes.set_xticks(range(count), names)
    if aslant:
        _slant(axes)
    axes.set_ylim(*limits(shown))
    ticks(axes.yaxis, 5)
    axes.set_xlabel(plain(values.across[0]))
    axes.set_ylabel(plain(axis_title(values.metric), 44))
    axes.grid(axis="y")
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.02, 1.0), borderaxespad=0.0, labelspacing=0.25,
        handlelength=3.2,
    )  # fmt: skip


def _wrapped(name: str, count: int) -> str:
    width = max(4, 48 // max(count, 1))
    return wrapped(plain(name, 60), width)


def draw_heat(values: Crossed) -> Picture:
    """Draw the means as a table of shades, each with its number and n."""
    metric = values.metric
    rows, columns = len(values.cells), len(values.across[1])
    height = 0.6 + _names(values)[1] + max(0.5, min(0.62, 6 / rows)) * rows
    return paint(
        (COLUMN, height),
        lambda figure: _draw_heat(figure, values, height, columns),
        alt=f"Table of mean {in_title(metric)}. {_said(values)}.",
        caption=f"{metric.title}: mean of each arm over n seeds; the darker, the higher. Blank: "
        "not run, or no trial finished.",
    )


def _draw_heat(figure: Figure, values: Crossed, height: float, columns: int) -> None:
    import numpy as np
    import seaborn as sns

    widest = max(len(name) for name in values.lines[1])
    left = min(0.62 + 0.068 * widest, 1.6)
    names, room = _names(values)
    axes = panel(figure, left, 0.5 + room, COLUMN - left - 0.1, height - 0.6 - room)
    data = np.array([[cell.mean if cell else np.nan for cell in row] for row in values.cells])
    small = columns > 6
    notes = np.array(_notes(values, small=small))
    low, high = limits([float(value) for value in data[np.isfinite(data)]], pad=0.02)
    # one hue from pale to dark; on a dark page it stays as it is
    shades = sns.blend_palette(["#d3e1ef", "#5f8fbf", "#174a7c"], as_cmap=True)
    sns.heatmap(
        data, ax=axes, annot=notes, fmt="", cmap=shades, cbar=False, vmin=low, vmax=high,
        linewidths=2.0, linecolor=light("card"), mask=~np.isfinite(data),
        annot_kws={"fontsize": 7.0 if small else 9.0, "linespacing": 1.25},
        xticklabels=names,
        yticklabels=[wrapped(plain(name, 40), 14, 2) for name in values.lines[1]],
    )  # fmt: skip
    _tidy(axes, values)
    if room:
        _slant(axes)
    seen = np.asarray(axes.collections[0].get_facecolor())[np.isfinite(data).ravel()]
    for text, shade in zip(axes.texts, seen, strict=True):
        text.set_color(_on(shade))


def _names(values: Crossed) -> tuple[list[str], float]:
    """Return the names across, and the height, in inches, that they need aslant; 0 for upright.

    Upright, they are broken between words; names of which a word is too long are set aslant.
    """
    count = max(1, len(values.across[1]))
    words = [word for name in values.across[1] for word in plain(name, 60).split()]
    if max(map(len, words), default=0) * 0.068 <= (COLUMN - 1.0) / count:
        return [_wrapped(name, count) for name in values.across[1]], 0.0
    names = [plain(name, 14) for name in values.across[1]]
    return names, 0.045 * max(map(len, names)) + 0.15


def _slant(axes: Axes) -> None:
    for label in axes.get_xticklabels():
        label.set(rotation=45, ha="right", rotation_mode="anchor")


def _on(shade: Sequence[float]) -> str:
    """Return the text colour that stands out more from a shade; neither has a dark partner."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in shade[:3]
    )
    return "#ffffff" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.18 else "#0f1419"


def _tidy(axes: Axes, values: Crossed) -> None:
    axes.tick_params(length=0, rotation=0)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_rotation(0)
    axes.set_xlabel(plain(values.across[0]))
    axes.set_ylabel(plain(values.lines[0]))


def _notes(values: Crossed, *, small: bool) -> list[list[str]]:
    fraction = values.metric.unit == "fraction"
    means = [cell.mean for row in values.cells for cell in row if cell]
    texts = iter(alike(means, fraction=fraction))
    return [
        [next(texts) + ("" if small else f"\nn = {cell.n}") if cell else "" for cell in row]
        for row in values.cells
    ]
