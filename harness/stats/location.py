"""Where a mean lies, from n values: an interval and p values against any bound.

Three kinds of samples are told apart, because Student's t is right for one of them only.

- **varied**: values differ. Student's interval, whose end on the side of the longer tail is moved
  out where the sample is skewed: there the mean is estimated from the rare large values, and t is
  too sure of itself. The interval is nowhere narrower than Student's.
- **tied**: more than half of the values are the same, as shares of a few hundred examples often
  are. The spread then rests on the few that differ, so it has a floor: that of as large a share of
  others as may still exist (Clopper & Pearson 1934), as far away as one was seen, as one step of
  the metric, or as its noise on so many examples.
- **constant**: all n values are the same. That leaves a share of up to 1 - alpha^(1/n) of others
  (all n are alike with probability alpha at that share), and nothing tells how far away they lie
  but the values that the metric can have; where those have no end, the largest that were seen.

Values that are not independent, as those of overlapping training sets are, have an ``overlap``:

- The variance of their mean is taken to be sd² (1/n + overlap) in the place of sd²/n (Nadeau &
  Bengio 2003, Machine Learning 52, 239-281, section 3: the corrected resampled t; the overlap
  is n_test / n_train). The degrees of freedom stay n - 1. Bouckaert & Frank 2004 (PAKDD, section
  3.3) do the same for repeated folds. It is a rule of thumb, no theorem: no unbiased estimate of
  that variance exists (Bengio & Grandvalet 2004, JMLR 5). It was looked at by simulation
  (tests/test_folds_level.py).
- Where more than half of the values are the same, n is replaced by n / (1 + n overlap), the number
  of independent values whose mean has that variance (Korn & Graubard 1998, Survey Methodology 24,
  do so with Clopper & Pearson's limits).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

Floats = npt.NDArray[np.float64]
Kind = Literal["varied", "tied", "constant"]

SKEWED_FROM = 1.0
"""How skewed a sample is before its interval grows, in standard errors of normal samples."""

WIDER = 2.0
"""By how much an end moves out for each further standard error, in half-widths."""

WIDEST = 20.0
"""By how much at most: this over n, so that with many values the interval is Student's again.

