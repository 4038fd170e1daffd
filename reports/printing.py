"""From HTML to PDF, in a process of its own that loads what it needs while the HTML is made.

This file is also the program of that process: it imports nothing of the harness, for which it would
wait as long again.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import gc
import importlib.util
import io
import json
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Set
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

NO_PANGO = (
    "No PDF: WeasyPrint cannot find Pango. On Debian or Ubuntu: apt-get install libpango-1.0-0 "
    "libpangoft2-1.0-0 libharfbuzz-subset0; on macOS: brew install pango. The HTML is complete "
    "and prints well from any browser."
)
NO_WEASYPRINT = (
    "No PDF: WeasyPrint is not installed. pip install weasyprint. The HTML is complete and "
    "prints well from any browser."
)


def load() -> str:
    """Import WeasyPrint; return the line that says why it cannot be, else nothing."""
    try:
        # WeasyPrint prints a paragraph where a library is missing; one line of ours replaces it.
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a warning of a library is no failure
            import weasyprint  # noqa: F401 - loaded here, used below
    except ImportError:
        return NO_WEASYPRINT
    except OSError as error:
        return NO_PANGO if "load library" in str(error) else failed(error)
    except Exception as error:  # a library that does not fit the others
        return failed(error)
    return ""


def render_pdf(html: str) -> tuple[bytes | None, str]:
    """Return the PDF, or ``None`` and the line that says why not.

    It is tagged as PDF/UA wants it, as far as WeasyPrint goes. What the page's ``<meta>`` say
    becomes its title, author, subject and date; what a ``<link rel="attachment">`` holds is
    attached under the link's title. The same HTML gives the same bytes: no clock is read, and
    ``SOURCE_DATE_EPOCH``, where it is set, takes the place of the page's date.
    """
    if missing := load():
        return None, missing
    import weasyprint

    try:
        with _quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fonts = _fonts()
            whole_texts()
            # Nothing is fetched: a report holds its pictures itself.
            page = weasyprint.HTML(string=printable(html), url_fetcher=_fetcher("data"))
            document = page.render(font_config=fonts[0], stylesheets=[fonts[1]])
            _date(document.metadata)
            content: bytes = document.write_pdf(
                pdf_variant="pdf/ua-1", pdf_identifier=True, finisher=_scopes
            )
    except Exception as error:  # the HTML is written; a fault in the PDF must not lose the run
        return None, failed(error)
    return content, ""


def _fetcher(*protocols: str) -> Any:
    from weasyprint.urls import URLFetcher

    return URLFetcher(allowed_protocols=set(protocols))


def _files() -> tuple[tuple[str, str, Path], ...]:
    """Return family, weight and file of each font that is the same on every machine."""
    spec = importlib.util.find_spec("matplotlib")
    assert spec is not None
    assert spec.origin is not None
    own = Path(__file__).parent / "fonts"
    dejavu = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
    return (
        ("Report Sans", "normal", own / "Inter-Regular.ttf"),
        ("Report Sans", "bold", own / "Inter-Bold.ttf"),
        ("Report Signs", "normal", dejavu / "DejaVuSans.ttf"),
        ("Report Signs", "bold", dejavu / "DejaVuSans-Bold.ttf"),
        ("Report Mono", "normal", dejavu / "DejaVuSansMono.ttf"),
    )


@cache
def _fonts() -> tuple[Any, Any]:
    """Return WeasyPrint's fonts with ours among them, and the rules that name ours."""
    import weasyprint
    from weasyprint.text.fonts import FontConfiguration

    fonts = FontConfiguration()
    atexit.register(_fonts.cache_clear)  # it removes its copies of the files, while it can
    faces = "".join(
        f'@font-face {{ font-family: "{family}"; font-weight: {weight}; '
        f'src: url("{file.as_uri()}"); }}\n'
        for family, weight, file in _files()
    )
    return fonts, weasyprint.CSS(string=faces, font_config=fonts, url_fetcher=_fetcher("file"))


def _date(metadata: Any) -> None:
    """Date the PDF and what is attached, and give attachments their names."""
    if epoch := os.environ.get("SOURCE_DATE_EPOCH", ""):
        if not epoch.isdecimal():
            raise ValueError(f"SOURCE_DATE_EPOCH must be seconds since 1970; got {epoch!r}")
        metadata.created = f"{datetime.fromtimestamp(int(epoch), UTC):%Y-%m-%dT%H:%M:%SZ}"
    metadata.modified = metadata.created
    day = datetime.fromisoformat(metadata.created or "1970-01-01T00:00:00Z")
    for each in metadata.attachments:
        each.created = each.modified = day.astimezone(UTC)
        each.name = each.description


