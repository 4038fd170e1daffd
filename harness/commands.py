"""What the commands do, apart from how they are spelled (see harness.cli)."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from ctypes.util import find_library
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from harness.errors import HarnessError
from harness.ledger import Ledger
from harness.load import find as find_study
from harness.load import load
from harness.outputs import (
    revision_of,
    rows_text,
    write_records,
    write_rows,
    write_verdicts,
    write_whole,
)
from harness.place import Place
from harness.tables import declared_lines, explained, verdict_table

# What judges imports scipy, and what trains imports torch: each command waits for what it needs.
if TYPE_CHECKING:
    from harness.account import Account
    from harness.executors import Options
    from harness.looks import Looks
    from harness.results import Results
    from reports import Written


def run_study(
    reference: str, scale_name: str | None, place: Place, options: Options, errors: Console,
    *, quiet: bool, account: Account, gently: bool = False,
) -> tuple[Results, Path, Written | None]:  # fmt: skip
    """Run what is missing of a study, judge it and write its report.

    Returns:
        the results, the report's folder, and what was written; ``None`` where the report was
        up to date.
    """
    from harness.account import Accounting
    from harness.progress import display
    from harness.run import run
    from harness.search import Planner

    found = find_study(reference)
    study = load(found)
    scale, _ = study.scale(scale_name)
    looks = options.looks(study)
    planner = Planner(study, scale, options.seeds, tune=options.tune, looks=looks)
    ledger = Ledger(place.open(create=True), study, scale)
    place.tell(errors)
    check_looks(ledger.note("plan"), looks)
    if ledger.note("reference") != found:
        ledger.write_note("reference", found)
    with display(errors, f"{study.name} ({scale})", quiet=quiet) as seen:
        shown = Accounting(seen, account)
        ran = run(ledger, planner, found, options, shown)
        account.trained(ran.workers, ran.took)
        shown.show("writing the report", 1, 1, None)
        results = gather(ledger, found)
        folder = place.folder(study, scale)
        written = write(results, folder, force=False, gently=gently)
    return results, folder, written


def check_looks(plan: Mapping[str, Any] | None, looks: Looks | None) -> None:
    """Check that claims are looked at as was declared when a study began.

    Raises:
        HarnessError: they would be looked at otherwise, for which the levels were not made.
    """
    from harness.looks import looks_of

    before = looks_of(plan) if plan is not None else None
    if before is None or before == looks:
        return
    came = "a fixed number of seeds"
    if looks:
        came = f"at {', '.join(map(str, looks.seeds))} seeds"
        if looks.seeds == before.seeds:
            came += f", with α of {', '.join(f'{alpha:g}' for alpha in looks.alphas)}"
    raise HarnessError(
        "a study must be looked at as was declared when it began, or its verdicts would be wrong "
        f"more often than they say: at {', '.join(map(str, before.seeds))} seeds",
        came,
        f"Write --until-decided --max-seeds {before.seeds[-1]}, or take another --store.",
    )


def gather(ledger: Ledger, found: str) -> Results:
    """Judge what a ledger holds, of one version of the study, and keep what it claims now.

    Raises:
        HarnessError: nothing was ever run.
    """
    from harness.declare import declare
    from harness.results import assemble
    from harness.timing import costs_of
    from harness.versions import choose_plan

    plan = ledger.note("plan")
    if plan is None:
        raise HarnessError(
            "there must be records to report on",
            f"none of {ledger.study.name} at scale {ledger.scale}",
            f"`harness run {ledger.study.name} --scale {ledger.scale}` makes some.",
        )
    plan, other = choose_plan(ledger, plan)
    declarations, unkept = declare(ledger, lambda: plan["programs"], required=False)
    costs, unmeasured = costs_of(ledger, plan["programs"], plan.get("machine", ""))
    records = ledger.records()
    file = Path(found if found.endswith(".py") else str(sys.modules[found].__file__))
    notes = [other, f"That these claims were declared is not kept: {unkept}" if unkept else ""]
    return assemble(
        ledger.study, ledger.scale, records, plan, costs,
        [*unmeasured, *ledger.store.noticed.sentences()], revision_of(file), ledger.notes("mode/"),
        declarations, tuple(filter(None, notes)),
    )  # fmt: skip


def write(results: Results, folder: Path, *, force: bool, gently: bool = False) -> Written | None:
    """Write a study's folder, unless it was made from the same results by the same code.

    The PDF is still being made when this returns.

    Args:
        results: what is written.
        folder: where.
        force: whether it is written all the same.
        gently: whether the PDF leaves the processors to others that want them.
    """
    mark = folder / ".made-from"
    digest = _digest(results)
    names = ["report.html", "verdicts.json", "records.csv"]
    if find_library("pango-1.0"):  # where it was not there before, the PDF is still to be made
        names.append("report.pdf")
    there = all((folder / name).exists() for name in names)
    if not force and there and mark.exists() and mark.read_text(encoding="utf-8") == digest:
        return None
    from reports import Printing, write_report  # the composition root: they import harness

    write_records(results.records, folder / "records.csv")
    write_verdicts(results, folder / "verdicts.json")
    printing = Printing(gently=gently)
    try:
        written = write_report(results, folder, printing)
    finally:
        printing.cancel()  # where it came to nothing
    write_whole(mark, digest.encode())
    return written


def _digest(results: Results) -> str:
    """Hash all that a report is made from: results, declaration and the report's code."""
    import reports
    from harness.code import normalised

    home = Path(reports.__file__).parent
    code = [
        normalised(file.read_text(encoding="utf-8")) if file.suffix == ".py" else file.read_text()
        for file in sorted(home.rglob("*"))
        if file.suffix in {".py", ".j2", ".css", ".html"}
    ]
    text = repr(
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
            [measure.metrics for measure in results.study.measures],
            results.study.question,
            code,
        )
    )
    return hashlib.sha256(text.encode()).hexdigest()


