"""From HTML to PDF, in a process of its own that loads what it needs while the HTML is made.

This file is also the program of that process: it imports nothing of the harness, for which it would
wait as long again.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator

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
    """Return the PDF, or ``None`` and the line that says why not."""
    if missing := load():
        return None, missing
    import weasyprint
    from weasyprint.urls import URLFetcher

    try:
        with _quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Nothing is fetched: a report holds its pictures itself.
            fetcher = URLFetcher(allowed_protocols={"data"})
            document = weasyprint.HTML(string=html, url_fetcher=fetcher)
            content: bytes = document.write_pdf()
    except Exception as error:  # the HTML is written; a fault in the PDF must not lose the run
        return None, failed(error)
    return content, ""


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
    if "gently" in sys.argv[1:]:
        with contextlib.suppress(OSError, AttributeError):
            os.nice(10)
    load()  # while the HTML is still being made
    html = sys.stdin.buffer.read().decode("utf-8", "surrogatepass")
    content, note = render_pdf(html)
    sys.stdout.buffer.write(json.dumps({"note": note}).encode() + b"\n" + (content or b""))
    sys.stdout.buffer.flush()
    os._exit(0)  # to take down the tree of a report, piece by piece, takes a while


if __name__ == "__main__":
    main()
