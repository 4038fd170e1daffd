"""Keeps warnings of libraries from being errors: they are words, and decide nothing.

A user or a test may turn warnings into errors (``python -W error``, ``PYTHONWARNINGS=error``). Then
a library's note that something will change one day would end what called it: an arm would lose its
profile, or a mode of training would count as impossible.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def calm(*, silent: bool = False) -> Iterator[None]:
    """Within this, a warning is no error; it is printed, as by default.

    Args:
        silent: whether it is not even printed.
    """
    if not silent and not any(each[0] == "error" for each in warnings.filters):
        yield  # what was said once already is not said again
        return
    with warnings.catch_warnings():
        if silent:
            warnings.simplefilter("ignore")
        else:
            _forgive()
        yield


def _forgive() -> None:
    """Change filters that raise into filters that print; all others stay."""
    before = list(warnings.filters)
    warnings.resetwarnings()
    for action, message, category, module, line in reversed(before):
        told: Any = "default" if action == "error" else action
        kind: Any = category
        warnings.filterwarnings(told, _pattern(message), kind, _pattern(module), line)


def _pattern(pattern: object) -> str:
    return str(getattr(pattern, "pattern", pattern) or "")
