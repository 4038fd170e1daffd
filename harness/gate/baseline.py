"""A stored baseline: deterministic figures alone, for each kind of machine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.gate.exact import Compared, judge_exact
from harness.gate.figures import Reading
from harness.gate.fingerprints import differences, fingerprint
from harness.gate.kept import loaded
from harness.gate.locks import lock_of
from harness.gate.outcome import Row
from harness.messages.errors import HarnessError
from harness.study.formatting import first_of
from harness.terminal.files import utf8, write_whole

FORMAT = 1
MAKE = "Write one by `harness gate --save FILE WHAT`."


@dataclass(frozen=True)
class Stored:
    """What one kind of machine read.

    Attributes:
        machine: its parts by name.
        readings: of each benchmark, the exact figures.
        commit: what was measured; empty where it is not known.
        time: when, in ISO 8601.
    """

    machine: Mapping[str, str]
    readings: tuple[Reading, ...]
    commit: str = ""
    time: str = ""


@dataclass(frozen=True)
class Baseline:
    """A file of baselines.

    Attributes:
        file: where it lies.
        machines: what each kind of machine read, by its fingerprint.
    """

    file: Path
    machines: Mapping[str, Stored]

    def of(self, machine: Mapping[str, str]) -> Stored:
        """Return what a machine of this kind read.

        Raises:
            HarnessError: there is none; the message says in what the nearest one differs.
        """
        found = self.machines.get(fingerprint(machine))
        if found is not None:
            return found
        nearest = min(
            self.machines.values(), key=lambda each: len(differences(each.machine, machine))
        )
        said = first_of(differences(nearest.machine, machine), 4, "; ")
        raise HarnessError(
            f"{self.file} must hold a baseline of a machine of this kind",
            f"{len(self.machines)} of others, of which the nearest differs in {said}",
            "Add this machine's by --save on the base's commit, or compare with --base.",
        )


def save(
    readings: Sequence[Reading], file: Path, machine: Mapping[str, str], *, commit: str = "",
    time: str = "",
) -> str:  # fmt: skip
    """Write this machine's baseline; those of other machines in the file stay.

    Args:
        readings: one of each benchmark; figures that are not exact are left out.
        file: where.
        machine: what :func:`~harness.gate.fingerprints.here` returned.
        commit: what was measured.
        time: when, in ISO 8601.

    Returns:
        The machine's fingerprint.

    Raises:
        HarnessError: there is nothing to save, a benchmark comes twice, a number is not finite, or
            the file there is no baseline, and is left as it is.
    """
    kept = [_exact(each) for each in readings]
    empty = [each.benchmark for each in kept if not each.figures]
    if not kept or empty:
        raise HarnessError(
            "a baseline must hold exact figures of each benchmark",
            f"none of {empty[0]}" if empty else "no reading",
            "Times differ between machines and hours: compare them with --base.",
        )
    names = [each.benchmark for each in kept]
    if len(set(names)) < len(names):
        twice = next(each for each in names if names.count(each) > 1)
        raise HarnessError("each benchmark must come once", f"{twice} twice", "Save one reading.")
    for each in kept:
        Reading.of(each.plain(), "what is saved")
    file.parent.mkdir(parents=True, exist_ok=True)
    own = fingerprint(machine)
    with lock_of(file):
        machines = dict(load(file).machines) if file.exists() else {}
        machines[own] = Stored(dict(machine), tuple(kept), commit, time)
        whole = {
            "format": FORMAT,
            "machines": {name: _plain(each) for name, each in sorted(machines.items())},
        }
        text = json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False)
        write_whole(file, utf8(f"{text}\n"), "Name another file.")
    return own


def _exact(reading: Reading) -> Reading:
    figures = tuple(each for each in reading.figures if each.judged == "exact")
    return replace(reading, figures=figures, where={})  # paths of a machine are nobody else's


def _plain(stored: Stored) -> dict[str, Any]:
    return {
        "machine": dict(stored.machine),
        "commit": stored.commit,
        "time": stored.time,
        "readings": [each.plain() for each in stored.readings],
    }


def load(file: Path) -> Baseline:
    """Read a file of baselines.

    Raises:
        HarnessError: it is missing, empty, cut off, of another format, holds no machine, or what a
            machine read is not whole; each with its own words.
    """
    try:
        content = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise HarnessError("--baseline must be a file", f"{file}, which is not there", MAKE) from (
            error
        )
    except (OSError, UnicodeDecodeError) as error:
        said = f"{file} ({type(error).__name__}: {error})"
        raise HarnessError("--baseline must be a file that can be read", said, MAKE) from error
    value = loaded(content, file)
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        got = value.get("format") if isinstance(value, dict) else type(value).__name__
        raise HarnessError(f"{file} must be a baseline of format {FORMAT}", repr(got), MAKE)
    machines = value.get("machines")
    if not isinstance(machines, dict) or not machines:
        raise HarnessError(f"{file} must hold a machine's baseline", "none", MAKE)
    return Baseline(file, {name: _stored(each, name, file) for name, each in machines.items()})


def _stored(value: object, name: str, file: Path) -> Stored:
    where = f"{file}, machine {name}"
    parts = value if isinstance(value, dict) else {}
    machine, readings = parts.get("machine"), parts.get("readings")
    if not isinstance(machine, dict) or not isinstance(readings, list) or not readings:
        raise HarnessError(f"{where} must have parts and readings", "none", MAKE)
    if not all(isinstance(each, str) for each in machine.values()):
        raise HarnessError(f"{where} must have its parts in words", "others", MAKE)
    if fingerprint(machine) != name:
        raise HarnessError(
            f"{where} must be named by its parts",
            f"parts that make {fingerprint(machine)}",
            "The file was changed by hand, or by another version: save it again.",
        )
    made = tuple(Reading.of(each, where) for each in readings)
    return Stored(machine, made, str(parts.get("commit", "")), str(parts.get("time", "")))


def compare(stored: Stored, readings: Iterable[Reading]) -> Compared:
    """Compare what this machine reads now with its baseline, exact figures alone.

    A benchmark of the baseline that was not read is a problem. One that the baseline lacks is new.

    Args:
        stored: what :meth:`Baseline.of` returned.
        readings: one of each benchmark.
    """
    before = {each.benchmark: each for each in stored.readings}
    after = {each.benchmark: _exact(each) for each in readings}
    rows: list[Row] = []
    problems = [
        f"{name} has vanished: the baseline has it, and nothing was read of it."
        for name in before
        if name not in after
    ]
    notes: list[str] = []
    for name, head in after.items():
        base = before.get(name)
        if base is None:
            rows += [
                Row(name, each.name, each.unit, "exact", each.better, "new", head=each.value,
                    why="The baseline has no such benchmark: save it again to have it.")
                for each in head.figures
            ]  # fmt: skip
            continue
        found = judge_exact(base, head)
        rows += found.rows
        problems += found.problems
        notes += found.notes
    return Compared(tuple(rows), tuple(problems), tuple(notes))
