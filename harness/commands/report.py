"""``harness report``: studies judged and printed again from their records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from harness.commands.finish import finish, settled, verdicts_json, write_index
from harness.commands.judged import gather
from harness.commands.place import Place
from harness.commands.subject import opened, opened_everywhere
from harness.terminal import screen

if TYPE_CHECKING:
    from harness.judging.results import Results  # imports scipy

As = Literal["", "json", "markdown"]


def report_studies(
    names: Sequence[str], scale: str | None, place: Place, *, alone: As, shown: bool
) -> bool:
    """Judge and print studies again; return whether everything could be written.

    Args:
        names: of the studies, as the command line has them.
        scale: the scale's name; ``None`` is every scale recorded.
        place: where things are.
        alone: what is printed to standard output in the place of everything else.
        shown: whether anything else is printed.
    """
    done: list[tuple[Results, Path]] = []
    wrong: list[str] = []
    for name in names:
        for results, folder in report_study(name, scale, place):
            done.append((results, folder))
            files = finish(name, results, folder, place, shown=shown, force=True)
            wrong += [*files.wrong, *settled(files, shown=shown)]
    wrong += write_index(done, names, scale, place, shown=shown)
    if alone == "json":
        screen.give(json.dumps([verdicts_json(*study) for study in done], indent=2))
    if alone == "markdown":
        from harness.commands.markdown import markdown

        screen.give(markdown([results for results, _ in done]))
    return not wrong


def report_study(
    reference: str, scale_name: str | None, place: Place
) -> Iterator[tuple[Results, Path]]:
    """Judge again from the records, at one scale or at every scale recorded.

    Raises:
        HarnessError: nothing was run.
    """
    if scale_name:
        recorded = [opened(reference, scale_name, place, "report on")]
    else:
        recorded = opened_everywhere(reference, place, "report on")
    for found in recorded:
        results = gather(found.ledgers[-1], found.subject, place.words())
        yield results, place.folder(found.subject.name, found.scale)
