"""The tiers of a gate: what is counted, times, and quality; each gives rows or problems."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.gate.asked import Asked
from harness.gate.exact import bits_notes, judge_exact
from harness.gate.figures import Figure, Reading
from harness.gate.instructions import instructions
from harness.gate.only import chosen
from harness.gate.outcome import Control, Row
from harness.gate.pairs import (
    CODE,
    CONTROL,
    DEPENDENCIES,
    Comparison,
    Key,
    by_benchmark,
    control,
    finds,
    row,
    timed,
)
from harness.gate.prepare import Prepared, in_base
from harness.gate.quality import Quality, quality
from harness.gate.rounds import Taken, exact
from harness.gate.sampling import Timed, sides_compared, take_all
from harness.gate.sides import Side
from harness.gate.vanished import check_vanished
from harness.gate.what import CommandWhat, What
from harness.messages.errors import HarnessError
from harness.study.formatting import first_of, plural

Told = Callable[[str], None]
"""Is called with a line on how far a gate is."""

NO_TIMES = "Times were not measured, because of what could not be compared before."


@dataclass(frozen=True)
class Found:
    """What one tier came to.

    Attributes:
        rows: what is said of each figure.
        controls: the base against itself.
        problems: what could not be measured.
        notes: what a reader should know.
        versions: of Python and packages of head.
        readings: of each side, what its processes read of times, in the order measured.
    """

    rows: tuple[Row, ...] = ()
    controls: tuple[Control, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    readings: Mapping[str, tuple[Reading, ...]] = field(default_factory=dict)

    def and_(self, other: Found) -> Found:
        """Return both together."""
        return Found(
            (*self.rows, *other.rows), (*self.controls, *other.controls),
            (*self.problems, *other.problems),
            tuple(dict.fromkeys((*self.notes, *other.notes))),
            {**other.versions, **self.versions}, {**self.readings, **other.readings},
        )  # fmt: skip


def measured(asked: Asked, ready: Prepared, folder: Path, told: Told) -> Found:
    """Measure all tiers; what fails is a problem, and ends it."""
    found, timed = Found(), False
    for tier in (_same_names, _exact, _times, _quality):
        if found.problems:
            break
        timed |= tier is _times
        try:
            found = found.and_(tier(asked, ready, folder, told, found))
        except HarnessError as error:
            found = found.and_(Found(problems=(str(error),)))
    if found.problems and asked.tiers.time and not timed:
        found = found.and_(Found(notes=(NO_TIMES,)))
    if not found.problems and all(row.answer == "shown" for row in found.rows):
        return replace(found, problems=(_nothing(asked, found),))
    missed = unmet(asked, found, ()) if not found.problems else []
    return replace(found, problems=(*found.problems, *missed))


def unmet(asked: Asked, found: Found, more: Collection[tuple[str, str]]) -> list[str]:
    """Say which patterns of --only fit nothing.

    Args:
        asked: what a person asks for.
        found: rows that were chosen by them.
        more: further figures, each with its benchmark's name before it.
    """
    names = [*((_plain(row), row.figure) for row in found.rows), *more]
    there = first_of(sorted({name for pair in more for name in pair}), _NAMED)
    behind = f" Timed are: {there}." if there else ""
    return [
        f"--only {each} must fit a benchmark or a figure; got none that it fits.{behind}"
        for each in asked.only
        if not any(chosen([each], *pair) for pair in names)
    ]


_NAMED = 12
"""Names of benchmarks and figures that are told, where a pattern fits none."""


def _nothing(asked: Asked, found: Found) -> str:
    """Say why nothing is judged."""
    if asked.only:
        patterns = ", ".join(asked.only)
        return f"--only must name a figure that is judged; got {patterns}. Leave it out to see all."
    shown = first_of([f"{row.figure} of {row.benchmark}" for row in found.rows], 3)
    read = f"only what is shown and not judged ({shown})" if shown else "none"
    return f"A figure must be read that is judged; got {read}. A command has times alone."


def _same_names(asked: Asked, ready: Prepared, folder: Path, told: Told, _: Found) -> Found:
    return Found(notes=check_vanished(ready.sides, ready.whats, folder, asked.measuring, told))


def _exact(asked: Asked, ready: Prepared, folder: Path, told: Told, _: Found) -> Found:
    if not asked.tiers.exact:
        return Found()
    told("counting what each side does")
    taken = counted(asked, ready.sides, ready.whats, folder, told)
    rows, notes = _new(taken, ready), [*taken.notes, *_not_in_deps(taken)]
    problems: list[str] = []
    unsteady = _unsteady(taken)
    for comparison in sides_compared({side.name for side in ready.sides}):
        before = by_benchmark(taken, comparison.under)
        for name, head in by_benchmark(taken, comparison.over).items():
            if name not in before:
                continue
            told_as = f"{name}{comparison.label}"
            pair = [replace(each, benchmark=told_as) for each in (before[name], head)]
            compared = judge_exact(*pair)
            rows += [_steadied(each, name, unsteady) for each in compared.rows]
            problems += compared.problems
            notes += compared.notes
    notes += bits_notes(taken.readings)
    notes += [f"{each.benchmark}: {each.note}"
              for each in taken.readings.get("head", ()) if each.note]  # fmt: skip
    return Found(
        only(asked, rows), (), tuple(problems), tuple(dict.fromkeys(notes)),
        versions_of(taken.readings.get("head", ())),
    )  # fmt: skip


def _unsteady(taken: Taken) -> set[tuple[str, str]]:
    """Return benchmarks and figures in which the base differs from itself, by its tolerance."""
    twins = by_benchmark(taken, CONTROL.over)
    return {
        (name, row.figure)
        for name, base in by_benchmark(taken, CONTROL.under).items()
        if name in twins
        for pair in ((base, twins[name]), (twins[name], base))
        for row in judge_exact(*pair).rows
        if row.answer == "fail"
    }


def _steadied(row: Row, name: str, unsteady: Collection[tuple[str, str]]) -> Row:
    """Return a row; of what is not the same in every process, no failure."""
    if row.answer != "fail" or (name, row.figure) not in unsteady:
        return row
    why = f"{row.why} But the base differs from itself in it, too: nothing is blocked by it."
    return replace(row, answer="inconclusive", why=why)


def counted(
    asked: Asked, sides: Sequence[Side], whats: Sequence[What], folder: Path, told: Told
) -> Taken:
    """Return what is the same in every process, with instructions where they are asked for."""
    timed = asked.tiers.time and asked.kind not in {"baseline", "save"}
    if commands := [each.title for each in whats if isinstance(each, CommandWhat) and not timed]:
        raise HarnessError(
            "what is counted must run within Python, and of a command only times are measured",
            ", ".join(commands), "Leave it out.",
        )  # fmt: skip
    taken = exact(sides, whats, folder, asked.measuring)
    if not asked.tiers.instructions:
        return taken
    told("counting instructions, in which importing torch takes a minute")
    own = [side for side in sides if side.name != CONTROL.over]  # which would count the same
    more = instructions(own, whats, folder, asked.measuring)
    readings = {
        name: tuple(_with(each, by_benchmark(more, name).get(each.benchmark)) for each in read)
        for name, read in taken.readings.items()
    }
    return replace(taken, readings=readings, notes=(*taken.notes, *more.notes))


def _with(reading: Reading, more: Reading | None) -> Reading:
    return replace(reading, figures=(*reading.figures, *more.figures)) if more else reading


def _new(taken: Taken, ready: Prepared) -> list[Row]:
    """Return a row for each figure of a benchmark that the base lacks, but for single operators.

    Where the base has the benchmark's file, and only cannot run the head's, nothing is new: it
    could have been compared, so it is inconclusive.
    """
    before = by_benchmark(taken, CODE.under)
    rows = []
    for name, head in by_benchmark(taken, CODE.over).items():
        if name in before:
            continue
        whole = (t for t in taken.lacking if name == t or name.startswith((f"{t}#", f"{t}::")))
        title = next(whole, "")
        why = taken.lacking.get(title) or "it has no such benchmark"
        known = in_base(title or name, ready)
        said = (
            f"The base cannot run head's file, though it has one of its own ({why}): put what is "
            "new into a file by itself."
            if known
            else f"The base has none to compare with: {why}."
        )
        rows += [
            Row(name, each.name, each.unit, "time" if each.judged == "time" else "exact",
                each.better, "inconclusive" if known else "new", head=each.value, why=said)
            for each in head.figures
            if each.judged != "shown" and not each.name.startswith("operators/")
        ]  # fmt: skip
    return rows


def _not_in_deps(taken: Taken) -> list[str]:
    """Say what cannot be measured with the base's own dependencies."""
    if DEPENDENCIES.under not in taken.readings:
        return []
    there = by_benchmark(taken, DEPENDENCIES.under)
    return [
        f"{name} cannot be measured with the base's own dependencies, so what dependencies do to "
        "it is not known."
        for name in by_benchmark(taken, DEPENDENCIES.over)
        if name not in there
    ]