The three were chosen by simulation (tests/calibration): they are what a tenth of the power on
normal differences buys.
"""

LARGE_SKEW = 2.0
"""Skewness, in standard errors of normal samples, above which a report warns of it."""

_FINEST = 100_000  # examples that a share is taken for a share of, at most
_SINGLE = 2e-7  # shares may have been computed in float32


@dataclass(frozen=True)
class Location:
    """The mean of n values, and what can be said of the true one.

    Attributes:
        n: how many values.
        mean: their mean; NaN for n = 0.
        sd: standard deviation, n - 1 in the denominator; NaN below n = 2.
        skew: sample skewness over its standard error in normal samples; 0 where it has none.
        kind: how the values vary, see the module.
        others: of a tied sample, how many values differ from the most frequent one.
        far: of a tied sample, how far from it a value is taken to lie that differs.
        below: of a constant sample, how far below it a value may lie.
        above: how far above.
        overlap: what is added to 1/n in the variance of the mean; 0 of independent values.
    """

    n: int
    mean: float
    sd: float
    skew: float = 0.0
    kind: Kind = "varied"
    others: int = 0
    far: float = 0.0
    below: float = math.inf
    above: float = math.inf
    overlap: float = 0.0

    def ends(self, level: float) -> tuple[float, float]:
        """Return both ends of the interval of the mean; NaN below n = 2.

        Args:
            level: confidence level, such as 0.95.
        """
        if self.n < 2:
            return math.nan, math.nan
        down, up = self.reaches(1 - level)
        return self.mean - down, self.mean + up

    def reaches(self, alpha: float, n: int | None = None) -> tuple[float, float]:
        """Return how far below and above the mean the interval at level 1 - alpha ends.

        Args:
            alpha: error rate, of both sides together.
            n: what to reckon with in the place of the number of values, 2 or more: so an interval
                from more of the same can be foretold.
        """
        n = n or self.n
        if self.kind == "constant":
            share = rare(alpha, self._independent(n))
            return _times(share, self.below), _times(share, self.above)
        t, root = student(alpha, n), self._root(n)
        floor = self.floor(alpha, n)
        low, high = map(float, factors(self.skew, n))
        return t * max(self.sd * low, floor) / root, t * max(self.sd * high, floor) / root

    def floor(self, alpha: float, n: int) -> float:
        """Return the least standard deviation that a tied sample is given; 0 for others."""
        if self.kind != "tied":
            return 0.0
        share = min(0.5, self._others(alpha, self.others * n // self.n, n))
        return self.far * math.sqrt(share * (1 - share))

    def share(self, alpha: float) -> float:
        """Return the largest share of seeds that may differ from what all or most showed."""
        if self.kind == "constant":
            return rare(alpha, self._independent(self.n))
        if self.kind == "tied":
            return self._others(alpha, self.others, self.n)
        return math.nan

    def _root(self, n: int) -> float:
        """Return what the standard deviation of n values is divided by for that of their mean."""
        return math.sqrt(self._independent(n))

    def _independent(self, n: int) -> float:
        """Return how many independent values would tell as much as n do."""
        return n / (1 + n * self.overlap)

    def _others(self, alpha: float, others: int, n: int) -> float:
        """Return the largest share of others where that many of n values are (Clopper, Pearson)."""
        less = self._independent(n) / n
        return float(special.betaincinv(others * less + 1, (n - others) * less, 1 - alpha))

    def p_above(self, bound: float) -> float:
        """Return the one-sided p value that the mean is no higher than a bound; NaN below n = 2.

        It is half the alpha at which the lower end of the interval is at the bound.
        """
        return self._one_sided(self.mean - bound, 0)

    def p_below(self, bound: float) -> float:
        """Return the one-sided p value that the mean is no lower than a bound; NaN below n = 2."""
        return self._one_sided(bound - self.mean, 1)

    def p(self) -> float:
        """Return the two-sided p value against a mean of 0; NaN below n = 2."""
        return min(1.0, 2 * min(self.p_above(0.0), self.p_below(0.0)))

    def _one_sided(self, distance: float, side: int) -> float:
        if self.n < 2 or math.isnan(distance):
            return math.nan
        if distance <= 0 and self.kind == "constant":
            return 1.0
        if self.kind == "constant":
            far = (self.below, self.above)[side]
            if distance >= far:  # further than any value can lie
                return 0.0
            return float((1 - distance / far) ** self._independent(self.n) / 2)
        if self.kind == "varied" or distance <= 0:
            factor = float(factors(self.skew, self.n)[side]) if distance > 0 else 1.0
            error = self.sd * factor / self._root(self.n)
            return float(special.stdtr(self.n - 1, -distance / error))

        def gap(log: float) -> float:
            return self.reaches(math.exp(log))[side] - distance

        lowest = -450.0  # scipy finds Student's quantile for p = e^-450, but not for much less
        if gap(lowest) < 0:
            return 0.0
        if gap(-1e-12) > 0:
            return 0.5  # the bound is at the mean, but for rounding
        return math.exp(float(optimize.brentq(gap, lowest, -1e-12, xtol=1e-12))) / 2


def student(alpha: float, n: int) -> float:
    """Return the two-sided quantile of Student's t with n - 1 degrees of freedom."""
    return -float(special.stdtrit(n - 1, alpha / 2))


def rare(alpha: float, n: float) -> float:
    """Return the largest share of others that n equal values leave: 1 - alpha^(1/n)."""
    return -math.expm1(math.log(alpha) / n)


