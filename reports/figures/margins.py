"""The axis of effects: no difference, the band within the margin, and ticks that suit ratios."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.judging.verdicts import Verdict
from harness.study.claims import Equivalent, NotWorse

from ..palette import light
from ..text import factor_of
from .marks import place_ticks
from .scales import ratio_texts, round_ratios, tick_places

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

DASHED = (0, (2, 2))
"""The edge of a margin that does not count."""


@dataclass(frozen=True)
class Margin:
    """The margin of a claim on the axis of its effect.

    Attributes:
        by: above 0, in the unit of the axis; of ratios, a logarithm.
        edges: at which of its ends the claim is decided: ``1`` above 0, ``-1`` below.
        relative: whether effects are logarithms of ratios.
    """

    by: float
    edges: tuple[Literal[1, -1], ...]
    relative: bool

    @property
    def ends(self) -> tuple[float, float]:
        """Both ends of the band."""
        return -self.by, self.by

    def is_solid(self, end: float) -> bool:
        """Whether an end is drawn as one that counts."""
        return math.copysign(1, end) in self.edges


def margin_of(verdict: Verdict) -> Margin:
    """Return the margin of a claim, in the unit of the axis of its effect."""
    metric, claim = verdict.metric, verdict.claim
    edges: tuple[Literal[1, -1], ...] = (1,)
    if isinstance(claim, Equivalent):
        edges = (1, -1)
    elif isinstance(claim, NotWorse):
        edges = (1,) if metric.better == "lower" else (-1,)
    return Margin(factor_of(metric) * verdict.by, edges, metric.relative)


def band_text(*, relative: bool) -> str:
    """Say in a caption what the band is."""
    return "from 1/(1\u00a0+\u00a0δ) to 1\u00a0+\u00a0δ" if relative else "±δ"


def edge_text(verdict: Verdict) -> str:
    """Say which edge of the band is solid, where that is not the one above 0 alone."""
    if isinstance(verdict.claim, Equivalent):
        return ", with both edges solid, as either counts"
    if isinstance(verdict.claim, NotWorse):
        return f", with its edge on the worse side solid, where {verdict.metric.better} is better"
    return ""


def draw_margin(axes: Axes, margin: Margin) -> None:
    """Draw band, edges and no difference across axes whose effects run upwards."""
    axes.axhspan(*margin.ends, color=light("band"), linewidth=0, zorder=0.5)
    for end in margin.ends:
        style = "solid" if margin.is_solid(end) else DASHED
        axes.axhline(end, color=light("axis"), linewidth=0.9, linestyle=style, zorder=1)
    axes.axhline(0, color=light("axis"), linewidth=1.2, zorder=1)


def effect_places(
    low: float, high: float, count: int, *, relative: bool
) -> tuple[list[float], list[str]]:
    """Return round ticks of effects, and what stands at them.

    Args:
        low: lower end of the axis.
        high: upper end.
        count: the most steps between ticks.
        relative: whether effects are logarithms of ratios.
    """
    if not relative:
        return tick_places(low, high, count)
    rounds = round_ratios(low, high, count)
    return [math.log(each) for each in rounds], [f"×{each}" for each in ratio_texts(rounds)]


def effect_ticks(axis: Axis, count: int, *, relative: bool) -> None:
    """Set round ticks of effects: of differences, or of the ratios whose logarithms they are."""
    low, high = axis.get_view_interval()
    place_ticks(axis, *effect_places(low, high, count, relative=relative), grid=True, gap=2.0)
