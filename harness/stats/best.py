"""Which of several means may be the best, measured on the same seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.stats.location import Location


@dataclass(frozen=True)
class Behind:
    """How far a true mean lies from the best of the others, and whether it may be the best.

    Attributes:
        low: lower end of its interval, 0 or below: so far behind it may be; NaN below two seeds.
        high: upper end, 0 or above: so far ahead it may be; 0 where it is not the best.
        may_be_best: whether nothing shows that another is better.
    """

    low: float
    high: float
    may_be_best: bool


def among_best(differences: Sequence[Sequence[Location]], level: float) -> tuple[Behind, ...]:
    """Compare each of m means with the best of the others.

    Multiple comparisons with the best (Hsu 1984, Annals of Statistics 12, 1136-1144), with paired
    differences that may each vary in their own way, and the union bound over the m - 1 others in
    the place of a common variance: one-sided intervals at 1 - (1 - level) / (m - 1). The truly
    best is shown to be worse than one of the others with a probability of 1 - level at most, and
    whenever it is not, all m intervals hold at once.

    Args:
        differences: m rows; row i holds where the means of i less those of each other lie, of
            numbers of which the larger are better.
        level: with which probability the truly best is among those that may be.
    """
    if len(differences) < 2:
        return tuple(Behind(math.nan, math.nan, may_be_best=True) for _ in differences)
    one_sided = 1 - 2 * (1 - level) / (len(differences) - 1)
    return tuple(
        _behind([each.ends(one_sided) for each in of_one]) for of_one in differences
    )  # fmt: skip


def _behind(ends: Sequence[tuple[float, float]]) -> Behind:
    if any(math.isnan(end) for both in ends for end in both):
        return Behind(math.nan, math.nan, may_be_best=True)
    low, high = min(end for end, _ in ends), min(end for _, end in ends)
    return Behind(min(0.0, low), max(0.0, high), may_be_best=high >= 0)
