"""Keeps what a study claims in the store: each time in a note of its own, never changed.

One is written when a run, or a command that judges, sees claims that differ from the newest. A run
does so after it has taken over what other studies of the store have finished, and before it
measures or trains anything. Two processes that declare at once both write, each its own name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from harness.judging.registrations import Registration, content, declared
from harness.messages.errors import HarnessError
from harness.messages.levels import Level, level_name
from harness.running.costs import profiles
from harness.storing import notes
from harness.storing.kept import manifest_of
from harness.storing.ledger import Ledger
from harness.storing.notes import Declared
from harness.study.declaration import Declaration
from harness.study.designs import Arm, comparable


def declare(
    ledger: Ledger,
    programs: Callable[[], Mapping[str, str]],
    *,
    required: bool = True,
    then: Declaration | None = None,
) -> tuple[tuple[Registration, ...], str]:
    """Keep what the study claims, where that differs from what was declared last.

    Args:
        ledger: where it is kept.
        programs: gives the key of each arm's program, under which its profile is kept, by arm name.
        required: whether a store that cannot be written to is an error.
        then: what is judged, where that is not what the study claims now but what it claimed when
            it was run; then nothing is kept, and what was declared since is left out.

    Returns:
        All declarations, that of now last; and why that one could not be kept, empty where it is.

    Raises:
        HarnessError: the store cannot be read, or not be written to where that is required.
    """
    own = then or ledger.declaration
    ledgers = [ledger, *(each for each in Ledger.existing(ledger.store, own, own.scale)
                         if each.name != ledger.name)]  # fmt: skip
    every = [
        (number, value.time, unique, each is ledger, value)
        for each in ledgers
        for (number, unique), value in notes.declared(each).items()
    ]
    # by number, which tells what was known of when it was written; two at once by their clocks
    every.sort(key=lambda one: one[:3])
    last = every[-1][0] if every else 0
    kept = [(here, value) for *_, here, value in every]
    now = json.loads(json.dumps(declared(own)))
    problem = ""
    if then is not None:
        while kept and _said(kept[-1][1]) != now:
            kept.pop()
    elif not kept or _said(kept[-1][1]) != now:
        value = _value(now, kept[-1][1] if kept else None, _Counts(ledgers, programs()))
        try:
            notes.write_declared(ledger, last + 1, value)
        except HarnessError as error:
            if required:
                raise
            problem = str(error)
        kept.append((True, value))
    return tuple(_registration(value, here=here) for here, value in kept), problem


def _said(value: Declared) -> dict[str, Any]:
    """Return what was declared, without what was counted then."""
    claims = [
        {name: each for name, each in claim.items() if name != "results"} for claim in value.claims
    ]
    return {"looks": value.looks, "claims": claims}


def _registration(value: Declared, *, here: bool) -> Registration:
    return Registration(
        time=value.time,
        claims=value.claims,
        looks=value.looks,
        results=value.results,
        before=value.before,
        trials=value.trials,
        here=here,
    )


def _value(now: Mapping[str, Any], last: Declared | None, counts: _Counts) -> Declared:
    before = last.claims if last is not None else ()
    return Declared(
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        looks=now["looks"],
        claims=tuple({**claim, "results": counts.of(claim)} for claim in now["claims"]),
        results=len(counts.finished),
        before={content(claim): counts.of(claim) for claim in before},
        trials=counts.trials,
    )


class _Counts:
    """How many results there are, of any code, in all Optuna studies of one study and scale."""

    def __init__(self, ledgers: Sequence[Ledger], programs: Mapping[str, str]) -> None:
        """Take the ledgers, that which is written to first, and the keys that profiles have."""
        self.ledgers = ledgers
        self.programs = programs
        self.declaration = ledgers[0].declaration
        self.records = [record for each in ledgers for record in each.records()]
        # of the first alone, whose numbers are compared with those of what is judged
        numbers = [record.number for record in ledgers[0].records()]
        self.trials = max(numbers, default=-1) + 1

    @cached_property
    def finished(self) -> dict[str, set[str]]:
        """The arms of each finished evaluation trial, by its key: several may train the same."""
        out: dict[str, set[str]] = {}
        for record in self.records:
            if record.role == "evaluate" and record.state != "running":
                out.setdefault(record.key, set()).add(record.arm)
        for each in self.ledgers:
            manifest = manifest_of(each)
            for trial in manifest.trials if manifest is not None else ():
                if trial.role == "evaluate" and trial.key in out:
                    out[trial.key].add(trial.arm)
        return out

    @cached_property
    def arms(self) -> list[Arm]:
        """All arms that there are or were, by the names of their levels."""
        levels = {
            record.arm: {name: level_name(value) for name, value in record.levels.items()}
            for record in self.records
            if record.role == "evaluate"
        }
        for arm in self.declaration.arms:
            levels[arm.name] = {name: level.name for name, level in arm.levels.items()}
        return [Arm(name, _levels(each)) for name, each in levels.items()]

    def of(self, claim: Mapping[str, Any]) -> int:
        """Count what there is of the arms of a claim as it was declared."""
        names = self._names(claim["sides"])
        if claim["of"] == "result":
            return sum(not names.isdisjoint(arms) for arms in self.finished.values())
        if claim["of"] == "profile":
            known = {arm for each in self.ledgers for arm in profiles(each, self.programs)[0]}
            return len(known & names)
        rounds = [
            taken
            for each in self.ledgers
            for numbered in notes.rounds(each).values()
            for taken in numbered.values()
        ]
        return sum(names <= taken.arms.keys() for taken in rounds)

    def _names(self, sides: Sequence[Mapping[str, str]]) -> set[str]:
        """Return the arms that sides stand for, of each set of factors that there is or was."""
        named = {factor for side in sides for factor in side}
        pools: dict[frozenset[str], list[Arm]] = {}
        for arm in self.arms:
            if named <= arm.levels.keys():
                pools.setdefault(frozenset(arm.levels), []).append(arm)
        partials = [_levels(side) for side in sides]
        groups = [group for arms in pools.values() for group in comparable(arms, partials)]
        return {arm.name for group in groups for arm in group}


def _levels(names: Mapping[str, str]) -> dict[str, Level]:
    return {factor: Level(name, name) for factor, name in names.items()}