def factors(skew: npt.ArrayLike, n: float) -> tuple[Floats, Floats]:
    """Return what the lower and the upper half-width of Student's interval are multiplied by.

    Args:
        skew: in standard errors, of any shape; below 0 the longer tail is the lower one.
        n: how many values it was seen in.
    """
    z = np.asarray(skew, dtype=np.float64)
    return (
        1 + np.clip(WIDER * (-z - SKEWED_FROM), 0.0, WIDEST / n),
        1 + np.clip(WIDER * (z - SKEWED_FROM), 0.0, WIDEST / n),
    )


def skewness(values: Floats) -> Floats:
    """Return sample skewness over its standard error in normal samples, over the last axis.

    0 below 3 values, and where they do not vary.

    Args:
        values: shape (..., n).
    """
    n = values.shape[-1]
    if n < 3:
        return np.zeros(values.shape[:-1])
    centred = values - values.mean(axis=-1, keepdims=True)
    second = np.square(centred).mean(axis=-1)
    third = (centred**3).mean(axis=-1)
    varies = second > 0
    return np.asarray(
        np.where(varies, third / np.where(varies, second, 1.0) ** 1.5, 0.0) / skew_error(n),
        dtype=float,
    )


def skew_error(n: int) -> float:
    """Return the standard error of the skewness of n normal values (Cramér 1946, section 28.4)."""
    return math.sqrt(6 * (n - 2) / ((n + 1) * (n + 3)))


def locate(
    values: Floats, limits: tuple[float, float], parts: Floats, unit: float = 1.0, *, shares: bool
) -> Location:
    """Describe a sample.

    Args:
        values: shape (n,), finite, in which what is equal but for rounding has been made equal.
        limits: the lowest and the highest that one can be.
        parts: values that they were computed from, of any shape: the steps of a tied metric are
            read from these.
        unit: what values and limits, but not parts, were divided by.
        shares: whether those are shares of examples, so that their noise on so many can be told.
    """
    n = len(values)
    if n < 2:
        return Location(n, float(values[0]) if n else math.nan, math.nan)
    if float(np.ptp(values)) == 0:
        value = float(values[0])
        low, high = limits
        return Location(
            n,
            value,
            0.0,
            kind="constant",
            below=max(0.0, value - low),
            above=max(0.0, high - value),
        )
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    skew = float(skewness(values))
    distinct, counts = np.unique(values, return_counts=True)
    most = int(counts.max())
    if 2 * most <= n:
        return Location(n, mean, sd, skew)
    usual = float(distinct[int(counts.argmax())])
    seen = float(np.abs(distinct - usual).max())
    return Location(
        n,
        mean,
        sd,
        skew,
        "tied",
        others=n - most,
        far=max(seen, grain(parts, shares=shares) / unit),
    )


def grain(parts: Floats, *, shares: bool) -> float:
    """Return how coarse a metric is: its step or, if larger, its noise on so many examples.

    Shares are taken for shares of the fewest examples that give them all. The noise is that of the
    difference of two shares of as many examples, sqrt(2 p (1 - p) / N), with p = (k + 1) / (N + 2)
    so that it is not 0 where all were right.

    Args:
        parts: values of the metric.
        shares: whether they are shares of examples, from 0 to 1.
    """
    flat = np.unique(parts)
    steps = np.diff(flat)
    step = float(steps.min()) if steps.size else 0.0
    if not shares or not flat.size or flat[0] < 0 or flat[-1] > 1:
        return step
    examples = np.arange(1, _FINEST + 1, dtype=np.float64)
    whole = np.ones(len(examples), dtype=bool)
    for value in flat:
        product = value * examples
        whole &= np.abs(product - np.round(product)) <= _SINGLE * examples
    if not whole.any():
        return step
    count = float(examples[int(whole.argmax())])
    p = (count * float(np.mean(parts)) + 1) / (count + 2)
    return max(1 / count, math.sqrt(2 * p * (1 - p) / count))


def _times(share: float, far: float) -> float:
    """Multiply; nothing of an infinite distance is nothing."""
    return share * far if share else 0.0
