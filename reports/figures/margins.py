"""The axis of effects: no difference, the band within the margin, and ticks that suit ratios."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from harness.judging.verdicts import Verdict
from harness.study.claims import Equivalent, NotWorse
from harness.study.formatting import number_text

from ..palette import light
from ..text import factor_of
from .canvas import even_texts, ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

DASHED = (0, (2, 2))
"""The edge of a margin that does not count."""

_LINEAR = math.log(6)  # the widest range in which round numbers are spread evenly
_PARTS: tuple[tuple[float, ...], ...] = ((1, 2, 5), (1, 3), (1,))


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


def effect_ticks(axis: Axis, count: int, *, relative: bool) -> None:
    """Set round ticks of effects: of differences, or of the ratios whose logarithms they are."""
    if not relative:
        ticks(axis, count)
        return
    low, high = axis.get_view_interval()
    rounds = round_ratios(low, high, count)
    axis.set_ticks(
        [math.log(each) for each in rounds], labels=[f"×{each}" for each in _texts(rounds)]
    )


def level_ticks(axis: Axis, count: int) -> None:
    """Set round ticks on a logarithmic axis of levels, however narrow its range."""
    low, high = (math.log(end) for end in axis.get_view_interval())
    rounds = round_ratios(low, high, count)
    axis.set_ticks(rounds, labels=_texts(rounds))
    axis.set_ticks([], minor=True)


def _texts(rounds: Sequence[float]) -> list[str]:
    """Write round numbers: where they lie evenly, with equally many decimals."""
    steps = [after - before for before, after in pairwise(rounds)]
    if steps and max(steps) < 1.01 * min(steps):
        return even_texts(rounds, min(steps))
    return [number_text(each, 4) for each in rounds]


def round_ratios(low: float, high: float, count: int) -> list[float]:
    """Return about ``count`` round numbers, 1 among them if it is in range.

    Args:
        low: the logarithm of the lower end of the range.
        high: of the upper end.
        count: how many there is room for.
    """
    from matplotlib.ticker import MaxNLocator

    if high - low < _LINEAR:
        for most in (count, count + 2):
            spread = MaxNLocator(most, steps=[1, 2, 5, 10])
            places = _within(spread.tick_values(math.exp(low), math.exp(high)), low, high)
            if len(places) > 2:
                break
        return places
    decades = range(math.floor(low / math.log(10)), math.ceil(high / math.log(10)) + 1)
    for parts in _PARTS:
        places = _within([part * 10.0**k for k in decades for part in parts], low, high)
        if len(places) <= count + 1:
            return places
    step = math.ceil(len(decades) / count)
    return _within([10.0**k for k in decades if k % step == 0], low, high)


def _within(values: Sequence[float], low: float, high: float) -> list[float]:
    return [float(each) for each in values if each > 0 and low <= math.log(each) <= high]
