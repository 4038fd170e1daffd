"""Means and intervals of arms and of levels, for description: verdicts come from claims alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ArmSummary:
    """One metric in one arm, or at one level of one factor, over seeds.

    Attributes:
        factor: the factor whose level this is; empty for an arm.
        group: the arm's name, or the level's name.
        metric: the metric's name.
        n: seeds that finished (for a level: seeds with every arm of that level finished).
        failed: trials that failed.
        mean: mean over seeds (NaN where n = 0).
        sd: standard deviation over seeds, n - 1 in the denominator (NaN below 2).
        low: lower end of the 95 % t interval of the mean (NaN below 2).
        high: upper end.
    """

    factor: str
    group: str
    metric: str
    n: int
    failed: int
    mean: float
    sd: float
    low: float
    high: float
