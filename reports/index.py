"""The index of a folder: ``index.html``, written from all that lies there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.messages.errors import HarnessError
from harness.terminal.files import utf8, write_whole

from .entries import Shelf, contents_of, shelf_of
from .index_page import index_of
from .render import render

OURS = b'<body class="index">'
"""What tells an index of ours from a page of somebody else's."""


@dataclass(frozen=True)
class Indexed:
    """An index that was written.

    Attributes:
        path: where.
        reports: how many reports it lists.
        unread: a line for each file that could not be read.
    """

    path: Path
    reports: int
    unread: tuple[str, ...]


def write_index(folder: Path) -> Indexed:
    """Write ``index.html`` of all that lies in a folder.

    Where another process writes a report at the same time, both look again after they have
    written, so that whoever writes last has read all.

    Args:
        folder: where reports lie, each in a folder of its own or in this one itself.

    Raises:
        HarnessError: the folder cannot be written to, or has a page of that name of others.
    """
    path = folder / "index.html"
    if path.is_file() and not is_ours(path):
        raise HarnessError(
            "index.html must be of the harness's own making to be replaced",
            f"another page in {path}",
            "Move it away, or name another folder with --out.",
        )
    contents = contents_of(folder)
    while True:
        shelf = shelf_of(contents)
        text = render_index(shelf)
        write_whole(path, utf8(text))
        before, contents = contents, contents_of(folder)
        if contents == before:
            return Indexed(path, len(shelf.found), shelf.unread)


def is_ours(page: Path) -> bool:
    """Whether a page is an index of the harness; one that cannot be read counts as another's."""
    try:
        return OURS in page.read_bytes()
    except OSError:
        return False


def render_index(shelf: Shelf, going: str = "") -> str:
    """Return the index as HTML that needs nothing else; the same reports, the same text.

    Args:
        shelf: what lies in the folder.
        going: what is being run just now, told above all else with a link; empty where nothing is.
    """
    return render("index.html.j2", index=index_of(shelf), going=going)
