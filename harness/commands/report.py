"""``harness report``: studies judged and printed again from their records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, get_args

from harness.commands.finish import finish, settled, verdicts_json
from harness.commands.folder import all_again
from harness.commands.index import write_index
from harness.commands.judged import gather
from harness.commands.place import Place
from harness.commands.subject import opened, opened_everywhere
from harness.messages.errors import HarnessError, near
from harness.terminal import screen

if TYPE_CHECKING:
    from harness.judging.results import Results  # imports scipy
    from harness.reports import Only

Format = Literal["", "html", "pdf", "md", "json"]
"""What comes out: files, of which one kind alone, or text on standard output."""


def format_of(word: str) -> Format:
    """Return what ``--format`` asks for.

    Raises:
        HarnessError: there is no such format.
    """
    known = [each for each in get_args(Format) if each]
    if word and word not in known:
        must = f"--format must be one of {', '.join(known)}"
        instead = f"{near(word, known)} Without it, HTML and PDF are written."
        raise HarnessError(must, repr(word), instead)
    return cast(Format, word)


def report_studies(
    names: Sequence[str], scale: str | None, place: Place, *, form: Format, shown: bool
) -> bool:
    """Judge and print studies again; return whether everything could be written.

    Args:
        names: of the studies, as the command line has them.
        scale: the scale's name; ``None`` is every scale recorded.
        place: where things are.
        form: what comes out; of ``md`` and ``json`` text alone, and no file is written.
        shown: whether verdicts and paths are printed, where files are written.
    """
    judged = ((*found, name) for name in names for found in report_study(name, scale, place))
    if form in {"md", "json"}:
        print_as(form, [(results, folder) for results, folder, _ in judged])
        return True
    only = cast("Only", form)
    wrong: list[str] = []
    for results, folder, name in judged:
        files = finish(name, results, folder, place, shown=shown, force=True, only=only)
        wrong += [*files.wrong, *settled(files, shown=shown)]
    wrong += write_index(place.out, all_again(names, scale, place.words()), shown=shown)
    return not wrong


def print_as(form: Format, done: Sequence[tuple[Results, Path]]) -> None:
    """Print verdicts to standard output, as Markdown or as JSON."""
    if form == "json":
        screen.give(json.dumps([verdicts_json(*study) for study in done], indent=2))
        return
    from harness.commands.markdown import markdown

    screen.give(markdown([results for results, _ in done]))


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
