r"""The one place that prints. What is printed is text: a name is never markup, nor a picture.

Standard output is the command's own: tables, JSON and CSV. Whatever else writes there while a
command runs (a study that prints while it is loaded, built or trained, a program that it calls, a
library in C, a worker process) is sent to standard error. A stream that cannot show a character
gets a plain mark in its place, or its number (``\xe9``); a sign that would steer a terminal is
shown as it is written (``\x1b``).
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from harness.printable import visible

PLAIN_MARKS = {
    "✔": "+", "✘": "x", "✓": "+", "✗": "x", "→": "->", "←": "<-", "↑": "^", "↓": "v", "⚠": "!",
    "–": "-", "—": "-", "−": "-", "‑": "-", "─": "-", "×": "x", "±": "+/-", "≠": "!=", "≤": "<=",
    "≥": ">=", "≈": "~", "∞": "inf", "·": ".", "•": "*", "…": "...", "“": '"', "”": '"', "‘": "'",
    "’": "'", "\u00a0": " ", "\u202f": " ", "µ": "u", "μ": "u", "δ": "delta", "α": "alpha",
    "●": "*", "○": "o", "◐": "o", "◆": "*", "◇": "?", "▲": "^", "△": "^", "▼": "v", "▽": "v",
    "◈": "/", "■": "#", "□": "o",
}  # fmt: skip
"""What stands for a mark of ours where a stream cannot show it."""

_ERRORS = "harness.plain"
_WIDE = 110
"""Columns of a table where there is no terminal to say how many there are."""

_own: list[TextIO] = []  # standard output, while sys.stdout is where studies print


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(PLAIN_MARKS.get(each) or _numbered(each) for each in signs), error.end


def _numbered(sign: str) -> str:
    if 0x2800 <= ord(sign) <= 0x28FF:  # dots that turn while one waits
        return "*"
    return sign.encode("ascii", "backslashreplace").decode()


codecs.register_error(_ERRORS, _replace)


def fit(stream: TextIO | None) -> TextIO:
    """Return a stream that takes any text; where there is none, one that nobody reads."""
    if stream is None:  # closed by whoever started this
        return io.StringIO()
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        with contextlib.suppress(OSError, ValueError):
            reconfigure(errors=_ERRORS)
    return stream


# ---- streams ------------------------------------------------------------------------------------


@contextlib.contextmanager
def kept_apart() -> Iterator[None]:
    """Within, descriptor 1 is standard error, and ``sys.stdout`` what it was before.

    So programs, libraries in C and processes that are started write to standard error, too.
    """
    before = sys.stdout
    try:
        own = before is not None and before.fileno() == 1
    except (OSError, ValueError):
        own = False
    if not own:  # whoever called has put something in its place
        sys.stdout = fit(before)
        try:
            yield
        finally:
            sys.stdout = before
        return
    before.flush()
    kept = os.dup(1)
    _to_errors()
    stream = open(  # noqa: PTH123, SIM115 - a descriptor, and closed below
        kept, "w", encoding=before.encoding, errors=_ERRORS, buffering=1 if before.isatty() else -1
    )
    sys.stdout = stream
    try:
        yield
    finally:
        with contextlib.suppress(BrokenPipeError):
            stream.flush()
        os.dup2(kept, 1)
        sys.stdout = before
        with contextlib.suppress(BrokenPipeError):
            stream.close()


def in_worker() -> None:
    """Send what this process writes to standard output, from now on, to standard error."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        _to_errors()
    sys.stdout, sys.stderr = fit(sys.stdout), fit(sys.stderr)


def _to_errors() -> None:
    try:
        os.dup2(2, 1)
    except OSError:  # there is no standard error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """Within, what Python code prints goes to standard error, and what this module does, out."""
    _own.append(_out())
    try:
        with contextlib.redirect_stdout(fit(sys.stderr)):
            yield
    finally:
        _own.pop()


def _out() -> TextIO:
    return _own[-1] if _own else fit(sys.stdout)


# ---- consoles -----------------------------------------------------------------------------------


class _Plain(Console):
    """A console for which text is text, whatever is in it."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for each in super().render(renderable, options):
            yield each if each.control else Segment(visible(each.text), each.style)


def _console(stream: TextIO, *, width: int | None = None) -> Console:
    return _Plain(file=stream, markup=False, emoji=False, highlight=False, width=width)


def output() -> Console:
    """Return standard output; where it is no terminal, wide enough for a table to be read."""
    console = _console(_out())
    return console if console.is_terminal else _console(_out(), width=max(console.width, _WIDE))


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
        whole: whether it is never wrapped, as a path that somebody copies.
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
    _write(_out(), visible(text, line=True) + "\n")


def complain(text: str) -> None:
    """Print one line on standard error."""
    _write(fit(sys.stderr), visible(text, line=True) + "\n")


def complain_at_length(text: str) -> None:
    """Print lines on standard error."""
    _write(fit(sys.stderr), visible(text))


def give(data: str) -> None:
    """Write data, JSON or CSV, on standard output as it is."""
    _write(_out(), data if data.endswith("\n") else data + "\n")


def _write(stream: TextIO, text: str) -> None:
    stream.write(text)
    stream.flush()
