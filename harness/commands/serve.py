"""``harness report --serve``: a folder of reports, shown to browsers of this machine alone.

Whoever asks under another name than this machine's own is refused: a page of somebody else's whose
name leads here would else read the reports (DNS rebinding).
"""

from __future__ import annotations

import errno
import html
import json
import re
import threading
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from harness.commands.place import Place
from harness.commands.progress import Watching
from harness.messages.errors import HarnessError
from harness.terminal import screen
from harness.terminal.files import TAKE_AWAY, utf8

PORT = 8350
"""The port where none is named."""

HOST = "127.0.0.1"

NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
"""What this machine calls itself."""

TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8", ".json": "application/json; charset=utf-8",
    ".csv": "text/csv; charset=utf-8", ".md": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8", ".tex": "text/plain; charset=utf-8",
    ".cff": "text/plain; charset=utf-8", ".bib": "text/plain; charset=utf-8",
    ".xml": "application/xml; charset=utf-8", ".svg": "image/svg+xml; charset=utf-8",
    ".png": "image/png", ".pdf": "application/pdf", ".zip": "application/zip",
}  # fmt: skip
"""Files that are served, by the end of their name: no store, and nothing else."""

STRICT = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What a page may do that says nothing of it: it loads nothing, and runs nothing."""

_POLICY = re.compile(rb'http-equiv="Content-Security-Policy" content="([^"<>]*)"')

PATIENCE = 20.0
"""Seconds that a browser may take over a request."""


class Site:
    """What is served: pages that are made when they are asked for, and files of a folder.

    Args:
        folder: where reports lie; it need not be there yet.
        watching: says how far runs are.
    """

    def __init__(self, folder: Path, watching: Watching) -> None:
        self.folder = folder
        self._watching = watching
        self._one = threading.Lock()
        self._index: tuple[object, bytes] | None = None
        self.pages: Mapping[str, Callable[[], tuple[bytes, str]]] = {
            "": self._first, "live": self._live, "index.html": self._all,
            "progress.json": self._progress,
        }  # fmt: skip

    def answer(self, path: str) -> tuple[bytes, str] | None:
        """Return the content of a path and its type; ``None`` where nothing is to be had.

        Args:
            path: as the browser asks for it, without what follows ``?``.
        """
        name = unquote(path, errors="surrogateescape").removeprefix("/")
        if name in self.pages:
            return self.pages[name]()
        found = self._file(name)
        return None if found is None else (found.read_bytes(), TYPES[found.suffix.lower()])

    def _file(self, name: str) -> Path | None:
        """Return the file of a name, if it is one of the folder that is served."""
        if name.endswith(f"{TAKE_AWAY}/"):
            name += "index.md"  # it lists what lies there
        parts = name.split("/")
        if any(part.startswith(".") or not part or set(part) & set("\\:\0") for part in parts):
            return None
        try:
            home = self.folder.resolve()
            if any(home.joinpath(*parts[:end]).is_symlink() for end in range(1, len(parts))):
                return None  # linked folders are not in the index either
            path = home.joinpath(*parts).resolve(strict=True)
        except (OSError, ValueError):  # it is not there, or no name of a file
            return None
        if not path.is_relative_to(home) or not path.is_file():  # a link may lead out
            return None
        return path if path.suffix.lower() in TYPES else None

    def _first(self) -> tuple[bytes, str]:
        return self._live() if self._watching.now().going else self._all()

    def _all(self) -> tuple[bytes, str]:
        """Return the index, made anew where anything has changed."""
        from harness import reports  # the composition root: they import harness

        going = reports.going_text(self._watching.now().plain())
        with self._one:
            contents = reports.contents_of(self.folder)
            if self._index is None or self._index[0] != (going, contents):
                text = reports.render_index(reports.shelf_of(contents), going)
                self._index = (going, contents), utf8(text)
            return self._index[1], TYPES[".html"]

    def _live(self) -> tuple[bytes, str]:
        from harness import reports

        shelf = reports.shelf_of(reports.contents_of(self.folder))
        return utf8(reports.render_live(self._watching.now().plain(), shelf)), TYPES[".html"]

    def _progress(self) -> tuple[bytes, str]:
        from harness import reports

        plain = self._watching.now().plain()
        shelf = reports.shelf_of(reports.contents_of(self.folder))
        plain["reports"] = [
            {"kind": each.entry.kind, "name": each.entry.name, "scale": each.entry.scale,
             "folder": each.folder, "date": each.entry.date or None,
             "files": [file for _, file in each.files]}
            for each in shelf.found
        ]  # fmt: skip
        return utf8(json.dumps(plain, ensure_ascii=False) + "\n"), TYPES[".json"]


def policy_of(content: bytes, kind: str) -> str:
    """Return the policy that a page states of itself, or the strict one.

    Args:
        content: of the page or the file.
        kind: its type; what is no page may state none, whatever its text looks like.
    """
    found = _POLICY.search(content[:4096]) if kind == TYPES[".html"] else None
    own = html.unescape(found[1].decode("ascii", "replace")) if found else STRICT
    own = STRICT if any(not 32 <= ord(sign) < 127 for sign in own) else own
    return f"{own}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD, and nothing else."""

    server_version, sys_version = "harness", ""
    timeout = PATIENCE

    def __init__(self, site: Site, *args: object) -> None:
        self._site = site
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Send a page or a file."""
        self._send(whole=True)

    def do_HEAD(self) -> None:
        """Send what would come with a page or a file."""
        self._send(whole=False)

    def _send(self, *, whole: bool) -> None:
        if self.headers.get("Host", "").rpartition(":")[0] not in NAMES and (
            self.headers.get("Host") not in NAMES
        ):
            self._say(HTTPStatus.FORBIDDEN, "Ask for 127.0.0.1: this name is not this machine's.")
            return
        try:
            found = self._site.answer(urlsplit(self.path).path)
        except Exception as error:  # one page that cannot be made ends nothing
            self._say(HTTPStatus.INTERNAL_SERVER_ERROR, f"{type(error).__name__}: {error}")
            return
        if found is None:
            self._say(HTTPStatus.NOT_FOUND, "There is no such report.")
            return
        content, kind = found
        self._head(HTTPStatus.OK, kind, len(content), policy_of(content, kind))
        if whole:
            self.wfile.write(content)

    def _say(self, status: HTTPStatus, text: str) -> None:
        content = utf8(text + "\n")
        kind = TYPES[".txt"]
        self._head(status, kind, len(content), policy_of(content, kind))
        if self.command != "HEAD":
            self.wfile.write(content)

    def _head(self, status: HTTPStatus, kind: str, length: int, policy: str) -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind), ("Content-Length", str(length)),
            ("Content-Security-Policy", policy), ("X-Content-Type-Options", "nosniff"),
            ("Cross-Origin-Resource-Policy", "same-origin"), ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-store"),
        ):  # fmt: skip
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: who looks at reports need not be told of it."""


