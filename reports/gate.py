"""The page of a gate: what came of it. That of all gates over time is in ``gate_history.py``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.gate.outcome import Control, GateResult, Row
from harness.gate.words import (
    MARKS,
    change_text,
    detectable_text,
    headline,
    interval_text,
    ordered,
    pairs_text,
    row_interval_text,
    share_text,
    spread_text,
    to_accept,
    value_text,
    values_text,
    waiver_lines,
)
from harness.study.formatting import DASH, date_text, duration

from .figures.canvas import Picture
from .figures.changes import draw_changes, draw_controls, marks_of, marks_of_controls
from .render import Source
from .table import Cell, Column, Table, row
from .written import Written, write_page

TONES = {
    "pass": "good", "fail": "bad", "inconclusive": "open", "error": "bad", "new": "same",
    "shown": "none",
}  # fmt: skip


@dataclass(frozen=True)
class GatePage:
    """What the page of one gate prints."""

    verdict: Cell
    title: str
    todo: str
    facts: tuple[tuple[str, str], ...]
    tally: tuple[Cell, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    changed: Table | None
    reasons: tuple[str, ...]
    quiet: Table | None
    counts: Table | None
    figures: tuple[Picture, ...]
    controls: Table | None
    measured: str
    repeat: str
    waivers: str
    machine: Table | None


def render_gate(result: GateResult) -> str:
    """Return the page of a gate as HTML that needs nothing else."""
    return _source(result, {}).html()


def write_gate(result: GateResult, folder: Path, texts: Mapping[str, str], instead: str) -> Written:
    """Write ``gate.html``; it has no PDF.

    Args:
        result: what came of a gate.
        folder: where.
        texts: files of the folder ``take-away/`` beside tables and figures, by name.
        instead: what to do where it cannot be written.

    Raises:
        HarnessError: the folder cannot be written to.
        OSError: the same, of what is there already.
    """
    return write_page(_source(result, texts), folder / "gate.html", instead)


def _source(result: GateResult, texts: Mapping[str, str]) -> Source:
    head = result.head.commit[:7] or result.head.told or date_text(result.time)
    name = f"Gate of {head}"
    return Source("gate.html.j2", gate_page(result), name, texts=texts)


def gate_page(result: GateResult) -> GatePage:
    """Work a gate's page out."""
    head = headline(result)
    rows = ordered(result.rows)
    changed = [each for each in rows if each.changed]
    quiet = [each for each in rows if not each.changed]
    counts = [each for each in changed if each.basis == "exact"]
    marks, controls = marks_of(rows), marks_of_controls(result.controls)
    figures, bounds = [], (result.fails_from, result.passes_below)
    if marks:
        figures.append(draw_changes(marks, "Head against base", bounds))
    if controls:
        figures.append(draw_controls(controls, "The base against itself", bounds))
    measured = [pairs_text(rows), detectable_text(rows)]
    lines = [line for each in to_accept(changed) for line in (*waiver_lines(each, result), "")]
    return GatePage(
        Cell(head.answer.capitalize(), mark=MARKS[head.answer], tone=TONES[head.answer]),
        _title(head.said, len(changed)),
        head.todo,
        _facts(result),
        _tally(result),
        result.problems,
        result.notes,
        _rows("What somebody should look at, failures first.", changed) if changed else None,
        tuple(_reason(each) for each in changed if each.why or each.waiver),
        _rows("All other figures.", quiet) if quiet else None,
        _exact(counts) if counts else None,
        tuple(figures),
        _controls(result.controls) if result.controls else None,
        " ".join(filter(None, measured)),
        result.repeat,
        "\n".join(lines[:-1]),
        _machine(result) if result.machine else None,
    )


def _title(said: str, changed: int) -> str:
    """Return the verdict as a title: of several changes without their list, which is below."""
    short = f"{said.partition(': ')[0]}." if changed > 1 and ": " in said else said
    return short[:1].upper() + short[1:]


