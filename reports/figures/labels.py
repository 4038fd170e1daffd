"""Names where lines end, in place of legends, and the room that names and numbers take."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from .canvas import TEXT, plain, wrapped
from .scales import ems

if TYPE_CHECKING:
    from matplotlib.axes import Axes

T = TypeVar("T")

LINE = 11.6
"""Height of a line of text, in points."""

_AWAY, _GAP = 10.0, 3.0
_TITLE = 0.31  # inches that the title of an upright axis takes, with what is free around it
_BETWEEN = 0.05  # inches between labels along an axis


TOLD = 8
"""Values of a line that are told where they are drawn."""


def along(points: Sequence[T], most: int = TOLD) -> Sequence[T]:
    """Return about so many points of a line, evenly, the last among them."""
    every = max(1, -(-len(points) // most))
    return points[(len(points) - 1) % every :: every]


@dataclass(frozen=True)
class End:
    """Where a line ends, in the axes' own units, and what is written there."""

    across: float
    up: float
    text: str
    color: str


def room_for(names: Sequence[str], letters: int = 15) -> float:
    """Return how many inches names take at the right of a figure, broken to lines.

    Args:
        names: what is written.
        letters: the longest line.
    """
    lines = [line for name in names for line in broken(name, letters).split("\n")]
    return _AWAY / 72 + longest(lines)


def room_beside(texts: Sequence[str], least: float) -> float:
    """Return how many inches the numbers of an axis and its title take at the left of a figure.

    Args:
        texts: what stands at the ticks.
        least: inches that figures have there, unless these need more.
    """
    return max(least, _TITLE + max(map(inches, texts), default=0.0))


def inches(text: str) -> float:
    """Return about how many inches a text takes as it is laid out."""
    return ems(text) * TEXT / 72


def lines_within(text: str, wide: float, most: int) -> list[str]:
    """Break a text into lines by their width: at spaces, beside letters that stand in squares.

    Words that are too wide for a line are broken anywhere. What is left out ends in an ellipsis.

    Args:
        text: in one line.
        wide: what a line has room for, of the text's size.
        most: lines.
    """
    lines: list[list[str]] = [[]]
    for piece in _pieces(text, wide):
        if lines[-1] and ems("".join(lines[-1]) + piece.rstrip()) > wide:
            lines.append([])
        lines[-1].append(piece)
    if len(lines) > most:
        last = lines[most - 1]
        while last and ems("".join(last).rstrip() + " …") > wide:
            last.pop()
        lines = [*lines[: most - 1], ["".join(last).rstrip(), " …"]]
    return ["".join(line).rstrip() for line in lines if line]


def _pieces(text: str, wide: float) -> Iterator[str]:
    """Cut a text where a line may end; each piece has the spaces after it."""
    for word in re.findall(r"\S+\s*", text):
        piece = ""
        for char in word:
            square = unicodedata.east_asian_width(char) in "WF"
            is_new = square and not unicodedata.category(char).startswith("P")  # none leads a line
            if piece and (is_new or ems(piece + char.rstrip()) > wide):
                yield piece
                piece = ""
            piece += char
        yield piece


def longest(names: Sequence[str]) -> float:
    """Return about how many inches the longest line of names takes as it is laid out."""
    return max((inches(line) for name in names for line in name.split("\n")), default=0.0)


def labels_apart(
    texts: Sequence[tuple[float, str]], per_inch: float
) -> tuple[tuple[float, str], ...]:
    """Return those labels along an axis that do not meet one before them.

    Args:
        texts: places, in the axis' unit, and what stands centred there; what matters most first.
        per_inch: how much of the axis is an inch.
    """
    kept: list[tuple[float, str]] = []
    for at, text in texts:
        if all(
            abs(at - other) / per_inch >= (inches(text) + inches(near)) / 2 + _BETWEEN
            for other, near in kept
        ):
            kept.append((at, text))
    return tuple(kept)


def broken(name: str, letters: int = 15) -> str:
    """Break a name to the lines that :func:`label_ends` writes."""
    return wrapped(plain(name, 90), letters, 4)


def label_ends(axes: Axes, ends: Sequence[End], letters: int = 15) -> None:
    """Write at the right of axes, whose limits are set, what ends where.

    Args:
        axes: where.
        ends: of lines.
        letters: the longest line of a name, beyond which it is broken.
    """
    if not ends:
        return
    figure = axes.get_figure(root=True)
    assert figure is not None
    points = 72 / figure.dpi
    frame = axes.get_window_extent()
    texts = [broken(each.text, letters) for each in ends]
    heights = [LINE * (text.count("\n") + 1) + _GAP for text in texts]
    wanted = [
        points * (axes.transData.transform((each.across, each.up))[1] - frame.y0) for each in ends
    ]
    tall = points * frame.height
    for each, text, at, place in zip(
        ends, texts, wanted, apart(wanted, heights, tall), strict=True
    ):
        axes.annotate(
            text, (1.0, place / tall), xycoords="axes fraction", xytext=(_AWAY, 0),
            textcoords="offset points", va="center", ha="left", color=each.color,
            fontsize=TEXT, linespacing=1.1, annotation_clip=False, zorder=5,
        )  # fmt: skip
        if abs(place - at) > 2:
            across = (axes.transData.transform((each.across, each.up))[0] - frame.x0) / frame.width
            end = 1 + (_AWAY - 2) * frame.width**-1 / points
            axes.plot(
                [across, end], [at / tall, place / tall], transform=axes.transAxes,
                color=each.color, linewidth=0.7, clip_on=False, zorder=1.4,
            )  # fmt: skip


def apart(wanted: Sequence[float], heights: Sequence[float], tall: float) -> list[float]:
    """Return places, as near to those wanted as they can be without meeting one another.

    Args:
        wanted: the middle of each, in points from the bottom.
        heights: of each, what stays free around it included.
        tall: of what all must stay within, where there is room for all.
    """
    order = sorted(range(len(wanted)), key=lambda place: wanted[place])
    # Less what stands below each of them, places must not fall: isotonic regression.
    below, blocks = 0.0, list[tuple[float, int]]()
    for place in order:
        mean, count = wanted[place] - heights[place] / 2 - below, 1
        while blocks and blocks[-1][0] > mean:
            before, size = blocks.pop()
            mean, count = (before * size + mean * count) / (size + count), size + count
        blocks.append((mean, count))
        below += heights[place]
    free = max(0.0, tall - below)
    starts = [min(max(mean, 0.0), free) for mean, count in blocks for _ in range(count)]
    found, below = [0.0] * len(wanted), 0.0
    for place, start in zip(order, starts, strict=True):
        found[place] = start + below + heights[place] / 2
        below += heights[place]
    return found
