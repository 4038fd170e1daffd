"""What the commands do, apart from how they are spelled (see harness.commands.cli)."""

from __future__ import annotations

import hashlib
import shlex
import traceback
from collections.abc import Callable, Iterator, Sequence
from ctypes.util import find_library
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding

from harness.commands.files import (
    rows_text,
    verdict_rows,
    write_records,
    write_rows,
    write_verdicts,
    write_whole,
)
from harness.commands.place import Place
from harness.commands.subject import Subject, subject_of
from harness.commands.tables import declared_lines, explained, verdict_table
from harness.messages.calm import calm
from harness.messages.errors import HarnessError, one_line
from harness.running.find import find as find_study
from harness.running.find import load
from harness.running.revision import revision_of
from harness.storing.kept import manifest_of
from harness.storing.ledger import Ledger
from harness.storing.notes import choices, write_reference
from harness.terminal.screen import line, words

# What judges imports scipy, and what trains imports torch: each command waits for what it needs.
if TYPE_CHECKING:
    from harness.judging.results import Results
    from harness.reports import Written
    from harness.running.account import Account
    from harness.running.executors import Options
    from harness.study.looks import Looks
    from harness.trials.manifest import Manifest
    from harness.trials.records import Record


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
        """Wait for the PDF; return what came of it alone."""
        if self.pending is None:
            return Files(())
        pending = self.pending
        wrong: list[str] = []
        done = _tried("the PDF", pending.again, wrong, pending.written.finished)
        lacking = done.note if done is not None and done.lacking else ""
        if done is not None and done.note and not lacking:
            wrong.append(f"{done.note} To try again: {pending.again}")
        if not wrong and not self.wrong:
            content = pending.digest.encode()
            _tried("the mark", pending.again, wrong, lambda: write_whole(pending.mark, content))
        pdf = (done.pdf,) if done is not None and done.pdf else ()
        return Files(pdf, tuple(wrong), lacking)


def run_study(
    reference: str, scale_name: str | None, place: Place, options: Options, errors: Console,
    *, quiet: bool, account: Account,
) -> tuple[Results, Path]:  # fmt: skip
    """Run what is missing of a study, and judge it; return the results, and the report's folder."""
    from harness.planning.planner import Planner
    from harness.running.account import Accounting
    from harness.running.progress import display
    from harness.running.run import run

    found = find_study(reference)
    study = load(found)
    scale, _ = study.scale(scale_name)
    looks = options.looks(study)
    planner = Planner(study, scale, options.seeds, tune=options.tune, looks=looks)
    ledger = Ledger(place.open(create=True), study, scale)
    place.tell(errors)
    check_looks(manifest_of(ledger), looks, place.words(), seeds=len(planner.seeds))
    write_reference(ledger, found)
    with display(errors, f"{study.name} ({scale})", quiet=quiet) as seen:
        shown = Accounting(seen, account)
        ran = run(ledger, planner, found, options, shown)
        account.trained(ran.workers, ran.took)
        shown.show("writing the report", 1, 1, None)
        results = gather(ledger, Subject.of(study, found), place.words())
    return results, place.folder(study.name, scale)


def check_looks(
    manifest: Manifest | None, looks: Looks | None, place: Sequence[str], seeds: int
) -> None:
    """Check that claims are looked at as was declared when a study began.

    Args:
        manifest: of what was run before; ``None`` where nothing was.
        looks: when claims are to be looked at now; ``None`` where once.
        place: the words that name where things are on the command line.
        seeds: how many there are to be at the last look.

    Raises:
        HarnessError: they would be looked at otherwise, for which the levels were not made.
    """
    before = manifest.looks if manifest is not None else None
    if before is None or before == looks:
        return
    came = f"a run with {seeds} seeds and one look"
    if looks:
        came = f"looks at {_listed(looks.seeds)} seeds"
        if looks.seeds == before.seeds:
            came += f" with other shares of α, {', '.join(f'{each:g}' for each in looks.alphas)}"
    command = shlex.join([*shlex.split(manifest.command), *place]) if manifest else ""
    raise HarnessError(
        f"this study was begun with --until-decided, and must keep to its looks, at "
        f"{_listed(before.seeds)} seeds: others, chosen after results were seen, would make its "
        "verdicts wrong more often than they say",
        came,
        f"To go on: {command}",
    )


def _listed(numbers: Sequence[int]) -> str:
    *others, last = map(str, numbers)
    return f"{', '.join(others)} and {last}" if others else last


