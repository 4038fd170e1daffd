"""Tables as plain values: what a template needs to print one, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Literal


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
        anchor: what links lead to it by; empty for none, and the same for no two of a page.
    """

    text: str
    note: str = ""
    mark: str = ""
    tone: str = ""
    href: str = ""
    anchor: str = ""


@dataclass(frozen=True)
class Table:
    """A table; the first cell of each row is its header.

    Attributes:
        caption: what it holds, and which interval.
        columns: left to right.
        rows: top to bottom.
        stack: whether rows become cards on a phone, rather than the table scrolling sideways.
        printed: how many rows are printed, beside the last one; on the screen all are there.
        cut: what the caption says on paper of rows that are left out; the last one is no
            exception then. Empty where the rows are counted for it.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    stack: bool = False
    printed: int = 200
    cut: str = ""

    @property
    def scrolls(self) -> bool:
        """Whether it may be wider than its place somewhere, so that it scrolls sideways there.

        A table that becomes cards has more room where it is none than any other has on a phone.
        """
        return self._least() > (CARDS_FROM if self.stack else PHONE)

    def _least(self) -> float:
        """Return how wide it is at least, in CSS pixels, rather too much than too little."""
        columns = zip(self.columns, *self.rows, strict=True)
        return sum(max(_needs(part, parts[0].kind) for part in parts) for parts in columns)


PHONE = 358
"""Room of a table on a phone 390 CSS pixels wide."""

CARDS_FROM = 664
"""Room of a table in the narrowest window in which rows are no cards."""

_LETTER, _GAP = 8.0, 18.0
"""Width of a letter and of the space after a cell, in CSS pixels."""


def _needs(part: Column | Cell, kind: str) -> float:
    """Return the width without which a cell or a title breaks nowhere, in CSS pixels."""
    said = part.title if isinstance(part, Column) else part.text
    whole = isinstance(part, Cell) and kind != "text"
    lines = [said, part.note] if whole else [*said.split(), *part.note.split()]
    return _GAP + _LETTER * max(map(len, lines), default=0)


def row(*cells: str | Cell) -> tuple[Cell, ...]:
    """Make a row of cells from texts and cells."""
    return tuple(each if isinstance(each, Cell) else Cell(each) for each in cells)


def shortened(part: Any) -> Any:
    """Return a part of a page as it is printed: of a table of very many rows, the first.

    Setting them takes a PDF most of its time, and nobody reads a hundred pages of them; each is in
    the HTML. What has no such table is returned as it is.
    """
    if isinstance(part, Table):
        return _shortened(part)
    if isinstance(part, tuple):
        parts = tuple(shortened(each) for each in part)
        return part if all(a is b for a, b in zip(part, parts, strict=True)) else parts
    if is_dataclass(part) and not isinstance(part, type):
        fields_of = {item.name: getattr(part, item.name) for item in fields(part)}
        changed = {
            name: new for name, old in fields_of.items() if (new := shortened(old)) is not old
        }
        return replace(part, **changed) if changed else part
    return part


def _shortened(table: Table) -> Table:
    first = table.rows[: table.printed]
    if table.cut:
        return replace(table, caption=f"{table.caption} {table.cut}", rows=first)
    if len(table.rows) <= table.printed + 1:  # leaving out nothing says nothing
        return table
    said = f" The first {table.printed} of {len(table.rows):,} rows and the last"
    rows = (*first, table.rows[-1])
    return replace(table, caption=f"{table.caption}{said}: the HTML has all.", rows=rows)
