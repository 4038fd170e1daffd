"""Texts in the cells of a CSV file: none of them is run by a spreadsheet."""

from __future__ import annotations

import re
from typing import Any

FORMULA = re.compile(r"'*[=+\-@＝＋－＠\t\r\n]")
"""How texts begin that a spreadsheet would take for a formula, or that are told from such."""


def as_cell(value: Any) -> Any:
    r"""Return a value for a cell of a CSV file: text that a spreadsheet would run is quoted.

    Spreadsheets take a text that begins with one of ``= + - @``, also as wide as an ideograph, or
    with a tab or a line's end for a formula (OWASP, CSV injection). An apostrophe before it makes
    it text. A text that begins with apostrophes before such a sign gets one more, so that taking
    one off always gives the text back:
    ``re.sub("^'(?='*[=+\-@＝＋－＠\t\r\n])", "", cell)``. Numbers stay numbers.
    """
    if type(value) is str and FORMULA.match(value) and not _is_number(value):
        return f"'{value}"
    return value


def _is_number(text: str) -> bool:
    """Whether a spreadsheet and pandas read a text as a number, such as a level's -0.5."""
    return re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text) is not None
