"""One mean, and the difference of two sides measured on the same seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]

FEWEST = 5
"""Fewest pairs that are tested: with 4, only a difference of 2.2 sd is found 80 % of the time."""

FEWEST_PERMUTED = 8
"""Fewest pairs for the sign-flip test: with 5, its smallest p value is above .05."""

_RESAMPLES = 9_999  # at least 2 ** 13, so that the test is exact for 13 pairs or fewer
_ROUNDING = 64 * float(np.finfo(np.float64).eps)  # relative; what averaging over arms may leave


@dataclass(frozen=True)
class Mean:
    """Mean of n values with its t interval and t test against 0, over the last axis.

    Attributes:
        mean: shape ``values.shape[:-1]``, as everything here; NaN for n = 0.
        sd: standard deviation, n - 1 in the denominator; NaN below n = 2.
        low: lower end of the interval; NaN below n = 2.
        high: upper end.
        p: two-sided p value of the t test against a mean of 0; NaN below n = 2.
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
        effect: mean difference, as everything but p values, ``wins`` and ``rho`` in the unit of
            the values; NaN for n = 0.
        low: lower end of its t interval; NaN below n = 2.
        high: upper end.
        level: confidence level of the interval.
        p: two-sided p value against 0, the larger of those below; NaN below n = 5.
        p_t: the paired t test's p value; NaN below n = 2.
        p_permutation: the sign-flip permutation test's; NaN where it has no say.
        sd: standard deviation of the differences; NaN below n = 2.
        median: median difference; NaN for n = 0.
        wins: pairs with a difference above 0.
        rho: Pearson correlation of the pairs; NaN below n = 3 or where one side is constant.
    """

    n: int
    effect: float
    low: float
    high: float
    level: float
    p: float
    p_t: float
    p_permutation: float
    sd: float
    median: float
    wins: int
    rho: float


def t_interval(values: npt.ArrayLike, level: float) -> Mean:
    """Return the mean of ``values`` over the last axis, with interval and test (Student 1908).

    Values that differ by rounding alone count as equal. Equal values have sd 0, the interval
    [mean, mean], and p = 1 where they are 0, else the limit p = 0.

    Args:
        values: shape (..., n), finite.
        level: confidence level, such as 0.95.

    Raises:
        ValueError: a value is not finite.
    """
    array = finite(values)
    n = array.shape[-1]
    nothing = np.full(array.shape[:-1], np.nan)
    if n < 2:
        mean = array[..., 0] if n else nothing
        return Mean(mean, sd=nothing, low=nothing, high=nothing, p=nothing)
    equal = _equal(array)
    # Rows without variance would give 0 / 0: any other row stands in for them, and is replaced.
    rows = np.where(equal[..., None], np.arange(n, dtype=np.float64), array)
    test = stats.ttest_1samp(rows, 0.0, axis=-1)
    interval = test.confidence_interval(level)
    value = array[..., 0]
    return Mean(
        mean=np.where(equal, value, rows.mean(axis=-1)),
        sd=np.where(equal, 0.0, rows.std(axis=-1, ddof=1)),
        low=np.where(equal, value, interval.low),
        high=np.where(equal, value, interval.high),
        p=np.where(equal, np.where(value == 0, 1.0, 0.0), test.pvalue),
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
    result = stats.permutation_test(
        (finite(values),),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=_RESAMPLES,
        batch=64,  # bounds memory where there are many rows
        axis=-1,
        rng=np.random.default_rng(0),
    )
    return np.asarray(result.pvalue, dtype=np.float64)


def paired(first: npt.ArrayLike, second: npt.ArrayLike, level: float, scale: float = 0.0) -> Paired:
    """Compare two sides measured on the same seeds.

    p is the larger of the paired t test's and, from n = 8, the sign-flip test's: t is too bold
    where differences are skewed (type I error .099 at n = 10 for exponential ones). The sign-flip
    test has no say while its smallest p, 2^(1 - n) or what so many drawn flips can give, is not
    below 1 - level: it could then only forbid every direction, whatever the data.

    Where all differences are equal but not 0, the interval is that one value, and t, which would
    divide by 0, has no say: p is the sign-flip test's at any n, 2^(1 - n). So five equal
    differences, common with accuracies on few images, are not by themselves a direction.

    Args:
        first: shape (n,), finite.
        second: shape (n,), finite; ``second[i]`` has the seed of ``first[i]``.
        level: confidence level of the interval.
        scale: size of the values that both sides were computed from, where those are larger: what
            rounding may have left is reckoned from it.

    Raises:
        ValueError: the shapes differ, or a value is not finite.
    """
    sides = finite(first), finite(second)
    if sides[0].ndim != 1 or sides[0].shape != sides[1].shape:
        raise ValueError(f"pairs must have one shape (n,), got {sides[0].shape}, {sides[1].shape}")
    d = differences(*sides, scale)
    n = len(d)
    mean = t_interval(d, level)
    p_t = float(mean.p)
    smallest = max(2.0 ** (1 - n), 0.0 if 2**n <= _RESAMPLES else 2 / (_RESAMPLES + 1))
    permuted = n >= FEWEST_PERMUTED and smallest < 1 - level
    p_permutation = float(sign_flip(d)) if permuted else math.nan
    if n < FEWEST:
        p = math.nan
    elif float(mean.sd) == 0 and float(mean.mean) != 0:
        p = p_permutation if permuted else 2.0 ** (1 - n)
    else:
        p = max(p_t, p_permutation) if permuted else p_t
    varied = n >= 3 and not any(_equal(side) for side in sides)
    return Paired(
        n=n,
        effect=float(mean.mean),
        low=float(mean.low),
        high=float(mean.high),
        level=level,
        p=p,
        p_t=p_t,
        p_permutation=p_permutation,
        sd=float(mean.sd),
        median=float(np.median(d)) if n else math.nan,
        wins=int(np.count_nonzero(d > 0)),
        rho=float(np.corrcoef(*sides)[0, 1]) if varied else math.nan,
    )


def differences(first: Floats, second: Floats, scale: float = 0.0) -> Floats:
    """Subtract, and take out what rounding alone has left, so that ties are ties."""
    d = first - second
    if not d.size:
        return d
    rounding = _ROUNDING * max(float(np.abs([first, second]).max()), scale)
    d = np.where(np.abs(d) <= rounding, 0.0, d)
    return np.full_like(d, d[0]) if float(np.ptp(d)) <= rounding else d


def snapped(values: Floats) -> Floats:
    """Return values on a grid as fine as rounding, so that ties are ties."""
    grid = _ROUNDING * float(np.abs(values).max(initial=0.0))
    return np.round(values / grid) * grid if grid else values


def _equal(values: Floats) -> npt.NDArray[np.bool_]:
    """Whether all values along the last axis are the same but for rounding."""
    spread: Floats = np.ptp(values, axis=-1)
    return np.asarray(spread <= _ROUNDING * np.abs(values).max(axis=-1))


def finite(values: npt.ArrayLike) -> Floats:
    """Return float64 values.

    Raises:
        ValueError: one is not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        raise ValueError("statistics need finite values: leave failed runs out, and count them")
    return array
