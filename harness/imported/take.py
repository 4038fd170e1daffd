"""A table of results as declaration, records and manifest: just what a run of our own leaves."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.imported.checks import OTHERS, last_rows, warnings, without_duplicates
from harness.imported.columns import Columns, Finder, find_columns
from harness.imported.entries import Entry, entries_of
from harness.imported.replicates import check_folds, check_sampler, differing
from harness.imported.sheet import Sheet, chosen, with_states
from harness.imported.values import Levels
from harness.messages.errors import HarnessError, one_line
from harness.study.declaration import Declaration
from harness.study.designs import Arm
from harness.study.factors import Factor
from harness.study.formatting import plural
from harness.study.metrics import COSTS, COUNTED, METRICS, Metric
from harness.trials.manifest import Manifest, Planned
from harness.trials.records import Record

LOOKED_AT = 10_000
"""Rows that are looked at for a column that holds the levels of a factor."""


@dataclass(frozen=True)
class Taken:
    """Results of others, ready to be judged or kept.

    Attributes:
        declaration: the study at one scale, as one whose results are there.
        manifest: which records count, and what a reader must know of them.
        records: one for each arm and seed.
    """

    declaration: Declaration
    manifest: Manifest
    records: tuple[Record, ...]


def as_results(declaration: Declaration, given: Sequence[str] = ()) -> Declaration:
    """Return what a study declares as that of one whose results others made.

    A study with ``build`` says by its claims which of the harness's metrics there must be.

    Args:
        declaration: the study at one scale.
        given: names of metrics that the results have, beside those of claims.
    """
    if declaration.source == "results":
        return declaration
    own = {metric.name: metric for metric in declaration.metrics}
    if declaration.source == "build":
        names = dict.fromkeys([*(claim.metric for claim in declaration.claims), *given])
        known = METRICS | own
        own = {name: known[name] for name in names if name not in {*COSTS, *COUNTED}}
    if not own:
        raise HarnessError(
            "a study that is judged on results must say which metrics these have",
            "no metrics, and no claims",
            "Write claims=(Higher(..., metric='test_accuracy', ...),), say.",
        )
    objective = declaration.objective
    return replace(
        declaration,
        own=tuple(own.values()),
        objective=objective if objective in own else next(iter(own)),
        measures=(),
        source="results",
    )


def take(
    sheet: Sheet,
    declaration: Declaration,
    command: str,
    by_hand: Mapping[str, str] | None = None,
    seed: str | None = None,
    last: str | None = None,
    where: Mapping[str, str] | None = None,
) -> Taken:
    """Check a table of results, and return it as records of a study.

    Args:
        sheet: what was read.
        declaration: the study at one scale.
        command: what comes to the same.
        by_hand: columns of factors, metrics and tuned settings, where names do not tell.
        seed: the column of seeds, where it is not ``seed``.
        last: the column that says how far a run had come, where runs have several rows.
        where: the value that a row must have to be taken, by column.

    Raises:
        HarnessError: something is missing, doubtful, or no number.
    """
    if not sheet.rows:
        raise HarnessError(
            "results must have a row for each run", f"none in {sheet.source}", "Name another file."
        )
    for column in where or {}:
        Finder(sheet.columns, {}).named(column)
    sheet = chosen(with_states(sheet), where or {})
    if not sheet.rows:
        raise HarnessError(
            "--where must choose rows that there are",
            sheet.notes[-1].rstrip("."),
            "Write a value as it stands there.",
        )
    columns, study = _columns(sheet, declaration, by_hand or {}, seed, last)
    metrics = [study.metric(name) for name in columns.metrics]
    entries, left, understood = entries_of(sheet, columns, study, metrics)
    if not entries:
        lost = next(iter(warnings(study, [], left, len(sheet.rows)))).rstrip(".")
        raise HarnessError(
            "results must have rows of the study's arms", f"none: {lost}",
            "Declare the levels as they are written there.",
        )  # fmt: skip
    check_sampler(sheet, entries)
    check_folds(sheet, columns)
    ended: list[str] = []
    if last is not None:
        entries, ended = last_rows(entries, last)
    entries, told = without_duplicates(entries, sheet, columns)
    records = _records(study, entries)
    notes = [
        OTHERS, *sheet.notes, *understood, *ended, *told,
        *warnings(study, entries, left, len(sheet.rows)), *differing(sheet, entries, columns),
    ]  # fmt: skip
    notes = [one_line(note) for note in notes]  # names and cells may hold line ends
    return Taken(study, _manifest(study, sheet, columns, records, command, notes), records)


def _columns(
    sheet: Sheet,
    declaration: Declaration,
    by_hand: Mapping[str, str],
    seed: str | None,
    last: str | None,
) -> tuple[Columns, Declaration]:
    """Find the columns; of a study with ``build``, those that metrics of its own happen to have."""
    study = as_results(declaration)
    needed = {metric.name: True for metric in study.own}
    if declaration.source == "build":
        needed |= {name: False for name in _measured(declaration) if name not in needed}
    columns = find_columns(
        sheet.columns, [factor.name for factor in study.factors], needed,
        [each.name for each in study.tuned], by_hand, seed, last,
        lambda name: _holding(sheet, study.factor(name)),
    )  # fmt: skip
    return columns, as_results(declaration, [*columns.metrics])


def _holding(sheet: Sheet, factor: Factor) -> str | None:
    """Return the column in which most levels of a factor stand; ``None`` where there are not two.

    Numbers stand in many columns, so that one of a number alone tells nothing.
    """
    levels = Levels(factor)
    rows = sheet.rows[:LOOKED_AT]

    def found(column: str) -> set[str]:
        cells = ((row.cells.get(column), row.decimal_comma) for row in rows)
        means = (levels.level(cell, decimal_comma=comma) for cell, comma in cells)
        return {level.name for level in means if level is not None}

    held = {column: found(column) for column in sheet.columns}
    best = max(held, key=lambda column: len(held[column]))
    return best if len(held[best]) >= min(2, len(factor.named)) else None


def _measured(declaration: Declaration) -> list[str]:
    own: list[Metric] = [metric for each in declaration.measures for metric in each.metrics]
    return [*METRICS, *(metric.name for metric in own)]


def _records(study: Declaration, entries: Sequence[Entry]) -> tuple[Record, ...]:
    """Return a record for each entry, by arm and then by seed."""
    places = {arm.name: place for place, arm in enumerate(study.arms)}
    ordered = sorted(entries, key=lambda entry: (places[entry.arm], entry.seed))
    return tuple(_record(study, study.arms[places[entry.arm]], entry) for entry in ordered)


def _record(study: Declaration, arm: Arm, entry: Entry) -> Record:
    record = Record(
        study=study.name,
        scale=study.scale,
        arm=entry.arm,
        levels={name: level.plain for name, level in arm.levels.items()},
        seed=entry.seed,
        role="evaluate",
        tuned=entry.tuned,
        key="",
        state="failed" if entry.reason else "complete",
        reason=entry.reason,
        metrics=entry.metrics,
    )
    return dataclasses.replace(record, key=_key(record))


def _key(record: Record) -> str:
    """Hash all that a row says: what says the same is the same trial, in whatever file."""
    said = [
        record.study, record.scale, sorted(record.levels.items()), record.seed,
        sorted(record.tuned.items()), sorted(record.metrics.items()), record.reason,
    ]  # fmt: skip
    return hashlib.sha256(f"results {json.dumps(said)}".encode()).hexdigest()[:16]


def _manifest(
    study: Declaration, sheet: Sheet, columns: Columns, records: Sequence[Record], command: str,
    notes: Sequence[str],
) -> Manifest:  # fmt: skip
    told = f"{sheet.source} ({sheet.kind}): {plural(len(sheet.rows), 'row')}"
    if sheet.digest:
        told += f", SHA-256 {sheet.digest}…"
    if taken := columns.told():
        told += f"; {taken}"
    return Manifest(
        seeds=tuple(sorted({record.seed for record in records})),
        asked=(),
        looks=None,
        evaluations=len(records),
        tuned=False,
        command=command,
        trials=tuple(
            Planned(record.arm, record.seed, record.key, record.role) for record in records
        ),
        tuning=(),
        programs={},
        machine="",
        data=({"told": one_line(f"{told}.")},),
        modes={},
        declaration=study.digest,
        notes=tuple(notes),
    )
