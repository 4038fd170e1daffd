"""Tables as plain values: what a template needs to print one, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Column:
    """A column's title, how its cells are set, and a second line of the title, smaller."""

    title: str
    kind: Literal["text", "number", "code"] = "text"
    note: str = ""


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: what it says.
        note: a second line, smaller.
        mark: a sign before the text; where there is a tone there is a sign or a word too.
        tone: a text colour of the palette; empty for ink.
        href: where it leads; empty for nowhere.
    """

    text: str
    note: str = ""
    mark: str = ""
    tone: str = ""
    href: str = ""


@dataclass(frozen=True)
class Table:
    """A table; the first cell of each row is its header.

    Attributes:
        caption: what it holds, and which interval.
        columns: left to right.
        rows: top to bottom.
        stack: whether rows become cards on a phone, rather than the table scrolling sideways.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    stack: bool = False


def row(*cells: str | Cell) -> tuple[Cell, ...]:
    """Make a row of cells from texts and cells."""
    return tuple(each if isinstance(each, Cell) else Cell(each) for each in cells)
