"""Several claims at once: p values adjusted for how many there are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def holm(p: Sequence[float]) -> tuple[float, ...]:
    """Return p values adjusted by Holm's step-down procedure (1979, Scand. J. Statistics 6, 65-70).

    Whatever is below α has a family-wise error rate of at most α, and none is larger than
    Bonferroni's m p. A NaN, a claim that could not be tested, stays NaN and still counts as
    one of the m.
    """
    return _adjusted(p, "holm")


def false_discovery(p: Sequence[float]) -> tuple[float, ...]:
    """Return p values adjusted for the false discovery rate (Benjamini & Hochberg 1995, JRSS B 57).

    Of all that are below q, at most a share q is expected to be false, if p values are independent
    or positively dependent. A NaN stays NaN and still counts.
    """
    return _adjusted(p, "fdr_bh")


def _adjusted(p: Sequence[float], method: str) -> tuple[float, ...]:
    if not p:
        return ()
    from statsmodels.stats.multitest import multipletests

    values = np.asarray(p, dtype=np.float64)
    untested = np.isnan(values)
    adjusted = multipletests(np.where(untested, 1.0, values), method=method)[1]
    return tuple(
        math.nan if skipped else float(each)
        for each, skipped in zip(adjusted, untested, strict=True)
    )
