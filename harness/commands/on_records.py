"""How commands are spelled that read records, or take those of others in, and train nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands.ending import alone_on_output, end_with, noticing
from harness.commands.options import (
    Column,
    Last,
    OptunaStudy,
    Results,
    ResultsKind,
    SeedColumn,
    Where,
    collect_seldom,
    hand_on_data,
    logs_of,
    studies_named,
)
from harness.commands.spelling import (
    OUT,
    AsJson,
    DataDir,
    Log,
    Out,
    Quiet,
    Scale,
    StoreUrl,
    StudyName,
)
from harness.messages.errors import HarnessError
from harness.terminal import screen

if TYPE_CHECKING:
    from harness.commands.place import Place  # with Optuna


@alone_on_output
def report(
    studies: Annotated[
        list[str] | None,
        typer.Argument(metavar="STUDY...", help="What to report on; with --serve [PORT] none."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every study that is shipped.")] = False,
    scale: Scale = None, out: Out = OUT, store: StoreUrl = "", data_dir: DataDir = None,
    quiet: Quiet = False,
    form: Annotated[
        str,
        typer.Option(
            "--format", show_default=False, metavar="md|json|html|pdf",
            help="md or json: verdicts as Markdown or JSON on standard output, and no file. html "
            "or pdf: OUT/STUDY-SCALE/report.html or report.pdf alone of the two, beside records "
            "and verdicts; an old one of the other kind goes where it shows other results. Without "
            "it: both.",
        ),
    ] = "",
    serving: Annotated[
        bool,
        typer.Option(
            "--serve",
            help="Serve all reports in OUT to browsers of this machine alone, and show how far "
            "runs are: --serve [PORT], 8350 by default, 0 for any that is free. Ctrl-C ends it.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", hidden=True)] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", hidden=True)] = False,
) -> None:  # fmt: skip
    """Judge and print again from the records, and make the index of OUT anew; trains nothing."""
    if as_json or as_markdown:
        before, now = ("--json", "json") if as_json else ("--markdown", "md")
        raise HarnessError("harness report must be told its format by --format", before,
                           f"Write --format {now}.")  # fmt: skip
    from harness.commands.place import Place

    if serving:
        alone = not (every or scale or form or data_dir)
        with noticing(Place(out, store, OUT)) as place:
            _serve(studies or [], place, alone=alone, shown=not quiet)
        return
    names = studies_named("report", studies, every=every)
    collect_seldom()
    hand_on_data(data_dir, download=False)
    from harness.commands.report import format_of, report_studies

    kind = format_of(form)
    with noticing(Place(out, store, OUT, data_dir)) as place:
        whole = report_studies(names, scale, place, form=kind, shown=not quiet)
        end_with(0 if whole else 1)


def _serve(words: list[str], place: Place, *, alone: bool, shown: bool) -> None:
    from harness.commands.serve import port_of, serve

    if not alone:
        raise HarnessError("--serve must stand without --all, --scale, --format and --data-dir",
                           "one of them", "Leave it out: all of the folder is shown.")  # fmt: skip
    serve(port_of(words), place, shown=shown)


@alone_on_output
def judge(
    results: Results, study: StudyName, scale: Scale = None, out: Out = OUT,
    kind: ResultsKind = None, column: Column = None, seed_column: SeedColumn = None,
    where: Where = None, last: Last = None, optuna_study: OptunaStudy = None,
    quiet: Quiet = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Judge results that others made, and write their report; trains nothing, keeps no store."""
    collect_seldom()
    from harness.commands.judge import asked_for, judge_results
    from harness.commands.place import Place

    asked = asked_for(
        results, study, scale, kind, column, seed_column, last, where, optuna_study
    )  # fmt: skip
    with noticing(Place(out, "", OUT)) as place:
        whole = judge_results(asked, place, shown=not quiet and not as_json, as_json=as_json)
        end_with(0 if whole else 1)


