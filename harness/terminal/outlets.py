r"""Standard output and standard error: what is whose, and what they can show.

Standard output is the command's own: tables, JSON and CSV. Whatever else writes there while a
command runs (a study that prints while it is loaded, built or trained, a program that it calls, a
library in C, a worker process) is sent to standard error. A stream that cannot show a character
gets a plain mark in its place, or its number (``\xe9``).
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import TextIO

PLAIN_MARKS = {
    "✔": "+", "✘": "x", "✓": "+", "✗": "x", "→": "->", "←": "<-", "↑": "^", "↓": "v", "⚠": "!",
    "–": "-", "—": "-", "−": "-", "‑": "-", "─": "-", "×": "x", "±": "+/-", "≠": "!=", "≤": "<=",
    "≥": ">=", "≈": "~", "∞": "inf", "·": ".", "•": "*", "…": "...", "“": '"', "”": '"', "‘": "'",
    "’": "'", "\u00a0": " ", "\u202f": " ", "µ": "u", "μ": "u", "δ": "delta", "α": "alpha",
    "●": "*", "○": "o", "◐": "o", "◆": "*", "◇": "?", "▲": "^", "△": "^", "▼": "v", "▽": "v",
    "◈": "/", "■": "#", "□": "o",
}  # fmt: skip
"""What stands for a mark of ours where a stream cannot show it."""

_ERRORS = "harness.engines.plain"

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
        real = before is not None and before.fileno() == 1
    except (OSError, ValueError):
        real = False
    if not real:  # whoever called has put something in its place
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
        with contextlib.suppress(OSError):  # nobody reads it, or a full disk: said already
            stream.flush()
        os.dup2(kept, 1)
        sys.stdout = before
        with contextlib.suppress(OSError):
            stream.close()


def close_own() -> None:
    """Send the command's standard output nowhere from now on: it takes nothing any more."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, own().fileno())
        os.close(nowhere)


def all_there() -> None:
    """Open what is closed of the first three descriptors, before something else takes its place.

    To be called before anything else is opened.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest that is free


def in_worker() -> None:
    """Send what this process writes to standard output, from now on, to standard error."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # there may be none
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
    _own.append(own())
    try:
        with contextlib.redirect_stdout(fit(sys.stderr)):
            yield
    finally:
        _own.pop()


def own() -> TextIO:
    """Return the command's standard output."""
    return _own[-1] if _own else fit(sys.stdout)
