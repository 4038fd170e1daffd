"""A study's folder: its records, verdicts and report, written, and made anew where they changed."""

from __future__ import annotations

import hashlib
import shlex
import traceback
from collections.abc import Callable, Sequence
from ctypes.util import find_library
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.commands.best import FILES, write_search
from harness.commands.files import rows_text, write_verdicts
from harness.messages.calm import calm
from harness.messages.errors import HarnessError, one_line
from harness.terminal.files import TAKE_AWAY, utf8, write_whole

# What judges imports scipy, and what trains imports torch: each command waits for what it needs.
if TYPE_CHECKING:
    from harness.judging.results import Results
    from harness.reports import Only, Written


@dataclass(frozen=True)
class Files:
    """What was written of a study's results.

    Attributes:
        reports: those that are there, and are of these results.
        wrong: a line for each thing that could not be written, with what tries again.
        note: a line on what this machine lacks for a PDF, which is no failure; else empty.
        pending: the PDF that is still being made; ``None`` where none is.
    """

    reports: tuple[Path, ...]
    wrong: tuple[str, ...] = ()
    note: str = ""
    pending: _Pending | None = None

    def finished(self) -> Files:
        """Wait for the PDF; return what came of it, and of the folder of what is taken away."""
        if self.pending is None:
            return Files(())
        pending = self.pending
        wrong: list[str] = []
        done = _tried("the PDF", pending.again, wrong, pending.written.finished)
        lacking = done.note if done is not None and done.lacking else ""
        if done is not None and done.note and not lacking:
            wrong.append(f"{done.note} To try again: {pending.again}")
        if done is not None:
            lines = filter(None, (done.untaken, done.unlinked))
            wrong += [f"{said} To try again: {pending.again}" for said in lines]
        if not wrong and not self.wrong and pending.digest:
            taken = [f"{TAKE_AWAY}/{name}" for name in done.taken]
            content = "\n".join([pending.digest, *taken]).encode()
            _tried("the mark", pending.again, wrong, lambda: write_whole(pending.mark, content))
        made: list[Path] = []
        if done is not None:
            made += [done.pdf] * bool(done.pdf) + [pending.mark.parent / TAKE_AWAY] * bool(
                done.taken
            )
        return Files(tuple(made), tuple(wrong), lacking)


def write(
    results: Results, folder: Path, again: str, store: str, *, force: bool, gently: bool = False,
    only: Only = "",
) -> Files:  # fmt: skip
    """Write a study's folder, unless it was made from the same results by the same code.

    Records and verdicts come first, since they are what the trainings were for. What cannot be
    written is a line, and no exception: the verdicts stand, and whoever reads on has more to do.
    The PDF is still being made when this returns: see :meth:`Files.finished`.

    Args:
        results: of one study, judged.
        folder: where its files go.
        again: the command that tries again.
        store: where records are kept, without secrets; empty where in none.
        force: whether to write it all the same.
        gently: whether the PDF leaves the processors to others that want them.
        only: which of page and PDF is written; an old one of the other kind, of other results,
            goes.
    """
    mark = folder / ".made-from"
    wrong: list[str] = []

    def tried(what: str, do: Callable[[], Any]) -> Any:
        return _tried(f"{what} of {results.declaration.name} ({results.scale})", again, wrong, do)

    digest = tried("the mark", lambda: _digest(results)) or ""
    own = FILES if results.search is not None else ()
    if not force and digest and is_made_from(folder, digest, own):
        return Files(tuple(each for each in _reports(folder) if each.exists()))
    fresh = bool(only and digest) and _is_of(folder, digest)
    if only == "pdf" and not fresh:
        tried("the report", lambda: _remove_old(folder))
    if not fresh:
        tried("the mark", lambda: mark.unlink(missing_ok=True))
    records = tried("the records", lambda: _write_records(results, folder / "records.csv"))
    tried("the verdicts", lambda: write_verdicts(results, folder / "verdicts.json"))
    tried("the best settings", lambda: write_search(results, folder))
    written = tried(
        "the report",
        lambda: _write_report(results, folder, records, store, only, stays=fresh, gently=gently),
    )
    tried("its line of the index", lambda: _write_entry(results, folder))
    if written is None:
        return Files((), tuple(wrong))
    # A part of the files is not what the mark stands for.
    pending = _Pending(written, again, mark, "" if only else digest)
    return Files((written.html,) if written.html else (), tuple(wrong), pending=pending)


_PDF_NEEDS = ("pango-1.0", "pangoft2-1.0")
"""The libraries of a PDF that are packages of their own, and may be missing one by one. All else
that WeasyPrint loads (gobject, HarfBuzz, fontconfig), these two need themselves."""


