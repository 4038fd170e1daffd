"""Curves: points at epochs or steps, as they are reported or written to a file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.messages.errors import HarnessError
from harness.study.metrics import STEP

EPOCH = "epoch"

Points = Sequence[tuple[int, Mapping[str, float]]]
"""Values by name, at rising whole numbers."""

_LAST_BYTES = 1 << 16


def by_name(points: Points) -> dict[str, list[float]]:
    """Return curves by name, with NaN where a point leaves a name out.

    Where points do not lie at 0, 1, 2... or 1, 2, 3..., the curve ``step`` says where they do.
    """
    names = dict.fromkeys(name for _, point in points for name in point)
    found = {name: [point.get(name, math.nan) for _, point in points] for name in names}
    steps = [at for at, _ in points]
    if steps and steps not in (list(range(len(steps))), list(range(1, len(steps) + 1))):
        found[STEP] = [float(at) for at in steps]
    return found


def last_values(points: Points) -> dict[str, float]:
    """Return the last value of each name."""
    return {name: value for _, point in points for name, value in point.items()}


def read_points(file: Path) -> Points:
    """Return the points of a file with one JSON object per line.

    Each has ``epoch``, or ``step`` where some epoch is no whole number, and numbers; other values
    are passed over. Lines of the same epoch make one point. An epoch before the last one, as a
    program writes that was ended and goes on, takes the place of all from there. Lines that
    were cut short are passed over, too.

    Raises:
        HarnessError: there is no such file, or it holds something else.
    """
    lines = _lines(file)
    found = [(number, _object(line)) for number, line in enumerate(lines, 1) if line.strip()]
    whole = [(number, each) for number, each in found if each is not None]
    if not whole:
        raise HarnessError(
            f"the command must write {file.name} with one JSON object per line",
            "no line that is one" if found else "an empty file",
            'Write a line {"epoch": 0, "loss": 0.7} after each epoch, say.',
        )
    counts = all(_count(each.get(EPOCH)) is not None for _, each in whole)
    points: list[tuple[int, dict[str, float]]] = []
    for number, each in whole:
        at = _count(each.get(EPOCH if counts else STEP))
        if at is None:
            raise HarnessError(
                f"each line of {file.name} must have epoch or step, a whole number of at least 0",
                f"line {number}: {lines[number - 1][:200]}",
                'Write {"epoch": 0, "loss": 0.7}, say.',
            )
        while points and points[-1][0] > at:
            points.pop()
        if not points or points[-1][0] < at:
            points.append((at, {}))
        points[-1][1].update(_numbers(each))
    return points


def newest_point(file: Path) -> tuple[int, dict[str, float]] | None:
    """Return the last point of such a file as far as it is written; ``None`` without one."""
    try:
        with file.open("rb") as content:
            content.seek(max(0, file.stat().st_size - _LAST_BYTES))
            text = content.read()
    except OSError:
        return None
    for line in reversed(text.decode(errors="replace").splitlines()):
        each = _object(line) or {}
        counted = [_count(each.get(name)) for name in (EPOCH, STEP)]
        for at in counted:
            if at is not None:
                return at, _numbers(each)
    return None


def _lines(file: Path) -> list[str]:
    """Return the lines of a file.

    Raises:
        HarnessError: it cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise HarnessError(
            f"the command must write its curve to {file.name} in the trial's folder",
            "no such file" if isinstance(error, FileNotFoundError) else str(error.strerror),
            "Let it write there, or leave out curve=.",
        ) from error


def _object(line: str) -> dict[str, Any] | None:
    """Return the object that a line holds; ``None`` where it was cut short.

    A program that was ended while it wrote, and goes on, writes its next line behind the rest of
    that one.
    """
    for text in (line, line[line.rfind("{") :]):
        try:
            # whole numbers of any length are floats, as other numbers are
            found = json.loads(text, parse_int=float)
        except (ValueError, RecursionError):
            continue
        return found if isinstance(found, dict) else {}
    return None


def _count(value: Any) -> int | None:
    return int(value) if isinstance(value, float) and value >= 0 and value.is_integer() else None


def _numbers(point: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: value
        for name, value in point.items()
        if isinstance(value, float) and name not in (EPOCH, STEP)
    }
