"""How trials were trained: the mode of each program, what was measured, and what was used."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from harness.engines.modes import PLAIN, Choice
from harness.judging.results import Results
from harness.study.formatting import number_text, plural, seconds_text

from ..table import Cell, Column, Table, row

MOST_NAMES = 3
_AT_A_TIME = re.compile(r", (\d+) at a time")


@dataclass(frozen=True)
class TrainedSection:
    """Counts in words, what happened otherwise than chosen, the choices, and all that was timed."""

    lead: str
    notes: tuple[str, ...]
    choices: Table | None
    timings: Table | None


def trained_section(results: Results) -> TrainedSection | None:
    """Work out the section; ``None`` where no record and no program tells, or all is one's own."""
    if results.declaration.source != "build":
        return None
    modes = [record.env.get("mode", "") for record in results.records if record.state == "complete"]
    notes = Counter(
        record.env["mode_note"] for record in results.records if record.env.get("mode_note")
    )
    if not any(modes) and not results.programs:
        return None
    several = len({machine for program in results.programs for machine in program.choices}) > 1
    measured = [
        (Cell(f"{number}. {some(program.arms)}", note=machine_text(machine) * several), choice)
        for number, program in enumerate(results.programs, 1)
        for machine, choice in program.choices.items()
    ]
    return TrainedSection(
        _lead(modes),
        tuple(f"{plural(count, 'trial')}: {note}." for note, count in notes.most_common()),
        _choices(results),
        _timings(measured) if measured else None,
    )


def _lead(modes: list[str]) -> str:
    """Count finished trials by mode; how many trained together is told as a range."""
    counts = Counter(_AT_A_TIME.sub("", mode) for mode in modes)
    parts = []
    for name, count in counts.most_common():
        together = [
            int(found[1])
            for mode in modes
            if _AT_A_TIME.sub("", mode) == name and (found := _AT_A_TIME.search(mode))
        ]
        low, high = min(together, default=0), max(together, default=0)
        span = f", {low} to {high} at a time" if low < high else f", {high} at a time"
        what = f"{name}{span if together else ''}" if name else "not recorded how"
        parts.append(f"{what}: {plural(count, 'trial')}")
    if not parts:
        return "No trial has finished."
    said = "; ".join(parts)
    return f"{said[0].upper()}{said[1:]}. {MEANING if len(counts) > 1 else ''}".strip()


MEANING = (
    "Modes differ in how numbers are rounded and in nothing else; over many steps that can move a "
    "single trial, as another machine would."
)


def _choices(results: Results) -> Table | None:
    machines = {machine for program in results.programs for machine in program.choices}
    rows = []
    for number, program in enumerate(results.programs, 1):
        arms = f"{number}. {some(program.arms)}"
        if not program.choices:
            rows.append(row(arms, Cell(str(PLAIN), note="not measured"), *["–"] * 4))
        for machine, choice in program.choices.items():
            name = Cell(arms, note=machine_text(machine) if len(machines) > 1 else "")
            rows.append(_choice(name, choice))
    if not rows:
        return None
    where = f" on {machine_text(next(iter(machines)))}" if len(machines) == 1 else ""
    return Table(
        "How each program is trained: arms that differ in numbers alone share one. Times: one "
        f"epoch of one trial with its validation, measured{where} before training; they decide "
        "how trials are trained, and no claim.",
        (
            Column("Program"),
            Column("Mode chosen"),
            Column("Plain loop", "number"),
            Column("In this mode", "number"),
            Column("Faster", "number"),
            Column("Not measured, and why"),
        ),
        tuple(rows),
        stack=True,
    )


def _choice(name: Cell, choice: Choice) -> tuple[Cell, ...]:
    seconds = {timing.mode: timing.seconds for timing in choice.timings}
    plain, own = seconds.get(PLAIN), seconds.get(choice.mode)
    return row(
        name,
        Cell(str(choice.mode), note=f"for {plural(choice.trials, 'trial')}"),
        seconds_text(plain) if plain is not None else "–",
        seconds_text(own) if own is not None else "–",
        f"×{number_text(1 / choice.gain, 2)}" if choice.gain > 0 and choice.mode != PLAIN else "–",
        not_tried(choice.note) or "–",
    )


def _timings(measured: list[tuple[Cell, Choice]]) -> Table:
    rows = []
    for name, choice in measured:
        plain = next((each.seconds for each in choice.timings if each.mode == PLAIN), 0.0)
        for timing in choice.timings:
            chosen = timing.mode == choice.mode
            rows.append(
                row(
                    name,
                    Cell(str(timing.mode), mark="✓" if chosen else "", note="chosen" * chosen),
                    seconds_text(timing.seconds),
                    f"×{number_text(plain / timing.seconds, 2)}" if timing.seconds > 0 else "–",
                    seconds_text(timing.preparation) if timing.preparation else "–",
                )
            )
    return Table(
        "Every mode that was measured. Preparation comes before the first step, such as compiling, "
        "and counts in the choice; small gains are within what other processes disturb.",
        (
            Column("Program"),
            Column("Mode"),
            Column("Epoch of one trial", "number"),
            Column("Faster", "number"),
            Column("Preparation", "number"),
        ),
        tuple(rows),
    )


def not_tried(note: str) -> str:
    """Say a choice's note with every reason once, after the modes that it stands for."""
    reasons: dict[str, list[str]] = {}
    for part in note.split("; ") if note else ():
        mode, colon, why = part.partition(": ")
        reasons.setdefault(why if colon else part, []).extend([mode] if colon else [])
    return ". ".join(
        f"{'; '.join(modes)}: {why}" if modes else why for why, modes in reasons.items()
    )


def machine_text(machine: str) -> str:
    """Print ``cpu/AMD EPYC 7B13`` as ``AMD EPYC 7B13 (cpu)``."""
    device, _, hardware = machine.partition("/")
    return f"{hardware} ({device})" if hardware else device


def some(names: tuple[str, ...]) -> str:
    """Name the first few."""
    if len(names) <= MOST_NAMES + 1:
        return "; ".join(names)
    return "; ".join(names[:MOST_NAMES]) + f" and {len(names) - MOST_NAMES} more"
