"""Texts with names in braces, such as ``--lr {lr}``: read, filled, and put before a shell."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from string import Formatter
from typing import Any

from harness.messages.errors import HarnessError
from harness.messages.levels import PLAIN, Level, level_name, own

GIVEN = ("seed", "folder", "device", "choosing", "python")
"""Names that every trial has a value for."""

SEED_FOR = "seed_for_"
"""How the names of seeds for one purpose begin."""


def is_given(name: str) -> bool:
    """Whether every trial has a value for a name, whatever the study declares."""
    return name in GIVEN or (name.startswith(SEED_FOR) and name != SEED_FOR)


def names_in(text: str) -> list[str]:
    """Return the names that stand in braces, in order."""
    return [name for _, name in pieces("a command", text) if name]


def pieces(what: str, text: str) -> list[tuple[str, str]]:
    """Return a text as pairs: what stands before a name in braces, and the name.

    Args:
        what: what the text is, as a sentence begins.
        text: the text.

    Raises:
        HarnessError: a brace has no partner, or there is more than a name between two.
    """
    try:
        found = list(Formatter().parse(text))
    except ValueError as error:
        raise HarnessError(
            f"braces in {what} must stand around a name",
            f"{text!r} ({error})",
            "Write {lr} for the value of lr, and {{ or }} for a brace itself.",
        ) from error
    out = []
    for before, name, digits, conversion in found:
        if name is not None and (digits or conversion or not name.isidentifier()):
            raise HarnessError(
                f"braces in {what} must stand around a name alone",
                repr(text),
                "Write {lr}, which gives all digits, and {{ or }} for a brace itself.",
            )
        out.append((before, name or ""))
    return out


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return a text with values in the place of names."""
    parts = pieces("a command", text)
    return "".join(before + (values[name] if name else "") for before, name in parts)


def text_of(name: str, value: Any) -> str:
    """Write a value as a word of a command line.

    Numbers are written as Python writes them, so that a program reads the same bits; true and
    false as JSON has them; an object by what a level of that value would be called.

    Args:
        name: what it is the value of, for messages.
        value: a level, a tuned setting, or a setting of the scale.

    Raises:
        HarnessError: no program can be given such a word.
    """
    value = own(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return float.__repr__(value)
    if isinstance(value, int):
        return int.__repr__(value)
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else level_name(value)
    if not isinstance(text, str) or "\0" in text:
        raise HarnessError(
            f"the value of {name!r} must be one that a program can be given as text",
            repr(value),
            "Leave out the zero byte.",
        )
    return text


def text_of_level(name: str, level: Level) -> str:
    """Write a level: a plain value or a path as it is, an object by the level's name."""
    written = isinstance(level.value, PLAIN | os.PathLike)
    return text_of(name, level.value if written else level.name)


_NAME = r"\{\{|\{\w+\}"
_SIGNS = {
    "": re.compile(rf"\\[^{{]|'|\"|{_NAME}", re.DOTALL),
    '"': re.compile(rf"\\[^{{]|\"|{_NAME}", re.DOTALL),
    "'": re.compile(rf"'|{_NAME}"),
}
"""What has a meaning for a shell, outside quotes and within each kind."""


def check_unquoted(line: str) -> None:
    """Check that no name stands in quotes of a shell: values bring their own.

    Raises:
        HarnessError: one does.
    """
    within, place = "", 0
    while found := _SIGNS[within].search(line, place):
        sign, place = found[0], found.end()
        if sign in _SIGNS:
            within = "" if within else sign
        elif within and sign.startswith("{") and sign != "{{":
            raise HarnessError(
                "a name in a line for a shell must not stand in quotes, which its value brings",
                f"{sign} in {line!r}",
                f"Write {sign} without quotes around it.",
            )


def shell_words(line: str) -> list[str]:
    """Return the words of a line for a shell, as far as they can be told without one."""
    reader = shlex.shlex(line, posix=True, punctuation_chars=True)
    reader.whitespace_split = True
    try:
        return list(reader)
    except ValueError:
        return line.split()
