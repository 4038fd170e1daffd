"""From a page to files: HTML that stands alone, and a PDF of the same HTML where possible."""

from __future__ import annotations

import contextlib
import gc
import io
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.calm import calm
from harness.outputs import utf8, write_whole
from harness.results import Results

from .index import index_of
from .page import Page, page_of
from .palette import variables
from .table import shortened
from .text import bind

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
LONG_WORD = re.compile(r"\S{19,}")
PARTS = re.compile(r"[^=/,_.:-]{1,24}[=/,_.:-]*|[=/,_.:-]+")
NO_PANGO = (
    "No PDF: WeasyPrint cannot find Pango. On Debian or Ubuntu: apt-get install libpango-1.0-0 "
    "libpangoft2-1.0-0 libharfbuzz-subset0; on macOS: brew install pango. The HTML is complete "
    "and prints well from any browser."
)
NO_WEASYPRINT = (
    "No PDF: WeasyPrint is not installed. pip install weasyprint. The HTML is complete and "
    "prints well from any browser."
)


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        html: the report.
        pdf: the same as PDF; ``None`` where it could not be made.
        note: one line saying why there is no PDF and how to get it; empty where there is one.
    """

    html: Path
    pdf: Path | None
    note: str = ""


def write_report(results: Results, folder: Path) -> Written:
    """Write ``report.html`` and ``report.pdf`` into ``folder``, each complete or not at all.

    An old PDF beside a new page would say something else, so it goes before the page comes:
    whatever ends this in between leaves a page without one. A PDF that cannot be made is a note.
    """
    folder.mkdir(parents=True, exist_ok=True)
    page = page_of(results)
    text = _html(page)
    target = folder / "report.pdf"
    target.unlink(missing_ok=True)
    html = write_whole(folder / "report.html", utf8(text))
    try:
        printed = shortened(page)
        content, note = render_pdf(text if printed is page else _html(printed))
        pdf = None if content is None else write_whole(target, content)
    except Exception as error:  # a full disk, say
        return Written(html, None, _failed(error))
    return Written(html, pdf, note)


def write_index(reports: Sequence[tuple[Results, Path]], folder: Path) -> Path:
    """Write ``index.html``: the reports of a run, linked, with all verdicts in one table.

    Args:
        reports: results, each with the folder that its ``report.html`` was written to.
        folder: where the index goes; links are relative to it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = _render("index.html.j2", index=index_of(reports, folder))
    return write_whole(folder / "index.html", utf8(text))


def render_html(results: Results) -> str:
    """Return the report as HTML that needs nothing else; the same results, the same text."""
    return _html(page_of(results))


def _html(page: Page) -> str:
    return _render("report.html.j2", page=page)


def render_pdf(html: str) -> tuple[bytes | None, str]:
    """Return the PDF, or ``None`` and the line that says why not."""
    try:
        # WeasyPrint prints a paragraph where a library is missing; one line of ours replaces it.
        with contextlib.redirect_stdout(io.StringIO()), calm(silent=True):
            import weasyprint
            from weasyprint.urls import URLFetcher
    except ImportError:
        return None, NO_WEASYPRINT
    except OSError:
        return None, NO_PANGO
    except Exception as error:  # a library that does not fit the others
        return None, _failed(error)
    try:
        with _quiet(), calm(silent=True):
            # Nothing is fetched: a report holds its pictures itself.
            fetcher = URLFetcher(allowed_protocols={"data"})
            document = weasyprint.HTML(string=html, url_fetcher=fetcher)
            content: bytes = document.write_pdf()
    except Exception as error:  # the HTML is written; a fault in the PDF must not lose the run
        return None, _failed(error)
    return content, ""


def _failed(error: Exception) -> str:
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return f"No PDF: WeasyPrint failed ({reason}). Print the HTML from a browser."


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the chatter of WeasyPrint and fontTools about CSS that is for screens."""
    # The tree of a report is big and short-lived; looking for garbage in it took a seventh of the
    # time.
    threshold = gc.get_threshold()
    gc.set_threshold(100_000, 20, 20)
    loggers = [logging.getLogger(name) for name in ("weasyprint", "fontTools")]
    before = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        gc.set_threshold(*threshold)
        for each, level in zip(loggers, before, strict=True):
            each.setLevel(level)


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


def _render(template: str, **values: Any) -> str:
    from markupsafe import Markup

    # The style sheet and the palette are ours: no study's text is in them.
    css = (
        f":root {{ color-scheme: light dark; {variables('light')} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {variables('dark')} }} }}\n"
        + (TEMPLATES / "report.css").read_text(encoding="utf-8")
    )
    return _environment().get_template(template).render(css=Markup(css), **values)
