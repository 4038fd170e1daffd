"""What stands along an axis: texts, marks and grid lines, without matplotlib's own ticks.

A tick of matplotlib is five artists, made and measured whether they are seen or not; of an ordinary
figure they took two thirds of the time. Here all marks of an axis are one artist, all its grid
lines another, and each text one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..palette import light
from .canvas import TEXT

if TYPE_CHECKING:
    from matplotlib.axis import Axis

MARK = 3.0
"""How long marks are, in points."""

AWAY = 3.5
"""From a mark to its text, in points."""

_LINE = 11.6
_NARROW = frozenset(".,:;'il| ")


def mark(
    axis: Axis,
    places: Sequence[float],
    texts: Sequence[str] = (),
    *,
    grid: bool = False,
    length: float | None = None,
    away: float = AWAY,
    **look: Any,
) -> None:
    """Mark an axis at some places, in the place of what marked it before.

    An axis keeps its limits; what lies beyond them is not marked. Its title moves beyond the texts.

    Args:
        axis: whose limits and scale are set.
        places: where, in the axis' own units.
        texts: what stands there; none where it is empty.
        grid: whether lines run across the axes.
        length: of the marks, in points; usually 3 below and none at the side.
        away: from the marks to the texts, in points.
        look: of the texts, in the words of matplotlib's.
    """
    from matplotlib.ticker import NullLocator

    below = axis is axis.axes.xaxis
    length = MARK * below if length is None else length
    axis.set_major_locator(NullLocator())
    axis.set_minor_locator(NullLocator())
    low, high = sorted(map(float, axis.get_view_interval()))
    slack = 1e-9 * (high - low)
    seen = [at for at in range(len(places)) if low - slack <= places[at] <= high + slack]
    if grid:
        _lines(axis, [places[at] for at in seen])
    if length:
        _marks(axis, [places[at] for at in seen], length)
    if not texts:
        return
    axes = axis.axes
    side = axes.get_xaxis_text1_transform if below else axes.get_yaxis_text1_transform
    transform, up, across = side(length + away)
    look = {"color": light("muted")} | look
    for at in seen:
        x, y = (places[at], 0.0) if below else (0.0, places[at])
        axes.text(x, y, texts[at], transform=transform, va=up, ha=across, **look)
    shown = [texts[at] for at in seen]
    axis.labelpad = 4.0 + length + away + (_height(shown) if below else _width(shown))


def _lines(axis: Axis, places: Sequence[float]) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    below = axis is axis.axes.xaxis
    ends = [((at, 0.0), (at, 1.0)) if below else ((0.0, at), (1.0, at)) for at in places]
    path = Path(
        [point for line in ends for point in line] or [(0.0, 0.0)],
        [Path.MOVETO, Path.LINETO] * len(ends) or [Path.MOVETO],
    )
    path.should_simplify = False
    axes = axis.axes
    transform = axes.get_xaxis_transform() if below else axes.get_yaxis_transform()
    lines = PathPatch(
        path, fill=False, edgecolor=light("grid"), linewidth=0.8, joinstyle="round", zorder=0.5,
        transform=transform,
    )  # fmt: skip
    lines.set_clip_on(False)  # which runs from one edge of the axes to the other
    axes.add_artist(lines)


def _marks(axis: Axis, places: Sequence[float], length: float) -> None:
    from matplotlib.lines import Line2D

    axes = axis.axes
    below = axis is axes.xaxis
    edge = [0.0] * len(places)
    across, up = (list(places), edge) if below else (edge, list(places))
    marks = Line2D(
        across, up, linestyle="none", marker=3 if below else 0,  # down, and to the left
        markersize=length, markeredgewidth=0.8, color=light("axis"), zorder=2.01, clip_on=False,
        transform=axes.get_xaxis_transform() if below else axes.get_yaxis_transform(),
    )  # fmt: skip
    axes.add_artist(marks)
    marks.set_clip_path(None)


def _height(texts: Sequence[str]) -> float:
    return TEXT + _LINE * max((text.count("\n") for text in texts), default=0)


def _width(texts: Sequence[str]) -> float:
    """Return about how wide the widest text is, in points."""
    lines = [line for text in texts for line in text.split("\n")]
    return max((sum(map(_letter, line)) for line in lines), default=0.0)


def _letter(sign: str) -> float:
    wide = 0.84 if sign in "−+×%" else 0.64 if sign.isdecimal() else 0.58
    return TEXT * (0.32 if sign in _NARROW else wide)
