"""The best settings of a search as Python code, to be pasted into a study."""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence

from harness.study.searching import Searching
from harness.study.settings import Choice, Settings, Value

WIDEST = 88
"""Characters of code in one line; beyond, each setting has a line of its own."""


def as_code(searching: Searching, settings: Settings) -> str:
    """Return settings as the keyword arguments of the function that was searched.

    Objects stand by their names, with a comment, since only the study's file knows them. A setting
    that is not in use is ``None``, as the function was given.

    Args:
        searching: how they were searched, in plain values.
        settings: values of those in use.

    Returns:
        ``lr=0.1, width=32, way='adam'``, say; a line for each where they are many.
    """
    parts: list[tuple[str, str]] = []
    for each in searching.settings:
        if each.name not in settings:
            parts.append((f"{each.name}=None", "not in use"))
            continue
        value: Value | None = settings[each.name]
        if isinstance(each, Choice):
            value = each.value(settings[each.name])  # which is None where a record says "none"
        code, comment = _code(value, searching.objects.get(each.name, ()))
        parts.append((f"{each.name}={code}", comment))
    for name, value in searching.fixed.items():
        code, comment = _code(value, searching.objects.get(name, ()))
        parts.append((f"{name}={code}", f"not searched: {comment}" if comment else "not searched"))
    line = ", ".join(code for code, _ in parts)
    if len(line) <= WIDEST and not any(comment for _, comment in parts):
        return line
    return "\n".join(f"{code}," + (f"  # {comment}" if comment else "") for code, comment in parts)


def _code(value: Value | None, objects: Sequence[str]) -> tuple[str, str]:
    """Return the code of a value, and a comment where that is the name of an object."""
    if value in objects:
        return _expression(str(value)), f"the option named {value!r}"
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})", ""
    return repr(value), ""


def _expression(name: str) -> str:
    """Return a name where it reads as Python; else what stands for anything."""
    try:
        ast.parse(name, mode="eval")
    except (SyntaxError, ValueError):
        return "..."
    return name
