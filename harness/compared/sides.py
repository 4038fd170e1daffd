"""Runs that are set side by side, and how the trials of an arm in two of them belong together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from harness.judging.pairing import Trials, evaluations, is_fine
from harness.judging.results import Results
from harness.study.declaration import Declaration
from harness.study.formatting import plural
from harness.trials.records import Record

Way = Literal["same", "identical", "paired", "unpaired", "apart"]
"""How trials of an arm in two runs are compared: not at all where they are the same trials, or
came out the same to the last bit; by seed; as two samples; or not, where one run has none or both
have folds of data that are no independent samples."""


@dataclass(frozen=True)
class Side:
    """One run, judged.

    Attributes:
        label: a letter, by which it is told from the others.
        named: how somebody named it, without secrets.
        results: what was judged of it.
    """

    label: str
    named: str
    results: Results

    @property
    def declaration(self) -> Declaration:
        """What it declared when it was run."""
        return self.results.declaration

    @property
    def study(self) -> tuple[str, str]:
        """The names of its study and of its scale."""
        return self.declaration.name, self.declaration.scale

    @cached_property
    def trials(self) -> Trials:
        """The evaluation trials that count, by arm name and seed."""
        return evaluations(self.declaration, self.results.records)

    @cached_property
    def by_arm(self) -> Mapping[str, Mapping[int, Record]]:
        """The same by arm name, and then by seed, ascending."""
        out: dict[str, dict[int, Record]] = {arm.name: {} for arm in self.results.arms}
        for (arm, seed), record in sorted(self.trials.items(), key=lambda item: item[0][1]):
            out.setdefault(arm, {})[seed] = record
        return out

    def sample(self, arm: str) -> Record | None:
        """Return one trial of an arm, which says what all its seeds are: that of the first seed."""
        return next(iter(self.by_arm.get(arm, {}).values()), None)


@dataclass(frozen=True)
class Belonging:
    """How the trials of an arm in two runs belong together.

    Attributes:
        arm: its name.
        way: how they are compared.
        why: in words.
        seeds: those of which both runs have a trial, ascending, whatever came of it.
        first: the trials of the base, by seed.
        second: those of the other run.
        overlap: what folds add to 1/n in the variance of a mean difference; that of the two runs
            that is larger.
    """

    arm: str
    way: Way
    why: str
    seeds: tuple[int, ...]
    first: Mapping[int, Record]
    second: Mapping[int, Record]
    overlap: float = 0.0


def belonging(arm: str, base: Side, other: Side) -> Belonging:
    """Say how the trials of an arm in two runs belong together.

    It is told from which trials there are, and not from what came of them: so a failed trial cannot
    choose the test.
    """
    first, second = base.by_arm.get(arm, {}), other.by_arm.get(arm, {})
    seeds = tuple(seed for seed in first if seed in second)
    way, why = _way(base, other, first, second, seeds)
    overlap = max(base.declaration.overlap, other.declaration.overlap)
    return Belonging(arm, way, why, seeds, first, second, overlap)


def _way(
    base: Side,
    other: Side,
    first: Mapping[int, Record],
    second: Mapping[int, Record],
    seeds: tuple[int, ...],
) -> tuple[Way, str]:
    if not first or not second:
        return "apart", f"no trial in {base.label if not first else other.label}"
    way, why = _by_seed(base, other, first, second, seeds)
    if way == "unpaired" and (base.declaration.folds or other.declaration.folds):
        return "apart", f"folds of data are no independent samples, and {why.partition(': ')[2]}"
    return way, why


def _by_seed(
    base: Side,
    other: Side,
    first: Mapping[int, Record],
    second: Mapping[int, Record],
    seeds: tuple[int, ...],
) -> tuple[Way, str]:
    if not seeds:
        return "unpaired", "unpaired: no seed in common"
    same_key = all(first[seed].key == second[seed].key for seed in seeds)
    same_bits = all(_alike(first[seed], second[seed]) for seed in seeds)
    if same_key and same_bits:
        return "same", f"the same {plural(len(seeds), 'trial')} in both"
    if same_bits and all(_tells(base.declaration, first[seed]) for seed in seeds):
        return "identical", "other code or settings, and the same curves to the last bit"
    if base.declaration.source != other.declaration.source:
        return "unpaired", "unpaired: results come from other kinds of code"
    if same_key:
        return "paired", "by seed: the same code and settings, run twice"
    if base.declaration.source != "build":
        return "paired", "by seed; what data they share is not recorded"
    if any(_data(first[seed]) != _data(second[seed]) for seed in seeds):
        return "unpaired", "unpaired: the data differ"
    return "paired", "by seed, on the same data"


def _tells(declaration: Declaration, record: Record) -> bool:
    """Whether a trial has a curve so fine that two different trainings would not share it."""
    return any(is_fine(declaration, name) and curve for name, curve in record.curves.items())


def _alike(first: Record, second: Record) -> bool:
    """Whether what both trials measured is the same to the last bit, a NaN like another."""
    if first.state != second.state:
        return False
    pairs = ((first.metrics, second.metrics), (first.curves, second.curves))
    return all(
        repr(one[name]) == repr(other[name]) for one, other in pairs for name in one.keys() & other
    )


def _data(record: Record) -> Any:
    return record.training.get("data")
