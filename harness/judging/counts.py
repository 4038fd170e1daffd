"""Claims that count seeds: in how many a side fails, or reaches a target first."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from harness.judging.pairing import median_time
from harness.judging.seen import Beside, Floats, Seen, nothing_seen
from harness.stats import discordance, rate


def sooner(times: Floats, level: float) -> Seen:
    """Count which side is first; both that never come, or come at once, are a tie.

    Where no side ever comes, in any seed, nothing was seen: that is no evidence of likeness.
    """
    if not np.isfinite(times).any():
        return nothing_seen(level)
    seen = counted(times[:, 0] < times[:, 1], times[:, 1] < times[:, 0], level, "side is first")
    beside = []
    for side, own in zip(("first", "second"), times.T, strict=True):
        share = float(np.isfinite(own).mean())
        median = median_time(own.tolist())
        beside += [
            Beside(f"{side} side reaches the target, share of seeds", share, "share"),
            Beside(f"{side} side, median until then", median, "number"),
        ]
    return replace(seen, beside=tuple(beside))


def counted(
    first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_], level: float, what: str
) -> Seen:
    """Compare how often something is so on either side: exact McNemar, which is a sign test."""
    counts = discordance(first, second, level)
    nan = math.nan
    return Seen(
        n=counts.n,
        effect=counts.effect,
        low=counts.low,
        high=counts.high,
        level=level,
        p=counts.p,
        p_t=nan,
        sd=nan,
        median=nan,
        wins=counts.only_first,
        rho=nan,
        first=tuple(map(float, first)),
        second=tuple(map(float, second)),
        beside=tuple(
            Beside(f"{side} {what}, {which}", figure, "share")
            for side, share in (("first", rate(first)), ("second", rate(second)))
            for which, figure in (
                ("share", share.count / share.n if share.n else nan),
                ("95 % low", share.low),
                ("95 % high", share.high),
            )
        ),
    )