def _facts(result: GateResult) -> tuple[tuple[str, str], ...]:
    facts = [("Head", result.head.told), ("Base", result.base.told)]
    facts += [("Ended", date_text(result.time))] if result.time else []
    facts += [("Took", duration(result.seconds))] if result.seconds else []
    kind = result.machine.get("cpu") or result.fingerprint
    facts += [("Machine", kind)] if kind else []
    facts += [("Mode", "Shadow: nothing is blocked")] if result.shadow else []
    return tuple(facts)


def _tally(result: GateResult) -> tuple[Cell, ...]:
    answers = [("accepted" if each.waiver else each.answer) for each in result.rows]
    tones = TONES | {"accepted": "same"}
    marks = MARKS | {"accepted": "✔"}
    return tuple(
        Cell(f"{answers.count(name)} {name}", mark=marks[name], tone=tones[name])
        for name in ("fail", "accepted", "inconclusive", "pass", "new", "shown")
        if name in answers
    )


def _rows(caption: str, rows: Sequence[Row]) -> Table:
    return Table(
        f"{caption} Change: head over base, of quality head less base; intervals are those that it "
        "was judged by. Pairs: of processes, of quality seeds.",
        (
            Column("Figure"), Column("Verdict"), Column("Base", "number"), Column("Head", "number"),
            Column("Change", "number"), Column("Pairs", "number"),
        ),
        tuple(_row(each) for each in rows),
        stack=True,
    )  # fmt: skip


def _row(each: Row) -> tuple[Cell, ...]:
    interval = row_interval_text(each)
    word = "accepted" if each.waiver else each.answer
    tone = "same" if each.waiver else TONES[each.answer]
    return row(
        Cell(each.figure, note=each.benchmark),
        Cell(word, mark="✔" if each.waiver else MARKS[each.answer], tone=tone),
        *values_text(each),
        Cell(change_text(each), note="" if interval == DASH else interval),
        str(each.pairs) if each.pairs else DASH,
    )


def _reason(each: Row) -> str:
    accepted = f" Accepted: {each.waiver}." if each.waiver else ""
    return f"{each.figure} of {each.benchmark}: {each.why}{accepted}"


def _exact(rows: Sequence[Row]) -> Table:
    def by(each: Row) -> str:
        if not (math.isfinite(each.base) and math.isfinite(each.head)):
            return DASH
        sign = "+" if each.head > each.base else "−"
        return sign + value_text(abs(each.head - each.base), each.unit)

    return Table(
        "Figures that are the same in every process: any difference is one of the code.",
        (Column("Figure"), Column("Base", "number"), Column("Head", "number"),
         Column("Difference", "number")),
        tuple(row(Cell(each.figure, note=each.benchmark), *values_text(each), by(each))
              for each in rows),
        stack=True,
    )  # fmt: skip


def _controls(controls: Sequence[Control]) -> Table:
    return Table(
        "The base against a second copy of itself, in the same rounds: what this machine does "
        "when nothing changed. Typical spread: 1.48 times the median absolute deviation of a "
        "pair's log ratio, so single outliers do not count; the interval has them.",
        (Column("Figure"), Column("Verdict"), Column("Change", "number"),
         Column("Typical spread", "number")),
        tuple(
            row(
                Cell(each.figure, note=each.benchmark),
                Cell("differs from itself", mark="⚠", tone="bad") if each.alarm
                else Cell("no difference", mark="✔", tone="good"),
                Cell(share_text(each.change), note=interval_text(each.low, each.high)),
                spread_text(each),
            )
            for each in controls
        ),
        stack=True,
    )  # fmt: skip


def _machine(result: GateResult) -> Table:
    shown = {
        name: f"{len(value.split())} of them" if name == "flags" else value
        for name, value in result.machine.items()
        if value
    }
    return Table(
        "Where it ran. Results of machines with other fingerprints are kept apart.",
        (Column("What"), Column("Value")),
        tuple(row(name, value) for name, value in shown.items()),
    )
