"""Small multiples: a panel for each line, on the same axes, with the others faint behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .canvas import COLUMN, panel, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEWEST_PANELS = 8
"""Lines from which on there is a panel for each: fewer can be told apart on the same axes."""

_COLUMNS, _ROW, _FOOT, _TITLE, _GAP = 2, 1.25, 0.52, 0.24, 0.16


class Grid:
    """Panels in two columns, filled row by row.

    Args:
        figure: that they are drawn on, ``COLUMN`` inches wide.
        count: how many panels there are.
        left: inches that ticks and title need at the left.
        tall: the figure's height in inches, as :meth:`height` gives it.
    """

    alone = (5, 6)
    """The same of a single panel, the whole figure wide."""

    ticks = (4, 3)
    """How many steps there are between ticks, upwards and across."""

    def __init__(self, figure: Figure, count: int, left: float, tall: float) -> None:
        self.figure, self.count, self.left, self.tall = figure, count, left, tall
        self.wide = (COLUMN - left - 0.1 - _GAP) / _COLUMNS

    @staticmethod
    def height(count: int) -> float:
        """Return how many inches so many panels take."""
        return _FOOT + _ROW * -(-count // _COLUMNS) + 0.04

    def panel(self, place: int, title: str, color: str) -> Axes:
        """Add a panel with its title, in the colour of what is drawn."""
        row, column = divmod(place, _COLUMNS)
        axes = panel(
            self.figure, self.left + column * (self.wide + _GAP),
            self.tall - _ROW * (row + 1) + 0.06, self.wide, _ROW - _TITLE - 0.06,
        )  # fmt: skip
        axes.set_title(plain(title, 28), color=color, pad=3)
        return axes

    def at_edge(self, place: int) -> tuple[bool, bool]:
        """Return whether a panel is at the left, and at the bottom: those alone have numbers."""
        return place % _COLUMNS == 0, place + _COLUMNS >= self.count

    def titles(self, across: str, up: str) -> None:
        """Title both axes, once."""
        middle = (self.left + COLUMN - 0.1) / 2 / COLUMN
        self.figure.text(middle, 0.06 / self.tall, plain(across), ha="center", va="bottom")
        self.figure.text(
            0.04 / COLUMN, 0.5 + _FOOT / 2 / self.tall, plain(up, 44), rotation=90, ha="left",
            va="center",
        )  # fmt: skip
