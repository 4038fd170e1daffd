r"""Tables as LaTeX, in the style of booktabs: any text is set as it is, also by pdfLaTeX.

pdfLaTeX stops at a character that it does not know. So signs are written as commands, letters with
accents as accents, and what is left, such as Chinese, as its number: ``[U+4E2D]``.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from harness.messages.printable import visible

from .figures.scales import ems
from .parts import grid, one_line
from .table import Column, Table

LONG = 40
"""Rows beyond which a table may run over several pages."""

LINE = 345
"""How wide the text of a page is, in points: that of LaTeX's own class ``article``."""

LEAST_ROOM = 0.3
"""The part of a line that broken texts have at least. Where that is too much, all is shrunk."""

FROM = 10.0
"""Texts at least so wide are broken in tables wider than a page, in widths of an em."""

_SPECIAL = re.compile(r"(?<=-)-|(?<=')'|(?<=,),|[\\&%$#_{}~^<>|`]|[^\x20-\x7e]")
# Two of a kind that LaTeX would draw as one sign are kept apart.
_SIGNS = {
    "-": "{}-", "'": "{}'", ",": "{},",
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "`": r"\textasciigrave{}",
    "\N{NO-BREAK SPACE}": "~", "\N{NARROW NO-BREAK SPACE}": r"\,", "\N{THIN SPACE}": r"\,",
    "\N{HAIR SPACE}": r"\,", "\N{SOFT HYPHEN}": r"\-", "\N{NON-BREAKING HYPHEN}": "-",
    "\N{ZERO WIDTH SPACE}": "", "\N{WORD JOINER}": "", "\N{ZERO WIDTH NO-BREAK SPACE}": "",
    "\N{ZERO WIDTH JOINER}": "", "\N{ZERO WIDTH NON-JOINER}": "",
    "\N{VARIATION SELECTOR-15}": "", "\N{VARIATION SELECTOR-16}": "",
    "–": "--", "—": "---", "‘": "`", "’": "'", "“": "``", "”": "''", "…": r"\ldots{}",
    "⚠": "(!)", "§": r"\S{}", "¶": r"\P{}", "©": r"\textcopyright{}", "®": r"\textregistered{}",
    "™": r"\texttrademark{}", "€": r"\texteuro{}", "£": r"\pounds{}", "¿": r"\textquestiondown{}",
    "¡": r"\textexclamdown{}", "ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "œ": r"\oe{}",
    "Œ": r"\OE{}", "ø": r"\o{}", "Ø": r"\O{}", "ł": r"\l{}", "Ł": r"\L{}", "ı": r"\i{}",
}  # fmt: skip
_MATH = {
    "−": "-", "×": r"\times", "÷": r"\div", "±": r"\pm", "≤": r"\leq", "≥": r"\geq", "≠": r"\neq",
    "≈": r"\approx", "≡": r"\equiv", "∞": r"\infty", "√": r"\surd", "∝": r"\propto", "∈": r"\in",
    "∑": r"\sum", "∏": r"\prod", "∂": r"\partial", "∇": r"\nabla", "⊙": r"\odot", "∘": r"\circ",
    "→": r"\rightarrow", "←": r"\leftarrow", "↑": r"\uparrow", "↓": r"\downarrow",
    "↔": r"\leftrightarrow", "⇒": r"\Rightarrow", "⇔": r"\Leftrightarrow", "‖": r"\|",
    "✓": r"\surd", "✔": r"\surd", "✘": r"\times", "✗": r"\times",
    "▲": r"\bigtriangleup", "▼": r"\bigtriangledown", "△": r"\bigtriangleup",
    "▽": r"\bigtriangledown", "●": r"\bullet", "○": r"\circ", "◇": r"\diamond", "◆": r"\diamond",
    "◈": r"\diamond", "■": r"\bullet", "□": r"\circ", "◐": r"\circ",
    "•": r"\bullet", "·": r"\cdot", "°": r"^{\circ}",
    "²": "^{2}", "³": "^{3}", "¹": "^{1}", "⁰": "^{0}", "⁴": "^{4}", "⁵": "^{5}", "⁶": "^{6}",
    "⁷": "^{7}", "⁸": "^{8}", "⁹": "^{9}", "⁻": "^{-}", "½": r"\frac{1}{2}", "¼": r"\frac{1}{4}",
    "¾": r"\frac{3}{4}", "⅓": r"\frac{1}{3}", "⅔": r"\frac{2}{3}",
    "α": r"\alpha", "β": r"\beta", "γ": r"\gamma", "δ": r"\delta", "ε": r"\varepsilon",
    "ζ": r"\zeta", "η": r"\eta", "θ": r"\theta", "ι": r"\iota", "κ": r"\kappa", "λ": r"\lambda",
    "μ": r"\mu", "µ": r"\mu", "ν": r"\nu", "ξ": r"\xi", "π": r"\pi", "ρ": r"\rho", "σ": r"\sigma",
    "ς": r"\varsigma", "τ": r"\tau", "υ": r"\upsilon", "φ": r"\varphi", "χ": r"\chi",
    "ψ": r"\psi", "ω": r"\omega", "Γ": r"\Gamma", "Δ": r"\Delta", "Θ": r"\Theta",
    "Λ": r"\Lambda", "Ξ": r"\Xi", "Π": r"\Pi", "Σ": r"\Sigma", "Φ": r"\Phi", "Ψ": r"\Psi",
    "Ω": r"\Omega",
}  # fmt: skip
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u",
    "\u0307": ".", "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0323": "d",
    "\u0327": "c",
}  # fmt: skip


