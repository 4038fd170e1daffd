"""Means with intervals as rows of dots: the levels of every factor, or every arm with its seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.judging.results import Results
from harness.judging.summaries import ArmSummary
from harness.study.designs import comparable
from harness.study.formatting import cut, in_sentence, join, level_text, spread_text
from harness.study.metrics import Metric

from ..levels import NEUTRAL, Levels, Look, levels_of
from ..text import axis_title, factor_of, part_text
from .canvas import (
    COLUMN,
    MANY,
    Picture,
    dots,
    hint,
    limits,
    paint,
    panel,
    plain,
    wrapped,
)  # fmt: skip
from .labels import LINE as NEXT
from .labels import longest
from .marks import place_ticks, ticks
from .scales import LETTER, ems

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
    look: Look = NEUTRAL


@dataclass(frozen=True)
class Dots:
    """Rows under headings.

    Attributes:
        metric: what they are means of.
        groups: headings with their rows.
        what: what there is a row for.
        restricted: which arms are behind them, where not all are.
        span: what the axis shows, where there are several parts.
        part: its number from 1, where there are several.
    """

    metric: Metric
    groups: tuple[tuple[str, tuple[Row, ...]], ...]
    what: str
    restricted: str = ""
    span: tuple[float, float] | None = None
    part: int = 0


def level_dots(results: Results, metric: Metric) -> Dots | None:
    """Work out the main effects: the mean at each level of each factor."""
    groups = []
    levels = levels_of(results)
    for factor in results.declaration.factors:
        rows = tuple(
            replace(_row(summary, metric), look=levels.look({factor.name: summary.group}))
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


TOGETHER = 44
"""Lines in one picture, which must fit on a page: arms, and the headings that they stand under."""

DRAWN = 300
"""Arms that are drawn of each metric. The table of arms has all."""

Named = tuple[str, tuple[Row, ...]]


def arm_dots(results: Results, metric: Metric) -> tuple[Dots, ...]:
    """Work out the mean of each arm, with the value of every seed, in as many parts as it takes.

    Arms stand under what they share, best group first, and say what tells them apart; where each
    would be alone in its group, they are in the order of their means.
    """
    scale = factor_of(metric)
    arms = [each for each in results.summaries if not each.factor and each.metric == metric.name]
    points: dict[str, list[float]] = {}
    for record in results.records:
        value = record.metrics.get(metric.name, math.nan)
        if record.role == "evaluate" and record.state == "complete" and math.isfinite(value):
            points.setdefault(record.arm, []).append(scale * value)
    levels = levels_of(results)
    rows = {
        each.group: replace(
            _row(each, metric, points.get(each.group, ())),
            label=levels.short(each.group), look=levels.of_arm(each.group),
        )
        for each in arms
    }  # fmt: skip
    if not any(math.isfinite(row.mean) for row in rows.values()):
        return ()
    groups, left_out = _first(_nested(levels, rows, metric)), ""
    if len(rows) > DRAWN:
        left_out = f" The first {DRAWN} of {len(rows):,} arms are drawn; the table has all."
    span = limits([value for _, group in groups for row in group for value in _shown(row)])
    parts = _parts(groups)
    return tuple(
        Dots(metric, part, "arm", left_out, span, number if len(parts) > 1 else 0)
        for number, part in enumerate(parts, 1)
    )


def _nested(levels: Levels, rows: Mapping[str, Row], metric: Metric) -> list[Named]:
    """Put arms under what they share, best first."""
    sign = 1.0 if metric.better == "lower" else -1.0

    def rank(row: Row) -> float:
        return sign * row.mean if metric.better and math.isfinite(row.mean) else math.inf

    inner = max(levels.factors, key=lambda each: len(each[1]), default=("", ()))
    groups: dict[str, list[tuple[int, Row]]] = {}
    for name, row in rows.items():
        arm = levels.named.get(name)
        if arm is None or len(levels.factors) < 2:
            break
        own = arm.levels[inner[0]].name
        label = f"{inner[0]}={own}"
        shared = ", ".join(part for part in levels.parts(name) if part != label)
        groups.setdefault(shared, []).append((inner[1].index(own), replace(row, label=label)))
    if not groups or len(rows) < 2 * len(groups):
        return [("", tuple(sorted(rows.values(), key=rank)))]
    found: list[Named] = [
        (heading, tuple(row for _, row in sorted(group, key=lambda each: each[0])))
        for heading, group in groups.items()
    ]
    return sorted(found, key=lambda each: min(map(rank, each[1])))


def _first(groups: Sequence[Named]) -> list[Named]:
    """Return the first groups, up to as many arms as are drawn."""
    found, left = list[Named](), DRAWN
    for heading, rows in groups:
        if left > 0:
            found.append((heading, rows[:left]))
            left -= len(rows)
    return found


def _parts(groups: Sequence[Named]) -> list[tuple[Named, ...]]:
    """Divide groups over pictures of about equally many lines; one that is parted goes on."""
    lines = sum(len(rows) + bool(heading) for heading, rows in groups)
    together = int(TOGETHER * LINE / _line(groups))
    most = -(-lines // -(-lines // together)) + 1
    parts: list[list[Named]] = [[]]
    left = most
    for heading, rows in groups:
        at = 0
        while at < len(rows):
            head = bool(heading)
            if left < head + 1:
                parts.append([])
                left = most
            size = left - head
            again = f"{heading} (more)" if at and heading else heading
            parts[-1].append((again, rows[at : at + size]))
            left -= head + len(rows[at : at + size])
            at += size
    return [tuple(part) for part in parts]


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


def _line(groups: Sequence[Named]) -> float:
    """Return the height of a line in inches: more, where names take two."""
    two = any("\n" in _named(row) for _, rows in groups for row in rows)
    return LINE + two * NEXT / 72


def _named(row: Row) -> str:
    label = plain(row.label, 60)
    usual = LETTER * len(label) / ems(label) if label else 1.0  # less, where letters are wide
    return wrapped(label, int(26 * min(usual, 1.0)), 2)


_MOST_HINTS = 60
_LEAST = 0.7  # inches that there are at the left, for headings


def _told(metric: Metric, heading: str, row: Row, scale: float) -> str:
    spread = ""
    if math.isfinite(row.low) and math.isfinite(row.high):
        spread = f" {spread_text(metric, row.low / scale, row.high / scale)}"
    of = f"{heading}, {row.label}" if heading else row.label
    return f"{of}: {level_text(metric, row.mean / scale)}{spread}, n = {row.n}"


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
    dots = " Small dots: single seeds." if dotted else ""
    lines = sum(len(rows) + bool(heading) for heading, rows in values.groups)
    counts = sorted({row.n for _, rows in values.groups for row in rows})
    n = f"n = {counts[0]}" if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]}"
    return paint(
        (COLUMN, 0.62 + _line(values.groups) * lines),
        lambda figure: _draw(figure, values, lines),
        alt=f"Mean {in_sentence(metric.title)} by {values.what}: {said}.",
        caption=f"{metric.title} by {values.what}: mean and 95 % t interval over seeds ({n}), "
        f"not corrected and cut at the metric's range: for description, not for verdicts."
        f"{dots}{values.restricted}",
        title=f"Mean {in_sentence(metric.title)} by {values.what}{part_text(values.part)}",
    )


def _draw(figure: Figure, values: Dots, lines: int) -> None:
    from matplotlib.transforms import blended_transform_factory

    names = [_named(row) for _, rows in values.groups for row in rows]
    left = 0.25 + max(longest(names), _LEAST)
    axes = panel(figure, left, 0.5, COLUMN - left - 0.17, _line(values.groups) * lines + 0.06)
    across = blended_transform_factory(figure.transFigure, axes.transData)
    scale = factor_of(values.metric)
    hinted = sum(len(rows) for _, rows in values.groups) <= _MOST_HINTS
    place = 0
    labels: list[str] = []
    for heading, rows in values.groups:
        if heading:
            axes.text(
                0.06 / COLUMN, place, plain(heading, 60), transform=across, ha="left",
                va="center", fontweight="bold", zorder=5,
            )  # fmt: skip
            labels.append("")
            place += 1
        for row in rows:
            labels.append(_named(row))
            ends = [end for end in (row.low, row.high) if math.isfinite(end)]
            if len(row.points) > MANY:
                marks = [(value, place) for value in row.points]
                dots(axes, marks, 3.4, 2, alpha=0.45, edgecolor=row.look.color)
            elif row.points:
                axes.plot(
                    row.points, [place] * len(row.points), "o", markersize=3.4, alpha=0.45,
                    color=row.look.color, markeredgewidth=0, zorder=2,
                )  # fmt: skip
            if len(ends) == 2:
                axes.plot(ends, [place, place], color=row.look.color, linewidth=2.0, zorder=3)
            if math.isfinite(row.mean):
                axes.plot(
                    [row.mean], [place], marker=row.look.marker, color=row.look.color,
                    markersize=5.8, zorder=4,
                )  # fmt: skip
                if hinted:
                    hint(axes, row.mean, place, _told(values.metric, heading, row, scale))
            place += 1
    axes.set_ylim(lines - 0.4, -0.6)
    place_ticks(axes.yaxis, range(lines), labels, grid=True)
    shown = [value for _, rows in values.groups for row in rows for value in _shown(row)]
    axes.set_xlim(*(values.span or limits(shown)))
    ticks(axes.xaxis, 5, grid=True)
    axes.set_xlabel(plain(axis_title(values.metric), 60))
