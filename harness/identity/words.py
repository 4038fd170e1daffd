"""Words for people in Python code: messages, titles, meanings. They change nothing that runs.

So they are left out of keys. The words of verdicts are chosen in :mod:`harness.judging.words`, and
:mod:`harness.reports.words` says how those look.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

from harness.identity.text import begin_of, end_of

_TALK = frozenset({"HarnessError", "near", "warn"})
"""Calls that only hold words for people. The arguments of a raised error are such words, too."""

_NAMING = frozenset(
    {
        "draws",
        "einsum",
        "kept",
        "named",
        "normal",
        "permutation",
        "stream",
        "torch_seed",
        "trial_key",
        "uniform",
        "within",
    }
)
"""Calls whose texts are values: most name random numbers."""


@cache
def without_words(text: str) -> str:
    """Return a file's text with words for people replaced by an empty text.

    Those are texts with a letter and a blank in them, the arguments of a raised error, and calls
    that only say something. A text that has a name of its own at the top level, and names that
    random numbers are drawn by, are values, with or without a blank.

    Raises:
        SyntaxError: it is not Python.
    """
    lines = text.split("\n")
    body = ast.parse(text).body
    found = [words for node in body if not _names_a_text(node) for words in _words(node)]
    places = [(begin_of(lines, words[0]), end_of(lines, words[-1])) for words in found]
    for (top, left), (bottom, right) in sorted(places, reverse=True):
        lines[top : bottom + 1] = [f"{lines[top][:left]}''{lines[bottom][right:]}"]
    return "\n".join(lines)


def _words(node: ast.AST) -> Iterator[list[ast.expr]]:
    """Yield the expressions that are words for people, those of one call together."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr) and _called(child) in _NAMING:
            continue
        if isinstance(child, ast.expr) and (_has_blank(child) or _called(child) in _TALK):
            yield [child]
        elif isinstance(child, ast.Call) and isinstance(node, ast.Raise):
            words = [*child.args, *(each.value for each in child.keywords)]
            yield from [words] if words else []
        elif not isinstance(child, ast.JoinedStr):  # within which Python 3.11 tells no places
            yield from _words(child)


def _names_a_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant)


def _called(node: ast.expr) -> str:
    """Return the name of what an expression calls; empty where it calls nothing."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)


def _has_blank(node: ast.expr) -> bool:
    if not isinstance(node, ast.JoinedStr | ast.Constant):
        return False
    texts = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
    together = "".join(text for text in texts if isinstance(text, str))
    return " " in together and any(map(str.isalpha, together))