def latex_table(table: Table, label: str) -> str:
    r"""Return a table as LaTeX: with a caption and a label, numbers set to the right.

    A long one is a ``longtable``, which may be broken between pages. What has to stand in the
    preamble is its first line.

    Args:
        table: any table.
        label: what ``\ref`` names it by; ASCII letters, digits and hyphens.
    """
    head, *body = grid(table)
    long = len(body) > LONG
    shape = _shape(table.columns, [head, *body], long=long)
    spec, size = shape.spec, shape.size.commands
    packages = "array,booktabs" + ",longtable" * long + ",graphicx" * shape.shrunk
    rows = [
        _row([_tied(cell) if tied else cell for cell, tied in zip(cells, shape.tied, strict=True)])
        for cells in body
    ]
    caption = rf"\caption{{{escaped(one_line(table.caption))}}}"
    lines = [f"% In the preamble: \\usepackage{{{packages}}}"]
    if long:
        top = [r"\toprule", _row(head), r"\midrule"]
        lines += ["{", *size, rf"\begin{{longtable}}{{{spec}}}", rf"{caption}\label{{{label}}}\\"]
        lines += [*top, r"\endfirsthead", *top, r"\endhead", r"\bottomrule", r"\endfoot"]
        lines += [*rows, r"\end{longtable}", "}"]
    else:
        lines += [r"\begin{table}", r"\centering", caption, rf"\label{{{label}}}", *size]
        lines += [r"\resizebox{\linewidth}{!}{%"] * shape.shrunk
        lines += [rf"\begin{{tabular}}{{{spec}}}", r"\toprule", _row(head), r"\midrule", *rows]
        lines += [r"\bottomrule", r"\end{tabular}" + "}" * shape.shrunk, r"\end{table}"]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    line = " & ".join(map(escaped, cells))
    # after a line's end and after a rule LaTeX takes these for an option
    return f"{'{}' * line.startswith(('[', '*', '('))}{line} \\\\"


@dataclass(frozen=True)
class _Size:
    """A size of type: its commands, an em in points, and the points between two columns.

    The smaller the type, the wider it is for its height: an em of 8-point type has 8.5 points.
    """

    commands: tuple[str, ...]
    em: float
    gap: float

    @property
    def line(self) -> float:
        """How wide a line is, in its ems."""
        return LINE / self.em

    def beside(self, widths: Sequence[float]) -> float:
        """Return how wide columns are beside one another, in its ems."""
        return sum(widths) + (len(widths) - 1) * self.gap / self.em


_CLOSE = r"\setlength{\tabcolsep}{4pt}"
_NORMAL = _Size((), 10, 12)
_SMALL = _Size((r"\footnotesize", _CLOSE), 8.5, 8)
_SMALLER = (_Size((r"\scriptsize", _CLOSE), 8, 8), _Size((r"\tiny", _CLOSE), 6.8, 8))


@dataclass(frozen=True)
class _Shape:
    """How a table is set.

    Attributes:
        spec: its columns.
        size: of its type.
        tied: in which columns a number may be broken before its interval, and nowhere else.
        shrunk: whether it is shrunk to the page.
    """

    spec: str
    size: _Size
    tied: Sequence[bool]
    shrunk: bool = False


