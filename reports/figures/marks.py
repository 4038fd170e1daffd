"""What stands along an axis: texts, marks and grid lines, without matplotlib's own ticks.

A tick of matplotlib is five artists, made and measured whether they are seen or not; of an ordinary
figure they took half of the time. Here all marks of an axis are one artist, all its grid lines
another, and each text one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ..palette import light
from .canvas import TEXT
from .labels import LINE
from .scales import ems, tick_places

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

LENGTH = 3.0
"""How long marks below or above axes are, in points."""

AWAY = 3.5
"""From marks to their texts, in points."""

_GAP = 4.0  # from the texts to the title of the axis, in points
_OVER = 1.0  # widths of an em that a number may stand out at the right of its axes


def ticks(
    axis: Axis, count: int = 5, *, log: bool = False, whole: bool = False, grid: bool = False,
    bare: bool = False,
) -> None:  # fmt: skip
    """Mark an axis, whose limits are set, at round numbers; fewer across, where they would meet.

    A number that the left edge of the figure would cut is not written.

    Args:
        axis: which.
        count: the most steps between numbers.
        log: whether it is logarithmic.
        whole: whether numbers are whole.
        grid: whether lines run across the axes.
        bare: whether no numbers are written.
    """
    low, high = sorted(map(float, axis.get_view_interval()))
    places, texts = tick_places(low, high, count, log=log, whole=whole)
    if axis is axis.axes.xaxis:
        while count > 1 and not _fits(axis, places, texts, log=log):
            count -= 1
            places, texts = tick_places(low, high, count, log=log, whole=whole)
        while len(places) > 2 and not _fits(axis, places, texts, log=log):
            places, texts = places[::2], texts[::2]
        texts = [
            text if inside else ""
            for text, inside in zip(texts, _inside(axis, places, texts, log=log), strict=True)
        ]
    place_ticks(axis, places, [] if bare else texts, grid=grid)


def _inside(axis: Axis, places: Sequence[float], texts: Sequence[str], *, log: bool) -> list[bool]:
    """Return which texts of an axis that runs across are not cut at the figure's left."""
    middles, per_em, room = _across(axis, places, log=log)
    low = math.log(axis.get_view_interval()[0]) if log else axis.get_view_interval()[0]
    return [
        at - ems(text) / 2 >= low / per_em - room - 0.3
        for at, text in zip(middles, texts, strict=True)
    ]


def _across(axis: Axis, places: Sequence[float], *, log: bool) -> tuple[list[float], float, float]:
    """Measure an axis that runs across, in widths of an em.

    Returns:
        Where places lie on the axis, how much of the axis an em is, and how many lie left of it.
    """
    low, high = (math.log(each) if log else each for each in axis.get_view_interval())
    figure = axis.axes.get_figure(root=True)
    assert figure is not None
    inches, place = figure.get_figwidth(), axis.axes.get_position()
    per_em = (high - low) * TEXT / 72 / (inches * place.width)
    middles = [(math.log(each) if log else each) / per_em for each in places]
    return middles, per_em, inches * place.x0 * 72 / TEXT


def _fits(axis: Axis, places: Sequence[float], texts: Sequence[str], *, log: bool) -> bool:
    """Whether the texts of an axis that runs across do not meet, nor are cut at its right."""
    middles, per_em, _ = _across(axis, places, log=log)
    high = math.log(axis.get_view_interval()[1]) if log else axis.get_view_interval()[1]
    halves = [ems(text) / 2 for text in texts]
    over = max((at + half for at, half in zip(middles, halves, strict=True)), default=0.0)
    return over <= high / per_em + _OVER and all(
        after - before >= one + other + 0.6
        for (before, one), (after, other) in pairwise(zip(middles, halves, strict=True))
    )


