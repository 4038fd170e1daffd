"""``harness run``: what is missing of studies is trained, and all of it judged."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from harness.commands.begin import begin
from harness.commands.finish import (
    finish,
    print_together,
    settled,
    verdicts_json,
)
from harness.commands.folder import Files, all_again
from harness.commands.index import write_index
from harness.commands.judged import gather
from harness.commands.place import Place
from harness.commands.subject import Subject
from harness.messages.errors import HarnessError
from harness.running.account import Account, age
from harness.running.executors import Options
from harness.storing.dashboard import leave_note
from harness.storing.kept import manifest_of
from harness.storing.notes import write_reference
from harness.terminal import screen

# What judges imports scipy, and what trains imports torch: each waits for what it needs.
if TYPE_CHECKING:
    from harness.judging.results import Results
    from harness.study.looks import Looks
    from harness.trials.manifest import Manifest


def run_studies(
    names: Sequence[str], scale: str | None, place: Place, options: Options, how: Sequence[str],
    *, shown: bool, as_json: bool,
) -> int:  # fmt: skip
    """Run, judge, print and write studies, one after the other; return the exit code.

    Args:
        names: of the studies, as the command line has them.
        scale: the scale's name; ``None`` is each study's first.
        place: where things are.
        options: how to run.
        how: the words that say how to run, for commands that go on.
        shown: whether progress, verdicts and what is written are printed.
        as_json: whether verdicts are printed as JSON.
    """
    account = Account(before=age())
    done: list[tuple[Results, Path]] = []
    wrong: list[str] = []
    pending: list[Files] = []

    def settle() -> None:
        """Wait for PDFs that are still being made."""
        if pending:
            account.begin("PDF")
        while pending:
            wrong.extend(settled(pending.pop(0), shown=shown))

    try:
        for name in names:
            own = replace(options, reference=name, settle=settle)
            results, folder = run_study(
                name, scale, place, own, screen.errors(), quiet=not shown, account=account
            )
            done.append((results, folder))
            files = finish(
                name, results, folder, place, how,
                shown=shown, force=False, gently=name != names[-1], table=len(names) == 1,
            )  # fmt: skip
            wrong += files.wrong
            pending.append(files)
    finally:  # also where a later study is wrong, what was judged is told
        settle()
        if len(done) > 1 and shown:
            print_together([results for results, _ in done], screen.output())
        if done and as_json:
            screen.give(json.dumps([verdicts_json(*study) for study in done], indent=2))
    wrong += write_index(place.out, all_again(names, scale, place.words()), shown=shown)
    if shown:
        screen.complain(f"harness: {account.line()}")
    for results, _ in done:
        if not _finished(results):
            screen.complain(f"harness: no trial of {results.declaration.name} finished")
            return 3
    return 1 if wrong else 0


def _finished(results: Results) -> bool:
    """Whether any trial finished that says something: of a search, any that tried a setting."""
    if results.search is not None and any(x.state == "complete" for x in results.search.tried):
        return True
    return any(r.role == "evaluate" and r.state == "complete" for r in results.records)


def run_study(
    reference: str, scale_name: str | None, place: Place, options: Options, errors: Console,
    *, quiet: bool, account: Account,
) -> tuple[Results, Path]:  # fmt: skip
    """Run what is missing of a study, and judge it; return the results, and the report's folder.

    Raises:
        HarnessError: the study is wrong, or the store or the data is not there.
        InterruptedRunError: Ctrl-C.
    """
    from harness.commands.markdown import markdown
    from harness.running.account import Accounting
    from harness.running.progress import RunStatus, display
    from harness.running.run import run

    begun = begin(reference, scale_name, place, options)
    study, planner, ledger = begun.study, begun.planner, begun.ledger
    place.tell(errors)
    looks = planner.looks
    check_looks(manifest_of(ledger), looks, place.words(), seeds=len(planner.seeds))
    write_reference(ledger, begun.home)
    with display(errors, f"{study.name} ({ledger.scale})", quiet=quiet) as seen:
        shown = Accounting(seen, account)
        ran = run(ledger, planner, begun.pool, options, shown)
        account.trained(ran.workers, ran.took)
        if options.log is not None:  # also what was run before, or elsewhere
            options.log(ledger.records(), last=True)
        shown.show(RunStatus("writing the report", 1, 1))
        results = gather(ledger, Subject.of(study, begun.home), place.words())
        leave_note(ledger, markdown([results]))
    return results, place.folder(study.name, ledger.scale)


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
