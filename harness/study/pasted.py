"""The best settings of a search as Python code, to be pasted into a study."""

from __future__ import annotations

import ast

from harness.study.searching import Searching
from harness.study.settings import Settings

WIDEST = 88
"""Characters of code in one line; beyond, each setting has a line of its own."""


def as_code(searching: Searching, settings: Settings) -> str:
    """Return settings as the keyword arguments of the function that was searched.

    Options that are objects stand by their names, with a comment, since only the study's file knows
    them. A setting that is not in use is ``None``, as the function was given.

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
        elif each.name in searching.objects:
            name = str(settings[each.name])
            parts.append((f"{each.name}={_expression(name)}", f"the option named {name!r}"))
        else:
            parts.append((f"{each.name}={settings[each.name]!r}", ""))
    for fixed, name in searching.fixed.items():
        parts.append((f"{fixed}={_expression(str(name))}", "not searched"))
    line = ", ".join(code for code, _ in parts)
    if len(line) <= WIDEST and not any(comment for _, comment in parts):
        return line
    return "\n".join(f"{code}," + (f"  # {comment}" if comment else "") for code, comment in parts)


def _expression(name: str) -> str:
    """Return a name where it reads as Python; else what stands for anything."""
    try:
        ast.parse(name, mode="eval")
    except (SyntaxError, ValueError):
        return "..."
    return name