def place_ticks(
    axis: Axis,
    places: Sequence[float],
    texts: Sequence[str] = (),
    *,
    grid: bool = False,
    length: float | None = None,
    away: float = AWAY,
    gap: float = _GAP,
    **look: Any,
) -> None:
    """Mark an axis, whose limits and scale are set, at some places, in the place of its ticks.

    What lies beyond its limits is not marked. Its title moves beyond the texts. All stands above
    the axes where the title of the axis does.

    Args:
        axis: which.
        places: where, in the axis' own units; with none it has no ticks.
        texts: what stands there; nothing where it is empty.
        grid: whether lines run across the axes.
        length: of the marks, in points; usually those below have one, those at the side none.
        away: from the marks to the texts, in points.
        gap: from the texts to the title, in points.
        look: of the texts, in the words of matplotlib's.
    """
    from matplotlib.ticker import NullLocator

    axes = axis.axes
    across = axis is axes.xaxis
    above = axis.get_label_position() == "top"
    length = LENGTH * across if length is None else length
    axis.set_major_locator(NullLocator())
    axis.set_minor_locator(NullLocator())
    low, high = sorted(map(float, axis.get_view_interval()))
    slack = 1e-9 * (high - low)
    seen = [at for at, place in enumerate(places) if low - slack <= place <= high + slack]
    if grid and seen:
        _lines(axis, [places[at] for at in seen])
    if length and seen:
        _marks(axis, [places[at] for at in seen], length)
    axis.labelpad = gap + length
    if not texts:
        return
    side = axes.get_xaxis_text1_transform if across else axes.get_yaxis_text1_transform
    if above:
        side = axes.get_xaxis_text2_transform
    transform, va, ha = side(length + away)
    look = {"color": light("muted"), "va": va, "ha": ha} | look
    for at in seen:
        x, y = (places[at], float(above)) if across else (0.0, places[at])
        axes.text(x, y, texts[at], transform=transform, **look)
    wide, tall = _size([texts[at] for at in seen])
    angle = math.radians(look.get("rotation", 0.0))
    axis.labelpad += away + (math.sin(angle) * wide + math.cos(angle) * tall if across else wide)


def axis_on_top(axes: Axes) -> None:
    """Let the axis that runs across stand above, where one reads first.

    Of a chart of rows below one another: those who look at the first rows alone need the numbers.
    """
    axes.xaxis.set_label_position("top")
    axes.spines["bottom"].set_visible(False)
    axes.spines["top"].set_visible(True)


def _lines(axis: Axis, places: Sequence[float]) -> None:
    """Draw all grid lines of an axis, from one edge to the other, as one path."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    axes = axis.axes
    below = axis is axes.xaxis
    ends = [((at, 0.0), (at, 1.0)) if below else ((0.0, at), (1.0, at)) for at in places]
    path = Path([point for line in ends for point in line], [Path.MOVETO, Path.LINETO] * len(ends))
    path.should_simplify = False
    lines = PathPatch(
        path, fill=False, edgecolor=light("grid"), linewidth=0.8, joinstyle="round", zorder=0.5,
        transform=axes.get_xaxis_transform() if below else axes.get_yaxis_transform(),
        clip_on=False,
    )  # fmt: skip
    axes.add_artist(lines)


def _marks(axis: Axis, places: Sequence[float], length: float) -> None:
    """Draw all marks of an axis, outwards from its edge, as one artist."""
    from matplotlib.lines import Line2D

    axes = axis.axes
    below = axis is axes.xaxis
    above = axis.get_label_position() == "top"
    edge = [float(above)] * len(places)
    across, up = (list(places), edge) if below else (edge, list(places))
    marks = Line2D(
        across, up, linestyle="none", marker=(2 if above else 3) if below else 0,
        markersize=length, markeredgewidth=0.8, color=light("axis"), zorder=2.01, clip_on=False,
        transform=axes.get_xaxis_transform() if below else axes.get_yaxis_transform(),
    )  # fmt: skip
    axes.add_artist(marks)


def _size(texts: Sequence[str]) -> tuple[float, float]:
    """Return about how wide and how high the largest of the texts are, in points."""
    lines = [line for text in texts for line in text.split("\n")]
    more = max((text.count("\n") for text in texts), default=0)
    return TEXT * max(map(ems, lines), default=0.0), TEXT + LINE * more
