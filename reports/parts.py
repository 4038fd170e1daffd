"""The tables and figures of any page, in its order, each with a name that a file can have."""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from harness.messages.printable import visible

from .figures.canvas import Picture
from .table import Cell, Column, Table

LONGEST = 56
"""Characters of a name at most."""

_TITLE = re.compile(r"<title[^>]*>([^<]*)</title>")
_SAID_ALREADY = {"table", "figure", "picture"}  # by the beginning of each name


@dataclass(frozen=True)
class Part:
    """A table or a figure of a page.

    Attributes:
        name: ASCII letters, digits and hyphens, such as ``table-03-claim-2-numbers``; no two parts
            of a page have the same.
        content: the table, or the figure.
    """

    name: str
    content: Table | Picture


def parts_of(page: Any) -> tuple[Part, ...]:
    """Return the tables and figures of a page, in the order of its fields.

    They are numbered, tables and figures apart. The rest of a name says which section a part is of,
    and of a figure also what it shows.

    Args:
        page: a dataclass of texts, tables, pictures, tuples and such dataclasses.
    """
    found = list(_walk(page, ()))
    kinds = ["table" if isinstance(content, Table) else "figure" for _, content in found]
    numbers = {"table": 0, "figure": 0}
    width = max(2, len(str(len(found))))
    parts = []
    for kind, (place, content) in zip(kinds, found, strict=True):
        numbers[kind] += 1
        section = _section(place)
        title = slug(_title(content)) if isinstance(content, Picture) else ""
        said = f"{section.partition(' ')[0]}-"  # a title may begin with the claim's number, too
        about = [section, title.removeprefix(said) if section else title]
        name = slug(" ".join([f"{kind}-{numbers[kind]:0{width}}", *about]))
        parts.append(Part(name, content))
    return tuple(parts)


Place = tuple[str | int, ...]
"""The names of the fields, and the numbers in their tuples, that lead to a part of a page."""


def _walk(part: Any, place: Place) -> Iterator[tuple[Place, Table | Picture]]:
    if isinstance(part, Table | Picture):
        yield place, part
    elif isinstance(part, tuple):
        for number, each in enumerate(part, 1):
            yield from _walk(each, (*place, number))
    elif is_dataclass(part):
        for item in fields(part):
            yield from _walk(getattr(part, item.name), (*place, item.name))


def _section(place: Place) -> str:
    """Name a place in words: ``claim-2-numbers`` for the field ``numbers`` of the second claim."""
    words: list[str] = []
    before: str | int = ""
    for step in place:
        one = before.removesuffix("s") if isinstance(before, str) else ""
        if isinstance(step, str):
            words.append(step)
        elif one:
            words[-1] = f"{one}-{step}"
        before = step
    return " ".join(
        each for each in words if each.rstrip("-0123456789").removesuffix("s") not in _SAID_ALREADY
    )


def slug(text: str) -> str:
    """Return a text as a file's name: ASCII, in small letters, not too long, without any path."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    whole = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if len(whole) <= LONGEST:
        return whole
    cut = whole[: LONGEST + 1]
    return cut[: cut.rfind("-")] if "-" in cut else cut[:-1]


def distinct_slug(text: str) -> str:
    """Return a text as a part of a label: its slug, with a hash where that lost letters of it."""
    short = slug(text)
    kept = re.sub(r"[\W_]+", "", text.lower())
    if kept == short.replace("-", "") and kept:
        return short
    mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{short}-{mark}".lstrip("-")


def _title(picture: Picture) -> str:
    found = _TITLE.search(picture.svg)
    return html.unescape(found[1]) if found else ""


# ---- the texts of a table -----------------------------------------------------------------------


def grid(table: Table) -> tuple[tuple[str, ...], ...]:
    """Return a table as plain texts, each one line, its titles first.

    A cell's note follows its text after a space; that of a title in brackets. The mark before a
    text is left out where there is a text, which says the same.
    """
    rows = [tuple(_cell(each) for each in cells) for cells in table.rows]
    return (tuple(_head(each) for each in table.columns), *rows)


def _head(column: Column) -> str:
    return one_line(f"{column.title} ({column.note})" if column.note else column.title)


def _cell(cell: Cell) -> str:
    return one_line(f"{cell.text or cell.mark} {cell.note}")


def one_line(text: str) -> str:
    """Return a text as one line of signs that can be shown, with plain spaces."""
    return " ".join(visible(text).split())


def captions(parts: Sequence[Part]) -> dict[str, str]:
    """Return the caption of each part by its name, as one line."""
    return {each.name: one_line(each.content.caption) for each in parts}
