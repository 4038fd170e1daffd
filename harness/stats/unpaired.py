"""The difference of the means of two samples that share no seed.

Welch's interval (1947) with the two changes that :mod:`harness.stats.location` makes to Student's.

- **Skewed**: the end on the side of the longer tail is moved out by the same rule, with the
  skewness of the difference of the means in the place of that of the differences. Third moments of
  independent means add up, so equal skewness on both sides cancels: t needs no correction there.
- **Tied or constant**: a side of which more than half of the values are the same has the floor of a
  tied sample below its standard deviation. One without any other value has the floor of a tied
  sample with no others. Where both sides are constant, each is allowed the others that a constant
  sample may hide, at half the error rate.

With a second side that is known for certain, all of it is what one sample is given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from harness.stats.location import Kind, Location, factors, grain, skew_error
from harness.stats.paired import FEWEST, Paired, differences, finite, located, rounding_of

_LOWEST = -450.0  # scipy finds Student's quantile for p = e^-450, but not for much less


@dataclass(frozen=True)
class Unpaired(Location):
    """The difference of two independent means, and what can be said of the true one.

    ``n`` is how many values the smaller side has, ``sd`` the standard deviation of a difference of
    two single values, ``skew`` that of the difference of the means over its standard error in
    normal samples. ``kind`` is ``"varied"`` where both sides are, ``"constant"`` where both are.

    Attributes:
        sides: where the mean of each side lies.
    """

    sides: tuple[Location, ...] = ()

    def reaches(self, alpha: float, n: int | None = None) -> tuple[float, float]:
        """Return how far below and above the difference the interval at level 1 - alpha ends.

        Args:
            alpha: error rate, of both ends together.
            n: what to reckon with as values of the smaller side, 2 or more; the larger one then has
                as many more or fewer as it does.
        """
        first, second = self.sides
        more = 0 if n is None else n - self.n
        sizes = first.n + more, second.n + more
        if self.kind == "constant":
            down, up = first.reaches(alpha / 2, sizes[0])
            other_down, other_up = second.reaches(alpha / 2, sizes[1])
            return down + other_up, up + other_down
        sized = list(zip(self.sides, sizes, strict=True))
        low, high, df = self._errors(sizes)
        floor = math.hypot(
            *(max(side.sd, side.floor(alpha, size)) / math.sqrt(size) for side, size in sized)
        )
        if max(low, high, floor) == math.inf:
            return math.inf, math.inf
        t = -float(special.stdtrit(df, alpha / 2))
        return t * max(low, floor), t * max(high, floor)

    def share(self, alpha: float) -> float:
        """Return the largest share of seeds that may differ from what all or most of a side are."""
        each = alpha / 2 if self.kind == "constant" else alpha
        shares = [side.share(each) for side in self.sides if side.kind != "varied"]
        return max(shares, default=math.nan)

    def welch(self) -> float:
        """Return the two-sided p value of Welch's test against no difference."""
        plain = tuple(replace(side, kind="varied") for side in self.sides)
        return replace(self, kind="varied", skew=0.0, sides=plain).p()

    def _errors(self, sizes: tuple[int, int]) -> tuple[float, float, float]:
        """Return the standard errors of the lower and the upper end, and the degrees of freedom.

        These are Welch's; of sides with a floor the fewest that there can be.
        """
        errors = [side.sd / math.sqrt(size) for side, size in zip(self.sides, sizes, strict=True)]
        error = math.hypot(*errors)
        df: float = min(sizes) - 1
        if self.kind == "varied" and 0 < error < math.inf:
            parts = zip(errors, sizes, strict=True)
            df = 1 / sum((each / error) ** 4 / (size - 1) for each, size in parts)
        low, high = map(float, factors(self.skew, df + 1))
        return error * low, error * high, df

    def _one_sided(self, distance: float, side: int) -> float:
        if self.n < 2 or math.isnan(distance):
            return math.nan
        if distance <= 0 and self.kind == "constant":
            return 1.0
        if distance < 0:
            return 1 - self._one_sided(-distance, 1 - side)

        if self.kind == "varied":
            first, second = self.sides
            *errors, df = self._errors((first.n, second.n))
            return float(special.stdtr(df, -distance / errors[side])) if errors[side] else 0.0

        def gap(log: float) -> float:
            return self.reaches(math.exp(log))[side] - distance

        if gap(_LOWEST) < 0:
            return 0.0
        if gap(-1e-12) > 0:
            return 0.5  # the bound is at the difference, but for rounding
        return math.exp(float(optimize.brentq(gap, _LOWEST, -1e-12, xtol=1e-13))) / 2