def _times(asked: Asked, ready: Prepared, folder: Path, told: Told, before: Found) -> Found:
    if not asked.tiers.time:
        return Found()

    def wanted(benchmark: str, figure: str) -> bool:
        return chosen(asked.only, benchmark, figure)

    def seen(first: Taken) -> None:
        """Find out now, and not after all rounds, that a pattern fits nothing."""
        names = {
            (reading.benchmark, one.name)
            for readings in first.readings.values() for reading in readings
            for one in reading.figures
        }  # fmt: skip
        missed = [] if asked.tiers.quality else unmet(asked, before, names)
        if missed:
            raise HarnessError.relayed("nothing was timed", missed[0])

    took = take_all(
        ready.sides, ready.whats, folder, asked.measuring, asked.bounds, wanted, told,
        seen,
    )  # fmt: skip
    first = took.rounds[0]
    problems = _uncomparable(first, sides_compared({side.name for side in ready.sides}))
    rows = [] if asked.tiers.exact else [*_new(first, ready)]
    rows += [each for each in _new_figures(first) if each not in rows]
    readings = {
        name: tuple(one for each in took.rounds for one in each.readings.get(name, ()))
        for name in first.readings
    }
    versions = {} if asked.tiers.exact else versions_of(first.readings.get("head", ()))
    if took.rule is None:
        return Found(only(asked, rows), (), problems, (), versions, readings)
    controls = {key: control(each, took.rule) for key, each in took.controls.items()}
    rows += [*_time_rows(took, controls), *_shown(took, ready.whats)]
    notes = list(dict.fromkeys(note for each in took.rounds for note in each.notes))
    if took.ended:
        notes.insert(0, _budget_words(asked, took))
    if (asked.bounds.fails_from, asked.bounds.passes_below) != (0.05, 0.10):
        notes.append("Stated error rates are for --fails-from 5 and --passes-below 10.")
    return Found(
        only(asked, rows), tuple(controls.values()), problems, tuple(notes), versions, readings
    )


