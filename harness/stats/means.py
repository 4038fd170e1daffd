"""The mean, also of values whose sum is beyond the range of floats."""

from __future__ import annotations

import math
from collections.abc import Iterable


def mean_of(values: Iterable[float]) -> float:
    """Return the mean; NaN where there are no values.

    Rounded once, so that neither the order of values nor their number changes it.
    """
    numbers = list(values)
    if not numbers:
        return math.nan
    try:
        return math.fsum(numbers) / len(numbers)
    except OverflowError:  # of the sum; no mean of floats is beyond their range
        return math.fsum(number / len(numbers) for number in numbers)
