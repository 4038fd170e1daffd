"""How often runs fail: exact intervals, and two arms compared on the same seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats


@dataclass(frozen=True)
class Rate:
    """A share of n runs.

    Attributes:
        count: runs that failed.
        n: runs.
        low: lower end of the exact interval of the probability; NaN for n = 0.
        high: upper end.
    """

    count: int
    n: int
    low: float
    high: float


@dataclass(frozen=True)
class Discordance:
    """Two arms' failures on the same n seeds.

    Attributes:
        n: number of pairs.
        effect: share of failures in the first arm minus that in the second; NaN for n = 0.
        low: lower end of its interval.
        high: upper end.
        level: confidence level of the interval, at least.
        p: two-sided p value of the exact McNemar test; 1 where no pair differs, NaN for n = 0.
        only_first: pairs in which the first arm alone failed.
        only_second: pairs in which the second arm alone failed.
    """

    n: int
    effect: float
    low: float
    high: float
    level: float
    p: float
    only_first: int
    only_second: int


def rate(failed: npt.ArrayLike, level: float = 0.95) -> Rate:
    """Return how often runs failed, with the exact interval (Clopper & Pearson 1934).

    Args:
        failed: shape (n,), booleans.
        level: confidence level.
    """
    array = np.asarray(failed, dtype=bool)
    count, n = int(array.sum()), array.size
    return Rate(count, n, *_interval(count, n, level))


def discordance(first: npt.ArrayLike, second: npt.ArrayLike, level: float) -> Discordance:
    """Compare how often two arms failed on the same seeds (McNemar 1947, exact).

    The test is binomial on the pairs in which just one arm failed. The interval of the difference
    of the two probabilities is that of ``P(first alone) - P(second alone)``: the ends of an exact
    interval of each, at a level of (1 + level) / 2, which together hold at ``level`` by the union
    bound, whatever n is.

    Args:
        first: shape (n,), booleans.
        second: shape (n,), booleans; ``second[i]`` has the seed of ``first[i]``.
        level: confidence level.

    Raises:
        ValueError: the shapes differ.
    """
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"pairs must have one shape (n,), got {a.shape}, {b.shape}")
    n, only_first, only_second = a.size, int((a & ~b).sum()), int((b & ~a).sum())
    nothing = float("nan")
    if not n:
        return Discordance(0, nothing, nothing, nothing, level, nothing, 0, 0)
    differing = only_first + only_second
    p = float(stats.binomtest(only_first, differing).pvalue) if differing else 1.0
    each = (1 + level) / 2
    low_first, high_first = _interval(only_first, n, each)
    low_second, high_second = _interval(only_second, n, each)
    return Discordance(
        n,
        (only_first - only_second) / n,
        low_first - high_second,
        high_first - low_second,
        level,
        p,
        only_first,
        only_second,
    )


def _interval(count: int, n: int, level: float) -> tuple[float, float]:
    if not n:
        return float("nan"), float("nan")
    found = stats.binomtest(count, n).proportion_ci(confidence_level=level, method="exact")
    return float(found.low), float(found.high)
