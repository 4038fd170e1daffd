"""What is done with results, once a study is judged: they are printed, then written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from harness.commands.best import best_row, best_table
from harness.commands.files import verdict_rows
from harness.commands.folder import Files, again, write
from harness.commands.place import Place
from harness.commands.tables import declared_lines, verdict_table
from harness.study.pasted import as_code
from harness.terminal import outlets, screen
from harness.terminal.screen import line

if TYPE_CHECKING:
    from harness.judging.results import Results  # imports scipy
    from harness.judging.searched import SearchResults
    from harness.reports import Only


def finish(
    name: str, results: Results, folder: Path, place: Place, how: Sequence[str] = (), *,
    shown: bool, force: bool, gently: bool = False, table: bool = True, retry: str = "",
    only: Only = "",
) -> Files:  # fmt: skip
    """Print a study's verdicts, then write its files, of which the PDF is still to come.

    What cannot be written is told with ``retry``, the command that tries again; without it, with
    ``harness report``.
    """
    words = place.words()
    retry = retry or again(name, results.scale, words)
    unprinted: tuple[str, ...] = ()
    if shown:
        try:
            print_results(results, screen.output(), words, how, table=table)
        except OSError as error:  # files are written all the same
            outlets.close_own()
            if not isinstance(error, BrokenPipeError):  # nobody wants to read on, as with `| head`
                unprinted = (f"the verdicts could not be printed: {error}. To try again: {retry}",)
    files = write(
        results, folder, retry, place.store_named(), force=force, gently=gently, only=only
    )
    return _told(replace(files, wrong=(*unprinted, *files.wrong)), shown=shown)


def settled(files: Files, *, shown: bool) -> tuple[str, ...]:
    """Wait for the PDF and what is taken away; return what could not be written."""
    return _told(files.finished(), shown=shown).wrong


def _told(files: Files, *, shown: bool) -> Files:
    """Say what was written, and what could not be."""
    if shown:
        print_files(files, screen.output())
    for each in files.wrong:
        screen.complain(f"harness: {each}")
    return files


def verdicts_json(results: Results, folder: Path) -> dict[str, Any]:
    """Return what ``--json`` prints of a study."""
    from harness.judging.answer import answer

    return {
        "study": results.declaration.name,
        "scale": results.scale,
        "answer": list(answer(results).sentences) if results.search is None else [],
        "verdicts": verdict_rows(results),
        "search": best_row(results),
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
    """Print the answer, the verdict table, warnings, and how to go on.

    Args:
        results: of one study, judged.
        console: where to print.
        place: the words that name where things are on the command line.
        how: those that say how to run.
        table: whether to print the table.
    """
    from harness.judging.answer import answer
    from harness.judging.next_step import next_step

    if results.search is not None:
        print_search(results.search, console)
    elif table:
        for said in answer(results).sentences:
            line(console, said)
    if results.verdicts and table:
        console.print(verdict_table([results]))
    elif not results.verdicts and results.search is None:
        line(console, f"{results.declaration.name} ({results.scale}) has no claims to judge.")
    for each in declared_lines(results):
        line(console, each)
    for warning in results.warnings:
        line(console, f"! {warning}")
    if step := next_step(results, place, how):
        line(console, f"→ {step}", whole=True)


def print_search(search: SearchResults, console: Console) -> None:
    """Print what a search found: sentences, the best settings, and the code of those to take."""
    from harness.judging.search_words import sentences

    for each in sentences(search):
        line(console, each)
    if search.tried:
        console.print(best_table(search))
    if search.taken is not None:
        line(console, "To paste into a study:")
        for each in as_code(search.searching, search.tried[search.taken].settings).splitlines():
            line(console, f"    {each}", whole=True)


def print_files(files: Files, console: Console) -> None:
    """Print where reports are, and what this machine lacks for a PDF."""
    for path in files.reports:
        line(console, f"{path.name}  {path.resolve()}", whole=True)
    if files.note:
        line(console, files.note)
