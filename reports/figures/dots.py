"""Means with intervals as rows of dots: the levels of every factor, or every arm with its seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.judging.results import Results
from harness.judging.summaries import ArmSummary
from harness.study.designs import comparable
from harness.study.formatting import cut, join, level_text
from harness.study.metrics import Metric

from ..palette import light
from ..text import axis_title, factor_of, in_title
from .canvas import COLUMN, MANY, Picture, dots, limits, paint, panel, plain, ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Row:
    """One mean, in the unit of the axis, and the single values behind it where they are shown."""

    label: str
    mean: float
    low: float
    high: float
    n: int
    points: tuple[float, ...] = ()


@dataclass(frozen=True)
class Dots:
    """Rows under headings.

    Attributes:
        metric: what they are means of.
        groups: headings with their rows.
        what: what there is a row for.
        restricted: which arms are behind them, where not all are.
        span: what the axis shows, where there are several parts.
    """

    metric: Metric
    groups: tuple[tuple[str, tuple[Row, ...]], ...]
    what: str
    restricted: str = ""
    span: tuple[float, float] | None = None


def level_dots(results: Results, metric: Metric) -> Dots | None:
    """Work out the main effects: the mean at each level of each factor."""
    groups = []
    for factor in results.declaration.factors:
        rows = tuple(
            _row(summary, metric)
            for summary in results.summaries
            if summary.factor == factor.name and summary.metric == metric.name
        )
        if rows and any(math.isfinite(row.mean) for row in rows):
            groups.append((factor.name, rows))
    if not groups:
        return None
    return Dots(metric, tuple(groups), "level of each factor", _restricted(results))


def _restricted(results: Results) -> str:
    """Say of which factors only some arms have levels that can be compared, and which arms."""
    said = []
    for factor in results.declaration.factors:
        levels = [
            level
            for level in factor.named
            if any(arm.levels[factor.name] == level for arm in results.arms)
        ]
        groups = comparable(results.arms, [{factor.name: level} for level in levels])
        kept = []
        for other in results.declaration.factors:
            if other.name == factor.name:
                continue
            names = {arm.levels[other.name].name for arm in results.arms}
            shown = dict.fromkeys(arm.levels[other.name].name for group in groups for arm in group)
            if set(shown) < names:
                kept.append(f"{other.name} = {' or '.join(shown)}")
        if kept and len(levels) > 1:
            said.append(f"{factor.name} at {join(kept)} only")
    return f" Where arms are alike in all other factors: {'; '.join(said)}." if said else ""


TOGETHER = 30
"""Arms in one picture, which must fit on a page."""

DRAWN = 300
"""Arms that are drawn of each metric: ten pictures. The table of arms has all."""


def arm_dots(results: Results, metric: Metric) -> tuple[Dots, ...]:
    """Work out the mean of each arm, with the value of every seed, in as many parts as it takes."""
    scale = factor_of(metric)
    arms = [each for each in results.summaries if not each.factor and each.metric == metric.name]
    points: dict[str, list[float]] = {}
    for record in results.records:
        value = record.metrics.get(metric.name, math.nan)
        if record.role == "evaluate" and record.state == "complete" and math.isfinite(value):
            points.setdefault(record.arm, []).append(scale * value)
    rows = tuple(
        replace(
            _row(summary, metric, points.get(summary.group, ())),
            label=f"{number}. {summary.group}",
        )
        for number, summary in enumerate(arms, 1)
    )
    if not any(math.isfinite(row.mean) for row in rows):
        return ()
    left_out = ""
    if len(rows) > DRAWN:
        left_out = f" The first {DRAWN} of {len(rows):,} arms are drawn; the table has all."
        rows = rows[:DRAWN]
    count = -(-len(rows) // TOGETHER)
    size = -(-len(rows) // count)
    span = limits([value for row in rows for value in _shown(row)])
    return tuple(
        Dots(metric, (("", rows[start : start + size]),), "arm", left_out, span)
        for start in range(0, len(rows), size)
    )


def _shown(row: Row) -> list[float]:
    values = (row.mean, row.low, row.high, *row.points)
    return [value for value in values if math.isfinite(value)]


def _row(summary: ArmSummary, metric: Metric, points: Sequence[float] = ()) -> Row:
    scale = factor_of(metric)
    low, high = cut(metric, summary.low, summary.high)
    return Row(
        summary.group, scale * summary.mean, scale * low, scale * high, summary.n, tuple(points)
    )


LINE = 0.25


def draw_dots(values: Dots) -> Picture:
    """Draw the rows, headings in bold."""
    metric = values.metric
    scale = factor_of(metric)
    said = join(
        f"{f'{heading} ' if heading else ''}{row.label} {level_text(metric, row.mean / scale)}"
        for heading, rows in values.groups
        for row in rows
    )
    dotted = any(row.points for _, rows in values.groups for row in rows)
    dots = " Small dots: single seeds; numbers as in the table of arms." if dotted else ""
    lines = sum(len(rows) + bool(heading) for heading, rows in values.groups)
    counts = sorted({row.n for _, rows in values.groups for row in rows})
    n = f"n = {counts[0]}" if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]}"
    return paint(
        (COLUMN, 0.62 + LINE * lines),
        lambda figure: _draw(figure, values, lines),
        alt=f"Mean {in_title(metric)} by {values.what}: {said}.",
        caption=f"{metric.title} by {values.what}: mean and 95 % t interval over seeds ({n}), "
        f"not corrected and cut at the metric's range: for description, not for verdicts."
        f"{dots}{values.restricted}",
    )


def _draw(figure: Figure, values: Dots, lines: int) -> None:
    widest = max(max(len(heading), *(len(row.label) for row in rows)) for heading, rows in values.groups)
    left = min(0.35 + 0.078 * widest, 2.6)
    axes = panel(figure, left, 0.5, COLUMN - left - 0.14, LINE * lines + 0.06)
    color = light("series1")
    place = 0
    labels: list[str] = []
    for heading, rows in values.groups:
        if heading:
            axes.text(
                -0.02, place, plain(heading, 34), transform=axes.get_yaxis_transform(),
                ha="right", va="center", fontweight="bold",
            )  # fmt: skip
            labels.append("")
            place += 1
        for row in rows:
            labels.append(plain(row.label, 34))
            ends = [end for end in (row.low, row.high) if math.isfinite(end)]
            if len(row.points) > MANY:
                marks = [(value, place) for value in row.points]
                dots(axes, marks, 3.4, 2, alpha=0.55, edgecolor=light("series6"))
            elif row.points:
                axes.plot(
                    row.points, [place] * len(row.points), "o", markersize=3.4, alpha=0.55,
                    color=light("series6"), markeredgewidth=0, zorder=2,
                )  # fmt: skip
            if len(ends) == 2:
                axes.plot(ends, [place, place], color=color, linewidth=2.0, zorder=3)
            if math.isfinite(row.mean):
                axes.plot([row.mean], [place], "D", color=color, markersize=5.2, zorder=4)
            place += 1
    axes.set_ylim(lines - 0.4, -0.6)
    axes.set_yticks(range(lines), labels)
    shown = [value for _, rows in values.groups for row in rows for value in _shown(row)]
    axes.set_xlim(*(values.span or limits(shown)))
    axes.grid(axis="both")
    ticks(axes.xaxis, 5)
    axes.set_xlabel(plain(axis_title(values.metric), 60))
