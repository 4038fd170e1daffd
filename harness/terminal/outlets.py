r"""Standard output and standard error: who writes where, and what they can show.

Standard output is only for the command's own tables, JSON and CSV. Everything else that is written
there while a command runs goes to standard error: by a study that is loaded, built or trained, by a
program that it calls, by a library in C, by a worker process. If a stream cannot show a character,
a plain mark is written instead, or its number (``\xe9``).
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

PLAIN_MARKS = {
    "✔": "+", "✘": "x", "✓": "+", "✗": "x", "→": "->", "←": "<-", "↑": "^", "↓": "v", "⚠": "!",
    "–": "-", "—": "-", "−": "-", "‑": "-", "─": "-", "×": "x", "±": "+/-", "≠": "!=", "≤": "<=",
    "≥": ">=", "≈": "~", "∞": "inf", "·": ".", "•": "*", "…": "...", "“": '"', "”": '"', "‘": "'",
    "’": "'", "\u00a0": " ", "\u202f": " ", "µ": "u", "μ": "u", "δ": "delta", "α": "alpha",
    "●": "*", "○": "o", "◐": "o", "◆": "*", "◇": "?", "▲": "^", "△": "^", "▼": "v", "▽": "v",
    "◈": "/", "■": "#", "□": "o",
}  # fmt: skip
"""Plain marks, for streams that cannot show the harness's own."""

_ERRORS = "harness.plain_marks"

_own: list[TextIO] = []  # standard output, while sys.stdout is where studies print


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(PLAIN_MARKS.get(each) or _numbered(each) for each in signs), error.end


def _numbered(sign: str) -> str:
    if 0x2800 <= ord(sign) <= 0x28FF:  # the dots of a progress display
        return "*"
    return sign.encode("ascii", "backslashreplace").decode()


codecs.register_error(_ERRORS, _replace)


def fit(stream: TextIO | None) -> TextIO:
    """Return a stream that takes any text; without a stream, one that is not read."""
    if stream is None:  # closed by the process that started this one
        return io.StringIO()
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        with contextlib.suppress(OSError, ValueError):
            reconfigure(errors=_ERRORS)
    return stream


# ---- streams ------------------------------------------------------------------------------------


@contextlib.contextmanager
def kept_apart() -> Iterator[None]:
    """Within this, descriptor 1 is standard error; ``sys.stdout`` writes where it did before.

    So programs, libraries in C and child processes write to standard error, too.
    """
    before = sys.stdout
    try:
        real = before is not None and before.fileno() == 1
    except (OSError, ValueError):
        real = False
    if not real:  # the caller has replaced it
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
        with contextlib.suppress(OSError):  # closed by its reader, or a full disk: reported already
            stream.flush()
        os.dup2(kept, 1)
        sys.stdout = before
        with contextlib.suppress(OSError):
            stream.close()


def close_own() -> None:
    """Send the command's standard output nowhere from now on, because it cannot be written to."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, own().fileno())
        os.close(nowhere)


def all_there() -> None:
    """Open those of the first three descriptors that are closed, so that no file gets their number.

    Call it before anything else is opened.
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


def into(file: Path) -> None:
    """Add all that this process writes to both streams, from now on, to a file."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    # whatever they were, they write there now, and at once: the process may be killed
    sys.stdout = open(1, "w", encoding="utf-8", errors=_ERRORS, buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors=_ERRORS, buffering=1, closefd=False)  # noqa: SIM115


def flush() -> None:
    """Write what is still held back."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # there may be none
            stream.flush()


def _to_errors() -> None:
    try:
        os.dup2(2, 1)
    except OSError:  # there is no standard error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """Within this, Python's print goes to standard error; this module's output does not."""
    _own.append(own())
    try:
        with contextlib.redirect_stdout(fit(sys.stderr)):
            yield
    finally:
        _own.pop()


def own() -> TextIO:
    """Return the command's standard output."""
    return _own[-1] if _own else fit(sys.stdout)
