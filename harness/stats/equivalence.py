"""Whether two sides are the same within a margin, or one no worse than the other."""

from __future__ import annotations

import math

import numpy.typing as npt
from scipy import stats

from harness.stats.paired import differences, finite


def tost(first: npt.ArrayLike, second: npt.ArrayLike, margin: float) -> float:
    """Return the p value that two sides differ by the margin or more (Schuirmann 1987).

    The larger of two one-sided paired t tests, against -margin and +margin. A small p shows that
    the mean difference lies between; a large one shows nothing. NaN below 2 pairs. Where all
    differences are equal, 0 inside the margin and 1 outside.

    Args:
        first: shape (n,), finite.
        second: shape (n,), finite, on the same seeds.
        margin: above 0, in the unit of the values.
    """
    d = differences(finite(first), finite(second))
    if len(d) < 2:
        return math.nan
    if float(d.min()) == float(d.max()):
        return 0.0 if abs(float(d[0])) < margin else 1.0
    from statsmodels.stats.weightstats import ttost_paired

    return float(ttost_paired(d, 0 * d, -margin, margin)[0])


def noninferior(first: npt.ArrayLike, second: npt.ArrayLike, margin: float) -> float:
    """Return the p value that the first side is lower by the margin or more.

    A one-sided paired t test of ``first - second`` against -margin (Piaggio et al. 2012,
    https://doi.org/10.1001/jama.2012.87802). NaN below 2 pairs. Where all differences are equal, 0
    above -margin and 1 elsewhere.

    Args:
        first: shape (n,), finite.
        second: shape (n,), finite, on the same seeds.
        margin: above 0, in the unit of the values.
    """
    d = differences(finite(first), finite(second))
    if len(d) < 2:
        return math.nan
    if float(d.min()) == float(d.max()):
        return 0.0 if float(d[0]) > -margin else 1.0
    return float(stats.ttest_1samp(d, -margin, alternative="greater").pvalue)
