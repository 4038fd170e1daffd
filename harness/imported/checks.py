"""What is checked of others' results before anything is judged: refused, or told as a warning."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from harness.imported.columns import Columns
from harness.imported.entries import Entry, Left
from harness.imported.sheet import Sheet
from harness.imported.values import short
from harness.messages.errors import HarnessError
from harness.study.declaration import Declaration
from harness.study.formatting import plural

OTHERS = "Results of others: tuning, splits and code were not seen."
"""What every report of such results says first."""

MOST = 3
"""Arms, levels or values that a sentence names."""


def last_rows(entries: Sequence[Entry], column: str) -> tuple[list[Entry], list[str]]:
    """Return the last entry of each run, of which there may be several, and what is told of them.

    Args:
        entries: in order.
        column: which says how far a run had come.
    """
    last: dict[tuple[str, int], Entry] = {}
    farthest: dict[tuple[str, int], float] = {}
    for entry in entries:
        place = entry.arm, entry.seed
        farthest[place] = max(entry.step, farthest.get(place, entry.step))
        if place not in last or _place(entry) > _place(last[place]):
            last[place] = entry
    kept = [entry for entry in entries if _place(entry) == _place(last[entry.arm, entry.seed])]
    before = sum(entry.step < farthest[place] for place, entry in last.items())
    low, high = min(entry.step for entry in kept), max(entry.step for entry in kept)
    rows = f"{len(kept)} of {plural(len(entries), 'row')}"
    told = [f"Of each run the row with the highest {column} counts: {rows}."]
    if before:
        told.append(
            f"Of {plural(before, 'run')} that row has no value of a metric: the last row that has "
            "all of them counts."
        )
    if low != high:
        told.append(f"Runs end at different places: {column} {low:g} to {high:g}.")
    return kept, told


def _place(entry: Entry) -> tuple[bool, float]:
    """Order the rows of a run: those that lack a metric come before all that do not."""
    return not entry.lacks, entry.step


def without_duplicates(
    entries: Sequence[Entry], sheet: Sheet, columns: Columns
) -> tuple[list[Entry], list[str]]:
    """Return one entry for each arm and seed, and what is told of those that stood there twice.

    Raises:
        HarnessError: two of one arm and seed say different things.
    """
    first: dict[tuple[str, int], Entry] = {}
    twice: list[tuple[Entry, Entry]] = []
    for entry in entries:
        other = first.setdefault((entry.arm, entry.seed), entry)
        if other is entry:
            continue
        if other.said != entry.said:
            raise _differing(other, entry, sheet, columns)
        twice.append((other, entry))
    told = []
    if twice:
        one, other = twice[0]
        what = "row stands" if len(twice) == 1 else "rows stand"
        told.append(
            f"{len(twice)} {what} there a second time with the same values, such as {one.where} "
            f"and {other.where}: each was counted once."
        )
    return list(first.values()), told


def _differing(one: Entry, other: Entry, sheet: Sheet, columns: Columns) -> HarnessError:
    cells = {row.where: row.cells for row in sheet.rows if row.where in {one.where, other.where}}
    before, after = cells[one.where], cells[other.where]
    used = {*columns.factors.values(), *columns.metrics.values(), columns.seed}
    differ = [
        f"{name} ({_short(before.get(name))}, {_short(after.get(name))})"
        for name in sheet.columns
        if name not in used and before.get(name) != after.get(name)
    ]
    told = f"; they differ in {', '.join(differ[:MOST])}, too" if differ else ""
    values = _values(one, other)
    return HarnessError(
        "results must have one row for each arm and seed",
        f"{one.where} and {other.where}, both {one.arm} with seed {one.seed}, and {values}{told}",
        "Declare as a factor what tells them apart, or leave all but one out; where rows are "
        "points of a curve, write --last STEP, with the column that counts them.",
    )


def _values(one: Entry, other: Entry) -> str:
    if one.reason or other.reason:
        return f"one {one.reason or 'ended well'}, the other {other.reason or 'ended well'}"
    for name, value in one.metrics.items():
        if other.metrics[name] != value:
            return f"{name} {value:g} and {other.metrics[name]:g}"
    return "with other tuned settings"


def _short(value: object) -> str:
    return "nothing" if value is None or value == "" else str(short(value, 20))


def warnings(
    declaration: Declaration, entries: Sequence[Entry], left: Left, total: int
) -> Iterator[str]:
    """Yield what a reader must know of others' results before believing a verdict.

    Args:
        declaration: the study at this scale.
        entries: one for each arm and seed.
        left: what was left out.
        total: rows that were read.
    """
    yield from _left_out(left, total, declaration)
    yield from _absent(declaration, entries)
    yield from _incomplete(declaration, entries)
    values = {(entry.arm, entry.seed): entry.metrics for entry in entries if not entry.reason}
    constant = [*_constant(values)]
    for name in constant:
        value = next(iter(values.values()))[name]
        yield f"{name} is {value:g} in every row: it says nothing."
    yield from _shares(declaration, values)
    if values and len(constant) < len(next(iter(values.values()))):
        yield from _equal(declaration, values)


def _left_out(left: Left, total: int, declaration: Declaration) -> Iterator[str]:
    for name, cells in left.undeclared.items():
        count = cells.total()
        shown = [f"{value} ({many})" for value, many in cells.most_common(MOST)]
        levels = ", ".join(level.name for level in declaration.levels(name))
        yield (
            f"{count} of {plural(total, 'row')} left out: their {name} is no level that is "
            f"declared ({_named(shown, len(cells))}; declared: {levels})."
        )
    if left.without_arm:
        shown = [f"{arm} ({many})" for arm, many in left.without_arm.most_common(MOST)]
        yield (
            f"{left.without_arm.total()} of {plural(total, 'row')} left out: their levels "
            f"together are no arm of the study ({_named(shown, len(left.without_arm))})."
        )
    for state, count in left.over.items():
        yield (
            f"{plural(count, 'row')} with the state {state!r} and all metrics: counted as results. "
            "Some tools say so of every run that is over, also of one that was stopped early."
        )
    if left.unended:
        yield f"{left.unended} of {plural(total, 'row')} left out: these runs had not ended."


def _absent(declaration: Declaration, entries: Sequence[Entry]) -> Iterator[str]:
    there = {entry.arm for entry in entries}
    arms = [arm for arm in declaration.arms if arm.name in there]
    gone: set[tuple[str, str]] = set()
    for factor in declaration.factors:
        have = {arm.levels[factor.name].name for arm in arms}
        for level in declaration.levels(factor.name):
            if level.name not in have:
                gone.add((factor.name, level.name))
                yield (
                    f"{factor.name}={level.name} is declared and in no row: claims on it are not "
                    "assessable."
                )
    lacking = [
        arm.name
        for arm in declaration.arms
        if arm.name not in there
        and not any((name, level.name) in gone for name, level in arm.levels.items())
    ]
    if lacking:
        many = "arms are" if len(lacking) > 1 else "arm is"
        yield f"{len(lacking)} {many} in no row: {_named(lacking[:MOST], len(lacking))}."


def _incomplete(declaration: Declaration, entries: Sequence[Entry]) -> Iterator[str]:
    seeds: dict[str, set[int]] = {}
    for entry in entries:
        seeds.setdefault(entry.arm, set()).add(entry.seed)
    every = set().union(*seeds.values())
    lacks = {
        arm.name: sorted(every - seeds[arm.name])
        for arm in declaration.arms
        if arm.name in seeds and every - seeds[arm.name]
    }
    if lacks:
        shown = [
            f"{arm} lacks seed{'s' if len(missing) > 1 else ''} "
            + _named([str(seed) for seed in missing[:6]], len(missing), "")
            for arm, missing in itertools.islice(lacks.items(), MOST)
        ]
        yield (
            f"Pairs are not complete: {_named(shown, len(lacks), '; ', 'arm')}. A claim compares "
            "only the seeds that all of its arms have, and is unpaired where no seed is on both "
            "sides."
        )


def _shares(
    declaration: Declaration, values: Mapping[tuple[str, int], Mapping[str, float]]
) -> Iterator[str]:
    """Yield where what is declared in per cent looks like fractions: margins are then far off."""
    for name in next(iter(values.values()), {}):
        unit = declaration.metric(name).unit
        found = [metrics[name] for metrics in values.values()]
        within = all(0 <= each <= 1 for each in found)
        if unit in {"%", "pp"} and within and any(each != int(each) for each in found):
            yield (
                f"{name} is declared in {unit}, and every value lies between 0 and 1, the largest "
                f"at {max(found):g}: if these are fractions, and not per cent, declare "
                "unit='fraction', with margins as fractions, too."
            )


def _constant(values: Mapping[tuple[str, int], Mapping[str, float]]) -> Iterator[str]:
    if len(values) < 2:
        return
    for name in next(iter(values.values())):
        if len({metrics[name] for metrics in values.values()}) == 1:
            yield name


def _equal(
    declaration: Declaration, values: Mapping[tuple[str, int], Mapping[str, float]]
) -> Iterator[str]:
    by_arm: dict[str, dict[int, Mapping[str, float]]] = {}
    for (arm, seed), metrics in values.items():
        by_arm.setdefault(arm, {})[seed] = metrics
    names = [arm.name for arm in declaration.arms if arm.name in by_arm]
    same: dict[object, list[str]] = {}  # arms with the same values in the same seeds
    for name in names:
        said = tuple((seed, *each.values()) for seed, each in sorted(by_arm[name].items()))
        same.setdefault(said, []).append(name)
    alike: dict[object, list[str]] = {}  # of these the first, by what it says in a seed
    for first, *_ in same.values():
        for seed, each in by_arm[first].items():
            alike.setdefault((seed, *each.values()), []).append(first)
    pairs = [pair for group in same.values() for pair in itertools.pairwise(group)]
    pairs += [pair for group in alike.values() for pair in itertools.combinations(group, 2)]
    for one, other in dict.fromkeys(pairs):
        before, after = by_arm[one], by_arm[other]
        common = [seed for seed in before if seed in after]
        if len(common) > 1 and all(before[seed] == after[seed] for seed in common):
            yield (
                f"{one} and {other} have the same values to the last bit in all "
                f"{len(common)} common seeds: were the same results entered twice?"
            )


def _named(shown: Sequence[str], count: int, between: str = ", ", what: str = "") -> str:
    rest = count - len(shown)
    joined = (between or ", ").join(shown)
    if rest <= 0:
        return joined
    return f"{joined} and {rest} more" + f" {what}{'s' * (rest > 1)}" * bool(what)