def _shape(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, long: bool) -> _Shape:
    """Choose how a table is set so that it is no wider than a page.

    Where it is wider in small type, titles and long texts are broken, and numbers before their
    intervals. Where that is not enough, it is shrunk; one that runs over several pages cannot be,
    and gets smaller type.
    """
    numbers = [column.kind == "number" for column in columns]
    cells = list(zip(*rows, strict=True))
    widths = [max(map(_ems, each)) for each in cells]
    for size in (_NORMAL, _SMALL):
        if size.beside(widths) <= size.line:
            return _Shape(_spec(numbers), size, [False] * len(numbers))
    least = [
        _least_number(each) if number else max(map(_longest_word, each))
        for each, number in zip(cells, numbers, strict=True)
    ]
    tied = [
        number and one + _WORTH < width
        for number, one, width in zip(numbers, least, widths, strict=True)
    ]
    broken = [not number and width > FROM for number, width in zip(numbers, widths, strict=True)]
    free = [not (one or other) for one, other in zip(tied, broken, strict=True)]
    # a text of a hundred characters needs no ten times the room of one of ten
    wants = [width**0.5 * each for width, each in zip(widths, broken, strict=True)]
    least = [width if each else one for one, width, each in zip(least, widths, free, strict=True)]
    texts = sum(one * each for one, each in zip(least, broken, strict=True))
    whole = sum(width * each for width, each in zip(widths, broken, strict=True))
    for size in (_SMALL, *(_SMALLER if long else ())):
        rest = size.line - size.beside(least)
        fits = rest >= 0 and texts + rest >= min(LEAST_ROOM * size.line, whole)
        if fits:
            break
    else:
        rest = max(min(LEAST_ROOM * size.line, whole) - texts, 0.0)
    every = sum(wants) or 1.0
    shared = [
        0.0 if each else (one + rest * want / every) / size.line
        for one, want, each in zip(least, wants, free, strict=True)
    ]
    return _Shape(_spec(numbers, shared), size, tied, shrunk=not (fits or long))


def _spec(numbers: Sequence[bool], widths: Sequence[float] = ()) -> str:
    """Return how columns are set: broken to a width, in lines, where they have one."""
    found = []
    for number, width in zip(numbers, widths or [0.0] * len(numbers), strict=True):
        ragged = r"\raggedleft" if number else r"\raggedright"
        part = f"{math.floor(1000 * width) / 1000:.3f}"
        broken = rf">{{{ragged}\arraybackslash}}p{{{part}\linewidth}}"
        found.append(broken if width else "r" if number else "l")
    return "@{}" + "".join(found) + "@{}"


def _halves(text: str) -> tuple[str, str]:
    """Return a number and its interval, the latter empty where it has none."""
    number, bracket, interval = text.partition(" [")
    return number, f"[{interval}" if bracket else ""


def _tied(text: str) -> str:
    """Return a number that is broken before its interval alone."""
    return " ".join(each.replace(" ", "\N{NO-BREAK SPACE}") for each in _halves(text) if each)


def _least_number(cells: Sequence[str]) -> float:
    """Return how wide a column of numbers is at least, whose title is the first of the cells."""
    parts = [_ems(each) + _SLACK for cell in cells[1:] for each in _halves(cell)]
    return max([_longest_word(cells[0]), *parts])


_WORTH = 2.0  # ems that a column of numbers must get narrower by to be broken
_SLACK = 0.4  # what a word may be wider than estimated, in ems
_NARROWER = 0.86  # LaTeX's letters than those that `ems` measures


def _ems(text: str) -> float:
    """Return about how wide a text is as LaTeX sets it, in widths of an em."""
    return _NARROWER * ems(text) + 0.1 * sum(map(str.isupper, text))


def _longest_word(text: str) -> float:
    """Return how wide the longest part of a text is that is not broken."""
    return max(map(_ems, re.split(r"(?<=-)|\s", text)), default=0.0) + _SLACK


def escaped(text: str) -> str:
    """Return a text as LaTeX sets it as it is."""
    shown = unicodedata.normalize("NFC", visible(text, line=True))
    return _SPECIAL.sub(lambda found: _command(found[0]), shown)


def _command(sign: str) -> str:
    if (written := _SIGNS.get(sign)) is not None:
        return written
    if (written := _MATH.get(sign)) is not None:
        return f"${written}$"
    apart = unicodedata.normalize("NFD", sign)
    if len(apart) == 2 and apart[0].isascii() and apart[0].isalpha() and apart[1] in _ACCENTS:
        return rf"\{_ACCENTS[apart[1]]}{{{apart[0]}}}"
    return f"[U+{ord(sign):04X}]"
