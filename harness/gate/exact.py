"""Figures that are the same in every process: compared once, without any statistics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.gate.figures import Figure, Reading
from harness.gate.outcome import Row
from harness.gate.words import must_be_same, value_text

OPERATORS = "operators/"
"""How names of counts of one operator begin: one that a side lacks was called 0 times there."""

INSTRUCTIONS = "instructions"
"""A figure that says how much is done, not how long it takes."""

PAGE = 4096
"""Bytes: what grows by less is no finding, however small it was before."""


@dataclass(frozen=True)
class Compared:
    """What came of comparing two readings.

    Attributes:
        rows: for each figure that is exact or only shown.
        problems: what cannot be compared, of any figure; each keeps a gate from passing.
        notes: what a reader should know.
    """

    rows: tuple[Row, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def judge_exact(base: Reading, head: Reading) -> Compared:
    """Compare what is exact, and look whether all figures can be compared at all.

    A figure may become worse by its tolerance; where base and head have other ones, by the smaller.
    What becomes better passes, and is told. Figures of :data:`~harness.gate.words.MUST_BE_SAME`
    may not differ at all. A figure that head lacks, or that has another unit, direction or way of
    judging there, is a problem. One that base lacks is new. Operators are told from these: one
    that head alone calls is a failure, one that base alone calls is better.

    Args:
        base: of one benchmark.
        head: of the same.
    """
    before = {each.name: each for each in base.figures}
    after = {each.name: each for each in head.figures}
    rows, problems, notes = [], [], []
    for name in [*before, *(each for each in after if each not in before)]:
        old, new = before.get(name), after.get(name)
        if name.startswith(OPERATORS):
            old, new = _called(old, new), _called(new, old)
        if new is None:
            problems.append(
                f"{head.benchmark}: {name} has vanished: base has it, head has not. A figure that "
                "was renamed or removed is compared with nothing."
            )
            continue
        if old is None:
            why = "The base has no such figure: it is compared from the next change on."
            rows.append(_row(head.benchmark, new, math.nan, "new", why))
            continue
        if wrong := _changed_kind(old, new):
            problems.append(f"{head.benchmark}: {name} {wrong}")
            continue
        if not (math.isfinite(old.value) and math.isfinite(new.value)):
            problems.append(
                f"{head.benchmark}: {name} is no number: base {old.value}, head {new.value}."
            )
            continue
        if old.tolerance != new.tolerance:
            notes.append(
                f"{head.benchmark}: {name} has another tolerance: {100 * old.tolerance:g} % "
                f"before, {100 * new.tolerance:g} % now. The smaller one is used."
            )
        if new.judged == "exact":
            rows.append(_judged(head.benchmark, old, new))
        elif new.judged == "shown":
            rows.append(_row(head.benchmark, new, old.value, "shown", "It is only shown."))
    return Compared(tuple(rows), tuple(problems), tuple(notes))


def _called(own: Figure | None, other: Figure | None) -> Figure | None:
    """Return an operator's count; of one that only the other side calls, 0."""
    return own or (replace(other, value=0.0) if other else None)


def _changed_kind(old: Figure, new: Figure) -> str:
    """Say what keeps two figures of one name from being compared; nothing where nothing does."""
    if old.better != new.better:
        return (
            f"has flipped its direction: {old.better} was better before, {new.better} is now. "
            "What is worse cannot be told."
        )
    if old.unit != new.unit:
        return f"has another unit: {old.unit or 'none'} before, {new.unit or 'none'} now."
    if old.judged != new.judged:
        return f"is judged otherwise: {old.judged} before, {new.judged} now."
    return ""


def _judged(benchmark: str, old: Figure, new: Figure) -> Row:
    if old.value == new.value:
        return _row(benchmark, new, old.value, "pass", "The same.")
    base, head = value_text(old.value, old.unit), value_text(new.value, new.unit)
    if must_be_same(new.name):
        why = f"It must be the same: head does not do the same work ({base} → {head})."
        return _row(benchmark, new, old.value, "fail", why)
    worse = new.value > old.value if new.better == "lower" else new.value < old.value
    if not worse:
        kind = "Fewer instructions" if new.name == INSTRUCTIONS else "Better"
        return _row(benchmark, new, old.value, "pass", f"{kind}: {base} → {head}.")
    if new.unit == "bytes" and abs(new.value - old.value) < PAGE:
        why = f"Worse by less than a page of memory ({PAGE:,} bytes)."
        return _row(benchmark, new, old.value, "pass", why)
    tolerance = min(old.tolerance, new.tolerance)
    by = abs(new.value - old.value) / abs(old.value) if old.value else math.inf
    if by <= tolerance:
        why = f"Worse, and within its tolerance of {100 * tolerance:g} %."
        return _row(benchmark, new, old.value, "pass", why)
    if new.name.startswith(OPERATORS) and old.value == 0:
        times = "once" if new.value == 1 else f"{head} times"
        why = f"The base never calls this operator; head calls it {times}."
    elif new.name == INSTRUCTIONS:
        why = (
            f"The work changed, by more than its tolerance of {100 * tolerance:g} %: more "
            "instructions. Whether it is slower, only times tell."
        )
    elif tolerance:
        why = f"Worse by more than its tolerance of {100 * tolerance:g} %."
    else:
        why = "Worse; it is the same in every process, so this is no noise."
    return _row(benchmark, new, old.value, "fail", why)


def _row(benchmark: str, figure: Figure, base: float, answer: str, why: str) -> Row:
    change = math.nan
    if math.isfinite(base):
        change = figure.value / base - 1 if base else (0.0 if figure.value == 0 else math.inf)
    basis = {"exact": "exact", "time": "time"}.get(figure.judged, "shown")
    return Row(
        benchmark, figure.name, figure.unit, basis, figure.better, answer,  # type: ignore[arg-type]
        base=base, head=figure.value, change=change, why=why,
    )  # fmt: skip


def bits_notes(readings: Mapping[str, Sequence[Reading]]) -> list[str]:
    """Say of which benchmarks the first losses differ in bits; it blocks nothing.

    Args:
        readings: of the exact part, by the side's name.
    """
    before = {each.benchmark: each.bits for each in readings.get("base", ()) if each.bits}
    return [
        f"The first 20 losses of {each.benchmark} differ in bits: numerics changed. --quality "
        "tells whether results became worse."
        for each in readings.get("head", ())
        if each.bits and before.get(each.benchmark, each.bits) != each.bits
    ]
