"""From a page to files: HTML that stands alone, and a PDF of the same HTML where possible."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from harness.judging.results import Results
from harness.terminal.files import utf8, write_whole

from .page import Page, page_of
from .palette import variables
from .printing import NO_PANGO, NO_WEASYPRINT, Printing, failed, render_pdf
from .table import shortened
from .text import bind

if TYPE_CHECKING:
    from jinja2 import Environment

Only = Literal["", "html", "pdf"]
"""Which of page and PDF is written; both where it is empty."""

TEMPLATES = Path(__file__).parent / "templates"
LONG_WORD = re.compile(r"\S{19,}")
PARTS = re.compile(r"[^=/,_.:-]{1,24}[=/,_.:-]*|[=/,_.:-]+")


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        html: the report; ``None`` where only the PDF was wanted.
        pdf: the same as PDF; ``None`` where it could not be made, or was not wanted.
        note: one line saying why there is no PDF and how to get it; empty where there is one.
        printing: what makes the PDF; ``None`` where nothing is to come any more.
        to: where that PDF goes.
    """

    html: Path | None
    pdf: Path | None
    note: str = ""
    printing: Printing | None = field(default=None, repr=False, compare=False)
    to: Path = field(default=Path(), repr=False, compare=False)

    @property
    def lacking(self) -> bool:
        """Whether there is no PDF because this machine lacks what makes one: no failure."""
        return self.note in {NO_PANGO, NO_WEASYPRINT}

    def finished(self) -> Written:
        """Wait for the PDF, and write it; return what was written then."""
        if self.printing is None:
            return self
        return _with_pdf(self.html, self.to, *self.printing.result())


def write_report(
    results: Results, folder: Path, printing: Printing | None = None, only: Only = ""
) -> Written:
    """Write ``report.html`` and ``report.pdf`` into ``folder``, each complete or not at all.

    An old PDF beside a new page would say something else, so it goes before the page comes:
    whatever ends this in between leaves a page without one. A PDF that cannot be made is a note.

    Args:
        results: what is reported.
        folder: where.
        printing: makes the PDF beside this process, which does not wait for it; otherwise this
            process does.
        only: which of the two is written; both where it is empty.
    """
    folder.mkdir(parents=True, exist_ok=True)
    page, pdf = page_of(results), folder / "report.pdf"
    html = None
    if only != "pdf":
        text = _html(page)
        pdf.unlink(missing_ok=True)
        html = write_whole(folder / "report.html", utf8(text))
    if only == "html":
        return Written(html, None)
    try:
        wanted = _html(page, printed=True)
        if printing is None:
            return _with_pdf(html, pdf, *render_pdf(wanted))
        printing.begin(wanted)
    except Exception as error:  # the page is written
        return Written(html, None, failed(error))
    return Written(html, None, printing=printing, to=pdf)


def _with_pdf(html: Path | None, pdf: Path, content: bytes | None, note: str) -> Written:
    if content is None:
        return Written(html, None, note)
    try:
        return Written(html, write_whole(pdf, content))
    except Exception as error:  # a full disk, say
        return Written(html, None, failed(error))


def render_html(results: Results, *, printed: bool = False) -> str:
    """Return the report as HTML that needs nothing else; the same results, the same text.

    Args:
        results: what is reported.
        printed: whether for paper, where nothing folds and the longest tables are cut.
    """
    return _html(page_of(results), printed=printed)


def _html(page: Page, *, printed: bool = False) -> str:
    return render("report.html.j2", printed=printed, page=shortened(page) if printed else page)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=bind,
        trim_blocks=True,
    )
    environment.filters["breaks"] = breaks
    return environment


def breaks(name: str) -> str:
    """Allow breaks within the long words of a name, after ``=`` and the like, and nowhere else."""
    from markupsafe import Markup, escape

    if not LONG_WORD.search(name):
        return name

    def broken(word: str) -> Markup:
        parts = PARTS.findall(word) if LONG_WORD.search(word) else [word]
        return Markup("<wbr>").join(escape(part) for part in parts)

    return Markup("").join(broken(word) for word in re.split(r"(\s+)", str(bind(name))))


def render(template: str, *, printed: bool = False, **values: Any) -> str:
    """Return a template as HTML, with the style sheet and the palette in it.

    Args:
        template: its file's name.
        printed: whether for paper; a template may ask.
        values: what it prints.
    """
    from markupsafe import Markup

    # The style sheet and the palette are ours: no study's text is in them.
    css = (
        f":root {{ color-scheme: light dark; {variables('light')} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {variables('dark')} }} }}\n"
        + (TEMPLATES / "report.css").read_text(encoding="utf-8")
    )
    return _environment().get_template(template).render(css=Markup(css), printed=printed, **values)