def _scopes(_: Any, pdf: Any) -> None:
    """Say of each header of a table whether it is a column's or a row's."""
    for each in pdf.objects:
        if isinstance(each, dict) and each.get("S") == "/TH" and "ID" in each:
            # WeasyPrint names a header by its table, row and column; titles stand in the first row
            row = str(each["ID"].string).split("-")[1]
            each["A"]["Scope"] = "/Column" if row == "0" else "/Row"


@cache
def whole_texts() -> None:
    """Let WeasyPrint set each text of a figure as a whole, at its place.

    Letter by letter, as it does from version 52 to 70 at least, Arabic is neither joined nor set
    from right to left. It also draws each text that ends at its place, or stands about it, into
    a picture of its own and moves that; moving the text itself takes 2 % fewer calls
    and a third fewer bytes. Where its parts have other names, texts are set as it sets them.
    """
    try:
        from weasyprint import svg
        from weasyprint.svg.bounding_box import EMPTY_BOUNDING_BOX

        drawn: Callable[[Any, Any, float], None] = svg.text
        tags: dict[str, Callable[..., None]] = svg.TAGS
    except (ImportError, AttributeError):
        return

    def text(image: Any, node: Any, font_size: float) -> None:
        if node.text and not node.attrib.keys() & {"rotate", "textLength", "letter-spacing"}:
            with contextlib.suppress(AttributeError):
                node._etree_node.text = Whole(node.text)
        part_before = {"middle": 0.5, "end": 1.0}.get(node.get("text-anchor", "start"), 0.0)
        node.text_bounding_box = EMPTY_BOUNDING_BOX
        image.stream.push_state()
        try:
            begin = len(image.stream.stream)
            drawn(image, node, font_size)
            if part_before and node.text:
                width = node.text_bounding_box[2]
                image.stream.transform(e=-width * part_before)
                image.stream.stream.insert(begin, image.stream.stream.pop())
        finally:  # what follows is drawn, even where this text fails
            image.stream.pop_state()

    # `svg.text` itself stays: what is another function is not moved by WeasyPrint.
    svg.TAGS = {name: text if does is drawn else does for name, does in tags.items()}


class Whole(str):
    """A text that counts as one letter."""

    __slots__ = ()

    def __iter__(self) -> Iterator[str]:
        """Give the text, once."""
        yield str(self)


_PICTURE = re.compile(r"(?<=data:image/svg\+xml;base64,)[A-Za-z0-9+/=]+")
_KEPT = re.compile(r'(\balt="[^"]*")')
_JOINING = "\u200d\ufe0e\ufe0f\U0001f3fb-\U0001f3ff"
_LISTED = 40


def printable(html: str) -> str:
    """Replace what no font of this machine can show by numbers, and say what each stands for."""
    start = html.find("<body")
    head, body = (html[:start], html[start:]) if start >= 0 else ("", html)
    pictures = {found[0]: _decoded(found[0]) for found in _PICTURE.finditer(body)}
    foreign = {char for text in (body, *pictures.values()) for char in set(text) if char > "\x7f"}
    lacking = unknown(foreign - _shown())
    if not lacking:
        return html
    signs = "".join(map(re.escape, sorted(lacking)))
    run = re.compile(f"[{signs}][{signs}{_JOINING}]*")
    numbers: dict[str, int] = {}

    def numbered(text: str) -> str:
        return run.sub(lambda one: f"‹{numbers.setdefault(one[0], len(numbers) + 1)}›", text)

    parts = _KEPT.split(_PICTURE.sub(lambda one: f"\0{one[0]}\0", body))
    body = "".join(part if place % 2 else numbered(part) for place, part in enumerate(parts))
    for old, text in pictures.items():
        new = base64.b64encode(numbered(text).encode("utf-8", "surrogatepass")).decode()
        body = body.replace(f"\0{old}\0", new)
    said = [
        f"‹{number}› " + " ".join(f"U+{ord(char):04X}" for char in text)
        for text, number in list(numbers.items())[:_LISTED]
    ]
    more = f" and {len(numbers) - _LISTED} more" if len(numbers) > _LISTED else ""
    note = (
        '<p class="unprintable">The machine that made this PDF has no font for some characters. '
        f"The HTML report holds them; here numbers stand for them: {', '.join(said)}{more}.</p>"
    )
    at = body.find("</header>")
    return head + (body[:at] + note + body[at:] if at >= 0 else body + note)


