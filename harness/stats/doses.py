"""A metric over the doses of a factor: slopes within each seed, and Page's test."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

from harness.stats.location import Floats
from harness.stats.paired import finite, snapped


def rises(values: npt.ArrayLike, doses: npt.ArrayLike) -> Floats:
    """Return each seed's least-squares slope over the doses, times their range.

    So the result is in the unit of the values: how much they rise from the lowest dose to the
    highest, along the line that fits best. One such number a seed is a replicate, which a paired t
    test may take; the doses of one seed are not replicates of each other.

    Args:
        values: shape (n, k), finite: seeds by doses.
        doses: shape (k,), on the axis on which a straight line is meant, such as log dose.

    Raises:
        ValueError: shapes do not fit, there are fewer than 2 doses, or they are all the same.
    """
    array, axis = finite(values), finite(doses)
    if array.ndim != 2 or axis.shape != array.shape[1:] or len(axis) < 2:
        raise ValueError(f"values must be seeds by doses, got {array.shape} for {axis.shape}")
    spread = axis - axis.mean()
    if not np.ptp(axis):
        raise ValueError("doses must differ")
    slopes: Floats = array @ spread / float(spread @ spread)
    return slopes * float(np.ptp(axis))


def page(values: npt.ArrayLike) -> float:
    """Return the one-sided p value of Page's test that values rise with the dose (Page 1963).

    The null hypothesis is that within a seed every order of the doses is as likely as any other.
    NaN below 3 doses or 2 seeds.

    Args:
        values: shape (n, k), finite, doses ascending.
    """
    array = finite(values)
    if array.ndim != 2 or array.shape[1] < 3 or array.shape[0] < 2:
        return float("nan")
    return float(stats.page_trend_test(snapped(array)).pvalue)


def omnibus(values: npt.ArrayLike, resamples: int = 9_999) -> float:
    """Return the p value of a permutation F test that all levels have the same mean, within seeds.

    Labels of levels are permuted within each seed, which is the block (Fisher 1935, The Design of
    Experiments); random numbers have a fixed seed, so the same values always give the same p. It
    describes: no claim is decided by it. NaN below 2 seeds or 2 levels.

    Args:
        values: shape (n, k), finite: seeds by levels.
        resamples: permutations drawn.
    """
    array = finite(values)
    if array.ndim != 2 or min(array.shape) < 2:
        return float("nan")
    # within a seed only the spread of the levels' means can change: it orders like F
    array = snapped(array)
    centred = array - array.mean(axis=1, keepdims=True)
    centred = np.where(np.abs(centred) <= 1e-12 * np.abs(array).max(), 0.0, centred)
    seen = float(np.square(centred.mean(axis=0)).sum())
    rng = np.random.default_rng(0)
    drawn = rng.permuted(np.broadcast_to(centred, (resamples, *array.shape)), axis=2)
    spread = np.square(drawn.mean(axis=1)).sum(axis=1)
    return float((1 + np.count_nonzero(spread >= seen * (1 - 1e-12))) / (1 + resamples))
