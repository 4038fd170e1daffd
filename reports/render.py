"""From a page to files: HTML that stands alone, and a PDF of the same HTML where possible."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.judging.results import Results
from harness.terminal.files import utf8, write_whole

from .about import About, about, address
from .index import index_of
from .page import Page, page_of
from .palette import figure_rules, variables
from .printing import NO_PANGO, NO_WEASYPRINT, Printing, failed, render_pdf
from .table import shortened
from .text import bind

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
LONG_WORD = re.compile(r"\S{19,}")
PARTS = re.compile(r"[^=/,_.:-]{1,24}[=/,_.:-]*|[=/,_.:-]+")


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        html: the report.
        pdf: the same as PDF; ``None`` where it could not be made.
        note: one line saying why there is no PDF and how to get it; empty where there is one.
        printing: what makes the PDF; ``None`` where nothing is to come any more.
    """

    html: Path
    pdf: Path | None
    note: str = ""
    printing: Printing | None = field(default=None, repr=False, compare=False)

    @property
    def lacking(self) -> bool:
        """Whether there is no PDF because this machine lacks what makes one: no failure."""
        return self.note in {NO_PANGO, NO_WEASYPRINT}

    def finished(self) -> Written:
        """Wait for the PDF, and write it; return what was written then."""
        if self.printing is None:
            return self
        return _with_pdf(self.html, *self.printing.result())


def write_report(
    results: Results,
    folder: Path,
    printing: Printing | None = None,
    attached: Mapping[str, str] | None = None,
) -> Written:
    """Write ``report.html`` and ``report.pdf`` into ``folder``, each complete or not at all.

    An old PDF beside a new page would say something else, so it goes before the page comes:
    whatever ends this in between leaves a page without one. A PDF that cannot be made is a note.

    Args:
        results: what is reported.
        folder: where.
        printing: makes the PDF beside this process, which does not wait for it; otherwise this
            process does.
        attached: names and contents of CSV and JSON files that the PDF carries with it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    page = page_of(results)
    told = about(page, results)
    text = _html(page, told)
    (folder / "report.pdf").unlink(missing_ok=True)
    html = write_whole(folder / "report.html", utf8(text))
    try:
        wanted = _html(page, told, printed=True, attached=attached or {})
        if printing is None:
            return _with_pdf(html, *render_pdf(wanted))
        printing.begin(wanted)
    except Exception as error:  # the page is written
        return Written(html, None, failed(error))
    return Written(html, None, printing=printing)


def _with_pdf(html: Path, content: bytes | None, note: str) -> Written:
    if content is None:
        return Written(html, None, note)
    try:
        return Written(html, write_whole(html.with_suffix(".pdf"), content))
    except Exception as error:  # a full disk, say
        return Written(html, None, failed(error))


def write_index(reports: Sequence[tuple[Results, Path]], folder: Path) -> Path:
    """Write ``index.html``: the reports of a run, linked, with all verdicts in one table.

    Args:
        reports: results, each with the folder that its ``report.html`` was written to.
        folder: where the index goes; links are relative to it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = render("index.html.j2", index=index_of(reports, folder))
    return write_whole(folder / "index.html", utf8(text))


def render_html(results: Results, *, printed: bool = False) -> str:
    """Return the report as HTML that needs nothing else; the same results, the same text.

    Args:
        results: what is reported.
        printed: whether for paper, where nothing folds and the longest tables are cut.
    """
    page = page_of(results)
    return _html(page, about(page, results), printed=printed)


def _html(
    page: Page, told: About, *, printed: bool = False, attached: Mapping[str, str] | None = None
) -> str:
    shown = shortened(page) if printed else page
    return render("report.html.j2", printed=printed, about=told, attached=attached, page=shown)


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


def render(
    template: str,
    *,
    printed: bool = False,
    about: About | None = None,
    attached: Mapping[str, str] | None = None,
    **values: Any,
) -> str:
    """Return a template as HTML, with the style sheet and the palette in it.

    Args:
        template: its file's name.
        printed: whether for paper; a template may ask.
        about: what the file says of itself.
        attached: names and contents of files that a PDF carries with it.
        values: what it prints.
    """
    from markupsafe import Markup

    # The style sheet and the palette are ours: no study's text is in them.
    sheets = ("report.css", "print.css") if printed else ("report.css",)
    css = (
        f":root {{ color-scheme: light dark; {variables('light')} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {variables('dark')} }} }}\n"
        + ("" if printed else f"{figure_rules()}\n")
        + "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in sheets)
    )
    files = [(name, address(name, content)) for name, content in (attached or {}).items()]
    return (
        _environment()
        .get_template(template)
        .render(css=Markup(css), printed=printed, about=about, attached=files, **values)
    )
