"""The text of Python code: without comments and layout, and where a piece of it begins and ends."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator, Sequence

_SKIPPED = {tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, tokenize.ENDMARKER}


def normalised(source: str) -> str:
    """Return source text without comments, docstrings and layout, the same for equal programs."""
    out: list[str] = []
    new_line = True
    word = False
    pending = list(_tokens(source))
    for index, token in enumerate(pending):
        if token.type == tokenize.INDENT:
            out.append("\x01")
            continue
        if token.type == tokenize.DEDENT:
            out.append("\x02")
            continue
        following = pending[index + 1].type if index + 1 < len(pending) else tokenize.NEWLINE
        if token.type == tokenize.STRING and new_line and following == tokenize.NEWLINE:
            continue  # a docstring: the NEWLINE after it is dropped with the next branch
        if token.type == tokenize.NEWLINE:
            if not new_line:
                out.append("\n")
            new_line, word = True, False
            continue
        is_word = token.type in (tokenize.NAME, tokenize.NUMBER)
        if word and is_word:
            out.append(" ")
        out.append(token.string)
        new_line, word = False, is_word
    return "".join(out)


def _tokens(source: str) -> Iterator[tokenize.TokenInfo]:
    """Yield the tokens that count; f-strings in one piece, as Python 3.11 has them.

    Newer ones take f-strings apart, where ``{a}`` and ``{{a}}`` have the same middle.
    """
    lines = list(io.StringIO(source))
    depth, begin = 0, (1, 0)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = tokenize.tok_name[token.type]
        if kind in ("FSTRING_START", "TSTRING_START"):
            begin = begin if depth else token.start
            depth += 1
        elif kind in ("FSTRING_END", "TSTRING_END"):
            depth -= 1
            if depth == 0:
                (top, left), (bottom, right) = begin, token.end
                text = "".join(lines[top - 1 : bottom])
                text = text[left : len(text) - len(lines[bottom - 1]) + right]
                yield tokenize.TokenInfo(tokenize.STRING, text, begin, token.end, token.line)
        elif depth == 0 and token.type not in _SKIPPED:
            yield token


def begin_of(lines: Sequence[str], node: ast.stmt | ast.expr) -> tuple[int, int]:
    """Return the line, from 0, and the column, in characters, where a piece of code begins."""
    row = node.lineno - 1
    return row, len(lines[row].encode()[: node.col_offset].decode())


def end_of(lines: Sequence[str], node: ast.stmt | ast.expr) -> tuple[int, int]:
    """Return the line, from 0, and the column, in characters, where a piece of code ends."""
    row = (node.end_lineno or 0) - 1
    return row, len(lines[row].encode()[: node.end_col_offset].decode())