def is_made_from(folder: Path, digest: str, own: Sequence[str] = ()) -> bool:
    """Whether all files of a folder are there, and made from just this.

    Args:
        folder: where they lie.
        digest: of all that they are made from.
        own: names of files that not every study has.
    """
    names = ["report.html", "verdicts.json", "records.csv", "entry.json", ".made-from", *own]
    # where they were not there before, the PDF is still to be made
    if find_spec("weasyprint") and all(map(find_library, _PDF_NEEDS)):
        names.append("report.pdf")
    return all((folder / name).exists() for name in names) and _is_of(folder, digest)


def _is_of(folder: Path, digest: str) -> bool:
    """Whether a folder's mark says that it was made from just this."""
    try:
        made_from, *taken = (folder / ".made-from").read_text(encoding="utf-8").split("\n")
        return made_from == digest and all((folder / name).exists() for name in taken)
    except (OSError, ValueError):  # it cannot be read: it is made anew
        return False


def _write_records(results: Results, path: Path) -> str:
    """Write the records, and return them as they were written."""
    text = rows_text([record.row() for record in results.records], "csv")
    write_whole(path, utf8(text))
    return text


def _write_report(
    results: Results, folder: Path, records: str | None, store: str, only: Only, *, stays: bool,
    gently: bool,
) -> Written:  # fmt: skip
    from harness import reports  # the composition root: they import harness
    from harness.commands.markdown import summary  # imports scipy

    if only == "html":
        return reports.write_report(results, folder, only=only, stays=stays)
    printing = reports.Printing(gently=gently)
    try:
        # where they could not be written, the PDF comes without them
        files = {} if records is None else {"records.csv": records}
        cited = reports.cited_study(results, store)
        made_of = {name: utf8(content) for name, content in files.items()}
        texts = {"summary.md": summary(results), "CITATION.txt": reports.citation(cited, made_of)}
        return reports.write_report(results, folder, printing, only, texts=texts, attached=files)
    finally:
        printing.cancel()  # where it came to nothing


def _remove_old(folder: Path) -> None:
    """Remove what was made of other results, and is not made now."""
    from harness import reports  # the composition root: they import harness

    (folder / "report.html").unlink(missing_ok=True)
    reports.remove_taken(folder)


def _write_entry(results: Results, folder: Path) -> None:
    from harness import reports  # the composition root: they import harness

    reports.write_entry(results, folder)


@dataclass(frozen=True)
class _Pending:
    """A PDF that is still being made.

    Attributes:
        written: the report.
        again: the command that tries again.
        mark: the file that says what the report was made from, and what was taken away from it.
        digest: what is written there when all is done.
    """

    written: Written
    again: str
    mark: Path
    digest: str


def _tried(what: str, again: str, wrong: list[str], do: Callable[[], Any]) -> Any:
    """Do something; what goes wrong is a line more in ``wrong``."""
    try:
        with calm():
            return do()
    except Exception as error:  # MemoryError, a full disk, a fault of a library or of ours
        said = f"{what} could not be written: {_reason(error)} To try again: {again}"
        wrong.append(one_line(said))
        return None


def _reports(folder: Path) -> tuple[Path, ...]:
    return folder / "report.html", folder / "report.pdf", folder / TAKE_AWAY


def _reason(error: Exception) -> str:
    """Say what went wrong; of what is no plain refusal, also where."""
    if isinstance(error, HarnessError):
        return str(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})."


def again(reference: str, scale: str, place: Sequence[str]) -> str:
    """Return the command that judges and prints again.

    Args:
        reference: how the study was named.
        scale: the scale's name.
        place: the words that name where things are on the command line.
    """
    return all_again([reference], scale, place)


def all_again(references: Sequence[str], scale: str | None, place: Sequence[str]) -> str:
    """Return the command that judges and prints several studies again.

    Args:
        references: how each was named.
        scale: the scale's name; ``None`` for every scale recorded.
        place: the words that name where things are on the command line.
    """
    chosen = ["--scale", scale] if scale else []
    return shlex.join(["harness", "report", *references, *chosen, *place])


def _digest(results: Results) -> str:
    """Hash all that a report is made from: results, declaration and the report's code."""
    from harness import reports
    from harness.identity.code import normalised

    home = Path(reports.__file__).parent
    code = [
        normalised(file.read_text(encoding="utf-8")) if file.suffix == ".py" else file.read_bytes()
        for file in sorted(home.rglob("*"))
        if file.suffix in {".py", ".j2", ".css", ".js", ".ttf"}
    ]
    whole = repr(
        (
            [record.row() for record in results.records],
            results.verdicts,
            results.history,
            results.summaries,
            results.tuning,
            sorted(results.profiles.items()),
            results.provenance,
            results.warnings,
            results.programs,
            results.rounds,
            results.checked,
            results.data,
            results.search,
            results.declaration,
            code,
        )
    )
    return hashlib.sha256(whole.encode(errors="backslashreplace")).hexdigest()
