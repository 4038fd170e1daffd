"""Which line of somebody's own code an error came through."""

from __future__ import annotations

import sys
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LIBRARIES = ("site-packages", "dist-packages")
_PYTHON = (sysconfig.get_path("stdlib"), str(Path(__file__).parents[1]), "<")


def place(error: BaseException) -> str:
    """Return ``FILE:LINE`` of the last line that an error came through in code of the user's own.

    Code of Python, of installed packages and of the harness is passed over; where there is no
    other, the last line counts, whosever it is.
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


@contextmanager
def as_a_script(file: str) -> Iterator[None]:
    """Within, a file that reads the command line finds its own name there, and nothing else."""
    before = sys.argv
    sys.argv = [file]
    try:
        yield
    finally:
        sys.argv = before
