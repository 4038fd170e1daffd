"""``harness check``: whether a study's trials can be relied on, by a few trainings of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Console

from harness.commands.begin import begin
from harness.commands.place import Place
from harness.commands.tables import plain
from harness.messages.errors import HarnessError
from harness.running.checking import Sample, arm_named, check
from harness.running.executors import Options
from harness.running.find import find, load
from harness.running.progress import display
from harness.storing.notes import write_checked
from harness.terminal.screen import line, words
from harness.trials.checked import Checked, State

MARKS: dict[State, tuple[str, str]] = {
    "ok": ("✔", "green"), "told": ("–", "yellow"), "wrong": ("✘", "red"),
}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """What was found of a study at a scale.

    Attributes:
        study: the study's name.
        scale: the scale's name.
        checked: what was found.
        unkept: why it could not be kept in the store; empty where it is.
    """

    study: str
    scale: str
    checked: Checked
    unkept: str = ""

    @property
    def right(self) -> bool:
        """Whether nothing is wrong, and that is kept."""
        return not self.checked.wrong and not self.unkept


def check_study(
    reference: str, scale_name: str | None, arm: str | None, seed: int, place: Place,
    options: Options, errors: Console, *, quiet: bool,
) -> Found:  # fmt: skip
    """Check a study, and keep what was found in its store.

    Args:
        reference: a name, a module or a file.
        scale_name: the scale's name; ``None`` is the study's first.
        arm: the name of the arm that is trained several times; ``None`` is the first.
        seed: with this seed.
        place: where the store is, which is made where there is none.
        options: on which device, and with how many workers.
        errors: where progress is printed.
        quiet: whether none is.

    Raises:
        HarnessError: there is no such study, scale or arm, or the study is wrong.
    """
    study = load(find(reference))
    scale, _ = study.scale(scale_name)
    chosen = arm_named(study, scale, arm)  # before a store is made
    begun = begin(reference, scale_name, place, options)
    with display(errors, f"{study.name} ({scale})", quiet=quiet) as shown:
        sample = Sample(begun.planner, begun.home, chosen, seed)
        checked = check(sample, options, begun.ledger.store, shown)
    unkept = ""
    try:
        write_checked(begun.ledger, checked)
    except HarnessError as error:  # what was found is told all the same
        unkept = str(error)
    return Found(study.name, scale, checked, unkept)


def found_json(found: Found) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    return {
        "study": found.study,
        "scale": found.scale,
        "arm": found.checked.arm,
        "seed": found.checked.seed,
        "time": found.checked.time,
        "findings": [
            {"check": each.check, "state": each.state, "text": each.text, "mend": each.mend}
            for each in found.checked.findings
        ],
    }


def print_found(found: Found, console: Console) -> None:
    """Print what was found, and what to do below what is wrong."""
    title = f"{found.study} ({found.scale})"
    shown = plain(title, [("", False), ("check", False), ("what was seen", False)])
    for each in found.checked.findings:
        mark, style = MARKS[each.state]
        said = each.text + (f"\n→ {each.mend}" if each.mend else "")
        shown.add_row(words(mark, style), each.check, said)
    console.print(shown)
    wrong, total = len(found.checked.wrong), len(found.checked.findings)
    line(console, f"{wrong} of {total} wrong." if wrong else "Nothing is wrong.")
