r"""The one place that prints. What is printed is text: a name is never markup, nor a picture.

What a stream cannot show, :mod:`harness.terminal.outlets` replaces; a sign that would steer a
terminal is shown as it is written (``\x1b``).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, TextIO

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from harness.messages.printable import visible
from harness.terminal.outlets import fit, own

_WIDE = 110
"""Columns of a table if there is no terminal to say how many fit."""


# ---- consoles -----------------------------------------------------------------------------------


class _Plain(Console):
    """A console that prints all text as it is, markup or not."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for each in super().render(renderable, options):
            yield each if each.control else Segment(visible(each.text), each.style)

    def on_broken_pipe(self) -> None:
        """Leave it to the command line, which must still write files."""
        raise BrokenPipeError("nobody reads standard output any more")


def _console(stream: TextIO, *, width: int | None = None) -> Console:
    return _Plain(file=stream, markup=False, emoji=False, highlight=False, width=width)


def output() -> Console:
    """Return standard output; if it is no terminal, wide enough to read a table."""
    console = _console(own())
    return console if console.is_terminal else _console(own(), width=max(console.width, _WIDE))


def errors() -> Console:
    """Return standard error."""
    return _console(fit(sys.stderr))


def words(text: str, style: str = "") -> Text:
    """Return text as text, for any console and any table."""
    return Text(visible(text), style=style)


def line(console: Console, text: str, *, style: str = "", whole: bool = False) -> None:
    """Print a line.

    Args:
        console: where.
        text: what.
        style: how it looks in a terminal.
        whole: whether it is never wrapped, such as a path to be copied.
    """
    console.print(words(text, style), soft_wrap=whole, markup=False, highlight=False, emoji=False)


class _Table(Table):
    """A table of text."""

    def add_column(self, header: RenderableType = "", *args: Any, **options: Any) -> None:
        """Add a column; see rich."""
        super().add_column(_text(header), *args, **options)

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        """Add a row; see rich."""
        super().add_row(*map(_text, cells), **options)


def table(title: str) -> Table:
    """Return an empty table."""
    return _Table(title=words(title, "bold"), box=box.SIMPLE_HEAD, title_justify="left")


def _text(cell: RenderableType | None) -> Any:
    return words(cell) if isinstance(cell, str) else cell


# ---- what is no table ---------------------------------------------------------------------------


def say(text: str) -> None:
    """Print one line on standard output."""
    _write(own(), visible(text, line=True) + "\n")


def complain(text: str) -> None:
    """Print one line on standard error."""
    _write(fit(sys.stderr), visible(text, line=True) + "\n")


def complain_at_length(text: str) -> None:
    """Print lines on standard error."""
    _write(fit(sys.stderr), visible(text))


def give(data: str) -> None:
    """Write data, JSON or CSV, on standard output as it is."""
    _write(own(), data if data.endswith("\n") else data + "\n")


def _write(stream: TextIO, text: str) -> None:
    stream.write(text)
    stream.flush()
