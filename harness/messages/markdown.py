"""Texts as Markdown shows them: as they are, whatever signs they hold."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.messages.printable import visible

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&])")
"""Signs that Markdown, or HTML within it, would take for something else than text."""

_LIST = re.compile(r"^(\d*)([-+=.)])")
"""How lines begin that Markdown would take for items of a list, or for a heading's underline."""

_FENCE = re.compile(r"`{3,}")


def words(text: str) -> str:
    """Return words as Markdown shows them as they are, in one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(visible(text).split()))


def item(text: str) -> str:
    """Return words as a line of their own, which is no item of a list."""
    return _LIST.sub(r"\1\\\2", words(text))


def fenced(lines: Sequence[str], language: str) -> list[str]:
    """Return lines as code, within a fence that is longer than any in them."""
    text = "\n".join(visible(line, line=True) for line in lines)
    longest = max((len(found) for found in _FENCE.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return [fence + language, *text.split("\n"), fence]
