"""What one takes away from a report: the folder ``take-away/`` beside it.

Each table of the page lies there as CSV and as LaTeX, each figure as SVG and as PNG, and
``index.md`` says what each file shows. Texts that a command adds, such as ``summary.md``, lie
beside them.
"""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.messages.cells import as_cell
from harness.messages.markdown import words
from harness.terminal.files import TAKE_AWAY, utf8

from .figures.canvas import Picture
from .figures.svg import without_hints
from .latex import latex_table
from .parts import Part, captions, distinct_slug, grid, parts_of
from .table import Table

MOST_PNG = 60
"""Figures that are drawn as PNG, which takes some 50 ms each; all are there as SVG."""

OURS = re.compile(
    r"(table|figure)-\d+[a-z0-9-]*\.(csv|tex|svg|png)|(index|summary)\.md|CITATION\.txt"
)
"""Names of files that are made anew with each report; what else lies in the folder stays."""


def take_away(page: Any, name: str, folder: Path, texts: Mapping[str, str]) -> tuple[str, ...]:
    """Write the folder ``take-away/`` of a page, whole or not at all; return the files' names.

    Args:
        page: a dataclass of texts, tables, pictures, tuples and such dataclasses.
        name: of the report: tables of several are told apart by it.
        folder: where the report lies.
        texts: further files by name: ``summary.md``, ``CITATION.txt``.

    Raises:
        OSError: the folder cannot be written to.
    """
    files = contents(page, name, texts)
    place = folder / TAKE_AWAY
    if place.is_symlink():
        raise OSError("it is a link, and what a link leads to is left alone")
    folder.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=folder, prefix=f".{TAKE_AWAY}."))
    try:
        for file, content in files.items():
            (draft / file).write_bytes(content)
        draft.chmod(0o755)
        remove_taken(folder)
        if place.exists():  # something of somebody's own is in there
            for file in files:
                (draft / file).replace(place / file)
        else:
            draft.rename(place)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return tuple(files)


def remove_taken(folder: Path) -> None:
    """Remove what an earlier report left in its ``take-away/``; what is not of a report stays.

    Raises:
        OSError: the folder cannot be written to.
    """
    place = folder / TAKE_AWAY
    if place.is_symlink() or not place.is_dir():  # what a link leads to is not ours
        return
    for each in sorted(place.iterdir()):
        if OURS.fullmatch(each.name) and not each.is_dir():
            each.unlink()
    if not any(place.iterdir()):
        place.rmdir()


def contents(page: Any, name: str, texts: Mapping[str, str]) -> dict[str, bytes]:
    """Return the files of the folder by name; the same page and texts, the same bytes."""
    parts = parts_of(page)
    drawn = [each.name for each in parts if isinstance(each.content, Picture)][:MOST_PNG]
    files: dict[str, bytes] = {}
    for each in parts:
        if isinstance(each.content, Table):
            label = f"tab:{distinct_slug(name)}-{each.name.removeprefix('table-')}"
            files[f"{each.name}.csv"] = utf8(csv_text(each.content))
            files[f"{each.name}.tex"] = utf8(latex_table(_named(each.content, name), label))
        else:
            files[f"{each.name}.svg"] = utf8(svg_text(each.content))
            if each.name in drawn:
                files[f"{each.name}.png"] = each.content.png()
    files |= {file: utf8(text) for file, text in texts.items()}
    files["index.md"] = utf8(_index(name, parts, files, texts))
    return files


SHORT = 40
"""Letters of a report's name that a caption begins with; a longer one stands in labels alone."""


def _named(table: Table, name: str) -> Table:
    """Return a table whose caption names the report: a paper may have tables of several."""
    return replace(table, caption=f"{name}. {table.caption}") if len(name) <= SHORT else table


def csv_text(table: Table) -> str:
    """Return a table as CSV, by the rules of ``harness export``: titles first, no formulas."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=os.linesep)
    writer.writerows([_cell(text) for text in row] for row in grid(table))
    return out.getvalue()


_QUANTITY = re.compile(
    r"\+[\d.,]+(e[+\-\u2212]?\d+)?( [A-Za-zµ%]+)?( \[[^\]=@|!]*\]( [A-Za-zµ%]+)?)?"
)
"""A printed quantity with its sign, which no spreadsheet takes for a formula."""


def _cell(text: str) -> str:
    return text if _QUANTITY.fullmatch(text) else str(as_cell(text))


def svg_text(picture: Picture) -> str:
    """Return a figure as a file of its own, on white: dark text must be seen on any page."""
    svg = without_hints(picture.svg)
    head, closed, rest = svg.partition("</desc>")
    white = '<rect width="100%" height="100%" fill="#ffffff"/>'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}{closed}{white}{rest}\n'


ABOUT: Mapping[str, str] = {
    "summary.md": "what was found, to paste into a message",
    "CITATION.txt": "how to cite it, and where it comes from",
}


_PRINTED = (
    "Cells are as printed, with units and intervals. Numbers to work with are in the files beside "
    "this folder: CSV and JSON."
)


def _said(part: Part, caption: str) -> str:
    """Say what a part is; of a figure that is read as another is, what it shows, too."""
    shows = part.content.alt if isinstance(part.content, Picture) else ""
    return f"{caption} {shows}" if caption.startswith("Read as under") else caption


def _index(
    report: str, parts: Sequence[Part], files: Mapping[str, bytes], texts: Mapping[str, str]
) -> str:
    """Say what each file is."""
    said = captions(parts)
    tables = [each for each in parts if isinstance(each.content, Table)]
    figures = [each for each in parts if isinstance(each.content, Picture)]
    lines = ["# What lies here", "", words(f"From the report: {report}."), "", _PRINTED, ""]
    lines += [f"- `{name}`: {ABOUT.get(name, 'a text')}" for name in texts]
    for title, group in (
        ("Tables, as CSV and LaTeX", tables),
        ("Figures, as SVG and PNG", figures),
    ):
        lines += ["", f"## {title}", ""] if group else []
        lines += [f"- `{each.name}`: {words(_said(each, said[each.name]))}" for each in group]
    left = len(figures) - sum(name.endswith(".png") for name in files)
    if left:
        lines += ["", f"The first {MOST_PNG} figures are there as PNG; {left} more as SVG alone."]
    return "\n".join(lines) + "\n"
