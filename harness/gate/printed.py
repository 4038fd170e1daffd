"""A gate's result in a terminal: the verdict first, then what changed, then how it was measured."""

from __future__ import annotations

from typing import Literal

from rich.console import Console
from rich.table import Table

from harness.gate.outcome import GateResult, Row
from harness.gate.words import (
    change_text,
    controls_texts,
    detectable_text,
    explained,
    headline,
    ordered,
    pairs_text,
    row_interval_text,
    told,
    values_text,
)
from harness.study.formatting import duration, plural
from harness.terminal.screen import line, table, words

STYLES = {
    "pass": "green", "fail": "red", "inconclusive": "yellow", "error": "red", "new": "cyan",
    "shown": "bright_black",
}  # fmt: skip


MOST_REASONS = 6
"""Reasons that are printed; the report has all."""


def print_result(result: GateResult, console: Console) -> None:
    """Print a gate's result."""
    head = headline(result)
    line(console, head.line, style=f"bold {STYLES[head.answer]}")
    line(console, f"{result.head.told} against {result.base.told}")
    changed = [row for row in ordered(result.rows) if row.changed]
    if changed:
        console.print(_table(changed))
    told_why = [row for row in changed if explained(row)]
    for row in told_why[:MOST_REASONS]:
        line(console, f"{row.figure} of {row.benchmark}: {row.why}")
    if len(told_why) > MOST_REASONS:
        line(console, f"Of {len(told_why) - MOST_REASONS} more the report says why.")
    for row in changed:
        if row.waiver:
            line(console, f"{row.figure} of {row.benchmark} is accepted: {row.waiver}")
    for each in result.problems:
        line(console, f"✘ {each}", style="red")
    for each in result.notes:
        line(console, f"Note: {each}")
    quiet = len(result.rows) - len(changed)
    said = [f"{plural(quiet, 'figure')} without a change to look at."] if quiet else []
    said += [pairs_text(result.rows), detectable_text(result.rows)]
    said += [f"It took {duration(result.seconds)}."] if result.seconds else []
    if any(said):
        line(console, " ".join(filter(None, said)))
    for each in controls_texts(result.controls):
        line(console, each)
    if result.repeat:
        line(console, f"Repeat: {result.repeat}", whole=True)


def _table(rows: list[Row]) -> Table:
    shown = table("What changed")
    for name, number in (
        ("verdict", False), ("benchmark", False), ("figure", False), ("base", True),
        ("head", True), ("change", True), ("interval", True),
    ):  # fmt: skip
        justify: Literal["left", "right"] = "right" if number else "left"
        shown.add_column(name, justify=justify, no_wrap=number, overflow="fold")
    for row in rows:
        shown.add_row(
            words(told(row), STYLES[row.answer]),
            row.benchmark,
            row.figure,
            *values_text(row),
            change_text(row),
            row_interval_text(row),
        )
    return shown
