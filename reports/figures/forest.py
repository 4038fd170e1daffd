"""Forest plot: every claim's effect with its interval, against 0 and the margin."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.verdicts import Verdict, Word
from reports.figures.canvas import COLUMN, Picture, limits, paint, panel, plain, ticks
from reports.palette import light
from reports.text import effect_text, factor_of, in_title, interval_text, join, unit_of
from reports.words import LOOKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class ForestRow:
    """One claim, in the unit of the axis."""

    number: int
    text: str
    word: Word
    effect: float
    low: float
    high: float
    margin: float
    said: str


@dataclass(frozen=True)
class Forest:
    """Claims that share an axis: those on metrics of one unit."""

    title: str
    rows: tuple[ForestRow, ...]


def forests(verdicts: Sequence[Verdict]) -> list[Forest]:
    """Group claims by unit, since effects in different units share no axis."""
    groups: dict[str, list[ForestRow]] = {}
    metrics: dict[str, list[str]] = {}
    for number, verdict in enumerate(verdicts, 1):
        metric = verdict.metric
        # Metrics without a unit are not commensurable either: each has an axis of its own.
        group = unit_of(metric, difference=True) or metric.title
        scale = factor_of(metric)
        said = (
            f"claim {number}, {verdict.word}, {effect_text(metric, verdict.effect)} "
            f"{interval_text(metric, verdict.low, verdict.high)}"
        )
        row = ForestRow(
            number, verdict.claim.text, verdict.word, scale * verdict.effect,
            scale * verdict.low, scale * verdict.high, scale * verdict.claim.by, said,
        )  # fmt: skip
        groups.setdefault(group, []).append(row)
        names = metrics.setdefault(group, [])
        if in_title(metric) not in names:
            names.append(in_title(metric))
    return [
        Forest(
            f"Difference in {join(metrics[group])}"
            + (f" ({group})" if group in ("nats", "pp") else ""),
            tuple(rows),
        )
        for group, rows in groups.items()
    ]


LEFT, RIGHT, ROW, FOOT = 0.1, 0.1, 0.72, 0.52


def draw_forest(forest: Forest, interval: str) -> Picture:
    """Draw one axis of claims; ``interval`` says which interval and over how many seeds."""
    height = FOOT + ROW * len(forest.rows) + 0.08
    rows = "; ".join(row.said for row in forest.rows)
    return paint(
        (COLUMN, height),
        lambda figure: _draw(figure, forest),
        alt=f"{forest.title}: {rows}.",
        caption=f"{forest.title}, claim by claim. Mark: mean; bar: {interval}. The shaded band is "
        "±δ, the claim's own margin, and its right edge is what was claimed.",
    )


def _draw(figure: Figure, forest: Forest) -> None:
    rows = forest.rows
    axes = panel(figure, LEFT, FOOT, COLUMN - LEFT - RIGHT, ROW * len(rows))
    ends = [
        end
        for row in rows
        for end in (row.low, row.high, row.effect, row.margin, -row.margin)
        if math.isfinite(end)
    ]
    axes.set_xlim(*limits([0.0, *ends]))
    axes.autoscale(enable=False)
    axes.set_ylim(len(rows), 0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    ticks(axes.xaxis, 5)
    axes.set_xlabel(plain(forest.title, 90))
    # Lines stand beside the intervals only, and leave the sentences between them alone.
    for place in range(len(rows)):
        ends_at = (place + 0.74 - 0.24, place + 0.74 + 0.24)
        for tick in axes.get_xticks():
            axes.plot([tick, tick], ends_at, color=light("grid"), linewidth=0.8, zorder=0.5)
        axes.plot([0, 0], ends_at, color=light("axis"), linewidth=1.2, zorder=1.5)
    for place, row in enumerate(rows):
        _draw_row(axes, place, row)


def _draw_row(axes: Axes, place: int, row: ForestRow) -> None:
    look = LOOKS[row.word]
    tone = light(look.tone)
    at = place + 0.74
    axes.fill_between(
        [-row.margin, row.margin], at - 0.2, at + 0.2, color=light("band"), linewidth=0
    )
    for edge in (-row.margin, row.margin):
        axes.plot(
            [edge, edge], [at - 0.2, at + 0.2], color=light("axis"), linewidth=0.9,
            linestyle="solid" if edge > 0 else (0, (2, 2)),
        )  # fmt: skip
    lines = textwrap.wrap(
        plain(f"{row.number}  {row.text}", 400), 66, max_lines=2, placeholder=" …"
    )
    axes.text(
        0.0, place + 0.5, "\n".join(lines), transform=axes.get_yaxis_transform(),
        va="bottom", ha="left", fontsize=9.0, linespacing=1.1, zorder=2,
    )  # fmt: skip
    if math.isfinite(row.low) and math.isfinite(row.high):
        axes.plot([row.low, row.high], [at, at], color=tone, linewidth=2.2, zorder=3)
    if math.isfinite(row.effect):
        axes.plot(
            [row.effect], [at], marker=look.marker, color=tone, markersize=8, zorder=4,
            markerfacecolor=tone if look.filled else light("card"), markeredgewidth=1.6,
        )  # fmt: skip
    else:
        axes.text(
            0.5, at, "no interval: not assessable", transform=axes.get_yaxis_transform(),
            va="center", ha="center", color=light("muted"), style="italic",
        )  # fmt: skip