def located_unpaired(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    scale: float = 0.0,
    reach: float = math.nan,
    *,
    shares: bool = False,
) -> Unpaired:
    """Say where the mean of ``first`` less the mean of ``second`` lies.

    Args:
        first: shape (n,), finite.
        second: shape (m,), finite, of other seeds.
        scale: as for :func:`harness.stats.located`.
        reach: how far apart two values can lie; where it is not known, as far as those seen do, and
            0 with them.
        shares: whether they are shares of examples.

    Raises:
        ValueError: a value is not finite.
    """
    values = finite(first), finite(second)
    parts = np.concatenate(values)
    lowest = min(0.0, float(parts.min(initial=0.0)))
    if math.isnan(reach):
        reach = max(0.0, float(parts.max(initial=0.0))) - lowest or math.inf
    sides = [located(each, np.zeros_like(each), scale, shares=shares) for each in values]
    n = min(side.n for side in sides)
    first_mean, second_mean = (np.array([side.mean]) for side in sides)
    apart = differences(first_mean, second_mean, scale, shares=shares)
    mean = float(apart[0]) if n else math.nan
    if n < 2:
        return Unpaired(n, mean, math.nan, sides=tuple(sides))
    kinds = {side.kind for side in sides}
    kind: Kind = kinds.pop() if len(kinds) == 1 else "tied"
    if kind == "constant":
        sides = [_limited(side, lowest, lowest + reach) for side in sides]
    else:
        far = grain(parts, shares=shares)
        sides = [
            replace(side, kind="tied", far=far) if side.kind == "constant" else side
            for side in sides
        ]
    sd, skew = math.hypot(*(side.sd for side in sides)), _skewness(*sides)
    return Unpaired(n, mean, sd, skew, kind, sides=tuple(sides))


def unpaired(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    level: float,
    scale: float = 0.0,
    place: Unpaired | None = None,
) -> Paired:
    """Compare two sides measured on different seeds.

    Of what :class:`harness.stats.Paired` holds, ``n`` is how many values the smaller side has,
    ``p_t`` the p value of Welch's test, ``sd`` the standard deviation of a difference of two single
    values, and ``median`` the difference of the medians. There are no wins, and no correlation.

    Args:
        first: shape (n,), finite.
        second: shape (m,), finite.
        level: confidence level of the interval.
        scale: as for :func:`located_unpaired`.
        place: what that returned, where more is known of the metric than the values.

    Raises:
        ValueError: a value is not finite.
    """
    sides = finite(first), finite(second)
    place = place or located_unpaired(*sides, scale)
    low, high = place.ends(level)
    return Paired(
        n=place.n,
        effect=place.mean,
        low=low,
        high=high,
        level=level,
        p=place.p() if place.n >= FEWEST else math.nan,
        p_t=place.welch() if place.n >= 2 and place.sd > 0 else math.nan,
        sd=place.sd,
        median=float(np.median(sides[0]) - np.median(sides[1])) if place.n else math.nan,
        wins=0,
        rho=math.nan,
        skew=place.skew,
        kind=place.kind,
        share=place.share(1 - level) if place.n >= 2 else math.nan,
        rounding=rounding_of(*sides, scale) if place.n else 0.0,
    )


def _limited(side: Location, lowest: float, highest: float) -> Location:
    """Say how far from its mean values of a side may lie."""
    return replace(side, below=max(0.0, side.mean - lowest), above=max(0.0, highest - side.mean))


def _skewness(first: Location, second: Location) -> float:
    """Return the skewness of the difference of the means over its standard error.

    Third moments of independent means add up, the second one's with the other sign. A side's is its
    skewness times e^3 / sqrt(n), with e the standard error of its mean; so is the standard error of
    it, in normal samples, with the skewness's own in the skewness's place.
    """
    errors = [side.sd / math.sqrt(side.n) for side in (first, second)]
    largest = max(errors)
    if not 0 < largest < math.inf:
        return 0.0
    weights = [
        (error / largest) ** 3 * skew_error(side.n) / math.sqrt(side.n)
        for error, side in zip(errors, (first, second), strict=True)
    ]
    return (weights[0] * first.skew - weights[1] * second.skew) / (math.hypot(*weights) or 1.0)
