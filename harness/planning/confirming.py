"""The best settings of a search, trained again on fresh seeds, so that luck does not choose.

The best of many values reached with one seed is best in part by luck. So from :data:`FROM` trials
on, about a quarter of a budget is kept for the best :data:`BEST` settings, on seeds that the search
did not see, and these seeds alone choose among them. Below that it pays more to try more settings
(figures: README.md beside this file).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeGuard, TypeVar

from harness.floats import mean_of
from harness.study.metrics import Better
from harness.study.searching import PLACES
from harness.trials.trial import TUNING_SEED

T = TypeVar("T")

FROM = 20
"""The smallest budget, in trials, of which a part goes to confirming.

By ``tests/benchmarks/curse.py``, on complete tables of real trainings: networks on eight data sets,
from HPOBench (Eggensperger et al. 2021, https://arxiv.org/abs/2109.06716).
"""

BEST = len(PLACES)
"""How many settings are confirmed, in a study that is tuned as in a search."""

EACH = 12
"""A budget has one fresh seed for every so many trials: with three settings, a quarter of it."""


MOST = 20
"""The most fresh seeds: with these a mean is known to about half of a seed's deviation."""


def confirm_seeds(budget: int) -> int:
    """Return on how many fresh seeds the best settings are trained again; 0 if on none.

    Args:
        budget: trials, of the search and of confirming together.
    """
    return min(MOST, max(2, round(budget / EACH))) if budget >= FROM else 0


def settings_tried(budget: int) -> int:
    """Return how many settings are tried before the best are confirmed."""
    return budget - BEST * confirm_seeds(budget)


def fresh_seeds(budget: int) -> tuple[int, ...]:
    """Return the seeds of confirming: those after the one that the search is done with."""
    return tuple(range(TUNING_SEED + 1, TUNING_SEED + 1 + confirm_seeds(budget)))


def best_settings(
    tried: Sequence[tuple[T, float | None]], better: Better | None, count: int = BEST
) -> list[T]:
    """Return the best settings tried, best first; of equally good ones the earlier is better.

    Args:
        tried: settings, and what each reached; ``None`` where the trial failed. Such settings are
            never among the best.
        better: which direction is good.
        count: how many, at most; each stands there once.
    """
    finished = [(settings, value) for settings, value in tried if _is_value(value)]
    finished.sort(key=lambda each: _cost(each[1], better))
    out: list[T] = []
    for settings, _ in finished:
        if len(out) < count and settings not in out:
            out.append(settings)
    return out


def by_fresh_seeds(
    confirmed: Sequence[tuple[T, Sequence[float | None]]], better: Better | None
) -> list[tuple[T, Sequence[float | None]]]:
    """Return confirmed settings, best first: by failures, the fewest first, then by the mean.

    Args:
        confirmed: settings, best of the search first, and what each reached on each fresh seed;
            ``None`` where the trial failed. Equally good ones stay in this order.
        better: which direction is good.
    """

    def order(each: tuple[T, Sequence[float | None]]) -> tuple[int, float]:
        reached = [value for value in each[1] if _is_value(value)]
        return len(each[1]) - len(reached), _cost(mean_of(reached), better) if reached else math.inf

    return sorted(confirmed, key=order)


def chosen_settings(
    tried: Sequence[tuple[T, float | None]],
    confirmed: Sequence[tuple[T, Sequence[float | None]]],
    better: Better | None,
) -> T | None:
    """Return what a search chooses: the best of those confirmed, by their fresh seeds alone.

    Where every fresh trial failed, it is the best of the settings that were not confirmed: those
    are known to fail. The same where nothing was confirmed.

    Args:
        tried: settings, and what each reached in the search.
        confirmed: the best of these, and what each reached on each fresh seed.
        better: which direction is good.

    Returns:
        The settings; ``None`` where no trial of any other finished.
    """
    for settings, reached in by_fresh_seeds(confirmed, better)[:1]:
        if any(_is_value(value) for value in reached):
            return settings
    known = [settings for settings, _ in confirmed]
    left = [each for each in tried if each[0] not in known]
    return next(iter(best_settings(left, better, 1)), None)


def _is_value(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _cost(value: float, better: Better | None) -> float:
    """Return a value as one of which less is better."""
    return -value if better == "higher" else value
