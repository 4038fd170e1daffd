"""Metrics and curves in what a command has printed, for scripts that write them nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from harness.messages.errors import HarnessError
from harness.messages.printable import visible
from harness.own.curves import EPOCH, Points
from harness.study.metrics import STEP

_LAST_BYTES = 1 << 16


def points_printed(text: str, prints: Mapping[str, str]) -> Points:
    """Return the points of curves that a text has, line by line.

    A pattern's first group is the value. A group called ``epoch`` or ``step`` says where it lies;
    without one, values are counted: 0, 1, 2... A place before the last one, as a script prints that
    was ended and goes on, takes the place of all from there.

    Args:
        text: what was printed.
        prints: a pattern for each metric, as :mod:`re` reads it.

    Raises:
        HarnessError: what was found is no number.
    """
    patterns = {name: re.compile(pattern) for name, pattern in prints.items()}
    counts = dict.fromkeys(patterns, 0)
    points: list[tuple[int, dict[str, float]]] = []
    for line in text.splitlines():
        for name, pattern in patterns.items():
            found = pattern.search(line)
            if found is None:
                continue
            at = _place(found, line)
            if at is None:
                at = counts[name]
                counts[name] += 1
            while points and points[-1][0] > at:
                points.pop()
            if not points or points[-1][0] < at:
                points.append((at, {}))
            points[-1][1][name] = _number(name, _value(found), line)
    return points


def read_printed(log: Path, since: int, prints: Mapping[str, str]) -> Points:
    """Return the points in what was printed.

    Args:
        log: the file with all that was printed, by earlier attempts at the trial, too.
        since: the size that it had before this attempt.
        prints: a pattern for each metric.

    Raises:
        HarnessError: what was found is no number.
    """
    with log.open("rb") as content:
        content.seek(0 if all(map(_tells_place, prints.values())) else since)
        return points_printed(content.read().decode(errors="replace"), prints)


def newest_printed(log: Path, prints: Mapping[str, str]) -> tuple[int, Mapping[str, float]] | None:
    """Return the last point as far as it is printed; ``None`` where there is none."""
    if not all(map(_tells_place, prints.values())):
        return None  # the count of what was printed before is not known
    try:
        with log.open("rb") as content:
            content.seek(max(0, log.stat().st_size - _LAST_BYTES))
            points = points_printed(content.read().decode(errors="replace"), prints)
    except (OSError, HarnessError):
        return None
    return points[-1] if points else None


def _tells_place(pattern: str) -> bool:
    return not {EPOCH, STEP}.isdisjoint(re.compile(pattern).groupindex)


def _value(found: re.Match[str]) -> str:
    names = {number: name for name, number in found.re.groupindex.items()}
    number = next(n for n in range(1, found.re.groups + 1) if names.get(n) not in (EPOCH, STEP))
    return str(found[number] or "")


def _place(found: re.Match[str], line: str) -> int | None:
    named = found.groupdict()
    text = named.get(EPOCH) or named.get(STEP)
    if text is None:
        return None
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
