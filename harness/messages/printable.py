"""Text that can be shown: what no name may hold, and how it is shown if it came all the same.

A name (of a level, an arm, a claim, a metric) ends up in terminals, in HTML, in SVG, in PDF, in CSV
and in SQL. None of them takes half a character (a lone surrogate, as ``os.listdir`` gives for a
byte that is not UTF-8). HTML and SVG take no control characters. A line's end breaks a table. So
:func:`check_name` refuses these when a name is declared. :func:`visible` escapes them, as Python
does, if they come from an older store or from a path.
"""

from __future__ import annotations

import re
import shlex
from typing import Any

from harness.messages.errors import HarnessError

_LINES = "\t\n"
# Controls, line and paragraph separators, signs that turn the direction of writing, surrogates.
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def is_printable(text: str) -> bool:
    """Whether a text is a line that can be shown anywhere."""
    return _UNSHOWN.search(text) is None


def visible(text: str, *, line: bool = False) -> str:
    r"""Return a text in which signs that cannot be shown are escaped as Python does: ``\x1b``.

    Args:
        text: any text.
        line: whether tabs and line ends are escaped, too.
    """
    if text.isprintable():
        return text
    return _UNSHOWN.sub(lambda found: _written(found[0], line=line), text)


def _written(sign: str, *, line: bool) -> str:
    return sign if sign in _LINES and not line else repr(sign)[1:-1]


def quoted(word: str) -> str:
    """Return a word quoted for a shell; the stars of a hidden password stay as they are."""
    bare = word.replace("*", "")
    return word if shlex.quote(bare) == bare else shlex.quote(word)


def check_name(what: str, text: Any, instead: str) -> None:
    """Check that a text that is declared can be shown anywhere.

    Args:
        what: what it is, as a sentence begins.
        text: the text.
        instead: what to write instead.

    Raises:
        HarnessError: it is no text, or holds what cannot be shown.
    """
    if not isinstance(text, str):
        raise HarnessError(f"{what} must be a text", repr(text), instead)
    found = _UNSHOWN.search(text)
    if found is None:
        return
    kind = "half a character" if "\ud800" <= found[0] <= "\udfff" else "a sign that cannot be shown"
    kind = "a line's end" if found[0] in "\n\r\u2028\u2029" else kind
    near = text[max(found.start() - 30, 0) : found.end() + 30]
    raise HarnessError(
        f"{what} must be one line of text that can be shown",
        f"{kind} ({found[0]!a}) in {near!a}",
        instead,
    )
