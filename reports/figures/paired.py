"""Paired slope plot and the differences: every seed a line, and what it adds up to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.floats import mean_of
from harness.judging.verdicts import Verdict
from harness.messages.levels import level_name
from harness.study.claims import Equivalent, Higher, Interaction, NotWorse, Sooner
from harness.study.formatting import (
    effect_and_interval,
    effect_text,
    in_units,
    level_text,
    margin_text,
    plural,
    unscaled,
)
from harness.study.metrics import Metric

from ..intervals import is_counted, is_exact
from ..levels import NEUTRAL, Look
from ..palette import light
from ..text import axis_title, factor_of, replicate_of, unit_of
from .canvas import (
    COLUMN,
    MANY,
    Picture,
    dots,
    hint,
    limits,
    log_limits,
    paint,
    panel,
    plain,
    strokes,
    wrapped,
)
from .labels import room_beside
from .margins import (
    Margin,
    band_text,
    draw_margin,
    edge_text,
    effect_places,
    effect_ticks,
    margin_of,
)
from .marks import place_ticks, ticks
from .scales import tick_places

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FALLING = (0, (4, 2))
_MOST_HINTS = 40
_LONGEST = 60  # letters of both names in a title


@dataclass(frozen=True)
class Paired:
    """Both sides of a claim in each seed, or round, and what they differ by.

    Attributes:
        metric: what the effect is in.
        names: of the two sides.
        replicate: what there is a line for: ``"seed"`` or ``"round"``.
        axis: title of the axis of levels.
        first: the added side, in the unit of its axis, which is logarithmic for ratios.
        second: the subtracted side.
        differences: in the unit of the axis of effects; of ratios, their logarithms.
        effect: their mean.
        low: lower end of its interval.
        high: upper end.
        margin: the claim's, on the same axis.
        edges: what a caption says of the band's edges, where it must.
        alt: all of it in a sentence.
        told: what is said of each pair, and then of their mean.
        looks: of both sides.
    """

    metric: Metric
    names: tuple[str, str]
    replicate: str
    axis: str
    first: tuple[float, ...]
    second: tuple[float, ...]
    differences: tuple[float, ...]
    effect: float
    low: float
    high: float
    margin: Margin
    edges: str
    alt: str
    told: tuple[str, ...] = ()
    looks: tuple[Look, Look] = (NEUTRAL, NEUTRAL)


def short_sides(verdict: Verdict) -> tuple[str, str]:
    """Name the two sides by what tells them apart; what they share stands in the text."""
    claim = verdict.claim
    if isinstance(claim, Higher | Equivalent | NotWorse | Sooner):
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
    return verdict.sides


def paired(
    verdict: Verdict, interval: str, looks: tuple[Look, Look] = (NEUTRAL, NEUTRAL)
) -> Paired | None:
    """Work out the values; ``looks`` are those of both sides.

    ``None`` where no pair of finite values exists, where there is one number on each side, and
    where something is so or not so in each seed: lines between yes and no hide how many there are.
    Nor are there lines between two sides that share no seed.
    """
    metric, seen = verdict.metric, verdict.seen
    numbered = [
        (a, b, seed)
        for a, b, seed in zip(seen.first, seen.second, verdict.seeds, strict=False)
        if math.isfinite(a) and math.isfinite(b)
    ]
    pairs = [(a, b) for a, b, _ in numbered]
    if not pairs or is_exact(verdict) or is_counted(verdict) or seen.unpaired:
        return None
    scale = factor_of(metric)
    names = short_sides(verdict)
    difference = isinstance(verdict.claim, Interaction)
    size, axis = 1 / scale, axis_title(metric, difference=difference)
    if metric.relative and not difference:
        size, unit = in_units(metric, [unscaled(metric, b) for _, b in pairs])
        axis = f"{metric.title} ({unit})" if unit else metric.title
    replicate = replicate_of(metric)
    what, over, zero = ("ratio", "over", "×1") if metric.relative else ("difference", "minus", "0")
    both = effect_and_interval(metric, seen.effect, seen.low, seen.high)
    if math.isfinite(seen.low) and math.isfinite(seen.high):
        both += f" ({interval})"
    alt = (
        f"{names[0]} {over} {names[1]}: mean {what} {both}, "
        f"margin {margin_text(metric, verdict.by)}; "
        f"above {zero} in {seen.wins} of {plural(len(pairs), replicate)}."
    )
    return Paired(
        metric, names, replicate, axis,
        tuple(unscaled(metric, a) / size for a, _ in pairs),
        tuple(unscaled(metric, b) / size for _, b in pairs),
        tuple(scale * (a - b) for a, b in pairs), scale * seen.effect, scale * seen.low,
        scale * seen.high, margin_of(verdict), edge_text(verdict), alt,
        (*(_told(metric, replicate, *each, levels=not difference) for each in numbered),
         f"{what} {both}"),
        looks,
    )  # fmt: skip


def _told(
    metric: Metric, replicate: str, first: float, second: float, number: int, *, levels: bool
) -> str:
    both = ""
    if levels:
        sides = (level_text(metric, unscaled(metric, each)) for each in (first, second))
        both = f"{' against '.join(sides)}, "
    return f"{replicate} {number}: {both}{effect_text(metric, first - second)}"


def draw_paired(values: Paired, interval: str, number: int) -> Picture:
    """Draw the slopes on the left and the differences on the right; ``number`` is the claim's."""
    relative = values.metric.relative
    sides = f"{values.names[0]} {'over' if relative else 'minus'} {values.names[1]}"
    mean, what = ("geometric mean", "ratio") if relative else ("mean", "difference")
    axis = ", on a logarithmic axis" if relative else ""
    zero = "×1" if relative else "0"
    return paint(
        (COLUMN, 2.75),
        lambda figure: _draw(figure, values),
        alt=values.alt,
        caption=f"Left: a line for each {values.replicate} ({plural(len(values.first), 'pair')}), "
        f"heavy: their {mean}; rising lines solid, falling ones dashed{axis}. Right: the {what} "
        f"in each {values.replicate}, open where it is below {zero}; diamond and bar: {mean} and "
        f"{interval}; band: "
        f"{band_text(relative=relative)}{values.edges}.",
        title=f"Claim {number}: {sides if len(sides) <= _LONGEST else 'both sides'}",
    )


