"""Results that others made, as plain rows: what every reader gives, whatever it read."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.messages.levels import own

UNENDED = frozenset(
    {"running", "pending", "waiting", "scheduled", "queued", "preempting", "paused", "suspended",
     "requeued", "configuring", "completing"}
)  # fmt: skip
"""States of a run that has not ended."""

ENDED_WELL = frozenset({"complete", "completed", "finished", "done", "ok", "success", "succeeded"})
"""States of a run that gave what it was to give."""

FAILED = frozenset(
    {"fail", "failed", "crashed", "killed", "pruned", "error", "errored", "preempted", "aborted",
     "abandoned", "cancelled", "canceled", "timeout", "deadline", "out_of_memory", "oom",
     "node_fail", "boot_fail"}
)  # fmt: skip
"""States of a run that did not."""

EITHER = frozenset({"terminated", "stopped", "early_stopped"})
"""States that some write of every run that is over: Ray Tune says TERMINATED of one that ended
well. What such a run gave tells."""

STATES = UNENDED | ENDED_WELL | FAILED | EITHER


def state_in(cell: Any) -> str:
    """Return the word in a cell that says how a run ended, as these lists have it.

    Slurm writes ``CANCELLED by 1001``, ``CANCELLED+`` where there is no room, and others write
    ``node fail``.
    """
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    words = " ".join(str(cell).lower().split()).rstrip("+")
    word = re.sub(r"[ -]", "_", re.sub(r"^(cancell?ed) by .*", r"\1", words))
    return "" if word in {"none", "null", "nan", "_"} else word


@dataclass(frozen=True)
class Row:
    """One run.

    Attributes:
        where: what tells where it is read, such as ``line 17`` or ``trial 3``.
        cells: its values by column: text, numbers, yes or no, or nothing.
        state: how it ended, in lower case; empty where nothing tells.
        reason: why it failed, where something tells.
        decimal_comma: whether its numbers may be written with a comma.
    """

    where: str
    cells: Mapping[str, Any]
    state: str = ""
    reason: str = ""
    decimal_comma: bool = False

    def number(self, column: str) -> float | None:
        """Return the number in a cell; ``None`` where it holds something else, or nothing."""
        return number_of(self.cells.get(column), decimal_comma=self.decimal_comma)


@dataclass(frozen=True)
class Sheet:
    """What was read.

    Attributes:
        source: the file, folder or storage, without secrets.
        kind: what it is, in words, such as ``CSV``.
        columns: the names of all columns, in order.
        rows: one for each run, in order.
        typed: whether cells have kinds of their own: of a CSV file all are text.
        sampled: where a sampler chose settings, the columns of what it chose, as far as they are
            known; else ``None``.
        digest: a short hash of what was read; empty where it is no file.
        notes: sentences on what was read, for the report.
    """

    source: str
    kind: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    typed: bool = True
    sampled: tuple[str, ...] | None = None
    digest: str = ""
    notes: tuple[str, ...] = ()


def with_states(sheet: Sheet) -> Sheet:
    """Return a sheet without states where none of them is a word that is known.

    A column ``status`` may be about something else.
    """
    if any(row.state in STATES for row in sheet.rows):
        return sheet
    return replace(sheet, rows=tuple(replace(row, state="", reason="") for row in sheet.rows))


def chosen(sheet: Sheet, where: Mapping[str, str]) -> Sheet:
    """Return a sheet with the rows that have these values, by column, as text or as number."""

    def has(row: Row) -> bool:
        for column, text in where.items():
            cell = row.cells.get(column)
            shown = "" if cell is None else str(cell).strip()
            number = number_of(text, decimal_comma=row.decimal_comma)
            if shown != text and (number is None or row.number(column) != number):
                return False
        return True

    rows = tuple(filter(has, sheet.rows))
    said = " and ".join(f"{column}={value}" for column, value in where.items())
    note = f"Of {len(sheet.rows):,} rows the {len(rows):,} with {said} were taken."
    return replace(sheet, rows=rows, notes=(*sheet.notes, note) if where else sheet.notes)


def number_of(cell: Any, *, decimal_comma: bool = False) -> float | None:
    """Return the number that a cell is; ``None`` where it is none: the only reader of numbers.

    Whole numbers stay whole, as far as they are not too long for any use.

    Args:
        cell: text, a number, yes or no, or nothing.
        decimal_comma: whether a comma may stand for the point.
    """
    value = own(cell)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str):
        text = value.strip()
        if decimal_comma and text.count(",") == 1 and "." not in text:
            text = text.replace(",", ".")
        if re.fullmatch(r"[-+]?[0-9]{1,300}", text):
            return int(text)
        return float(text) if _NUMBER.fullmatch(text) else None
    if isinstance(value, int) and abs(value) >= LARGE:
        return math.copysign(math.inf, value > 0 or -1)
    return value


LARGE = 10**300
"""From here on a whole number is as good as infinite: soon no float holds it."""

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|[-+]?(nan|inf|infinity)", re.IGNORECASE)


def columns_of(rows: Iterator[Row]) -> tuple[str, ...]:
    """Return the columns of rows, in the order in which they first occur."""
    return tuple(dict.fromkeys(name for row in rows for name in row.cells))


def flat(value: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return a nested mapping as one, whose names are paths with dots.

    What W&B writes of a setting, ``{"value": 16, "desc": None}``, is its value.
    """
    out: dict[str, Any] = {}
    for name, each in value.items():
        path = f"{before}{name}"
        if isinstance(each, Mapping) and "value" in each and each.keys() <= {"value", "desc"}:
            out[path] = each["value"]
        elif isinstance(each, Mapping):
            out |= flat(each, f"{path}.")
        else:
            out[path] = each
    return out


def named(path: str) -> dict[str, str]:
    """Return what the name of a run's folder or file tells.

    ``width=16,seed=0`` tells both; ``seed_3`` the seed; of ``ppo/CartPole-v1__1`` the parts are
    ``part1``, ``part2`` and ``part3``.
    """
    parts = [part for part in re.split(r"/|__|,", path) if part]
    out = {f"part{place}": part for place, part in enumerate(parts, 1)}
    for part in parts:
        if pair := re.fullmatch(r"\W*([A-Za-z_][\w.]*)=(.+)", part):
            out[pair[1]] = pair[2]
        elif seed := re.fullmatch(r"seed[_-]?(\d+)", part, re.IGNORECASE):
            out["seed"] = seed[1]
    return out
