"""``harness explain``: the reasoning behind verdicts, in words."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding

from harness.commands.judged import gather
from harness.commands.place import Place
from harness.commands.subject import opened
from harness.commands.tables import explained
from harness.judging.optimism import how_chosen
from harness.judging.search_words import sentences
from harness.messages.errors import HarnessError
from harness.study.formatting import join
from harness.terminal.screen import line, words


def explain_study(
    reference: str, number: int | None, scale_name: str | None, place: Place, console: Console
) -> None:
    """Print the reasoning behind verdicts.

    Args:
        reference: a name, a module or a file.
        number: the claim's, from 1; ``None`` for all of them.
        scale_name: the scale's name; ``None`` is the study's first.
        place: where things are.
        console: where to print.

    Raises:
        HarnessError: nothing was run, or there is no such claim.
    """
    found = opened(reference, scale_name, place, "explain")
    results = gather(found.ledgers[-1], found.subject, place.words())
    for sentence in sentences(results.search) if results.search is not None else ():
        line(console, sentence)
    if not results.verdicts and results.search is not None and number is None:
        return
    if not results.verdicts:
        raise HarnessError(
            "a study must have claims to explain", "none", "Add claims=(Higher(...),) to it."
        )
    if number is not None and not 1 <= number <= len(results.verdicts):
        raise HarnessError(
            f"a claim of {found.subject.name} must be one of 1 to {len(results.verdicts)}",
            str(number),
            "Leave it out for all of them.",
        )
    for own, verdict in enumerate(results.verdicts, 1):
        if number in {None, own}:
            title, *rest = explained(own, verdict, results.history.of(own - 1))
            line(console, title, style="bold")
            for sentence in rest:
                console.print(Padding(words(sentence), (0, 0, 0, 3)))
            line(console, "")
    if chosen := how_chosen(results.tuning):
        names = join(dict.fromkeys(each.setting for each in results.tuning if each.tried))
        line(console, f"Tuned anew in each arm, {names}: {chosen}.")
    for warning in results.warnings:
        line(console, f"! {warning}")
