"""How many more seeds would decide."""

from __future__ import annotations

import math
from bisect import bisect_left

from scipy import stats


def sd_upper(sd: float, n: int) -> float:
    """Return the 80 % upper confidence limit of a standard deviation seen on n normal values.

    It is 1.56 times what was seen at n = 5, 1.29 times at n = 10: a sample size planned on the sd
    itself is too small more often than not (Browne 1995, Statistics in Medicine 14, 1933-1940).
    """
    return sd * math.sqrt((n - 1) / float(stats.chi2.ppf(0.2, n - 1)))


def more_seeds(sd: float, n: int, margin: float, alpha: float) -> int:
    """Return about how many further pairs would decide, at least 1.

    As many as find a difference of ``margin`` 80 % of the time, whatever the effect that was seen:
    planning on that one would chase noise. Where as many are there already, the effect lies
    between 0 and the margin, and the answer is when the interval gets narrower than the margin,
    so that it cannot hold both.

    Args:
        sd: standard deviation of the differences seen; its 80 % upper limit is planned with.
        n: pairs there are, at least 2.
        margin: the smallest difference that matters, in the unit of ``sd``, above 0.
        alpha: two-sided level of the test to come, already divided by the number of claims.
    """
    from statsmodels.stats.power import TTestPower

    sd = sd_upper(sd, n)
    # Outside these bounds solve_power does not converge; the upper one means five pairs or so.
    effect = min(max(margin / sd, 1e-6), 2.0) if sd > 0 else 2.0
    power = float(TTestPower().solve_power(effect_size=effect, alpha=alpha, power=0.8))
    # The sign-flip test's smallest p value, 2^(1 - n), must be able to get below alpha.
    total = max(math.ceil(power), math.floor(1 - math.log2(alpha)) + 1)
    if total <= n:

        def narrow(pairs: int) -> bool:
            t = float(stats.t.ppf(1 - alpha / 2, pairs - 1))
            return 2 * t * sd / math.sqrt(pairs) < margin

        total = bisect_left(range(10**9), True, lo=n, key=narrow)
    return max(1, total - n)