@alone_on_output
def import_(
    results: Results, study: StudyName, scale: Scale = None, out: Out = OUT,
    store: StoreUrl = "", kind: ResultsKind = None, column: Column = None,
    seed_column: SeedColumn = None, where: Where = None, last: Last = None,
    optuna_study: OptunaStudy = None,
) -> None:  # fmt: skip
    """Take results that others made into the store, for report, explain and export."""
    collect_seldom()
    from harness.commands.judge import asked_for, import_results
    from harness.commands.place import Place

    asked = asked_for(
        results, study, scale, kind, column, seed_column, last, where, optuna_study
    )  # fmt: skip
    with noticing(Place(out, store, OUT)) as place:
        screen.say(import_results(asked, place))


@alone_on_output
def explain(
    study: StudyName,
    claim: Annotated[
        int | None, typer.Argument(metavar="[CLAIM]", help="Its number, from 1; all of them.")
    ] = None,
    scale: Scale = None, out: Out = OUT, store: StoreUrl = "", data_dir: DataDir = None,
) -> None:  # fmt: skip
    """Say in words what was compared, what was seen, why this verdict, and what would change it."""
    collect_seldom()
    hand_on_data(data_dir, download=False)
    from harness.commands.explain import explain_study
    from harness.commands.place import Place

    with noticing(Place(out, store, OUT, data_dir)) as place:
        explain_study(study, claim, scale, place, screen.output())


COMPARED = Path("runs/compare")
"""The output folder of a comparison where none is named."""


@alone_on_output
def compare(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN", show_default=False,
            help="Stores or folders of runs, the base first. @STUDY or @STUDY:SCALE names one of "
            "its studies, ~1 the run before the newest, ~REVISION that of a revision of git: "
            "runs~1 runs; a.db@mnist:quick b.db@mnist:quick.",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", help="The output folder.", file_okay=False)
    ] = COMPARED,
    fail_on_change: Annotated[
        bool,
        typer.Option(
            "--fail-on-change",
            help="Exit code 1 where a verdict changed for the worse (a claim held, and is open or "
            "does not hold now; or was open, and does not hold), an effect on an arm is surely "
            "worse (its corrected interval leaves out 0 on the worse side), or an arm with results "
            "has none now because its trials failed; 3 where nothing could be compared.",
        ),
    ] = False,
    quiet: Quiet = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Set runs side by side: what changed, verdicts, effects with intervals, costs, curves."""
    collect_seldom()
    from harness.commands.compare import compare_runs
    from harness.commands.place import Place

    with noticing(Place(out, "", COMPARED)) as place:
        shown = not quiet and not as_json
        compared, whole = compare_runs(runs or [], out, place, shown=shown, as_json=as_json)
        if fail_on_change and not compared.something:
            screen.complain("harness: nothing could be compared, so nobody knows if it changed")
            end_with(3)
        end_with(1 if not whole or (fail_on_change and compared.worse) else 0)


@alone_on_output
def export(
    study: StudyName, scale: Scale = None, out: Out = OUT, store: StoreUrl = "",
    data_dir: DataDir = None,
    kind: Annotated[str, typer.Option("--format", help="csv, parquet or json.")] = "csv",
    to: Annotated[Path | None, typer.Option("--to", help="A file; standard output.")] = None,
    curves: Annotated[
        bool, typer.Option("--curves", help="A row for each epoch of each trial, not each trial.")
    ] = False,
    log: Log = None,
) -> None:  # fmt: skip
    """Write every record of a study, old attempts included; or, with --curves, every epoch."""
    collect_seldom()
    hand_on_data(data_dir, download=False)
    from harness.commands.export import export_study
    from harness.commands.place import Place

    with noticing(Place(out, store, OUT, data_dir)) as place:
        logs = logs_of(log or ())
        found, note = export_study(study, scale, place, kind, to, curves=curves, log=logs)
        if note:
            screen.complain(f"harness: {note}")
        if isinstance(found, Path):
            screen.say(str(found.resolve()))
        elif found:
            screen.give(found)
