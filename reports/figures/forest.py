"""Forest plot: every claim's effect with its interval, against 0 and the margin."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.judging.verdicts import Verdict
from harness.judging.words import Word
from harness.study.claims import Claim, Equivalent, NotWorse
from harness.study.formatting import effect_text, interval_text, join

from ..intervals import family_name, interval_name, is_counted, is_exact
from ..palette import light
from ..text import factor_of, in_title, unit_of
from ..words import APPEARANCES
from .canvas import COLUMN, Picture, limits, paint, panel, plain
from .margins import DASHED, Margin, band_text, effect_ticks, margin_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class ForestRow:
    """One claim, in the unit of the axis: differences, or logarithms of ratios."""

    number: int
    text: str
    word: Word
    effect: float
    low: float
    high: float
    margin: Margin
    exact: bool
    said: str


@dataclass(frozen=True)
class Forest:
    """Claims that share an axis: those on metrics of one unit, or all those on ratios.

    Attributes:
        title: what is compared.
        axis: the same, or less where that would be too long for an axis.
        relative: whether effects are logarithms of ratios.
        rows: top to bottom.
        interval: which interval they have, and over how many seeds; empty where none has one.
        kinds: of the claims, which decide what the edges of their bands mean.
    """

    title: str
    axis: str
    relative: bool
    rows: tuple[ForestRow, ...]
    interval: str
    kinds: frozenset[type[Claim]]


def forests(verdicts: Sequence[Verdict]) -> list[Forest]:
    """Group claims by unit, since effects in different units share no axis."""
    groups: dict[str, list[tuple[int, Verdict]]] = {}
    for number, verdict in enumerate(verdicts, 1):
        groups.setdefault(_axis(verdict), []).append((number, verdict))
    return [
        Forest(
            *_titles([verdict for _, verdict in own]),
            own[0][1].metric.relative,
            tuple(_row(number, verdict) for number, verdict in own),
            _interval([verdict for _, verdict in own], verdicts),
            frozenset(type(verdict.claim) for _, verdict in own),
        )
        for own in groups.values()
    ]


def _axis(verdict: Verdict) -> str:
    """Name what can share an axis: what has one unit, but nothing that would dwarf the rest."""
    if verdict.metric.relative:
        ends = (verdict.by, verdict.seen.effect, verdict.seen.low, verdict.seen.high)
        near = all(abs(end) < NEAR for end in ends if math.isfinite(end))
        return "ratio near 1" if near else "ratio"
    if is_counted(verdict):
        return "counted"
    return unit_of(verdict.metric, difference=True) or verdict.metric.title


def _titles(verdicts: Sequence[Verdict]) -> tuple[str, str]:
    """Title an axis, in full and so short that it fits."""
    metric = verdicts[0].metric
    names = join(dict.fromkeys(in_title(each.metric) for each in verdicts))
    unit = unit_of(metric, difference=True)
    end = f" ({unit})" if unit else ""
    what, of = ("Ratio", "of") if metric.relative else ("Difference", "in")
    title = f"{what} {of} {names}{end}"
    return title, title if len(title) <= LONGEST else what + end


def _interval(own: Sequence[Verdict], verdicts: Sequence[Verdict]) -> str:
    name = interval_name(own)
    return name + family_name(verdicts) if name else ""


def _row(number: int, verdict: Verdict) -> ForestRow:
    metric, seen, scale = verdict.metric, verdict.seen, factor_of(verdict.metric)
    exact = is_exact(verdict)
    interval = "exact" if exact else interval_text(metric, seen.low, seen.high)
    return ForestRow(
        number, verdict.claim.text, verdict.word, scale * seen.effect, scale * seen.low,
        scale * seen.high, margin_of(verdict), exact,
        f"claim {number}, {verdict.word}, {effect_text(metric, seen.effect)} {interval}",
    )  # fmt: skip


NEAR = math.log(1.4)
"""Ratios within this have an axis of their own: beside one of 10, 1.05 is 1."""

LONGEST = 54
"""Characters of a title that fit below an axis."""

LEFT, RIGHT, ROW, FOOT = 0.1, 0.1, 0.72, 0.52


def draw_forest(forest: Forest) -> Picture:
    """Draw one axis of claims."""
    height = FOOT + ROW * len(forest.rows) + 0.08
    rows = "; ".join(row.said for row in forest.rows)
    return paint(
        (COLUMN, height),
        lambda figure: _draw(figure, forest),
        alt=f"{forest.title}: {rows}.",
        caption=_caption(forest),
    )


def _caption(forest: Forest) -> str:
    mark = "geometric mean" if forest.relative else "mean"
    exact = all(row.exact for row in forest.rows)
    shown = (
        "Mark: the ratio, which is exact and has no interval"
        if exact
        else f"Mark: {mark}; bar: {forest.interval}"
        + ("; a mark alone is exact" if any(row.exact for row in forest.rows) else "")
    )
    others = any(kind not in (Equivalent, NotWorse) for kind in forest.kinds)
    edges = ["the right one, which is what was claimed"] * others
    if Equivalent in forest.kinds:
        edges.append("both, for a claim of equivalence")
    if NotWorse in forest.kinds:
        edges.append("the one on the worse side, for a claim of “not worse”")
    return (
        f"{forest.title}, claim by claim. {shown}. The shaded band is "
        f"{band_text(relative=forest.relative)}, the claim's own margin, and the edge that counts "
        f"is solid: {'; '.join(edges)}."
    )


def _draw(figure: Figure, forest: Forest) -> None:
    rows = forest.rows
    axes = panel(figure, LEFT, FOOT, COLUMN - LEFT - RIGHT, ROW * len(rows))
    ends = [
        end
        for row in rows
        for end in (row.low, row.high, row.effect, *row.margin.ends)
        if math.isfinite(end)
    ]
    axes.set_xlim(*limits([0.0, *ends]))
    axes.autoscale(enable=False)
    axes.set_ylim(len(rows), 0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    effect_ticks(axes.xaxis, 5, relative=forest.relative)
    axes.set_xlabel(plain(forest.axis))
    # Lines stand beside the intervals only, and leave the sentences between them alone.
    for place in range(len(rows)):
        ends_at = (place + 0.74 - 0.24, place + 0.74 + 0.24)
        for tick in axes.get_xticks():
            axes.plot([tick, tick], ends_at, color=light("grid"), linewidth=0.8, zorder=0.5)
        axes.plot([0, 0], ends_at, color=light("axis"), linewidth=1.2, zorder=1.5)
    for place, row in enumerate(rows):
        _draw_row(axes, place, row)


def _draw_row(axes: Axes, place: int, row: ForestRow) -> None:
    shown = APPEARANCES[row.word]
    tone = light(shown.tone)
    at = place + 0.74
    axes.fill_between(row.margin.ends, at - 0.2, at + 0.2, color=light("band"), linewidth=0)
    for edge in row.margin.ends:
        axes.plot(
            [edge, edge], [at - 0.2, at + 0.2], color=light("axis"), linewidth=0.9,
            linestyle="solid" if row.margin.is_solid(edge) else DASHED,
        )  # fmt: skip
    lines = textwrap.wrap(
        plain(f"{row.number}  {row.text}", 400), 66, max_lines=2, placeholder=" …"
    )
    axes.text(
        0.0, place + 0.5, "\n".join(lines), transform=axes.get_yaxis_transform(),
        va="bottom", ha="left", fontsize=9.0, linespacing=1.1, zorder=2,
    )  # fmt: skip
    if not row.exact and math.isfinite(row.low) and math.isfinite(row.high):
        axes.plot([row.low, row.high], [at, at], color=tone, linewidth=2.2, zorder=3)
    if math.isfinite(row.effect):
        axes.plot(
            [row.effect], [at], marker=shown.marker, color=tone, markersize=8, zorder=4,
            markerfacecolor=tone if shown.filled else light("card"), markeredgewidth=1.6,
        )  # fmt: skip
    else:
        axes.text(
            0.5, at, "not measured" if row.exact else "no interval: not assessable",
            transform=axes.get_yaxis_transform(), va="center", ha="center",
            color=light("muted"), style="italic",
        )  # fmt: skip
