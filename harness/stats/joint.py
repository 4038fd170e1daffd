"""Claims that hold only where several comparisons all do: intersection-union tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.stats.location import Location
from harness.stats.paired import FEWEST


@dataclass(frozen=True)
class Least:
    """The smallest of several differences, each over the same n seeds.

    Attributes:
        which: position of the smallest mean difference.
        low: lower end of the interval of the smallest of the true differences.
        high: upper end.
        p: two-sided p value: that all are above 0, or that one is below; NaN below n = 5.
    """

    which: int
    low: float
    high: float
    p: float


def least(places: Sequence[Location], level: float) -> Least:
    """Judge the smallest of several differences.

    That all differences are above 0 is shown where each is, so its p value is the largest of
    theirs and needs no further correction (Berger 1982, Technometrics 24, 295-300). For the same
    reason the smallest lower end is a lower end for the smallest true difference. That one is
    below 0 may come from any of the k, so there p and upper ends are corrected by Bonferroni.

    Args:
        places: the k differences.
        level: confidence level of the interval.

    Raises:
        ValueError: nothing is compared.
    """
    k = len(places)
    if not k:
        raise ValueError("one side at least must be compared with")
    upper = 1 - (1 - level) / k
    which = int(np.argmin([place.mean for place in places]))
    p = math.nan
    if places[0].n >= FEWEST:
        above = max(2 * place.p_above(0.0) for place in places)
        below = k * min(2 * place.p_below(0.0) for place in places)
        p = min(1.0, above, below)
    return Least(
        which,
        min(place.ends(level)[0] for place in places),
        min(place.ends(upper)[1] for place in places),
        p,
    )