class Server(ThreadingHTTPServer):
    """One that a browser which breaks off does not disturb."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Pass over a browser that went away."""


def server_of(site: Site, port: int) -> Server:
    """Return a server that listens on this machine alone; 0 is any free port.

    Raises:
        HarnessError: the port cannot be had.
    """
    try:
        return Server((HOST, port), partial(Handler, site))
    except (OSError, OverflowError) as error:
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        why = "another program has it" if taken else getattr(error, "strerror", "") or str(error)
        raise HarnessError(
            "--serve must be given a port that is free", f"{port}: {why}",
            "Write --serve 0, which takes any that is.",
        ) from error  # fmt: skip


def serve(port: int, place: Place, *, shown: bool = True) -> None:
    """Serve a folder of reports until Ctrl-C.

    Args:
        port: where; 0 is any free one.
        place: the folder, and the store whose runs are shown.
        shown: whether to say where it serves, and that it ended.

    Raises:
        HarnessError: the port cannot be had.
    """
    with server_of(Site(place.out, Watching(place)), port) as server:
        if shown:
            screen.say(f"http://{HOST}:{server.server_port}/  serves {place.out.resolve()}, to "
                       "this machine alone; Ctrl-C ends it")  # fmt: skip
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            if shown:
                screen.complain("harness: ended")


def port_of(words: list[str]) -> int:
    """Return the port that follows ``--serve``, or the usual one.

    Raises:
        HarnessError: it is no port, or there is more.
    """
    if not words:
        return PORT
    if len(words) == 1 and words[0].isascii() and words[0].isdigit() and int(words[0]) < 65536:
        return int(words[0])
    raise HarnessError(
        "after --serve may come a port, and no study: all of the folder is shown",
        " ".join(words), f"Write harness report --serve, or --serve {PORT}.",
    )  # fmt: skip
