"""From a page to HTML that stands alone, for the screen or for paper."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.judging.results import Results

from .about import About, about, address
from .folding import Appendix
from .page import page_of
from .palette import figure_rules, variables
from .table import shortened
from .text import bind

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
_COMMENT = re.compile(r"^\s*/\*(?:(?!\*/).)*\*/\s*$", re.DOTALL | re.MULTILINE)
LONG_WORD = re.compile(r"\S{19,}")
PARTS = re.compile(r"[^=/,_.:-]{1,24}[=/,_.:-]*|[=/,_.:-]+")


@dataclass(frozen=True)
class Source:
    """What the files of a report are made of.

    Attributes:
        template: its file's name.
        page: what the template prints.
        name: what it is about, apart from all other reports: a study with its scale, say.
        about: what the files say of themselves.
        texts: files of the folder ``take-away/`` beside tables and figures, by name.
        attached: names and contents of CSV and JSON files that the PDF carries with it.
    """

    template: str
    page: Any
    name: str
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


def render_html(results: Results, *, printed: bool = False) -> str:
    """Return the report as HTML that needs nothing else; the same results, the same text.

    Args:
        results: what is reported.
        printed: whether for paper: what folds is in an appendix, the longest tables are cut.
    """
    source = source_of(results)
    return source.printed() if printed else source.html()


def source_of(results: Results) -> Source:
    """Work out what the files of a study's report are made of."""
    page = page_of(results)
    name = f"{page.title.name}, {page.title.scale}"
    return Source("report.html.j2", page, name, about(page, results))


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
    script: str | None = None,
    **values: Any,
) -> str:
    """Return a template as HTML, with style sheet, palette and script in it.

    Args:
        template: its file's name.
        printed: whether for paper, where what folds on the screen goes to an appendix.
        about: what the file says of itself.
        files: addresses and texts of links to what lies beside it.
        attached: names and contents of files that a PDF carries with it.
        script: what runs on the page; ``None`` for the script of reports. Paper has none.
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
    if script is None:
        script = bare((TEMPLATES / "report.js").read_text(encoding="utf-8"))
    script = "" if printed else script
    page = _environment().get_template(template)
    return page.render(
        css=Markup(css), script=Markup(script), allowed=_hash(script), printed=printed, about=about,
        files=files, appendix=Appendix(),
        attached=[(name, address(name, content)) for name, content in (attached or {}).items()],
        **values,
    )  # fmt: skip


def bare(text: str) -> str:
    """Return a style sheet or a script without indents, empty lines and lines of comment.

    Nothing else is taken out, so that what is on the page can be read.
    """
    text = _COMMENT.sub("", text)
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//")) + "\n"


def _hash(script: str) -> str:
    """Return what a page's policy names the script by: no other may run (CSP level 2)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