def report_study(
    reference: str, scale_name: str | None, place: Place
) -> list[tuple[Results, Path, Written]]:
    """Judge and print again from the records, at one scale or at every scale recorded."""
    found = find_study(reference)
    study = load(found)
    store = place.open(create=False)
    scales = [study.scale(scale_name)[0]] if scale_name else list(study.scales)
    ledgers = [each[-1] for scale in scales if (each := Ledger.existing(store, study, scale))]
    if not ledgers:
        at = f" at scale {scales[0]}" if scale_name else ""
        option = f" --scale {scales[0]}" if scale_name else ""
        raise HarnessError(
            "there must be records to report on",
            f"none of {study.name}{at} in {store.url}",
            f"`harness run {reference}{option}` makes some.",
        )
    out = []
    for ledger in ledgers:
        results = gather(ledger, found)
        folder = place.folder(study, ledger.scale)
        written = write(results, folder, force=True)
        assert written is not None
        out.append((results, folder, written))
    return out


def explain_study(
    reference: str, number: int | None, scale_name: str | None, place: Place, console: Console
) -> None:
    """Print the reasoning behind verdicts.

    Raises:
        HarnessError: nothing was run, or there is no such claim.
    """
    found = find_study(reference)
    study = load(found)
    scale, _ = study.scale(scale_name)
    ledgers = Ledger.existing(place.open(create=False), study, scale)
    if not ledgers:
        raise HarnessError(
            "there must be records to explain",
            f"none of {study.name} at scale {scale}",
            f"`harness run {reference} --scale {scale}` makes some.",
        )
    results = gather(ledgers[-1], found)
    if not results.verdicts:
        raise HarnessError(
            "a study must have claims to explain", "none", "Add claims=(Higher(...),) to it."
        )
    if number is not None and not 1 <= number <= len(results.verdicts):
        raise HarnessError(
            f"a claim of {study.name} must be one of 1 to {len(results.verdicts)}",
            str(number),
            "Leave it out for all of them.",
        )
    for place_of, verdict in enumerate(results.verdicts, 1):
        if number in {None, place_of}:
            title, *lines = explained(place_of, verdict, results.history.of(place_of - 1))
            console.print(Text(title, style="bold"))
            for line in lines:
                console.print(Padding(Text(line), (0, 0, 0, 3)))
            console.print()
    for warning in results.warnings:
        console.print(f"! {warning}", markup=False, highlight=False)


