"""From a page to files: HTML that stands alone, and a PDF of the same HTML where possible."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.judging.results import Results
from harness.terminal.files import ELSEWHERE, TAKE_AWAY, utf8, write_whole

from .about import About, about, address
from .folding import Appendix
from .index import index_of
from .page import page_of
from .palette import figure_rules, variables
from .parts import one_line
from .printing import NO_PANGO, NO_WEASYPRINT, Printing, failed, render_pdf
from .table import shortened
from .taking import remove_taken, take_away
from .text import bind

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
LONG_WORD = re.compile(r"\S{19,}")
PARTS = re.compile(r"[^=/,_.:-]{1,24}[=/,_.:-]*|[=/,_.:-]+")


@dataclass(frozen=True)
class Source:
    """What the files of a report are made of.

    Attributes:
        template: its file's name.
        page: what the template prints.
        about: what the files say of themselves.
        texts: files of the folder ``take-away/`` beside tables and figures, by name.
        attached: names and contents of CSV and JSON files that the PDF carries with it.
    """

    template: str
    page: Any
    about: About | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    attached: Mapping[str, str] = field(default_factory=dict)

    def html(self, files: Sequence[tuple[str, str]] = ()) -> str:
        """Return the page; it links to ``files``, which lie beside it: address and text of each."""
        return render(self.template, about=self.about, page=self.page, files=files)

    def printed(self) -> str:
        """Return the page for paper."""
        page = shortened(self.page)
        return render(
            self.template, printed=True, about=self.about, attached=self.attached, page=page
        )


BESIDE = (
    (f"{TAKE_AWAY}/", "tables and figures"),
    ("report.pdf", "PDF"), ("records.csv", "records.csv"), ("verdicts.json", "verdicts.json"),
    ("settings.csv", "settings.csv"), ("compare.pdf", "PDF"), ("compare.json", "compare.json"),
    ("gate.json", "gate.json"),
)  # fmt: skip
"""Address and text of what a page links to, where it lies beside it."""

OWN = {"report.html": ("report", "records", "verdicts", "settings"), "compare.html": ("compare",),
       "gate.html": ("gate",)}  # fmt: skip
"""How names begin of the files that are of a page, and of no other in the same folder."""


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        html: the report.
        pdf: the same as PDF; ``None`` where it could not be made.
        note: one line saying why there is no PDF and how to get it; empty where there is one.
        printing: what makes the PDF; ``None`` where nothing is to come any more.
        source: what it was made of.
        taken: names of files in the folder ``take-away/``.
        untaken: one line saying why there is no such folder; empty where nothing went wrong.
    """

    html: Path
    pdf: Path | None
    note: str = ""
    printing: Printing | None = field(default=None, repr=False, compare=False)
    source: Source | None = field(default=None, repr=False, compare=False)
    taken: tuple[str, ...] = ()
    untaken: str = ""

    @property
    def lacking(self) -> bool:
        """Whether there is no PDF because this machine lacks what makes one: no failure."""
        return self.note in {NO_PANGO, NO_WEASYPRINT}

    def finished(self) -> Written:
        """Write the folder ``take-away/`` and the PDF; return what was written then.

        Figures are drawn again, which takes a while, as another process makes the PDF. In the end
        the page is written once more, with links to all that lies beside it.
        """
        done = self._with_taken()
        if self.printing is not None:
            done = _with_pdf(done, *self.printing.result())
        if self.source is not None and (files := _beside(self.html)):
            write_whole(self.html, utf8(self.source.html(files)))
        return done

    def _with_taken(self) -> Written:
        if self.source is None:
            return self
        try:
            taken = take_away(self.source.page, self.html.parent, self.source.texts)
        except Exception as error:  # the page is written, and the PDF is still to come
            said = f"{TAKE_AWAY}/ could not be written: {type(error).__name__}: {error}."
            return replace(self, untaken=one_line(said))
        return replace(self, taken=taken)


def _beside(html: Path) -> list[tuple[str, str]]:
    """Return addresses and texts of links to the files of a page that are there."""
    own = (TAKE_AWAY, *OWN[html.name])
    return [
        (name, text)
        for name, text in BESIDE
        if name.startswith(own) and (html.parent / name).exists()
    ]


def write_report(
    results: Results,
    folder: Path,
    printing: Printing | None = None,
    *,
    texts: Mapping[str, str] | None = None,
    attached: Mapping[str, str] | None = None,
) -> Written:
    """Write ``report.html`` and ``report.pdf`` into ``folder``, each complete or not at all.

    A PDF that cannot be made is a note. The folder ``take-away/`` is written by
    :meth:`Written.finished`.

    Args:
        results: what is reported.
        folder: where.
        printing: makes the PDF beside this process, which does not wait for it; otherwise this
            process does.
        texts: files of the folder ``take-away/`` beside tables and figures, by name.
        attached: names and contents of CSV and JSON files that the PDF carries with it.
    """
    source = replace(_source(results), texts=texts or {}, attached=attached or {})
    written = write_page(source, folder / "report.html")
    try:
        wanted = source.printed()
        if printing is None:
            return _with_pdf(written, *render_pdf(wanted))
        printing.begin(wanted)
    except Exception as error:  # the page is written
        return replace(written, note=failed(error))
    return replace(written, printing=printing)


def write_page(source: Source, html: Path, instead: str = ELSEWHERE) -> Written:
    """Write a page alone.

    An old PDF, or an old folder ``take-away/``, beside a new page would say something else. So they
    go before the page comes: whatever ends this in between leaves a page without them.

    Args:
        source: what it is made of.
        html: the file.
        instead: what to do where it cannot be written.

    Raises:
        HarnessError: the folder cannot be written to.
        OSError: the same, of what is there already.
    """
    text = source.html()
    pdf = html.with_suffix(".pdf")
    if pdf.name in dict(BESIDE):
        pdf.unlink(missing_ok=True)
    remove_taken(html.parent)
    return Written(write_whole(html, utf8(text), instead), None, source=source)


def _with_pdf(written: Written, content: bytes | None, note: str) -> Written:
    if content is None:
        return replace(written, note=note, printing=None)
    try:
        pdf = write_whole(written.html.with_suffix(".pdf"), content)
    except Exception as error:  # a full disk, say
        return replace(written, note=failed(error), printing=None)
    return replace(written, pdf=pdf, printing=None)


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
        printed: whether for paper: what folds is in an appendix, the longest tables are cut.
    """
    source = _source(results)
    return source.printed() if printed else source.html()


def _source(results: Results) -> Source:
    page = page_of(results)
    return Source("report.html.j2", page, about(page, results))


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
    files: Sequence[tuple[str, str]] = (),
    attached: Mapping[str, str] | None = None,
    **values: Any,
) -> str:
    """Return a template as HTML, with style sheet, palette and script in it.

    Args:
        template: its file's name.
        printed: whether for paper, where what folds on the screen goes to an appendix.
        about: what the file says of itself.
        files: addresses and texts of links to what lies beside it.
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
    script = "" if printed else (TEMPLATES / "report.js").read_text(encoding="utf-8")
    page = _environment().get_template(template)
    return page.render(
        css=Markup(css), script=Markup(script), allowed=_hash(script), printed=printed, about=about,
        files=files, appendix=Appendix(),
        attached=[(name, address(name, content)) for name, content in (attached or {}).items()],
        **values,
    )  # fmt: skip


def _hash(script: str) -> str:
    """Return what a page's policy names the script by: no other may run (CSP level 2)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
