"""From a page to its files: HTML, a PDF of the same where possible, and what is taken away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from harness.judging.results import Results
from harness.messages.errors import one_line
from harness.terminal.files import ELSEWHERE, TAKE_AWAY, utf8, write_whole

from .printing import NO_PANGO, NO_WEASYPRINT, Printing, failed, render_pdf
from .render import Source, source_of
from .taking import remove_taken, take_away

Only = Literal["", "html", "pdf"]
"""Which of page and PDF is written; both, and what is taken away, where it is empty."""

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
        html: the report; ``None`` where only the PDF was wanted.
        pdf: the same as PDF; ``None`` where it could not be made, or was not wanted.
        note: one line saying why there is no PDF and how to get it; empty where there is one.
        printing: what makes the PDF; ``None`` where nothing is to come any more.
        to: where that PDF goes.
        source: what the page was made of; ``None`` where there is no page.
        takes: whether the folder ``take-away/`` is still to come.
        taken: names of files in that folder.
        untaken: one line saying why there is no such folder; empty where nothing went wrong.
        unlinked: one line saying why the page has no links to the files beside it; mostly empty.
    """

    html: Path | None
    pdf: Path | None
    note: str = ""
    printing: Printing | None = field(default=None, repr=False, compare=False)
    to: Path = field(default=Path(), repr=False, compare=False)
    source: Source | None = field(default=None, repr=False, compare=False)
    takes: bool = field(default=False, repr=False, compare=False)
    taken: tuple[str, ...] = ()
    untaken: str = ""
    unlinked: str = ""

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
        if self.html is not None and self.source is not None and (files := _beside(self.html)):
            try:
                write_whole(self.html, utf8(self.source.html(files)))
            except Exception as error:  # the page without links stands, and so does all else
                said = one_line(f"The page has no links to its files: {error}")
                done = replace(done, unlinked=said)
        return done

    def _with_taken(self) -> Written:
        if not self.takes or self.source is None:
            return self
        try:
            made = self.source
            taken = take_away(made.page, made.name, self.to.parent, made.texts)
        except Exception as error:  # the page is written, and the PDF is still to come
            said = f"{TAKE_AWAY}/ could not be written: {type(error).__name__}: {error}."
            return replace(self, untaken=one_line(said), takes=False)
        return replace(self, taken=taken, takes=False)


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
    only: Only = "",
    *,
    stays: bool = False,
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
        only: which of the two is written; both where it is empty.
        stays: whether what lies beside it is of the same results, and is left there.
        texts: files of the folder ``take-away/`` beside tables and figures, by name.
        attached: names and contents of CSV and JSON files that the PDF carries with it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    source = replace(source_of(results), texts=texts or {}, attached=attached or {})
    page = folder / "report.html"
    written = Written(None, None, to=page.with_suffix(".pdf"))
    if only != "pdf":
        written = replace(write_page(source, page, stays=stays), takes=not only)
    return written if only == "html" else print_page(written, source, printing)


def print_page(written: Written, source: Source, printing: Printing | None) -> Written:
    """Begin the PDF of a page that is written; one that cannot be made is a note.

    Args:
        written: the page.
        source: what it is made of.
        printing: makes the PDF beside this process; otherwise this process does, now.
    """
    try:
        wanted = source.printed()
        if printing is None:
            return _with_pdf(written, *render_pdf(wanted))
        printing.begin(wanted)
    except Exception as error:
        return replace(written, note=failed(error))
    return replace(written, printing=printing)


def write_page(
    source: Source, html: Path, instead: str = ELSEWHERE, *, stays: bool = False
) -> Written:
    """Write a page alone.

    An old PDF, or an old folder ``take-away/``, beside a new page would say something else. So they
    go before the page comes: whatever ends this in between leaves a page without them.

    Args:
        source: what it is made of.
        html: the file.
        instead: what to do where it cannot be written.
        stays: whether what lies beside it is of the same results, and is left there.

    Raises:
        HarnessError: the folder cannot be written to.
        OSError: the same, of what is there already.
    """
    text = source.html()
    pdf = html.with_suffix(".pdf")
    if not stays:
        if pdf.name in dict(BESIDE):
            pdf.unlink(missing_ok=True)
        remove_taken(html.parent)
    done = write_whole(html, utf8(text), instead)
    return Written(done, None, to=pdf, source=source, takes=True)


def _with_pdf(written: Written, content: bytes | None, note: str) -> Written:
    if content is None:
        return replace(written, note=note, printing=None)
    try:
        pdf = write_whole(written.to, content)
    except Exception as error:  # a full disk, say
        return replace(written, note=failed(error), printing=None)
    return replace(written, pdf=pdf, printing=None)