def _uncomparable(first: Taken, comparisons: Sequence[Comparison]) -> tuple[str, ...]:
    """Return what of the first round's readings cannot be compared."""
    out: list[str] = []
    for each in comparisons:
        before = by_benchmark(first, each.under)
        for name, head in by_benchmark(first, each.over).items():
            if name in before:
                out += judge_exact(before[name], head).problems
    return tuple(out)


def _new_figures(first: Taken) -> list[Row]:
    """Return rows of times that the base's benchmark has not."""
    before = by_benchmark(first, CODE.under)
    return [
        Row(name, each.name, each.unit, "time", each.better, "new", head=each.value,
            why="The base has no such figure: it is compared from the next change on.")
        for name, head in by_benchmark(first, CODE.over).items() if name in before
        for each in timed(head).values() if each.name not in timed(before[name])
    ]  # fmt: skip


def _time_rows(took: Timed, controls: Mapping[Key, Control]) -> list[Row]:
    """Return the rows of times; what an alarm of the control makes uncertain is inconclusive."""
    assert took.rule is not None
    alarm = any(each.alarm for each in controls.values())
    out = []
    for key, series in took.series.items():
        twin = (CONTROL, *key[1:])
        found = finds(series, took.controls.get(twin), took.rule, took.room)
        said = row(series, took.decisions[key], took.rule, found)
        own = twin in controls and controls[twin].alarm
        if (alarm and said.answer == "fail") or (own and said.answer == "pass"):
            why = f"{said.why} But the base was slower than itself, too: nothing follows from it."
            said = replace(said, answer="inconclusive", why=why)
        out.append(said)
    return out


def _shown(took: Timed, whats: Sequence[What]) -> list[Row]:
    """Return rows of what commands took beside their time: medians, as of times; none is judged."""
    rows: list[Row] = []
    for what in whats:
        if isinstance(what, CommandWhat):
            sides = [
                _medians([each for one in took.rounds
                          if (each := by_benchmark(one, side).get(what.title))])
                for side in (CODE.under, CODE.over)
            ]  # fmt: skip
            rows += judge_exact(*(Reading(what.title, figures) for figures in sides)).rows
    return rows


def _medians(readings: Sequence[Reading]) -> tuple[Figure, ...]:
    """Return the figures that are only shown, each with its median."""
    found: dict[str, list[Figure]] = {}
    for one in (each for reading in readings for each in reading.figures):
        if one.judged == "shown":
            found.setdefault(one.name, []).append(one)
    return tuple(
        replace(same[0], value=statistics.median(each.value for each in same))
        for same in found.values()
    )


def _budget_words(asked: Asked, took: Timed) -> str:
    pairs, minutes = len(took.rounds), asked.bounds.budget / 60
    assert took.rule is not None
    look = took.rule.next_look(pairs)
    whole = took.seconds / pairs * (look or pairs) / 60
    return (
        f"The budget of {minutes:g} minutes ended it after {plural(pairs, 'pair')}: the next look, "
        f"at {look} pairs, would have been after {whole:.1f} minutes."
    )


def _quality(asked: Asked, ready: Prepared, folder: Path, told: Told, _: Found) -> Found:
    if not asked.tiers.quality:
        return Found()
    told("training on both sides")
    judged = quality(
        ready.sides, ready.whats, folder, asked.measuring, Quality(asked.seeds, asked.margin)
    )
    return Found(only(asked, judged.rows), (), judged.problems, judged.notes)


def only(asked: Asked, rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return the rows that are judged, where --only names some."""
    return tuple(each for each in rows if chosen(asked.only, _plain(each), each.figure))


def _plain(row: Row) -> str:
    """Return a benchmark's name as it was typed, without a comparison's label."""
    return row.benchmark.removesuffix(DEPENDENCIES.label)


def versions_of(readings: Sequence[Reading]) -> dict[str, str]:
    """Return what a fingerprint asks of the measured environment."""
    found = {name.casefold(): value for each in readings for name, value in each.versions.items()}
    return {name: found[name] for name in ("python", "torch") if name in found}
