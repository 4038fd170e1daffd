"""One mean, and the difference of two sides measured on the same seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from harness.stats.location import Floats, Kind, Location, factors, locate, skewness

FEWEST = 5
"""Fewest pairs that are tested: with 4, only a difference of 2.2 sd is found 80 % of the time."""

FEWEST_PERMUTED = 8
"""Fewest pairs for the sign-flip test: with 5, its smallest p value is above .05."""

MOST_PERMUTED = 1000
"""Most pairs for it: it takes a millisecond for each, and by then says what the t test says."""

_RESAMPLES = 9_999  # at least 2 ** 13, so that the test is exact for 13 pairs or fewer
_ROUNDING = 64 * float(np.finfo(np.float64).eps)  # relative; what averaging over arms may leave
_SINGLE = 2e-7  # what it leaves of shares that were computed in float32
_LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True)
class Mean:
    """Mean of n values with an interval and a test against 0, over the last axis.

    Attributes:
        mean: shape ``values.shape[:-1]``, as everything here; NaN for n = 0.
        sd: standard deviation, n - 1 in the denominator; NaN below n = 2.
        low: lower end of the interval; NaN below n = 2.
        high: upper end.
        p: two-sided p value against a mean of 0; NaN below n = 2.
    """

    mean: Floats
    sd: Floats
    low: Floats
    high: Floats
    p: Floats


@dataclass(frozen=True)
class Paired:
    """Differences ``first - second`` over n pairs.

    Attributes:
        n: number of pairs.
        effect: mean difference, as everything but p values, ``wins``, ``rho``, ``skew`` and
            ``share`` in the unit of the values; NaN for n = 0.
        low: lower end of its interval; NaN below n = 2.
        high: upper end.
        level: confidence level of the interval.
        p: two-sided p value against 0, below 1 - level just where the interval leaves out 0; NaN
            below n = 5.
        p_t: the paired t test's p value, corrected for an overlap; NaN below n = 2, and where no
            difference varies.
        sd: standard deviation of the differences; NaN below n = 2.
        median: median difference; NaN for n = 0.
        wins: pairs with a difference above 0.
        rho: Pearson correlation of the pairs; NaN below n = 3 or where one side is constant.
        skew: skewness of the differences, in standard errors of normal samples.
        kind: how the differences vary, see :mod:`harness.stats.location`.
        share: of tied and constant differences, the largest share of others that may still exist;
            NaN for those that vary.
        rounding: how far from each other numbers of this size may lie that are the same.
    """

    n: int
    effect: float
    low: float
    high: float
    level: float
    p: float
    p_t: float
    sd: float
    median: float
    wins: int
    rho: float
    skew: float = 0.0
    kind: Kind = "varied"
    share: float = math.nan
    rounding: float = 0.0


def t_interval(values: npt.ArrayLike, level: float, overlap: float = 0.0) -> Mean:
    """Return the mean of ``values`` over the last axis, with interval and test (Student 1908).

    Values that differ by rounding alone count as equal. Equal values have sd 0, the interval
    [mean, mean], and p = 1 where they are 0, else the limit p = 0. It describes: what is judged is
    :func:`judged_interval`'s.

    Args:
        values: shape (..., n), finite.
        level: confidence level, such as 0.95.
        overlap: of values that are not independent, see :class:`harness.stats.location.Location`.

    Raises:
        ValueError: a value is not finite.
    """
    return _interval(values, level, overlap, skewed=False)


def judged_interval(values: npt.ArrayLike, level: float, overlap: float = 0.0) -> Mean:
    """Return what :func:`paired` makes of differences that vary, for many samples at once.

    Student's interval with both ends moved out as :func:`harness.stats.location.factors` says.
    Equal values are treated as in :func:`t_interval`.

    Args:
        values: shape (..., n), finite.
        level: confidence level.
        overlap: as for :func:`t_interval`.

    Raises:
        ValueError: a value is not finite.
    """
    return _interval(values, level, overlap, skewed=True)


def _interval(values: npt.ArrayLike, level: float, overlap: float, *, skewed: bool) -> Mean:
    array = finite(values)
    n = array.shape[-1]
    nothing = np.full(array.shape[:-1], np.nan)
    if n < 2:
        mean = array[..., 0] if n else nothing
        return Mean(mean, sd=nothing, low=nothing, high=nothing, p=nothing)
    equal = _equal(array)
    # rows without variance would give 0 / 0: any other row stands in for them, and is replaced
    rows = np.where(equal[..., None], np.arange(n, dtype=np.float64), array)
    size = _unit(rows)
    rows = rows / size
    mean, sd = rows.mean(axis=-1), rows.std(axis=-1, ddof=1)
    error = sd / math.sqrt(n / (1 + n * overlap))
    low, high = factors(skewness(rows) if skewed else np.zeros_like(mean), n)
    reach = -special.stdtrit(n - 1, (1 - level) / 2) * error
    t = np.abs(mean) / (error * np.where(mean > 0, low, high))
    value = array[..., 0]
    with np.errstate(over="ignore"):  # what no float can hold is infinite
        return Mean(
            mean=np.where(equal, value, mean * size),
            sd=np.where(equal, 0.0, sd * size),
            low=np.where(equal, value, (mean - reach * low) * size),
            high=np.where(equal, value, (mean + reach * high) * size),
            p=np.where(equal, np.where(value == 0, 1.0, 0.0), 2 * special.stdtr(n - 1, -t)),
        )


def sign_flip(values: npt.ArrayLike) -> Floats:
    """Return two-sided p values of the sign-flip permutation test over the last axis.

    The null hypothesis is that every value is as likely to have the other sign (Fisher 1935, The
    Design of Experiments, section 21). All 2^n flips are counted for n <= 13; beyond, 9,999 drawn
    by a generator of fixed seed, so that the same values always give the same p.

    Args:
        values: shape (..., n), finite, n at least 1.

    Raises:
        ValueError: a value is not finite.
    """
    array = finite(values)
    result = stats.permutation_test(
        (array / _unit(array),),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=_RESAMPLES,
        batch=64,  # bounds memory where there are many rows
        axis=-1,
        rng=np.random.default_rng(0),
    )
    return np.asarray(result.pvalue, dtype=np.float64)


def located(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    scale: float = 0.0,
    reach: float = math.nan,
    parts: npt.ArrayLike = (),
    *,
    shares: bool = False,
    overlap: float = 0.0,
) -> Location:
    """Say where the mean of ``first - second`` lies.

    Args:
        first: shape (n,), finite.
        second: shape (n,), finite; ``second[i]`` has the seed of ``first[i]``.
        scale: size of the values that both sides were computed from, where those are larger: what
            rounding may have left is reckoned from it.
        reach: how far from 0 a difference can lie; where it is not known, as far as the largest of
            the values, all of which are taken to lie on one side of 0 if those seen do.
        parts: the metric's own values, of any shape, from which its steps are read; both sides'
            where not given.
        shares: whether those are shares of examples.
        overlap: of differences that are not independent, as that of a Location.

    Raises:
        ValueError: the shapes differ, or a value is not finite.
    """
    sides = _sides(first, second)
    d = differences(*sides, scale, shares=shares)
    own = finite(parts) if np.size(parts) else np.concatenate(sides)
    size = _unit(d)
    if math.isnan(reach) and own.size:
        # of a metric that was never anything but 0, nobody knows how far it goes
        reach = max(0.0, float(own.max())) - min(0.0, float(own.min())) or math.inf
    with np.errstate(over="ignore"):
        found = locate(d / size, (-reach / size, reach / size), own, size, shares=shares)
        mean = found.mean * size
        return replace(
            found,
            mean=0.0 if abs(mean) <= rounding_of(*sides, scale) else mean,
            sd=found.sd * size,
            far=found.far * size,
            below=found.below * size,
            above=found.above * size,
            overlap=overlap,
        )


def paired(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    level: float,
    scale: float = 0.0,
    place: Location | None = None,
) -> Paired:
    """Compare two sides measured on the same seeds.

    Args:
        first: shape (n,), finite.
        second: shape (n,), finite; ``second[i]`` has the seed of ``first[i]``.
        level: confidence level of the interval.
        scale: as for :func:`located`.
        place: what :func:`located` returned, where more is known of the metric than the values.

    Raises:
        ValueError: the shapes differ, or a value is not finite.
    """
    sides = _sides(first, second)
    d = differences(*sides, scale)
    n = len(d)
    place = place or located(*sides, scale)
    low, high = place.ends(level)
    varied = n >= 3 and not any(_equal(side) for side in sides)
    return Paired(
        n=n,
        effect=place.mean,
        low=low,
        high=high,
        level=level,
        p=place.p() if n >= FEWEST else math.nan,
        p_t=float(t_interval(d, level, place.overlap).p) if n >= 2 and place.sd > 0 else math.nan,
        sd=place.sd,
        median=float(np.median(d)) if n else math.nan,
        wins=int(np.count_nonzero(d > 0)),
        rho=_correlation(*sides) if varied else math.nan,
        skew=place.skew,
        kind=place.kind,
        share=place.share(1 - level) if n else math.nan,
        rounding=rounding_of(*sides, scale),
    )


def differences(
    first: Floats, second: Floats, scale: float = 0.0, *, shares: bool = False
) -> Floats:
    """Subtract, and take out what rounding alone has left, so that ties are ties."""
    with np.errstate(over="ignore"):
        d = np.clip(first - second, -_LARGEST, _LARGEST)
    if not d.size:
        return d
    rounding = max(rounding_of(first, second, scale), _SINGLE if shares else 0.0)
    d = np.where(np.abs(d) <= rounding, 0.0, d)
    order = np.argsort(d, kind="stable")
    ascending = d[order]
    # of what lies within rounding of its neighbour, all count as the first
    starts = np.concatenate([[True], np.diff(ascending) > rounding])
    d[order] = ascending[starts][np.cumsum(starts) - 1]
    return d


def rounding_of(first: Floats, second: Floats, scale: float) -> float:
    """Return how far apart values of two sides may lie that are the same but for rounding."""
    if not first.size:
        return 0.0
    return _ROUNDING * max(float(np.abs(first).max()), float(np.abs(second).max()), scale)


def snapped(values: Floats) -> Floats:
    """Return values on a grid as fine as rounding, so that ties are ties."""
    grid = _ROUNDING * float(np.abs(values).max(initial=0.0))
    return np.round(values / grid) * grid if grid else values


def _sides(first: npt.ArrayLike, second: npt.ArrayLike) -> tuple[Floats, Floats]:
    sides = finite(first), finite(second)
    if sides[0].ndim != 1 or sides[0].shape != sides[1].shape:
        raise ValueError(f"pairs must have one shape (n,), got {sides[0].shape}, {sides[1].shape}")
    return sides


def _unit(values: Floats) -> float:
    """Return the power of two that values are about as large as, so that squares are in range."""
    largest = float(np.abs(values).max(initial=0.0))
    return math.ldexp(1.0, min(max(math.frexp(largest)[1], -1000), 1000)) if largest else 1.0


def _correlation(first: Floats, second: Floats) -> float:
    return float(np.corrcoef(first / _unit(first), second / _unit(second))[0, 1])


def _equal(values: Floats) -> npt.NDArray[np.bool_]:
    """Whether all values along the last axis are the same but for rounding."""
    halves = values / 2  # the range of the largest floats is no float
    return np.asarray(np.ptp(halves, axis=-1) <= _ROUNDING * np.abs(halves).max(axis=-1))


def finite(values: npt.ArrayLike) -> Floats:
    """Return float64 values.

    Raises:
        ValueError: one is not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        raise ValueError("statistics need finite values: leave failed runs out, and count them")
    return array
