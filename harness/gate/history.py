"""What gates have measured over time: one line of JSON for each gate, kept by kind of machine."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.gate.fingerprints import NONE
from harness.gate.locks import lock_of
from harness.gate.outcome import GateResult
from harness.messages.errors import HarnessError

FORMAT = 1


@dataclass(frozen=True)
class Point:
    """What one gate said of one figure.

    Attributes:
        time: when, in ISO 8601.
        commit: head's.
        answer: of this figure.
        value: head's.
    """

    time: str
    commit: str
    answer: str
    value: float


@dataclass(frozen=True)
class Series:
    """One figure over time, on one kind of machine.

    Attributes:
        fingerprint: the kind of machine.
        machine: its processor, in words; empty where it is not known.
        benchmark: the benchmark's name.
        figure: the figure's.
        unit: its unit.
        better: which direction is better.
        basis: what it is judged by.
        points: in the order of time.
        changes: indices of the first points after a change of level.
        needed: how many points it takes to show a change.
    """

    fingerprint: str
    machine: str
    benchmark: str
    figure: str
    unit: str
    better: str
    basis: str
    points: tuple[Point, ...]
    changes: tuple[int, ...]
    needed: int

    @property
    def lacking(self) -> int:
        """How many more points it takes to show a change; 0 where there are enough."""
        return max(0, self.needed - len(self.points))

    @property
    def varies(self) -> bool:
        """Whether not all points are the same number."""
        return len({each.value for each in self.points}) > 1


def append(result: GateResult, file: Path) -> None:
    """Add a gate's line; what could not be measured adds none of its figures.

    A line that a kill has cut off stays as it is, on a line of its own.

    Raises:
        HarnessError: the file cannot be written to.
    """
    line = json.dumps(_line(result), ensure_ascii=True, allow_nan=False) + "\n"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with lock_of(file), file.open("ab+") as out:
            if out.tell():
                out.seek(-1, os.SEEK_END)
                line = line if out.read(1) == b"\n" else "\n" + line
            out.write(line.encode())
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise HarnessError(
            "the history must be a file that can be written to",
            f"{file}: {error.strerror}",
            "Name another by --history.",
        ) from error


def _line(result: GateResult) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "time": result.time,
        "fingerprint": result.fingerprint,
        "machine": _told(result.machine),
        "base": result.base.commit,
        "head": result.head.commit,
        "answer": result.answer,
        "seconds": result.seconds,
        "figures": [
            {
                "benchmark": row.benchmark,
                "figure": row.figure,
                "unit": row.unit,
                "basis": row.basis,
                "better": row.better,
                "answer": row.answer,
                "base": _number(row.base),
                "head": row.head,
                "change": _number(row.change),
                "low": _number(row.low),
                "high": _number(row.high),
            }
            for row in result.rows
            if math.isfinite(row.head)
        ],
    }


def _told(machine: Mapping[str, str]) -> str:
    """Name a machine by its GPU, where that is what was measured, else by its CPU."""
    gpu = machine.get("gpu", NONE)
    return machine.get("cpu", "") if gpu == NONE else gpu


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def read(file: Path) -> tuple[tuple[dict[str, Any], ...], tuple[str, ...]]:
    """Read a history.

    Returns:
        The lines that can be read, and a sentence for each that cannot, which stays in the file.

    Raises:
        HarnessError: the file is not there, or cannot be read.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise HarnessError(
            "a history must be a file that can be read",
            f"{file}: {error.strerror}",
            "Write one by `harness gate --history FILE`.",
        ) from error
    lines, told = [], []
    for number, raw in enumerate(content.split(b"\n"), 1):
        if not raw.strip():
            continue
        try:
            value = json.loads(raw)
            wrong = _wrong(value)
        except ValueError:  # of JSON, and of UTF-8
            value, wrong = None, "cut off, or no JSON"
        if wrong:
            told.append(f"{file}, line {number} is left out: {wrong}.")
        else:
            lines.append(value)
    return tuple(lines), tuple(told)


def _wrong(value: Any) -> str:
    """Say what keeps a line from being a gate's; nothing where nothing does."""
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        return f"it is not of format {FORMAT}"
    texts = [value.get(name) for name in ("time", "fingerprint", "machine", "head", "answer")]
    if not all(isinstance(each, str) for each in texts) or not isinstance(
        value.get("figures"), list
    ):
        return "it lacks a part"
    for each in value["figures"]:
        names = ("benchmark", "figure", "unit", "basis", "better", "answer")
        if not isinstance(each, dict) or not all(isinstance(each.get(x), str) for x in names):
            return "a figure of it lacks a part"
        number = each.get("head")
        if isinstance(number, bool) or not isinstance(number, int | float):
            return "a figure of it has no number"
        if not math.isfinite(number):
            return "a figure of it is not finite"
    return ""


def series_of(lines: Sequence[dict[str, Any]]) -> tuple[Series, ...]:
    """Return each figure over time, kinds of machines apart, with the changes of its level.

    Of exact figures every difference is a change. Of others see
    :func:`harness.stats.changes.change_points`.
    """
    found: dict[tuple[str, str, str, str], list[tuple[dict[str, Any], dict[str, Any]]]] = {}
    for line in sorted(lines, key=lambda each: each["time"]):
        for each in line["figures"]:
            key = (line["fingerprint"], each["benchmark"], each["figure"], each["unit"])
            found.setdefault(key, []).append((line, each))
    return tuple(_series(key, pairs) for key, pairs in found.items())


def _series(
    key: tuple[str, str, str, str], pairs: Sequence[tuple[dict[str, Any], dict[str, Any]]]
) -> Series:
    from harness.stats.changes import FEWEST, change_points  # imports scipy

    fingerprint, benchmark, figure, unit = key
    points = tuple(
        Point(line["time"], line["head"], each["answer"], float(each["head"]))
        for line, each in pairs
    )
    values = [each.value for each in points]
    line, last = pairs[-1]
    if last["basis"] == "exact":
        changes = [at for at in range(1, len(values)) if values[at] != values[at - 1]]
        needed = 2
    else:
        changes = change_points(values)
        needed = 2 * FEWEST
    return Series(
        fingerprint, line["machine"], benchmark, figure, unit, last["better"], last["basis"],
        points, tuple(changes), needed,
    )  # fmt: skip
