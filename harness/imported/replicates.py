"""Whether rows of others are replicates: runs of one setting, which differ in their seed alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from harness.imported.columns import BETWEEN, SETTINGS, Columns
from harness.imported.entries import Entry
from harness.imported.sheet import Row, Sheet
from harness.messages.errors import HarnessError
from harness.study.formatting import plural

MOST = 3
"""Arms or columns that a sentence names."""

FEWEST = 3
"""Runs of an arm from which on it tells something that each has a value of its own."""

ALMOST = 0.75
"""The share of an arm's runs that have another value each, from which on a column is told."""

_FOLD = re.compile(
    r"(.*[\W_])?(k|cv)?[\W_]?fold([\W_]?(id|idx|index|no|nr|num|number))?", re.IGNORECASE
)
"""Names of columns that number folds: fold, cv_fold, config.fold_id."""

ABOUT_RUNS = frozenset({"name", "id", "runtime", "created", "updated", "sweep", "notes", "tags"})
"""Columns of a sweep that hold no setting, whatever they hold."""


def check_sampler(sheet: Sheet, entries: Sequence[Entry]) -> None:
    """Check that a sampler's history has one setting for each arm, repeated over seeds.

    Raises:
        HarnessError: it has not: then its best values are lucky ones, and what differs between
            seeds is the setting, too.
    """
    if sheet.sampled is None or not entries:
        return
    settings: dict[str, dict[tuple[str, str], set[int]]] = {}
    for entry in entries:
        setting = entry.chosen, repr(sorted(entry.tuned.items()))
        settings.setdefault(entry.arm, {}).setdefault(setting, set()).add(entry.seed)
    seeds = [each for by_setting in settings.values() for each in by_setting.values()]
    if max(map(len, seeds)) < 2:
        raise HarnessError(
            "results must repeat every setting over several seeds: a sampler's history is no set "
            "of replicates",
            f"{plural(len(seeds), 'setting')} in {sheet.source}, each with one seed",
            "Run the settings that are to be compared again, each with the same five seeds.",
        )
    several = {arm: len(each) for arm, each in settings.items() if len(each) > 1}
    if several:
        shown = [f"{arm} {count}" for arm, count in several.items()][:MOST]
        rest = len(several) - len(shown)
        raise HarnessError(
            "each arm must have one setting in all its seeds: a sampler's history is no set of "
            "replicates",
            f"settings in {sheet.source}: {', '.join(shown)}" + f" and {rest} more" * (rest > 0),
            "Take the runs of one setting, with --where COLUMN=VALUE, or run the settings that are "
            "to be compared again, each with the same five seeds.",
        )


def check_folds(sheet: Sheet, columns: Columns) -> None:
    """Check that rows are no folds of one data set.

    Training sets of folds overlap, so that the rows are not independent. How much wider intervals
    must be follows from the sizes of training and test sets, which no table tells.

    Raises:
        HarnessError: the seeds' column, or another that is no factor, numbers folds.
    """
    for name in sheet.columns:
        if name in columns.factors.values() or not _FOLD.fullmatch(name.strip()):
            continue
        values = {str(row.cells.get(name)) for row in sheet.rows}
        if len(values) > 1:
            raise HarnessError(
                "results must be of independent seeds; folds of one data set share most of their "
                "training examples, so that intervals from them would be too narrow",
                f"a column {name} with {len(values)} values in {sheet.source}",
                "Take the mean of each whole cross-validation that has data of its own as one row; "
                "or let the harness run the folds, with folds= in the data, and judge them.",
            )


def differing(sheet: Sheet, entries: Sequence[Entry], columns: Columns) -> Iterator[str]:
    """Yield that settings differ between the runs of an arm, as they do where each was sampled.

    Of tuned settings that are declared any difference counts. Others are known as numbers in
    columns such as ``config.lr``; of a sweep of W&B's, whose table does not tell settings from
    results, in any column. They count where almost every run has its own. A whole number that a
    seed has in every arm alike is like a seed.

    Args:
        sheet: what was read.
        entries: those that count.
        columns: where things stand in it.
    """
    tuned = [*columns.tuned.values()]
    used = {columns.seed, columns.last, *columns.factors.values(), *columns.metrics.values(),
            *tuned, *(sheet.sampled or ())}  # fmt: skip
    free = [name for name in sheet.columns if name not in used and "seed" not in name.lower()]
    named = [name for name in free if _is_setting(name)]
    sweep = sheet.sampled == ()
    if sweep and not named:
        named = [name for name in free if name.lower() not in ABOUT_RUNS and name[:1] != "_"]
    cells = {row.where: row for row in sheet.rows}
    numbers = {name: _by_arm(name, entries, cells) for name in (*tuned, *named)}
    varying = [
        name for name in tuned if any(len({*each.values()}) > 1 for each in numbers[name].values())
    ]
    varying += [name for name in named if _varies(numbers[name])]
    if varying:
        rest = len(varying) - MOST
        shown = ", ".join(varying[:MOST]) + (f" and {rest} more" if rest > 0 else "")
        it = "it is a setting" if len(varying) == 1 else "one of them is a setting"
        yield (
            f"Between runs of one arm {shown} differ{'s' * (len(varying) == 1)}, and not only the "
            f"seed. If {it}, these runs are no replicates of one setting."
        )


def _is_setting(column: str) -> bool:
    return any(
        column.startswith(f"{word}{sign}")
        for word in SETTINGS
        if word != "user_attrs"  # which may be results
        for sign in BETWEEN
    )


def _varies(by_arm: Mapping[str, Mapping[int, float]]) -> bool:
    """Whether a column has a number of its own in almost every run of an arm.

    Args:
        by_arm: its numbers, by arm and seed.
    """
    seeds: dict[int, set[float]] = {}
    for each in by_arm.values():
        for seed, number in each.items():
            seeds.setdefault(seed, set()).add(number)
    whole = all(float(number).is_integer() for each in seeds.values() for number in each)
    if whole and len(by_arm) > 1 and all(len(each) == 1 for each in seeds.values()):
        return False
    return any(
        len(each) >= FEWEST and len({*each.values()}) >= ALMOST * len(each)
        for each in by_arm.values()
    )


def _by_arm(
    column: str, entries: Sequence[Entry], cells: Mapping[str, Row]
) -> dict[str, dict[int, float]]:
    """Return the numbers in a column, by arm and seed."""
    out: dict[str, dict[int, float]] = {}
    for entry in entries:
        number = cells[entry.where].number(column)
        if number is not None:
            out.setdefault(entry.arm, {})[entry.seed] = number
    return out
