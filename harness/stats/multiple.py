"""Several claims at once: p values adjusted for how many there are."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import stats


def bonferroni(p: float, claims: int) -> float:
    """Return a p value adjusted for a number of claims; NaN, what could not be tested, stays NaN.

    It is below alpha just where the claim's interval at level 1 - alpha / claims leaves out the
    value that is tested, so every word rests on one set of intervals. Holm's procedure would
    confirm a direction more now and then, but beside intervals for sizes its errors come on top of
    theirs.

    Args:
        p: of one claim.
        claims: how many are judged together.
    """
    return math.nan if math.isnan(p) else min(1.0, claims * p)


def false_discovery(p: npt.ArrayLike) -> tuple[float, ...]:
    """Return p values adjusted for the false discovery rate (Benjamini & Hochberg 1995, JRSS B 57).

    Of all that are below q, at most a share q is expected to be false, if p values are independent
    or positively dependent. A NaN stays NaN and still counts.

    Args:
        p: shape (m,).
    """
    values = np.asarray(p, dtype=np.float64)
    if not values.size:
        return ()
    untested = np.isnan(values)
    adjusted = stats.false_discovery_control(np.where(untested, 1.0, values))
    return tuple(np.where(untested, np.nan, adjusted).tolist())
