r"""Tables as LaTeX, in the style of booktabs: any text is set as it is, also by pdfLaTeX.

pdfLaTeX stops at a character that it does not know. So signs are written as commands, letters with
accents as accents, and what is left, such as Chinese, as its number: ``[U+4E2D]``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from harness.messages.printable import visible

from .parts import grid, one_line
from .table import Column, Table

LONG = 40
"""Rows beyond which a table may run over several pages."""

PER_LINE = 75
"""Characters that fit beside one another on a page; a wider table is set smaller."""

PER_SMALL_LINE = 95
"""The same in small type; of a table that is wider still, long texts are broken."""

LEAST_ROOM = 0.4
"""The part of a line that broken texts have at least. Where that is too much, all is shrunk."""

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
    widths = [max(map(len, cells)) for cells in zip(head, *body, strict=True)]
    spec = _spec(table.columns, widths)
    size = [r"\footnotesize"] * (_together(widths) > PER_LINE)
    long = len(body) > LONG
    shrunk = not long and _overfull(table.columns, widths)
    packages = "array,booktabs" + ",longtable" * long + ",graphicx" * shrunk
    rows = [_row(cells) for cells in body]
    caption = rf"\caption{{{escaped(one_line(table.caption))}}}"
    lines = [f"% In the preamble: \\usepackage{{{packages}}}"]
    if long:
        top = [r"\toprule", _row(head), r"\midrule"]
        lines += ["{", *size, rf"\begin{{longtable}}{{{spec}}}", rf"{caption}\label{{{label}}}\\"]
        lines += [*top, r"\endfirsthead", *top, r"\endhead", r"\bottomrule", r"\endfoot"]
        lines += [*rows, r"\end{longtable}", "}"]
    else:
        lines += [r"\begin{table}", r"\centering", caption, rf"\label{{{label}}}", *size]
        lines += [r"\resizebox{\linewidth}{!}{%"] * shrunk
        lines += [rf"\begin{{tabular}}{{{spec}}}", r"\toprule", _row(head), r"\midrule", *rows]
        lines += [r"\bottomrule", r"\end{tabular}" + "}" * shrunk, r"\end{table}"]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    line = " & ".join(map(escaped, cells))
    # after a line's end and after a rule LaTeX takes these for an option
    return f"{'{}' * line.startswith(('[', '*', '('))}{line} \\\\"


def _together(widths: Sequence[int]) -> int:
    """Return how wide columns are beside one another, in characters."""
    return sum(widths) + 2 * len(widths)


def _broken(columns: Sequence[Column], widths: Sequence[int]) -> list[bool]:
    """Return in which columns texts are broken: the long ones of a table wider than a page."""
    wide = _together(widths) > PER_SMALL_LINE
    return [
        wide and column.kind != "number" and width > 20
        for column, width in zip(columns, widths, strict=True)
    ]


def _fixed(columns: Sequence[Column], widths: Sequence[int]) -> float:
    """Return what the columns take that are not broken, in lines of small type."""
    kept = zip(widths, _broken(columns, widths), strict=True)
    return _together([width for width, broken in kept if not broken]) / PER_SMALL_LINE


def _overfull(columns: Sequence[Column], widths: Sequence[int]) -> bool:
    """Whether a table is wider than a page even where long texts are broken."""
    room = LEAST_ROOM * any(_broken(columns, widths))
    return _fixed(columns, widths) + room > 1


def _spec(columns: Sequence[Column], widths: Sequence[int]) -> str:
    """Return how columns are set; where they are wider than a page, long texts are broken."""
    kinds = ["r" if column.kind == "number" else "l" for column in columns]
    broken = _broken(columns, widths)
    if any(broken):
        room = max(0.95 - _fixed(columns, widths), LEAST_ROOM)
        # a text of a hundred characters needs no ten times the room of one of ten
        wants = [width**0.5 * each for width, each in zip(widths, broken, strict=True)]
        kinds = [
            rf">{{\raggedright\arraybackslash}}p{{{room * want / sum(wants):.2f}\linewidth}}"
            if want
            else kind
            for kind, want in zip(kinds, wants, strict=True)
        ]
    return "@{}" + "".join(kinds) + "@{}"


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
