"""Where a series of values changes its level: a scan of ranks, with a permutation's p value.

For each place that leaves :data:`FEWEST` values on either side, the sum of the ranks before it is
compared with what chance gives, in standard errors; the largest is the statistic. How large it is
when nothing changes comes from the same values in random order (Pettitt, 1979, standardised so
that changes near the ends count as much; permutations as in Matteson and James, 2014). Where it
says that there is a change, both parts are looked at in turn.

The test holds for values that are exchangeable when nothing changes. A machine that drifts slowly
is no such thing: what is found in its series is a change all the same, but not the code's.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

FEWEST = 5
"""Values on either side of a change: with fewer no order of them is rare enough."""

P = 0.001
"""A change is told where chance gives as clear a one in at most so many series."""

PERMUTATIONS = 9999
"""So many that which ones they are hardly matters: of 1,999 about two decide at p = .001, and with
a fixed seed far fewer steps were found than with others."""

_AT_ONCE = (199, 1800, 2000)


def change_points(
    values: npt.ArrayLike, p: float = P, permutations: int = PERMUTATIONS, seed: int = 0
) -> list[int]:
    """Return the places before which the level changes, in rising order.

    Args:
        values: shape (n,), finite, in order of time.
        p: the largest p value that is told.
        permutations: random orders that the values are compared with.
        seed: of these orders: the same values give the same answer.

    Returns:
        Indices of the first value after each change.

    Raises:
        ValueError: a value is not finite, or with so few permutations no p could be as small.
    """
    series = np.asarray(values, dtype=float)
    if series.ndim != 1 or not np.isfinite(series).all():
        raise ValueError("a series must be finite, in one dimension")
    if 1 / (permutations + 1) > p:
        raise ValueError(f"{permutations} permutations cannot give p <= {p}")
    random = np.random.default_rng(seed)
    found: list[int] = []
    parts = [(0, len(series))]
    while parts:
        start, end = parts.pop()
        at = _split(series[start:end], p, permutations, random)
        if at is not None:
            found.append(start + at)
            parts += [(start, start + at), (start + at, end)]
    return sorted(found)


def _split(
    part: npt.NDArray[np.float64], p: float, permutations: int, random: np.random.Generator
) -> int | None:
    """Return where a part changes its level; nothing where chance can explain it."""
    n = len(part)
    if n < 2 * FEWEST or np.ptp(part) == 0:
        return None
    ranks = stats.rankdata(part) - (n + 1) / 2
    seen = _scan(ranks[None])[0]
    most = float(seen.max()) * (1 - 1e-9)  # equal but for rounding is as clear
    # most series have no change: a few orders show that, and only the others need all of them
    count, done = 0, 0
    for at in range(permutations):
        size = min(_AT_ONCE[min(at, len(_AT_ONCE) - 1)], permutations - done)
        if not size:
            break
        orders = random.permuted(np.broadcast_to(ranks, (size, n)), axis=1)
        count += int((_scan(orders).max(axis=1) >= most).sum())
        done += size
        if (count + 1) / (permutations + 1) > p:
            return None
    return FEWEST + int(seen.argmax()) if (count + 1) / (done + 1) <= p else None


def _scan(ranks: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return how far the sum of the first ranks is from chance, for each place and each row."""
    n = ranks.shape[1]
    before = np.arange(FEWEST, n - FEWEST + 1)
    sums = np.cumsum(ranks, axis=1)[:, before - 1]
    # the variance of a sum of k of n values drawn without putting back
    error = np.sqrt(before * (n - before) / (n - 1) * np.mean(ranks[0] ** 2))
    scanned: npt.NDArray[np.float64] = np.abs(sums) / error
    return scanned