_SLOPES, _DIFFERENCES, _LEAST = 1.7, 1.24, 0.68
"""Widths of both panels in inches, and what is at the left of each, where numbers are short."""


def _draw(figure: Figure, values: Paired) -> None:
    relative = values.metric.relative
    _, levels = tick_places(*_level_limits(values), 5, log=relative)
    _, effects = effect_places(*_effect_limits(values), 5, relative=relative)
    left, between = room_beside(levels, _LEAST), room_beside(effects, _LEAST)
    shrunk = (COLUMN - 0.1 - left - between) / (_SLOPES + _DIFFERENCES)
    names = [_lines(name, int(15 * shrunk)) for name in values.names]
    foot = 0.18 + 0.17 * max(name.count("\n") + 1 for name in names)
    slopes = shrunk * _SLOPES
    _draw_slopes(panel(figure, left, foot, slopes, 2.65 - foot), values, names)
    right = panel(figure, left + slopes + between, foot, shrunk * _DIFFERENCES, 2.65 - foot)
    _draw_differences(right, values)


def _level_limits(values: Paired) -> tuple[float, float]:
    shown = [*values.first, *values.second]
    return log_limits(shown) if values.metric.relative else limits(shown)


def _effect_limits(values: Paired) -> tuple[float, float]:
    ends = [end for end in (values.low, values.high, values.effect) if math.isfinite(end)]
    return limits([0.0, *values.margin.ends, *values.differences, *ends])


