"""The exact one-sided signed-rank test, and the interval that belongs to it.

If nothing lies above a bound, each value is as likely to lie as far below it as above it: every
choice of signs is equally likely, whatever the distances are. So the test is exact given them, with
ties and zeros, of any shape of noise that is symmetric. Ranks of distances are doubled, which makes
whole numbers of midranks, and the distribution of their sum is built up value by value.

Ranks may be capped. With plain ranks (Wilcoxon 1945) a few values that lie far off on the wrong
side have the highest ranks, and hide a shift of all the others; above the cap, all count alike.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

MOST = 500
"""Most values that are tested: what it takes grows with their number's third power."""

_SLACK = 1 + 1e-9  # a level such as .25 / 64 may lie a rounding below what can be attained


class NotFiniteError(ValueError):
    """A value is NaN or infinite, so nothing is tested."""


def signed_rank(values: npt.ArrayLike, above: float = 0.0, *, cap: float = 1.0) -> float:
    """Return the p value against the values lying at ``above`` or below it.

    Values that equal ``above`` take the lowest ranks and have no sign (Pratt 1959); others that
    are equally far off share their mean rank.

    Args:
        values: shape (n,), finite, 500 at most; independent, each symmetric about one centre.
        above: the bound.
        cap: the share of values up to which ranks grow; 1 for Wilcoxon's test.

    Raises:
        NotFiniteError: a value is NaN or infinite.
        ValueError: there is no value, or there are too many.
    """
    given = checked(values) - above
    ranks = doubled_ranks(np.abs(given), cap)[given != 0]
    reached = int(ranks[given[given != 0] > 0].sum())
    return float(min(1.0, _sums(tuple(sorted(ranks.tolist())))[reached]))


def signed_rank_interval(
    values: npt.ArrayLike, below: float, above: float, *, cap: float = 1.0
) -> tuple[float, float]:
    """Return the ends of the interval of bounds that the test does not reject.

    They are Walsh averages, the means of two values, because only there the test changes.

    Args:
        values: as for :func:`signed_rank`; those that differ by 1e-12 or less count as equal.
        below: how often the lower end may lie above the centre, such as 0.025; an end is infinite
            where that is below ``2 ** -n``.
        above: how often the upper end may lie below it.
        cap: as for :func:`signed_rank`.

    Raises:
        NotFiniteError: a value is NaN or infinite.
        ValueError: there is no value, or there are too many.
    """
    given = checked(values)
    return _lower_end(given, below, cap), -_lower_end(-given, above, cap)


def _lower_end(given: Floats, alpha: float, cap: float) -> float:
    first, second = np.triu_indices(given.size)
    averages = np.unique(np.round((given[first] + given[second]) / 2, 12))
    gaps = np.concatenate([averages[:1] - 1, (averages[1:] + averages[:-1]) / 2, averages[-1:] + 1])
    rejected, kept = -1, averages.size  # gap i lies just below average i
    while kept - rejected > 1:
        middle = (rejected + kept) // 2
        if signed_rank(given, float(gaps[middle]), cap=cap) <= alpha * _SLACK:
            rejected = middle
        else:
            kept = middle
    return float(averages[rejected]) if rejected >= 0 else -math.inf


def checked(values: npt.ArrayLike) -> Floats:
    """Return values as an array.

    Raises:
        NotFiniteError: a value is NaN or infinite.
        ValueError: there is no value, there are too many, or they are no list.
    """
    given = np.asarray(values, dtype=np.float64)
    if given.ndim != 1 or not 0 < given.size <= MOST:
        raise ValueError(f"1 to {MOST} values in a list must be given; got shape {given.shape}")
    wrong = np.flatnonzero(~np.isfinite(given))
    if wrong.size:
        raise NotFiniteError(f"value {wrong[0] + 1} of {given.size} is {given[wrong[0]]}")
    return given


def doubled_ranks(distances: Floats, cap: float = 1.0) -> Wholes:
    """Return twice the mid-rank of each distance, and no more than of the rank at the cap.

    Args:
        distances: shape (n,), none below 0.
        cap: the share of n from which on ranks no longer grow.
    """
    _, place, counts = np.unique(distances, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    doubled = 2 * last - counts + 1
    ranks: Wholes = np.minimum(doubled[place], 2 * math.ceil(cap * distances.size - 1e-9))
    return ranks


@lru_cache(maxsize=512)
def _sums(ranks: tuple[int, ...]) -> Floats:
    """Return how likely the ranks of values above reach each sum, from 0 on."""
    likely = np.ones(1)
    for rank in ranks:
        longer = np.zeros(likely.size + rank)
        longer[: likely.size] = likely / 2
        longer[rank:] += likely / 2
        likely = longer
    return np.cumsum(likely[::-1])[::-1]


@lru_cache(maxsize=1024)
def critical(n: int, level: float, cap: float = 1.0) -> int:
    """Return the smallest doubled sum of ranks above that is significant among n untied values.

    Args:
        n: number of values.
        level: largest p value that is significant.
        cap: as for :func:`signed_rank`.

    Returns:
        the sum; one more than can be reached where no sum is significant.
    """
    likely = _sums(tuple(doubled_ranks(np.arange(1.0, n + 1), cap).tolist()))
    return int((likely > level * _SLACK).sum())


def significant(p: float, level: float) -> bool:
    """Say whether a p value is at most a level, but for rounding."""
    return p <= level * _SLACK
