"""Claims that hold only where several comparisons all do: intersection-union tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.stats.paired import Paired, paired


@dataclass(frozen=True)
class Least:
    """The smallest of several differences, each over the same n seeds.

    Attributes:
        each: the comparisons, at the level that their lower ends have.
        which: position of the smallest mean difference.
        effect: that mean difference.
        low: lower end of the interval of the smallest of the true differences.
        high: upper end.
        level: confidence level.
        p: two-sided p value: that all are above 0, or that one is below.
    """

    each: tuple[Paired, ...]
    which: int
    effect: float
    low: float
    high: float
    level: float
    p: float


def least(first: npt.ArrayLike, others: Sequence[npt.ArrayLike], level: float) -> Least:
    """Compare one side with each of several, and judge the smallest difference.

    That all differences are above 0 is shown where each is, so its p value is the largest of
    theirs and needs no further correction (Berger 1982, Technometrics 24, 295-300). For the same
    reason the smallest lower end is a lower end for the smallest true difference. That one is
    below 0 may come from any of the k, so there p and upper ends are corrected by Bonferroni.

    Args:
        first: shape (n,), finite.
        others: k sides of the same shape and seeds.
        level: confidence level of the interval.

    Raises:
        ValueError: shapes differ, a value is not finite, or nothing is compared.
    """
    if not others:
        raise ValueError("one side at least must be compared with")
    k = len(others)
    each = tuple(paired(first, other, level) for other in others)
    upper = tuple(paired(first, other, 1 - (1 - level) / k) for other in others)
    effects = [one.effect for one in each]
    which = int(np.argmin(effects))
    p = math.nan
    if not any(math.isnan(one.p) for one in each):
        if effects[which] > 0:
            p = max(one.p for one in each)
        else:
            # tests of their own level: whether a sign-flip test has a say depends on it
            p = min(1.0, k * min(one.p for one in upper if one.effect <= 0))
    return Least(
        each,
        which,
        effects[which],
        min(one.low for one in each),
        min(one.high for one in upper),
        level,
        p,
    )