def _draw_slopes(axes: Axes, values: Paired, names: Sequence[str]) -> None:
    pairs = list(zip(values.first, values.second, strict=True))
    if len(pairs) > MANY:
        _draw_many_slopes(axes, pairs, values.looks)
        pairs = []
    for a, b in pairs:
        style = "solid" if a >= b else _FALLING
        axes.plot([0, 1], [b, a], linewidth=1.0, color=light("axis"), linestyle=style, zorder=2)
    for x, look, side in ((0, values.looks[1], 1), (1, values.looks[0], 0)):
        if pairs:
            axes.plot(
                [x] * len(pairs), [pair[side] for pair in pairs], color=look.color,
                marker=look.marker, markersize=4.4, linestyle="none", zorder=2.5,
            )  # fmt: skip
    relative = values.metric.relative
    means = [_middle(side, relative=relative) for side in (values.second, values.first)]
    axes.plot([0, 1], means, color=light("ink"), linewidth=2.6, zorder=3)
    axes.set_xlim(-0.22, 1.22)
    place_ticks(axes.xaxis, [0, 1], names[::-1])
    if relative:
        axes.set_yscale("log")
    axes.set_ylim(*_level_limits(values))
    ticks(axes.yaxis, 5, log=relative, grid=True)
    axes.set_ylabel(plain(values.axis, 44))
    if 2 * len(values.first) <= _MOST_HINTS:
        for a, b, text in zip(values.first, values.second, values.told, strict=False):
            hint(axes, 1, a, text)
            hint(axes, 0, b, text)


def _draw_many_slopes(
    axes: Axes, pairs: Sequence[tuple[float, float]], looks: tuple[Look, Look]
) -> None:
    for rising, style in ((True, "solid"), (False, _FALLING)):
        lines = [((0.0, b), (1.0, a)) for a, b in pairs if (a >= b) == rising]
        if lines:
            strokes(axes, lines, linewidth=1.0, linestyle=style, edgecolor=light("axis"), zorder=2)
    for x, look in ((0.0, looks[1]), (1.0, looks[0])):
        dots(axes, [(x, pair[int(x == 0)]) for pair in pairs], 4.4, 2.5, edgecolor=look.color)


def _middle(values: tuple[float, ...], *, relative: bool) -> float:
    """Return where the heavy line ends: at the mean of what the axis shows."""
    shown = [math.log(each) for each in values] if relative else values
    return math.exp(mean_of(shown)) if relative else mean_of(shown)


def _draw_differences(axes: Axes, values: Paired) -> None:
    differences = values.differences
    draw_margin(axes, values.margin)
    for side, inside in ((1, True), (-1, False)):
        marks = [
            (_jitter(place), value)
            for place, value in enumerate(differences)
            if (value >= 0) == inside
        ]
        if len(marks) > MANY:
            dots(axes, marks, 5.4, 2, edgecolor=light("muted"))
            if side < 0:
                dots(axes, marks, 3.0, 2, edgecolor=light("card"))
        elif marks:
            axes.plot(
                *zip(*marks, strict=True), "o", markersize=4.2, zorder=2, markeredgewidth=1.2,
                color=light("muted"), markerfacecolor=light("muted" if side > 0 else "card"),
            )  # fmt: skip
    ink = light("ink")
    ends = [end for end in (values.low, values.high) if math.isfinite(end)]
    if len(ends) == 2:
        axes.plot([1, 1], ends, color=ink, linewidth=2.4, zorder=3)
    if math.isfinite(values.effect):
        axes.plot([1], [values.effect], "D", color=ink, markersize=6, zorder=4)
    axes.set_xlim(-0.6, 1.5)
    place_ticks(axes.xaxis, [0, 1], [f"{values.replicate}s", "mean"])
    axes.set_ylim(*_effect_limits(values))
    unit = unit_of(values.metric, difference=True)
    name = "Ratio" if values.metric.relative else "Difference"
    axes.set_ylabel(f"{name} ({unit})" if unit else name)
    effect_ticks(axes.yaxis, 5, relative=values.metric.relative)
    for place, (value, text) in enumerate(zip(differences, values.told, strict=False)):
        if place < _MOST_HINTS:
            hint(axes, _jitter(place), value, text)
    if values.told:
        hint(axes, 1, values.effect, values.told[-1])


def _jitter(place: int) -> float:
    """Spread dots sideways by the golden ratio: even, and the same each time."""
    return 0.5 * ((place * 0.618034) % 1.0) - 0.25


def _lines(name: str, letters: int) -> str:
    return wrapped(plain(name, 80), letters)
