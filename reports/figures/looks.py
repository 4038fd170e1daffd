"""The looks at one claim: its interval as seeds, or rounds, were added until it was decided."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.judging.verdicts import Verdict
from harness.judging.words import Word
from harness.study.formatting import effect_and_interval, plural

from ..palette import light
from ..text import axis_title, factor_of, replicate_of, unit_of
from ..words import APPEARANCES
from .canvas import COLUMN, Picture, hint, limits, paint, panel, wrapped
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
from .marks import place_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_WORDS = 4
"""Looks whose words fit side by side; of more, the marks and the table say them."""


@dataclass(frozen=True)
class Taken:
    """One look, in the unit of the axis: differences, or logarithms of ratios."""

    n: int
    word: Word
    effect: float
    low: float
    high: float
    said: str


@dataclass(frozen=True)
class Looked:
    """All looks at a claim.

    Attributes:
        replicate: what grows from look to look: ``"seed"`` or ``"round"``.
        title: of what is drawn, unit included.
        unit: of effects; empty where they have none.
        looks: in the order taken.
        margin: the claim's, on the same axis.
        edges: what a caption says of the band's edges, where it must.
    """

    replicate: str
    title: str
    unit: str
    looks: tuple[Taken, ...]
    margin: Margin
    edges: str


def looked(verdict: Verdict) -> Looked | None:
    """Work out the values; ``None`` where there was one look alone."""
    if len(verdict.looks) < 2:
        return None
    metric, scale = verdict.metric, factor_of(verdict.metric)
    replicate = replicate_of(metric)
    taken = [
        Taken(
            look.n, look.word, scale * look.effect, scale * look.low, scale * look.high,
            f"{plural(look.n, replicate)} "
            f"{effect_and_interval(metric, look.effect, look.low, look.high)}, {look.word}",
        )
        for look in verdict.looks
    ]  # fmt: skip
    return Looked(
        replicate, axis_title(metric, difference=True), unit_of(metric, difference=True),
        tuple(taken), margin_of(verdict), edge_text(verdict),
    )  # fmt: skip


def draw_looks(values: Looked, number: int) -> Picture:
    """Draw an upright interval for each look, evenly spaced; ``number`` is the claim's."""
    relative = values.margin.relative
    said = "; ".join(each.said for each in values.looks)
    mean = "geometric mean" if relative else "mean"
    too_few = any(not is_whole(values, look) for look in values.looks)
    cut = f" Bars over too few {values.replicate}s for a verdict may run off the axis." * too_few
    return paint(
        (COLUMN, 3.0),
        lambda figure: _draw(figure, values),
        alt=f"{values.title}, look by look: {said}.",
        caption=f"{values.title} at each look, by number of {values.replicate}s. Mark: {mean}; "
        "its shape: the verdict that this look alone would give; bar: interval at the look's own "
        f"level; band: {band_text(relative=relative)}{values.edges}. The last that was taken "
        "counts." + cut,
        title=f"Claim {number}: looks",
    )


def _draw(figure: Figure, values: Looked) -> None:
    has_words = len(values.looks) <= MOST_WORDS
    labels = [_label(look, has_words) for look in values.looks]
    foot = 0.36 + 0.15 * max(label.count("\n") + 1 for label in labels)
    relative = values.margin.relative
    ends = limits([0.0, *values.margin.ends, *_ends(values)])
    left = room_beside(effect_places(*ends, 6, relative=relative)[1], 0.74)
    axes = panel(figure, left, foot, COLUMN - 0.1 - left, 2.9 - foot)
    draw_margin(axes, values.margin)
    for place, look in enumerate(values.looks):
        _draw_look(axes, place, look)
    axes.set_xlim(-0.5, len(values.looks) - 0.5)
    axes.set_ylim(*ends)
    place_ticks(axes.xaxis, range(len(values.looks)), labels)
    axes.set_xlabel(f"{values.replicate.capitalize()}s")
    name = "Ratio" if relative else "Difference"
    axes.set_ylabel(f"{name} ({values.unit})" if values.unit else name)
    effect_ticks(axes.yaxis, 6, relative=relative)


def _ends(values: Looked) -> list[float]:
    """Return what the axis must show: all marks, and bars but for those that would dwarf all."""
    ends = [
        end
        for look in values.looks
        for end in (look.effect, *((look.low, look.high) if is_whole(values, look) else ()))
    ]
    return [end for end in ends if math.isfinite(end)]


def is_whole(values: Looked, look: Taken) -> bool:
    """Whether a look's bar must fit: one of too few seeds for a verdict may run off the axis."""
    few: Word = "not assessable"
    return look.word != few or all(each.word == few for each in values.looks)


def _draw_look(axes: Axes, place: int, look: Taken) -> None:
    shown = APPEARANCES[look.word]
    tone = light(shown.tone)
    if math.isfinite(look.low) and math.isfinite(look.high):
        axes.plot([place, place], [look.low, look.high], color=tone, linewidth=2.2, zorder=3)
    if math.isfinite(look.effect):
        axes.plot(
            [place], [look.effect], marker=shown.marker, color=tone, markersize=8, zorder=4,
            markerfacecolor=tone if shown.filled else light("card"), markeredgewidth=1.6,
        )  # fmt: skip
        hint(axes, place, look.effect, look.said)


def _label(look: Taken, has_words: bool) -> str:
    return f"{look.n}\n{wrapped(look.word, 13)}" if has_words else str(look.n)
