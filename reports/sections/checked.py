"""What ``harness check`` found of the study's code, before it was run or since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.judging.results import Results
from harness.study.formatting import date_text
from harness.trials.checked import Finding, State

from ..table import Cell, Column, Table, row

WORDS: Mapping[State, str] = {"wrong": "wrong", "told": "worth knowing", "ok": "in order"}
APPEARANCES = {"ok": ("✔", "good"), "told": ("–", "muted"), "wrong": ("✘", "bad")}


@dataclass(frozen=True)
class CheckedSection:
    """When it was checked and how, and what was found; without a table, it was not.

    Attributes:
        lead: when and how.
        tally: how many checks came out how, what is wrong first.
        table: one row a check.
    """

    lead: str
    tally: tuple[Cell, ...]
    table: Table | None


def checked_section(results: Results) -> CheckedSection | None:
    """Work out the section; ``None`` where the harness's own trainer was not checked either."""
    checked = results.checked
    if checked is None:
        if results.declaration.source not in {"train", "command"}:
            return None
        name = results.declaration.name
        lead = (
            f"Whether trials of {name} repeat, and go on as before after a kill, was not checked: "
            "harness check does it by a few trainings."
        )
        return CheckedSection(lead, (), None)
    return CheckedSection(
        f"By a few trainings with settings at their defaults, on {date_text(checked.time)}; "
        f"{checked.arm} with seed {checked.seed} was trained several times:",
        _tally(checked.findings),
        Table(
            "What harness check found of the code that these trials ran.",
            (Column("Check"), Column("What was seen")),
            tuple(row(each.check, _seen(each)) for each in checked.findings),
            stack=True,
        ),
    )


def _tally(findings: Sequence[Finding]) -> tuple[Cell, ...]:
    counts = Counter(each.state for each in findings)
    return tuple(
        Cell(f"{counts[state]} {word}", "", *APPEARANCES[state])
        for state, word in WORDS.items()
        if counts[state]
    )


def _seen(finding: Finding) -> Cell:
    mark, tone = APPEARANCES[finding.state]
    return Cell(finding.text, note=finding.mend, mark=mark, tone=tone)