def gather(ledger: Ledger, subject: Subject, place: Sequence[str] = ()) -> Results:
    """Judge what a ledger holds, of one version of the study, and keep what it claims now.

    Args:
        ledger: of one study at one scale.
        subject: what is judged.
        place: the words that name where things are on the command line.

    Raises:
        HarnessError: nothing was ever run.
    """
    from harness.judging.results import assemble
    from harness.running.declare import declare
    from harness.running.timing import costs_of
    from harness.running.versions import Chosen, choose

    newest = manifest_of(ledger)
    if newest is None:
        raise HarnessError(
            "there must be records to report on",
            f"none of {subject.name} at scale {ledger.scale}",
            _makes_some(subject.name, ledger.scale, place),
        )
    if subject.study is None:  # then the ledger was opened by what is kept
        chosen = Chosen(ledger.declaration, newest, subject.told(newest), then=True)
    else:
        chosen = choose(ledger, subject.study, newest, place)
    manifest = chosen.manifest
    registrations, unkept = declare(
        ledger, lambda: manifest.programs, required=False,
        then=chosen.declaration if chosen.then else None,
    )  # fmt: skip
    costs, unmeasured = costs_of(ledger, manifest.programs, manifest.machine)
    revision = manifest.revision
    if revision is None:
        revision = revision_of(subject.found)
    notes = [
        chosen.warning,
        f"That these claims were declared is not kept: {unkept}" if unkept else "",
    ]
    return assemble(
        chosen.declaration, ledger.records(), manifest, costs,
        [*unmeasured, *ledger.store.noticed.sentences()], revision or "",
        choices(ledger), registrations, tuple(filter(None, notes)),
    )  # fmt: skip


def write(
    results: Results, folder: Path, again: str, *, force: bool, gently: bool = False
) -> Files:
    """Write a study's folder, unless it was made from the same results by the same code.

    Records and verdicts come first, since they are what the trainings were for. What cannot be
    written is a line, and no exception: the verdicts stand, and whoever reads on has more to do.
    The PDF is still being made when this returns: see :meth:`Files.finished`.

    Args:
        results: of one study, judged.
        folder: where its files go.
        again: the command that tries again.
        force: whether to write it all the same.
        gently: whether the PDF leaves the processors to others that want them.
    """
    mark = folder / ".made-from"
    wrong: list[str] = []

    def tried(what: str, do: Callable[[], Any]) -> Any:
        return _tried(f"{what} of {results.declaration.name} ({results.scale})", again, wrong, do)

    digest = tried("the mark", lambda: _digest(results)) or ""
    if not force and digest and _is_made_from(folder, digest):
        return Files(tuple(each for each in _reports(folder) if each.exists()))
    tried("the mark", lambda: mark.unlink(missing_ok=True))
    tried("the records", lambda: write_records(results.records, folder / "records.csv"))
    tried("the verdicts", lambda: write_verdicts(results, folder / "verdicts.json"))
    written = tried("the report", lambda: _write_report(results, folder, gently=gently))
    if written is None:
        return Files((), tuple(wrong))
    pending = _Pending(written, again, mark, digest)
    return Files((written.html,), tuple(wrong), pending=pending)


_PDF_NEEDS = ("pango-1.0", "pangoft2-1.0")
"""The libraries of a PDF that are packages of their own, and may be missing one by one. All else
that WeasyPrint loads (gobject, HarfBuzz, fontconfig), these two need themselves."""


def _is_made_from(folder: Path, digest: str) -> bool:
    """Whether all files of a folder are there, and made from just this."""
    names = ["report.html", "verdicts.json", "records.csv", ".made-from"]
    # where they were not there before, the PDF is still to be made
    if find_spec("weasyprint") and all(map(find_library, _PDF_NEEDS)):
        names.append("report.pdf")
    try:
        there = all((folder / name).exists() for name in names)
        return there and (folder / ".made-from").read_text(encoding="utf-8") == digest
    except (OSError, ValueError):  # it cannot be read: it is made anew
        return False


def _write_report(results: Results, folder: Path, *, gently: bool) -> Written:
    from harness.reports import Printing, write_report  # the composition root: they import harness

    printing = Printing(gently=gently)
    try:
        return write_report(results, folder, printing)
    finally:
        printing.cancel()  # where it came to nothing


@dataclass(frozen=True)
class _Pending:
    """A PDF that is still being made.

    Attributes:
        written: the report.
        again: the command that tries again.
        mark: the file that says what the report was made from.
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


def _reports(folder: Path) -> tuple[Path, Path]:
    return folder / "report.html", folder / "report.pdf"


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
    return shlex.join(["harness", "report", reference, "--scale", scale, *place])


def _makes_some(reference: str, scale: str, place: Sequence[str]) -> str:
    words = ["harness", "run", reference, *(["--scale", scale] if scale else []), *place]
    return f"`{shlex.join(words)}` makes some."


def _digest(results: Results) -> str:
    """Hash all that a report is made from: results, declaration and the report's code."""
    from harness import reports
    from harness.identity.code import normalised

    home = Path(reports.__file__).parent
    code = [
        normalised(text) if file.suffix == ".py" else text
        for file in sorted(home.rglob("*"))
        if file.suffix in {".py", ".j2", ".css", ".html"}
        for text in [file.read_text(encoding="utf-8")]
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
            results.data,
            results.declaration,
            code,
        )
    )
    return hashlib.sha256(whole.encode(errors="backslashreplace")).hexdigest()


