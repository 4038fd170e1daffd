"""Rows as results: the arm, the seed and the metrics of each, or the reason why it failed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.imported.columns import Columns
from harness.imported.sheet import EITHER, FAILED, STATES, UNENDED, Row, Sheet
from harness.imported.values import Levels, Numbers, is_empty, seed_in, short
from harness.messages.errors import HarnessError, one_line
from harness.study.declaration import Declaration
from harness.study.metrics import Metric


@dataclass(frozen=True)
class Entry:
    """One result.

    Attributes:
        where: what tells its row.
        arm: the arm's name.
        seed: its seed.
        tuned: the values of tuned settings that are given.
        metrics: its metrics by name; empty where it failed.
        reason: why it failed; empty where it did not.
        lacks: whether it failed for nothing but that a metric's cell is empty: of runs that have
            several rows, another may hold it.
        step: how far it had come, of runs that have several rows; else 0.
        chosen: what a sampler chose for it, the seed left out, as text; empty where none did.
    """

    where: str
    arm: str
    seed: int
    tuned: Mapping[str, float]
    metrics: Mapping[str, float]
    reason: str
    lacks: bool = False
    step: float = 0.0
    chosen: str = ""

    @property
    def said(self) -> tuple[object, ...]:
        """All that it says of its run."""
        return sorted(self.tuned.items()), sorted(self.metrics.items()), self.reason


@dataclass
class Left:
    """What was left out.

    Attributes:
        undeclared: by factor, how many rows have each value that is no level.
        without_arm: by names of levels, how many rows have a combination that is no arm.
        unended: rows of runs that have not ended.
        over: states that tell that a run is over and not how, of rows that have all metrics.
    """

    undeclared: dict[str, Counter[str]] = field(default_factory=dict)
    without_arm: Counter[str] = field(default_factory=Counter)
    unended: int = 0
    over: Counter[str] = field(default_factory=Counter)


def entries_of(
    sheet: Sheet, columns: Columns, declaration: Declaration, metrics: Sequence[Metric]
) -> tuple[list[Entry], Left, list[str]]:
    """Return the results in a sheet, what was left out, and sentences on what was understood.

    Args:
        sheet: what was read.
        columns: where things stand in it.
        declaration: whose arms are looked for.
        metrics: those that have a column.

    Raises:
        HarnessError: a seed, a metric or a step is no number, or a state is not known.
    """
    left = Left()
    levels = [Levels(declaration.factor(name)) for name in columns.factors]
    arms = {
        tuple(arm.levels[name].name for name in columns.factors): arm.name
        for arm in declaration.arms
    }
    numbers = [Numbers(metric, columns.metrics[metric.name], sheet.typed) for metric in metrics]
    found = []
    for row in sheet.rows:
        _check_state(row)
        if row.state in UNENDED:
            left.unended += 1
            continue
        names = _levels(row, columns, levels, left)
        if names is None:
            continue
        arm = arms.get(names)
        if arm is None:
            pairs = zip(columns.factors, names, strict=True)
            left.without_arm[", ".join(f"{name}={level}" for name, level in pairs)] += 1
            continue
        entry = _entry(row, columns, sheet, arm, numbers)
        if row.state in EITHER and not entry.reason:
            left.over[row.state] += 1
        found.append(entry)
    return found, left, [each for one in numbers for each in one.understood]


def _check_state(row: Row) -> None:
    if row.state and row.state not in STATES:
        raise HarnessError(
            "how a run ended must be told in words that are known, such as finished and failed",
            f"{short(row.state)!r} in {row.where}",
            "Write one of these there, or rename the column where it says something else.",
        )


def _levels(
    row: Row, columns: Columns, levels: Iterable[Levels], left: Left
) -> tuple[str, ...] | None:
    names = []
    for each, (name, column) in zip(levels, columns.factors.items(), strict=True):
        cell = row.cells.get(column)
        level = each.level(cell, decimal_comma=row.decimal_comma)
        if level is None:
            shown = "nothing" if is_empty(cell) else str(short(cell))
            left.undeclared.setdefault(name, Counter())[shown] += 1
            return None
        names.append(level.name)
    return tuple(names)


def _entry(row: Row, columns: Columns, sheet: Sheet, arm: str, numbers: Sequence[Numbers]) -> Entry:
    seed = seed_in(row, columns.seed)
    told = one_line(row.reason)
    reason, lacks = "", False
    metrics: dict[str, float] = {}
    if row.state in FAILED:
        reason = told or f"its state is {row.state!r}"
    else:
        metrics = {each.metric.name: each.read(row) for each in numbers}
        wrong = [name for name, value in metrics.items() if not math.isfinite(value)]
        if wrong:
            name = wrong[0]
            cell = row.cells.get(columns.metrics[name])
            empty = is_empty(cell) and not (isinstance(cell, float) and math.isnan(cell))
            reason = told or f"{name} is {'empty' if empty else metrics[name]}"
            metrics, lacks = {}, empty and not told
    tuned = {}
    for name, column in columns.tuned.items():
        cell, value = row.cells.get(column), row.number(column)
        if value is not None and math.isfinite(value):
            tuned[name] = float(value)
        elif not is_empty(cell):
            raise HarnessError(
                f"the tuned setting {name} must be a number",
                f"{short(cell)!r} in column {column}, {row.where}",
                "Declare it as a Factor, or leave it out of tuned=.",
            )
    step, chosen = 0.0, ""
    if columns.last is not None:
        step = _step(row, columns.last)
    if sheet.sampled is not None:
        held = {columns.seed, *columns.factors.values(), *columns.metrics.values()}
        settings = [name for name in sheet.sampled if name not in held]
        chosen = repr([(name, str(row.cells.get(name))) for name in settings])
    return Entry(row.where, arm, seed, tuned, metrics, reason, lacks, step, chosen)


def _step(row: Row, column: str) -> float:
    step = row.number(column)
    if step is not None and math.isfinite(step):
        return float(step)
    raise HarnessError(
        "--last must name a column that has a number in every row",
        f"{short(row.cells.get(column))!r} in column {column}, {row.where}",
        "Name another, such as step or epoch.",
    )
