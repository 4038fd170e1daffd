"""Paired slope plot and the differences: every seed a line, and what it adds up to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.claims import Equivalent, Higher, Interaction
from harness.levels import level_name
from harness.metrics import Metric
from harness.verdicts import Verdict
from reports.figures.canvas import COLUMN, Picture, limits, paint, panel, plain, ticks, wrapped
from reports.palette import light
from reports.text import (
    axis_title,
    effect_text,
    factor_of,
    interval_text,
    margin_text,
    plural,
    unit_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Paired:
    """Both sides of a claim in each seed, in the unit of the axis."""

    metric: Metric
    names: tuple[str, str]
    axis: str
    first: tuple[float, ...]
    second: tuple[float, ...]
    effect: float
    low: float
    high: float
    margin: float
    alt: str

    @property
    def differences(self) -> tuple[float, ...]:
        """What each seed contributes to the effect."""
        return tuple(a - b for a, b in zip(self.first, self.second, strict=True))


def short_sides(verdict: Verdict) -> tuple[str, str]:
    """Name the two sides by what tells them apart; what they share stands in the text."""
    claim = verdict.claim
    if isinstance(claim, Higher | Equivalent):
        own = [
            {name: level_name(value) for name, value in side.items()}
            for side in claim.partials(lambda _: ())
        ]
        apart = [
            ", ".join(f"{name}={value}" for name, value in side.items() if other.get(name) != value)
            for side, other in (own, own[::-1])
        ]
        if all(apart):
            return apart[0], apart[1]
    return claim.sides()


def paired(verdict: Verdict, interval: str) -> Paired | None:
    """Work out the values; ``None`` where no pair of finite values exists."""
    metric = verdict.metric
    pairs = [
        (a, b)
        for a, b in zip(verdict.first, verdict.second, strict=False)
        if math.isfinite(a) and math.isfinite(b)
    ]
    if not pairs:
        return None
    scale = factor_of(metric)
    names = short_sides(verdict)
    difference = isinstance(verdict.claim, Interaction)
    alt = (
        f"{names[0]} minus {names[1]}: mean difference {effect_text(metric, verdict.effect)}, "
        f"{interval} {interval_text(metric, verdict.low, verdict.high)}, "
        f"margin {margin_text(metric, verdict.claim.by)}; "
        f"above 0 in {verdict.wins} of {plural(len(pairs), 'seed')}."
    )
    return Paired(
        metric, names, axis_title(metric, difference=difference),
        tuple(scale * a for a, _ in pairs), tuple(scale * b for _, b in pairs),
        scale * verdict.effect, scale * verdict.low, scale * verdict.high,
        scale * verdict.claim.by, alt,
    )  # fmt: skip


def draw_paired(values: Paired, interval: str) -> Picture:
    """Draw the slopes on the left and the differences on the right."""
    return paint(
        (COLUMN, 3.0),
        lambda figure: _draw(figure, values),
        alt=values.alt,
        caption=f"Left: a line for each seed ({plural(len(values.first), 'pair')}), heavy: "
        "their mean; rising lines solid, falling ones dashed. Right: the difference in each seed; "
        f"diamond and bar: mean and {interval}; band: ±δ.",
    )


def _draw(figure: Figure, values: Paired) -> None:
    lines = max(_lines(name).count("\n") + 1 for name in values.names)
    foot = 0.18 + 0.16 * lines
    _draw_slopes(panel(figure, 0.68, foot, 1.7, 2.9 - foot), values)
    _draw_differences(panel(figure, 3.06, foot, 1.24, 2.9 - foot), values)


def _draw_slopes(axes: Axes, values: Paired) -> None:
    for a, b in zip(values.first, values.second, strict=True):
        up = a >= b
        axes.plot(
            [0, 1], [b, a], marker="o", markersize=3.4, linewidth=1.1,
            color=light("series1" if up else "series2"),
            linestyle="solid" if up else (0, (4, 2)), zorder=2,
        )  # fmt: skip
    count = len(values.first)
    means = [math.fsum(values.second) / count, math.fsum(values.first) / count]
    axes.plot([0, 1], means, color=light("ink"), linewidth=2.6, zorder=3)
    axes.set_xlim(-0.22, 1.22)
    axes.set_xticks([0, 1], [_lines(name) for name in values.names[::-1]])
    axes.set_ylim(*limits([*values.first, *values.second]))
    axes.set_ylabel(plain(values.axis, 44))
    axes.grid(axis="y")
    ticks(axes.yaxis, 5)


def _draw_differences(axes: Axes, values: Paired) -> None:
    differences = values.differences
    margin = values.margin
    axes.axhspan(-margin, margin, color=light("band"), linewidth=0, zorder=0.5)
    axes.axhline(margin, color=light("axis"), linewidth=0.9, zorder=1)
    axes.axhline(-margin, color=light("axis"), linewidth=0.9, linestyle=(0, (2, 2)), zorder=1)
    axes.axhline(0, color=light("axis"), linewidth=1.2, zorder=1)
    for side, inside in ((1, True), (-1, False)):
        dots = [
            (_jitter(place), value)
            for place, value in enumerate(differences)
            if (value >= 0) == inside
        ]
        if dots:
            axes.plot(
                *zip(*dots, strict=True), "o", markersize=4.2, zorder=2, markeredgewidth=1.2,
                color=light("series1" if side > 0 else "series2"),
                markerfacecolor=light("series1" if side > 0 else "card"),
            )  # fmt: skip
    ink = light("ink")
    ends = [end for end in (values.low, values.high) if math.isfinite(end)]
    if len(ends) == 2:
        axes.plot([1, 1], ends, color=ink, linewidth=2.4, zorder=3)
    if math.isfinite(values.effect):
        axes.plot([1], [values.effect], "D", color=ink, markersize=6, zorder=4)
        ends.append(values.effect)
    axes.set_xlim(-0.6, 1.5)
    axes.set_xticks([0, 1], ["seeds", "mean"])
    axes.set_ylim(*limits([0.0, margin, -margin, *differences, *ends]))
    axes.set_ylabel("Difference" + _in_unit(values), labelpad=2)
    axes.grid(axis="y")
    ticks(axes.yaxis, 5)


def _in_unit(values: Paired) -> str:
    unit = unit_of(values.metric, difference=True)
    return f" ({unit})" if unit else ""


def _jitter(place: int) -> float:
    """Spread dots sideways by the golden ratio: even, and the same each time."""
    return 0.5 * ((place * 0.618034) % 1.0) - 0.25


def _lines(name: str) -> str:
    return wrapped(plain(name, 80), 16)
