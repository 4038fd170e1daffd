"""Finds the line of the user's code that an error came from."""

from __future__ import annotations

import sys
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.messages.errors import one_line

_LIBRARIES = ("site-packages", "dist-packages")
_PYTHON = (sysconfig.get_path("stdlib"), str(Path(__file__).parents[1]), "<")


def place(error: BaseException) -> str:
    """Return ``FILE:LINE`` of the last line of the user's own code that an error came through.

    Code of Python, of installed packages and of the harness is skipped. If there is no other, it is
    the last line of all.
    """
    lines = traceback.extract_tb(error.__traceback__)
    own = [each for each in lines if _is_own(each.filename)]
    last = own[-1] if own else lines[-1]
    return f"{last.filename}:{last.lineno}"


def _is_own(file: str) -> bool:
    return not file.startswith(_PYTHON) and not set(Path(file).parts) & set(_LIBRARIES)


def named(error: BaseException) -> str:
    """Return an error's kind and what it says."""
    said = str(error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def reason_of(error: BaseException) -> str:
    """Return an error as one line with the place it came from."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" ({Path(last[0].filename).name}:{last[0].lineno})" if last else ""
    return one_line(f"{type(error).__name__}: {error}")[:500] + place


@contextmanager
def as_a_script(file: str) -> Iterator[None]:
    """Within this, a file that reads the command line sees its own name and no arguments."""
    before = sys.argv
    sys.argv = [file]
    try:
        yield
    finally:
        sys.argv = before
