"""What is asked of floats: whether a setting is in use, and the mean of values."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def on(value: float | torch.Tensor) -> bool:
    """Whether a setting is in use: a float of exactly 0 means off, and is structure.

    If trials train together a float is a tensor, and code must not branch on it. One that is 0
    stays the number 0, so trials with and without a penalty, say, are different programs.
    """
    return not isinstance(value, int | float) or value != 0


def mean_of(values: Iterable[float]) -> float:
    """Return the mean; NaN where there are no values.

    The sum is exact, so the order of values does not matter; it may be beyond the range of floats.
    """
    numbers = list(values)
    if not numbers:
        return math.nan
    try:
        return math.fsum(numbers) / len(numbers)
    except OverflowError:  # of the sum; no mean of floats is beyond their range
        return math.fsum(number / len(numbers) for number in numbers)
