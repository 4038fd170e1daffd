"""The ledger: every trial, what became of it, and why."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from harness.judging.results import SHARED, Results
from harness.judging.search_words import value_text
from harness.study.formatting import DASH, plural, seconds_text
from harness.trials.records import Record

from ..table import Cell, Column, Table, row

MOST_ROWS = 200
MOST_PRINTED = 24
"""Rows on paper beside failures: with all of them a PDF takes as long as for all its figures."""

_SHOWN = 12  # signs of a key
STATE_MARKS = {
    "complete": ("✓", ""),
    "failed": ("×", "bad"),
    "pruned": ("✂", "open"),
    "running": ("…", "open"),
}


@dataclass(frozen=True)
class LedgerSection:
    """The table, and what it lacks.

    Attributes:
        lead: how many trials there are, and of which kinds.
        cut: what is said on a screen of trials that the table lacks; empty where it has all.
        table: the trials, failures first; its caption says what it lacks on paper.
    """

    lead: str
    cut: str
    table: Table | None


def ledger_section(results: Results) -> LedgerSection:
    """Work out the section; failures come first, so that no cut can hide one."""
    records = sorted(results.records, key=lambda record: record.state in ("complete", "pruned"))
    roles = Counter(record.role for record in records)
    failed = sum(record.state == "failed" for record in records)
    source = results.declaration.source
    needed = f", {roles['need']:,} that others need" if roles["need"] else ""
    lead = (
        f"{plural(len(records), 'trial')}: {roles['evaluate']} to evaluate, {roles['tune']} to "
        f"tune{needed}; {failed} failed."
        if source != "results"
        else f"{plural(len(records), 'result')}; {failed} failed."
    )
    trained = len({record.key for record in records})
    if trained < len(records) and source != "results":
        done = "trained" if source == "build" else "run"
        lead += f" Arms that are alike share some: {trained:,} were {done}."
    if missing := results.missing:
        lead += f" {plural(missing, 'trial')} planned to evaluate "
        lead += "have not been run." if missing > 1 else "has not been run."
    noun = "results" if source == "results" else "trials"
    cut = (
        f"Shown: {MOST_ROWS} of {len(records):,} {noun}, failures first; records.csv beside this "
        "report has the rest."
        if len(records) > MOST_ROWS
        else ""
    )
    if not records:
        return LedgerSection("No trial has been recorded.", "", None)
    timed = source != "results"
    seconds = (
        " Seconds are of a machine that may have been "
        "shared: they tell what the run cost, and no claim is judged on them."
    )
    printed = min(failed + MOST_PRINTED, MOST_ROWS)
    table = Table(
        "Failures first." + seconds * timed,
        (
            Column("Arm"),
            Column("Seed", "number"),
            Column("Role and settings" if timed else "Settings"),
            *[Column("Time", "number")] * timed,
            Column("Key", "code"),
            Column("State, and why"),
        ),
        _rows(records[:MOST_ROWS], timed=timed),
        printed=printed,
        cut=f"Printed: {printed} of {len(records):,} {noun}; records.csv, attached, has all."
        if len(records) > printed
        else "",
    )
    return LedgerSection(lead, cut, table)


def _role(record: Record) -> str:
    return SHARED if record.arm == SHARED else record.role


def _rows(records: Sequence[Record], *, timed: bool) -> tuple[tuple[Cell, ...], ...]:
    """Return the rows; links to a trial lead to the first row that has its key."""
    first: dict[str, Record] = {}
    for record in records:
        first.setdefault(record.key[:_SHOWN], record)
    return tuple(
        _row(record, timed=timed, named=first[record.key[:_SHOWN]] is record) for record in records
    )


def _row(record: Record, *, timed: bool, named: bool) -> tuple[Cell, ...]:
    """Return a row; of results of others there is neither a role nor a time."""
    mark, tone = STATE_MARKS.get(record.state, ("?", "open"))
    seconds = record.cost.get("seconds", math.nan)
    settings = [f"{name}={value_text(value)}" for name, value in record.tuned.items()]
    reason = " ".join(record.reason.split())
    key = record.key[:_SHOWN]
    anchor = "trial-" + "".join(sign for sign in key if sign.isalnum())
    return row(
        record.arm,
        str(record.seed),
        ", ".join([*[_role(record)] * timed, *settings]) or DASH,
        *[seconds_text(seconds)] * timed,
        Cell(key, href=f"#{anchor}", anchor=anchor * named),
        Cell(
            record.state if tone else f"{mark} {record.state}",
            note=reason if len(reason) <= 300 else reason[:299] + "…",
            mark=mark if tone else "",
            tone=tone,
        ),
    )