def _decoded(picture: str) -> str:
    return base64.b64decode(picture).decode("utf-8", "surrogatepass")


@cache
def _shown() -> Set[str]:
    """Return the characters that our own fonts can show."""
    from fontTools.ttLib import TTFont

    found: set[str] = set()
    for family, weight, file in _files():
        if family != "Report Mono" and weight == "normal":
            with TTFont(file, lazy=True) as font:
                found |= {chr(code) for code in font.getBestCmap()}
    return found


def unknown(characters: Set[str]) -> set[str]:
    """Return those of the characters that no font of this machine can show."""
    if not characters:
        return set()
    import weasyprint

    found: set[str] = set()

    class Listening(logging.Handler):
        """Hears which characters WeasyPrint finds no sign for."""

        def emit(self, record: logging.LogRecord) -> None:
            if isinstance(record.args, tuple) and "notdef" in str(record.msg):
                found.update(str(each) for each in record.args[:1])

    logger, listening = logging.getLogger("weasyprint"), Listening()
    before = logger.level, logger.propagate
    logger.addHandler(listening)
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    try:
        text = " ".join(f"&#{ord(each)};" for each in sorted(characters))
        weasyprint.HTML(string=f"<p>{text}").write_pdf()
    finally:
        logger.removeHandler(listening)
        logger.setLevel(before[0])
        logger.propagate = before[1]
    return found & characters


def failed(error: Exception) -> str:
    """Return the line that says why there is no PDF."""
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
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        gc.set_threshold(*threshold)
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


class Printing:
    """One PDF that a process of its own makes; it begins to load at once.

    Args:
        gently: whether it leaves the processors to others that want them.
    """

    def __init__(self, *, gently: bool = False) -> None:
        self._html: str | None = None
        self._given: tuple[bytes | None, str] | None = None
        self._thread: threading.Thread | None = None
        words = [sys.executable, "-P", __file__, *(["gently"] if gently else [])]
        try:
            self._process: subprocess.Popen[bytes] | None = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        except OSError:  # no room for another process: this one makes it
            self._process = None

    def begin(self, html: str) -> None:
        """Give it what is to be printed; do not wait."""
        self._html = html
        if self._process is not None:
            self._thread = threading.Thread(target=self._talk, args=(self._process,), daemon=True)
            self._thread.start()

    def _talk(self, process: subprocess.Popen[bytes]) -> None:
        assert self._html is not None
        out, errors = process.communicate(self._html.encode("utf-8", "surrogatepass"))
        head, _, content = out.partition(b"\n")
        try:
            note = json.loads(head)["note"]
        except (ValueError, KeyError):
            last = errors.decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
            reason = f"{last[0]}, exit code {process.returncode}"
            note = f"No PDF: WeasyPrint failed ({reason}). Print the HTML from a browser."
        self._given = (None if note else content), note

    def result(self) -> tuple[bytes | None, str]:
        """Wait for the PDF; return it, or ``None`` and the line that says why there is none."""
        assert self._html is not None
        if self._thread is None:
            return render_pdf(self._html)
        self._thread.join()
        assert self._given is not None
        return self._given

    def cancel(self) -> None:
        """End it, if it has not been given anything: nobody wants the PDF any more."""
        if self._process is not None and self._thread is None:
            self._process.kill()
            self._process.communicate()


def main() -> None:
    """Read HTML from standard input; write one line of JSON and the PDF to standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    gc.disable()  # this process ends before garbage would be in its way
    if "gently" in sys.argv[1:]:
        with contextlib.suppress(OSError, AttributeError):
            os.nice(10)
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder  # WeasyPrint copies fonts there, and would leave them behind
        if not load():  # while the HTML is still being made
            with contextlib.suppress(Exception), _quiet():  # said when the PDF is asked for
                _fonts()
        html = sys.stdin.buffer.read().decode("utf-8", "surrogatepass")
        content, note = render_pdf(html)
        sys.stdout.buffer.write(json.dumps({"note": note}).encode() + b"\n" + (content or b""))
        sys.stdout.buffer.flush()
    os._exit(0)  # to take down the tree of a report, piece by piece, takes a while


if __name__ == "__main__":
    main()
