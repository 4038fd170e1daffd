"""How far apart two values of a metric can lie, and where the mean of differences does."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.judging.seen import Floats
from harness.stats import Location, Unpaired, located, located_unpaired
from harness.study.metrics import COUNTED, Metric

WHOLE = {"%": 100.0, "pp": 100.0}
"""How far from 0 a difference can lie at least, by the unit of a metric of the user's own."""


@dataclass(frozen=True)
class MetricRange:
    """How far apart two values of a metric can lie, as far as metric and values tell.

    Attributes:
        parts: the values that were seen.
        reach: how far from 0 a difference of two of them can lie.
        shares: whether they are shares of examples.
        exact: whether measuring again gives the same.
        overlap: of values by seed on folds, see :class:`harness.stats.Location`; 0 of others.
    """

    parts: Floats
    reach: float
    shares: bool
    exact: bool
    overlap: float = 0.0

    @staticmethod
    def of(metric: Metric, values: Floats, overlap: float = 0.0) -> MetricRange:
        """Read it from a metric and its values; times and counts of steps know no overlap."""
        # of a metric that was never anything but 0, nobody knows how far it goes
        seen = max(0.0, float(values.max())) - min(0.0, float(values.min())) or math.inf
        shares = metric.unit == "fraction" and metric.name not in COUNTED
        whole = 1.0 if shares else WHOLE.get(metric.unit, 0.0)
        reach = max(whole, seen) if math.isfinite(seen) or not whole else whole
        own = overlap if metric.replicate == "seed" else 0.0
        return MetricRange(values, reach, shares, metric.replicate == "", own)

    def locate(self, first: Floats, second: Floats, times: float = 1.0) -> Location:
        """Say where the mean difference of two columns lies.

        Args:
            first: the added side.
            second: the subtracted side.
            times: how many times as far as of two values the difference can lie from 0.
        """
        size = float(np.abs(self.parts).max())
        if self.exact:
            mean = located(first, second, size).mean
            return Location(len(first), mean, 0.0, kind="constant", below=0.0, above=0.0)
        return located(
            first, second, size, times * self.reach, self.parts, shares=self.shares,
            overlap=self.overlap,
        )  # fmt: skip

    def locate_unpaired(self, first: Floats, second: Floats) -> Unpaired:
        """Say where the difference of the means of two columns of other seeds lies.

        Args:
            first: the added side.
            second: the subtracted side.
        """
        size = float(np.abs(self.parts).max())
        return located_unpaired(first, second, size, self.reach, shares=self.shares)
