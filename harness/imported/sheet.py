"""Results that others made, as plain rows: what every reader gives, whatever it read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

UNENDED = frozenset({"running", "pending", "waiting", "scheduled", "queued", "preempting"})
"""States of a run that has not ended."""

ENDED_WELL = frozenset({"complete", "completed", "finished", "done", "ok", "success", "succeeded"})
"""States of a run that gave what it was to give."""

FAILED = frozenset(
    {"fail", "failed", "crashed", "killed", "pruned", "error", "preempted", "aborted", "stopped",
     "terminated", "cancelled", "canceled", "timeout"}
)  # fmt: skip
"""States of a run that did not."""

STATES = UNENDED | ENDED_WELL | FAILED


@dataclass(frozen=True)
class Row:
    """One run.

    Attributes:
        where: what tells where it is read, such as ``line 17`` or ``trial 3``.
        cells: its values by column: text, numbers, yes or no, or nothing.
        state: how it ended, in lower case; empty where nothing tells.
        reason: why it failed, where something tells.
    """

    where: str
    cells: Mapping[str, Any]
    state: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Sheet:
    """What was read.

    Attributes:
        source: the file, folder or storage, without secrets.
        kind: what it is, in words, such as ``CSV``.
        columns: the names of all columns, in order.
        rows: one for each run, in order.
        typed: whether cells have kinds of their own: of a CSV file all are text.
        decimal_comma: whether numbers may be written with a comma.
        sampled: where a sampler chose settings, the columns of what it chose; else ``None``.
        digest: a short hash of what was read; empty where it is no file.
        notes: sentences on what was read, for the report.
    """

    source: str
    kind: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    typed: bool = True
    decimal_comma: bool = False
    sampled: tuple[str, ...] | None = None
    digest: str = ""
    notes: tuple[str, ...] = ()


def chosen(sheet: Sheet, where: Mapping[str, str]) -> Sheet:
    """Return a sheet with the rows that have these values, by column, as text or as number."""
    wanted = {column: (value, number_in(value)) for column, value in where.items()}

    def has(row: Row) -> bool:
        for column, (text, number) in wanted.items():
            cell = row.cells.get(column)
            shown = "" if cell is None else str(cell).strip()
            if shown != text and (number is None or number_in(shown) != number):
                return False
        return True

    rows = tuple(filter(has, sheet.rows))
    said = " and ".join(f"{column}={value}" for column, value in where.items())
    note = f"Of {len(sheet.rows):,} rows the {len(rows):,} with {said} were taken."
    return replace(sheet, rows=rows, notes=(*sheet.notes, note) if where else sheet.notes)


def number_in(text: str) -> float | None:
    """Return the number that a text is; ``None`` where it is none."""
    return float(text) if _NUMBER.fullmatch(text) else None


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