def report_study(
    reference: str, scale_name: str | None, place: Place
) -> Iterator[tuple[Results, Path]]:
    """Judge again from the records, at one scale or at every scale recorded."""
    subject = subject_of(reference, place)
    store = place.open(create=False)
    scales = [subject.scale(scale_name)] if scale_name else list(subject.scales)
    ledgers = [each[-1] for scale in scales if (each := subject.ledgers(store, scale))]
    if not ledgers:
        at = f" at scale {scales[0]}" if scale_name else ""
        raise HarnessError(
            "there must be records to report on",
            f"none of {subject.name}{at} in {store.url}",
            _makes_some(reference, scales[0] if scale_name else "", place.words()),
        )
    for ledger in ledgers:
        yield gather(ledger, subject, place.words()), place.folder(subject.name, ledger.scale)


def explain_study(
    reference: str, number: int | None, scale_name: str | None, place: Place, console: Console
) -> None:
    """Print the reasoning behind verdicts.

    Raises:
        HarnessError: nothing was run, or there is no such claim.
    """
    subject = subject_of(reference, place)
    scale = subject.scale(scale_name)
    ledgers = subject.ledgers(place.open(create=False), scale)
    if not ledgers:
        raise HarnessError(
            "there must be records to explain",
            f"none of {subject.name} at scale {scale}",
            _makes_some(reference, scale, place.words()),
        )
    results = gather(ledgers[-1], subject, place.words())
    if not results.verdicts:
        raise HarnessError(
            "a study must have claims to explain", "none", "Add claims=(Higher(...),) to it."
        )
    if number is not None and not 1 <= number <= len(results.verdicts):
        raise HarnessError(
            f"a claim of {subject.name} must be one of 1 to {len(results.verdicts)}",
            str(number),
            "Leave it out for all of them.",
        )
    for place_of, verdict in enumerate(results.verdicts, 1):
        if number in {None, place_of}:
            title, *rest = explained(place_of, verdict, results.history.of(place_of - 1))
            line(console, title, style="bold")
            for each in rest:
                console.print(Padding(words(each), (0, 0, 0, 3)))
            line(console, "")
    for warning in results.warnings:
        line(console, f"! {warning}")


def export_study(
    reference: str, scale_name: str | None, place: Place, kind: str, path: Path | None,
    *, curves: bool = False,
) -> tuple[str | Path, str]:  # fmt: skip
    """Write the records of a study; return the text where no path was given, and a note.

    A row is a trial; with ``curves`` it is an epoch of a trial.

    The note says which of them are not what the study's file says now; it is empty where all are.
    """
    subject = subject_of(reference, place)
    scale = subject.scale(scale_name)
    store = place.open(create=False)
    ledgers = subject.ledgers(store, scale)
    records = [record for ledger in ledgers for record in ledger.records()]
    if not records:
        raise HarnessError(
            "there must be records to export",
            f"none of {subject.name} at scale {scale} in {store.url}",
            _makes_some(reference, scale, place.words()),
        )
    note = _of_other_code(subject, scale, records)
    rows = [record.row() for record in records]
    if curves:
        rows = [row for record in records for row in record.curve_rows()]
    if path is not None:
        write_rows(rows, path, kind)
        return path, note
    return rows_text(rows, kind), note


def _of_other_code(subject: Subject, scale: str, records: Sequence[Record]) -> str:
    """Say which trials are not what the study's file says now; empty where all are."""
    from harness.running.versions import outdated, said

    if subject.study is None:
        return f"{subject.missing}: of which code and settings trials are, their keys tell."
    try:
        other, why = outdated(subject.study, scale, records)
    except (HarnessError, ImportError) as error:
        return f"It cannot be told which trials are of the study's file as it is now: {error}"
    if not other:
        return ""
    return (
        f"{other} evaluation {'trials are' if other > 1 else 'trial is'} of other code or settings "
        f"than the study's file has now ({said(why)}); keys tell them apart."
    )


def verdicts_json(results: Results, folder: Path) -> dict[str, Any]:
    """Return what ``--json`` prints of a study."""
    return {
        "study": results.declaration.name,
        "scale": results.scale,
        "verdicts": verdict_rows(results),
        "warnings": list(results.warnings),
        "folder": str(folder.resolve()),
    }


def print_together(several: Sequence[Results], console: Console) -> None:
    """Print the verdicts of several studies in one table."""
    if any(results.verdicts for results in several):
        console.print(verdict_table(several))


def print_results(
    results: Results, console: Console, place: Sequence[str], how: Sequence[str] = (), *,
    table: bool = True,
) -> None:  # fmt: skip
    """Print the verdict table, warnings, and how to go on.

    Args:
        results: of one study, judged.
        console: where to print.
        place: the words that name where things are on the command line.
        how: those that say how to run.
        table: whether to print the table.
    """
    from harness.judging.next_step import next_step

    if results.verdicts and table:
        console.print(verdict_table([results]))
    elif not results.verdicts:
        line(console, f"{results.declaration.name} ({results.scale}) has no claims to judge.")
    for each in declared_lines(results):
        line(console, each)
    for warning in results.warnings:
        line(console, f"! {warning}")
    if step := next_step(results, place, how):
        line(console, f"→ {step}", whole=True)


def print_files(files: Files, console: Console) -> None:
    """Print where reports are, and what this machine lacks for a PDF."""
    for path in files.reports:
        line(console, f"{path.name}  {path.resolve()}", whole=True)
    if files.note:
        line(console, files.note)
