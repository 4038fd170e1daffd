"""Metrics and curves in what a command has printed, for scripts that write them nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.messages.errors import HarnessError
from harness.messages.printable import visible
from harness.own.curves import EPOCH, Points
from harness.study.metrics import STEP

_LAST_BYTES = 1 << 16


@dataclass(frozen=True)
class Printed:
    """What was found.

    Attributes:
        last: the last value of each metric.
        points: the points of curves, at the places that patterns find; where none finds one, values
            are counted: 0, 1, 2...
    """

    last: Mapping[str, float]
    points: Points


def find_printed(text: str, prints: Mapping[str, str]) -> Printed:
    """Return what a text has, line by line.

    A pattern's first group is the value. A group called ``epoch`` or ``step`` says where it lies.
    A place before the last one, as a script prints that was ended and goes on, takes the place of
    all from there. A pattern without a place has no curve where another has one.

    Args:
        text: what was printed.
        prints: a pattern for each metric, as :mod:`re` reads it.

    Raises:
        HarnessError: what was found is no number.
    """
    patterns = {name: re.compile(pattern) for name, pattern in prints.items()}
    placed = {name for name, pattern in prints.items() if _tells_place(pattern)}
    found: dict[str, list[tuple[int, float]]] = {name: [] for name in patterns}
    for line in text.splitlines():
        for name, pattern in patterns.items():
            if (match := pattern.search(line)) is None:
                continue
            points = found[name]
            at = _place(match, line) if name in placed else len(points)
            while points and points[-1][0] >= at:
                points.pop()
            points.append((at, _number(name, _value(match), line)))
    last = {name: points[-1][1] for name, points in found.items() if points}
    curves = {name: points for name, points in found.items() if name in placed or not placed}
    merged: dict[int, dict[str, float]] = {}
    for name, points in curves.items():
        for at, value in points:
            merged.setdefault(at, {})[name] = value
    return Printed(last, sorted(merged.items()))


def read_printed(log: Path, since: int, prints: Mapping[str, str]) -> Printed:
    """Return what was printed.

    Args:
        log: the file with all that was printed, by earlier attempts at the trial, too.
        since: the size that it had before this attempt.
        prints: a pattern for each metric.

    Raises:
        HarnessError: what was found is no number.
    """
    with log.open("rb") as content:
        before = content.read(since)
        now = find_printed(content.read().decode(errors="replace"), prints)
    placed = {name: pattern for name, pattern in prints.items() if _tells_place(pattern)}
    if not placed or not before:
        return now
    whole = find_printed(log.read_text(encoding="utf-8", errors="replace"), placed)
    return Printed({**whole.last, **now.last}, whole.points)


def newest_printed(log: Path, prints: Mapping[str, str]) -> tuple[int, Mapping[str, float]] | None:
    """Return the last point as far as it is printed; ``None`` where no pattern tells places."""
    placed = {name: pattern for name, pattern in prints.items() if _tells_place(pattern)}
    try:
        with log.open("rb") as content:
            content.seek(max(0, log.stat().st_size - _LAST_BYTES))
            points = find_printed(content.read().decode(errors="replace"), placed).points
    except (OSError, HarnessError):
        return None
    return points[-1] if points else None


def _tells_place(pattern: str) -> bool:
    return not {EPOCH, STEP}.isdisjoint(re.compile(pattern).groupindex)


def _value(found: re.Match[str]) -> str:
    names = {number: name for name, number in found.re.groupindex.items()}
    number = next(n for n in range(1, found.re.groups + 1) if names.get(n) not in (EPOCH, STEP))
    return str(found[number] or "")


def _place(found: re.Match[str], line: str) -> int:
    named = found.groupdict()
    text = named.get(EPOCH) or named.get(STEP) or ""
    if not text.isdecimal():
        raise HarnessError(
            "the group epoch or step of a pattern must find a whole number",
            f"{text!r} in {visible(line.strip(), line=True)[:200]!r}",
            r"Write (?P<epoch>\d+), say.",
        )
    return int(text)


def _number(name: str, text: str, line: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise HarnessError(
            f"the pattern for {name} must find a number",
            f"{text!r} in {visible(line.strip(), line=True)[:200]!r}",
            r"Write a group that fits one, such as ([-+.\deE]+).",
        ) from error