def export_study(
    reference: str, scale_name: str | None, place: Place, kind: str, path: Path | None,
    *, curves: bool = False,
) -> tuple[str | Path, str]:  # fmt: skip
    """Write the records of a study; return the text where no path was given, and a note.

    A row is a trial; with ``curves`` it is an epoch of a trial.


    The note says which of them are not what the study's file says now; it is empty where all are.
    """
    found = find_study(reference)
    study = load(found)
    scale, _ = study.scale(scale_name)
    store = place.open(create=False)
    ledgers = Ledger.existing(store, study, scale)
    records = [record for ledger in ledgers for record in ledger.records()]
    if not records:
        raise HarnessError(
            "there must be records to export",
            f"none of {study.name} at scale {scale} in {store.url}",
            f"`harness run {reference} --scale {scale}` makes some.",
        )
    from harness.versions import outdated, said

    note = ""
    try:
        other, why = outdated(study, scale, records)
        if other:
            many = "trials are" if other > 1 else "trial is"
            note = (
                f"{other} evaluation {many} of other code or settings than the study's file has "
                f"now ({said(why)}); keys tell them apart."
            )
    except HarnessError as error:
        note = f"It cannot be told which trials are of the study's file as it is now: {error}"
    rows = [record.row() for record in records]
    if curves:
        rows = [row for record in records for row in record.curve_rows()]
    if path is not None:
        write_rows(rows, path, kind)
        return path, note
    return rows_text(rows, kind), note


def verdicts_json(results: Results, folder: Path) -> dict[str, Any]:
    """Return what ``--json`` prints of a study."""
    return {
        "study": results.study.name,
        "scale": results.scale,
        "verdicts": json.loads((folder / "verdicts.json").read_text(encoding="utf-8")),
        "warnings": list(results.warnings),
        "folder": str(folder.resolve()),
    }


def print_together(several: Sequence[Results], console: Console) -> None:
    """Print the verdicts of several studies in one table."""
    if any(results.verdicts for results in several):
        console.print(verdict_table(several))


def print_results(
    results: Results, folder: Path, console: Console, place: Sequence[str], *, table: bool = True,
) -> None:  # fmt: skip
    """Print the verdict table, warnings, how to go on, and where the report is.

    Args:
        results: of one study, judged.
        folder: where its files are.
        console: where to print.
        place: the words that name the store and the output folder on the command line.
        table: whether to print the table.
    """
    from harness.next_step import next_step

    if results.verdicts and table:
        console.print(verdict_table([results]))
    elif not results.verdicts:
        console.print(f"{results.study.name} ({results.scale}) has no claims to judge.")
    for line in declared_lines(results):
        console.print(line, markup=False, highlight=False)
    for warning in results.warnings:
        console.print(f"! {warning}", markup=False, highlight=False)
    if step := next_step(results, place):
        console.print(f"→ {step}", markup=False, highlight=False, soft_wrap=True)
    _print_file(folder / "report.html", console)


def print_pdf(folder: Path, written: Written | None, console: Console) -> None:
    """Wait for the PDF, and print where it is, or why it is not.

    Args:
        folder: where the report is.
        written: what was written of it; ``None`` where it was there already.
        console: where to print.
    """
    done = None if written is None else written.finished()
    _print_file(folder / "report.pdf", console)
    if done is not None and done.note:
        console.print(done.note, markup=False, highlight=False)


def _print_file(path: Path, console: Console) -> None:
    if path.exists():
        console.print(
            f"{path.name}  {path.resolve()}", markup=False, highlight=False, soft_wrap=True
        )
